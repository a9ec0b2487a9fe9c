"""The decision in C is that of Python, bit for bit."""

import ctypes
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.doubt import FARTHEST, Doubt, sixteenths
from core.errors import Esp8kError
from core.paths import ROOT
from export.emit import decide
from export.emit.generate import flags

WARNINGS = "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror".split()
SCALE, ZERO_POINT = 0.2913, 37
COUNT = 3_000
VIEWS = 5


class Answer(ctypes.Structure):
    """<prefix>_answer_t."""

    _fields_ = [
        ("first", ctypes.c_uint8),
        ("second", ctypes.c_uint8),
        ("score", ctypes.c_int32),
        ("lead", ctypes.c_int32),
    ]


@pytest.fixture(scope="module")
def doubt() -> Doubt:
    """v3's, with bounds that some of the pictures meet exactly."""
    path = ROOT / "training" / "pretrained" / "v3.doubt.json"
    plain = Doubt.of(json.loads(path.read_text()))
    wide = decide.sixteenths(int8_logits(), SCALE, ZERO_POINT)
    ordered = np.sort(wide, 1)
    scores = np.sort(plain.score(pictures(), wide))
    return replace(
        plain,
        digit_from=int(scores[COUNT // 3]),
        sure_from=int(scores[COUNT // 2]),
        margin_from=int(np.median(ordered[:, -1] - ordered[:, -2])),
    )


@pytest.fixture(scope="module")
def library(doubt: Doubt, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder: Path = tmp_path_factory.mktemp("decide")
    (folder / "src").mkdir()
    for name, text in decide.sources(doubt, "net", SCALE, ZERO_POINT, VIEWS).items():
        (folder / name).write_text(text)
    program = folder / "decide.so"
    command = ["gcc", *flags("host"), *WARNINGS, "-fsanitize=undefined"]
    command += ["-fsanitize-undefined-trap-on-error", "-fPIC", "-shared"]
    source = folder / "src" / "net_decide.c"
    subprocess.run([*command, str(source), "-o", str(program)], check=True)
    return ctypes.CDLL(str(program))


def int8_logits() -> np.ndarray:
    """(COUNT, 10) int8, of any size."""
    rng = np.random.default_rng(1)
    return rng.integers(-128, 128, (COUNT, 10)).astype(np.int8)


def pictures() -> np.ndarray:
    """Sparse, full and blank, uint8 (COUNT, 28, 28)."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (COUNT, 28, 28))
    values *= rng.random((COUNT, 28, 28)) < rng.random((COUNT, 1, 1))
    values[0], values[1] = 0, 255
    return values.astype(np.uint8)


def run(function, images: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, ...]:
    decisions, answers = [], []
    for image, row in zip(images, logits, strict=True):
        answer = Answer()
        pointers = (image.ctypes.data_as(ctypes.c_void_p), row.ctypes.data)
        decisions.append(
            function(pointers[0], ctypes.c_void_p(pointers[1]), ctypes.byref(answer))
        )
        answers.append((answer.first, answer.second, answer.score, answer.lead))
    return np.array(decisions), np.array(answers)


def check(doubt: Doubt, images: np.ndarray, wide: np.ndarray, found: tuple) -> None:
    decisions, answers = found
    assert (decisions == doubt.decide(images, wide)).all()
    assert (answers[:, 2] == doubt.score(images, wide)).all()
    order = np.argsort(-wide, 1, kind="stable")
    assert (answers[:, :2] == order[:, :2]).all()
    assert len(set(decisions.tolist())) > 1  # or the test shows nothing


def test_int8_logits_are_decided_as_in_python(doubt, library):
    logits, images = int8_logits(), pictures()
    wide = decide.sixteenths(logits, SCALE, ZERO_POINT)
    check(doubt, images, wide, run(library.net_decide, images, logits))
    met = doubt.score(images, wide)
    assert doubt.sure_from in met and doubt.digit_from in met


def test_float_logits_are_decided_as_in_python(doubt, library):
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 12, (COUNT, 10)).astype(np.float32)
    images = pictures()
    wide = sixteenths(logits)
    check(doubt, images, wide, run(library.net_decide_f16, images, logits))
    far = logits * np.float32(300)  # farther than C's whole numbers go
    assert np.abs(sixteenths(far)).max() == FARTHEST
    check(doubt, images, sixteenths(far), run(library.net_decide_f16, images, far))


def test_logits_that_reach_too_far_are_refused(doubt):
    decide.sources(doubt, "net", 8.0, 0)
    with pytest.raises(Esp8kError, match="do not fit the decision's 32 bits"):
        decide.sources(doubt, "net", 8.1, 0)


def test_sums_of_views_are_decided_as_their_mean_in_python(doubt, library):
    rng = np.random.default_rng(3)
    images = pictures()[:1_000]
    sums = rng.integers(-128 * VIEWS, 127 * VIEWS + 1, (1_000, 10)).astype(np.int32)
    wide = decide.sixteenths(sums / VIEWS, SCALE, ZERO_POINT)
    check(doubt, images, wide, run(library.net_decide_views, images, sums))
    real = rng.normal(0, 60, (1_000, 10)).astype(np.float32)
    found = run(library.net_decide_views_f16, images, real)
    check(doubt, images, sixteenths(real / VIEWS), found)


def test_the_same_doubt_gives_the_same_bytes(doubt):
    made = [decide.sources(doubt, "net", SCALE, ZERO_POINT) for _ in range(2)]
    assert made[0] == made[1]
