"""Kill commands at each change that they make to a file, and look at what is left.

    esp8k kills                                   # hours
    esp8k kills --distinct                        # 20 minutes
    esp8k kills --commands compile train --every 9

Before each change (an open, a write, a rename, ...) the command is killed by SIGKILL
with all its children; then it is run again, which must go through, make what a run
makes that nobody killed, and leave no neighbour and no temporary folder. A first run
is watched at all its moments for what is half-written or of two runs. `--every 9`
kills at every ninth change alone. `--distinct` kills nothing: the first run's folders
are copied where they differ from all moments before, as a SIGKILL would leave them, and
the command is run in each copy; what differs in names of chance alone, or within a
neighbour that is still being written, is one state. Wants v2, exported and flashed to
twin (`make flash MODEL=v2 BOARD=twin`). Linux alone; exit code 1 if anything is found.
"""

import atexit
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

from core.cli import parse, require_range
from core.errors import EXIT_CHECK_FAILED, EXIT_OK, EXIT_UNFORESEEN, Esp8kError
from core.files import scratch
from core.paths import build_root
from core.program import run
from core.text import for_json, for_terminal
from tools.faults import killed
from tools.faults.watched import build_shim

Command = Literal["train", "export", "compile", "flash", "report"]
HEAVY = ("torch", "onnx", "onnxruntime", "matplotlib.pyplot", "tools.main")
POLL_S = 0.01


@dataclass(frozen=True)
class Config:
    """Options of `esp8k kills`."""

    # which are killed, one after the other
    commands: tuple[Command, ...] = ("compile", "train", "report", "flash", "export")
    every: int = 1  # kill at every Nth change
    first: int = 1  # of the changes that are killed at
    distinct: bool = False  # from copies of each state of the folders, once
    minutes: float = 0.0  # stop a command's kills after so long; 0: never
    json: bool = False  # print the figures as JSON


@dataclass(frozen=True)
class Figures:
    """What became of one command."""

    command: str
    changes: int  # that it makes to files
    killed: int  # times, or copies; each followed by a run that nobody killed
    found: tuple[str, ...]  # half-written, mixed, left, failed
    seconds: float


class Forked:
    """A fork of this program, which has imported already what takes long."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        if self._status is None:
            gone, status = os.waitpid(self.pid, os.WNOHANG)
            if gone:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        until = time.monotonic() + (timeout or 1e9)
        while (status := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("a fork", timeout or 0)
            time.sleep(POLL_S)
        return status


def fork(
    code: str, words: Sequence[str], environment: Mapping[str, str], output: int
) -> Forked:
    """`code` with these words as a child, in a session of its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return Forked(pid)
    status = EXIT_UNFORESEEN
    try:
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.update(environment)
        tempfile.tempdir = None
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        sys.argv = ["esp8k", *words]
        exec(compile(code, "<esp8k>", "exec"), {"__name__": "__main__"})
        status = EXIT_OK
    except SystemExit as leave:
        status = leave.code if isinstance(leave.code, int) else EXIT_OK
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def preloaded(argv: Sequence[str] | None) -> Path:
    """The shim that this program runs with; started anew if it does not yet."""
    words = list(sys.argv[1:] if argv is None else argv)
    target = build_root() / "faults" / "file_shim.so"
    if os.environ.get("LD_PRELOAD") != str(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        build_shim(target)
        command = [sys.executable, "-m", "tools.main", "kills", *words]
        preload = {"LD_PRELOAD": str(target), "OMP_NUM_THREADS": "1"}
        os.execve(sys.executable, command, {**os.environ, **preload})
    return target


def sweep(name: str, config: Config, made: Path, shim: Path) -> Figures:
    """Kill one command at every change that was asked for."""
    begun = time.monotonic()
    with scratch() as folder:
        one = killed.Run(name, folder / "run", made, shim, fork)
        copies = folder / "copies" if config.distinct else None
        seen = killed.whole(one, copies)
        found, count = list(seen.faults), 0
        every = range(1, len(seen.operations) + 1)
        numbers = (seen.copied if copies else every)[config.first - 1 :: config.every]
        for number in () if found else numbers:
            late = time.monotonic() - begun > 60 * config.minutes
            if config.minutes and late:
                break
            if copies:
                told = killed.go_on(one, number, copies, seen.final)
            else:
                told = killed.kill(one, number, seen.final)
            found += [f"{what} ({seen.operations[number - 1]})" for what in told]
            count += 1
            _progress(f"{name}: {count} of {len(numbers)}, {len(found)} found")
    seconds = round(time.monotonic() - begun, 1)
    return Figures(name, len(seen.operations), count, tuple(found), seconds)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text}  ", end="", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Sweep, and print one line a command."""
    config = parse(Config, argv, "kills", __doc__ or "")
    require_range(config, every=(1, 10**9), first=(1, 10**9), minutes=(0, 100_000))
    shim, made = preloaded(argv), build_root().resolve()
    wanted = "twin/memory.json" if "report" in config.commands else "model.json"
    if not (made / "v2" / wanted).exists():
        raise Esp8kError(f"no {wanted} of v2 yet", "make flash MODEL=v2 BOARD=twin")
    for module in HEAVY:
        import_module(module)
    told = []
    how = "in distinct copies" if config.distinct else "killed at"
    for name in config.commands:
        one = sweep(name, config, made, shim)
        told.append(one)
        if not config.json:
            print(
                f"{name:8} {one.changes:5} changes, {how} {one.killed}, each run "
                f"again: {len(one.found)} faults ({one.seconds:.0f} s)",
                flush=True,
            )
            print("".join(f"    {for_terminal(what)}\n" for what in one.found), end="")
    if config.json:
        print(for_json({"commands": [asdict(one) for one in told]}))
    return EXIT_CHECK_FAILED if any(one.found for one in told) else EXIT_OK


if __name__ == "__main__":
    run(main)
