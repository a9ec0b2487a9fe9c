"""A converted model beside the one that it was made of: the same function, or an error.

hold("Keras", by_keras(model, inputs), floats, inputs)   # within float's rounding
agree("PyTorch", expected, found)   # the same of what is there already
notes = told(proto, model, wanted, graph)   # ONNX of its own scales: near, and how
"""

import re
from typing import Any

import numpy as np

from core.errors import CheckFailed, Esp8kError
from core.text import percent
from export.frontend.canonical import canonical
from export.frontend.canonical.ends import separate
from export.frontend.costs import as_real, as_taken, require_proportion
from export.frontend.onnx import files as onnx_files
from export.frontend.onnx.builder import Graph
from export.frontend.refusal import reason
from export.frontend.taken import Wanted, alone
from export.frontend.tflite.convert import as_built
from export.frontend.tflite.run import run
from export.graph.read import read_tflite

CHECKED = 8  # inputs
TOLERANCE = 2e-3  # of the largest output, of a float conversion
FAR = 1 / 8  # of the outputs' span, on average: no rounding of integers
REPORT = "a bug of the converter: report it with this model"
FIRST = (
    "data_format='channels_first' runs on GPUs alone: build the model with "
    "'channels_last', the weights are the same"
)
Arrays = tuple[np.ndarray, ...]  # one (N, ...) for each end of a model


def hold(kind: str, expected: list[np.ndarray], floats: bytes, given: Arrays) -> None:
    """The float .tflite must give, of `given`, what its model gave: (N, ...) each."""
    agree(kind, expected, run(floats, given))


def agree(
    kind: str,
    expected: list[np.ndarray],
    found: list[np.ndarray],
    hint: str = REPORT,
) -> None:
    """What a conversion gives must be what its model of that kind gave."""
    for ours, theirs in zip(found, expected, strict=True):
        off = float(_off(ours, theirs).max(initial=0.0))
        if not off <= TOLERANCE * max(float(np.abs(theirs).max(initial=0.0)), 1e-6):
            what = f"the converted model is {off:.3g} off the {kind} one"
            raise CheckFailed(what, hint)


def by_keras(model: Any, given: Arrays) -> list[np.ndarray]:
    """What a Keras model gives, one time of each input at once."""
    rows = []
    for several in zip(*given, strict=True):
        one = [values[None].astype(np.float32) for values in several]
        try:
            found = model(one if len(one) > 1 else one[0], training=False)
        except Exception as error:  # Keras raises whatever it meets
            told = re.sub(r"{{.*?}}", "", str(error))
            lines = [x for x in told.splitlines() if "Exception enc" not in x]
            why = reason(RuntimeError("\n".join(lines)))
            hint = FIRST if "NCHW" in told else "make model(inputs) work first"
            raise Esp8kError(f"Keras cannot run the model: {why}", hint) from error
        rows.append([alone(np.asarray(end)) for end in _listed(found)])
    return [np.stack(parts) for parts in zip(*rows, strict=True)]


def _listed(ends: Any) -> list[Any]:
    """Outputs in the order in which TensorFlow gives those of a function."""
    if isinstance(ends, dict):
        ends = [ends[name] for name in sorted(ends)]
    if not isinstance(ends, list | tuple):
        return [ends]
    return [inner for end in ends for inner in _listed(end)]


def told(
    proto: bytes, model: bytes, wanted: tuple[Wanted, ...], graph: Graph
) -> tuple[str, ...]:
    """How far the integers are from those of onnxruntime, on drawn inputs.

    Weights get scales of their own from TensorFlow, and some operators round where
    onnxruntime computes in floating point: so they are near, not equal.
    """
    network, ends = separate(canonical(read_tflite(model, "quantized")))
    require_proportion(network)
    rng = np.random.default_rng(0)
    drawn = []
    for one, end in zip(wanted, ends.inputs, strict=True):
        steps = rng.integers(-128, 128, (CHECKED, *one.shape[1:]))
        drawn.append(((steps - end.zero_point) * end.scale).astype(np.float32))
    expected = onnx_files.run(proto, tuple(drawn))
    built = as_built(graph, tuple(drawn))
    given = (as_taken(e, x) for e, x in zip(ends.inputs, built, strict=True))
    found = run(model, tuple(given))
    notes = []
    for end, values, theirs in zip(ends.outputs, found, expected, strict=True):
        off = _off(as_real(end, values).reshape(values.shape), theirs)
        span = max(float(np.ptp(theirs)), end.scale)
        share = float(off.mean()) / span
        if not share <= FAR:
            far = percent(share, 0)
            what = f"the converted model is {far} of its span off the ONNX one"
            raise CheckFailed(f"{what} in onnxruntime", REPORT)
        notes.append(
            f"beside onnxruntime on {CHECKED} drawn inputs: {percent(share)} of its "
            f"span off on average, {percent(float(off.max()) / span)} at most"
        )
    return tuple(notes)


def _off(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """The distance of an output, which may have its channels last."""
    forms = (theirs, np.moveaxis(theirs, min(1, theirs.ndim - 1), -1))
    found = [np.abs(ours - form) for form in forms if form.shape == ours.shape]
    return min(found, key=np.max) if found else np.array([np.inf])
