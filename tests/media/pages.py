"""Scripts that several pages of media alone run."""

from __future__ import annotations

ANSWER = """
const [sdp, done] = arguments;
pc.setRemoteDescription({type: 'answer', sdp}).then(() => done(''), (error) => done(String(error)));
"""
"""Gives the page's `pc` our answer; calls back with an empty text, or the error."""
