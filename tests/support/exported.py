"""build/<model>/model.json of an export that never was."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.manifest import NAME, End, Manifest

TOLD = Manifest(
    model="v2",
    weights_hash="ab" * 32,
    identity_crc=1,
    profile="balanced",
    temperature=1.5,
    dataset="mnist",
    classes=tuple("0123456789"),
    doubt=None,
    input=End((1, 28, 28, 1), 1 / 255, -128),
    output=End((1, 10), 0.125, 3),
    macs=231392,
    test_images=10_000,
    config={"seed": 0},
)


def write(folder: Path, **changes: Any) -> Path:
    """model.json in `folder`: TOLD, but for what is given."""
    path = folder / NAME
    path.write_text(json.dumps(asdict(replace(TOLD, **changes))))
    return path
