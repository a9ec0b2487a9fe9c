"""Which values of a network are the same one in the turns of a written-out loop.

    turns.alike(network)    # [(h1, h2, h3), (r2, r3), ...], tensor indices

A recurrent layer that is written out has its operators once a turn. Each turn would
have scales of its own, and so biases, multipliers and tables: many times the memory
that the layer takes. What is one value of the layer gets one range, and one scale.

A loop shows by weights whose result comes back to them. From an operator and the next
one with the same weights the turns are laid on each other, operator by operator, as
far as they are the same.
"""

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from export.graph.kinds import MAC_KINDS
from export.graph.network import Network, Operator

Pair = tuple[Operator, Operator]


def alike(network: Network) -> list[tuple[int, ...]]:
    """Computed tensors that are one value in several turns; none in two groups."""
    laid = _Laid(network)
    for pair in _returning(network, laid):
        laid.lay(pair)
    laid.add_first()
    return laid.groups()


def _returning(network: Network, laid: "_Laid") -> Iterator[Pair]:
    """An operator with weights, and the first that reads its result by the same."""
    writers = network.writers()
    behind: dict[int, int] = {}  # what each depends on, one bit an operator
    waiting: dict[Hashable, list[Operator]] = {}
    for op in network.operators:
        bits = 0
        for index in (writers[i].index for i in op.inputs if i in writers):
            bits |= behind.get(index, 0) | 1 << index
        behind[op.index] = bits
        if not laid.has_weights(op):
            continue
        same = waiting.setdefault(laid.form(op), [])
        first = next((one for one in same if bits >> one.index & 1), None)
        if first is not None:
            same.remove(first)
            yield first, op
        same.append(op)


@dataclass
class _Laid:
    """Turns that are laid on each other, operator by operator."""

    network: Network
    next: dict[int, int] = field(default_factory=dict)  # an operator in the next turn
    before: dict[int, int] = field(default_factory=dict)
    group: dict[int, int] = field(default_factory=dict)  # of tensors: one of the group

    def __post_init__(self) -> None:
        """Who writes and who reads each tensor."""
        self._writers = self.network.writers()
        self._readers = self.network.readers()
        self._forms: dict[int, Hashable] = {}

    def has_weights(self, op: Operator) -> bool:
        """Whether it multiplies by constants."""
        weights = self.network.input(op, 1)
        return op.kind in MAC_KINDS and weights is not None and weights.data is not None

    def form(self, op: Operator) -> Hashable:
        """What operators of two turns have in common: all but what they read."""
        if op.index not in self._forms:
            reads = tuple(self._read(index) for index in op.inputs)
            shapes = tuple(self.network.tensors[i].shape for i in op.outputs)
            self._forms[op.index] = (op.kind, op.attributes, reads, shapes)
        return self._forms[op.index]

    def _read(self, index: int) -> Hashable:
        """A constant's values; of what is computed its shape."""
        if index < 0:
            return None
        tensor = self.network.tensors[index]
        return tensor.shape if tensor.data is None else tensor.data.tobytes()

    def lay(self, pair: Pair) -> None:
        """One operator on that of the next turn, and all around them."""
        waiting = deque([pair])
        while waiting:
            a, b = waiting.popleft()
            if a is b or self.next.get(a.index) == b.index:
                continue
            if a.index in self.next or b.index in self.before:
                continue  # each lies on one other only
            if self.form(a) != self.form(b):
                continue
            self.next[a.index], self.before[b.index] = b.index, a.index
            ends = (*a.inputs, *a.outputs), (*b.inputs, *b.outputs)
            for one, other in zip(*ends, strict=True):
                waiting.extend(self._around(one, other))

    def add_first(self) -> None:
        """What a turn without a state computes by the same weights as the others."""
        laid = {
            self.form(op): op.outputs[0]
            for op in self.network.operators
            if op.index in self.next and self.has_weights(op)
        }
        for op in self.network.operators:
            (end, *_) = op.outputs
            if self.has_weights(op) and end not in self.group and self.form(op) in laid:
                self._join(end, laid[self.form(op)])

    def _around(self, one: int, other: int) -> Iterator[Pair]:
        """What writes and what reads a value that two turns have."""
        if one < 0 or other < 0 or self.network.tensors[one].data is not None:
            return
        self._join(one, other)
        if one in self._writers and other in self._writers:
            a, b = self._writers[one], self._writers[other]
            if a.outputs.index(one) == b.outputs.index(other):
                yield a, b
        ours, theirs = self._single(one), self._single(other)
        for key in ours.keys() & theirs.keys():
            yield ours[key], theirs[key]

    def _single(self, index: int) -> dict[Hashable, Operator]:
        """What reads a tensor, by what tells the readers from each other."""
        found: dict[Hashable, list[Operator]] = {}
        for op in self._readers.get(index, ()):
            found.setdefault((self.form(op), op.inputs.index(index)), []).append(op)
        return {key: ops[0] for key, ops in found.items() if len(ops) == 1}

    def _join(self, one: int, other: int) -> None:
        self.group[self._root(one)] = self._root(other)

    def _root(self, index: int) -> int:
        while self.group.setdefault(index, index) != index:
            index = self.group[index]
        return index

    def groups(self) -> list[tuple[int, ...]]:
        """Tensors that are one value, in the network's order."""
        found: dict[int, list[int]] = {}
        for index in sorted(self.group):
            found.setdefault(self._root(index), []).append(index)
        return [tuple(some) for some in found.values() if len(some) > 1]
