"""What a killed command leaves: nothing half-written, and after the next one nothing.

The quick commands are watched at every change that they make to a file; what lies there
before each one is what a SIGKILL would leave. One is killed, and ended by SIGTERM, for
real. `esp8k kills` does it to every command at every change.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.products import TEST_BUILD
from tools.faults.killed import Run, end, kill, whole


@pytest.mark.parametrize(("name", "kills"), [("compile", 1), ("train", 0)])
def test_a_command_that_is_killed(
    name: str, kills: int, tmp_path: Path, file_shim: Path, exported: Callable
) -> None:
    exported("v2")
    run = Run(name, tmp_path / "run", TEST_BUILD, file_shim)
    seen = whole(run)
    assert seen.faults == [] and len(seen.operations) > 10
    draw = random.Random(name)
    for number in draw.sample(range(1, len(seen.operations)), kills):
        assert kill(run, number, seen.final) == []
        assert end(run, number) == []
