"""Pictures as people take them are read, and the table says how many."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import CheckFailed, Esp8kError
from tools.classify import check_pictures
from tools.classify.check_pictures import PASTED, Case, Judge, Row, count, drawn, main
from tools.classify.looks import KINDS
from tools.classify.scenes import scene


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge("v3")


def test_every_kind_of_picture_is_read(judge: Judge):
    rows = count(drawn(1, 40), judge)
    assert set(rows) == {*KINDS, PASTED}
    assert rows[PASTED].right >= 9
    right = sum(row.right for row in rows.values())
    assert right >= 0.95 * (len(KINDS) + 10), rows
    assert sum(row.wrong_but_sure for row in rows.values()) <= 1, rows


def test_a_scene_follows_from_its_seed():
    assert (scene("phone", 3, 7) == scene("phone", 3, 7)).all()
    assert (scene("phone", 3, 7)[:300, :300] != scene("phone", 3, 8)[:300, :300]).any()


def test_an_empty_picture_counts_as_refused(judge: Judge):
    blank = Image.fromarray(np.full((90, 90), 255, np.uint8))
    found = check_pictures.judged(Case("blank", blank, 3, "blank"), judge)
    assert found == Row(refused=1)


def folder(tmp_path: Path, label: int) -> Path:
    Image.fromarray(scene("plain", 3, 1)).save(tmp_path / "a.png")
    table = {"a.png": {"label": label, "kind": "plain"}}
    (tmp_path / "labels.json").write_text(json.dumps(table))
    return tmp_path


def test_a_folder_is_judged_by_its_labels(tmp_path: Path, capsys):
    main(["--folder", str(folder(tmp_path, 3)), "--json"])
    assert json.loads(capsys.readouterr().out)["plain"]["right"] == 1


def test_too_few_right_ones_fail(tmp_path: Path, capsys):
    with pytest.raises(CheckFailed, match="0 of 1"):
        main(["--folder", str(folder(tmp_path, 4))])
    assert "wrong" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        *(None, "{}", "[1]", '{"a": 3}', "{", '{"a": {"label": 12, "kind": "x"}}'),
        *('{"a": {"kind": "x"}}', '{"a": {"label": 1, "kind": "\\u001b[2J"}}'),
    ],
)
def test_a_folder_without_good_labels_is_refused(tmp_path: Path, text):
    if text is not None:
        (tmp_path / "labels.json").write_text(text)
    with pytest.raises(Esp8kError, match="labels.json"):
        list(check_pictures.from_folder(tmp_path))
