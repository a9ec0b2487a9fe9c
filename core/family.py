"""Run a program that starts others: what ends us ends all of them.

    done = family.run(["platformio", "run"], timeout=600)

Killed alone, it leaves its children at work: on a port, and in a folder that the next
command takes. They stay in our process group: who kills that, kills them too.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

POLITE_S = 10.0  # to clean up after Ctrl-C
Known = dict[int, str]  # processes, and when each was started


def run(words: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with text."""
    timeout_s = options.pop("timeout", None)
    with subprocess.Popen(words, text=True, **options) as child:
        try:
            out, err = child.communicate(timeout=timeout_s)
        except BaseException as stop:
            _end(child, asked=type(stop) is KeyboardInterrupt)
            raise
    return subprocess.CompletedProcess(words, child.returncode, out, err)


def _end(child: "subprocess.Popen[str]", asked: bool) -> None:
    """Ask it to end, unless a terminal `asked` all of us; then kill what is left."""
    known = _started_by(child.pid)
    try:
        if not asked:
            stop = signal.SIGINT if os.name == "posix" else signal.SIGTERM
            child.send_signal(stop)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=POLITE_S)
    finally:
        known |= _started_by(child.pid)
        child.kill()
        for process, fields in _stats().items():
            if known.get(process) == fields[19]:  # no other that has its number now
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)


def _started_by(root: int) -> Known:
    """The processes that it started, and theirs."""
    stats, found = _stats(), [root]
    for parent in found:
        found += [one for one, fields in stats.items() if int(fields[1]) == parent]
    return {one: stats[one][19] for one in found[1:]}


def _stats() -> dict[int, list[str]]:
    """proc(5)'s fields of each process, from the third; none but on Linux."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            found[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
    return found
