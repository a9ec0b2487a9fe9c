"""A folder of pictures with labels.json: {"a.jpg": {"label": 7, "kind": "pencil"}}.

A label of null says that a picture holds no single digit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import Esp8kError
from core.inputs import TEXT_BYTES
from core.manifest import json_object, whole

NAME = "labels.json"
CURE = 'it says {"a.jpg": {"label": 7, "kind": "pencil"}, ...}; null for no digit'


@dataclass(frozen=True)
class Entry:
    """One picture and what is known of it."""

    path: Path
    label: int | None
    kind: str


def entries(folder: Path) -> Iterator[Entry]:
    """What labels.json tells, in its order; an Esp8kError says what is wrong."""
    path = folder / NAME
    if not path.exists():
        raise Esp8kError(f"there is no {path}", CURE)
    try:
        table = json_object(path, TEXT_BYTES)
    except ValueError as error:
        raise Esp8kError(f"{path} is damaged: {error}", CURE) from None
    if not table:
        raise Esp8kError(f"{path} names no picture", CURE)
    for name, told in table.items():
        if not _right(told):
            raise Esp8kError(f"{path} is damaged: what it says of {name!r}", CURE)
        yield Entry(folder / name, told["label"], told["kind"])


def _right(told: Any) -> bool:
    if not isinstance(told, dict) or not isinstance(told.get("kind"), str):
        return False
    if not told["kind"].isprintable():
        return False
    return "label" in told and (told["label"] is None or whole(told["label"], 0, 9))
