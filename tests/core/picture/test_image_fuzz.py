"""Whatever bytes are given as an image: a digit comes out, or one clear error."""

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import Esp8kError
from tests.support.pictures import load_stream, prepare

KINDS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO")


def sample(kind: str) -> bytes:
    """A small valid picture of a bar."""
    page = np.full((40, 40), 255, np.uint8)
    page[8:32, 17:23] = 0
    buffer = io.BytesIO()
    Image.fromarray(page).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


SAMPLES = {kind: sample(kind) for kind in KINDS}


def load_or_refuse(content: bytes) -> None:
    try:
        out = load_stream(io.BytesIO(content), "the picture")
    except Esp8kError as error:
        assert error.message and error.hint and error.code == 2
    else:
        assert out.shape == (28, 28) and out.dtype == np.uint8


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_is_read(kind: str):
    assert load_stream(io.BytesIO(SAMPLES[kind]), kind).max() > 200


def damaged(kind: str, cut: int, flips: list[tuple[int, int]]) -> bytes:
    content = bytearray(SAMPLES[kind])
    for place, value in flips:
        content[place % len(content)] = value
    return bytes(content[: len(content) - cut % len(content)])


places = st.tuples(st.integers(0, 5000), st.integers(0, 255))
damage = (st.sampled_from(KINDS), st.integers(0, 5000), st.lists(places, max_size=8))
relaxed = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=150, derandomize=True, **relaxed)
@given(*damage)
def test_damaged_pictures_are_read_or_refused(kind, cut, flips):
    load_or_refuse(damaged(kind, cut, flips))


@settings(max_examples=100, derandomize=True, **relaxed)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(content):
    load_or_refuse(content)


@pytest.mark.fuzz
@settings(max_examples=2000, **relaxed)
@given(*damage)
def test_many_damaged_pictures_are_read_or_refused(kind, cut, flips):
    load_or_refuse(damaged(kind, cut, flips))


@settings(max_examples=60, derandomize=True, **relaxed)
@given(
    st.integers(6, 60),
    st.integers(6, 60),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["flat", "noise", "blocks"]),
)
def test_any_pixels_give_a_digit_or_an_error(width, height, seed, kind):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
    if kind == "flat":
        pixels[:] = pixels[0, 0]
    elif kind == "blocks":
        pixels = pixels[:4, :4].repeat(16, 0).repeat(16, 1)[:height, :width]
    try:
        out = prepare(Image.fromarray(np.ascontiguousarray(pixels)))
    except Esp8kError:
        return
    assert out.shape == (28, 28) and out.any()
