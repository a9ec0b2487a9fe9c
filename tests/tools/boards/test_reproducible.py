"""Two clones at different paths build the same firmware, byte for byte."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.paths import ROOT

pytestmark = pytest.mark.emulator
NEEDED = ("core", "tools", "firmware")


def test_another_path_gives_the_same_image(
    flashed: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """And the same firmware.elf, whose debug information named sources by their path:
    twin and riscv run from it.
    """
    image = flashed("v2", "virtual")
    clone = tmp_path / "a" / "much" / "longer" / "path" / "esp8k"
    ignored = shutil.ignore_patterns("__pycache__", ".pio", "fuzz", "npm")
    for name in NEEDED:
        shutil.copytree(ROOT / name, clone / name, ignore=ignored)
    build = clone / "build"
    shutil.copytree(image.parent / "component", build / "v2" / "component")
    done = subprocess.run(
        [sys.executable, "-m", "tools.boards.build", "--model=v2", "--board=virtual"],
        cwd=clone,
        env=os.environ | {"PYTHONPATH": str(clone), "ESP8K_BUILD": str(build)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    built = (build / "v2" / "virtual").iterdir()
    made = {path.name: path.read_bytes() for path in built}
    assert {"app.bin", "firmware.elf"} <= set(made)
    assert made == {name: (image / name).read_bytes() for name in made}
