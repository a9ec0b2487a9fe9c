"""The right answers, by the host's reference: logits of images and their stages."""

import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.words import ENGINES
from export.plan.record import load_plan
from export.reference.stages import stage_outputs
from tools.classify.host import Host

IMAGES = 32
STAGED = 4  # of them, whose every stage is known
KEPT = 256  # logits of images that came about in a buffer


@dataclass(frozen=True)
class Answer:
    """What an engine says of an image."""

    label: int
    logits: tuple[float, ...]  # raw ones


class Oracle:
    """One exported model; may be asked from several threads."""

    def __init__(self, model: str, seed: int) -> None:
        from training.data import of_exported

        self.host = Host(model)
        test = np.asarray(of_exported(self.host.folder).test_images)
        draw = np.random.default_rng(seed)
        self.images = test[draw.choice(len(test), IMAGES, replace=False)]
        self.answers: dict[str, list[Answer]] = {e: self._answers(e) for e in ENGINES}
        plan = load_plan(self.host.folder / "plan.json")
        self.identity: int = plan.identity_crc
        self.stages: dict[str, list[list[bytes]]] = {
            e: [
                [s.tobytes() for s in stage_outputs(plan, self.host.networks[e], image)]
                for image in self.images[:STAGED]
            ]
            for e in ENGINES
        }
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, bytes], Sequence[float]] = {}

    def crcs(self, engine: str, number: int) -> list[int]:
        """CRC-32 of each stage of image `number` < STAGED."""
        return [zlib.crc32(stage) for stage in self.stages[engine][number]]

    def real(self, engine: str, image: bytes) -> Sequence[float]:
        """Logits of any 784 bytes, as real values."""
        with self._lock:
            key = engine, image
            if key not in self._kept:
                if len(self._kept) >= KEPT:
                    self._kept.clear()
                pixels = np.frombuffer(image, np.uint8).reshape(1, 28, 28)
                raw = self.host.logits(engine, pixels)[0]
                self._kept[key] = self.host.real(engine, raw).astype(float).tolist()
            return self._kept[key]

    def _answers(self, engine: str) -> list[Answer]:
        rows = self.host.logits(engine, self.images)
        return [Answer(int(row.argmax()), tuple(map(float, row))) for row in rows]
