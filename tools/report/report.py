"""All test images through a board, with both engines: host against device.

    esp8k report --model v3 --board virtual
    esp8k report --model v3 --board twin --images 500 --json

Writes build/<model>/<board>/report/report.json and .html (one file, nothing from the
net); with --images into report-of-N, so that a whole one stays. Refuses a device that
runs other weights. Exit code 1 if an answer or the int8 digest is not the host's. What
depends on the clock or the line stands under "timing" and "link" in the JSON; the rest
is the same whenever the inputs are.

Of v3 that takes half a minute on twin (measured). On virtual it took 143 s of processor
time in profile speed, whose float16 runs on the FPU (measured), and takes nine minutes
of it in the others, so some five on two cores (scaled up from 10 images). On a board
the line alone takes 24 minutes at 115200 baud (computed: 20,000 images).
"""

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.cli import parse, require_range
from core.errors import CheckFailed
from core.files import check_writable
from core.program import run
from core.revision import revision
from core.saying import say
from core.text import for_json, for_path, for_terminal
from core.words import (
    DEFAULT_MODEL,
    EMULATED,
    ENGINES,
    HARDWARE,
    Engine,
    Evidence,
    ModelName,
)
from tools.classify.host import Host
from tools.link.client import Device
from tools.link.identity_lock import require_identity
from tools.report import camera
from tools.report.content import (
    EngineReport,
    Frames,
    Link,
    Provenance,
    Report,
    Timing,
)
from tools.report.counting import counted
from tools.report.data import (
    Check,
    Collected,
    Opener,
    collect,
    engine_statistics,
    spread,
)
from tools.report.files import progress_bar, summary, write
from tools.report.recorded import artefacts, memory

FORMAT = 1
WORKERS = 2  # devices opened at once where we start them ourselves
MOST_FRAMES = 10_000  # of a camera


@dataclass(frozen=True)
class Config:
    """Options of `esp8k report`."""

    model: ModelName = DEFAULT_MODEL  # which network
    board: str | None = None  # virtual, twin, esp32dev, ...; found if absent
    port: str | None = None  # serial port or pyserial URL; found if absent
    engine: Engine | Literal["both"] = "both"  # which arithmetic on the board
    images: int | None = None  # only the first so many test images
    out: Path | None = None  # folder; default build/<model>/<board>/report[-of-N]
    frames: int = 8  # drawn frames of a camera that the device prepares itself
    json: bool = False  # print report.json instead of a summary


@dataclass(frozen=True)
class Target:
    """The board, and how to open it: plain, or counting instructions."""

    name: str
    evidence: Evidence
    opener: Opener
    counting: Opener | None
    at_once: int = 1  # devices; a port is opened once

    def folder(self, host: Host) -> Path:
        """build/<model>/<board>/; the board at a port tells its name itself."""
        return host.folder / for_path(self.name)


@dataclass(frozen=True)
class Subject:
    """The images that are asked about."""

    images: np.ndarray  # (N, 28, 28) uint8
    labels: np.ndarray  # (N,)
    data_hash: str


def make_report(config: Config, target: Target, host: Host, asked: Subject) -> Report:
    """Ask host and device about every image; the content of report.json."""
    engines = ENGINES if config.engine == "both" else (config.engine,)
    own = host_logits(host, engines, asked.images)
    identity: list[Any] = []

    def check(device: Device) -> None:
        require_identity(device, host.folder)
        identity.append(device.identity)

    started = time.monotonic()
    workers = target.at_once
    total = len(asked.images) * len(engines)
    with progress_bar(f"{config.model} on {target.name}", total) as advance:
        got = collect(target.opener, check, engines, asked.images, workers, advance)
    seconds = time.monotonic() - started
    counts = counted(target.counting, check, engines, asked.images, got)
    counter = identity[-1].counter  # of the device that counted, if one did
    truth = asked.labels.astype(int)
    parts: dict[str, EngineReport] = {
        e: engine_statistics(host, e, own[e], got.answers[e], truth, asked.images)
        for e in engines
    }
    frames = camera_frames(config, target, check, host, asked)
    failed = failures(len(asked.images), parts, frames)
    return {
        "format": FORMAT,
        **provenance(config, target, host, asked),
        "engines": parts,
        "frames": frames,
        "instructions": counts,
        "counter": counter,
        "memory": memory(target.folder(host) / "memory.json"),
        "artefacts": artefacts(host),
        "failures": failed,
        "passed": not failed,
        "link": link_statistics(got, workers),
        "timing": timing(target, got, seconds),
    }


def host_logits(
    host: Host, engines: Sequence[str], images: np.ndarray
) -> dict[str, np.ndarray]:
    """What the host says to every image, (N, outputs) an engine."""
    own = {}
    for engine in engines:
        say(f"host: {engine} on {len(images):,} images")
        own[engine] = host.logits(engine, images)
    return own


def link_statistics(got: Collected, workers: int) -> Link:
    """What the line did while all images crossed it."""
    return {
        "devices_at_once": workers,
        "resets": got.resets,
        "reopened": len(got.losses),
        "losses": got.losses,
        "retries": got.retries,
    }


def provenance(
    config: Config, target: Target, host: Host, asked: Subject
) -> Provenance:
    """What the numbers belong to."""
    program = "esp8k report"
    command = f"{program} --model {config.model} --board {shlex.quote(target.name)}"
    if config.engine != "both":
        command += f" --engine {config.engine}"
    if config.images is not None:
        command += f" --images {config.images}"
    return {
        "model": config.model,
        "board": target.name,
        "evidence": target.evidence,
        "images": len(asked.images),
        "test_images": host.manifest.test_images,
        "classes": list(host.classes),
        "weights_hash": host.weights_hash,
        "data_hash": asked.data_hash,
        "git_revision": revision(),
        "command": command,
        "config": host.manifest.config,
        "macs": host.manifest.macs,
        "profile": host.manifest.profile,
    }


def timing(target: Target, got: Collected, seconds: float) -> Timing:
    """What changes from run to run. Only a board's own clock times a board."""
    return {
        "seconds_for_all": seconds,
        "microseconds": {
            engine: spread([r.microseconds for r in answers])
            for engine, answers in got.answers.items()
        },
        "is_board_time": target.evidence == HARDWARE,
    }


def failures(
    images: int, engines: dict[str, EngineReport], frames: Frames | None
) -> list[str]:
    """What must hold of so many images and does not."""
    found = []
    for engine, part in engines.items():
        apart = images - part["agreement"]
        if apart:
            found.append(f"{engine}: {apart} of {images} classes disagree")
        if not part["label_is_argmax"]:
            found.append(f"{engine}: a class is not the largest of its logits")
        host, device = part["digest"]["host"], part["digest"]["device"]
        if engine == "int8" and host != device:
            found.append(f"int8: digest {device} on the device, {host} on the host")
    return found + camera.failure(frames)


def camera_frames(
    config: Config, target: Target, check: Check, host: Host, asked: Subject
) -> Frames | None:
    """Frames that the device prepares itself; None for another data set's model."""
    count = config.frames if host.doubt is not None else 0
    if count:
        say(f"{target.name}: {count} drawn frames, prepared there and here")
    return camera.compare(target.opener, check, host, asked.images, asked.labels, count)


def load_subject(exported: Path, config: Config) -> Subject:
    """The test images of the model's own data set, or the first of them."""
    from training.data import of_exported

    data = of_exported(exported)
    require_range(config, images=(1, len(data.test_images)))
    some = slice(config.images)
    return Subject(data.test_images[some], data.test_labels[some], data.hash)


def open_target(config: Config) -> Target:
    """The board that the options name."""
    from tools.boards.boards import choose, open_board

    board = choose(config.board, config.port)
    own = board.port is None  # we start as many as we like
    counts = own and board.evidence == EMULATED
    return Target(
        board.name,
        board.evidence,
        lambda: open_board(board, config.model),
        (lambda: open_board(board, config.model, count=True)) if counts else None,
        WORKERS if own else 1,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    config = parse(Config, argv, "report", __doc__ or "")
    require_range(config, frames=(0, MOST_FRAMES))
    host = Host(config.model)
    asked = load_subject(host.folder, config)
    target = open_target(config)
    some = "" if config.images is None else f"-of-{config.images}"
    folder = config.out or target.folder(host) / f"report{some}"
    check_writable(folder)
    with target.opener() as device:  # not there, or another's weights: said first
        require_identity(device, host.folder)
    report = make_report(config, target, host, asked)
    write(folder, report, asked.images)
    shown = summary(report, folder)
    print(for_json(report, 1) if config.json else for_terminal(shown))
    if report["failures"]:
        cure = f"find the first wrong layer: make bisect MODEL={config.model}"
        raise CheckFailed("; ".join(report["failures"]), cure)
    return 0


if __name__ == "__main__":
    run(main)
