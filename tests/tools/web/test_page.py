"""The static page in a real browser: draw, photograph, compare, install."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from core.digest import digest
from core.doubt import WORDS
from core.errors import Esp8kError
from export.reference.prepare import prepare
from export.reference.strokes import prepare_strokes
from tests.support.browser import connected, draw_one, open_page, put_serial, seen
from tests.support.link import flashed_port
from tests.support.products import TEST_BUILD
from tools.bench.prepare import some_frames
from tools.classify.host import Host
from tools.web import build as web
from training.data import load

Flashed = Callable[[str, str], Path]


@pytest.fixture
def host(page_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setenv("ESP8K_BUILD", str(TEST_BUILD))
    return Host("v2")


def column(page: Page, number: int) -> list[str]:
    """The page's (3) or the board's (4) logits, as they are shown."""
    return page.locator(f"#logits tbody td:nth-child({number})").all_inner_texts()


@pytest.mark.parametrize("engine", ["int8", "f16"])
def test_a_drawing_has_the_bits_of_the_reference(
    page: Page, site: str, host: Host, engine: str
) -> None:
    open_page(page, site)
    page.check(f"[value={engine}]", force=True)
    draw_one(page)
    pixels = seen(page)
    assert pixels.max() == 255 and 40 < (pixels > 0).sum() < 200
    real = host.real(engine, host.logits(engine, pixels[None])[0])
    assert column(page, 3) == [f"{value:.2f}" for value in real]
    assert page.inner_text("#digit") == str(int(np.argmax(real)))
    assert "100 %" not in page.inner_text("main")


ENGINE = """
async () => {
  const { Engine } = await import("./engine.js");
  const about = await (await fetch("about.json")).json();
  window.engine = await Engine.load(about);
}
"""


def test_a_frame_and_strokes_have_the_specifications_bits(
    page: Page, site: str, host: Host
) -> None:
    open_page(page, site)
    page.evaluate(ENGINE)
    call = "f => { const p = engine.frame(f); return p && [...p]; }"
    shown = [*some_frames(6, 8, 30_000), np.full((40, 60), 200, np.uint8)]
    for frame in shown:
        height, width = frame.shape
        grey = frame.ravel().tolist()
        told = page.evaluate(call, {"grey": grey, "width": width, "height": height})
        right = prepare(frame)
        assert right.found == (told is not None)
        assert told is None or told == right.pixels.ravel().tolist()
    rng = np.random.default_rng(0)
    for _ in range(10):
        strokes = [
            rng.integers(0, 4000, (n, 2)).tolist() for n in rng.integers(1, 9, 2)
        ]
        told = page.evaluate("s => [...engine.strokes(s)]", strokes)
        assert told == prepare_strokes(strokes).ravel().tolist()
        logits = host.logits("int8", np.array(told, np.uint8).reshape(1, 28, 28))
        (right_word,) = host.decision(
            "int8", np.array(told, np.uint8).reshape(1, 28, 28), logits
        )
        word = "p => { engine.run('int8', p); return engine.decide('int8').word; }"
        assert page.evaluate(word, told) == WORDS[int(right_word)]


def test_a_long_drawing_is_thinned_out(page: Page, site: str) -> None:
    open_page(page, site)
    page.evaluate(ENGINE)
    line = [[i % 997, 4 * i] for i in range(7_000)]
    told = page.evaluate("s => engine.strokes([s]).reduce((a, b) => a + b)", line)
    assert told > 10_000


def test_doubt_is_shown_in_words(page: Page, site: str) -> None:
    open_page(page, site)
    draw_one(page)
    assert page.inner_text("#doubt") == "sure"
    page.click("#clear")
    assert page.inner_text("#doubt") == ""
    page.locator("#sheet").scroll_into_view_if_needed()
    box = page.locator("#sheet").bounding_box()
    assert box is not None
    way = [(0.2, 0.2), (0.8, 0.8), (0.5, 0.5), (0.8, 0.2), (0.2, 0.8)]  # an X
    for i, (x, y) in enumerate(way):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if i == 0:
            page.mouse.down()
    assert page.inner_text("#caption") == "Lift the pen for an answer."
    page.mouse.up()
    assert page.inner_text("#doubt") in ("unsure", "not a digit")
    assert "%" not in page.inner_text("#caption")


def test_undo_and_clear_take_back(page: Page, site: str) -> None:
    open_page(page, site)
    draw_one(page)
    first = seen(page)
    draw_one(page)
    page.click("#undo")
    assert (seen(page) == first).all()
    page.click("#clear")
    assert page.inner_text("#digit") == "?"
    assert page.inner_text("#caption") == "Nothing is drawn yet."
    assert page.is_disabled("#undo")


def test_it_can_be_drawn_by_keys_alone(page: Page, site: str) -> None:
    open_page(page, site)
    page.focus("#sheet")
    for _ in range(10):
        page.keyboard.press("ArrowUp")
    page.keyboard.press(" ")
    for _ in range(20):
        page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    assert page.inner_text("#digit") == "1"
    page.keyboard.press("z")
    assert page.inner_text("#digit") == "?"


def test_a_finger_draws_and_does_not_scroll(page: Page, site: str) -> None:
    page.set_viewport_size({"width": 390, "height": 700})
    open_page(page, site)
    page.locator("#sheet").scroll_into_view_if_needed()
    box, top = page.locator("#sheet").bounding_box(), page.evaluate("scrollY")
    assert box is not None
    browser = page.context.new_cdp_session(page)
    browser.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def touch(kind: str, *ys: float) -> None:
        x = box["x"] + box["width"] / 2
        points = [{"x": x, "y": box["y"] + y * box["height"]} for y in ys]
        browser.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0.2)
    for step in range(1, 13):
        touch("touchMove", 0.2 + 0.05 * step)
    touch("touchEnd")
    expect(page.locator("#digit")).to_have_text("1")
    assert page.evaluate("scrollY") == top


def test_a_phone_photo_of_twelve_megapixels_is_taken(
    page: Page, site: str, tmp_path: Path
) -> None:
    digit = load("mnist").test_images[0]  # a seven
    paper = np.full((3000, 4000), 225, np.uint8)
    ink = np.kron(255 - digit, np.ones((60, 60), np.uint8))
    paper[700 : 700 + 1680, 1100 : 1100 + 1680] = np.minimum(225, ink)
    shade = np.linspace(0.6, 1.0, 4000)[None, :]
    Image.fromarray((paper * shade).astype(np.uint8)).save(tmp_path / "photo.jpg")
    open_page(page, site)
    page.set_input_files("#file", tmp_path / "photo.jpg")
    expect(page.locator("#digit")).to_have_text("7", timeout=20_000)


def test_a_board_answers_beside_the_page_bit_for_bit(
    page: Page, site: str, flashed: Flashed, host: Host
) -> None:
    with flashed_port(flashed, "twin") as port:
        fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
        put_serial(page, fd)
        open_page(page, site)
        page.click("#connect")
        page.wait_for_selector("text=runs this very model")
        draw_one(page)
        page.wait_for_selector("text=all logits, bit for bit")
        assert column(page, 3) == column(page, 4)
        page.fill("#count", "150")
        page.click("#record")
        page.wait_for_selector("text=150 test images", timeout=60_000)
        told = page.inner_text("#told")
        os.close(fd)
    right = digest(host.logits("int8", load("mnist").test_images[:150]))
    assert "0 of 1,500 logits differ" in told
    assert told.count(right) == 2


def test_the_page_writes_the_firmware_to_a_chip(
    page: Page, site: str, page_folder: Path
) -> None:
    from esp32_mock_bootloader import mock_bootloader

    with mock_bootloader(chip="esp32") as mock, connected(mock.url()) as fd:
        put_serial(page, fd)
        open_page(page, site)
        page.click("#install")
        page.wait_for_selector("text=Written to the ESP32", timeout=120_000)
    manifest = json.loads((page_folder / "manifest.json").read_text())
    assert manifest["builds"][0]["chipFamily"] == "ESP32"
    assert (page_folder / "vendor" / "esptool.LICENSE.txt").exists()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 768, 1280, 1920])
def test_no_width_overflows(page: Page, site: str, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, site)
    draw_one(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_control_has_a_name(page: Page, site: str) -> None:
    open_page(page, site)
    nameless = page.evaluate(
        "() => [...document.querySelectorAll('button, input, canvas, progress')]"
        ".filter(e => !(e.textContent.trim() || e.ariaLabel || e.labels?.length))"
        ".map(e => e.outerHTML)"
    )
    assert nameless == []


def test_the_folder_asks_nobody_else(page_folder: Path) -> None:
    for path in page_folder.rglob("*"):
        if path.suffix in (".js", ".html", ".css") and "vendor" not in path.parts:
            text = path.read_text()
            assert "http://" not in text and "https://" not in text, path


def test_the_same_model_makes_the_same_folder(
    page_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def content(folder: Path) -> dict[str, bytes]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    (tmp_path / "npm").symlink_to(TEST_BUILD / "npm")
    (tmp_path / "v2").mkdir()
    for name in ("component", "model.json", "virtual"):
        (tmp_path / "v2" / name).symlink_to(TEST_BUILD / "v2" / name)
    assert content(web.build("v2")) == content(page_folder)


def test_a_model_that_is_not_exported_is_said(tmp_path: Path) -> None:
    with pytest.raises(Esp8kError, match="v2 has not been exported"):
        web.describe(tmp_path / "v2")
