"""What a killed command leaves: nothing half-written, and after the next one nothing.

`esp8k kills` does it to every command at every change that it makes to a file; here one
is killed and one is watched.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from core.paths import ROOT
from tests.support.products import TEST_BUILD
from tools.faults.killed import Run, end, whole

CHANGE = 150  # of some three hundred


def test_one_kill_is_found_harmless_by_the_command(exported: Callable) -> None:
    exported("v2")
    options = ["--commands", "compile", "--first", str(CHANGE), "--every", "1000"]
    done = subprocess.run(
        [sys.executable, "-m", "tools.main", "kills", *options, "--json"],
        cwd=ROOT,
        env=os.environ | {"ESP8K_BUILD": str(TEST_BUILD)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (told,) = json.loads(done.stdout)["commands"]
    assert told["changes"] > CHANGE and told["killed"] == 1 and told["found"] == []


def test_sigterm_leaves_nothing(
    tmp_path: Path, file_shim: Path, exported: Callable
) -> None:
    exported("v2")
    assert end(Run("compile", tmp_path / "run", TEST_BUILD, file_shim), CHANGE) == []


def test_no_moment_of_training_is_half_written(
    tmp_path: Path, file_shim: Path, furnished: Callable
) -> None:
    furnished(tmp_path)
    seen = whole(Run("train", tmp_path / "run", tmp_path, file_shim))
    assert seen.faults == [] and len(seen.operations) > 10
