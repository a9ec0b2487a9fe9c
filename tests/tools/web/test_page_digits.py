"""My digits: what is kept, of which picture, under which name; what is taken back."""

import io
import json
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.browser import drag, draw_one, open_page, seen
from training.folder import LONGEST

SLOW_PNG = """() => {
  const { toBlob } = HTMLCanvasElement.prototype;
  HTMLCanvasElement.prototype.toBlob = function (...told) {
    setTimeout(() => toBlob.apply(this, told), 600);
  };
}"""


def keep(page: Page, label: str) -> str:
    """Press a label; the picture's name in the archive."""
    name = f"digits/{label}/{zlib.crc32(seen(page).tobytes()):08x}.png"
    page.click(f"#labels button:text-is('{label}')")
    expect(page.locator("#kept")).to_contain_text(f"the last one as {label}")
    return name


def download(page: Page) -> zipfile.ZipFile:
    with page.expect_download() as got:
        page.click("#download")
    archive = zipfile.ZipFile(io.BytesIO(Path(got.value.path()).read_bytes()))
    assert archive.testzip() is None
    return archive


def test_they_are_downloaded_by_the_name_of_their_pixels(page: Page, site: str) -> None:
    """So a second archive unpacks beside the first, and none replaces another."""
    open_page(page, site)
    wanted = set()
    for label, x in (("7", 0.8), ("1", 0.8), ("7", 0.2), ("7", 0.8)):
        drag(page, (0.5, 0.2), (x, 0.8))
        wanted.add(keep(page, label))
    archive = download(page)
    assert len(wanted) == 3 and sorted(archive.namelist()) == sorted(wanted)
    assert Image.open(io.BytesIO(archive.read(wanted.pop()))).size == (28, 28)


def test_the_next_is_drawn_at_once(page: Page, site: str) -> None:
    open_page(page, site)
    page.evaluate(SLOW_PNG)
    draw_one(page)
    page.evaluate("""() => {
      const [zero, one] = document.querySelectorAll("#labels button");
      one.click(); one.click(); zero.click();
    }""")
    draw_one(page)
    page.wait_for_timeout(700)
    assert page.inner_text("#digit") == "1"
    assert page.inner_text("#kept") == "1 kept, the last one as 1."


def test_on_a_phone_the_next_is_drawn_without_scrolling_back(
    page: Page, site: str
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, site)
    draw_one(page)
    keep(page, "1")
    expect(page.locator("#sheet")).to_be_in_viewport(ratio=1)
    expect(page.locator("#caption")).to_have_text("1 kept, the last one as 1.")


def test_the_last_one_can_be_taken_back(page: Page, site: str) -> None:
    open_page(page, site)
    draw_one(page)
    name = keep(page, "1")
    draw_one(page)
    keep(page, "7")
    page.click("#take-back")
    assert page.inner_text("#kept") == "1 kept, the last one as 1."
    assert download(page).namelist() == [name]
    page.click("#take-back")
    assert page.inner_text("#kept") == "None kept yet."
    assert page.is_disabled("#download") and page.is_disabled("#take-back")


def test_leaving_asks_while_something_was_not_downloaded(page: Page, site: str) -> None:
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    open_page(page, site)
    draw_one(page)
    keep(page, "1")
    download(page)
    page.reload()
    assert asked == []
    page.wait_for_selector("body[data-ready=yes]")
    draw_one(page)
    keep(page, "1")
    page.reload()
    assert asked == ["beforeunload"]


def test_a_refused_photo_leaves_no_older_picture(
    page: Page, site: str, tmp_path: Path
) -> None:
    Image.new("L", (20_000, 3), 255).save(tmp_path / "strip.png")
    open_page(page, site)
    draw_one(page)
    page.set_input_files("#file", tmp_path / "strip.png")
    expect(page.locator("#caption")).to_contain_text("too small")
    assert not seen(page).any()
    assert page.locator("#labels button:enabled").count() == 0


def test_what_is_no_picture_is_said_and_leaves_the_drawing(
    page: Page, site: str, tmp_path: Path
) -> None:
    open_page(page, site)
    draw_one(page)
    for name, told in (("a.png", "no picture"), ("a.heic", "HEIC")):
        (tmp_path / name).write_bytes(b"no picture at all")
        page.set_input_files("#file", tmp_path / name)
        expect(page.locator("#caption")).to_contain_text(told)
        assert page.inner_text("#digit") == "1"


def test_a_test_image_is_nobodys_own(page: Page, site: str) -> None:
    """Kept, it would teach the model what it is measured with."""
    open_page(page, site)
    page.click("#sample")
    expect(page.locator("#caption")).to_contain_text("Test image")
    assert page.locator("#labels button:enabled").count() == 0
    page.click("#clear")
    assert page.inner_text("#caption") == "Nothing is drawn yet."


def test_a_test_image_that_comes_late_leaves_the_drawing(page: Page, site: str) -> None:
    open_page(page, site)
    page.evaluate("""() => {
      const now = window.fetch;
      window.fetch = async (...told) => {
        await new Promise(done => setTimeout(done, 600));
        return now(...told);
      };
    }""")
    with page.expect_response("**/test-images.gz"):
        page.click("#sample")
        draw_one(page)
    page.wait_for_timeout(500)
    assert "Test image" not in page.inner_text("#caption")
    assert page.inner_text("#digit") == "1"


ODD = [
    "up/down",
    "..",
    "a\\b",
    "äpfel",
    "猫",
    "it's <b>",
    "W" * LONGEST,
    "a b",
    "7",
    "?",
]


@pytest.mark.parametrize("width", [390, 1280])
def test_every_name_of_a_class_is_shown_and_is_a_folder_or_no_label(
    page: Page, site: str, page_folder: Path, width: int
) -> None:
    about = json.loads((page_folder / "about.json").read_text()) | {"classes": ODD}
    page.route("**/about.json", lambda route: route.fulfill(json=about))
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, site)
    names = []
    for label in ("äpfel", "猫"):
        draw_one(page)
        disabled = page.locator("#labels button:disabled").all_inner_texts()
        assert disabled == ["up/down", "..", "a\\b"]
        names.append(keep(page, label))
    assert download(page).namelist() == names
    page.evaluate(
        "name => Object.assign(document.getElementById('digit'),"
        " { textContent: name, className: 'digit long' })",
        "W" * LONGEST,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
