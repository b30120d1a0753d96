"""What tests share: a clock that jumps, and a whole server in memory with builders for what it holds."""
