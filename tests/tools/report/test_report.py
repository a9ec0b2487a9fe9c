"""The report refuses, fails and passes as it should."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.doubt import UNSURE
from core.errors import CheckFailed, Esp8kError
from tests.support.disk import full_disk
from tests.support.fake_model import fake_int8
from tests.support.fakes import (
    FakeDevice,
    FakeHost,
    FakeIdentity,
    opener,
)
from tests.support.reports import made, subject, target
from tools.faults.loopback import MemoryLine
from tools.link.client import Device
from tools.report import report
from tools.report.camera import ask, drawn, failure
from tools.report.counting import COUNTED
from tools.report.files import summary, write
from tools.report.page import render
from tools.report.report import Config, make_report
from training.data import load


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
    assert got["instructions"]["int8"]["n"] == COUNTED


def test_a_device_that_differs_when_counted_is_an_error(host):
    with pytest.raises(CheckFailed, match="other logits"):
        made(host, counting=opener(FakeDevice(count=1, flip=2)))


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
