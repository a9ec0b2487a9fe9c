"""The report's figures: accuracy with its interval, confusion, misclassified digits.

Each function turns numbers of report.json into what the template prints: positions in
percent of a width, shades, data URLs. No file is read or written here.
"""

import base64
import io
import math
from typing import Any

import numpy as np
from PIL import Image

from core.statistics import wilson_percent
from tools.report.content import EngineReport, Report

NAMES = {"int8": "int8", "f16": "float16"}
TILES = 160  # misclassified digits that are shown; report.json names all


# ---- accuracy ----


def accuracy_plot(report: Report) -> dict[str, Any]:
    """Dots with 95 % whiskers, from PyTorch to the device, in percent of the width."""
    rows = []
    total = report["test_images"]  # the artefacts were measured on these
    if report["images"] == total:
        for item in report["artefacts"]:
            right = round(item["accuracy"] * total / 100)
            low, high = wilson_percent(right, total)
            rows.append(
                _dot(item["artefact"], item["evidence"], item["accuracy"], low, high)
            )
    for engine, part in report["engines"].items():
        for side in ("host", "device"):
            score = part[side]
            low, high = score["wilson95_percent"]
            note = "numpy" if side == "host" else report["board"]
            label = f"{NAMES[engine]} on the {side}"
            rows.append(_dot(label, note, score["percent"], low, high, engine, side))
    if not rows:
        return {"rows": [], "ticks": []}
    floor = min(row["low"] for row in rows)
    step = next(s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if (100 - floor) / s <= 6)
    start = max(0.0, math.floor(floor / step) * step)

    def place(value: float) -> float:
        return float(100 * (value - start) / (100 - start))

    for row in rows:
        row["at"] = f"{place(row['value']):.2f}"
        row["left"] = f"{place(row['low']):.2f}"
        row["width"] = f"{place(row['high']) - place(row['low']):.2f}"
        row["text"] = f"{row['value']:.2f} %"
    count = round((100 - start) / step)
    ticks = [start + i * step for i in range(count + 1)]
    marks = [{"at": f"{place(t):.2f}", "text": f"{t:.4g}"} for t in ticks]
    marks[-1]["text"] += " %"  # there is room for the unit behind the last
    return {"rows": rows, "ticks": marks}


def _dot(
    label: str,
    note: str,
    value: float,
    low: float,
    high: float,
    engine: str = "",
    side: str = "file",
) -> dict[str, Any]:
    return {
        "label": label,
        "note": note,
        "value": value,
        "low": low,
        "high": high,
        "engine": engine,
        "side": side,
    }


# ---- one engine ----


def engine_view(report: Report, engine: str, part: EngineReport) -> dict[str, Any]:
    """The comparison of one engine as label and value, and its confusion matrix."""
    equal = part["digest"]["host"] == part["digest"]["device"]
    logits, toss = part["logits"], part["mcnemar"]
    total = report["images"]
    rows = [
        ("same class", f"{part['agreement']:,} of {total:,}"),
        ("logits that differ", f"{logits['different']:,} of {logits['total']:,}"),
        ("largest difference", f"{logits['max']:.3g}"),
        ("RMSE", f"{logits['rmse']:.3g}"),
        (
            "cosine, mean and least",
            f"{logits['cosine_mean']:.6f}, {logits['cosine_min']:.6f}",
        ),
        (
            "right on one side only",
            f"host {toss['only_host_right']}, device {toss['only_device_right']} "
            f"(McNemar p = {toss['p']:.2g})",
        ),
    ]
    return {
        "engine": engine,
        "name": NAMES[engine],
        "rows": rows,
        "digest": part["digest"],
        "equal": equal,
        "matrix": matrix(part["confusion"]),
        "errors": f"{part['device']['of'] - part['device']['right']:,}",
    }


def matrix(counts: list[list[int]]) -> list[list[dict[str, Any]]]:
    """Cells of a confusion matrix; shade by count, mistakes and hits apart."""
    worst = max(
        (c for t, row in enumerate(counts) for s, c in enumerate(row) if s != t)
    )
    return [
        [
            {
                "count": count or "",
                "hit": said == true,
                # A root brings out the single mistakes beside the common ones.
                "alpha": f"{math.sqrt(count / max(worst, 1)):.2f}"
                if said != true
                else "0",
            }
            for said, count in enumerate(row)
        ]
        for true, row in enumerate(counts)
    ]


def mistakes(report: Report, images: np.ndarray) -> tuple[list[dict[str, Any]], int]:
    """Digits that anyone got wrong, with what each side said; and how many more."""
    found: dict[int, dict[str, Any]] = {}
    for engine, part in report["engines"].items():
        for item in part["misclassified"]:
            entry = found.setdefault(item["index"], {"true": item["true"], "said": {}})
            entry["said"][engine] = (item["host"], item["device"])
    tiles = []
    for index in sorted(found)[:TILES]:
        entry = found[index]
        said = [
            {
                "engine": NAMES[engine],
                "kind": engine,
                "text": _said(entry["said"].get(engine), entry["true"]),
                "apart": len(set(entry["said"].get(engine, ()))) > 1,
            }
            for engine in report["engines"]
        ]
        tiles.append(
            {
                "index": index,
                "true": entry["true"],
                "said": said,
                "png": png(images[index]),
            }
        )
    return tiles, max(0, len(found) - TILES)


def _said(pair: tuple[int, int] | None, true: int) -> str:
    """What one engine answered: one digit, or host and device where they differ."""
    if pair is None:
        return str(true)
    host, device = pair
    return str(device) if host == device else f"{device}, host {host}"


def png(pixels: np.ndarray) -> str:
    """A data URL."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
