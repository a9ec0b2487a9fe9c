"""MNIST, and data sets of its shape, as four arrays in memory.

torchvision names the files, knows their md5 sums and parses them; the four .gz files
lie in `training/data/<SET>/raw` (MNIST is committed there). Unpacked copies go below
the build folder: MNIST's, once whole, are read from there without torchvision, whose
import takes seconds. What is missing or damaged is downloaded by torchvision, and when
that fails too, one error names the file and the cure.

    esp8k data           # sizes and hash of the data
"""

import gzip
import hashlib
import os
import shutil
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np

from core import manifest
from core.cli import parse
from core.errors import Esp8kError
from core.files import replacing
from core.inputs import opened
from core.paths import ROOT, build_root
from core.program import run
from core.text import for_json
from training import folder as folders

MEAN, STD = 0.1307, 0.3081  # of MNIST's training pixels / 255; models expect them

DATASETS = {"mnist": "MNIST", "fashion": "FashionMNIST", "kmnist": "KMNIST"}
FASHION = (
    *("T-shirt", "trousers", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)
KMNIST = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
DIGITS = tuple("0123456789")
NAMES = {"mnist": DIGITS, "fashion": FASHION, "kmnist": KMNIST}
# sha256 over all four arrays: unpacked copies that give it need no second look.
HASHES = {"mnist": "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"}
PARTS = ("train", "t10k")
EMBEDDED = ROOT / "training" / "data"
# Debian's dataset-fashion-mnist 0.0~git20200523 compresses anew: the same files under
# other md5 sums, pinned here.
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
DEBIAN_MD5 = {
    "train-images-idx3-ubyte.gz": "cf8536b0aa1a6ac5fa3f23001093305c",
    "train-labels-idx1-ubyte.gz": "10bea18fdb374794d4bb42e356e600c9",
    "t10k-images-idx3-ubyte.gz": "f78720b4224f21cce2f2ccf2d7a94c9a",
    "t10k-labels-idx1-ubyte.gz": "0d30e22e447f3c33dab9ed536400ac01",
}
# Test images of MNIST whose label at least three of five people did not confirm, as
# published by C. Northcutt, A. Athalye and J. Mueller (labelerrors.com, 2021).
LABEL_ERRORS = (
    *(947, 1621, 1901, 2130, 2462, 2597, 2654, 3520),
    *(3558, 5937, 6651, 6783, 8527, 9679, 9729),
)
VALIDATION = 5_000  # training images held out while anything is being chosen
SPLIT_SEED = 20_260  # fixes which ones


@dataclass(frozen=True)
class Data:
    """A data set; `hash` is the sha256 over all four arrays."""

    name: str
    train_images: np.ndarray  # (N, 28, 28) uint8
    train_labels: np.ndarray  # (N,) uint8
    test_images: np.ndarray  # (N, 28, 28) uint8
    test_labels: np.ndarray  # (N,) uint8
    hash: str
    classes: tuple[str, ...] = DIGITS  # names, in the order of the labels


def load(dataset: str = "mnist") -> Data:
    """Read a data set, downloading it only if no good copy is at hand."""
    if folders.is_folder(dataset):
        (train_images, train_labels), (test_images, test_labels), names, digest = (
            folders.load(dataset)
        )
        own = train_images, train_labels, test_images, test_labels
        return Data(dataset, *own, digest, names)
    if dataset not in DATASETS:
        known = ", ".join([*DATASETS, "folder:PATH"])
        raise Esp8kError(f"no data set {dataset!r}", f"DATASET is one of: {known}")
    root = build_root() / "data"
    arrays = _unpacked(root / DATASETS[dataset] / "raw")
    digest = _hash(arrays)
    if digest != HASHES.get(dataset):
        arrays = _parsed(dataset, root)
        digest = _hash(arrays)
    train_images, train_labels, test_images, test_labels = arrays
    return Data(
        dataset,
        train_images,
        train_labels,
        test_images,
        test_labels,
        digest,
        NAMES[dataset],
    )


def _unpacked(folder: Path) -> list[np.ndarray]:
    """The four arrays of the unpacked copies; none where one is missing or cut."""
    arrays: list[np.ndarray] = []
    try:
        for part in PARTS:
            images = _bytes(folder / f"{part}-images-idx3-ubyte")
            labels = _bytes(folder / f"{part}-labels-idx1-ubyte")
            arrays += [images[16:].reshape(-1, 28, 28), labels[8:]]  # behind headers
    except (OSError, ValueError, Esp8kError):
        return []
    return arrays


def _bytes(path: Path) -> np.ndarray:
    with opened(path, "a file of the data set") as file:
        return np.fromfile(file, np.uint8)


def _parsed(dataset: str, root: Path) -> list[np.ndarray]:
    """The four arrays by torchvision, below `root` unpacked from good files."""
    kind = getattr(_datasets(), DATASETS[dataset])
    for name, md5 in kind.resources:
        _provide(kind, name, md5, root / kind.__name__ / "raw")
    arrays: list[np.ndarray] = []
    for train in (True, False):
        part = kind(root=str(root), train=train, download=False)
        arrays += [part.data.numpy(), part.targets.numpy().astype(np.uint8)]
    return arrays


def _datasets() -> Any:
    """torchvision's; its import, and torch's with it, takes seconds."""
    from training.vision import torchvision

    return torchvision().datasets


def _hash(arrays: list[np.ndarray]) -> str:
    sha256 = hashlib.sha256()
    for array in arrays:
        sha256.update(array.tobytes())
    return sha256.hexdigest()


def of_model(config: Mapping[str, Any]) -> Data:
    """The data set that a checkpoint's `config` says it was trained on.

    Whatever a model is judged on is its own: a net of fashion is not asked for digits.
    """
    return load(str(config.get("dataset", "mnist")))


def of_exported(folder: Path) -> Data:
    """The data set of the model in `build/<model>/`; MNIST before its first export."""
    if not manifest.exists(folder):
        return load()
    return of_model(manifest.read(folder).config)


def split(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the fixed 55,000/5,000 split: (fit, validate), each ascending."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
    return np.sort(order[VALIDATION:]), np.sort(order[:VALIDATION])


def _provide(kind: Any, name: str, md5: str, folder: Path) -> None:
    """See to it that `folder` holds the unpacked copy of the file `name`."""
    utils = _datasets().utils
    places = {EMBEDDED / kind.__name__ / "raw" / name: md5, folder / name: md5}
    if kind.__name__ == "FashionMNIST":
        places[DEBIAN / name] = DEBIAN_MD5[name]
    for packed, expected in places.items():
        if packed.exists() and utils.check_integrity(str(packed), expected):
            return _unpack(packed, folder / packed.stem)
    damaged = [p for p in places if p.exists()]
    _download(kind, name, md5, folder, damaged)
    _unpack(folder / name, (folder / name).with_suffix(""))


def _unpack(packed: Path, target: Path) -> None:
    """Decompress unless it was done: gzip's last four bytes are the plain size."""
    with opened(packed, "a file of the data set") as file:
        file.seek(-4, os.SEEK_END)
        (size,) = struct.unpack("<I", file.read(4))
    if target.exists() and target.stat().st_size == size:
        return
    with replacing(target) as partial:
        with gzip.open(packed) as source, partial.open("wb") as sink:
            shutil.copyfileobj(source, sink)


def _download(
    kind: Any, name: str, md5: str, folder: Path, damaged: list[Path]
) -> None:
    """Let torchvision fetch one file from its mirrors, or say what to do."""
    utils = _datasets().utils
    folder.mkdir(parents=True, exist_ok=True)
    for mirror in kind.mirrors:
        try:
            utils.download_url(f"{mirror}{name}", str(folder), filename=name, md5=md5)
            return
        except (URLError, RuntimeError, TimeoutError, ConnectionError):
            continue  # the next mirror may answer
    home = EMBEDDED / kind.__name__ / "raw" / name
    what = f"{damaged[0]} is damaged" if damaged else f"{home} is missing"
    cure = f"put a copy of {name} (md5 {md5}) at {home}"
    if kind.__name__ == "MNIST":
        cure = f"git checkout -- training/data, or {cure}"
    if kind.__name__ == "FashionMNIST":
        cure = f"apt-get install dataset-fashion-mnist, or {cure}"
    raise Esp8kError(f"{what}, and it could not be downloaded", cure)


@dataclass(frozen=True)
class Config:
    """Options of `esp8k data`."""

    dataset: str = "mnist"  # fashion, kmnist, or a folder of class folders: folder:PATH
    json: bool = False  # print it as JSON


def main(argv: Sequence[str] | None = None) -> None:
    """Print what the data set holds."""
    config = parse(Config, argv, "data", __doc__ or "")
    data = load(config.dataset)
    if config.json:
        told = {
            "dataset": config.dataset,
            "train": data.train_images.shape,
            "test": data.test_images.shape,
            "sha256": data.hash,
        }
        print(for_json(told))
        return
    print(f"train {data.train_images.shape}, test {data.test_images.shape}")
    print(f"sha256 {data.hash}")


if __name__ == "__main__":
    run(main)
