"""A frame to 28x28 on the chip's cores: are the bits the specification's, at what cost?

    esp8k prepare           # 24 drawn frames a core, one of 320x240 counted

Runs `firmware/components/prepare` on emulated lx106 and rv32imc and on this machine,
over frames drawn from test images, beside `export.reference.prepare`. Instructions are
those of emulated cores, no time of a board. Exit code 1 where a bit differs.
"""

import struct
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.cli import SEEDS, parse, require_range
from core.errors import CheckFailed
from core.paths import ROOT
from core.program import run
from core.text import for_json
from core.words import Evidence
from export.emit.generate import flags
from export.emit.host_build import WARNINGS
from export.reference.prepare import prepare
from tools import camera_frames
from tools.bench import count
from tools.bench.build import Program, build
from tools.bench.targets import TARGETS
from training import data

Array = np.ndarray

COMPONENT = ROOT / "firmware" / "components" / "prepare"
CORES = ("host", "lx106", "rv32imc")
SIZE, BOX = struct.Struct("<HH"), struct.Struct("<4H")
OUTPUT_BYTES = 784 + BOX.size
LARGEST = (240, 320)  # of a frame
ADAPTER = """
#include "nn_prepare.h"
#include <string.h>
static nn_prepare_t arena;
static const uint8_t *frame;
void bench_prepare(const uint8_t *image) { frame = image; }
void bench_run(void *output, bench_hook_t hook)
{
    const uint32_t width = frame[0] + 256u * frame[1];
    const uint32_t height = frame[2] + 256u * frame[3];
    nn_prepare_box_t box;
    (void)hook;
    (void)nn_prepare_begin(&arena, width, height);
    for (uint32_t y = 0; y < height; y++) {
        (void)nn_prepare_feed(&arena, frame + 4 + y * width, width);
    }
    (void)nn_prepare_end(&arena, NN_PREPARE_AUTO, output, &box);
    memcpy((uint8_t *)output + 784, &box, sizeof box);
}
"""


@dataclass(frozen=True)
class Config:
    """Options of `esp8k prepare`."""

    count: int = 24  # drawn frames a core
    seed: int = 0  # of the first one
    json: bool = False  # print the figures as JSON


@dataclass(frozen=True)
class Row:
    """One core."""

    core: str
    evidence: Evidence
    equal: int  # frames with all bits of the specification
    frames: int
    instructions: int | None  # of one frame of 320x240; None where nothing counts
    code_bytes: int
    ram_bytes: int


def some_frames(number: int, seed: int, most: int) -> list[Array]:
    """Drawn frames of at most so many pixels, from test images."""
    digits, rng = data.load().test_images, np.random.default_rng(seed)
    found: list[Array] = []
    while len(found) < number:
        frame = camera_frames.draw(digits[rng.integers(len(digits))], rng)
        if frame.size <= most:
            found.append(frame)
    return found


def largest(seed: int) -> Array:
    """A drawn frame of 320x240."""
    rng = np.random.default_rng(seed)
    ink = camera_frames.pasted(data.load().test_images[0], LARGEST, rng)
    seen = 200 * camera_frames.lit(LARGEST, rng) * (1 - 0.7 * ink)
    return np.asarray(seen).astype(np.uint8)


def measure(core: str, shown: list[Array], folder: Path) -> tuple[count.Counted, Row]:
    """Frames through the component on a core; instructions are their mean."""
    raw = [SIZE.pack(f.shape[1], f.shape[0]) + f.tobytes() for f in shown]
    length = max(map(len, raw))
    images = np.stack([np.frombuffer(r.ljust(length, b"\0"), np.uint8) for r in raw])
    sources = tuple(sorted(COMPONENT.glob("*.c")))
    program = Program(
        "prepare", sources, (COMPONENT,), ADAPTER, OUTPUT_BYTES, (), length, WARNINGS
    )
    options = flags(TARGETS[core].family)
    built = build(program, core, options, images, folder)
    if core == "host":
        counted = count.Counted(0, count.run_host(built, images))
    else:
        counted = count.count(built, images)
    equal = sum(map(is_equal, shown, counted.outputs))
    number = None if core == "host" else counted.instructions
    return counted, Row(
        core, built.target.evidence, equal, len(shown), number,
        built.code_bytes + built.const_bytes, built.ram_bytes,
    )  # fmt: skip


def is_equal(frame: Array, output: Array) -> bool:
    """Whether 28x28 and the box are the specification's."""
    right = prepare(frame)
    return right.pixels.tobytes() + BOX.pack(*right.box) == output.tobytes()


def rows(config: Config) -> list[Row]:
    """Each core: the bits of many frames, the instructions of the largest."""
    found = []
    shown = some_frames(config.count, config.seed, 30_000)
    for core in CORES:
        with tempfile.TemporaryDirectory() as work:
            _, many = measure(core, shown, Path(work))
            if core != "host":
                _, one = measure(core, [largest(config.seed)], Path(work))
                many = Row(**{**asdict(many), "instructions": one.instructions})
            found.append(many)
    return found


def line(row: Row) -> str:
    """For people."""
    told = f"{row.core:8} {row.evidence}: {row.equal} of {row.frames} frames equal, "
    told += f"code {row.code_bytes:,}, RAM {row.ram_bytes:,} bytes"
    if row.instructions is not None:
        told += f"\n{'':9}{row.instructions:,} instructions for 320x240"
    return told


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    config = parse(Config, argv, "prepare", __doc__ or "")
    require_range(config, count=(1, 10_000), seed=SEEDS)
    found = rows(config)
    if config.json:
        print(for_json([asdict(row) for row in found]))
    for row in [] if config.json else found:
        print(line(row))
    if any(row.equal < row.frames for row in found):
        raise CheckFailed("a core prepares frames otherwise than specified", "a bug")
    return 0


if __name__ == "__main__":
    run(main)
