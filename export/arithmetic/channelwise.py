"""Chains of operators that depend on one byte and its channel, as one table each.

    network = with_tables(network, 16)

A batch norm behind a ReLU is a MUL and an ADD by constants of each channel: of one
byte, whatever is done to it, there are 256 results. So all of the chain becomes a
CHANNEL_TABLE, which a convolution looks up as it stores (`export.graph.fusion`):
nothing goes through the activations again, and no byte differs. The tables take
flash, so a chain is left as it is where they would be read too seldom.
"""

import dataclasses

import numpy as np

from export.arithmetic import elementwise, int8, unary
from export.graph import fusion
from export.graph.attributes import Table
from export.graph.geometry import hwc
from export.graph.kinds import CHANNEL_TABLE, CONV_KINDS, UNARY_KINDS
from export.graph.network import Network, Operator, numbered

ENTRIES = 256  # of a table, a byte each
SAVED = {"ADD": 1024, "SUB": 1024}  # bytes of constants that such a kernel has

Link = tuple[int, np.ndarray]  # the tensor that is read, int8 (C, 256) or (256,)


def with_tables(network: Network, worth: int) -> Network:
    """With a CHANNEL_TABLE for each chain whose tables are worth their flash.

    `worth`: bytes that may be taken for each value that the chain went through.
    """
    links = {op.index: _link(network, op) for op in network.operators}
    readers = network.readers()
    made: dict[int, Operator] = {}  # by the last operator of a chain
    gone: set[int] = set()
    for op in network.operators:
        chain = _chain(network, op, links, readers)
        if op.index in gone or not _is_worth(network, chain, worth):
            continue
        gone.update(member.index for member in chain)
        made[chain[-1].index] = _table(chain, links)
    operators = [
        made.get(op.index, op)
        for op in network.operators
        if op.index in made or op.index not in gone
    ]
    return _pools_first(dataclasses.replace(network, operators=numbered(operators)))


def composed(first: np.ndarray | None, then: np.ndarray) -> np.ndarray:
    """One table behind another; both by u, (256,) or (C, 256)."""
    if first is None:
        return then
    if then.ndim == 1:
        return np.asarray(then[first])
    if first.ndim == 1:
        return then[:, first]
    return np.take_along_axis(then, first, 1)


def _link(network: Network, op: Operator) -> Link | None:
    """What `op` makes of each byte, of each channel where that matters."""
    if op.kind in UNARY_KINDS:
        return op.inputs[0], unary.table(network, op)
    if op.kind not in elementwise.BINARY or op.kind == "DIV":
        return None
    first, second = (network.tensors[i] for i in op.inputs[:2])
    at = 1 if first.data is None else 0  # of the constant
    source, constant = (first, second) if at else (second, first)
    shape, channels = network.output(op).shape, hwc(network.output(op).shape)[2]
    data = constant.data
    if source.data is not None or data is None or data.dtype != np.int8:
        return None
    if source.shape != shape or channels != shape[-1] or data.size != channels:
        return None
    if constant.shape[-1:] != (channels,):
        return None
    own, every = data.reshape(-1, 1), int8.ALL_INT8[None]
    pair = (every, own) if at else (own, every)
    return source.index, elementwise.binary(network, op, *pair)


def _chain(
    network: Network,
    start: Operator,
    links: dict[int, Link | None],
    readers: dict[int, list[Operator]],
) -> list[Operator]:
    """From `start` to the last operator by channels; empty where there is none."""
    chain, whole, op = [start], 0, start
    while (link := links[op.index]) is not None:
        whole = len(chain) if link[1].ndim == 2 else whole
        found = readers.get(op.outputs[0], [])
        if len(found) != 1 or op.outputs[0] in network.ends:
            break
        op = found[0]
        chain.append(op)
    return chain[:whole]


def _is_worth(network: Network, chain: list[Operator], worth: int) -> bool:
    if not chain:
        return False
    height, width, channels = hwc(network.output(chain[-1]).shape)
    saved = sum(SAVED.get(op.kind, 0) for op in chain)
    seen = height * width * channels * worth
    return channels > 1 and ENTRIES * channels - saved <= seen


def _table(chain: list[Operator], links: dict[int, Link | None]) -> Operator:
    values: np.ndarray | None = None
    for op in chain:
        link = links[op.index]
        assert link is not None
        # u of what is given: the next table's index
        values = composed(values, link[1].astype(np.int64) + 128)
    assert values is not None
    first = links[chain[0].index]
    assert first is not None
    return Operator(
        -1,
        CHANNEL_TABLE,
        (first[0],),
        chain[-1].outputs,
        Table(
            values=(values - 128).astype(np.int8),
            of=", ".join(op.kind for op in chain),
        ),
    )


def _pools_first(network: Network) -> Network:
    """A pool that a convolution can take stands before a table that only rises.

    So an engine whose convolutions look up no table still takes the pool with them.
    """
    readers, operators = network.readers(), list(network.operators)
    tensors = list(network.tensors)
    sums = {op.outputs[0] for op in operators if op.kind in CONV_KINDS}
    for at, table in enumerate(operators):
        if table.kind != CHANNEL_TABLE or table.outputs[0] in network.ends:
            continue
        source, users = table.inputs[0], readers.get(table.outputs[0], [])
        if source not in sums or len(readers[source]) != 1 or len(users) != 1:
            continue
        (pool,) = users
        if not fusion.is_side_by_side(pool) or not fusion.rises(table):
            continue
        shape, value = network.output(pool).shape, len(tensors)
        tensors.append(dataclasses.replace(tensors[source], index=value, shape=shape))
        operators[at] = dataclasses.replace(pool, inputs=(source,), outputs=(value,))
        later = operators.index(pool)
        operators[later] = dataclasses.replace(
            table, inputs=(value,), outputs=pool.outputs
        )
    return dataclasses.replace(
        network, tensors=tuple(tensors), operators=numbered(operators)
    )
