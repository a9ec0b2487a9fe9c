"""The arena: what the planner promises, what the linker makes of it, what overlaps."""

import itertools
import math
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.words import PROFILES
from export.__main__ import summary
from export.emit import generate, lower
from export.frontend.support import integer_core
from export.graph.fusion import plan_stages
from export.graph.network import Network
from export.graph.read import read_tflite
from export.kernels.int8.conv import Conv
from export.kernels.int8.strip import PooledStrip
from export.plan.arena import allocate, least_size
from tests.support.components import Components, Linked
from tools.bench import profiler
from tools.bench.drawn.networks import random_network
from tools.bench.drawn.tflite_builder import TfliteBuilder
from tools.boards import footprint

MAIN = """
#include "esp8k_model.h"
#include <stddef.h>

esp8k_int8_arena_t arena;
static uint8_t image[ESP8K_INPUT_BYTES];
static int8_t logits[ESP8K_OUTPUT_SIZE];
int main(void);

int main(void)
{
    return esp8k_int8_run(&arena, image, logits) == ESP8K_OK ? logits[0] : 0;
}
"""
INPUT, CLASSES = 784, 10


@pytest.mark.emulator
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("target", ["lx106", "rv32imc"])
def test_the_printed_arena_is_all_the_ram_of_a_linked_image(
    target: str, profile: str, components: Components, tmp_path: Path
) -> None:
    """By nm the arena itself; by size nothing beside it but image and logits."""
    component = components("v3", profile)
    core = profiler.core(target)
    (tmp_path / "main.c").write_text(MAIN)
    image = tmp_path / "image.elf"
    includes = [component / "alias", component / "src"]
    command = [f"{core.prefix}gcc", *core.compile, *generate.flags(core.family)]
    command += ["-nostdlib", "-nostartfiles", "-Wl,-e,main", "-Wl,--no-warn-rwx"]
    if core.family == "xtensa":  # no linker script of ours puts literals first
        command += ["-mtext-section-literals", "-fno-function-sections"]
    command += [f"-I{folder}" for folder in includes]
    sources = [tmp_path / "main.c", *(component / "src").glob("*_int8_*.c")]
    command += [*map(str, sources), "-lgcc", "-o", str(image)]
    subprocess.run(command, check=True)
    symbols = run(f"{core.prefix}nm", "-S", image)
    (size,) = (int(w[1], 16) for w in symbols if len(w) == 4 and w[3] == "arena")
    planned = generate.load_plan(component / "plan.json")
    printed = {"int8": planned.int8_arena_bytes, "f16": planned.f16_arena_bytes}
    told = {"arena_bytes": printed, "tflm_arena_bytes": None}
    told |= {"weights_hash": planned.weights_hash, "profile": profile}
    assert size == aligned(component, planned.int8_arena_bytes)
    assert f"int8 {planned.int8_arena_bytes:,} bytes" in summary(told)
    table = run(f"{core.prefix}size", "-A", image)
    sections = {words[0]: int(words[1]) for words in table if len(words) == 3}
    used = sum(sections.get(name, 0) for name in (".data", ".bss", ".sbss", ".sdata"))
    assert 0 <= used - (size + INPUT + CLASSES) < 16, "alignment"


def aligned(component: Path, size: int) -> int:
    """What C makes of an arena of `size` bytes: a multiple of its alignment."""
    (header,) = (component / "src").glob("[!n]*_model.h")  # not nn_..., a kernel's
    found = re.search(r"_ARENA_ALIGNMENT (\d+)u", header.read_text())
    assert found is not None
    return -(-size // int(found[1])) * int(found[1])


def run(tool: str, *arguments: object) -> list[list[str]]:
    """The words of each line that a binutil prints."""
    command = [tool, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    return [line.split() for line in lines if any(map(str.isdigit, line))]


@pytest.mark.slow
@pytest.mark.emulator
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("board", ["virtual", "riscv"])
def test_the_firmware_holds_the_larger_arena_and_no_more(
    board: str, profile: str, components: Components, linked: Linked
) -> None:
    component = components("v3", profile)
    plan = generate.load_plan(component / "plan.json")
    planned = max(plan.int8_arena_bytes, plan.f16_arena_bytes)
    found = footprint.measure(linked("v3", board, profile))["arena_bytes"]
    assert found == aligned(component, planned)


# ==== What overlaps ====


def test_values_overlap_only_where_the_lag_is_kept() -> None:
    shared = 0
    for seed in range(60):
        network = integer_core(read_tflite(random_network(seed), "net"))
        stages = plan_stages(network)
        last = {i: s.number for s in stages for i in s.inputs}
        lags = {(i, s.output): 8 for s in stages for i in s.inputs}
        sizes = {s.output: s.size for s in stages}
        found = allocate(stages, sizes, lags=lags)
        born = {s.output: s.number for s in stages}
        for a, b in itertools.combinations(found.offsets, 2):
            first, second = sorted((a, b), key=lambda i: born[i])
            apart = last.get(first, born[first]) < born[second]
            start, other = found.offsets[first], found.offsets[second]
            apart |= start + sizes[first] <= other or other + sizes[second] <= start
            if apart:
                continue
            assert (first, second) in found.shared
            assert last[first] == born[second] and start - other >= 8
            shared += 1
        ends = [at + sizes[i] for i, at in found.offsets.items()]
        assert max(ends, default=0) <= found.size
        for below in (found.size, found.size + 1):  # a trial that ends early
            least = least_size(stages, sizes, {}, 0, lags, 4, below)
            assert least == (found.size if below > found.size else math.inf)
    assert shared > 20


def steps(made: Conv) -> Iterator[tuple[np.ndarray, range]]:
    """What a directly summed stage reads and writes, block by block, as its C does."""
    (rows, width, channels), walk = made.stage.region, made.walk
    for y, loop in itertools.product(range(rows), walk.loops):
        for x in loop.places:
            start = y * walk.move_y + x * walk.move_x
            reads = [
                start + at + ky * walk.tap_pitch + k
                for at in loop.offsets
                for ky in range(walk.kernel_h)
                for k in range(walk.row)
            ]
            to = (y * width + x) * channels
            yield np.array(reads), range(to, to + loop.step * channels)


def test_a_lag_is_safe_and_no_larger_than_it_must_be() -> None:
    """By playing the loops: who reads a byte after it was written over?"""
    tried = 0
    for seed in range(60):
        network = integer_core(read_tflite(random_network(seed), "net"))
        for made in lower.int8(network, "size", "net").kernels:
            if not isinstance(made, Conv) or made.line_buffer:
                continue
            rows, columns, _ = made.stage.region
            if made.walk.segments > 1 or rows * columns < 4:
                continue
            (lag,) = made.lags()
            assert lag is not None
            assert not clobbered(made, lag)
            assert lag == 0 or clobbered(made, lag - 1)
            tried += 1
    assert tried > 10


def clobbered(made: Conv, lag: int) -> bool:
    """Whether a block reads what it or an earlier one has written."""
    written: set[int] = set()
    for reads, writes in steps(made):
        written.update(writes)  # other channels of the block read after the first
        if written & {int(at) + lag for at in reads}:
            return True
    return False


def test_the_lag_of_a_strip_is_safe_and_no_larger_than_it_must_be() -> None:
    """The same for steps that fill a strip, then write what it completes."""
    needed, tried = 0, 0
    for side, depth, channels in itertools.product((10, 12, 18), (2, 7), (2, 12)):
        network = pooled(side, depth, channels)
        for made in lower.int8(network, "speed", "net").kernels:
            if isinstance(made, PooledStrip):
                (lag,) = made.lags()
                assert lag is not None
                assert not strip_clobbers(made, lag)
                assert lag == 0 or strip_clobbers(made, lag - 1)
                needed += lag > 0
                tried += 1
    assert tried == 12 and needed


def pooled(side: int, depth: int, channels: int) -> Network:
    """A convolution of 3x3 and a pool whose windows overlap."""
    builder, random = TfliteBuilder(), np.random.default_rng(side)
    start = builder.tensor((1, side, side, depth), 1 / 255, -128)
    values = random.integers(-127, 128, (channels, 3, 3, depth)).astype(np.int8)
    weights = builder.tensor(values.shape, 0.01, 0, values)
    inner, outer = side - 2, -(-(side - 2) // 2)
    x = builder.tensor((1, inner, inner, channels), 0.1)
    o = {"padding": 1, "strideH": 1, "strideW": 1}
    o |= {"dilationHFactor": 1, "dilationWFactor": 1}
    builder.operator("CONV_2D", [start, weights, -1], x, **o)
    end = builder.tensor((1, outer, outer, channels), 0.1)
    window = {"filterHeight": 4, "filterWidth": 4, "strideH": 2, "strideW": 2}
    builder.operator("MAX_POOL_2D", [x], end, padding=0, **window)
    return read_tflite(builder.build([start], [end]), "pooled")


def strip_clobbers(made: PooledStrip, lag: int) -> bool:
    """Whether a step reads a row's first byte after it was written over."""
    row, rows = made.stage.width, 0
    for step in range(made.steps):
        if step * made.move + lag < rows * row:
            return True
        rows += made.cells - (step == 0)  # the first one is half a window
    return False
