"""A soak of seconds: nothing is found, and what is wrong would be."""

import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import CheckFailed
from core.paths import ROOT
from tests.support.products import TEST_BUILD
from tools.soak import soak
from tools.soak.clean import CleanLine
from tools.soak.document import Document
from tools.soak.figures import Divergence, Figures
from tools.soak.oracle import Oracle

Flashed = Callable[[str, str], Path]


@pytest.fixture(scope="module", autouse=True)
def _v2(flashed: Flashed) -> Iterator[None]:
    flashed("v2", "twin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESP8K_BUILD", str(TEST_BUILD))
        yield


@pytest.fixture(scope="module")
def oracle(_v2: None) -> Oracle:
    return Oracle("v2", 0)


def test_seconds_of_everything_find_nothing() -> None:
    """A process of its own: it counts its threads, files and children."""
    asked = ["--minutes=0.1", "--model=v2", "--boards", "twin", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "tools.main", "soak", *asked],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["divergences"] == record["failures"] == []
    twin, page = record["strands"]["twin"], record["strands"]["page"]
    assert sum(twin.values()) > 0
    assert page["answers to the page"] > 0 and page["posts"] > 0
    assert record["left"]["files"] == []


@pytest.mark.parametrize("what", ["logits", "stages", "counts", "identity"])
def test_what_is_not_as_foretold_is_found(oracle: Oracle, what: str) -> None:
    spoilt = Oracle.__new__(Oracle)
    spoilt.__dict__.update(oracle.__dict__)
    if what == "logits":
        wrong = [replace(a, logits=a.logits[::-1]) for a in oracle.answers["int8"]]
        spoilt.answers = oracle.answers | {"int8": wrong}
    elif what == "stages":
        spoilt.stages = {e: [s[::-1] for s in oracle.stages[e]] for e in oracle.stages}
    elif what == "identity":
        spoilt.identity = oracle.identity ^ 1
    with soak.virtual_board.start("v2", "twin") as board:
        line = CleanLine(board.port, spoilt, random.Random(1), Figures("twin"))
        line.model.counts["errors"] += what == "counts"
        with pytest.raises(Divergence):
            line.run(100, lambda: True)
        line.close()


SOUND = {
    "strands": {"twin": {"wrong": 0, "failed": 0}},
    "divergences": [],
    "failures": [],
    "rss_mib": {"after_a_quarter": 100.0, "largest": 110.0, "end": 100.0},
    "left": {"files": [], "ports_and_files_open": 0, "threads": 0, "processes": 0},
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"strands": {"page": {"wrong": 2, "failed": 0}}}, "2 divergences"),
        ({"strands": {"page": {"wrong": 0, "failed": 1}}}, "1 requests without"),
        ({"rss_mib": {"after_a_quarter": 100.0, "largest": 300.0}}, "200 MiB"),
        ({"left": SOUND["left"] | {"files": ["esp8k-x"]}}, "1 files left"),  # type: ignore
        ({"left": SOUND["left"] | {"processes": 1}}, "1 processes left"),  # type: ignore
    ],
)
def test_a_soak_that_found_something_fails(change: dict, told: str) -> None:
    soak.require(SOUND)
    with pytest.raises(CheckFailed, match=told):
        soak.require(SOUND | change)


def test_the_model_says_what_the_document_says_of_text() -> None:
    """Its own examples: a buffer shorter than an image, a piece that ends a load."""
    model = Document(lambda engine, image: [float(value) for value in image[:10]])
    assert model.text("infer") == model.text("results") == [r"e-\[.*\]", "m-ready"]
    assert model.text("db load 9")[0] == r"m-\[Expecting 9 bytes\]"
    assert model.text("db 0102030405060708") == ["m-ready"]
    assert model.text("db 0102")[0] == r"e-\[.*\]", "more than announced"
    assert model.text("db 09") == ["m-load-done", "m-ready"]
    rows = model.text("db print")
    assert rows == ["m-buffer-01-02-03-04-05-06-07-08", "m-buffer-09", "m-ready"]
    assert model.text("db print 1 9")[0] == r"e-\[.*\]"
    model.put(0, bytes(32))
    assert model.text("db print") == ["m-ready"]
    model.drawn(bytes([9]) + bytes(783))
    shares = model.text("results")
    assert re.fullmatch(shares[0], "m-results-[0.999,0.000]")
    assert (
        model.differs(shares, ["m-results-[0.999" + ",0.000" * 9 + "]", "m-ready"])
        == ""
    )
    assert model.differs(shares, ["m-results-[0.990" + ",0.000" * 9 + "]", "m-ready"])
