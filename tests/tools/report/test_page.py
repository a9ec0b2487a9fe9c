"""The report's page is whole, fits every width, claims nothing and fetches nothing."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from core.doubt import UNSURE
from tests.support.fakes import (
    FakeDevice,
    opener,
)
from tests.support.reports import MEMORY, made, target
from tools.report.camera import drawn
from tools.report.files import summary
from tools.report.page import render
from tools.report.report import Config, Subject, make_report
from tools.report.shown import share
from training.data import load


class Links(HTMLParser):
    """Collects what a browser would fetch, and checks that tags are closed."""

    VOID = ("meta", "img", "link", "br", "input")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        names = dict(attributes)
        self.found += [v for k, v in names.items() if k in ("src", "href") and v]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("evidence", ["emulated", "host process", "on hardware"])
def test_the_page_is_whole_and_fetches_nothing(host, evidence: str):
    (host.folder / "virtual").mkdir()
    (host.folder / "virtual" / "memory.json").write_text(json.dumps(MEMORY))
    got, images = made(host, evidence=evidence)
    page = render(got, images)
    links = Links()
    links.feed(page)
    assert not links.open
    assert links.found and all(f.startswith("data:image/png") for f in links.found)
    assert not re.search(r"https?://|@import|url\(", page)
    for part in (
        evidence,
        "ab" * 32,
        "7,808",
        got["engines"]["int8"]["digest"]["host"],
    ):
        assert part in page
    assert "prefers-color-scheme: dark" in page and "@media print" in page


def test_a_share_is_whole_only_where_it_is():
    assert share(9999, 10_000) == "9,999 of 10,000 (99.99 %)"
    assert share(99_999, 100_000).endswith("(99.99 %)")
    assert share(0, 0) == "none"


def frames_of(images: np.ndarray, count: int) -> dict:
    """As if the first one's logits were not the host's."""
    rows = [
        {"image": i, "width": f.shape[1], "height": f.shape[0], "true": 7, "device": 7}
        | {"equal_picture": True, "equal_logits": n > 0}
        for n, (i, f) in enumerate(drawn(images, count))
    ]
    told = {"of": count, "equal_pictures": count, "equal_logits": count - 1}
    return told | {"right": count, "rows": rows}


def test_frames_are_shown_with_what_was_made_of_them(host):
    images = load("mnist").test_images[:40]
    got = make_report(Config(), target(), host, Subject(images, np.arange(40) % 10, ""))
    got["frames"] = frames_of(images, 2)
    page = re.sub(r"\s+", " ", render(got, images))
    assert "1 of 2 have equal bits" in page and page.count("bits differ") == 1
    assert "1 of 2 frames" in summary(got, Path("x"))


@pytest.mark.parametrize("width", [320, 360, 390, 1280])
def test_no_width_overflows(page: Page, host, tmp_path: Path, width: int):
    host.decided = UNSURE
    (host.folder / "virtual").mkdir()
    (host.folder / "virtual" / "memory.json").write_text(json.dumps(MEMORY))
    images = load("mnist").test_images[:40]
    asked = Subject(images, np.arange(40) % 10, "ef" * 32)
    counting = opener(FakeDevice(count=1_371_234))
    got = make_report(Config(), target(counting=counting), host, asked)
    got["frames"] = frames_of(images, 3)
    (tmp_path / "report.html").write_text(render(got, images))
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"file://{tmp_path}/report.html")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cards = [card.bounding_box() for card in page.locator(".cards li").all()]
    rule = page.locator(".cards").bounding_box()
    assert len(cards) > 2 and rule
    right = max(card["x"] + card["width"] for card in cards if card)
    assert right <= rule["x"] + rule["width"] + 0.5


def test_emulated_instructions_are_never_called_a_boards_time(host):
    got, images = made(host, counting=opener(FakeDevice(count=745012)))
    page = re.sub(r"\s+", " ", render(got, images))
    assert "745,012" in page and "<th>a MAC</th>" in page
    assert "no time on a board is claimed" in page


def test_what_was_not_counted_has_no_empty_column(host):
    page = render(*made(host))
    assert "<th>median</th>" in page and "<th>a MAC</th>" not in page


def test_a_number_of_millions_fits_its_card(host):
    got, images = made(host, counting=opener(FakeDevice(count=2_986_157)))
    page = re.sub(r"<[^>]*>|\s+", " ", render(got, images))
    assert re.search(r"2\.99 +M instructions", page) and "2,986,157" in page


def test_the_page_has_the_names_of_the_classes(host):
    host.classes = ("T-shirt", *map(str, range(1, 10)))
    page = render(*made(host, engine="int8"))
    assert page.count(">T-shirt</th>") == 2  # of the confusion's columns and rows


def test_the_axis_of_accuracy_has_its_unit(host):
    page = render(*made(host))
    axis = page[page.index('class="row axis"') :]
    marks = re.findall(r"<i [^>]*>(.*?)</i>", axis[: axis.index("</section>")])
    assert len(marks) > 1 and marks[-1] == "100 %"


def test_a_failed_report_says_so_at_its_top(host):
    flip = FakeDevice(flip=0)
    got, images = made(host, flip, engine="int8", evidence="on hardware")
    page = render(got, images)
    assert page.index("1 of 40 classes disagree") < page.index("<section>")


def test_nothing_in_the_report_can_break_out_of_the_page(host):
    got, images = made(host, count=4)
    got["command"] = "<script>alert(1)</script>"
    assert "<script" not in render(got, images)
