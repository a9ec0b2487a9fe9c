"""Writing files so that a failure leaves none of it half done."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import Esp8kError

UNWRITABLE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
)
SPACE = "free some space, or set ESP8K_BUILD to a folder on another disk"


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A folder inside `target` whose content moves up into it on success.

    Only names that the stage wrote are replaced; `target` keeps the rest. Whatever
    fails before the end leaves `target` as it was and removes the stage.
    """
    with stage_in(target) as stage:
        yield stage
        for item in sorted(stage.iterdir()):
            place = target / item.name
            if place.is_dir():
                shutil.rmtree(place)
            item.replace(place)


@contextmanager
def stage_in(target: Path) -> Iterator[Path]:
    """An empty folder inside `target`; it goes, and a new `target` with a failure."""
    stage = target / ".staged"
    created = not target.exists()
    done = False
    try:
        target.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir()
        yield stage
        done = True
    except FileExistsError as error:
        raise Esp8kError(
            f"{target} is a file, not a folder", "give the name of a folder"
        ) from error
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise Esp8kError(
            f"cannot write below {target}: {error.strerror or error}",
            "free some space, or choose a folder on another disk (ESP8K_BUILD, -o)",
        ) from error
    finally:
        shutil.rmtree(stage if done or not created else target, ignore_errors=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A neighbour to write to, which takes the place of `path` on success.

    Whatever fails or interrupts leaves `path` as it was, and no neighbour.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    finally:
        if partial.parent.is_dir():
            partial.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file, down to the disk, or nothing."""
    with replacing(path) as partial, partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Write a whole file or nothing; UTF-8 with plain newlines everywhere."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def unwritable(path: Path, error: Exception) -> Esp8kError:
    """What a user is told when `path` cannot be written."""
    reason = getattr(error, "strerror", None) or "the disk may be full"
    return Esp8kError(f"cannot write to {path}: {reason}", SPACE)


def check_writable(folder: Path) -> None:
    """Find out before the work, not after it, that nothing can be written."""
    probe = folder / f".probe.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(bytes(65_536))
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        if folder.is_dir():
            probe.unlink(missing_ok=True)


def require_absent(path: Path, force: bool) -> None:
    """Refuse to replace what is there unless asked to."""
    if path.exists() and not force:
        raise Esp8kError(f"{path} is there already", "--force replaces it")
