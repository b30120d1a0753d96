"""WHEP and WHIP: streams over HTTP alone."""
