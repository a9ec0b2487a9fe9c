"""A device and a host that need neither firmware nor an exported model."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import DeviceError
from tests.support.exported import TOLD
from tools.link.client import Result

HASH = TOLD.weights_hash
SCALE, ZERO = 0.125, 3
STAGES = [{"engine": engine, "shape": [1, 1, 10]} for engine in ("int8", "f16")]


def logits(engine: str, images: np.ndarray) -> np.ndarray:
    """Deterministic, different for every image: ten sums over rows of pixels."""
    flat = np.asarray(images).reshape(len(images), 784).astype(np.int64)
    sums = np.stack([flat[:, k * 78 : (k + 1) * 78].sum(1) for k in range(10)], 1)
    if engine == "int8":
        return (sums // 157 - 60).astype(np.int8)
    return (sums / np.float32(1000)).astype(np.float32)


class FakeHost:
    """As tools.classify.host.Host."""

    def __init__(self, folder: Path) -> None:
        self.model, self.folder, self.weights_hash = "v2", folder, HASH
        self.manifest = TOLD
        self.classes = tuple(map(str, range(10)))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "plan.json").write_text(
            json.dumps({"weights_hash": HASH, "identity_crc": 1, "stages": STAGES})
        )

    def logits(self, engine: str, images: np.ndarray) -> np.ndarray:
        return logits(engine, images)

    def real(self, engine: str, raw: np.ndarray) -> np.ndarray:
        raw = np.asarray(raw, np.float32)
        return raw if engine == "f16" else (raw - ZERO) * np.float32(SCALE)

    def probabilities(self, engine: str, raw: np.ndarray) -> np.ndarray:
        power = np.exp(self.real(engine, raw).astype(np.float64))
        return power / power.sum(-1, keepdims=True)

    doubt = None  # it is sent no frames of a camera
    decided: int | None = None  # SURE, UNSURE, NO_DIGIT; None: it has no doubt

    def decision(
        self, engine: str, images: np.ndarray, raw: np.ndarray
    ) -> np.ndarray | None:
        return None if self.decided is None else np.full(len(raw), self.decided)


@dataclass(frozen=True)
class FakeIdentity:
    """The fields that tools/ reads."""

    model: str = "v2"
    weights_hash: str = HASH
    identity_crc: int = 1
    board: str = "fake"
    counter: str = "instructions"
    engines: tuple[str, ...] = ("int8", "f16")
    classes: int = 10

    def stages(self, engine: str) -> int:
        return 1


class FakeDevice:
    """Answers as `logits` says; breaks off after `until` answers if told so."""

    def __init__(
        self,
        until: int | None = None,
        flip: int | None = None,
        identity: FakeIdentity | None = None,
        count: int | None = None,
        resets: int = 0,
    ) -> None:
        self.identity = identity or FakeIdentity()
        self.until, self.flip, self.count = until, flip, count
        self.resets = resets
        self.given = 0

    def infer(self, engine: str, image: np.ndarray) -> Result:
        if self.until is not None and self.given >= self.until:
            raise DeviceError("the port is gone", "plug it in")
        raw = logits(engine, image[None])[0]
        if self.flip == self.given:
            raw = raw.copy()
            raw[int(raw.argmin())] = 127 if engine == "int8" else 1e3
        self.given += 1
        return Result(int(raw.argmax()), raw, 100 + self.given, self.count)

    def infer_many(
        self, engine: str, images: np.ndarray, progress: Any = None
    ) -> Iterator[Result]:
        for image in images:
            yield self.infer(engine, image)


def opener(*devices: FakeDevice) -> Any:
    """Opens the given devices one after the other, the last one ever after."""
    waiting = list(devices)

    @contextmanager
    def open_next() -> Iterator[FakeDevice]:
        yield waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return open_next


def some_images(count: int, seed: int = 0) -> np.ndarray:
    """Noise that stands for digits."""
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), np.uint8)
