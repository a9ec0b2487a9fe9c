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

from core.files import scratch, uninterrupted

POLITE_S = 10.0  # to clean up after Ctrl-C
Known = dict[int, str]  # processes, and when each was started


def run(words: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with text."""
    timeout_s = options.pop("timeout", None)
    child = None
    with contextlib.ExitStack() as open_pipes:
        try:
            with uninterrupted():  # else it may have begun, and nobody knows of it
                made = subprocess.Popen(words, text=True, **options)
                child = open_pipes.enter_context(made)
            out, err = child.communicate(timeout=timeout_s)
        except BaseException as stop:
            if child is not None:
                _end(child, asked=type(stop) is KeyboardInterrupt)
            raise
    return subprocess.CompletedProcess(words, child.returncode, out, err)


def heard(
    words: Sequence[str], timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a compiler, keep what it prints.

    Ended early, clang leaves the objects that it has made: they go with their folder.
    """
    kept = subprocess.PIPE
    with scratch() as folder:
        return run(
            words,
            stdout=kept,
            stderr=kept,
            timeout=timeout,
            errors="replace",
            env=os.environ | {"TMPDIR": str(folder)},
        )


def _end(child: "subprocess.Popen[str]", asked: bool) -> None:
    """Ask all of them to end, as a terminal does that `asked`; kill what is left."""
    known = _started_by(child.pid)
    try:
        if not asked:
            stop = signal.SIGINT if os.name == "posix" else signal.SIGTERM
            child.send_signal(stop)
            _send(stop, known)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=POLITE_S)
    finally:
        known |= _started_by(child.pid)
        child.kill()
        if known:
            _send(signal.SIGKILL, known)


def _send(number: signal.Signals, known: Known) -> None:
    for process, fields in _stats().items():
        if known.get(process) == fields[19]:  # no other that has its number now
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)


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
