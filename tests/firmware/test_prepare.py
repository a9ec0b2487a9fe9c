"""A frame to 28x28 in C has the bits of the specification, in any shape and state."""

import ctypes
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from core.paths import ROOT
from export.reference import prepare, strokes
from export.reference.prepare import AUTO, DARK_INK, LIGHT_INK
from tests.support.prepare import (
    COMPONENT,
    INCOMPLETE,
    NOTHING,
    NULL,
    OK,
    SIZE,
    STATE_BYTES,
    Prepare,
)
from tools import camera_frames
from tools.bench import prepare as measured
from training import data

Array = np.ndarray
FRAMES, DRAWINGS = 150, 150


@pytest.fixture(scope="module")
def c(tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    return Prepare(tmp_path_factory.mktemp("prepare"))


def shapes(rng: np.random.Generator) -> tuple[int, int]:
    while True:
        height, width = (int(v) for v in rng.integers(16, 321, 2))
        if height * width <= prepare.MOST_PIXELS:
            return height, width


def anything(rng: np.random.Generator, digits: Array) -> Array:
    """Noise, rectangles, specks, paper or a drawn digit."""
    shape = shapes(rng)
    kind = rng.integers(6)
    if kind == 0:
        return rng.integers(0, 256, shape, np.uint8)
    if kind == 1:
        grey = rng.normal(rng.uniform(0, 255), rng.uniform(0, 40), shape)
        return np.clip(grey, 0, 255).astype(np.uint8)
    if kind == 2:
        frame = np.full(shape, rng.integers(256), np.uint8)
        for _ in range(rng.integers(8)):
            y, x = (int(rng.integers(side)) for side in shape)
            end_y, end_x = y + rng.integers(1, 99), x + rng.integers(1, 99)
            frame[y:end_y, x:end_x] = rng.integers(256)
        return frame
    if kind == 3:
        specks = rng.random(shape) < rng.random() ** 3
        return np.where(specks, 255, 0).astype(np.uint8)
    return camera_frames.draw(digits[rng.integers(len(digits))], rng)


def test_random_frames_have_the_specifications_bits(c: Prepare) -> None:
    rng, digits = np.random.default_rng(0), data.load().test_images
    found = 0
    for _ in range(FRAMES):
        frame = anything(rng, digits)
        ink = int(rng.choice([AUTO, AUTO, DARK_INK, LIGHT_INK]))
        right = prepare.prepare(frame, ink)
        status, pixels, box = c.frame(frame, ink, int(rng.integers(1, 2000)))
        assert status == (OK if right.found else NOTHING)
        assert (pixels == right.pixels).all() and box == right.box
        found += right.found
    assert FRAMES // 3 < found < FRAMES  # or the test shows little


def test_random_strokes_have_the_specifications_bits(c: Prepare) -> None:
    rng = np.random.default_rng(1)
    for _ in range(DRAWINGS):
        span = int(rng.choice([0, 1, 3, 30, 300, 32_767]))
        drawn = [
            [(int(x), int(y)) for x, y in rng.integers(-span, span + 1, (count, 2))]
            for count in rng.integers(1, 9, rng.integers(1, 4))
        ]
        status, pixels = c.strokes(drawn)
        assert status == OK
        assert (pixels == strokes.prepare_strokes(drawn)).all()


def test_no_point_is_nothing_drawn(c: Prepare) -> None:
    status, pixels = c.strokes([])
    assert status == NOTHING and not pixels.any()
    assert not strokes.prepare_strokes([]).any()


@pytest.mark.parametrize(
    ("width", "height", "status"),
    [
        (16, 16, OK),
        (320, 240, OK),
        (240, 320, OK),
        (277, 277, OK),
        (15, 100, SIZE),
        (100, 15, SIZE),
        (321, 100, SIZE),
        (320, 241, SIZE),
        (0, 0, SIZE),
        (0xFFFFFFFF, 2, SIZE),
        (0x10000, 0x10000, SIZE),
    ],
)
def test_a_frame_has_its_limits(
    c: Prepare, width: int, height: int, status: int
) -> None:
    assert c.begin(width, height) == status
    if status != OK:
        assert c.feed(b"\0") == INCOMPLETE
        assert c.end()[0] == INCOMPLETE


def test_too_few_or_too_many_pixels_are_no_frame(c: Prepare) -> None:
    c.begin(20, 20)
    assert c.feed(bytes(399)) == OK
    assert c.end()[0] == INCOMPLETE
    assert c.feed(b"\0") == OK
    assert c.end()[0] == NOTHING
    assert c.end()[0] == INCOMPLETE  # it is used up
    c.begin(20, 20)
    assert c.feed(bytes(401)) == INCOMPLETE
    assert c.end()[0] == INCOMPLETE


def test_null_is_refused(c: Prepare) -> None:
    null, some = ctypes.c_void_p(None), ctypes.create_string_buffer(784)
    assert c.c.nn_prepare_begin(null, 20, 20) == NULL
    assert c.c.nn_prepare_feed(c.state, null, 1) == NULL
    assert c.c.nn_prepare_end(c.state, 0, null, null) == NULL
    assert c.c.nn_prepare_strokes(c.state, null, 1, some) == NULL


def test_the_states_size_is_what_is_told(tmp_path: Path) -> None:
    source = tmp_path / "size.cpp"
    source.write_text(
        f'#include "nn_prepare.h"\nstatic_assert(sizeof(nn_prepare_t) == {STATE_BYTES}'
        ', "");\n'
    )
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{COMPONENT}"]
    subprocess.run([*command, "-c", str(source), "-o", "/dev/null"], check=True)
    told = (ROOT / "docs" / "how-to" / "camera.md").read_text()
    assert f"{STATE_BYTES:,} bytes" in told


def test_no_shape_has_more_tiles_than_there_is_room_for() -> None:
    header = (COMPONENT / "nn_prepare.h").read_text()
    found = re.search(r"NN_PREPARE_MOST_TILES (\d+)u", header)
    assert found
    most = 0
    for height in range(16, 321):
        for width in range(16, min(320, 76_800 // height) + 1):
            step = 1 if height * width <= 19_200 else 2
            most = max(most, -(-height // step // 4) * -(-width // step // 4))
    assert int(found[1]) == most


@pytest.mark.emulator
@pytest.mark.parametrize("core", ["lx106", "rv32imc"])
def test_an_emulated_core_has_the_same_bits(core: str, tmp_path: Path) -> None:
    shown = measured.some_frames(24, 5, 22_000)
    _, row = measured.measure(core, shown, tmp_path)
    assert (row.equal, row.frames) == (24, 24)
    assert row.ram_bytes == STATE_BYTES
    assert row.instructions is not None and row.instructions < 4_000_000
