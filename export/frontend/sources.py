"""What people have, as a quantized .tflite: files of several kinds, a Python function.

    taken = load("model.onnx", Options(calibration=Path("inputs.npz")))

A .tflite (also .lite, and as an array in .c, .cc, .h), an .onnx, a Keras .keras or .h5,
or `module:function` that gives a torch module. What is float is quantized to int8 by
calibration inputs; `Taken.costs` then says what that costs. The converters run in a
process of their own, so that whatever they make of a file is a result or an error.
"""

import dataclasses
import math
from pathlib import Path
from typing import Annotated

from core.cli import Positional, arg
from core.errors import Esp8kError
from core.inputs import MODEL_BYTES, read_bytes
from core.isolate import isolated
from core.text import one_line
from export.frontend import c_array, conversion, lstm_layer
from export.frontend.loops.unroll import is_looped, unrolled
from export.frontend.refusal import quantized_already
from export.frontend.taken import Options, Taken
from export.frontend.tflite import dequantized, open_shapes
from export.graph.anew import begins_anew
from export.graph.flatbuffer import is_tflite, unpacked
from export.graph.kinds import QUANTIZE_KINDS
from export.graph.network import ELEMENTS, Network
from export.graph.read import read_tflite

__all__ = ["Options", "Source", "Taken", "is_float", "load"]

Source = Positional[Annotated[str, arg(metavar="MODEL")]]  # on a command line

TFLITE = (".tflite", ".lite", ".tfl")
C_SOURCES = (".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".ino")
CONVERTED = {".onnx": "onnx", ".keras": "keras", ".h5": "keras", ".hdf5": "keras"}
KINDS = ".tflite, .lite, .onnx, .keras, .h5, .c, .cc, .h, or module:function of torch"
SAVED_MODEL = (
    "of a SavedModel make a .tflite by tf.lite.TFLiteConverter.from_saved_model(FOLDER)"
)
INT16_NOTE = (
    "its activations are int16: portable C on every core; with --calibration it "
    "is quantized anew to int8, which is smaller and faster"
)
INTEGERS = ("int8", "uint8", "int16")
FLOATS = ("float32", "float16", "bfloat16", "float64")


def load(source: str, options: Options) -> Taken:
    """Read or make the quantized .tflite of a path or of `module:function`."""
    given = options.input_shape
    if given is not None and (min(given, default=0) < 1 or math.prod(given) > ELEMENTS):
        what = f"--input-shape {' '.join(map(str, given))}: that is no shape"
        raise Esp8kError(what, "say a number above 0 for each axis: 1 C H W")
    path = Path(source)
    suffix = path.suffix.lower()
    shown = one_line(path.name or source) or "an empty name"
    if suffix in TFLITE:
        return _tflite(read_bytes(path, MODEL_BYTES, "a .tflite"), shown, options)
    if suffix in C_SOURCES:
        text = read_bytes(path, 8 * MODEL_BYTES, "a C file").decode("latin-1")
        return _tflite(c_array.read(text, shown), shown, options)
    if suffix in CONVERTED:
        raw = read_bytes(path, MODEL_BYTES, "a model")
        return _converted(CONVERTED[suffix], source, raw, shown, options)
    module, colon, function = source.rpartition(":")
    if colon and module and function.isidentifier():
        return _converted("torch", source, b"", shown, options)
    if path.is_file():  # under another name
        raw = read_bytes(path, MODEL_BYTES, "a model")
        if is_tflite(raw):
            return _tflite(raw, shown, options)
    if source and path.is_dir():
        what = "a SavedModel" if (path / "saved_model.pb").exists() else "a folder"
        cure = f"{SAVED_MODEL}; or give one of {KINDS}"
        raise Esp8kError(f"{shown} is {what}, not a model's file", cure)
    if suffix in (".pt", ".pth", ".py"):
        cure = f"give file.py:function, which returns the module; or one of {KINDS}"
        raise Esp8kError(f"{shown} holds no model that can be read alone", cure)
    if source and not path.exists():
        raise Esp8kError(f"there is no file {shown}", f"give one of {KINDS}")
    raise Esp8kError(f"{shown} is no model that is known", f"give one of {KINDS}")


def _tflite(raw: bytes, shown: str, options: Options) -> Taken:
    network = read_tflite(raw, shown)
    _require_one_function(raw, shown)
    notes: tuple[str, ...] = ()
    if is_looped(network):
        how = (raw, options.whole_lstm)
        raw = isolated(unrolled, how, "TensorFlow Lite", fresh=True)
        whole = lstm_layer.count(raw) if begins_anew(raw) else 0
        notes = lstm_layer.notes(whole)
        if sum(op.kind == "WHILE" for op in network.operators) > whole:
            which = "other loops" if whole else "loops"
            notes += (f"its {which} are written out, turn by turn",)
        network = read_tflite(raw, shown)
    anew = options.calibration is not None and not options.int16
    if is_float(network) or dequantized.otherwise(network, anew) is not None:
        _require_numbers(network, shown)
        found = _converted("tflite", shown, raw, shown, options)
        return dataclasses.replace(found, notes=(*notes, *found.notes))
    if options.int16 and dequantized.held(network) != "int16":
        raise quantized_already(shown)
    if options.calibration is not None:
        notes += ("the model is quantized already: --calibration was not read",)
    if open_shapes.is_open(network):
        shapes = open_shapes.told(network, shown, options.input_shape)
        arguments = (raw, shapes)
        raw = isolated(open_shapes.settled, arguments, "TensorFlow Lite", fresh=True)
        notes += ("its batch is free: shapes are those of a batch of 1",)
    if dequantized.held(network) == "int16" and not options.int16:
        notes += (INT16_NOTE,)
    return Taken(raw, shown, notes)


def _require_one_function(raw: bytes, shown: str) -> None:
    """A file may hold several, of which an interpreter runs the one it is asked for."""
    found = {
        one.subgraphIndex: one_line((one.signatureKey or b"").decode(errors="replace"))
        for one in unpacked(raw).signatureDefs or []
    }
    if len(found) > 1:
        names = [found[index] for index in sorted(found)]
        raise Esp8kError(
            f"{shown} holds several functions: {', '.join(names)}",
            "convert one of them: TFLiteConverter.from_saved_model(FOLDER, "
            f"signature_keys=[{names[0]!r}]) or from_concrete_functions",
        )


def _require_numbers(network: Network, shown: str) -> None:
    """What is quantized anew takes real numbers."""
    for end in (network.tensors[index] for index in network.inputs):
        if end.dtype not in (*FLOATS, *INTEGERS):
            raise Esp8kError(
                f"{shown}: its input {one_line(end.name)} is {end.dtype}, not float32",
                "convert the layers behind it: look rows of a table up, and make "
                "numbers real, before the model",
            )
        if end.dtype in INTEGERS and end.quant is None:
            raise Esp8kError(
                f"{shown}: its input {one_line(end.name)} is {end.dtype} without a "
                "scale, which the model makes real itself",
                "convert it with a float32 input, and make numbers real before it",
            )


def _converted(
    kind: str, source: str, raw: bytes, shown: str, options: Options
) -> Taken:
    arguments = (kind, source, raw, shown, options)
    found = isolated(conversion.convert, arguments, "the converter", fresh=True)
    assert isinstance(found, Taken)
    return found


def is_float(network: Network) -> bool:
    """Whether all but its ends is computed in floating point.

    Of a quantized model converters leave some operators in float, between others.
    """
    types = {
        network.tensors[i].dtype
        for op in network.operators
        if op.kind not in QUANTIZE_KINDS
        for i in op.outputs
        if i >= 0
    }
    return not types.isdisjoint(FLOATS) and types.isdisjoint(INTEGERS)
