"""What people do in the flow tests, in their words."""

from __future__ import annotations

from selenium.webdriver.support.select import Select

from tests.flows.browsers import Tab
from tests.kit.patience import PATIENCE_S

FILM = "document.querySelector('[data-testid=film]')"


def join(tab: Tab) -> None:
    """Press *Join* and wait for the room."""
    tab.press("Join")
    in_the_room(tab)


def in_the_room(tab: Tab) -> None:
    tab.until("the room", lambda: tab.run("return document.querySelector('[data-testid=count]') !== null"))


def film_moves(tab: Tab, timeout_s: float = PATIENCE_S) -> None:
    """Wait until the programme's picture moves."""
    moves(tab, FILM, timeout_s)


def moves(tab: Tab, video: str, timeout_s: float) -> None:
    """Wait until the `video` (an expression of JavaScript) has shown six pictures from now on."""
    script = f"""
      const video = {video};
      if (!video) return 0;
      if (arguments[0] === 'anew') video.seen = 0;
      if (!video.counted) {{
        video.counted = true;
        video.seen = 0;
        const count = () => {{ video.seen += 1; video.requestVideoFrameCallback(count); }};
        video.requestVideoFrameCallback(count);
      }}
      return video.seen;
    """
    tab.run(script, "anew")
    tab.until("a moving picture", lambda: int(tab.run(script, "on")) > 5, timeout_s)


def say(tab: Tab, text: str) -> None:
    tab.type("Your message", text)


def set_mode(host: Tab, mode: str) -> None:
    host.press("Chat")
    box = host.until("the choice of modes", lambda: host.find("", "[data-testid=chat-mode]"))
    Select(box).select_by_value(mode)


def count(tab: Tab) -> str:
    return str(tab.run("return document.querySelector('[data-testid=count]').innerText"))


def stage_is_seen(tab: Tab, timeout_s: float = PATIENCE_S) -> None:
    """Wait until a stage tile's picture moves."""
    moves(tab, "document.querySelector('[data-testid=stage-tile] video')", timeout_s)


def stage_speaks(tab: Tab, timeout_s: float = PATIENCE_S) -> None:
    """Wait until a stage tile shows that somebody speaks."""
    script = "return document.querySelector('[data-testid=stage-tile][data-speaking=true]') !== null"
    tab.until("a voice on the stage", lambda: tab.run(script), timeout_s)


def stage_is_heard(tab: Tab, timeout_s: float = PATIENCE_S) -> float:
    """Listen to everything but the film until something sounds; return its loudness (root mean square)."""
    script = """
      const done = arguments[0];
      const streams = [...document.querySelectorAll('audio, video')]
        .filter((e) => e.dataset.testid !== 'film' && !e.closest('[data-testid=own-tile]'))
        .map((e) => e.srcObject).filter((s) => s && s.getAudioTracks().length);
      const context = new AudioContext();
      const analysers = streams.map((stream) => {
        const analyser = new AnalyserNode(context, { fftSize: 8192 });
        context.createMediaStreamSource(stream).connect(analyser);
        return analyser;
      });
      const samples = new Float32Array(8192);
      let loudest = 0, rounds = 0;
      const timer = setInterval(() => {
        for (const analyser of analysers) {
          analyser.getFloatTimeDomainData(samples);
          loudest = Math.max(loudest, Math.sqrt(samples.reduce((sum, s) => sum + s * s, 0) / samples.length));
        }
        if (loudest <= 0.001 && ++rounds <= 40) return;
        clearInterval(timer);
        context.close().then(() => done(loudest));
      }, 100);
    """
    heard: float = tab.until(
        "sound from the stage", lambda: (level := tab.run_async(script)) > 0.001 and level, timeout_s
    )
    return heard
