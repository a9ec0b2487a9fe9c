"""Writing into a folder that somebody else may have files in.

    with published(folder) as made:
        (made.stage / "model.c").write_text(...)

A list in the folder says which files are ours; nothing else is ever replaced.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import Esp8kError
from core.files import stage_in, write_text
from core.inputs import opened, read_text

LIST = ".esp8k-files.json"  # in a published folder: what we wrote, with its SHA-256
Digests = dict[str, list[str]]  # SHA-256 of what we wrote, by name
SHOWN = 5  # names of clashing files in a message


@dataclass
class Published:
    """The stage of a published folder, and what became of the folder."""

    stage: Path
    replaced: list[str] = field(default_factory=list)  # files that we had written
    removed: list[str] = field(default_factory=list)  # ours, no longer made


@contextmanager
def published(target: Path, last: str = "") -> Iterator[Published]:
    """Like `staged`, for a folder that may hold other people's files.

    A list in the folder says which files are ours and what was in them. A file that
    is not on it, or that was edited since, is never replaced: that is an
    `Esp8kError`, and nothing is written. `last` is the file without which
    nothing compiles: it is missing while old and new are mixed.
    """
    with stage_in(target) as stage:
        publication = Published(stage)
        yield publication
        ours = _listed(target)
        made = {
            str(p.relative_to(stage)): p for p in stage.rglob("*") if not p.is_dir()
        }
        _refuse_clashes(target, sorted(made), ours)
        fresh = {name: [_digest(path)] for name, path in made.items()}
        # Whoever is killed from here on has left files that are ours, old or new.
        names = sorted(ours.keys() | fresh.keys())
        _list(target, {n: [*ours.get(n, []), *fresh.get(n, [])] for n in names})
        publication.replaced += [n for n in sorted(made) if (target / n).exists()]
        if last in made:
            (target / last).unlink(missing_ok=True)
        for name in sorted(made, key=lambda name: (name == last, name)):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            made[name].replace(target / name)
        for name in sorted(ours.keys() - made.keys()):
            if _unchanged(target, name, ours):
                (target / name).unlink()
                publication.removed.append(name)
        _list(target, fresh)


def _list(target: Path, digests: Digests) -> None:
    write_text(target / LIST, json.dumps(digests, indent=1) + "\n")


def _listed(target: Path) -> Digests:
    """Our files by name, with their digests; a damaged list is none."""
    try:
        found = json.loads(read_text(target / LIST))
    except (Esp8kError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        str(name): list(map(str, told if isinstance(told, list) else [told]))
        for name, told in found.items()
        if not Path(name).is_absolute() and ".." not in Path(name).parts
    }


def _refuse_clashes(target: Path, names: list[str], ours: Digests) -> None:
    foreign = [n for n in names if not _free(target, n, ours)]
    if not foreign:
        return
    shown = ", ".join(foreign[:SHOWN])
    more = f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else ""
    raise Esp8kError(
        f"{target} already has {shown}{more}, not as written by this command",
        "choose a new folder, such as components/NAME of an ESP-IDF project or "
        "lib/NAME of a PlatformIO project; or move those files away",
    )


def _free(target: Path, name: str, ours: Digests) -> bool:
    """Whether a file may be written: its place is empty, or what we left there."""
    place = target / name
    for folder in place.parents:
        if folder == target:
            break
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            return False
    if not (place.exists() or place.is_symlink()):
        return True
    return _unchanged(target, name, ours)


def _unchanged(target: Path, name: str, ours: Digests) -> bool:
    place = target / name
    if name not in ours or place.is_symlink() or not place.is_file():
        return False
    return _digest(place) in ours[name]


def _digest(path: Path) -> str:
    with opened(path, "a plain file") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
