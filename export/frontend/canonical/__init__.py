"""Every way of saying a thing in a .tflite, made one way: what the engine reads.

    network = canonical(read_tflite(path, name))

What follows from shapes alone is computed here and leaves the graph (`static`). A
batch becomes 1, every value gets a leading 1 (`batch`). Variables become inputs and
outputs of a state (`state`). Operators that are a special case of others become those
(`rules`): SPLIT is slices, a slice is a MOVE, FULLY_CONNECTED of several rows is a
convolution of 1x1. The function and its bytes stay the same.
"""

from core.errors import Esp8kError
from export.frontend.canonical import (
    batch,
    dilated,
    islands,
    padded,
    rules,
    state,
    static,
    tidy,
    unsigned,
)
from export.frontend.refusal import DAMAGED_HINT
from export.graph.network import Network

__all__ = ["canonical"]
CONTRADICTIONS = (  # what fields lead to that no converter writes
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


def canonical(network: Network) -> Network:
    """The same function in the operators that the engine reads."""
    try:
        return _made(network)
    except CONTRADICTIONS as error:
        what = f"the model contradicts itself: {error}"
        raise Esp8kError(what, DAMAGED_HINT) from error


def _made(network: Network) -> Network:
    network = dilated.undone(unsigned.signed(static.fold(network)))
    network = batch.single(state.resolve(network))
    network = islands.tabled(islands.sunk(network))
    network = batch.led(rules.apply(static.fold(network)))
    return tidy.shapes(padded.joined(network))
