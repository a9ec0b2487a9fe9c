"""An LSTM by MAC16 and MULSH, through the models of their instructions."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from core.pixels import to_bytes
from export.arithmetic import curves, int8, recurrent
from export.emit import lower
from export.emit.generate import flags, generate
from export.kernels import registry
from export.kernels.kernel import Kernel
from export.kernels.lx6 import exact
from export.kernels.lx6.assembly import Block
from export.kernels.lx6.layer import words
from export.kernels.lx6.lstm import Lx6Lstm
from export.kernels.lx6.lstm_cell import FREE, Cell
from export.kernels.lx6.text import instructions
from export.reference import int8 as reference
from tests.support.components import IDENTITY
from tests.support.lstm import BEYOND, EACH, STEEP, TOLD, Drawn, edged
from tests.support.native import TRAP, Native, kernels
from tools.bench import build, count, models

MODEL = ("-DNN_LX6_MODEL", "-O1")
NEAR = 0.05  # what the counted cost and the emulator may differ by
MOST = 280_000  # instructions of TOLD; portable C takes 613,000


@pytest.mark.parametrize("seed", range(20))
def test_a_sum_becomes_the_gate_that_tflite_has(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sums = tuple(
        exact.Sum(
            int(rng.integers(1 << 30, 1 << 31)),
            int(rng.integers(-12, 3)),
            (-int(rng.integers(1, 1 << 21)), int(rng.integers(1, 1 << 21))),
        )
        for _ in range(4)
    )
    found = exact.solve(sums)
    if found is None:  # the scales are too far from each other
        found, sums = exact.solve(sums[:1]), sums[:1]
    assert found is not None
    for one, c in zip(sums, found.channels, strict=True):
        t = rng.integers(*one.reach, 200_000, endpoint=True)
        t = np.concatenate([t, one.reach, np.arange(-3, 4).clip(*one.reach)])
        assert np.abs(t * c.scale).max() < 1 << 31
        v = (t * c.scale * c.multiplier) >> 32
        gate = (v + np.where(v < 0, c.negative, c.positive)) >> found.shift
        assert np.array_equal(gate, int8.requantize(t, one.mantissa, one.shift))
        inside = np.array_equal(gate, np.clip(gate, -32768, 32767))
        assert inside or not one.inside


def preferred(kernel: Kernel) -> float:
    """The price of a kernel: of a tiny layer portable C may take fewer instructions."""
    return 0 if isinstance(kernel, Lx6Lstm) else lower.cheapest(kernel)


def cells(k: recurrent.Lstm, gates: np.ndarray, cell: np.ndarray) -> list[np.ndarray]:
    """(new cell, hidden state) of gates (N, 4): the end of recurrent.lstm_step."""
    forget, entry, new, out = gates.astype(np.int64).T * 3
    kept = int8.requantize(curves.sigmoid16(forget) * cell, *k.forget)
    entered = curves.sigmoid16(entry) * curves.tanh16(new)
    added = curves.clamp16(int8.requantize(entered, *k.input))
    now = curves.clamp16(curves.clamp16(kept) + added)
    if k.clip:
        now = np.clip(now, -k.clip, k.clip)
    half = (1 << k.tanh_shift) >> 1
    curve = curves.tanh16((now * k.tanh_factor + half) >> k.tanh_shift)
    y = int8.requantize(curve * curves.sigmoid16(out), *k.output) + k.hidden_zero
    return [now, int8.clamp(y)]


@pytest.mark.parametrize("drawn", EACH, ids=lambda one: str(one.seed))
def test_a_cell_is_tflites_at_every_gate(drawn: Drawn, tmp_path: Path) -> None:
    network = drawn.network()
    op = next(o for o in network.operators if o.kind.endswith("LSTM"))
    k = recurrent.lstm(network, op)
    cell = Cell(k, aligned=drawn.anew)
    assert cell.applies
    each = np.arange(-32768, 32768)
    rng = np.random.default_rng(drawn.seed)
    turned = [each, *(rng.permutation(each) for _ in range(4))]
    ends = rng.choice([-32768, -1, 0, 1, 32767], (5, 4096))
    *gates, before = np.concatenate([np.stack(turned), ends], 1)
    gates = np.stack(gates, 1).astype(np.int32)
    n, block, unit = len(gates), Block(), cell.block()
    unit.op("ADDI", "n", "n", -1)
    block.repeat("units", "n", n, unit)
    head = "void cells(const int32_t *gates, uint8_t *cell, uint8_t *hidden)"
    places = {"g": "(uintptr_t)gates", "c": "(uintptr_t)cell"}
    places |= {"h": "(uintptr_t)hidden", "n": f"{n}u"}
    given = {"t": "(uintptr_t)curve", "nil": "0u"}
    code = instructions(head, places, FREE, given, block)
    text = f'#include "nn_lx6.h"\n{words(cell.table, "curve")}{head};\n{code}\n'
    library = kernels(tmp_path, text, *MODEL, *TRAP)
    held, hidden = before.astype(np.int16), np.zeros(n, np.uint8)
    pointers = (ctypes.c_void_p(x.ctypes.data) for x in (gates, held, hidden))
    library.cells(*pointers)
    now, y = cells(k, gates, before)
    assert np.array_equal(held, now)
    assert np.array_equal(hidden.astype(np.int16) - 128, y)


@pytest.mark.parametrize("drawn", (*EACH, STEEP), ids=lambda one: str(one.seed))
def test_a_layer_gives_the_references_bits(drawn: Drawn, tmp_path: Path) -> None:
    network, profile = drawn.network(), ("balanced", "speed")[drawn.seed % 2]
    engine = lower.int8(network, profile, "net", preferred, registry.LX6)
    assert any(isinstance(kernel, Lx6Lstm) for kernel in engine.kernels)
    generate(network, None, tmp_path, profile, "net", IDENTITY, preferred)
    native = Native(tmp_path, tmp_path / "native", options=(*MODEL, *TRAP))
    inputs = edged(network, 12, drawn.seed)
    shaped = inputs.reshape(-1, *network.tensors[network.inputs[0]].shape[1:])
    (expected,) = reference.sequence(network, [shaped])
    found = native.run("int8", to_bytes(inputs))
    assert np.array_equal(found, expected.reshape(found.shape))


def test_scales_above_one_are_within_reach_up_to_a_point() -> None:
    for drawn, taken in ((STEEP, True), (BEYOND, False)):
        network = drawn.network()
        op = next(o for o in network.operators if o.kind.endswith("LSTM"))
        sides = recurrent.sides(recurrent.lstm(network, op))
        assert all(shift > 0 for side in sides for _, shift in side.scales)
        engine = lower.int8(network, "balanced", "net", preferred, registry.LX6)
        assert any(isinstance(one, Lx6Lstm) for one in engine.kernels) == taken


def test_size_keeps_weights_of_8_bits_and_portable_c() -> None:
    engine = lower.int8(TOLD.network(), "size", "net", core=registry.LX6)
    assert not any(isinstance(kernel, Lx6Lstm) for kernel in engine.kernels)


@pytest.mark.emulator
def test_the_emulated_core_gives_the_bits_within_the_budget(tmp_path: Path) -> None:
    network = TOLD.network()
    plan = generate(network, None, tmp_path / "c", "balanced", "net", IDENTITY)
    inputs = edged(network, 3, 0)
    program = models.program(tmp_path / "c", plan, "int8")
    images = to_bytes(inputs)
    built = build.build(program, "lx6", flags("xtensa"), images, tmp_path / "b")
    counted = count.count(built, images)
    expected = reference.outputs(network, inputs.reshape(-1, 20, 8)).reshape(3, -1)
    assert np.array_equal(counted.outputs.view(np.int8), expected)
    assert counted.instructions <= MOST
    engine = lower.int8(network, "balanced", "net", core=registry.LX6)
    foretold = sum(kernel.cost("lx6") for kernel in engine.kernels)
    assert foretold == pytest.approx(counted.instructions, rel=NEAR)
