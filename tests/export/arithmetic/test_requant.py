"""Cheap requantisation equals TFLite's on every accumulator that can occur."""

import numpy as np
import pytest

from export.arithmetic import (
    envelope,
    fixedpoint,
    int8,
    recurrent,
    requant,
    requant_checked,
    requant_proof,
    requant_stage,
)
from export.frontend.support import core_of
from export.graph.fusion import plan_stages
from export.graph.read import read_tflite
from export.kernels.int8 import lstm
from tests.support.components import Networks
from tools.bench.drawn.recurrent import Recurrent

CHUNK = 1 << 18


def check_layer(networks: Networks, model: str, name: str, scale: int) -> str:
    """Compare both functions over the whole reachable range, channel by channel."""
    network = networks(model)[0]
    stage = next(s for s in plan_stages(network) if s.name == name)
    op = stage.head
    flat = stage.flat_weights()
    table = requant_stage.table(stage)
    found = requant_stage.weighted(stage, table, scale)
    follows = np.arange(256) if table is None else table
    bias = requant_stage.folded_bias(stage)
    mantissas, shifts = int8.channel_multipliers(network, op)
    out = network.output(op)
    low, high = (b + 128 for b in int8.activation_range(op, out))
    for c, row in enumerate(flat):
        least = 255 * int(np.minimum(row, 0).sum())
        greatest = 255 * int(np.maximum(row, 0).sum())
        for start in range(least, greatest + 1, CHUNK):
            sums = np.arange(start, min(start + CHUNK, greatest + 1))
            exact = int8.requantize(sums + bias[c], mantissas[c], shifts[c])
            exact = np.clip(exact + out.zero_point + 128, low, high)
            ours = requant.evaluate(found, c, sums * scale)
            assert np.array_equal(follows[ours], follows[exact]), f"channel {c}"
    return found.form


@pytest.mark.parametrize("name", ["conv1", "dense1"])
def test_every_sum_of_a_small_layer_is_requantised_exactly(
    networks: Networks, name: str
) -> None:
    assert check_layer(networks, "v2", name, 1) != "wide"


def test_sums_scaled_by_winograd_are_requantised_exactly(networks: Networks) -> None:
    assert check_layer(networks, "v2", "conv1", 4) != "wide"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "name"),
    [
        (model, name)
        for model, convolutions in (("v1", 4), ("v2", 4), ("v3", 5))
        for name in (*(f"conv{i + 1}" for i in range(convolutions)), "dense1")
    ],
)
def test_every_sum_of_every_layer_is_requantised_exactly(
    networks: Networks, model: str, name: str
) -> None:
    assert check_layer(networks, model, name, 1) != "wide"


@pytest.mark.slow
def test_large_sums_are_requantised_exactly_in_three_parts(networks: Networks) -> None:
    assert check_layer(networks, "v1", "conv4", 1) == "triple"


def test_what_has_no_narrow_form_stays_wide() -> None:
    # Two steps one accumulator apart, then a thousand: no line passes there.
    steps = [requant.Steps(0, 1 << 30, -9, -5000, 5000, np.array([0, 1, 4000]))]
    found = requant_proof.solve(steps, np.array([1, 2, 3]), 0, 3, 0)
    assert found.form == "wide"


def test_thresholds_are_the_first_accumulators_of_their_value() -> None:
    at = requant_proof.thresholds(lambda x: x // 10, np.arange(1, 8), -5, 60)
    assert at.tolist() == [10, 20, 30, 40, 50, 60, 61]
    for guess in (at, at + 1, at - 9, np.full(7, -(1 << 62)), np.full(7, 1 << 62)):
        near = requant_proof.thresholds(
            lambda x: x // 10, np.arange(1, 8), -5, 60, guess
        )
        assert np.array_equal(near, at)


def test_what_cannot_be_outermost_changes_no_bound() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        slopes, starts = rng.integers(-99, 99, 200), rng.integers(-9999, 9999, 200)
        points = np.arange(200, 260)[:, None]
        curves = -(-starts // points) + slopes  # each rises or falls throughout
        kept = envelope.highest(curves[::10])
        assert 0 < kept.sum() < 100
        assert np.array_equal(curves[:51, kept].max(1), curves[:51].max(1))
        kept = envelope.lowest(curves[::10])
        assert 0 < kept.sum() < 100
        assert np.array_equal(curves[:51, kept].min(1), curves[:51].min(1))


@pytest.mark.parametrize("scale", [1, 4])
@pytest.mark.parametrize("zero", [0, 121])
def test_the_checked_form_is_exact_on_both_sides_of_zero(zero: int, scale: int) -> None:
    """Over all accumulators of channels of which one never wakes."""
    goals, steps = np.arange(1, 256), []
    for real, least, greatest in (
        (2.0**-9.7, -300_000, 280_000),
        (2.0**-11.3, -500_000, 500_000),
        (2.0**-10, -400_000, -10_000 * zero - 5),
    ):
        mantissa, shift = int8.multiplier(real)

        def function(acc: np.ndarray, m: int = mantissa, s: int = shift) -> np.ndarray:
            return np.clip(int8.requantize(acc, m, s) + zero, 0, 255)

        at = requant_proof.thresholds(function, goals, least, greatest)
        steps.append(requant.Steps(-77, mantissa, shift, least, greatest, at))
    found = requant_checked.solve(steps, goals, 0, 255, zero, scale)
    assert found is not None
    for c, one in enumerate(steps):
        acc = np.arange(one.least, one.greatest + 1)
        exact = np.clip(int8.requantize(acc, one.mantissa, one.shift) + zero, 0, 255)
        ours = requant.evaluate(found, c, (acc + 77) * scale)
        assert np.array_equal(ours, exact), c


@pytest.mark.parametrize("seed", range(3))
def test_the_gates_of_an_lstm_are_scaled_exactly(seed: int) -> None:
    """To all of int16: sixteen bits of steps, as no layer of bytes has them."""
    net = Recurrent(seed)
    end = net.lstm(net.value((1, 4, 5), 2.0**-6, 3)).index
    network, _ = core_of(read_tflite(net.builder.build([0], [end]), "net"))
    (op,) = (one for one in network.operators if one.kind.endswith("LSTM"))
    for side in recurrent.sides(recurrent.lstm(network, op)):
        found = lstm.to_gates(side)
        assert found.form != "wide"
        for gate, (scale, reach) in enumerate(
            zip(side.scales, side.reaches, strict=True)
        ):
            sums = np.arange(reach[0], reach[1] + 1)
            exact = np.clip(int8.requantize(sums, *scale), -32768, 32767)
            assert np.array_equal(requant.evaluate(found, gate, sums), exact)


NONE = np.zeros((1, 1, 4), np.int64)
ENDS = {
    "all sums round to one gate": (NONE + 60, (-7_000,) * 4, (2.0**-15,) * 4),
    "a constant below all others": (NONE, (-2459, 100, 0, -9), (0.014,) * 4),
    "the least sum lies on a step": (NONE, (-949, 400, 450, 460), (0.7641,) * 4),
    "beyond 16 bits": (NONE + 200, (-27_446,) * 4, (2.2527,) * 4),
    "checked below zero": (
        np.array([[[1, -1, -1, 0]], [[1, 0, 1, -1]]]),
        ((-3887, -2937, 549, -169), (3457, -2070, 2583, -2450)),
        (0.001343, 0.00013251, 0.013774, 0.016578),
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_gate_that_no_clamp_follows_is_exact_at_its_ends(name: str) -> None:
    weights, starts, reals = ENDS[name]
    side = recurrent.Side(
        weights, np.atleast_2d(starts), tuple(map(int8.multiplier, reals))
    )
    found = lstm.to_gates(side)
    for gate, (scale, reach) in enumerate(zip(side.scales, side.reaches, strict=True)):
        sums = np.arange(reach[0], reach[1] + 1)
        ours = requant.evaluate(found, gate, sums, clamp=False)
        ours, exact = (
            np.clip(x, -32768, 32767) for x in (ours, int8.requantize(sums, *scale))
        )
        assert np.array_equal(ours, exact), gate


@pytest.mark.parametrize("shift", [0, 1, 14, 29])
def test_a_power_of_two_scales_without_a_product(shift: int) -> None:
    """What nn_shifted computes is what TFLite's two roundings do."""
    edges = np.array([0, 1, 2, 1 << 14, 3 << 13, (1 << 30) - 1, 1 << 30])
    sums = np.concatenate([edges, -edges, np.arange(-70_000, 70_000)])
    found = fixedpoint.divide_by_power((sums + 1) >> 1, np.int64(shift))
    assert np.array_equal(found, int8.requantize(sums, 1 << 30, -shift))
