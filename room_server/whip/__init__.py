"""Streams over HTTP alone: players that watch (WHEP), programs that publish (WHIP)."""
