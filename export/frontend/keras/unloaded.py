"""What is wrong with a Keras file that cannot be loaded, or not as it is.

model = attempt(load, "model.h5")
"""

import re
from collections.abc import Callable
from typing import Any

from core.errors import Esp8kError
from core.text import one_line
from export.frontend.refusal import REASON, said

CAUSE = "Exception encountered: "  # with which Keras ends what it tells
HINT = (
    "save it with model.save('model.keras'); layers of one's own need their code: "
    "convert such a model with tf.lite.TFLiteConverter"
)
HINTS = {  # by what Keras tells
    r"No model config": (
        "build the model, model.load_weights(...), then save all of it: "
        "model.save('model.keras')"
    ),
    r"\bQuantize(Layer|Wrapper)": (
        "it was trained aware of quantization: where tensorflow_model_optimization is, "
        "load it within tfmot.quantize_scope(), convert it with "
        "tf.lite.TFLiteConverter.from_keras_model and optimizations = "
        "[tf.lite.Optimize.DEFAULT], and give that .tflite"
    ),
    r"\b(TFOpLambda|SlicingOpLambda|TensorFlowOpLayer)\b": (
        "it holds TensorFlow calls as layers, which Keras 2 alone reads: convert it "
        "there with tf.lite.TFLiteConverter.from_keras_model, and give that .tflite "
        "with --calibration"
    ),
    r"\bQ(Dense|Conv|Activation|BatchNorm|DepthwiseConv)": (
        "qkeras is not read: put its quantized weights into plain Keras layers "
        "(qkeras.utils.model_save_quantized_weights gives them) and save these"
    ),
}
REASONS = {r"No model config": "it holds weights alone"}
STATEFUL = (
    "save it with stateful=False, or as one step with its state as a second input and "
    "output"
)
MASKING = (
    "put its weights into a model without that layer, and feed sequences of one length"
)


def attempt(load: Callable[[], Any], shown: str) -> Any:
    """A Keras model that can be converted; else one error, with its cure."""
    try:
        model = load()
    except Esp8kError as error:
        raise Esp8kError(f"{shown}: {error.message}", error.hint) from error
    except Exception as error:  # Keras raises whatever it meets
        lines = said(error)
        inner = [x for x in lines if x.startswith(CAUSE)]  # of the innermost layer
        told = (inner or lines[:1])[-1].removeprefix(CAUSE)
        known = next((key for key in HINTS if re.search(key, told)), "")
        reason = REASONS.get(known, one_line(told, REASON))
        what = f"Keras cannot load {shown}: {reason}"
        raise Esp8kError(what, HINTS.get(known, HINT)) from error
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False):
            what = f"{shown}: layer {layer.name} keeps its state from call to call"
            raise Esp8kError(what, STATEFUL)
        if type(layer).__name__ == "Masking":
            what = f"{shown}: layer {layer.name} leaves steps out as the input says"
            raise Esp8kError(what, MASKING)
    return model
