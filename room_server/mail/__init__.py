"""Mail: the outbox that is written with what it tells, and the ways it leaves."""
