"""The shapes that a .tflite of a free batch leaves open, found for a batch of 1.

    if is_open(read_tflite(raw, name)):
        raw = settled(raw)

Keras writes 1 for every length that depends on the batch: right for most, wrong where
the batch is mixed with others (UpSampling2D, dilated Conv1D, TimeDistributed).
TensorFlow Lite finds the real ones when it runs. It runs in this process:
`core.isolate` keeps its crashes away.
"""

import math

import numpy as np

from core.errors import Esp8kError
from export.frontend import cures
from export.frontend.refusal import reason
from export.frontend.tensorflow import silent
from export.graph.flatbuffer import packed, unpacked
from export.graph.network import Network, Operator
from export.graph.read import read_tflite

BATCH_HINT = "convert it with a batch of 1: keras.Input(shape, batch_size=1)"
Shape = tuple[int, ...]
MIXED = ("SPACE_TO_BATCH_ND",)  # what makes one of the batch and what lies in it


def is_open(network: Network) -> bool:
    """Whether a length beside the batch, or one made of it, is not known."""
    computed = [network.tensors[i] for op in network.operators for i in op.outputs]
    if any(-1 in tensor.signature[1:] for tensor in computed):
        return True
    mixed = any(op.kind in MIXED or _is_mixing(network, op) for op in network.operators)
    return mixed and any(-1 in tensor.signature for tensor in computed)


def _is_mixing(network: Network, op: Operator) -> bool:
    """A RESHAPE that puts steps into the batch: as many elements leave as come."""
    if op.kind != "RESHAPE":
        return False
    start, end = network.tensors[op.inputs[0]], network.output(op)
    return math.prod(start.shape) != math.prod(end.shape)


def told(network: Network, shown: str, given: Shape | None) -> tuple[Shape, ...]:
    """The shape of each input: a batch of 1, and as given what the file leaves open."""
    found = []
    for end in (network.tensors[i] for i in network.inputs):
        if len(end.shape) < 2:
            what = f"{shown} takes {end.shape}, which has no batch in front"
            raise Esp8kError(what, f"convert it with {(1, *end.shape)}")
        sizes = [None if size < 0 else size for size in end.signature or end.shape]
        found.append(fixed((None, *sizes[1:]), shown, given))
    return tuple(found)


def fixed(
    shape: tuple[int | None, ...], shown: str, given: Shape | None
) -> tuple[int, ...]:
    """A shape with a batch of 1; what else is open, --input-shape says (`given`)."""
    if given is not None:
        fits = len(given) == len(shape) and all(
            size in (None, asked)
            for size, asked in zip(shape[1:], given[1:], strict=True)
        )
        if not fits or given[0] != 1:
            known = str(shape).replace("None", "any")
            what = f"--input-shape {given} is none of {known}"
            raise Esp8kError(what, "begin it with 1, and name what is open")
        return given
    if None in shape[1:]:
        raise Esp8kError(
            f"{shown} leaves its input's shape open: {shape}",
            f"say it: --input-shape 1 {' '.join(str(n or 'N') for n in shape[1:])}",
        )
    return (1, *(int(size) for size in shape[1:] if size is not None))


def settled(raw: bytes, inputs: tuple[Shape, ...] = ()) -> bytes:
    """The model with the shapes that its values have for inputs of these shapes.

    Without them all are as the file has them, with a batch of 1 where it is open.
    """
    shapes = _run(raw, inputs)
    model = unpacked(raw)
    graph = model.subgraphs[0]
    computed = {int(i) for op in graph.operators for i in op.outputs}
    for index in computed | set(map(int, graph.inputs)):
        tensor = graph.tensors[index]
        if index in shapes:
            tensor.shape, tensor.shapeSignature = shapes[index], None
    return packed(model)


def _run(raw: bytes, inputs: tuple[Shape, ...]) -> dict[int, np.ndarray]:
    """Shapes of all values, by tensor, when the model has run once."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES

    try:
        with silent():
            interpreter = Interpreter(
                model_content=raw,
                num_threads=1,
                # A delegate keeps the shapes of what it computes to itself.
                experimental_op_resolver_type=resolver,
            )
            ends = interpreter.get_input_details() if inputs else ()
            for end, shape in zip(ends, inputs, strict=True):
                interpreter.resize_tensor_input(end["index"], shape)
            interpreter.allocate_tensors()
            for end in interpreter.get_input_details():
                zeros = np.zeros(end["shape"], end["dtype"])
                interpreter.set_tensor(end["index"], zeros)
            interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        why = reason(error, last=True)
        raise Esp8kError(
            f"TensorFlow Lite cannot run the model to find its shapes: {why}",
            cures.of_any(read_tflite(raw, "open"), BATCH_HINT),
        ) from error
    details = interpreter.get_tensor_details()
    return {d["index"]: np.asarray(d["shape"], np.int32) for d in details}
