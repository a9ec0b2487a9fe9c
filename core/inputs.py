"""Reading what may be somebody else's: a bound on the size, no surprises, plain names.

    raw = read_bytes(path, MODEL_BYTES, "a model")

The one way to a file that this checkout does not hold itself. Anything but a plain file
(a pipe, a device, a folder) is refused, because a pipe without a writer would hang for
ever.
"""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import Esp8kError

MODEL_BYTES = 64 << 20  # flash of the largest chip is 16 MiB; ONNX is four times that
FIRMWARE_BYTES = 256 << 20  # an ELF with the debug information of ESP-IDF: about 10 MiB
TEXT_BYTES = 16 << 20


def read_bytes(path: Path, limit: int, what: str) -> bytes:
    """The content of a plain file of at most `limit` bytes; `what` is for messages."""
    try:
        with opened(path, what) as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise too_large(path, size, limit, what)
            raw = file.read(limit + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Esp8kError(f"cannot read {path}: {reason}", "check the path") from error
    if len(raw) > limit:  # it grew meanwhile
        raise too_large(path, len(raw), limit, what)
    return raw


def read_text(path: Path, what: str = "a text", limit: int = TEXT_BYTES) -> str:
    """The same as UTF-8, with plain newlines."""
    try:
        text = read_bytes(path, limit, what).decode()
    except UnicodeDecodeError as error:
        raise Esp8kError(f"{path} is no text in UTF-8", f"give {what}") from error
    return text.replace("\r\n", "\n")


@contextmanager
def opened(path: Path, what: str) -> Iterator[io.BufferedReader]:
    """A plain file, to be read; an OSError is left to the caller."""
    with open(path, "rb", opener=_open_now) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Esp8kError(f"{path} is not a plain file", f"give {what}")
        yield file


def too_large(path: Path, size: int, limit: int, what: str) -> Esp8kError:
    """The one refusal of what exceeds a bound."""
    return Esp8kError(
        f"{path} has {size:,} bytes; at most {limit:,} are read",
        f"give {what} that fits a microcontroller",
    )


def _open_now(path: str, flags: int) -> int:
    """Open without waiting for the writer of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
