"""The turns of a written-out loop that are an LSTM's steps, made its one operator.

    raw = taken_together(raw, starts)       # None: they are none, or not all of them

The last `starts` inputs of the graph stand for the zeros that its states begin with,
so that a first turn looks like those behind it. A step is told by what it computes. Of
the sums z of its four gates: c' = sigmoid(z_f) c + sigmoid(z_i) tanh(z_g), and
h' = sigmoid(z_o) tanh(c').
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from export.frontend.loops.layer import Layer, in_place
from export.frontend.tflite.real import with_float_constants
from export.graph.network import Network, Operator
from export.graph.read import read_tflite

Array = np.ndarray

ALONE = -1  # in place of a tensor: what is added as it is
SIGMOID, TANH = "LOGISTIC", "TANH"


def taken_together(raw: bytes, starts: int) -> bytes | None:
    """The model without those inputs, its LSTMs an operator each."""
    raw = with_float_constants(raw)
    network = read_tflite(raw, "a loop")
    steps = {step.cell: step for step in _Steps(network).found()}
    zeros = network.inputs[-starts:]
    layers = []
    for cell in zeros:
        for hidden in zeros:
            turns = list(_turns(steps, cell, hidden))
            if turns and _fits(network, turns, (cell, hidden)):
                layers.append(_layer(network, turns, hidden))
    return in_place(raw, layers, starts)


class Term(NamedTuple):
    """Of a gate's sums: a tensor times one of a constant's equal parts."""

    source: int
    constant: int
    part: int
    parts: int


Terms = list[Term]


@dataclass(frozen=True)
class Step:
    """One turn: the cell before it, both states behind it, (1, H) each; its gates."""

    cell: int
    new_hidden: int
    new_cell: int
    gates: tuple[Terms, ...]  # input, forget, cell, output: as the operator has them

    def row(self, hidden: int) -> int | None:
        """What all gates multiply beside a hidden state; None if that is not so."""
        read = [{term.source for term in gate} - {ALONE} for gate in self.gates]
        others = read[0] - {hidden}
        same = all(sources == read[0] for sources in read)
        return others.pop() if same and len(others) == len(read[0]) - 1 == 1 else None

    def read_as(self, names: dict[int, str]) -> list[list[tuple[str, int, int, int]]]:
        """The gates with names for tensors: the same for all steps of a layer."""
        return [sorted((names[t.source], *t[1:]) for t in gate) for gate in self.gates]


def _turns(
    steps: dict[int, Step], cell: int, hidden: int
) -> Iterator[tuple[int, Step]]:
    """(row, step) from the first one on, as long as they are of one layer."""
    layer = None
    while cell in steps:
        step = steps[cell]
        row = step.row(hidden)
        if row is None:
            return
        told = step.read_as({hidden: "hidden", row: "row", ALONE: ""})
        if layer not in (None, told):
            return
        yield row, step
        layer, hidden, cell = told, step.new_hidden, step.new_cell


def _fits(
    network: Network, turns: Sequence[tuple[int, Step]], states: tuple[int, int]
) -> bool:
    """Whether its rows are (1, I) each, and its states of one shape, (1, H)."""
    rows = [network.tensors[row].shape for row, _ in turns]
    made = [i for _, step in turns for i in (step.new_cell, step.new_hidden)]
    shapes = {network.tensors[i].shape for i in (*states, *made)}
    return len(shapes) == 1 and all(len(row) == 2 for row in rows)


def _layer(network: Network, turns: Sequence[tuple[int, Step]], hidden: int) -> Layer:
    row, first = turns[0]
    units = network.tensors[hidden].size

    def summed(source: int) -> Array:
        """(4, ...): what each gate has of it."""
        return np.stack([_sum(network, gate, source, units) for gate in first.gates])

    return Layer(
        rows=tuple(row for row, _ in turns),
        hidden=tuple(step.new_hidden for _, step in turns),
        weights=summed(row),
        recurrent=summed(hidden),
        bias=summed(ALONE),
    )


def _sum(network: Network, gate: Terms, source: int, units: int) -> Array:
    """Float32: (H, I) of a row, (H, H) of the hidden state, (H,) of neither.

    What has one unit is added to all.
    """
    found = np.zeros(units if source == ALONE else (), np.float32)
    for term in gate:
        if term.source == source:
            data = network.tensors[term.constant].data
            assert data is not None
            if source == ALONE:
                data = data.reshape(-1)
            if len(data) > 1:
                data = np.split(data, term.parts)[term.part]
            found = found + np.broadcast_to(data, (units, *data.shape[1:]))
    return found


class _Steps:
    """What in a graph is one turn of an LSTM."""

    def __init__(self, network: Network) -> None:
        """Of one graph."""
        self.network = network
        self.writers = network.writers()

    def found(self) -> Iterator[Step]:
        """All of them; a cell leads to one only."""
        for op in self.network.operators:
            if op.kind == "MUL":
                step = self._step(op.outputs[0])
                if step is not None:
                    yield step

    def _step(self, hidden: int) -> Step | None:
        """The one that ends with this hidden state."""
        opened = self._product(hidden)
        new_cell = self._input(opened.get(TANH), TANH)
        sums = [self._product(i) for i in self._operands(new_cell, "ADD")]
        fresh = next((found for found in sums if TANH in found), {})
        kept = next((found for found in sums if TANH not in found), {})
        cells = [index for kind, index in kept.items() if kind != SIGMOID]
        if new_cell is None or len(cells) != 1:
            return None
        order = (fresh, SIGMOID), (kept, SIGMOID), (fresh, TANH), (opened, SIGMOID)
        squashed = [self._input(factors.get(kind), kind) for factors, kind in order]
        gates = tuple(self._sums(index) for index in squashed)
        return Step(cells[0], hidden, new_cell, gates) if all(gates) else None

    def _kind(self, index: int) -> str:
        return self.writers[index].kind if index in self.writers else ""

    def _operands(self, index: int | None, kind: str) -> tuple[int, ...]:
        """What an operator of that kind reads to write a tensor; () if none does."""
        op = self.writers.get(-1 if index is None else index)
        plain = (
            op is not None and op.kind == kind and op.attributes.activation == "NONE"
        )
        return op.inputs if op is not None and plain else ()

    def _input(self, index: int | None, kind: str) -> int | None:
        """The same of one that reads one tensor."""
        return next(iter(self._operands(index, kind)), None)

    def _product(self, index: int) -> dict[str, int]:
        """The two factors of one, by what makes them."""
        factors = self._operands(index, "MUL")
        found = {self._kind(i): i for i in factors}
        return found if len(found) == len(factors) == 2 else {}

    def _sums(self, index: int | None, part: int = 0, parts: int = 1) -> Terms:
        """What is added to give a tensor, or an equal part of it; [] if not that."""
        if index is None:
            return []
        if self.network.tensors[index].data is not None:
            return [Term(ALONE, index, part, parts)]
        op = self.writers.get(index)
        if op is None:
            return []
        if op.kind == "SPLIT" and parts == 1 and self._is_last(op):
            return self._sums(op.inputs[1], op.outputs.index(index), len(op.outputs))
        if self._operands(index, "ADD"):
            both = [self._sums(i, part, parts) for i in op.inputs]
            return sum(both, []) if all(both) else []
        return self._dense(op, part, parts)

    def _dense(self, op: Operator, part: int, parts: int) -> Terms:
        """A layer whose weights are constants."""
        inputs = self._operands(op.outputs[0], "FULLY_CONNECTED")
        if not inputs or self.network.tensors[inputs[1]].data is None:
            return []
        terms = [Term(inputs[0], inputs[1], part, parts)]
        bias = inputs[2] if len(inputs) > 2 else ALONE
        return terms if bias < 0 else [*terms, *self._sums(bias, part, parts)]

    def _is_last(self, split: Operator) -> bool:
        """Whether it parts the last axis."""
        axis = self.network.tensors[split.inputs[0]].data
        rank = len(self.network.tensors[split.inputs[1]].shape)
        return axis is not None and int(axis.reshape(-1)[0]) in (-1, rank - 1)
