"""Which modules a weight goes through, from `generate` to the text of C."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import numpy as np

from core.paths import ROOT
from export.emit.generate import generate
from export.graph.network import Network
from export.graph.read import read_tflite
from tests.support.components import IDENTITY
from tools.bench.drawn.tflite_builder import TfliteBuilder
from tools.bench.drawn.values import VALID

PROOF = "export/arithmetic/requant_stage.py"  # reads them: bounds of sums


class Follower:
    """Modules that stand on the stack when a function returns with the weights.

    It has them where a local variable or its result is an array of just these
    numbers, in whatever order and type, or the C of them.
    """

    def __init__(self, weights: np.ndarray) -> None:
        self.numbers = np.sort(weights, axis=None)
        self.found: set[str] = set()

    def __call__(self, frame: FrameType, event: str, result: object) -> None:
        if event == "return" and _module(frame):
            values = [result, *frame.f_locals.values()]
            stack = list(_modules(frame))
            if PROOF not in stack and any(map(self._is_it, values)):
                self.found.update(stack)

    def _is_it(self, value: object) -> bool:
        size = self.numbers.size
        if isinstance(value, tuple) and len(value) == size:
            value = np.array([int(text) for text in value])
        if isinstance(value, list) and value and isinstance(value[0], str):
            numbers = re.findall(r"-?\d+", "".join(value))  # lines of C
            value = np.array(numbers if len(numbers) == size else [], np.int64)
        if not isinstance(value, np.ndarray) or value.size != size:
            return False
        return np.array_equal(np.sort(value, axis=None), self.numbers)


def _module(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__", "")
    return name.replace(".", "/") + ".py" if name.startswith("export.") else ""


def _modules(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        if _module(frame):
            yield _module(frame)
        frame = frame.f_back


def convolution(weights: np.ndarray) -> Network:
    """Of an image of 8x8; weights (O, Kh, Kw, I)."""
    builder, (channels, height, width, depth) = TfliteBuilder(), weights.shape
    x = builder.tensor((1, 8, 8, depth), 1 / 255, -128)
    w = builder.tensor(weights.shape, 0.01, 0, weights)
    y = builder.tensor((1, 9 - height, 9 - width, channels), 0.1)
    o = {"padding": VALID, "strideH": 1, "strideW": 1}
    o |= {"dilationHFactor": 1, "dilationWFactor": 1}
    builder.operator("CONV_2D", [x, w, -1], y, **o)
    return read_tflite(builder.build([x], [y]), "net")


def test_a_weight_goes_the_way_that_the_docs_tell(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    weights = random.integers(-127, 128, (5, 3, 3, 3)).astype(np.int8)
    network, follower = convolution(weights), Follower(weights)
    before = sys.getprofile()
    sys.setprofile(follower)
    try:
        generate(network, None, tmp_path, "balanced", "net", IDENTITY, lx6=False)
    finally:
        sys.setprofile(before)
    told = (ROOT / "docs" / "architecture.md").read_text()
    section = told.partition("## Follow one weight")[2].partition("Beside")[0]
    assert follower.found == set(re.findall(r"`(export/\S+\.py)`", section))
