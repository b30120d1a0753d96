"""Run every fuzz target under libFuzzer, keep what it found, and say what came of it in a table.

    seeds, corpus/TARGET.bin ──► libFuzzer ──► merged ──► corpus/TARGET.bin, to be committed
                                     └─► a crash: its input is kept, the exit code is 1

Those of the core are one Rust program.  That of SDP is Python, under Atheris, where that has a wheel.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "media" / "core"
PROGRAM = CORE / "target" / "release" / "guided"
CORPUS = CORE / "fuzz" / "corpus"
WORK = ROOT / ".cache" / "fuzz"
KEPT_BYTES = {"sdp": 120_000}
KEPT_USUALLY = 40_000
"""Bytes of a target, the smallest inputs first: the repository is no place for more."""
LONGEST = {"sdp": 20_000}
ATHERIS = ROOT / ".cache" / "atheris"
OFFERS = ROOT / "tests" / "media" / "offers"
TOKENS = Path(__file__).with_name("sdp.dict")
LIMITS = ("-rss_limit_mb=2048", "-timeout=60", "-print_final_stats=1")


@dataclass(frozen=True, slots=True)
class Outcome:
    target: str
    runs: int
    cpu_s: float
    edges: int
    kept: int
    crash: Path | None


def targets() -> list[str]:
    """The names, as the crate lists them, and SDP."""
    source = (CORE / "fuzz" / "src" / "lib.rs").read_text()
    return [*re.findall(r'^ +target\("(\w+)"', source, re.MULTILINE), "sdp"]


def run(target: str, seconds: float) -> Outcome:
    """Fuzz one target for so long, then keep the smallest corpus that reaches as much."""
    work, crashes = WORK / target / "inputs", WORK / target / "crashes"
    for folder in (work, crashes):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for number, kept in enumerate(unpacked(target)):
        (work / f"kept-{number}").write_bytes(kept)
    _seed(target, work)
    began_s = _children_cpu_s()
    said = _program(
        target,
        str(work),
        f"-max_total_time={seconds:.0f}",
        f"-max_len={LONGEST.get(target, 4_096)}",
        f"-artifact_prefix={crashes}/",
        *((f"-dict={TOKENS}",) if target == "sdp" else ()),
    )
    took_s = _children_cpu_s() - began_s
    crash = next(iter(sorted(crashes.iterdir())), None)
    if crash is not None:
        print(said, file=sys.stderr)
    runs = re.findall(r"stat::number_of_executed_units: (\d+)", said)
    edges = re.findall(r"\bcov: (\d+)", said)
    return Outcome(
        target, int((runs or ["0"])[-1]), took_s, int((edges or ["0"])[-1]), keep(target, work), crash
    )


def keep(target: str, work: Path) -> int:
    """Write the corpus of a target anew, as small as reaches the same; return how many inputs are in it."""
    merged = WORK / target / "merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir()
    _program(target, "-merge=1", str(merged), str(work))
    inputs = sorted((one.read_bytes() for one in merged.iterdir()), key=lambda one: (len(one), one))
    packed = bytearray()
    count = 0
    for one in inputs:
        if len(packed) + 2 + len(one) <= KEPT_BYTES.get(target, KEPT_USUALLY):
            packed += len(one).to_bytes(2) + one
            count += 1
    (CORPUS / f"{target}.bin").write_bytes(packed)
    return count


def unpacked(target: str) -> list[bytes]:
    file = CORPUS / f"{target}.bin"
    packed = file.read_bytes() if file.exists() else b""
    inputs = []
    while packed:
        length = int.from_bytes(packed[:2])
        inputs.append(packed[2 : 2 + length])
        packed = packed[2 + length :]
    return inputs


def _children_cpu_s() -> float:
    spent = os.times()
    return spent.children_user + spent.children_system


def _seed(target: str, work: Path) -> None:
    if target != "sdp":
        _program(target, environment={"FUZZ_SEEDS": str(work)})
        return
    for offer in OFFERS.glob("*.sdp"):
        shutil.copy(offer, work)


def _command(target: str) -> Path:
    if target != "sdp":
        return PROGRAM
    script = WORK / "sdp" / "again"
    again = f"FUZZ_AGAIN='{script}' PYTHONPATH='{ATHERIS}' exec '{sys.executable}' -m tests.fuzz.sdp"
    script.write_text(f"#!/bin/sh\ncd '{ROOT}' && {again} \"$@\"\n")
    script.chmod(0o755)
    return script


def _program(target: str, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """Run libFuzzer on a target; return what it said."""
    done = subprocess.run(
        [str(_command(target)), *arguments, *LIMITS],
        env=os.environ | {"FUZZ_TARGET": target} | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return done.stdout


def main() -> int:
    """Run those that are named, or all of them; 1 when something crashed, or could not be tried."""
    seconds = float(os.environ.get("FUZZ_SECONDS", "60"))
    outcomes, missed = [], False
    print(f"{'target':<12} {'runs':>12} {'runs/s':>9} {'edges':>6} {'kept':>5}  result", flush=True)
    for target in sys.argv[1:] or targets():
        if target == "sdp" and not ATHERIS.exists():
            print("sdp          NOT TRIED: Atheris is not installed; leave it out by TARGETS", flush=True)
            missed = True
            continue
        one = run(target, seconds)
        outcomes.append(one)
        per_s = one.runs / max(one.cpu_s, 1e-3)
        result = "ok" if one.crash is None else f"CRASH {one.crash}"
        print(
            f"{target:<12} {one.runs:>12,} {per_s:>9,.0f} {one.edges:>6,} {one.kept:>5,}  {result}",
            flush=True,
        )
    total_s = sum(one.cpu_s for one in outcomes)
    print(f"{len(outcomes)} targets, {total_s / 60:.1f} minutes of processor time")
    return 1 if missed or any(one.crash for one in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
