"""One digit on a board, told to people and to programs."""

import io
import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tools.boards.boards
from core.doubt import NO_DIGIT, SURE, UNSURE
from core.errors import CheckFailed, Esp8kError
from tests.support.fakes import FakeDevice, FakeHost, FakeIdentity, some_images
from tools.boards.boards import Board
from tools.classify import classify
from tools.classify.classify import Config, Subject, compare, show
from tools.classify.comparison import percent

EMULATED = Board("virtual", "emulated")
REAL = Board("esp32dev", "on hardware", "/dev/ttyUSB0")


def answer(host: FakeHost, engine: str = "int8", board: Board = EMULATED, **device):
    asked = Subject(some_images(1)[0], "test image 7", 9)
    config = Config(engine=engine)
    return compare(config, board, FakeDevice(**device), host, asked), asked.pixels


@pytest.mark.parametrize("engine", ["int8", "f16"])
def test_the_host_agrees_with_a_device_that_computes_the_same(host, engine):
    result, _ = answer(host, engine)
    assert result.host.agrees and result.host.equal_logits == 10
    assert abs(sum(result.probabilities) - 1) < 1e-9
    assert result.answer == int(np.argmax(result.logits))
    json.dumps(result.json())


def test_int8_logits_are_shown_as_real_numbers(host):
    result, _ = answer(host)
    expected = (np.array(result.raw_logits, np.float32) - 3) * np.float32(0.125)
    assert result.logits == expected.tolist()


def views_of(host: FakeHost, engine: str, **device):
    asked = Subject(some_images(1)[0], "test image 7", 9)
    config = Config(engine=engine, views=5)
    return compare(config, EMULATED, FakeDevice(**device), host, asked), asked.pixels


@pytest.mark.parametrize("engine", ["int8", "f16"])
def test_five_views_are_summed_and_cost_five_times(host, engine):
    result, pixels = views_of(host, engine, count=1000)
    y, x = np.indices((28, 28))
    sums = np.zeros(10, np.int32 if engine == "int8" else np.float32)
    for down, right in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
        inside = ((y - down) % 28 == y - down) & ((x - right) % 28 == x - right)
        view = np.where(inside, np.roll(pixels, (down, right), (0, 1)), 0)
        sums = sums + host.logits(engine, view[None].astype(np.uint8))[0]
    assert result.raw_logits == sums.tolist()
    assert result.answer == int(sums.argmax()) and result.host.agrees
    assert result.logits == host.real(engine, sums / 5).tolist()
    assert result.count == 5000 and "5 views summed" in classify.facts(result)[2]


def test_one_wrong_view_is_a_disagreement(host):
    result, _ = views_of(host, "int8", flip=3)
    assert not result.host.agrees and result.host.equal_logits == 9


def test_one_wrong_logit_is_a_disagreement(host):
    result, pixels = answer(host, flip=0)
    assert not result.host.agrees and result.host.equal_logits == 9
    out = io.StringIO()
    show(result, pixels, out)
    assert "DISAGREES" in out.getvalue()


def test_the_page_for_people_names_class_engine_board_and_weights(host):
    result, pixels = answer(host, count=1234567)
    out = io.StringIO()
    show(result, pixels, out)
    text = out.getvalue()
    assert "\x1b" not in text and text.isascii()  # a StringIO has no encoding
    assert all(len(line) <= 80 for line in text.splitlines()[:16])  # digit and scores
    for part in ("int8", "1,234,567 instructions", "virtual (emulated)", "abab"):
        assert part in text
    assert (
        "not a chip's time" in text and "us" not in text.split("engine")[1].split()[1]
    )


def test_microseconds_are_a_boards_only_on_hardware(host):
    assert "not a chip's time" in "\n".join(classify.facts(answer(host)[0]))
    real = "\n".join(classify.facts(answer(host, board=REAL)[0]))
    assert "101 us" in real and "not a chip's time" not in real


@pytest.mark.parametrize(
    "name, told",
    [("9", "a 9"), ("8", "an 8"), ("18", "an 18"), ("80", "an 80"), ("1", "a 1"),
     ("ankle boot", "an ankle boot"), ("Bag", "a Bag")],
)  # fmt: skip
def test_an_8_has_its_article(host, name, told):
    result, _ = answer(host)
    named = replace(result, classes=[name] * 10)
    assert f"which is {told}: " in classify.facts(named)[0]


def run_main(monkeypatch, capsys, host, device, *words: str) -> str:
    @contextmanager
    def open_board(board, model, count=False):
        yield device

    monkeypatch.setattr(tools.boards.boards, "open_board", open_board)
    monkeypatch.setattr(classify, "Host", lambda model: host)
    monkeypatch.setattr("sys.argv", ["classify", "--board", "twin", *words])
    classify.main()
    return capsys.readouterr().out


@pytest.fixture
def picture(tmp_path: Path) -> str:
    page = np.full((90, 90), 250, np.uint8)
    page[20:70, 42:50] = 10
    path = tmp_path / "one.png"
    Image.fromarray(page).save(path)
    return str(path)


def test_an_image_file_is_classified(monkeypatch, capsys, host, picture):
    words = ("--image", picture, "--json")
    result = json.loads(run_main(monkeypatch, capsys, host, FakeDevice(), *words))
    assert result["source"] == picture and result["label"] is None
    assert result["evidence"] == "host process"


def test_a_disagreeing_device_is_shown_and_then_fails(
    monkeypatch, capsys, host, picture
):
    with pytest.raises(CheckFailed, match="disagree"):
        run_main(monkeypatch, capsys, host, FakeDevice(flip=0), "--image", picture)
    assert "DISAGREES" in capsys.readouterr().out


def test_a_device_with_other_weights_is_refused_with_both_hashes(
    monkeypatch, capsys, host, picture
):
    other = FakeDevice(identity=FakeIdentity(weights_hash="cd" * 32, identity_crc=2))
    with pytest.raises(CheckFailed) as caught:
        run_main(monkeypatch, capsys, host, other, "--image", picture)
    assert "abababab" in caught.value.message and "cdcdcdcd" in caught.value.message


def test_a_test_image_is_taken_by_its_number():
    asked = classify.subject(Config(index=7))
    assert asked.label == 9 and asked.pixels.shape == (28, 28)


@pytest.mark.parametrize("index", [-1, 10_000])
def test_a_number_beyond_the_test_images_is_refused(index: int):
    with pytest.raises(Esp8kError, match=f"--index {index} is out of range"):
        classify.subject(Config(index=index))


def test_two_sources_are_refused():
    with pytest.raises(Esp8kError, match="both"):
        classify.require_one_source(Config(index=1, image=Path("a.png")))


@pytest.fixture
def number(tmp_path: Path) -> str:
    """Two bars side by side: an eleven."""
    page = np.full((120, 160), 250, np.uint8)
    page[30:90, 50:58] = page[30:90, 90:98] = 10
    path = tmp_path / "eleven.png"
    Image.fromarray(page).save(path)
    return str(path)


def test_digits_side_by_side_are_read_from_left_to_right(
    monkeypatch, capsys, host, number
):
    host.decided = SURE
    out = run_main(monkeypatch, capsys, host, FakeDevice(), "--image", number, "--json")
    told = json.loads(out)
    assert len(told["digits"]) == 2 and len(told["reading"]) == 2
    assert told["decision"] == "several, sure"


@pytest.mark.parametrize("decided, word", [(UNSURE, "or"), (NO_DIGIT, "no digit")])
def test_an_answer_that_is_not_sure_is_said_in_words_and_status(
    monkeypatch, capsys, host, picture, decided, word
):
    host.decided = decided
    with pytest.raises(CheckFailed, match=word) as caught:
        run_main(monkeypatch, capsys, host, FakeDevice(), "--image", picture)
    assert caught.value.code == 1
    assert word in capsys.readouterr().out


def test_of_a_picture_that_holds_more_nothing_is_sure(
    monkeypatch, capsys, host, tmp_path
):
    """One digit of two rows was read, and called sure."""
    page = np.full((200, 200), 250, np.uint8)
    page[20:70, 42:50] = page[120:170, 142:150] = 10
    path = tmp_path / "rows.png"
    Image.fromarray(page).save(path)
    host.decided = SURE
    with pytest.raises(CheckFailed, match="more that was not read: unsure"):
        run_main(monkeypatch, capsys, host, FakeDevice(), "--image", str(path))
    assert "left out more of the same ink" in capsys.readouterr().out


def test_many_pictures_get_a_line_each_and_a_summary(
    monkeypatch, capsys, host, picture, number, tmp_path
):
    host.decided = SURE
    (tmp_path / "text.png").write_text("seven")
    pattern = str(tmp_path / "*.png")
    told = "1 of 3 pictures.*: [^ ]*text.png: is not a picture"  # its name once
    with pytest.raises(CheckFailed, match=told):
        run_main(monkeypatch, capsys, host, FakeDevice(), "--image", pattern)
    out = capsys.readouterr().out
    assert "one.png" in out and "text.png  is not a picture" in out
    assert "3 pictures: 2 sure, 0 unsure, 1 refused" in out


def test_what_is_said_of_pictures_stands_in_a_column(
    monkeypatch, capsys, host, picture, number, tmp_path
):
    """Of 30 files with names of several lengths no eye found the one in doubt."""
    host.decided = SURE
    monkeypatch.chdir(tmp_path)
    lines = run_main(
        monkeypatch, capsys, host, FakeDevice(), "--image", "*.png"
    ).splitlines()
    told = [line for line in lines if ", sure" in line]
    assert [line.split()[0] for line in told] == ["eleven.png", "one.png"]
    assert {line.index(line.split()[1]) for line in told} == {len("eleven.png  ")}
    assert max(map(len, lines)) <= 80


def test_nothing_says_a_hundred_percent():
    assert percent(1.0) == "99.99" and percent(0.5) == "50.00"
