"""Events and their dated sessions."""
