"""`esp8k image` says of every digit which file it is of, within 80 columns."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.picture.image import main
from tests.support.dresses import inverted, to_image

LONG = "a-name-that-is-far-longer-than-what-is-left-beside-a-digit-of-28-columns.png"


@pytest.fixture
def scans(tmp_path: Path, digits, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One digit, a row of two, a text, and a digit with a long name."""
    one = inverted(digits[0][0], np.random.default_rng(0))
    row = np.full((160, 400), 240.0)
    for image, left in zip(digits[0], (40, 260), strict=False):
        ink = np.asarray(to_image(image).resize((84, 84)))
        row[40:124, left : left + 84] -= ink * 0.8
    one.save(tmp_path / "a.png")
    to_image(row).save(tmp_path / "b.png")
    (tmp_path / "c.png").write_text("seven")
    one.save(tmp_path / LONG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_digit_stands_beside_its_file(scans: Path, capsys):
    """Of thirty pictures came a column of digits that belonged to nobody."""
    assert main(["[abc].png"]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    told = [line[31:] for line in lines if line[31:]]
    assert [t for t in told if "png" in t] == ["a.png", "b.png", "b.png"]
    assert [t for t in told if "of 2" in t][0].startswith("digit 1 of 2")
    assert "c.png: is not a picture that is read here" in lines
    assert lines[-1] == "3 pictures: 2 read, 1 refused"


def test_no_line_is_longer_than_a_terminal_is_wide(scans: Path, capsys):
    assert main(["*.png"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert LONG in "".join(line[31:] for line in lines)


def test_the_part_that_is_told_can_be_given_as_crop(scans: Path, capsys):
    assert main(["b.png"]) == 0
    words = capsys.readouterr().out.split()
    crops = [words[i + 1] for i, word in enumerate(words) if word == "crop"]
    assert len(crops) == 2
    assert main(["b.png", "--crop", crops[0]]) == 0
    assert "digit 1 of" not in capsys.readouterr().out


def test_a_program_reads_which_file_a_digit_is_of(scans: Path, capsys):
    assert main(["[abc].png", "--json"]) == 0
    one, row, text = json.loads(capsys.readouterr().out)
    assert [t["source"] for t in (one, row, text)] == ["a.png", "b.png", "c.png"]
    assert (len(one["digits"]), len(row["digits"])) == (1, 2)
    assert "error" in text and "digits" not in text
