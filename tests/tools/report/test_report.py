"""The report refuses, fails and passes as it should; its page needs nothing else."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from core.doubt import UNSURE
from core.errors import CheckFailed, Esp8kError
from tests.support.disk import full_disk
from tests.support.fake_model import fake_int8
from tests.support.fakes import (
    FakeDevice,
    FakeHost,
    FakeIdentity,
    logits,
    opener,
    some_images,
)
from tools.faults.loopback import MemoryLine
from tools.link.client import Device
from tools.report import report
from tools.report.camera import ask, drawn, failure
from tools.report.files import summary, write
from tools.report.page import render
from tools.report.report import Config, Subject, Target, make_report
from tools.report.shown import share
from training.data import load

MEMORY = {
    "evidence": "built",
    "code_bytes": 9000,
    "const_bytes": 30000,
    "data_bytes": 100,
    "bss_bytes": 12000,
    "arena_bytes": 7808,
    "stack_bytes": 4096,
    "flash_bytes": 39500,
    "ram_bytes": 16196,
}


def subject(count: int = 40) -> Subject:
    images = some_images(count)
    truth = logits("int8", images).argmax(1)
    truth[3] = (truth[3] + 1) % 10
    return Subject(images, truth.astype(np.uint8), "ef" * 32)


def target(*devices: FakeDevice, evidence: str = "emulated", counting=None) -> Target:
    opening = (lambda: opener(FakeDevice())()) if not devices else opener(*devices)
    return Target("virtual", evidence, opening, counting)


def made(host, *devices, engine: str = "both", count: int = 40, **more):
    asked = subject(count)
    got = make_report(Config(engine=engine), target(*devices, **more), host, asked)
    return got, asked.images


def stable(content: dict) -> dict:
    return {k: v for k, v in content.items() if k not in ("timing", "link")}


def test_a_faithful_device_passes(host):
    got, _ = made(host)
    assert got["passed"] and not got["failures"]
    for part in got["engines"].values():
        assert part["agreement"] == 40 and part["logits"]["different"] == 0
    assert got["engines"]["int8"]["host"]["right"] == 39
    assert got["weights_hash"] == "ab" * 32 and got["data_hash"] == "ef" * 32


def test_the_same_inputs_give_the_same_report(host):
    first, second = stable(made(host)[0]), stable(made(host)[0])
    assert json.dumps(first) == json.dumps(second)


def test_a_wrong_class_fails(host):
    got, _ = made(host, FakeDevice(flip=0), engine="int8", evidence="on hardware")
    assert not got["passed"]
    assert any("1 of 40 classes disagree" in f for f in got["failures"])
    assert any("digest" in f for f in got["failures"])


def test_a_wrong_logit_without_a_wrong_class_fails_by_the_digest(host):
    class OneLess(FakeDevice):
        def infer(self, engine, image):
            answer = super().infer(engine, image)
            answer.logits[answer.logits.argmin()] -= 1
            return answer

    got, _ = made(host, OneLess(), engine="int8")
    assert got["engines"]["int8"]["agreement"] == 40
    assert len(got["failures"]) == 1 and "digest" in got["failures"][0]


def test_other_weights_are_refused_with_both_hashes(host):
    other = FakeDevice(identity=FakeIdentity(weights_hash="cd" * 32, identity_crc=2))
    with pytest.raises(CheckFailed) as caught:
        made(host, other)
    assert "abababab" in caught.value.message and "cdcdcdcd" in caught.value.message
    assert caught.value.code == 1


def test_a_device_that_breaks_off_is_opened_again_and_said(host):
    got, _ = made(host, FakeDevice(until=9), FakeDevice(), evidence="on hardware")
    assert got["passed"] and got["link"]["reopened"] == 1
    assert "1 reopenings" in summary(got, Path("x"))
    assert got["link"]["losses"] == ["the port is gone"]
    assert "the port is gone" in render(got, subject().images)


def test_instructions_are_counted_apart_on_a_few_images(host):
    got, _ = made(host, counting=opener(FakeDevice(count=745012)))
    assert got["instructions"]["int8"]["median"] == 745012
    assert got["instructions"]["int8"]["n"] == report.COUNTED


def test_a_device_that_differs_when_counted_is_an_error(host):
    with pytest.raises(CheckFailed, match="other logits"):
        made(host, counting=opener(FakeDevice(count=1, flip=2)))


# ---- the page ----


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


def test_doubt_is_counted_and_shown(host):
    host.decided = UNSURE
    got, images = made(host)
    part = got["engines"]["int8"]["doubt"]
    assert (part["sure"], part["unsure"], part["no_digit"]) == (0, 40, 0)
    assert (part["right_and_not_sure"], part["wrong_and_not_sure"]) == (39, 1)
    page = re.sub(r"<[^>]*>|\s+", " ", render(got, images))
    assert re.search(r"right, and not called sure +39 of 39 \(100.00 %\)", page)
    assert "unsure 40" in summary(got, Path("x"))
    assert "Sure or not" not in render(made(FakeHost(host.folder))[0], images)


def test_a_share_is_whole_only_where_it_is():
    assert share(9999, 10_000) == "9,999 of 10,000 (99.99 %)"
    assert share(99_999, 100_000).endswith("(99.99 %)")
    assert share(0, 0) == "none"


def test_frames_are_compared_bit_for_bit(board):
    digits = load("mnist")
    device = Device(MemoryLine(board), lambda text: None)

    def classify(pixels):
        return np.array([fake_int8(one) for one in pixels], np.int8)

    shown = drawn(digits.test_images, 3)
    got = ask(device, classify, shown, digits.test_labels)
    assert (got["of"], got["equal_pictures"], got["equal_logits"]) == (3, 3, 3)
    assert failure(got) == [] == failure(None)
    wrong = ask(device, lambda p: classify(255 - p), shown, digits.test_labels)
    assert wrong["equal_pictures"] == 3 and wrong["equal_logits"] == 0
    assert "3 of 3 frames" in failure(wrong)[0]


def test_a_count_of_frames_that_is_none_is_refused_first():
    with pytest.raises(Esp8kError, match="--frames -1"):
        report.main(["--frames=-1"])


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


def test_report_json_and_html_are_written_together(host, tmp_path: Path):
    got, images = made(host, count=4)
    write(tmp_path / "report", got, images)
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == got
    names = sorted(p.name for p in (tmp_path / "report").iterdir())
    assert names == ["report.html", "report.json"]


def test_a_boards_name_leads_to_no_other_folder(host):
    """A board at a port tells its name itself."""
    told = replace(target(FakeDevice()), name="../../out; reboot")
    assert told.folder(host).parent == host.folder
    report = make_report(Config(frames=0), told, host, subject(4))
    assert "--board '../../out; reboot'" in report["command"]


def test_a_full_disk_keeps_the_old_report(host, tmp_path: Path):
    got, images = made(host, count=4)
    folder = tmp_path / "report"
    write(folder, got, images)
    before = (folder / "report.json").read_text()
    with (
        full_disk(1000),
        pytest.raises(Esp8kError, match="cannot write below") as caught,
    ):
        write(folder, got, images)
    assert "free some space" in caught.value.hint
    assert (folder / "report.json").read_text() == before
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("count", [0, -1, 10_001])
def test_more_or_less_images_than_a_test_set_has_are_refused(host, count):
    with pytest.raises(Esp8kError, match=f"--images {count} is out of range"):
        report.load_subject(host.folder, report.Config(images=count))


def test_the_summary_fits_a_terminal(host, tmp_path: Path):
    got, _ = made(host)
    lines = summary(got, Path("build/v3-small/esp32-s3-devkitc-1/report"))
    assert all(len(line) <= 80 for line in lines.splitlines())
