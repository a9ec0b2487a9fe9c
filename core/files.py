"""Writing files so that a failure leaves none of it half done."""

import errno
import os
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from core.errors import ENDINGS, SPACE, Esp8kError, cure_of
from core.text import for_json

UNWRITABLE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
)
PARTIAL = re.compile(r"\.(\d+)\.part$")
SCRATCH = "esp8k-held-"  # begins the name of a temporary folder that is locked
YOUNG_S = 2.0  # a folder that is made just now is perhaps not yet held


@contextmanager
def staged(target: Path, last: str = "") -> Iterator[Path]:
    """A folder inside `target` whose content moves up into it on success.

    Only names that the stage wrote are replaced; `target` keeps the rest. Whatever
    fails before the end leaves `target` as it was and removes the stage. `last` goes
    first and comes last: where it is, all is of one run, whenever one was killed.
    """
    with stage_in(target) as stage:
        yield stage
        if last:
            (target / last).unlink(missing_ok=True)
        for item in sorted(stage.iterdir(), key=lambda item: (item.name == last, item)):
            place = target / item.name
            if place.is_dir():
                shutil.rmtree(place)
            item.replace(place)


@contextmanager
def stage_in(target: Path) -> Iterator[Path]:
    """An empty folder inside `target`; it goes, and a new `target` with a failure."""
    stage = partial_of(target / ".staged")
    created = not target.exists()
    done = False
    try:
        target.mkdir(parents=True, exist_ok=True)
        sweep(target)
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
            cure_of(error.errno),
        ) from error
    finally:
        gone = stage if done or not created else target
        surely(lambda: shutil.rmtree(gone, ignore_errors=True))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A neighbour to write to, which takes the place of `path` on success.

    Whatever fails or interrupts leaves `path` as it was, and no neighbour.
    """
    partial = partial_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise Esp8kError(f"{path} is a folder", "give the name of a file")
        if path.exists() and not path.is_file():
            raise Esp8kError(f"{path} is not a plain file", "give another name")
        yield partial
        partial.replace(path)
    finally:
        surely(lambda: _drop(partial))


def _drop(path: Path) -> None:
    if path.parent.is_dir():
        path.unlink(missing_ok=True)


def surely(clean: Callable[[], None]) -> None:
    """Call `clean`, which may be called twice; Ctrl-C and SIGTERM wait until then."""
    try:
        with uninterrupted():
            clean()
    except KeyboardInterrupt:  # it came before that began
        with uninterrupted():
            clean()
        raise


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C and what else ends us wait until the end; in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield  # no signal interrupts another thread
        return
    came: list[int] = []
    known = {n: signal.getsignal(n) for n in (signal.SIGINT, *ENDINGS)}
    # What is ignored (nohup) stays so, for a child that is started meanwhile as well.
    known = {n: handler for n, handler in known.items() if handler != signal.SIG_IGN}
    for number in known:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in known.items():
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)


# ==== What a killed process leaves ============================================


def partial_of(path: Path) -> Path:
    """A neighbour of `path` that says which process makes it."""
    return path.with_name(f"{path.name}.{os.getpid()}.part")


def sweep(folder: Path, deep: bool = False) -> None:
    """Remove the neighbours that processes left which are no more."""
    for path in folder.rglob("*.part") if deep else folder.glob("*.part"):
        found = PARTIAL.search(path.name)
        if found is None or _alive(int(found[1])):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    if process == os.getpid() or os.name != "posix":
        return True  # elsewhere a signal of 0 is no question
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder; those of processes that were killed are removed first.

    A lock on the folder lives as long as the process, in whatever container it is.
    """
    place = Path(tempfile.gettempdir())
    for stray in place.glob(f"{SCRATCH}*"):
        _remove_unheld(stray)
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH))
    try:
        with _held(folder):
            yield folder
    finally:
        surely(lambda: shutil.rmtree(folder, ignore_errors=True))


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Whether nobody else holds the folder; held until the end if so."""
    try:
        import fcntl
    except ImportError:  # Windows: nobody ever knows
        yield False
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _remove_unheld(folder: Path) -> None:
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime < YOUNG_S:
            return
        with _held(folder) as free:
            if free:
                shutil.rmtree(folder, ignore_errors=True)


# ==== Whole files =============================================================


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
    write_text(path, for_json(content, 1) + "\n")


def unwritable(path: Path, error: Exception) -> Esp8kError:
    """What a user is told when `path` cannot be written."""
    number = getattr(error, "errno", None)
    reason = getattr(error, "strerror", None) or "the disk may be full"
    cure = cure_of(number) if number else SPACE
    return Esp8kError(f"cannot write to {path}: {reason}", cure)


def check_writable(folder: Path) -> None:
    """Find out before the work, not after it, that nothing can be written."""
    probe = partial_of(folder / ".probe")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(bytes(65_536))
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        surely(lambda: _drop(probe))


def require_absent(path: Path, force: bool) -> None:
    """Refuse to replace what is there unless asked to."""
    if path.exists() and not force:
        raise Esp8kError(f"{path} is there already", "--force replaces it")
