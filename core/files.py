"""Writing a set of files so that a failure leaves none of it behind."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A folder inside `target` whose content moves up into it on success.

    Only names that the stage wrote are replaced; `target` keeps the rest. Whatever
    fails before the end leaves `target` as it was and removes the stage.
    """
    stage = target / ".staged"
    created = not target.exists()
    done = False
    try:
        target.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir()
        yield stage
        for item in sorted(stage.iterdir()):
            place = target / item.name
            if place.is_dir():
                shutil.rmtree(place)
            item.replace(place)
        done = True
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise Esp8kError(
            f"cannot write below {target}: {error.strerror or error}",
            "free some space, or choose a folder on another disk (ESP8K_BUILD, -o)",
        ) from error
    finally:
        shutil.rmtree(stage if done or not created else target, ignore_errors=True)
