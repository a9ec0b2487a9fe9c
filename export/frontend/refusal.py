"""How an operator is refused: which one, its tensor, what is wrong, what would help."""

import re

from core.errors import Esp8kError
from core.text import one_line
from export.graph.network import Network, Operator

QUANTIZE_HINT = (
    "convert with full integer quantization: representative_dataset, "
    "TFLITE_BUILTINS_INT8, inference_input_type and inference_output_type int8"
)
DAMAGED_HINT = "the file is damaged: convert the model again"


def refuse(
    network: Network, op: Operator, what: str, hint: str = DAMAGED_HINT
) -> Esp8kError:
    """The error that names the operator by its number and its first output."""
    name = network.tensors[op.outputs[0]].name if op.outputs else "none"
    return Esp8kError(f"operator {op.index} {op.kind} (tensor {name}): {what}", hint)


def quantized_already(shown: str) -> Esp8kError:
    """A model that is asked to be of 16 bits, but was quantized by its author."""
    return Esp8kError(
        f"{shown} is quantized already: its values stay as they are",
        "leave --int16 out, or give the float model that it was made of",
    )


def reason(error: BaseException) -> str:
    """What another's error says first, without the colours of a terminal."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip()
    return one_line((plain.splitlines() or [type(error).__name__])[0])[:200]
