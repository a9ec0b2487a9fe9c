"""Files of every kind: opened, or refused with what helps."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import Esp8kError
from core.picture.opening import open_picture
from tests.support.pictures import load, load_stream


def page(left: int = 100) -> Image.Image:
    """A bar on paper of 200x200."""
    pixels = np.full((200, 200), 240, np.uint8)
    pixels[60:140, left : left + 10] = 20
    return Image.fromarray(pixels)


def test_heic_is_named_with_its_cure():
    content = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100)
    with pytest.raises(Esp8kError, match="HEIC") as caught:
        load_stream(io.BytesIO(content), "photo")
    assert "JPEG" in caught.value.hint


def test_a_script_for_another_program_is_not_opened():
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
    with pytest.raises(Esp8kError, match="not a picture"):
        load_stream(io.BytesIO(content), "drawing")


def test_a_later_frame_of_an_animation_is_read(tmp_path: Path):
    path = tmp_path / "a.gif"
    blank = Image.fromarray(np.full((200, 200), 240, np.uint8))
    blank.save(path, save_all=True, append_images=[page()], duration=100)
    assert load(path).max() > 200


def test_an_address_is_no_file():
    with pytest.raises(Esp8kError, match="address") as caught:
        open_picture(Path("https://example.org/seven.jpg"))
    assert "download" in caught.value.hint


def test_far_too_many_pixels_are_refused_unread():
    buffer = io.BytesIO()
    Image.new("1", (9000, 9000)).save(buffer, "PNG")
    with pytest.raises(Esp8kError, match="far too large: 9000x9000"):
        load_stream(io.BytesIO(buffer.getvalue()), "map")


def test_a_part_of_the_picture_is_read_alone(tmp_path: Path):
    path = tmp_path / "a.png"
    page().save(path)
    assert load(path, "80,40,60,120").max() > 200
    with pytest.raises(Esp8kError, match="nothing is drawn"):
        load(path, "0,0,60,60")


@pytest.mark.parametrize("crop", ["1,2,3", "a,b,c,d", "0,0,0,5", "150,150,60,60"])
def test_a_wrong_part_is_refused(tmp_path: Path, crop: str):
    path = tmp_path / "a.png"
    page().save(path)
    with pytest.raises(Esp8kError, match="CROP"):
        load(path, crop)


def test_what_is_too_small_says_crop_closer(tmp_path: Path):
    pixels = np.full((120, 120), 240, np.uint8)
    pixels[60:68, 60:62] = 20
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    with pytest.raises(Esp8kError, match="crop closer") as caught:
        load(path)
    assert "CROP=" in caught.value.hint
