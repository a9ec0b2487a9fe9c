"""The one error class for mistakes of the user, and the exit codes.

Library code raises `Esp8kError`; only `run` turns it into two lines on stderr and
an exit code, so a user never sees a traceback for something they can mend.
"""

import os
import sys
from collections.abc import Callable

from core.text import for_terminal

EXIT_OK = 0
EXIT_CHECK_FAILED = 1  # a comparison or an accuracy bound did not hold
EXIT_USAGE = 2  # a mistake of the user: arguments, files, disk
EXIT_DEVICE = 3  # the device or the link to it


class Esp8kError(Exception):
    """What went wrong (`message`), what to do about it (`hint`), and the exit code."""

    def __init__(self, message: str, hint: str = "", code: int = EXIT_USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


class DeviceError(Esp8kError):
    """The device or the link failed; exit code 3."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, EXIT_DEVICE)


class CheckFailed(Esp8kError):
    """A check ran and did not hold; exit code 1."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, EXIT_CHECK_FAILED)


def run(main: Callable[[], int | None]) -> None:
    """Run `main` as a program: errors of the user become two lines and a code."""
    try:
        code = main() or EXIT_OK
        sys.stdout.flush()
    except Esp8kError as error:
        code = report(error.message, error.hint, error.code)
    except KeyboardInterrupt:
        code = report("interrupted", "run the same command again", 130)
    except BrokenPipeError:
        # The reader of our stdout (`| head`) left: not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_OK
    except OSError as error:
        name = f" ({error.filename})" if error.filename else ""
        hint = "free some space" if error.errno == 28 else "check the path"
        code = report(f"{error.strerror or error}{name}", hint, EXIT_USAGE)
    sys.exit(code)


def report(message: str, hint: str, code: int) -> int:
    """Print an error the way every command prints it; give `code` back."""
    print(f"error: {for_terminal(message)}", file=sys.stderr)
    if hint:
        print(f"hint:  {for_terminal(hint)}", file=sys.stderr)
    return code
