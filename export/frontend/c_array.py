"""A model that was turned into a C array: `const unsigned char model[] = {0x1c, ...}`.

    raw = read(text, "model.h")

As xxd, Arduino sketches, Edge Impulse and TensorFlow's examples have it. Of several
arrays that are a .tflite the longest is taken; pictures and tables may stand beside.
"""

import re

import numpy as np

from core.errors import Esp8kError
from export.graph.flatbuffer import is_tflite

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
ARRAY = re.compile(r"\{([\s0-9a-fA-FxX,uUlL'+-]*)\}")
NUMBER = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|\d+)")
TEXT = re.compile(r'=\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', re.S)  # "\x1c\x00..."


def read(text: str, name: str) -> bytes:
    """The bytes of the longest model in C source `text`; `name` is for messages."""
    bare = COMMENT.sub(" ", text)
    found = [_numbers(m.group(1)) for m in ARRAY.finditer(bare)]
    found += [_strings(m.group(1)) for m in TEXT.finditer(bare)]
    models = [f for f in found if f is not None and is_tflite(f)]
    if not models:
        raise Esp8kError(
            f"no array of {name} is a .tflite",
            "give the file with the numbers themselves, as `xxd -i model.tflite` "
            "writes them",
        )
    return max(models, key=len)


def _numbers(body: str) -> bytes | None:
    values = [int(n, 0) if "x" in n.lower() else int(n) for n in NUMBER.findall(body)]
    if not values or not -128 <= min(values) <= max(values) <= 255:
        return None
    return (np.array(values, np.int16) & 255).astype(np.uint8).tobytes()


def _strings(body: str) -> bytes | None:
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"', body, re.S)
    try:
        return (
            "".join(parts).encode("latin-1").decode("unicode_escape").encode("latin-1")
        )
    except (UnicodeDecodeError, UnicodeEncodeError):
        return None
