"""What a network must be so that the generated C equals TFLite Micro.

    network = integer_core(read_tflite(path, name))
    require_supported(network)

The first thing that does not fit is named: the operator, its tensor, what is wrong
with it, and what would help.
"""

import math

from core.errors import Esp8kError
from export.arithmetic import elementwise, int8, normal
from export.frontend import cures, scales, weights
from export.frontend.canonical import canonical
from export.frontend.canonical.ends import Ends, separate
from export.frontend.canonical.order import ordered
from export.frontend.canonical.settle import settle
from export.frontend.refusal import DAMAGED_HINT, QUANTIZE_HINT, refuse
from export.graph.attributes import Along, Padding, Reduction, Window
from export.graph.kinds import QUANTIZE_KINDS
from export.graph.network import Network, Operator, Tensor, same_quantization
from export.graph.shapes import enough_inputs, fitting
from export.kernels import registry

SUPPORTED = {
    "int8": frozenset({"RESHAPE", *registry.kinds(registry.INT8)}),
    "int16": frozenset({"RESHAPE", *registry.kinds(registry.INT16)}),
}
SAME_QUANT = ("MAX_POOL_2D", "AVERAGE_POOL_2D", "PAD", "CONCATENATION", "RESHAPE")
FIXED_OUTPUT = {  # kind: (scale, zero point) that TFLite Micro insists on
    "SOFTMAX": (1 / 256, -128),
    "LOGISTIC": (1 / 256, -128),
    "TANH": (1 / 128, 0),
    "LOG_SOFTMAX": (1 / 16, 127),
    "L2_NORMALIZATION": (1 / 128, 0),
}
FIXED_INT16 = dict.fromkeys(("SOFTMAX", "LOGISTIC", "TANH"), (1 / 32768, 0))
LONGEST_INT16 = {"SOFTMAX": (1 << 16) - 1}
LONGEST = {  # rows that TFLite Micro sums up without leaving its formats
    "SOFTMAX": 511,  # it aborts where the sum of exps reaches 512
    "LOG_SOFTMAX": normal.LOG_SOFTMAX_CLASSES,
    "L2_NORMALIZATION": normal.L2_DEPTH,
}
MAX_RANK = 4
ANY_RANK = ("MOVE", "RESHAPE")  # they take bytes as they lie


def integer_core(network: Network) -> Network:
    """The network in the engine's operators, without float or uint8 ends."""
    return core_of(network)[0]


def core_of(network: Network) -> tuple[Network, Ends]:
    """The int8 core, and what the file has around it."""
    core, ends = separate(canonical(network))
    return settle(ordered(core)), ends


def require_supported(network: Network) -> None:
    """Raise one Esp8kError for the first thing that cannot be generated."""
    if not network.inputs or not network.outputs:
        raise Esp8kError("the model has no input or no output", DAMAGED_HINT)
    if not network.operators:
        raise Esp8kError("the model has no operators", "convert a trained model")
    known = {t.index for t in network.tensors if t.data is not None}
    known.update(network.inputs)
    known.update(v.read for v in network.variables)
    for op in network.operators:
        _check_kind(network, op)
        if len(op.outputs) != 1 or op.outputs[0] in known:
            what = f"operator {op.index} {op.kind} has no output of its own"
            raise Esp8kError(what, DAMAGED_HINT)
        if not known.issuperset(i for i in op.inputs if i >= 0):
            raise refuse(network, op, "it reads what nothing wrote")
        if all(network.tensors[i].data is not None for i in op.inputs if i >= 0):
            hint = "compute it before the conversion: it is the same for every input"
            raise refuse(network, op, "it reads constants only", hint)
        _check(network, op)
        known.update(op.outputs)
    if not known.issuperset(network.ends):
        raise Esp8kError("nothing writes the model's output", DAMAGED_HINT)
    _check_ends(network)


def problems(network: Network) -> list[Esp8kError]:
    """What is wrong with each operator by itself; of a kind that is refused one."""
    found: dict[str, Esp8kError] = {}
    for op in network.operators:
        try:
            _check_kind(network, op)
            _check(network, op)
        except Esp8kError as error:
            found.setdefault(op.kind, error)
    return list(found.values())


def _check_ends(network: Network) -> None:
    written = {i for op in network.operators for i in op.outputs}
    for index in (*network.inputs, *network.outputs):
        tensor = network.tensors[index]
        if tensor.dtype != network.engine or tensor.quant is None:
            raise Esp8kError(
                f"tensor {tensor.name} at the model's end is {tensor.dtype}, "
                f"not {network.engine}",
                QUANTIZE_HINT,
            )
        if index in network.outputs and index not in written:
            raise Esp8kError(
                f"the model's output {tensor.name} is its input, or a constant",
                "convert the model with the layers that compute it",
            )


def _check_kind(network: Network, op: Operator) -> None:
    """Whether there is a kernel; what is float is said before that."""
    known = SUPPORTED[network.engine]
    if op.kind in known:
        return
    used = [network.tensors[i] for i in (*op.inputs, *op.outputs) if i >= 0]
    floats = [t for t in used if t.dtype in ("float32", "float16")]
    if floats:
        hint = QUANTIZE_HINT
        if op.kind in QUANTIZE_KINDS:
            near = {*op.inputs, *op.outputs}
            whose = [
                x.kind
                for x in network.operators
                if near.intersection((*x.inputs, *x.outputs))
                and x.kind not in (*known, *QUANTIZE_KINDS)
            ]
            part = f"{whose[0]}, a part of the model," if whose else "a part of it"
            hint = f"{part} stayed float: replace it, or {QUANTIZE_HINT}"
        what = f"{floats[0].name} is {floats[0].dtype}, not {network.engine}"
        raise refuse(network, op, what, hint)
    of = op.attributes.of or op.kind
    what = "not supported" if network.engine == "int8" else "not supported in int16"
    raise refuse(network, op, what, cures.cure(of, known))


def _check(network: Network, op: Operator) -> None:
    fused = op.attributes.activation
    if fused not in int8.FUSED:
        raise refuse(network, op, f"fused {fused}", "use it as a layer of its own")
    if not enough_inputs(op):
        raise refuse(network, op, "inputs are missing")
    for tensor in _activations(network, op):
        _check_activation(network, op, tensor)
    a = op.attributes
    if isinstance(a, Window) and a.padding not in ("SAME", "VALID"):
        raise refuse(network, op, a.padding)
    weights.require(network, op)
    if op.kind in SAME_QUANT:
        _check_same(network, op)
    elif op.kind in FIXED_OUTPUT:
        _check_fixed(network, op)
    _check_shape(network, op)
    what = scales.out_of_proportion(network, op)
    if what is not None:
        raise refuse(network, op, what, scales.HINT)
    if not fitting(network, op):
        found = network.output(op).shape
        what = f"its output of shape {found} does not follow from its inputs"
        raise refuse(network, op, what)


def _activations(network: Network, op: Operator) -> list[Tensor]:
    """The quantized values that the operator reads and writes."""
    both = op.kind in elementwise.BINARY or op.kind == "BATCH_MATMUL"
    count = len(op.inputs) if op.kind == "CONCATENATION" else 2 if both else 1
    return [network.tensors[i] for i in (*op.inputs[:count], *op.outputs)]


def _check_activation(network: Network, op: Operator, tensor: Tensor) -> None:
    if tensor.dtype != network.engine or tensor.quant is None:
        what = f"{tensor.name} is {tensor.dtype}, not {network.engine}"
        raise refuse(network, op, what, QUANTIZE_HINT)
    if len(tensor.quant.scale) != 1:
        raise refuse(
            network, op, f"{tensor.name} has a scale per channel", QUANTIZE_HINT
        )
    scaled = 0 < tensor.scale < math.inf
    least, most = (-128, 127) if network.engine == "int8" else (0, 0)
    if not scaled or not least <= tensor.zero_point <= most:
        raise refuse(
            network, op, f"{tensor.name} has no valid scale", "convert the model again"
        )
    if len(tensor.shape) > MAX_RANK and op.kind not in ANY_RANK:
        raise refuse(
            network, op, f"{tensor.name} has {len(tensor.shape)} dimensions", "use 4"
        )
    if tensor.data is None and (not tensor.shape or tensor.shape[0] != 1):
        raise refuse(
            network,
            op,
            f"{tensor.name} has the shape {tensor.shape}",
            "convert with a fixed batch of 1",
        )
    if 0 in tensor.shape or min(tensor.shape, default=1) < 0:
        raise refuse(network, op, f"{tensor.name} is empty", "give it a fixed shape")


def _check_same(network: Network, op: Operator) -> None:
    out = network.output(op)
    for tensor in _activations(network, op)[:-1]:
        if not same_quantization(tensor, out):
            what = f"{tensor.name} and {out.name} differ in scale or zero point"
            raise refuse(network, op, what, "put a QUANTIZE between (requantize)")


def _check_fixed(network: Network, op: Operator) -> None:
    fixed = FIXED_OUTPUT if network.engine == "int8" else FIXED_INT16
    scale, zero = fixed[op.kind]
    out = network.output(op)
    if float(out.scale) != scale or out.zero_point != zero:
        what = f"output scale {out.scale:g}, zero point {out.zero_point}"
        raise refuse(network, op, what, f"TFLite fixes them to {scale:g} and {zero}")


def _check_shape(network: Network, op: Operator) -> None:
    a, source = op.attributes, network.tensors[op.inputs[0]]
    usual = len(source.shape) == 4 and isinstance(a, Reduction) and a.axes == (1, 2)
    if op.kind == "MEAN" and not usual:
        axes = op.told(Reduction).axes
        what = f"over axes {'that are computed' if axes is None else axes}"
        raise refuse(network, op, what, "average over constant axes")
    joins = op.kind == "CONCATENATION"
    if joins and (op.told(Along).axis == 0 or a.activation != "NONE"):
        raise refuse(network, op, "over the batch, or fused", "concatenate plainly")
    if op.kind == "PAD" and any((op.told(Padding).paddings or ((1, 1),))[0]):
        raise refuse(network, op, "pads more than (H, W, C)", "pad H, W or C")
    limits = LONGEST if network.engine == "int8" else LONGEST_INT16
    longest = limits.get(op.kind, source.shape[-1])
    if source.shape[-1] > longest:
        what = f"over {source.shape[-1]} classes"
        hint = f"at most {longest}"
        if op.kind != "L2_NORMALIZATION":
            hint += ": end the model before it, the greatest of its inputs is the class"
        raise refuse(network, op, what, hint)
