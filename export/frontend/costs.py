"""What quantization costs: an int8 .tflite beside its float model, on sets of inputs.

    costs = measured(floats, model, sets(inputs, wanted, options))

Both run in TensorFlow Lite, in this process: `core.isolate` keeps its crashes away.
"""

from collections.abc import Callable

import numpy as np

from core.errors import Esp8kError
from export.frontend import calibration, scales
from export.frontend.canonical.ends import End, quantized, real
from export.frontend.support import SUPPORTED, core_of, require_supported
from export.frontend.taken import Cost, Options, Wanted
from export.frontend.tflite.run import run
from export.graph.network import Network
from export.graph.read import read_tflite

COMPARED = 1000  # inputs of a set, at most, that the cost is measured on
CLASSES = 4096  # an output of more elements is no vote
Inputs = tuple[np.ndarray, ...]  # one (N, ...) for each input of a model


def sets(
    inputs: Inputs,
    wanted: tuple[Wanted, ...],
    options: Options,
    arranged: Callable[[Inputs], Inputs] = lambda x: x,
) -> dict[str, Inputs]:
    """The calibration inputs and those of --check, in the .tflite's layout."""
    found = {"calibration": inputs}
    if options.check is not None:
        found["check"] = calibration.read_all(options.check, wanted)
    return {
        name: arranged(tuple(values[:COMPARED] for values in several))
        for name, several in found.items()
    }


def measured(floats: bytes, model: bytes, given: dict[str, Inputs]) -> tuple[Cost, ...]:
    """Of every output on every set."""
    network, ends = core_of(read_tflite(model, "quantized"))
    require_supported(network)
    require_proportion(network)
    found = []
    for name, data in given.items():
        expected = run(floats, data)
        taken = (as_taken(e, x) for e, x in zip(ends.inputs, data, strict=True))
        values = run(model, tuple(taken))
        for number, end in enumerate(ends.outputs):
            ours = as_real(end, values[number]).reshape(len(data[0]), -1)
            theirs = expected[number].reshape(len(data[0]), -1)
            found.append(_cost(name, number, ours, theirs, end.outer == "argmax"))
    return tuple(found)


def as_taken(end: End, values: np.ndarray) -> np.ndarray:
    """Real numbers in the type that the .tflite has there, which may be float."""
    return values if end.outer == "float32" else quantized(end, values)


def as_real(end: End, values: np.ndarray) -> np.ndarray:
    """Real numbers of what the .tflite gives: float and an index are their own."""
    return values if end.outer in ("float32", "argmax") else real(end, values)


def require_proportion(network: Network) -> None:
    """TensorFlow Lite ends the program on scales that no sum can be brought to.

    A value that is 0 for every calibration input has the least scale there is.
    """
    for op in network.operators:
        if op.kind not in SUPPORTED[network.engine]:
            continue
        what = scales.out_of_proportion(network, op)
        if what is not None:
            name = network.output(op).name
            raise Esp8kError(f"{op.kind} (tensor {name}): {what}", scales.HINT)


def _cost(
    name: str, number: int, ours: np.ndarray, theirs: np.ndarray, index: bool
) -> Cost:
    error = np.abs(ours.astype(np.float64) - theirs)
    agreement = None
    if index:
        agreement = float((ours == theirs).mean())
    elif 1 < ours.shape[1] <= CLASSES:
        agreement = float((ours.argmax(1) == theirs.argmax(1)).mean())
    return Cost(
        name,
        len(ours),
        number,
        float(error.max()),
        float(error.mean()),
        float(theirs.max() - theirs.min()),
        agreement,
    )
