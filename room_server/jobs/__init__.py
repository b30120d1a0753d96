"""Work that outlives whoever asked for it: one durable table, claimed once, retried."""
