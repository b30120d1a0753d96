"""What makes this process the one node of its data folder."""
