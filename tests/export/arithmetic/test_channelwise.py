"""Chains of constants for each channel become one table each, where it is worth it."""

import numpy as np
import pytest

from export.arithmetic import elementwise, unary
from export.arithmetic.channelwise import composed, with_tables
from export.graph.fusion import plan_stages
from export.graph.network import Network
from export.graph.read import read_tflite
from tools.bench.drawn.tflite_builder import TfliteBuilder

CHANNELS = 3
ALWAYS = 1 << 20  # bytes that a value may cost


def network(
    factors: list[int],
    side: int = 4,
    again: bool = False,
    shape: tuple[int, ...] = (1, 1, 1, CHANNELS),
) -> Network:
    """A 1x1 convolution, a MUL, an ADD from its other side, a max pool of 2x2."""
    b = TfliteBuilder()
    image = (1, side, side, CHANNELS)
    start, summed, product, end = (b.tensor(image, 0.1, z) for z in (0, -128, 3, -7))
    pooled = b.tensor((1, side // 2, side // 2, CHANNELS), 0.1, -7)
    weights = np.full((CHANNELS, 1, 1, CHANNELS), 50)
    scales = np.full(CHANNELS, 0.01, np.float32)
    window = {"strideH": 1, "strideW": 1, "padding": 1}
    inputs = [start, b.tensor(weights.shape, scales, 0, weights)]
    b.operator("CONV_2D", inputs, summed, **window)
    size = int(np.prod(shape))
    factor = b.tensor(shape, 0.02, 0, np.resize(factors, size).reshape(shape))
    b.operator("MUL", [summed, factor], product)
    term = b.tensor(shape, 0.05, 5, np.resize([9, -20, 30], size).reshape(shape))
    b.operator("ADD", [term, product], end)
    halves = {"strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}
    b.operator("MAX_POOL_2D", [end], pooled, padding=1, **halves)
    outputs = [pooled, product] if again else [pooled]
    return read_tflite(b.build([start], outputs), "net")


def test_a_chain_is_one_table_of_each_channel() -> None:
    before = network([40, 50, 60])
    after = with_tables(before, ALWAYS)
    kinds = [op.kind for op in after.operators]
    assert kinds == ["CONV_2D", "MAX_POOL_2D", "CHANNEL_TABLE"]
    table = after.operators[2]
    assert table.shown == "MUL, ADD"
    conv, product, total, _ = before.operators
    found = unary.table(after, table)
    for channel in range(CHANNELS):
        u = np.zeros((256, CHANNELS), np.int64)
        u[:, channel] = np.arange(-128, 128)
        factor, term = (
            before.tensors[i].data.reshape(CHANNELS)  # type: ignore[union-attr]
            for i in (product.inputs[1], total.inputs[0])
        )
        y = elementwise.binary(before, product, u, factor)
        y = elementwise.binary(before, total, term, y)
        assert np.array_equal(found[channel], y[:, channel])


@pytest.mark.parametrize(
    ("factors", "kinds"),
    [
        ([40, 50, 60], [["CONV_2D", "MAX_POOL_2D", "CHANNEL_TABLE"]]),
        ([40, -50, 60], [["CONV_2D", "CHANNEL_TABLE"], ["MAX_POOL_2D"]]),
    ],
)
def test_a_pool_is_taken_before_only_where_every_table_rises(
    factors: list[int], kinds: list[list[str]]
) -> None:
    stages = plan_stages(with_tables(network(factors), ALWAYS))
    assert [[op.kind for op in stage.operators] for stage in stages] == kinds


def test_an_engine_without_such_tables_has_them_apart() -> None:
    stages = plan_stages(with_tables(network([1, 2, 3]), ALWAYS), tables=False)
    heads = [stage.head.kind for stage in stages]
    assert heads == ["CONV_2D", "CHANNEL_TABLE"]
    assert stages[0].pool is not None


def test_what_is_read_between_stays() -> None:
    kinds = [
        op.kind for op in with_tables(network([1, 2, 3], again=True), ALWAYS).operators
    ]
    assert kinds == ["CONV_2D", "CHANNEL_TABLE", "CHANNEL_TABLE", "MAX_POOL_2D"]


def test_a_constant_of_other_places_stays() -> None:
    shape = (1, 1, 4, CHANNELS)
    kinds = [op.kind for op in with_tables(network([1], shape=shape), ALWAYS).operators]
    assert kinds == ["CONV_2D", "MUL", "ADD", "MAX_POOL_2D"]


def test_tables_that_are_seldom_read_are_not_worth_their_flash() -> None:
    least = network([1, 2, 3], side=2)
    assert len(with_tables(least, 16).operators) == 3  # an ADD has tables of its own
    bare = Network(
        least.name, least.tensors, least.operators[:2], (0,), (2,), least.sha256
    )
    assert len(with_tables(bare, 16).operators) == 2
    assert [op.kind for op in with_tables(bare, 64).operators][1] == "CHANNEL_TABLE"


def test_tables_behind_each_other_are_one() -> None:
    one, several = np.arange(256)[::-1], np.stack([np.arange(256), np.arange(256) // 2])
    assert np.array_equal(composed(None, one), one)
    assert np.array_equal(composed(one, several)[1], several[1][one])
    assert np.array_equal(composed(several, one)[1], one[several[1]])
    assert np.array_equal(composed(several, several)[1], several[1][several[1]])
