"""What other commands measured and left beside the model: memory.json, verify.json."""

from pathlib import Path
from typing import Any, TypeGuard, cast

from core.errors import Esp8kError
from core.manifest import json_object, whole
from tools.classify.host import Host
from tools.report.content import Artefact, Memory

MEMORY = ("code", "const", "data", "arena", "flash", "ram")  # bytes, in memory.json


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON file, or None if it is missing or damaged."""
    try:
        return json_object(path)
    except (Esp8kError, ValueError):
        return None


def memory(path: Path) -> Memory | None:
    """The firmware's flash and RAM; None where a figure is missing or no number."""
    told = read_json(path) or {}
    figures = (told.get(f"{name}_bytes") for name in MEMORY)
    good = all(whole(size, 0, 1 << 40) for size in figures)
    return cast(Memory, told) if good else None


def artefacts(host: Host) -> list[Artefact]:
    """How each exported file did, as `make export` measured it."""
    rows = (read_json(host.folder / "verify.json") or {}).get("rows", [])
    return [row for row in rows if _is_measured(row)] if isinstance(rows, list) else []


def _is_measured(row: Any) -> TypeGuard[Artefact]:
    told = row if isinstance(row, dict) else {}
    value = told.get("accuracy")
    named = all(isinstance(told.get(name), str) for name in ("artefact", "evidence"))
    return named and isinstance(value, int | float) and 0 <= value <= 100
