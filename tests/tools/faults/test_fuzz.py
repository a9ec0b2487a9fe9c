"""Half a minute of libFuzzer, from the kept corpus; `make fuzz` runs longer."""

import shutil
from pathlib import Path

import pytest

from core.errors import CheckFailed
from tools.faults import fuzz

pytestmark = [
    pytest.mark.fuzz,
    pytest.mark.skipif(
        not any(map(shutil.which, fuzz.CLANGS)), reason="no clang to fuzz with"
    ),
]
SECONDS = 18


@pytest.fixture(autouse=True)
def _build_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))


@pytest.mark.parametrize("name", fuzz.HARNESSES)
def test_nothing_crashes_the_link(name: str) -> None:
    """Nor does a kept input: libFuzzer begins with all of them."""
    kept = sorted((fuzz.FUZZ / "corpus" / name).iterdir())
    assert len(kept) >= 3
    assert max(path.stat().st_size for path in kept) <= fuzz.LONGEST_INPUT
    runs, _ = fuzz.fuzz(name, SECONDS // len(fuzz.HARNESSES), seed=1)
    assert runs > 1000


def test_a_harness_that_crashes_is_reported(tmp_path: Path) -> None:
    """A bound of the text line taken away: the fuzzer must find that."""
    copy = tmp_path / "firmware"
    shutil.copytree(fuzz.FIRMWARE, copy, ignore=shutil.ignore_patterns(".pio"))
    frame = copy / "components" / "link" / "link_frame.c"
    text = frame.read_text()
    bound = "reader->text_length < LINK_MAX_TEXT_BYTES"
    assert bound in text
    frame.write_text(text.replace(bound, "reader->text_length < 4096"))
    with pytest.raises(CheckFailed, match="the harness frame crashed"):
        fuzz.fuzz("frame", 30, seed=1, firmware=copy)
