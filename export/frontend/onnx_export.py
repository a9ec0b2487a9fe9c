"""The folded model as ONNX: float32 and float16.

One static batch of one image, NCHW, input pixel / 255. The exporter's traces of
source files are removed: same weights, same bytes.
"""

import copy
import io
import logging
import warnings
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import torch
from torch import nn

from core.files import scratch
from core.inputs import MODEL_BYTES, read_bytes

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18


def export_onnx(folded: nn.Module, shape: tuple[int, ...], half: bool = False) -> bytes:
    """Serialise `folded` for one input of `shape` (1, C, H, W)."""
    dtype = torch.float16 if half else torch.float32
    module = copy.deepcopy(folded).to(dtype).eval()
    example = torch.zeros(shape, dtype=dtype)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            verbose=False,
            input_names=["image"],
            output_names=["logits"],
        )
    if program is None:  # torch types it so; dynamo=True always gives one
        raise RuntimeError("torch.onnx.export gave no program")
    proto = program.model_proto
    _strip(proto)
    return bytes(proto.SerializeToString(deterministic=True))


def export_scripted(module: nn.Module, shape: tuple[int, ...], opset: int) -> bytes:
    """The same of a module of TorchScript, which the newer exporter does not take."""
    with (
        scratch() as folder,
        warnings.catch_warnings(),
        redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.zeros(shape),),
            str(folder / "scripted.onnx"),
            dynamo=False,
            opset_version=opset,
            input_names=["image"],
        )
        return read_bytes(folder / "scripted.onnx", MODEL_BYTES, "a model")


def _strip(proto: "ModelProto") -> None:
    """Remove traces of this machine: source paths and stack traces."""
    del proto.metadata_props[:]
    graph = proto.graph
    del graph.metadata_props[:]
    for item in (*graph.node, *graph.value_info, *graph.input, *graph.output):
        del item.metadata_props[:]
    for item in (*graph.node, *graph.initializer):
        item.doc_string = ""
    for value in graph.initializer:
        del value.metadata_props[:]
