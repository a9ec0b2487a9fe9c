"""Models whose structure is damaged: one error of ours, or a network that runs.

Bytes that flip are tried in test_compile; here whole fields change, as a broken
converter or somebody with bad intent might write them.
"""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.errors import Esp8kError
from export.emit import lower
from export.emit.golden import random_values
from export.frontend.support import core_of, require_supported
from export.graph.flatbuffer import packed, unpacked
from export.graph.read import read_tflite
from export.reference import int8
from tests.support.random_operators import random_operators
from tools.bench.drawn.networks import random_network
from tools.bench.drawn.tflite_builder import TfliteBuilder

MUTANTS = int(os.environ.get("ESP8K_MUTANTS", 400))
SMALL = 20_000  # elements of all values: more takes too long here
SIZES = (-1, 0, 1, 2, 3, 7, 1 << 20, (1 << 31) - 1)
SCALES = (0.0, -1.0, 1e-45, 1e-30, 3e38, np.inf, np.nan)


class Mutator:
    """Changes one field of an unpacked model."""

    def __init__(self, model: Any, seed: int) -> None:
        self.model = model
        self.rng = np.random.default_rng(seed)

    def pick(self, choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    @property
    def tensor(self) -> Any:
        return self.pick(self.model.subgraphs[0].tensors)

    @property
    def operator(self) -> Any:
        return self.pick(self.model.subgraphs[0].operators)

    def index(self) -> int:
        count = len(self.model.subgraphs[0].tensors)
        return int(self.pick((-2, -1, 0, count, 1 << 30, *range(count))))

    def shape(self) -> None:
        tensor = self.tensor
        sizes = [int(s) for s in tensor.shape] if len(tensor.shape) else [1]
        sizes[int(self.rng.integers(len(sizes)))] = self.pick(SIZES)
        tensor.shape = np.array(sizes, np.int32)

    def rank(self) -> None:
        tensor = self.tensor
        count = int(self.rng.integers(7))
        tensor.shape = np.resize(np.array(tensor.shape, np.int32), count)

    def dtype(self) -> None:
        self.tensor.type = int(self.rng.integers(20))

    def buffer(self) -> None:
        self.tensor.buffer = int(self.rng.integers(len(self.model.buffers) + 1))

    def content(self) -> None:
        buffer = self.pick(self.model.buffers)
        if buffer.data is not None and len(buffer.data):
            data = np.array(buffer.data, np.uint8)
            size = int(self.rng.integers(len(data) + 4))
            buffer.data = np.resize(data, size)
            if size:
                buffer.data[int(self.rng.integers(size))] ^= 0x80

    def quantization(self) -> None:
        q = self.tensor.quantization
        if q is None or q.scale is None:
            return
        what = int(self.rng.integers(4))
        if what == 0:
            q.scale = np.array([self.pick(SCALES)] * len(q.scale), np.float32)
        elif what == 1:
            q.zeroPoint = np.array([self.pick((-(2**40), -129, 200, 2**40))])
        elif what == 2:
            q.quantizedDimension = int(self.pick((-1, 1, 9, 1 << 30)))
        else:
            q.scale = np.resize(q.scale, int(self.rng.integers(4)))

    def operand(self) -> None:
        op = self.operator
        op.inputs = np.array(op.inputs, np.int32)
        if len(op.inputs):
            op.inputs[int(self.rng.integers(len(op.inputs)))] = self.index()

    def operands(self) -> None:
        op = self.operator
        op.inputs = np.resize(np.array(op.inputs, np.int32), int(self.rng.integers(5)))

    def output(self) -> None:
        op = self.operator
        op.outputs = np.array([self.index()] * int(self.rng.integers(3)), np.int32)

    def kind(self) -> None:
        code = self.pick(self.model.operatorCodes)
        code.builtinCode = int(self.rng.integers(210))
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)

    def code(self) -> None:
        self.operator.opcodeIndex = int(self.rng.integers(6))

    def option(self) -> None:
        options = self.operator.builtinOptions
        names = (
            [k for k, v in vars(options).items() if isinstance(v, int)]
            if options
            else []
        )
        if names:
            value = self.pick((-1, 0, 1, 2, 3, 5, 100, 1 << 30))
            name = self.pick(names)
            plain = "padding" in name.lower() or "activation" in name.lower()
            setattr(options, name, int(value) % 100 if plain else int(value))

    def ends(self) -> None:
        graph = self.model.subgraphs[0]
        found = np.array([self.index()] * int(self.rng.integers(1, 3)), np.int32)
        if self.rng.integers(2):
            graph.inputs = found
        else:
            graph.outputs = found

    def order(self) -> None:
        graph = self.model.subgraphs[0]
        graph.operators = graph.operators[::-1]

    def gone(self) -> None:
        graph = self.model.subgraphs[0]
        del graph.operators[int(self.rng.integers(len(graph.operators)))]


CHANGES: tuple[Callable[[Mutator], None], ...] = tuple(
    change
    for name, change in vars(Mutator).items()
    if callable(change) and name not in ("__init__", "pick", "index")
)


def mutant(seed: int) -> bytes | None:
    """The bytes of a damaged model; None where it cannot even be written."""
    make = random_operators if seed % 2 else random_network
    mutator = Mutator(unpacked(make(seed % 40)), seed)
    try:
        for _ in range(1 + seed % 3):
            mutator.pick(CHANGES)(mutator)
        return packed(mutator.model)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def test_a_damaged_structure_gives_one_error_or_a_sound_network() -> None:
    passed = refused = 0
    for seed in range(MUTANTS):
        raw = mutant(seed)
        if raw is None:
            continue
        try:
            network, _ = core_of(read_tflite(raw, "damaged"))
            require_supported(network)
        except Esp8kError as error:
            assert error.message and error.hint, f"seed {seed}"
            refused += 1
            continue
        if sum(t.size for t in network.tensors) < SMALL:
            int8.sequence(network, random_values(network, 2, 0))
            lower.int8(network, "balanced", "net")
            passed += 1
    assert passed > MUTANTS // 20 and refused > MUTANTS // 5


def test_a_bias_of_another_size_is_damage() -> None:
    b = TfliteBuilder()
    start, end = b.tensor((1, 3), 0.1), b.tensor((1, 4), 0.1)
    weights = b.tensor((4, 3), 0.1, 0, np.ones((4, 3)))
    bias = b.tensor((2,), 0.01, 0, np.ones(2), "int32")
    b.operator("FULLY_CONNECTED", [start, weights, bias], end)
    with pytest.raises(Esp8kError, match="bias of another size"):
        require_supported(core_of(read_tflite(b.build([start], [end]), "net"))[0])
