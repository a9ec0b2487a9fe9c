"""A program's beginning and end: every ending has its exit code and its words.

    if __name__ == "__main__":
        run(main)

Errors of the user become two lines; Ctrl-C and SIGTERM end alike, after every
`finally`; what nobody foresaw is filed below the build folder and asked for.
"""

import errno
import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from core.errors import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_TERMINATED,
    EXIT_UNFORESEEN,
    EXIT_USAGE,
    Esp8kError,
    report,
)
from core.paths import build_root

AGAIN = "run the same command again"
CURES = {
    errno.ENOSPC: "free some space, or set ESP8K_BUILD to a folder on another disk",
    errno.EDQUOT: "free some space, or set ESP8K_BUILD to a folder on another disk",
    errno.EACCES: "check who owns it and its rights",
    errno.EPERM: "check who owns it and its rights",
    errno.EROFS: "it is mounted read-only: set ESP8K_BUILD to another folder",
}


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends as Ctrl-C does."""


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run `main` as a program and leave with its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(ending(main))


def ending(main: Callable[[], int | None]) -> int:
    """The exit code of `main`, whatever it raises; the cause is on stderr."""
    try:
        code = main() or EXIT_OK
        sys.stdout.flush()
        return code
    except Esp8kError as error:
        return report(error.message, error.hint, error.code)
    except Terminated as stop:
        return report("terminated", _go_on(stop), EXIT_TERMINATED)
    except KeyboardInterrupt as stop:
        return report("interrupted", _go_on(stop), EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our stdout (`| head`) left: not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except SystemExit as leave:
        return leave.code if leave.code in (EXIT_OK, EXIT_USAGE) else _file(leave)
    except OSError as error:
        name = f" ({error.filename})" if error.filename else ""
        cure = CURES.get(error.errno or 0, "check the path")
        return report(f"{error.strerror or error}{name}", cure, EXIT_USAGE)
    except MemoryError:
        return report("not enough memory", "close other programs", EXIT_USAGE)
    except BaseException as error:
        return _file(error)


def _go_on(stop: KeyboardInterrupt) -> str:
    """How to go on: the note of work that can, else the command again."""
    return "; ".join(getattr(stop, "__notes__", [AGAIN]))


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the way out is not interrupted
    raise Terminated


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
