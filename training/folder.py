"""A data set of one's own: a folder of class folders, as torchvision's ImageFolder.

    make train DATASET=folder:photos MODEL=v1

    photos/cat/1.jpg  photos/cat/2.jpg ...  photos/dog/1.jpg ...

Two to 64 classes, in the order of their folders' names; a `labels.txt` beside them
gives other names, one a line in that order. A grey picture of 28x28 pixels is taken as
it is, any other is read as `esp8k image` reads it: light ink on black, centred. A fifth
of every class, drawn by a fixed seed, is the test set.
"""

import hashlib
from pathlib import Path

import numpy as np

from core.errors import Esp8kError
from core.inputs import read_text
from core.picture.image import read
from core.picture.opening import open_picture
from core.pixels import SIDE

PREFIX = "folder:"
LEAST, MOST = 2, 64  # classes
HELD_OUT = 5  # one picture of so many is for the test
SEED = 0  # of the order, and so of what is held out
LONGEST = 32  # characters of a class's name

Arrays = tuple[np.ndarray, np.ndarray]  # (N, 28, 28) uint8, (N,) uint8


def is_folder(dataset: str) -> bool:
    """Whether a data set's name means a folder."""
    return dataset.startswith(PREFIX)


def absent(name: Path | str, cure: str) -> Esp8kError:
    """The refusal of what is no folder."""
    if str(name).lower().endswith(".zip"):
        return Esp8kError(
            f"{name} is no folder yet", f"unzip {name}, name what it gives"
        )
    return Esp8kError(f"there is no folder {name}", cure)


def load(dataset: str) -> tuple[Arrays, Arrays, tuple[str, ...], str]:
    """(training images, test images, class names, sha256) of `folder:PATH`."""
    root = Path(dataset.removeprefix(PREFIX))
    if dataset == PREFIX or not root.is_dir():
        cure = "DATASET=folder:PATH, with a folder of pictures for each class"
        raise absent(dataset.removeprefix(PREFIX) or "without a name", cure)
    places = class_folders(root)
    if not LEAST <= len(places) <= MOST:
        raise Esp8kError(
            f"{root} holds {len(places)} class folders", f"{LEAST} to {MOST} of them"
        )
    parts = [_class(place) for place in places]
    sets: list[Arrays] = []
    for held in (False, True):
        chosen = [images[_held(len(images)) == held] for images in parts]
        counts = [len(images) for images in chosen]
        labels = np.repeat(np.arange(len(parts)), counts).astype(np.uint8)
        order = np.random.default_rng(SEED).permutation(len(labels))
        sets.append((np.concatenate(chosen)[order], labels[order]))
    digest = hashlib.sha256()
    for array in (*sets[0], *sets[1]):
        digest.update(array.tobytes())
    return sets[0], sets[1], _names(root, places), digest.hexdigest()


def _held(count: int) -> np.ndarray:
    """Which of a class's pictures are held out, (count,) bool; one at least."""
    held = np.zeros(count, bool)
    order = np.random.default_rng(SEED).permutation(count)
    held[order[: max(1, count // HELD_OUT)]] = True
    return held


def _class(place: Path) -> np.ndarray:
    """The pictures of one class, (N, 28, 28) uint8, in the order of their names."""
    files = files_of(place)
    if len(files) < HELD_OUT:
        raise Esp8kError(
            f"{place} holds {len(files)} pictures",
            f"at least {HELD_OUT}; a hundred of a class do well",
        )
    return np.stack([picture(path) for path in files])


def class_folders(root: Path) -> list[Path]:
    """The folders of the classes, by name; hidden ones are none."""
    return sorted(p for p in root.iterdir() if p.is_dir() and p.name[0] != ".")


def files_of(place: Path) -> list[Path]:
    """The files of a class, by name; hidden ones are no pictures."""
    return sorted(p for p in place.iterdir() if p.is_file() and p.name[0] != ".")


def picture(path: Path) -> np.ndarray:
    """One file as (28, 28) uint8; grey 28x28 as it is, anything else prepared."""
    image = open_picture(path)
    if image.size == (SIDE, SIDE) and image.mode in ("L", "1"):
        return np.asarray(image.convert("L"), np.uint8)
    return read(image, str(path)).pixels


def _names(root: Path, places: list[Path]) -> tuple[str, ...]:
    """Of labels.txt, or of the folders."""
    names = [place.name for place in places]
    listed = root / "labels.txt"
    if listed.exists():
        lines = read_text(listed, "names of classes, one a line").splitlines()
        names = [line.strip() for line in lines if line.strip()]
        if len(names) != len(places):
            raise Esp8kError(
                f"{listed} has {len(names)} names for {len(places)} class folders",
                "one a line, in the order of the folders' names",
            )
    for name in names:
        if len(name) > LONGEST or not name.isprintable():
            cure = f"{LONGEST} characters at most, in labels.txt or as the folder"
            raise Esp8kError(f"{name!r} is no name of a class", cure)
    if len(set(names)) < len(names):
        raise Esp8kError(f"{root} has two classes of one name", "edit labels.txt")
    return tuple(names)
