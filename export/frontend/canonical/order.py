"""The order of operators in which values take little room.

A value's last reader runs as soon as the one before it has, if that takes no room: a
shortcut's 1x1 convolution stands behind the layers that it passes by, and till then
its input would lie in memory, which often is larger than its output (`hastened`).

Where all steps of a sequence are prepared before the first is looked at, what a step
reads is made right before it (`delayed`).
"""

import dataclasses

from export.graph.network import Network, Operator, numbered

LEAST_SAVED = 0.1  # of the memory, for which everything is put into another order


def ordered(network: Network) -> Network:
    """The same operators in an order that takes less room, where one is known."""
    network = hastened(network)
    if not _is_sound(network):
        return network  # which is refused
    other = delayed(network)
    if peak(other) > peak(network) * (1 - LEAST_SAVED):
        return network
    return other


def _is_sound(network: Network) -> bool:
    """Whether each value is written once, and before it is read."""
    written: set[int] = set()
    waited: set[int] = set()  # for what is written later
    for op in network.operators:
        waited.update(i for i in op.inputs if i not in written)
        if waited.union(written).intersection(op.outputs):
            return False
        written.update(op.outputs)
    return True


def hastened(network: Network) -> Network:
    """The network with such operators moved to the front."""
    operators = list(network.operators)
    for op in network.operators:
        place = _place(network, operators, op)
        if place is not None:
            operators.remove(op)
            operators.insert(place, op)
    return dataclasses.replace(network, operators=numbered(operators))


def _place(network: Network, operators: list[Operator], op: Operator) -> int | None:
    """Behind the last but one reader of its only input, where that comes earlier."""
    values = {i for i in op.inputs if i >= 0 and network.tensors[i].data is None}
    if len(values) != 1 or len(op.outputs) != 1 or values & {*network.ends}:
        return None
    (source,) = values
    readers = [i for i, one in enumerate(operators) if source in one.inputs]
    if len(readers) < 2 or operators[readers[-1]] is not op:
        return None
    if any(operators[i].kind == "RESHAPE" for i in readers):
        return None  # others read the same bytes
    if network.tensors[source].bytes < network.output(op).bytes:
        return None
    return readers[-2] + 1 if readers[-2] + 1 < readers[-1] else None


def delayed(network: Network) -> Network:
    """The network with each operator right before the first that reads its result.

    Of what an operator reads that comes first which has the most before it.
    """
    writers = network.writers()
    depths: list[int] = []
    for op in network.operators:
        before = [depths[writers[i].index] for i in op.inputs if i in writers]
        depths.append(1 + max(before, default=0))
    waiting = [writers[i] for i in reversed(network.ends) if i in writers]
    done: dict[int, Operator] = {}
    while waiting:
        reads = [writers[i] for i in waiting[-1].inputs if i in writers]
        missing = [op for op in reads if op.index not in done]
        if missing:
            waiting.append(max(missing, key=lambda op: depths[op.index]))
        else:
            op = waiting.pop()
            done.setdefault(op.index, op)
    return dataclasses.replace(network, operators=numbered(done.values()))


def peak(network: Network) -> int:
    """The most bytes of values that are in use while an operator runs.

    A RESHAPE's are those of its input. The caller holds inputs and outputs.
    """
    roots: dict[int, int] = {}
    last: dict[int, int] = {}  # reader of each value
    for op in network.operators:
        if op.kind == "RESHAPE":
            roots[op.outputs[0]] = roots.get(op.inputs[0], op.inputs[0])
        last |= {roots.get(i, i): op.index for i in op.inputs}
    held = {*network.starts, *network.ends}
    most = live = 0
    for op in network.operators:
        made = [i for i in op.outputs if i in last and i not in held | roots.keys()]
        live += sum(network.tensors[i].bytes for i in made)
        most = max(most, live)
        read = {roots.get(i, i) for i in op.inputs} - held
        ended = [i for i in read if last[i] == op.index]
        live -= sum(network.tensors[i].bytes for i in ended if _computed(network, i))
    return most


def _computed(network: Network, index: int) -> bool:
    return index >= 0 and network.tensors[index].data is None
