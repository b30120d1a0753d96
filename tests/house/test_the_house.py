"""What the repository promises about itself."""

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
REQUIREMENT = re.compile(r"\b(?:ROOM|REC|AUT|CAL|GOV|PAR|PLUS)-\d+\b")


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_every_requirement_the_readme_claims_is_cited_by_a_test() -> None:
    table = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("|")]
    claimed = {name for line in table if "not yet" not in line for name in REQUIREMENT.findall(line)}
    cited = {
        name
        for path in tracked("tests/**/*.py", "media/core/**/*.rs", "web/src/**/*.test.ts*")
        for name in REQUIREMENT.findall(path.read_text())
    }
    assert claimed, "the feature table names requirements"
    assert claimed <= cited, f"claimed without a test: {sorted(claimed - cited)}"


def test_the_python_lock_has_hashes_and_no_addresses() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pinned = [index for index, line in enumerate(lines) if "==" in line and not line.startswith(" ")]
    assert pinned
    assert all("--hash=sha256:" in lines[index + 1] for index in pinned)
    assert not any("://" in line for line in lines)


def test_the_web_lock_has_hashes_and_no_addresses() -> None:
    lock = json.loads((ROOT / "web/package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert all("integrity" in entry for entry in packages.values())
    assert not any("resolved" in entry for entry in packages.values())


def test_the_rust_locks_are_there() -> None:
    assert (ROOT / "media/core/Cargo.lock").is_file()


def test_links_between_documents_lead_somewhere() -> None:
    for page in tracked("*.md", "docs/**/*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
            if "://" not in target and not target.startswith("mailto:"):
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_ci_runs_what_the_readme_says() -> None:
    assert "make test" in (ROOT / "README.md").read_text()
    lines = (ROOT / ".ci/run").read_text().splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set", "cd"))]
    assert commands == ["exec make test"]
