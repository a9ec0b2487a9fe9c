"""Reading what somebody else wrote: a bound on the size, no surprises, plain names.

    raw = read_bytes(path, MODEL_BYTES, "a model")

Anything but a plain file (a pipe, a device, a folder) is refused before it is
opened, because a pipe without a writer would hang for ever.
"""

import os
import stat
from pathlib import Path

from core.errors import Esp8kError

MODEL_BYTES = 64 << 20  # flash of the largest chip is 16 MiB; ONNX is four times that


def read_bytes(path: Path, limit: int, what: str) -> bytes:
    """The content of a plain file of at most `limit` bytes; `what` is for messages."""
    try:
        with open(path, "rb", opener=_open_now) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Esp8kError(f"{path} is not a plain file", f"give {what}")
            if status.st_size > limit:
                raise too_large(path, status.st_size, limit, what)
            raw = file.read(limit + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Esp8kError(f"cannot read {path}: {reason}", "check the path") from error
    if len(raw) > limit:  # it grew meanwhile
        raise too_large(path, len(raw), limit, what)
    return raw


def too_large(path: Path, size: int, limit: int, what: str) -> Esp8kError:
    """The one refusal of what exceeds a bound."""
    return Esp8kError(
        f"{path} has {size:,} bytes; at most {limit:,} are read",
        f"give {what} that fits a microcontroller",
    )


def _open_now(path: str, flags: int) -> int:
    """Open without waiting for the writer of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
