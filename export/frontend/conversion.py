"""From a float model to an int8 .tflite; runs in a process of its own.

`convert` is what `export.frontend.sources` calls: it opens the model, reads the
calibration inputs in the shape that the model wants, quantizes, holds the float
conversion to the model's own runtime, and measures what the quantization costs.
"""

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import Esp8kError
from core.files import scratch
from export.frontend import (
    beside,
    calibration,
    costs,
    cures,
    lstm_layer,
    torch_module,
    unlike,
)
from export.frontend.keras import layers as keras_layers
from export.frontend.keras import old as old_keras
from export.frontend.keras import unloaded
from export.frontend.onnx import files as onnx_files
from export.frontend.refusal import quantized_already
from export.frontend.support import integer_core, require_supported
from export.frontend.taken import Options, Taken, Wanted
from export.frontend.tensorflow import silent, tensorflow
from export.frontend.tflite import dequantized, folded, open_shapes
from export.frontend.tflite.convert import (
    as_built,
    convert_opened,
    convert_quantized,
    from_keras,
)
from export.frontend.tflite.quantize import is_ours, quantize
from export.frontend.tflite.real import with_float_constants
from export.graph.network import Network
from export.graph.read import read_tflite

DRAWN = 4  # inputs where there are none
FAR = 0.01  # of an output's span: a mean error that is worth a word
NEARER = "--int16 may come nearer: values of 16 bits, twice the memory, slower"


@dataclass(frozen=True)
class Made:
    """A quantized .tflite, the float one, and inputs to hold them to each other."""

    floats: bytes
    model: bytes
    sets: dict[str, costs.Inputs]
    narrow: Callable[[], bytes]  # makes the int8 one


def convert(kind: str, source: str, raw: bytes, shown: str, options: Options) -> Taken:
    """The int8 .tflite of a float model of one of four kinds."""
    opener = {"tflite": _tflite, "onnx": _onnx, "keras": _keras, "torch": _torch}[kind]
    return opener(source, raw, shown, options)


def _required(
    shown: str, wanted: tuple[Wanted, ...], options: Options
) -> tuple[np.ndarray, ...]:
    """The calibration inputs, (N, ...) each as the model has them."""
    if options.calibration is not None:
        return calibration.read_all(options.calibration, wanted)
    if options.drawn:
        return _drawn(wanted)
    shapes = [f"(N, {', '.join(map(str, one.shape[1:]))})" for one in wanted]
    form = f"an .npz or .npy of the shape {shapes[0]}, a .csv, a folder of images"
    if len(wanted) > 1:
        each = zip(wanted, shapes, strict=True)
        form = "an .npz of " + ", ".join(
            f"{calibration.bare(one.name)} {shape}" for one, shape in each
        )
    raise Esp8kError(
        f"{shown} is a float model: it needs inputs to find its ranges",
        f"give --calibration with some hundred typical inputs: {form}",
    )


def _drawn(wanted: tuple[Wanted, ...]) -> tuple[np.ndarray, ...]:
    """A few inputs, drawn: what a model takes does not depend on its ranges."""
    rng = np.random.default_rng(0)
    shapes = [(DRAWN, *one.shape[1:]) for one in wanted]
    return tuple(rng.normal(size=shape).astype(np.float32) for shape in shapes)


def _narrow(
    floats: bytes, converted: Callable[[], bytes], inputs: tuple[np.ndarray, ...]
) -> bytes:
    """The int8 .tflite of a float one: the converter's own, or what is more than it."""
    return quantize(floats, inputs) if is_ours(floats) else converted()


def _quantized(
    floats: bytes,
    narrow: Callable[[], bytes],
    inputs: tuple[np.ndarray, ...],
    options: Options,
) -> bytes:
    """The int8 .tflite of a float one, or the int16 one, which no converter makes."""
    if not options.int16:
        return narrow()
    try:
        return quantize(floats, inputs, int16=True)
    except Esp8kError as error:
        raise _of_16_bits(error, narrow) from error


def _of_16_bits(error: Esp8kError, narrow: Callable[[], bytes]) -> Esp8kError:
    """With the cure that 8 bits are, where they are one: that is tried."""
    try:
        require_supported(integer_core(read_tflite(narrow(), "int8")))
    except (Esp8kError, RuntimeError, ValueError):
        return error
    return Esp8kError(error.message, cures.INT16)


def _told(inputs: tuple[np.ndarray, ...], options: Options) -> str:
    if options.calibration is None:
        return "quantized by drawn inputs, to find sizes: compile it with --calibration"
    reach = ", ".join(f"from {x.min():.4g} to {x.max():.4g}" for x in inputs)
    kind = " to int16, portable C on every core," if options.int16 else ""
    count = f"{len(inputs[0]):,} calibration inputs"
    return f"quantized here{kind} by {count}, which reach {reach}"


def _taken(made: Made, shown: str, notes: Sequence[str], options: Options) -> Taken:
    """With what the quantization costs; where that is much, what would cost less."""
    try:
        told = costs.measured(made.floats, made.model, made.sets)
    except Esp8kError as error:
        if options.int16:
            raise _of_16_bits(error, made.narrow) from error
        raise
    if not options.int16 and any(cost.mean > FAR * cost.span for cost in told):
        notes = (*notes, *unlike.told(made.sets["calibration"]), NEARER)
    return Taken(made.model, shown, tuple(notes), told)


# ==== Four kinds of model ====


def _tflite(source: str, raw: bytes, shown: str, options: Options) -> Taken:
    network = read_tflite(raw, shown)
    shapes = open_shapes.told(network, shown, options.input_shape)
    if open_shapes.is_open(network) or shapes != _shapes(network):
        raw = open_shapes.settled(raw, shapes)
    notes: tuple[str, ...] = ()
    how = dequantized.otherwise(network, options.calibration is not None)
    if how is not None:
        if options.calibration is None and not options.drawn:
            raise _other_integers(shown, how, network, options)
        raw = dequantized.floats(raw)
        notes = (f"the file is quantized {how}: made real, and quantized anew",)
    raw = folded.by_shapes(raw)
    names = [network.tensors[i].name for i in network.inputs]
    wanted = tuple(map(Wanted, names, shapes))
    inputs = _required(shown, wanted, options)
    narrow = partial(quantize, raw, inputs)
    model = _quantized(raw, narrow, inputs, options)
    floats = with_float_constants(raw)
    made = Made(floats, model, costs.sets(inputs, wanted, options), narrow)
    return _taken(made, shown, (*notes, _told(inputs, options)), options)


def _shapes(network: Network) -> tuple[tuple[int, ...], ...]:
    return tuple(network.tensors[i].shape for i in network.inputs)


def _other_integers(
    shown: str, how: str, network: Network, options: Options
) -> Esp8kError:
    """What cures a model that is quantized otherwise than to int8."""
    first = "leave --int16 out and " if options.int16 else ""
    reach, why = dequantized.reach(network), dequantized.obstacle(network)
    return Esp8kError(
        f"{shown} is quantized {how}: {why}",
        f"{first}give --calibration with some hundred typical inputs, real numbers"
        f"{f' {reach}' if reach else ''}: it is quantized anew, and what that "
        "costs is told",
    )


def _keras(source: str, raw: bytes, shown: str, options: Options) -> Taken:
    tf = tensorflow()
    import keras

    model = unloaded.attempt(partial(_quietly_loaded, keras, raw), shown)
    if any(end is start for end in model.outputs for start in model.inputs):
        raise Esp8kError(
            f"{shown} gives one of its inputs back",
            "leave that output out of the model",
        )
    wanted = tuple(
        Wanted(one.name, open_shapes.fixed(one.shape, shown, options.input_shape))
        for one in model.inputs
    )
    inputs = _required(shown, wanted, options)
    some = tuple(values[: beside.CHECKED].astype(np.float32) for values in inputs)
    layers = model._flatten_layers()
    expected = beside.by_keras(model, some)
    whole = options.whole_lstm
    recurrent = sum(keras_layers.prepare(tf, layer, whole) for layer in layers)
    starts = [keras.Input(batch_shape=one.shape) for one in wanted]
    start = starts if len(starts) > 1 else starts[0]
    fixed = keras.Model(start, model(start, training=False))
    floats = lstm_layer.anew(from_keras(tf, fixed))
    beside.hold("Keras", expected, floats, some)
    narrow = partial(_narrow, floats, partial(from_keras, tf, fixed, inputs), inputs)
    quantized = _quantized(floats, narrow, inputs, options)
    operators = lstm_layer.count(floats)
    written_out = recurrent - operators
    notes = [_told(inputs, options), *lstm_layer.notes(operators)]
    if written_out > 0:
        several = f"{written_out} recurrent layers are"
        several = "1 recurrent layer is" if written_out == 1 else several
        notes.append(f"{several} written out, step by step, by the same scales")
    made = Made(floats, quantized, costs.sets(inputs, wanted, options), narrow)
    return _taken(made, shown, notes, options)


def _quietly_loaded(keras: Any, raw: bytes) -> Any:
    with silent(), redirect_stdout(io.StringIO()):
        return loaded(keras, raw)


def loaded(keras: Any, raw: bytes) -> Any:
    """A Keras model; a file of Keras 2 as the installed one reads it."""
    suffix = "keras" if raw[:2] == b"PK" else "h5"
    with scratch() as folder:
        path = folder / f"model.{suffix}"
        path.write_bytes(old_keras.renewed(raw))
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    return old_keras.as_computed(keras, model, raw)


def _torch(source: str, raw: bytes, shown: str, options: Options) -> Taken:
    if options.input_shape is None:
        raise Esp8kError(
            "a torch module does not say its input's shape",
            "say it: --input-shape 1 C H W",
        )
    proto = torch_module.exported(source, options.input_shape)
    return _onnx("", proto, shown, options)


def _onnx(source: str, raw: bytes, shown: str, options: Options) -> Taken:
    folder = Path(source).resolve().parent if source else None
    opened = onnx_files.read(raw, folder, shown, options.input_shape)
    if opened.quantized:
        if options.int16:
            raise quantized_already(shown)
        model, graph = convert_quantized(opened.proto)
        notes = (*opened.notes, "the ONNX model is quantized: its scales are taken")
        notes += beside.told(opened.proto, model, opened.inputs, graph)
        return Taken(model, shown, notes)
    inputs = _required(shown, opened.inputs, options)
    floats, converted, graph = convert_opened(opened.proto, inputs, options.whole_lstm)
    floats, ours = lstm_layer.anew(floats), partial(as_built, graph)
    some = tuple(values[: beside.CHECKED] for values in inputs)
    beside.hold("ONNX", onnx_files.run(opened.proto, some), floats, ours(some))
    narrow = partial(_narrow, floats, converted, ours(inputs))
    model = _quantized(floats, narrow, ours(inputs), options)
    sets = costs.sets(inputs, opened.inputs, options, ours)
    whole = lstm_layer.notes(lstm_layer.count(floats))
    notes = (*opened.notes, _told(inputs, options), *whole)
    return _taken(Made(floats, model, sets, narrow), shown, notes, options)
