"""The documentation site builds: no page, link or anchor is missing."""

import os
import subprocess
import sys
from pathlib import Path

from core.paths import ROOT


def test_the_site_builds_strictly(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pages = {path.stem for path in tmp_path.rglob("*.html")}
    assert {"index", "tutorial", "architecture", "glossary", "benchmarks"} <= pages


def test_the_site_fetches_nothing_from_elsewhere(tmp_path: Path) -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    assert "font: false" in text
    for page in (ROOT / "docs").rglob("*.md"):
        assert "](http" not in page.read_text(), page
