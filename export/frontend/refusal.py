"""How an operator is refused: which one, its tensor, what is wrong, what would help."""

import re

from core.errors import Esp8kError
from core.text import one_line, visible
from export.graph.network import Network, Operator

QUANTIZE_HINT = (
    "convert with full integer quantization: representative_dataset, "
    "TFLITE_BUILTINS_INT8, inference_input_type and inference_output_type int8"
)
REASON = 200  # characters of another's error: some hold the whole model
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


def said(error: BaseException) -> list[str]:
    """The lines of another's error without the colours of a terminal; one at least."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [visible(line.strip()) for line in plain.splitlines() if line.strip()]
    return lines or [type(error).__name__]


def reason(error: BaseException, last: bool = False) -> str:
    """What another's error says first, or last, which may be what led to the rest."""
    return one_line(said(error)[-1 if last else 0], REASON)
