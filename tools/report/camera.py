"""Drawn frames of a camera through the device: prepared there and here, equal bits?

    found = compare(opener, check, host, images, labels, count)

Frames are drawn from the images, the same ones whenever those and the count are.
"""

import zlib
from collections.abc import Callable

import numpy as np

from export.reference.prepare import Prepared, prepare
from tools import camera_frames
from tools.classify.host import Host
from tools.link.camera import infer_frame
from tools.link.client import Device
from tools.link.framing import Error
from tools.link.session import Refused
from tools.report.content import FrameRow, Frames
from tools.report.data import Check, Opener

Array = np.ndarray
Classify = Callable[[Array], Array]  # raw int8 logits (N, 10) of (N, 28, 28)

ENGINE = "int8"
WITHOUT = (Error.TYPE, Error.UNSUPPORTED)  # a firmware that takes no frames


def drawn(images: Array, count: int) -> list[tuple[int, Array]]:
    """(index of the image, frame (H, W) uint8) of so many frames."""
    rng = np.random.default_rng(count)
    found = []
    for _ in range(count):
        index = int(rng.integers(len(images)))
        found.append((index, camera_frames.draw(images[index], rng)))
    return found


def ask(
    device: Device,
    classify: Classify,
    shown: list[tuple[int, Array]],
    labels: Array,
) -> Frames:
    """Every frame on the device, beside the specification and the host's logits."""
    rows: list[FrameRow] = []
    for index, frame in shown:
        told = infer_frame(device, ENGINE, frame)
        own: Prepared = prepare(frame)
        logits = classify(own.pixels[None])[0]
        same = told.prepared_crc == zlib.crc32(own.pixels.tobytes())
        rows.append(
            {
                "image": index,
                "width": frame.shape[1],
                "height": frame.shape[0],
                "true": int(labels[index]),
                "device": told.result.label,
                "equal_picture": bool(same and told.box == own.box),
                "equal_logits": bool((told.result.logits == logits).all()),
            }
        )
    return {
        "engine": ENGINE,
        "of": len(rows),
        "equal_pictures": sum(row["equal_picture"] for row in rows),
        "equal_logits": sum(row["equal_logits"] for row in rows),
        "right": sum(row["true"] == row["device"] for row in rows),
        "rows": rows,
    }


def compare(
    opener: Opener,
    check: Check,
    host: Host,
    images: Array,
    labels: Array,
    count: int,
) -> Frames | None:
    """None where none are asked for, or the device's firmware takes no frames."""
    if count == 0:
        return None
    with opener() as device:
        check(device)
        try:
            shown = drawn(images, count)
            classify = lambda pixels: host.logits(ENGINE, pixels)  # noqa: E731
            return ask(device, classify, shown, labels)
        except Refused as refused:
            if refused.number not in WITHOUT:
                raise
            return None


def failure(found: Frames | None) -> list[str]:
    """What must hold of them and does not."""
    if found is None:
        return []
    apart = found["of"] - min(found["equal_pictures"], found["equal_logits"])
    told = f"{apart} of {found['of']} frames are prepared or classified otherwise"
    return [f"{told} on the device"] if apart else []
