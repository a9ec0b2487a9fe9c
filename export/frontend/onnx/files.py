"""An .onnx file as a plain model: one file, fixed shapes, nothing left to compute.

    opened = read(raw, folder, "model.onnx", None)

Weights stored beside the file are read in, within its folder and within bounds. A
batch that is left open becomes 1. onnxruntime's own optimizer then computes what is
constant and drops what does nothing.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from core.errors import Esp8kError
from core.files import scratch
from core.inputs import MODEL_BYTES, read_bytes
from core.text import one_line
from export.frontend.onnx import dynamic, static, unbatched
from export.frontend.refusal import reason
from export.frontend.taken import Wanted, alone
from export.graph.network import ELEMENTS

DAMAGED = "export it again: torch.onnx.export(module, (example,), 'model.onnx')"
IR_VERSION = 10  # that every onnxruntime takes; later ones add types of no use here


@dataclass(frozen=True)
class Opened:
    """An ONNX model, ready to be mapped."""

    proto: bytes
    inputs: tuple[Wanted, ...]
    quantized: bool  # whether it holds its own scales
    notes: tuple[str, ...]


def read(
    raw: bytes, folder: Path | None, shown: str, given: tuple[int, ...] | None
) -> Opened:
    """Open a model; `given` is its input's shape where the file leaves it open."""
    try:
        proto = onnx.load_from_string(raw)
    except Exception as error:  # protobuf raises whatever it meets
        raise Esp8kError(f"{shown} is not an ONNX model", DAMAGED) from error
    proto.ir_version = min(proto.ir_version, IR_VERSION)  # its own part is older
    if not proto.graph.node:
        raise Esp8kError(f"{shown} holds no operators", DAMAGED)
    for tensor in _tensors(proto.graph):
        _load_external(tensor, folder, shown)
        if math.prod(tensor.dims) > ELEMENTS or min(tensor.dims, default=0) < 0:
            what = (
                f"{shown}: {one_line(tensor.name)} has the shape {tuple(tensor.dims)}"
            )
            raise Esp8kError(what, DAMAGED)
    _check_domains(proto, shown)
    notes = dynamic.made_real(proto) + _fix_shapes(proto, shown, given)
    kinds = {node.op_type for node in proto.graph.node}
    quantized = "DequantizeLinear" in kinds
    if "QLinearConv" in kinds or "QLinearMatMul" in kinds:
        raise Esp8kError(
            f"{shown} is quantized in the QOperator form",
            "quantize_static(..., quant_format=QuantFormat.QDQ)",
        )
    proto = static.folded(proto) if quantized else _simplified(proto, shown)
    proto = _inferred(proto, shown)
    inputs = tuple(
        Wanted(i.name, tuple(d.dim_value for d in i.type.tensor_type.shape.dim))
        for i in _inputs(proto)
    )
    return Opened(proto.SerializeToString(), inputs, quantized, notes)


def run(proto: bytes, inputs: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """The outputs of a model by onnxruntime, one time of each input at once."""
    found = []
    try:
        session = _session(proto)
        names = [i.name for i in session.get_inputs()]
        for several in zip(*inputs, strict=True):
            one = [values[None].astype(np.float32) for values in several]
            given = session.run(None, dict(zip(names, one, strict=True)))
            found.append([alone(np.asarray(values)) for values in given])
    except Exception as error:  # onnxruntime has many kinds
        raise Esp8kError(_cannot("the model", error), DAMAGED) from error
    return [np.stack(parts) for parts in zip(*found, strict=True)]


def _tensors(graph: Any) -> list[Any]:
    """Every stored tensor, those in attributes included."""
    found = list(graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                found.append(attribute.t)
            if attribute.HasField("g"):
                raise Esp8kError(
                    f"ONNX {one_line(node.op_type)}: it has a graph of its own",
                    "export without control flow: no loops and branches on tensors",
                )
    return found


def _load_external(tensor: Any, folder: Path | None, shown: str) -> None:
    """The bytes of a tensor that lie in a file beside the model."""
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return
    where = {entry.key: entry.value for entry in tensor.external_data}
    name = where.get("location", "")
    if folder is None or not name:
        raise Esp8kError(f"{shown}: {one_line(tensor.name)} has no data", DAMAGED)
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise Esp8kError(
            f"{shown} wants {one_line(name)}, outside of its folder",
            "put its data beside it and export it again",
        )
    try:
        at, length = int(where.get("offset", 0)), int(where.get("length", -1))
    except ValueError as error:
        raise Esp8kError(
            f"{shown}: a place of its data is no number", DAMAGED
        ) from error
    if not path.exists():
        raise Esp8kError(
            f"{shown} keeps its weights in {one_line(name)}, which is not beside it",
            "copy both files, or export with external_data=False (torch.onnx.export)",
        )
    raw = read_bytes(path, MODEL_BYTES, f"{one_line(name)}, the data of {shown},")
    length = len(raw) - at if length < 0 else length
    if not 0 <= at <= at + length <= len(raw):
        raise Esp8kError(
            f"{shown}: {one_line(name)} is cut short ({len(raw):,} bytes)", DAMAGED
        )
    tensor.raw_data = raw[at : at + length]
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]


def _inputs(proto: onnx.ModelProto) -> list[Any]:
    stored = {t.name for t in proto.graph.initializer}
    return [i for i in proto.graph.input if i.name not in stored]


def _fix_shapes(
    proto: onnx.ModelProto, shown: str, given: tuple[int, ...] | None
) -> tuple[str, ...]:
    """A batch of 1 and what --input-shape says; all other shapes are found anew."""
    inputs = _inputs(proto)
    if not inputs:
        raise Esp8kError(f"{shown} has no input", DAMAGED)
    for one in inputs:
        _check_float(one, shown)
    several = [one.type.tensor_type.shape.dim for one in inputs]
    notes: tuple[str, ...] = ()
    if given is not None:
        if len(several) > 1:
            what = f"--input-shape says one shape, {shown} has {len(several)} inputs"
            raise Esp8kError(what, "export it with fixed shapes")
        _give(several[0], given, shown)
    else:
        notes = _close_batch(several)
    for dims in several:
        _check_fixed(dims, shown)
    notes += unbatched.lead(proto.graph, inputs)
    for dims in several:
        _check_single(dims, shown)
    del proto.graph.value_info[:]
    for value in proto.graph.output:
        value.type.tensor_type.ClearField("shape")
    return notes


def _check_domains(proto: onnx.ModelProto, shown: str) -> None:
    """Refuse what is no neural network: trees and scalers of scikit-learn."""
    own = [node for node in proto.graph.node if node.domain == "ai.onnx.ml"]
    if own:
        raise Esp8kError(
            f"{shown} is no neural network: {one_line(own[0].op_type)} is an operator "
            "of classical machine learning",
            "train a network (torch, Keras), or use emlearn or m2cgen for such a model",
        )


def _check_float(value: Any, shown: str) -> None:
    """An input of numbers that can be quantized."""
    kind = value.type.tensor_type.elem_type
    if kind != onnx.TensorProto.FLOAT:
        name = onnx.TensorProto.DataType.Name(kind).lower()
        raise Esp8kError(
            f"{shown}: its input {one_line(value.name)} is {name}, not float",
            "export it in float32",
        )


def _close_batch(several: list[Any]) -> tuple[str, ...]:
    """Set an open batch to 1 in every input, wherever it stands; tell so.

    The one size of a vector is none, whatever it is called.
    """
    leading = [dims[0] for dims in several if len(dims) > 1 and dims[0].dim_value <= 0]
    names = {dim.dim_param for dim in leading if dim.dim_param}
    for dim in leading:
        dim.dim_value = 1
    for dim in (d for dims in several for d in dims):
        if dim.dim_param in names and dim.dim_value <= 0:
            dim.dim_value = 1
    if not leading:
        return ()
    shown = ", ".join(one_line(name) for name in sorted(names)) or "the batch"
    return (f"{shown}, which the model leaves open, is 1",)


def _give(dims: Any, given: tuple[int, ...], shown: str) -> None:
    """The sizes that --input-shape says."""
    if len(given) != len(dims):
        what = f"--input-shape {given} has {len(given)} sizes, {shown} {len(dims)}"
        raise Esp8kError(what, "give one for each axis")
    for dim, size in zip(dims, given, strict=True):
        if dim.dim_value not in (0, size):
            what = f"--input-shape {given}: {shown} fixes a size to {dim.dim_value}"
            raise Esp8kError(what, "leave --input-shape out")
        dim.dim_value = size


def _check_fixed(dims: Any, shown: str) -> None:
    """Every size is known."""
    if dims and min(dim.dim_value for dim in dims) > 0:
        return
    open_ = [one_line(d.dim_param) or "?" for d in dims if d.dim_value <= 0]
    sizes = [str(d.dim_value) if d.dim_value > 0 else _called(d) for d in dims]
    raise Esp8kError(
        f"{shown} leaves sizes of its input open: {', '.join(open_) or 'all'}",
        f"say them: --input-shape {' '.join(sizes) or '1 C H W'}",
    )


def _called(dim: Any) -> str:
    """What stands for a size that is to be said."""
    return dim.dim_param.upper() if dim.dim_param.isidentifier() else "N"


def _check_single(dims: Any, shown: str) -> None:
    """The first size is a batch of 1."""
    shape = tuple(dim.dim_value for dim in dims)
    if shape[0] != 1:
        raise Esp8kError(
            f"{shown} takes {shape[0]} inputs at once, shape {shape}",
            "export with a batch of 1: torch.onnx.export(module, (example[:1],), ...)",
        )


def _inferred(proto: onnx.ModelProto, shown: str) -> onnx.ModelProto:
    try:
        return onnx.shape_inference.infer_shapes(
            proto, strict_mode=True, data_prop=True
        )
    except Exception as error:  # the checker's own kinds
        what = f"{shown}: its shapes contradict each other: {reason(error)}"
        raise Esp8kError(what, DAMAGED) from error


def _session(proto: bytes, target: Path | None = None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        if target
        else onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    )
    if target is not None:
        options.optimized_model_filepath = str(target)
    return onnxruntime.InferenceSession(
        proto, options, providers=["CPUExecutionProvider"]
    )


def _simplified(proto: onnx.ModelProto, shown: str) -> onnx.ModelProto:
    """Constants computed, what does nothing dropped, by onnxruntime."""
    with scratch() as folder:
        target = folder / "plain.onnx"
        try:
            _session(proto.SerializeToString(), target)
            return onnx.load(str(target))
        except Exception as error:  # onnxruntime has many kinds
            raise Esp8kError(_cannot(shown, error), DAMAGED) from error


def _cannot(shown: str, error: Exception) -> str:
    return f"onnxruntime cannot run {shown}: {reason(error, last=True)}"
