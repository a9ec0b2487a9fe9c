"""The host's own answer: the exported model in numpy, bit-exact with the device.

    host = Host("v2")
    raw = host.logits("int8", images)     # (N, 10) int8, what the device must send
    real = host.real("int8", raw)         # float32, dequantised

int8 follows TFLite Micro's integer arithmetic, f16 the generated C's float32 with
weights stored as binary16. Both read only what `make export` wrote.
"""

from functools import cached_property

import numpy as np

from core import manifest, paths, pixels
from core.doubt import Doubt, sixteenths
from core.errors import Esp8kError
from core.probability import probabilities
from core.text import one_line
from core.words import ENGINES
from export.emit import decide
from export.graph.network import Network
from export.graph.read import read_tflite
from export.reference import float16, int8
from tools.link.messages import engine_number

NAME = 40  # characters of a class's name
FILES = {"int8": "model_int8.tflite", "f16": "model_fp16.tflite"}


class Host:
    """One exported model, as the host computes it."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.folder = paths.model_dir(model)
        self.manifest = manifest.read(self.folder)
        self.weights_hash = self.manifest.weights_hash

    @cached_property
    def networks(self) -> dict[str, Network]:
        """The quantized and the half-precision graph."""
        cure = f"run: make export MODEL={self.model}"
        for name in FILES.values():
            if not (self.folder / name).exists():
                raise Esp8kError(f"{self.folder / name} is missing", cure)
        return {
            engine: read_tflite(self.folder / name, self.model)
            for engine, name in FILES.items()
        }

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits."""
        return tuple(one_line(name, NAME) for name in self.manifest.classes)

    def logits(self, engine: str, images: np.ndarray) -> np.ndarray:
        """Raw logits of (N, 28, 28) uint8: (N, 10) int8 or float32."""
        network = self.networks[ENGINES[engine_number(engine)]]
        if engine == "f16":
            return np.asarray(float16.outputs(network, images), np.float32)
        shape = network.tensors[network.inputs[0]].shape
        out = int8.outputs(network, pixels.to_int8(images).reshape(-1, *shape[1:]))
        return out.reshape(len(images), -1)

    def real(self, engine: str, logits: np.ndarray) -> np.ndarray:
        """Raw logits as real numbers."""
        if engine == "f16":
            return np.asarray(logits, np.float32)
        out = self.manifest.output
        shifted = np.asarray(logits, np.float32) - np.float32(out.zero_point)
        return shifted * np.float32(out.scale)

    def probabilities(self, engine: str, logits: np.ndarray) -> np.ndarray:
        """Softmax of raw logits (..., 10), at the model's temperature if it has one."""
        return probabilities(self.real(engine, logits), self.manifest.temperature)

    @property
    def doubt(self) -> Doubt | None:
        """How sure an answer is; None where the model knows no digits."""
        return self.manifest.doubt

    def decision(
        self, engine: str, images: np.ndarray, logits: np.ndarray
    ) -> np.ndarray | None:
        """SURE, UNSURE or NO_DIGIT of (N, 28, 28) and their raw logits (N, 10).

        The integers that the component's <model>_decide() computes.
        """
        if self.doubt is None:
            return None
        if engine == "f16":
            wide = sixteenths(logits)
        else:
            out = self.manifest.output
            wide = decide.sixteenths(logits, out.scale, out.zero_point)
        return self.doubt.decide(images, wide)
