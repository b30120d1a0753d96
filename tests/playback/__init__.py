"""Playback: timeline rules, preparation, and the player against a fake clock."""
