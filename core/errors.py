"""The one error class for mistakes of the user, and the exit codes.

Library code raises `Esp8kError`; only `core.program.run` turns it into two lines on
stderr and an exit code, so a user never sees a traceback for something they can mend.
"""

import errno
import signal
import sys
from contextlib import suppress

from core.text import folded, for_terminal

EXIT_OK = 0
EXIT_CHECK_FAILED = 1  # a comparison or an accuracy bound did not hold
EXIT_USAGE = 2  # a mistake of the user: arguments, files, disk
EXIT_DEVICE = 3  # the device or the link to it
EXIT_UNFORESEEN = 70  # an error of ours (sysexits.h: EX_SOFTWARE)
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells count
INDENT = " " * len("error: ")
# Signals that end a program as Ctrl-C does, with 128 + their number; what is said.
ENDINGS = {signal.SIGTERM: "terminated"}
if hasattr(signal, "SIGHUP"):  # not on Windows
    ENDINGS[signal.SIGHUP] = "the terminal was closed"

RIGHTS = "check who owns it and its rights"
SPACE = (
    "free some space where the output goes, or set ESP8K_BUILD to a folder on another "
    "disk"
)
CURES = {
    errno.ENOSPC: SPACE,
    errno.EDQUOT: SPACE,
    errno.EFBIG: SPACE,  # a limit of the system, or of the user
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
    errno.EROFS: "it is mounted read-only: choose another folder (ESP8K_BUILD, --out)",
}


class Esp8kError(Exception):
    """What went wrong (`message`), what to do about it (`hint`), and the exit code."""

    def __init__(self, message: str, hint: str = "", code: int = EXIT_USAGE) -> None:
        super().__init__(message)
        if code not in (EXIT_CHECK_FAILED, EXIT_USAGE, EXIT_DEVICE):
            raise ValueError(f"{code} is no exit code of an error")
        self.message = message
        self.hint = hint
        self._code = code

    @property
    def code(self) -> int:
        """The exit code; nothing that a device says changes it."""
        return self._code


class DeviceError(Esp8kError):
    """The device or the link failed; exit code 3."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, EXIT_DEVICE)


class CheckFailed(Esp8kError):
    """A check ran and did not hold; exit code 1."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, EXIT_CHECK_FAILED)


def cure_of(number: int | None) -> str:
    """What helps against an error of the system, by its errno."""
    return CURES.get(number or 0, "check the path")


def report(message: str, hint: str, code: int) -> int:
    """Print an error the way every command prints it; give `code` back."""
    for line in [f"error: {message}", *([f"hint:  {hint}"] if hint else [])]:
        # What goes on is indented: a file's name with a newline is no line of ours.
        shown = for_terminal(line).replace("\n", "\n" + INDENT)
        with suppress(OSError):  # a full disk, a closed terminal: the code is told
            print(folded(shown, sys.stderr, INDENT), file=sys.stderr)
    return code
