"""build/<model>/model.json: what an export says of itself, read in this one place.

    told = manifest.read(folder, "weights_hash", "output")

It lies on a disk for months, beside newer versions of this program: every field that is
there is of the right kind, and those that were asked for are there, or one `Esp8kError`
says which is not.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.doubt import Doubt
from core.errors import Esp8kError
from core.inputs import read_bytes
from core.text import one_line
from core.words import PROFILES

NAME = "model.json"
LIMIT = 1 << 20  # bytes; an export writes about 20,000
HEX = frozenset("0123456789abcdef")


def read(folder: Path, *needed: str) -> dict[str, Any]:
    """What the export in `folder` says; the fields `needed` are in it."""
    path, cure = folder / NAME, f"run: make export MODEL={folder.name}"
    if not exists(folder):
        raise Esp8kError(f"model {folder.name} has not been exported", cure)
    try:
        told = json_object(path)
    except ValueError as error:
        raise Esp8kError(f"{path} is damaged: {error}", cure) from None
    for field in needed:
        if told.get(field) is None:
            raise Esp8kError(f"{path} is damaged: it has no {field}", cure)
    for field, right in FIELDS.items():
        if told.get(field) is not None and not right(told[field]):
            shown = one_line(repr(told[field]), 40)
            text = f"{path} is damaged, or of another version: its {field} is {shown}"
            raise Esp8kError(text, cure)
    names, output = told.get("classes"), told.get("output") or {}
    if names and "shape" in output and len(names) != output["shape"][-1]:
        text = f"{len(names)} classes, {output['shape'][-1]} outputs"
        raise Esp8kError(f"{path} is damaged: {text}", cure)
    return told


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


# ==== What each field is ======================================================


def whole(value: Any, least: int, most: int) -> bool:
    """Whether `value` is an integer from `least` to `most`."""
    return type(value) is int and least <= value <= most


def _hash(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and HEX.issuperset(value)


def _positive(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) < 1e30 and math.isfinite(value) and value > 0


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str | int) for v in value)


def _tensor(value: Any) -> bool:
    """Scale and zero point of an int8 tensor; its shape where it is told."""
    if not isinstance(value, dict) or not _positive(value.get("scale")):
        return False
    shape = value.get("shape", [1])
    plain = isinstance(shape, list) and bool(shape)
    fits = plain and all(whole(side, 1, 1 << 20) for side in shape)
    return fits and whole(value.get("zero_point"), -128, 127)


def _doubt(value: Any) -> bool:
    try:
        Doubt.of(value)
    except (ValueError, KeyError, TypeError, OverflowError):
        return False
    return True


FIELDS: dict[str, Callable[[Any], bool]] = {
    "model": lambda value: isinstance(value, str),
    "weights_hash": _hash,
    "identity_crc": lambda value: whole(value, 0, 0xFFFFFFFF),
    "profile": lambda value: value in PROFILES,
    "temperature": _positive,
    "dataset": lambda value: isinstance(value, str),
    "classes": _names,
    "doubt": _doubt,
    "input": _tensor,
    "output": _tensor,
    "macs": lambda value: whole(value, 0, 1 << 40),
    "test_images": lambda value: whole(value, 0, 1 << 30),
    "config": lambda value: isinstance(value, dict),
}
