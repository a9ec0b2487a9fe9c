"""What the page says of doubt, and of the frames that the device prepared itself."""

from typing import Any

import numpy as np

from export.reference.prepare import prepare
from tools.report.camera import drawn
from tools.report.content import Doubts, Report
from tools.report.figures import NAMES, png


def doubts(report: Report) -> list[dict[str, Any]]:
    """A bar and three sentences for each engine; none where the model has no doubt."""
    return [
        doubt(engine, part["doubt"], report["images"])
        for engine, part in report["engines"].items()
        if part["doubt"]
    ]


def doubt(engine: str, part: Doubts, total: int) -> dict[str, Any]:
    """One engine's."""
    sure, wrong = part["accuracy_of_sure"], part["wrong"]
    right = total - wrong
    counts = {
        "sure": part["sure"],
        "unsure": part["unsure"],
        "not a digit": part["no_digit"],
    }
    return {
        "engine": engine,
        "name": NAMES[engine],
        "parts": [
            {
                "name": word,
                "count": f"{count:,}",
                "share": f"{100 * count / max(total, 1):.2f}",
            }
            for word, count in counts.items()
            if count
        ],
        "rows": [
            ("right among the sure", share(sure["right"], sure["of"])),
            ("right, and not called sure", share(part["right_and_not_sure"], right)),
            ("wrong, and not called sure", share(part["wrong_and_not_sure"], wrong)),
        ],
    }


def share(some: int, of: int) -> str:
    """A count with its percentage; 100 % only where it is."""
    if of == 0:
        return "none"
    percent = 100 * some / of
    text = f"{percent:.2f}" if some == of or percent < 99.995 else "99.99"
    return f"{some:,} of {of:,} ({text} %)"


def camera(report: Report, images: np.ndarray) -> dict[str, Any] | None:
    """The frames with what was made of them; None where none were sent."""
    found = report["frames"]
    if found is None:
        return None
    tiles = []
    shown = drawn(images, found["of"])
    for row, (_, frame) in zip(found["rows"], shown, strict=True):
        equal = row["equal_picture"] and row["equal_logits"]
        tiles.append(
            {
                **row,
                "frame": png(frame),
                "prepared": png(prepare(frame).pixels),
                "equal": equal,
                "right": row["true"] == row["device"],
            }
        )
    count = min(found["equal_pictures"], found["equal_logits"])
    return {
        "tiles": tiles,
        "equal": count,
        "of": found["of"],
        "right": found["right"],
        "good": count == found["of"],
    }
