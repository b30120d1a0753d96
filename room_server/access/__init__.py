"""Access links, seats, joining: one link admits one live connection."""
