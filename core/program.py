"""A program's beginning and end: every ending has its exit code and its words.

    if __name__ == "__main__":
        run(main)

Errors of the user become two lines; Ctrl-C, SIGTERM and a closed terminal end alike,
after every `finally`; what nobody foresaw is filed below the build folder and asked
for.
"""

import contextlib
import os
import platform
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import NoReturn, TextIO

from core.errors import (
    ENDINGS,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_UNFORESEEN,
    EXIT_USAGE,
    Esp8kError,
    cure_of,
    report,
)
from core.paths import build_root
from core.text import one_line

OURS = ("core", "training", "export", "tools", "tests")  # no package of somebody else
AGAIN = "run the same command again"


class Terminated(KeyboardInterrupt):
    """One of ENDINGS, which ends as Ctrl-C does."""

    def __init__(self, number: signal.Signals = signal.SIGTERM) -> None:
        super().__init__()
        self.number = number


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run `main` as a program and leave with its exit code."""
    _three_streams()
    for number in ENDINGS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _terminate)
    code = ending(lambda: _from_somewhere(main))
    for stream in (sys.stdout, sys.stderr):
        _let_go(stream)
    sys.exit(code)


def _from_somewhere(main: Callable[[], int | None]) -> int | None:
    """In a folder that was removed libraries end in words of their own."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise Esp8kError("the current folder is gone", "cd to another one") from None
    return main()


def _three_streams() -> None:
    """A stream that was closed (`>&-`) goes nowhere, and no file gets its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w" if number else "r"))


def _let_go(stream: TextIO) -> OSError | None:
    """Send what a stream still holds; where nobody takes it, nowhere, and say why."""
    try:
        stream.flush()
    except OSError as error:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return error
    return None


def ending(main: Callable[[], int | None]) -> int:
    """The exit code of `main`, whatever it raises; the cause is on stderr."""
    try:
        code = main() or EXIT_OK
        lost = _let_go(sys.stdout)
        if lost is None or isinstance(lost, BrokenPipeError):  # `| head` had enough
            return code
        text = f"cannot write the output: {lost.strerror}"
        return report(text, "see where it is sent to: > FILE, | PROGRAM", EXIT_USAGE)
    except Esp8kError as error:
        return report(error.message, error.hint, error.code)
    except KeyboardInterrupt as stop:
        return _stopped(stop)
    except SystemExit as leave:
        return leave.code if leave.code in (EXIT_OK, EXIT_USAGE) else _file(leave)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _left():
            return EXIT_OK  # the reader (`| head`): not an error of ours
        name = f" ({error.filename})" if error.filename else ""
        text = f"{error.strerror or error}{name}"
        return report(text, cure_of(error.errno), EXIT_USAGE)
    except subprocess.TimeoutExpired as late:
        words = late.cmd if isinstance(late.cmd, str) else " ".join(map(str, late.cmd))
        text = f"no end after {late.timeout:.0f} s of: {one_line(words)}"
        return report(text, "is the computer very busy? " + AGAIN, EXIT_USAGE)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if not package or package in OURS:
            return _file(error)
        text = f"{sys.executable} has no package {package}"
        cure = "run .venv/bin/esp8k; if that has none either: make setup"
        return report(text, cure, EXIT_USAGE)
    except MemoryError:
        return report("not enough memory", "close other programs", EXIT_USAGE)
    except BaseException as error:
        # Python's own locks trip over a signal that comes while they wait.
        before = error.__context__ if isinstance(error, RuntimeError) else None
        if isinstance(before, KeyboardInterrupt):
            return _stopped(before)
        return _file(error)


def _stopped(stop: KeyboardInterrupt) -> int:
    if isinstance(stop, Terminated):
        return report(ENDINGS[stop.number], _go_on(stop), 128 + stop.number)
    return report("interrupted", _go_on(stop), EXIT_INTERRUPTED)


def _go_on(stop: KeyboardInterrupt) -> str:
    """How to go on: the note of work that can, else the command again."""
    return "; ".join(getattr(stop, "__notes__", [AGAIN]))


def _left() -> bool:
    """Whether the reader of our output has gone; else it is that of another pipe."""
    if not hasattr(select, "poll"):  # Windows
        return True
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            poll.register(stream.fileno(), 0)  # errors are told unasked
    return bool(poll.poll(0))


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    for other in ENDINGS:
        signal.signal(other, signal.SIG_IGN)  # the way out is not interrupted
    raise Terminated(signal.Signals(number))


def _file(error: BaseException) -> int:
    """Write down what nobody foresaw, and ask for it."""
    told = f"{type(error).__name__}: {error}".splitlines()[0]
    log = build_root() / "logs" / f"error-{os.getpid()}.log"
    where = f"{platform.platform()}, Python {platform.python_version()}"
    text = f"{' '.join(sys.argv)}\n{where}\n\n"
    text += "".join(traceback.format_exception(error))
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text)
        ask = f"please report it with {log}"
    except OSError:
        ask = f"please report it with these lines:\n{text}"
    return report(f"unforeseen: {told}", ask, EXIT_UNFORESEEN)
