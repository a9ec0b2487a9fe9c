"""Pictures of digits come out as MNIST would hold them, and say what was left out."""

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from core.errors import Esp8kError
from core.picture.image import main, read
from core.pixels import SIDE
from core.placing import bounds
from tests.support.dresses import inverted, to_image
from tests.support.pictures import load, prepare
from tools.classify.scenes import scene, training_digits
from training.data import load as load_data


def test_what_is_too_faint_to_be_shown_does_not_bound_the_digit():
    """Squared lines were taken for strokes, made nothing, and left the digit small."""
    out = prepare(Image.fromarray(scene("squared", 0, 9000)))
    top, left, bottom, right = bounds(out > 40)
    assert max(bottom - top, right - left) >= 18


def test_strokes_that_do_not_touch_are_one_digit():
    """A 5's bar reaches farther out than what is near the 5 by its box."""
    paper = np.full((400, 400), 235, np.uint8)
    body = [(200, 140), (190, 205), (230, 215), (235, 270), (190, 300), (160, 295)]
    cv2.polylines(paper, [np.array(body)], False, 40, 16, cv2.LINE_AA)
    cv2.line(paper, (222, 118), (310, 110), 40, 16, cv2.LINE_AA)
    found = read(Image.fromarray(paper), "a five")
    x, y, width, height = found.digits[0].crop
    assert len(found.digits) == 1 and x + width > 305 and y < 115


def test_digits_far_apart_in_a_row_are_several(digits):
    """A row over a page's width was read as its clearest digit alone."""
    page = np.full((160, 760), 240.0)
    for i, left in enumerate((20, 210, 420, 640)):
        ink = Image.fromarray(digits[0][i]).resize((84, 84))
        page[40:124, left : left + 84] -= np.asarray(ink) * 0.8
    assert len(read(to_image(page), "a row").digits) == 4


def test_a_second_row_is_more_than_was_read(digits):
    """Of two rows one was read, or its clearest digit alone, and surely."""
    page = np.full((420, 420), 240.0)
    for i, (top, left) in enumerate(((30, 60), (160, 250), (300, 60))):
        ink = Image.fromarray(digits[0][i]).resize((84, 84))
        page[top : top + 84, left : left + 84] -= np.asarray(ink) * 0.8
    assert read(to_image(page), "a page").partial
    page[:144], page[284:] = 240, 240
    assert not read(to_image(page), "a digit").partial


def test_a_strip_of_small_digits_is_no_single_one(digits):
    strip = np.full((28, 112), 240.0)
    strip[:, :] -= np.concatenate(list(digits[0][:4]), 1) * 0.8
    small = to_image(strip).resize((48, 12), Image.Resampling.BOX)
    found = read(small, "a strip")
    assert len(found.digits) > 1 or found.partial


def test_a_mark_narrower_than_a_pixel_covers_one():
    """Of a disc that fills a small picture a mark of no height was told, or a crash."""
    page = np.full((240, 240), 255, np.uint8)
    cv2.circle(page, (120, 120), 118, 40, -1)
    small = Image.fromarray(page).convert("RGB").resize((30, 30), Image.Resampling.BOX)
    assert all(min(d.crop[2:]) > 0 for d in read(small, "a disc").digits)


def test_an_open_four_is_no_pair_of_ones():
    four = Image.fromarray(load_data().train_images[12327]).resize((217, 217))
    page = np.full((633, 431), 211.0)
    page[316:533, 41:258] -= np.asarray(four) * (206 / 255)
    assert len(read(Image.fromarray(np.uint8(page)), "a four").digits) == 1


def test_a_note_on_an_even_desk_is_no_broad_chalk():
    picture = scene("note", 0, 9, training_digits()(0, 9))
    _, _, width, _ = read(Image.fromarray(picture), "a note").digits[0].crop
    assert width < 100  # the digit's 84 pixels, not the note's 133


@pytest.mark.parametrize("light", [False, True])
def test_a_stroke_an_eighth_of_the_picture_wide_is_whole(light: bool):
    """In windows no wider than itself a stroke is hollow: its middle is paper."""
    picture = np.full((992, 820), 255, np.uint8)
    cv2.polylines(picture, [np.array([(60, 60), (440, 60), (160, 900)])], False, 0, 124)
    picture = 255 - picture if light else picture
    (digit,) = read(Image.fromarray(picture), "a seven").digits
    assert (digit.pixels[4:10] > 128).sum() > 20  # the bar: 10 where it was hollow


def test_bold_chalk_in_few_pixels_is_whole():
    bold = cv2.dilate(load_data().train_images[734], np.ones((3, 3), np.uint8))
    (digit,) = read(Image.fromarray(bold), "an eight").digits
    assert digit.crop[3] > 20  # half of it where the stroke was hollow


@pytest.mark.parametrize("gap", [15, 25])
def test_a_line_below_a_narrow_digit_is_not_of_it(gap: int):
    """With it a 7 is a 1 on its bar."""
    page = np.full((600, 600), 245, np.uint8)
    cv2.polylines(page, [np.array([(264, 121), (336, 121), (294, 393)])], False, 30, 16)
    cv2.line(page, (190, 408 + gap), (410, 408 + gap), 30, 14)
    (digit,) = read(Image.fromarray(page), "a seven").digits
    assert digit.crop[2] < 100 and digit.crop[3] < 300


def test_a_table_is_no_digit():
    page = np.full((1040, 585), 205, np.uint8)
    for x in range(120, 391, 90):
        cv2.line(page, (x, 100), (x, 860), 110, 4)
    for y in range(100, 861, 95):
        cv2.line(page, (120, y), (390, y), 110, 4)
    for cell in range(24):
        at = 145 + 90 * (cell % 3), 170 + 95 * (cell // 3)
        cv2.putText(page, str(cell % 10), at, cv2.FONT_HERSHEY_SIMPLEX, 1.4, 60, 4)
    found = read(Image.fromarray(page), "a table")
    assert "a frame" in found.left_out
    assert all(digit.crop[3] < 90 for digit in found.digits)


def test_a_zero_in_chalk_is_no_note_with_ink_in_it():
    """Thick and square, it is a full surface but for the board that shows in it."""
    zero = Image.fromarray(load_data().train_images[48218]).resize((251, 251))
    board = np.full((494, 572), 73.0)
    board[216:467, 210:461] += np.asarray(zero) * (181 / 255)
    found = read(Image.fromarray(np.uint8(board)), "a zero")
    x, y, width, height = found.digits[found.main].crop
    assert width > 150 and height > 150


@pytest.mark.parametrize("label", range(5))
def test_a_broken_frame_is_no_digit(label: int):
    """At some level of darkness a frame falls into pieces, which are no frames."""
    picture = Image.fromarray(scene("boxed", label, 9000 + label))
    found = read(picture, "boxed")
    assert "a frame" in found.left_out and len(found.digits) == 1
    x, y, width, height = found.digits[0].crop
    assert max(width, height) < 0.55 * min(picture.size)


def test_an_mnist_image_comes_through_unchanged(digits):
    for image in digits[0][:50]:
        assert (prepare(Image.fromarray(image)) == image).all()


def test_the_digit_fills_twenty_pixels_around_its_centre_of_mass(digits):
    rng = np.random.default_rng(3)
    for image in digits[0][:20]:
        out = prepare(inverted(image, rng)).astype(float)
        top, left, bottom, right = bounds(out > 20)
        assert 18 <= max(bottom - top, right - left) <= 20
        ys, xs = np.indices(out.shape)
        assert abs((out * ys).sum() / out.sum() - 14) <= 0.75
        assert abs((out * xs).sum() / out.sum() - 14) <= 0.75


def test_specks_do_not_move_the_digit(digits):
    big = Image.fromarray(digits[0][3]).resize((280, 280))
    clean = 255 - np.asarray(big, np.float64)
    dirty = clean.copy()
    for y, x in ((5, 5), (270, 30), (20, 260)):
        dirty[y : y + 3, x : x + 3] = 0
    apart = prepare(to_image(clean)).astype(int) - prepare(to_image(dirty))
    assert np.abs(apart).max() < 16


def test_a_rotated_photo_is_turned_upright(tmp_path: Path, digits):
    picture = inverted(digits[0][2], np.random.default_rng(0))
    upright, turned = tmp_path / "a.png", tmp_path / "b.png"
    picture.save(upright)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    picture.transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif)
    assert (load(upright) == load(turned)).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_pixel_format_gives_the_same_digit(mode: str, digits):
    big = 255 - np.asarray(Image.fromarray(digits[0][0]).resize((200, 200)), np.uint8)
    grey = Image.fromarray(np.uint8(255 * (big > 127)))
    if mode == "I;16":
        other = Image.fromarray(np.asarray(grey, np.uint16) * 257)
    else:
        other = grey.convert(mode)
    apart = prepare(other).astype(int) - prepare(grey)
    assert np.abs(apart).max() <= 2


@pytest.mark.parametrize(
    "picture",
    [
        np.full((90, 90), 255.0),
        np.zeros((28, 28)),
        np.full((50, 200), 90.0),
        200 + np.random.default_rng(0).normal(0, 20, (200, 200)),
        np.add.outer(np.linspace(40, 220, 120), np.linspace(0, 30, 120)),
    ],
    ids=["white", "black 28x28", "grey", "noise", "gradient"],
)
def test_an_empty_picture_is_refused(picture: np.ndarray):
    with pytest.raises(Esp8kError, match="nothing is drawn"):
        prepare(to_image(picture))


def test_a_transparent_picture_is_refused():
    with pytest.raises(Esp8kError, match="nothing is drawn"):
        prepare(Image.new("RGBA", (64, 64), (0, 0, 0, 0)))


def test_a_picture_of_few_pixels_is_refused():
    with pytest.raises(Esp8kError, match="only 4x90 pixels"):
        prepare(Image.new("L", (4, 90)))


def test_the_result_is_written_as_its_name_says(tmp_path: Path):
    """A PNG called digit.raw was read by a program in C as no image, in silence."""
    pixels = np.full((200, 200), 240, np.uint8)
    pixels[60:140, 100:110] = 20
    to_image(pixels).save(tmp_path / "page.png")
    wanted = load(tmp_path / "page.png")
    for name in ("digit.png", "digit", "digit.raw"):
        assert main([str(tmp_path / "page.png"), "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "digit.raw").read_bytes() == wanted.tobytes()
    for name in ("digit.png", "digit"):
        assert np.array_equal(Image.open(tmp_path / name), wanted)
    with pytest.raises(Esp8kError, match="neither .png nor .raw"):
        main([str(tmp_path / "page.png"), "--out", str(tmp_path / "digit.jpg")])
    (tmp_path / "again.png").symlink_to("page.png")
    before = (tmp_path / "page.png").read_bytes()
    for name in ("page.png", "again.png"):  # the photograph was lost
        with pytest.raises(Esp8kError, match="is the picture itself"):
            main([str(tmp_path / "page.png"), "--out", str(tmp_path / name)])
    assert (tmp_path / "page.png").read_bytes() == before


def files(folder: Path) -> dict[str, Path]:
    """What people give instead of an image."""
    png = io.BytesIO()
    to_image(np.random.default_rng(0).normal(128, 60, (64, 64))).save(png, "PNG")
    contents = {
        "empty": b"",
        "text": b"seven\n",
        "truncated": png.getvalue()[: len(png.getvalue()) // 2],
        "damaged": png.getvalue()[:60] + b"\xff" * 400,
        "header only": b"\x89PNG\r\n\x1a\n",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {
        **{name: folder / name for name in contents},
        "folder": folder,
        "missing": folder / "nowhere.png",
    }


@pytest.mark.parametrize(
    "kind",
    ["empty", "text", "truncated", "damaged", "header only", "folder", "missing"],
)
def test_a_file_that_is_no_image_is_refused_by_name(kind: str, tmp_path: Path):
    path = files(tmp_path)[kind]
    with pytest.raises(Esp8kError) as caught:
        load(path)
    assert str(path) in caught.value.message
    assert caught.value.hint and caught.value.code == 2


def test_the_result_is_one_byte_a_pixel(digits):
    out = prepare(inverted(digits[0][0], np.random.default_rng(0)))
    assert out.shape == (SIDE, SIDE) and out.dtype == np.uint8 and out.max() > 200


def test_a_program_reads_boxes_and_pixels(tmp_path: Path, digits, capsys):
    (tmp_path / "b.png").write_text("seven")
    picture = inverted(digits[0][0], np.random.default_rng(0))
    picture.save(tmp_path / "a.png")
    assert main([str(tmp_path / "*.png"), "--json"]) == 0
    good, bad = json.loads(capsys.readouterr().out)
    assert good["source"].endswith("a.png") and bad["source"].endswith("b.png")
    assert np.array_equal(good["digits"][good["main"]]["pixels"], prepare(picture))
    assert len(good["digits"][0]["crop"]) == 4 and "b.png" in bad["error"]
