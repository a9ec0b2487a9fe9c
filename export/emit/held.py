"""What the caller holds: inputs, outputs and state, and where each value is in them.

Several inputs lie one behind another, so do several outputs; a variable of the state
begins at a multiple of 16 bytes.
"""

from export.graph.fusion import aliases
from export.graph.network import Network
from export.kernels.c_text import total
from export.plan.units import round_up

ALIGNMENT = 16  # bytes: what the widest loads of any core ask for


def offsets(network: Network, indices: tuple[int, ...]) -> tuple[int, ...]:
    """Where each of several values begins, and where the last one ends."""
    found = [0]
    for index in indices:
        found.append(found[-1] + network.tensors[index].size)
    return tuple(found)


def state_offsets(network: Network) -> tuple[int, ...]:
    """Where each variable begins, and the size of the state."""
    found = [0]
    for variable in network.variables:
        size = network.tensors[variable.read].bytes
        found.append(found[-1] + round_up(size, ALIGNMENT))
    return tuple(found)


def places(network: Network) -> dict[int, str]:
    """C of each value that the caller holds, by tensor; input, output, s."""
    alias = aliases(network)
    found = {}
    for name, indices in (("input", network.inputs), ("output", network.outputs)):
        at = offsets(network, indices)
        for index, offset in zip(indices, at, strict=False):
            found[alias.get(index, index)] = total(name, offset)
    at = state_offsets(network)
    for variable, offset in zip(network.variables, at, strict=False):
        found[variable.read] = total("s", offset)
        root = alias.get(variable.written, variable.written)
        if root != variable.read:
            found[root] = total("s", offset)
    return found
