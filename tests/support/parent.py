"""A program in a session of its own that starts another one, and says its number."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from core.paths import ROOT


@contextmanager
def started(code: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """(the program, the process that it started); the code is Python's."""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:
        assert program.stdout is not None
        yield program, int(program.stdout.readline())
