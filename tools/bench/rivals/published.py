"""Rivals' figures that were not measured here, each with its evidence word.

    rows = published.rows()

`published.json` holds them; onnx2c, TinyMaix and NNoM are on no package registry.
"""

import json
from pathlib import Path

from tools.bench.rows import Row

FILE = Path(__file__).with_name("published.json")
UNMEASURED = "not measured"  # a rival that cannot do the model; `note` says why


def rows() -> list[Row]:
    """Every row of published.json, without what needs an explanation only."""
    return [row for row in _read() if row.evidence != UNMEASURED]


def excluded() -> list[Row]:
    """Rivals without a figure of their own, and the reason."""
    return [row for row in _read() if row.evidence == UNMEASURED]


def _read() -> list[Row]:
    return [
        Row(**{"target": "", "engine": ""} | line)
        for line in json.loads(FILE.read_text())
    ]
