"""report.json as one HTML file: every number a reader sees is prepared here.

The template (templates/report.html.jinja) holds layout only. The page needs nothing
from the net: style is inline, digits are base64 PNGs of 28x28 pixels.
"""

from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from core.text import for_terminal
from core.words import BUILT, EMULATED, HARDWARE, PROCESS
from tools.report import shown
from tools.report.content import Memory, Report, Spread
from tools.report.figures import NAMES, accuracy_plot, engine_view, mistakes

TEMPLATES = Path(__file__).parent / "templates"
EVIDENCE = {
    BUILT: "compiled and linked; sizes are read from the image, nothing was run",
    EMULATED: "the flashed bytes ran on an emulated core: results and instruction "
    "counts are exact, times would mean nothing",
    PROCESS: "the same C sources ran as a process of this computer: results "
    "are exact, times are this computer's",
    HARDWARE: "a real board answered over its serial port and timed itself",
}
MEMORY_OF_BOARD = (
    "The whole firmware, both engines in one image: bytes by the symbols of what was "
    "linked."
)
MEMORY_OF_TWIN = (
    "Of the program that ran on this computer, in this computer's instructions. A "
    "board's figures are in the report of a board; the arena is the same everywhere."
)


def render(report: Report, images: np.ndarray) -> str:
    """The whole page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html.jinja")
    return page.render(view(report, images))


def _shown(value: Any) -> Any:
    """Text of others, spelt out as on a terminal; what we marked as safe as it is."""
    plain = isinstance(value, str) and not hasattr(value, "__html__")
    return for_terminal(value) if plain else value


def view(report: Report, images: np.ndarray) -> dict[str, Any]:
    """What the template fills in."""
    engines = [engine_view(report, e, p) for e, p in report["engines"].items()]
    wrong, hidden = mistakes(report, images)
    return {
        "report": report,
        "count": f"{report['images']:,}",
        "verdict": verdict(report),
        "cards": cards(report),
        "plot": accuracy_plot(report),
        "engines": engines,
        "wrong": wrong,
        "hidden": hidden,
        "doubts": shown.doubts(report),
        "camera": shown.camera(report, images),
        "work": work(report),
        "memory": memory(report["memory"]),
        "memory_lead": MEMORY_OF_TWIN
        if report["evidence"] == PROCESS
        else MEMORY_OF_BOARD,
        "facts": facts(report),
        "timing": timing_rows(report),
        "evidence": EVIDENCE,
    }


# ---- the top of the page ----


def verdict(report: Report) -> dict[str, Any]:
    """One sentence that says whether device and host are the same."""
    if report["failures"]:
        return {"good": False, "text": "; ".join(report["failures"])}
    parts = report["engines"].values()
    logits = sum(p["logits"]["total"] for p in parts)
    apart = sum(p["logits"]["different"] for p in parts)
    count = f"{report['images']:,}"
    text = f"Device and host agree on all {count} digits"
    if apart == 0:
        return {"good": True, "text": f"{text}, and on every bit of {logits:,} logits."}
    return {"good": True, "text": f"{text}; {apart:,} of {logits:,} logits differ."}


def cards(report: Report) -> list[dict[str, str]]:
    """The few numbers that most readers came for."""
    result = []
    for engine, part in report["engines"].items():
        low, high = part["device"]["wilson95_percent"]
        result.append(
            {
                "label": f"{NAMES[engine]} accuracy",
                "value": f"{part['device']['percent']:.2f}",
                "unit": "%",
                "note": f"95 %: {low:.2f} to {high:.2f}",
            }
        )
    for row in work(report)["rows"][:1]:
        result.append(
            {
                "label": f"{row['engine']} inference",
                "value": row["short"],
                "unit": row["short_unit"],
                "note": row["note"],
            }
        )
    stored = report["memory"]
    if stored and report["evidence"] != PROCESS:
        result.append(
            {
                "label": "flash, whole firmware",
                "value": kilobytes(stored["flash_bytes"]),
                "unit": "kB",
                "note": f"RAM {kilobytes(stored['ram_bytes'])} kB, of which "
                f"{stored['arena_bytes']:,} B arena",
            }
        )
    return result


def kilobytes(count: int) -> str:
    """Thousands of bytes with one decimal."""
    return f"{count / 1000:,.1f}"


# ---- cost ----


def work(report: Report) -> dict[str, Any]:
    """Time on hardware; elsewhere instructions or the host's own time, said so."""
    hardware = report["evidence"] == HARDWARE
    times = report["timing"]["microseconds"]
    rows = []
    for engine in report["engines"]:
        count, time = report["instructions"].get(engine), times.get(engine)
        if hardware and time:
            rows.append(_work_row(report, engine, time, "microseconds"))
        if count:
            rows.append(_work_row(report, engine, count, report["counter"]))
        elif not hardware and time:
            rows.append(_work_row(report, engine, time, "µs of this computer"))
    caution = {
        HARDWARE: "The board's own clock, around the inference alone.",
        EMULATED: "Instructions of the emulated core, counted exactly. They are not "
        "cycles of an ESP32: no cache, flash or pipeline is modelled, and no time on "
        "a board is claimed.",
        PROCESS: "Times of the process on this computer, printed to show that "
        "the clock works. They say nothing about a board.",
    }[report["evidence"]]
    return {"rows": rows, "caution": caution}


def _work_row(report: Report, engine: str, values: Spread, unit: str) -> dict[str, Any]:
    median = values["median"]
    if median >= 1_000_000:  # more digits would not fit their card
        short, prefix = f"{median / 1_000_000:,.2f}", "M "
    elif median >= 10_000:
        short, prefix = f"{median / 1000:,.0f}", "k "
    else:
        short, prefix = f"{median:,.0f}", ""
    short_unit = {"microseconds": "µs", "µs of this computer": "µs"}.get(unit, unit)
    macs = report["macs"]
    per_mac = f"{median / macs:.2f}" if macs and short_unit != "µs" else ""
    notes = {"µs of this computer": "this computer's time, not a board's"}
    return {
        "engine": NAMES[engine],
        "kind": engine,
        "unit": unit,
        "short": short,
        "short_unit": prefix + short_unit,
        "note": notes.get(unit, f"{report['evidence']}, median of {values['n']:,}"),
        "min": f"{values['min']:,.0f}",
        "median": f"{median:,.0f}",
        "max": f"{values['max']:,.0f}",
        "n": f"{values['n']:,}",
        "per_mac": per_mac,
    }


def memory(stored: Memory | None) -> list[dict[str, Any]]:
    """Flash and RAM as stacked bars."""
    return [
        {
            "name": name,
            "total": f"{total:,}",
            "parts": [
                {
                    "name": part,
                    "bytes": f"{size:,}",
                    "share": f"{100 * size / max(total, 1):.2f}",
                }
                for part, size in parts
                if size
            ],
        }
        for name, total, parts in (_bars(stored) if stored else ())
    ]


def _bars(stored: Memory) -> list[tuple[str, int, list[tuple[str, int]]]]:
    """(name, bytes, its parts) of each memory."""
    arena, stack = stored["arena_bytes"], stored.get("stack_bytes", 0)
    linked = stored["code_bytes"] + stored["const_bytes"] + stored["data_bytes"]
    header = stored["flash_bytes"] - linked
    return [
        (
            "Flash",
            stored["flash_bytes"],
            [
                ("code", stored["code_bytes"]),
                ("constants", stored["const_bytes"]),
                ("initialised data", stored["data_bytes"]),
                ("image headers", max(0, header)),
            ],
        ),
        (
            "RAM",
            stored["ram_bytes"],
            [
                ("arena of the network", arena),
                ("stack", stack),
                ("buffers and the rest", max(0, stored["ram_bytes"] - arena - stack)),
            ],
        ),
    ]


# ---- where it comes from ----


def facts(report: Report) -> list[tuple[str, str]]:
    """Provenance as label and value."""
    config = report["config"]
    trained = ", ".join(
        f"{key} {config[key]}" for key in ("seed", "epochs", "dataset") if key in config
    )
    macs = f"{report['macs']:,} MACs" if report["macs"] else ""
    described = [report["model"], trained, macs, f"profile {report['profile']}"]
    return [
        ("model", ", ".join(part for part in described if part)),
        ("board", f"{report['board']} ({report['evidence']})"),
        ("weights", report["weights_hash"]),
        ("data", report["data_hash"]),
        ("source", report["git_revision"] or "not a git checkout"),
        ("command", report["command"]),
    ]


def timing_rows(report: Report) -> list[tuple[str, str]]:
    """What differs from run to run."""
    link, timing = report["link"], report["timing"]
    rows = [
        ("all images, all engines", f"{timing['seconds_for_all']:.1f} s"),
        ("devices open at once", str(link["devices_at_once"])),
        ("device resets survived", str(link["resets"])),
        ("times the device was opened again", str(link["reopened"])),
        ("frames sent again", str(link["retries"])),
        *(("opened again after", loss) for loss in link["losses"]),
    ]
    for engine, values in timing["microseconds"].items():
        if values:
            whose = (
                "board" if timing["is_board_time"] else "host's clock, not a board's"
            )
            rows.append(
                (
                    f"{NAMES[engine]}, microseconds by the {whose}",
                    f"{values['min']:,} / {values['median']:,.0f} / {values['max']:,} "
                    "(min / median / max)",
                )
            )
    return rows
