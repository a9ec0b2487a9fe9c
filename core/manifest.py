"""build/<model>/model.json: what an export says of itself, read in this one place.

    told = manifest.read(folder)        # told.output.scale, told.classes, ...

It lies on a disk for months, beside newer versions of this program: every field is
there and of the right kind, or one `Esp8kError` says which is not.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from core.doubt import Doubt
from core.errors import Esp8kError
from core.inputs import read_bytes
from core.text import one_line
from core.words import PROFILES

NAME = "model.json"
LIMIT = 1 << 20  # bytes; an export writes about 20,000
HEX = frozenset("0123456789abcdef")
T = TypeVar("T")
WRONG = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


@dataclass(frozen=True)
class End:
    """The network's input or output: real = (stored - zero_point) * scale."""

    shape: tuple[int, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True)
class Manifest:
    """Which model was exported, and what a host must know of it."""

    model: str
    weights_hash: str  # hexadecimal
    identity_crc: int  # what the firmware names, unsigned 32 bits
    profile: str
    temperature: float | None  # divides real logits for calibrated probabilities
    dataset: str
    classes: tuple[str, ...]  # their names, as many as there are outputs
    doubt: Doubt | None  # how sure an answer is; None where it knows no digits
    input: End
    output: End
    macs: int
    test_images: int
    config: dict[str, Any]  # of the training, for the report


def read(folder: Path) -> Manifest:
    """What the export in `folder` says."""
    path, cure = folder / NAME, f"run: make export MODEL={folder.name}"
    if not exists(folder):
        raise Esp8kError(f"model {folder.name} has not been exported", cure)
    try:
        told = json_object(path)
    except ValueError as error:
        raise Esp8kError(f"{path} is damaged: {error}", cure) from None
    values: dict[str, Any] = {}
    for field, taken in FIELDS.items():
        if field not in told:
            raise Esp8kError(f"{path} is damaged: it has no {field}", cure)
        try:
            values[field] = taken(told[field])
        except WRONG:
            shown = one_line(repr(told[field]), 40)
            text = f"{path} is damaged, or of another version: its {field} is {shown}"
            raise Esp8kError(text, cure) from None
    found = Manifest(**values)
    names, outputs = len(found.classes), found.output.shape[-1]
    if names != outputs:
        text = f"{path} is damaged: {names} classes, {outputs} outputs"
        raise Esp8kError(text, cure)
    return found


def exists(folder: Path) -> bool:
    """Whether there is any export in `folder`, right or wrong."""
    path = folder / NAME
    return path.exists() or path.is_symlink()


def json_object(path: Path, limit: int = LIMIT) -> dict[str, Any]:
    """A file of one JSON object; a ValueError says what else it is."""
    try:
        told = json.loads(read_bytes(path, limit, "a file of JSON").decode())
    except RecursionError:
        raise ValueError("its lists are too deep") from None
    if not isinstance(told, dict):
        raise ValueError(f"it holds a {type(told).__name__}, no fields")
    return told


# ==== What each field is: taken as JSON has it, or a ValueError ================


def whole(value: Any, least: int, most: int) -> bool:
    """Whether `value` is an integer from `least` to `most`."""
    return type(value) is int and least <= value <= most


def _only(value: T, right: bool) -> T:
    if not right:
        raise ValueError(value)
    return value


def _text(value: Any) -> str:
    return str(_only(value, isinstance(value, str)))


def _hash(value: Any) -> str:
    return _only(_text(value), bool(value) and HEX.issuperset(value))


def _positive(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(_only(value, number and 0 < value < 1e30 and math.isfinite(value)))


def _names(value: Any) -> tuple[str, ...]:
    listed = isinstance(value, list) and all(type(v) in (str, int) for v in value)
    return tuple(map(str, _only(value, listed)))


def _whole(most: int, least: int = 0) -> Callable[[Any], int]:
    return lambda value: _only(value, whole(value, least, most))


def _end(value: Any) -> End:
    shape = value["shape"]
    plain = isinstance(shape, list) and bool(shape)
    fits = plain and all(whole(side, 1, 1 << 20) for side in shape)
    zero = _whole(127, -128)(value["zero_point"])
    return End(tuple(_only(shape, fits)), _positive(value["scale"]), zero)


def _or_none(taken: Callable[[Any], T]) -> Callable[[Any], T | None]:
    return lambda value: None if value is None else taken(value)


FIELDS: dict[str, Callable[[Any], Any]] = {
    "model": _text,
    "weights_hash": _hash,
    "identity_crc": _whole(0xFFFFFFFF),
    "profile": lambda value: _only(value, value in PROFILES),
    "temperature": _or_none(_positive),
    "dataset": _text,
    "classes": _names,
    "doubt": _or_none(Doubt.of),
    "input": _end,
    "output": _end,
    "macs": _whole(1 << 40),
    "test_images": _whole(1 << 30),
    "config": lambda value: _only(value, isinstance(value, dict)),
}
