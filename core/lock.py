"""One writer at a time in a folder; whoever waits is told for whom.

    with lock(model_dir("v3"), "export"):
        ...

The kernel's own lock on `<folder>/.lock`: it ends with the process that holds it,
however that ends. Readers take none.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.errors import Esp8kError
from core.files import sweep
from core.saying import say

PATIENCE_S = 30.0  # a flash takes seconds; what takes minutes is said at once
POLL_S = 0.2
LONG = ("train",)  # nobody waits for these
HOLDER = re.compile(r"([a-z-]{1,20}) (\d{1,10})\n")


@contextmanager
def lock(folder: Path, verb: str, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Hold `folder` for `verb`; `Esp8kError` names the process that has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+", encoding="utf-8", errors="replace") as file:
        _wait(file, folder, patience_s)
        file.seek(0)
        file.truncate()
        file.write(f"{verb} {os.getpid()}\n")
        file.flush()
        sweep(folder, deep=True)
        yield
        file.truncate(0)


def _wait(file: IO[str], folder: Path, patience_s: float) -> None:
    end, told = time.monotonic() + patience_s, False
    while not _take(file):
        file.seek(0)
        named = HOLDER.match(file.read(100))  # what else lies there is nobody's word
        verb, process = named.groups() if named else ("", "")
        holder = f"esp8k {verb} (process {process})" if named else "another program"
        if verb in LONG or time.monotonic() > end:
            cure = f", or end it: kill {process}" if named else ""
            raise Esp8kError(
                f"{folder} is in use by {holder}", f"wait until it is done{cure}"
            )
        if not told:
            say(f"waiting for {holder} in {folder}")
            told = True
        time.sleep(POLL_S)


def _take(file: IO[str]) -> bool:
    """Lock without waiting; where the system has no such locks, go ahead."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
