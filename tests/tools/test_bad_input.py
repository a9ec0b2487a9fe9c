"""Every mistake is one clear line, a cure and an exit code; never a traceback."""

import json
import os
import pty
import random
import shutil
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import serial
from PIL import Image

from core.errors import EXIT_DEVICE, EXIT_USAGE
from core.paths import ROOT
from tests.support.exported import write
from tests.support.fakes import HASH


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """As much of build/v3 as is read before the device is asked."""
    folder = tmp_path / "build" / "v3"
    folder.mkdir(parents=True)
    write(folder, model="v3")
    (folder / "plan.json").write_text(
        json.dumps({"weights_hash": HASH, "identity_crc": 1})
    )
    return folder.parent


@pytest.fixture
def digit(tmp_path: Path) -> str:
    page = np.full((80, 80), 255, np.uint8)
    page[15:65, 37:44] = 0
    Image.fromarray(page).save(tmp_path / "one.png")
    return str(tmp_path / "one.png")


def run(build: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, "ESP8K_BUILD": str(build), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def expect(
    done: subprocess.CompletedProcess[str], code: int, said: str, cure: str
) -> None:
    """One error line, one hint, nothing on stdout, the right code."""
    lines = done.stderr.splitlines()
    told = [line for line in lines if not line.startswith("board: ")]
    assert done.returncode == code, done.stderr
    assert done.stdout == "" and "Traceback" not in done.stderr
    assert len(told) == 2, done.stderr
    assert told[0].startswith("error: ") and said in told[0]
    assert told[1].startswith("hint:  ") and cure in told[1]


@contextmanager
def terminal(answer: bytes | None = None) -> Iterator[str]:
    """A PTY with nobody behind it, or with someone who repeats `answer`."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    stop = threading.Event()

    def talk() -> None:
        while not stop.is_set():
            try:
                os.write(master, answer or b"")
            except OSError:
                pass
            stop.wait(0.02)

    thread = threading.Thread(target=talk, daemon=True)
    if answer is not None:
        thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        stop.set()
        if answer is not None:
            thread.join()
        os.close(master)
        os.close(slave)


CLASSIFY = ("tools.classify.classify", "--board", "esp32dev")


def test_a_port_that_is_not_there_is_named(build: Path, digit: str):
    done = run(build, *CLASSIFY, "--port", "/dev/ttyNOPE", "--image", digit)
    expect(done, EXIT_DEVICE, "no port /dev/ttyNOPE", "")


def test_a_busy_port_is_told_with_its_cure(build: Path, digit: str):
    with terminal() as port, serial.Serial(port, exclusive=True):
        done = run(build, *CLASSIFY, "--port", port, "--image", digit)
    expect(done, EXIT_DEVICE, "is busy by", "close the program")


def test_a_device_that_never_answers_is_named(build: Path, digit: str):
    with terminal() as port:
        done = run(build, *CLASSIFY, "--port", port, "--image", digit)
    expect(done, EXIT_DEVICE, f"no answer from {port}", "")


@pytest.mark.slow
def test_noise_is_no_answer(build: Path, digit: str):
    noise = random.Random(0).randbytes(64)
    with terminal(noise) as port:
        done = run(build, *CLASSIFY, "--port", port, "--image", digit)
    expect(done, EXIT_DEVICE, f"no answer from {port}", "")


@pytest.mark.slow
def test_the_report_meets_a_silent_device_before_anything_long(build: Path):
    with terminal() as port:
        words = ("tools.report.report", "--board", "esp32dev", "--port", port)
        done = run(build, *words)
    expect(done, EXIT_DEVICE, f"no answer from {port}", "")


def test_a_file_that_is_no_image_is_refused(build: Path, tmp_path: Path):
    path = tmp_path / "letter.txt"
    path.write_text("seven")
    done = run(build, *CLASSIFY, "--image", str(path))
    expect(done, EXIT_USAGE, f"{path} is not a picture", "PNG")


@pytest.mark.parametrize("option", ["--model", "--engine"])
@pytest.mark.parametrize("program", ["tools.classify.classify", "tools.report.report"])
def test_an_unknown_model_or_engine_is_refused(build: Path, program: str, option: str):
    expect(run(build, program, option, "v77"), EXIT_USAGE, "v77", "--help")


def test_an_unknown_board_is_answered_with_the_known_ones(build: Path, digit: str):
    words = ("tools.classify.classify", "--board", "arduino", "--image", digit)
    expect(run(build, *words), EXIT_USAGE, "no board 'arduino'", "virtual")


def test_a_word_in_place_of_a_number_is_refused(build: Path):
    done = run(build, "tools.classify.classify", "--index", "seven")
    expect(done, EXIT_USAGE, "seven", "--help")


def test_a_model_that_was_not_exported_names_the_command(tmp_path: Path, digit: str):
    done = run(tmp_path, "tools.classify.classify", "--board", "twin", "--image", digit)
    expect(done, EXIT_USAGE, "v3 has not been exported", "make export MODEL=v3")


def test_a_damaged_manifest_names_the_command(build: Path, digit: str):
    (build / "v3" / "model.json").write_text("{")
    done = run(build, "tools.classify.classify", "--board", "twin", "--image", digit)
    expect(done, EXIT_USAGE, "model.json is damaged", "make export")


def test_a_board_without_firmware_names_the_command(build: Path, digit: str):
    done = run(build, "tools.classify.classify", "--board", "twin", "--image", digit)
    expect(done, EXIT_USAGE, "twin has no firmware of v3", "make flash")


def test_a_full_disk_is_a_mistake_with_its_cure(tmp_path: Path, digit: str):
    """A tmpfs of one page, in a mount namespace of our own."""
    unshare = shutil.which("unshare")
    full = tmp_path / "full"
    full.mkdir()
    script = (
        f"mount -t tmpfs -o size=4k none {full} && head -c 4096 /dev/zero > {full}/x"
        f" && {sys.executable} -m core.picture.image {digit}"
        f" --out {full}/out.png; echo $?"
    )
    probe = [unshare or "unshare", "-m", "mount", "-t", "tmpfs", "none", str(full)]
    if unshare is None or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("no right to mount")
    done = subprocess.run(
        [unshare, "-m", "sh", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == str(EXIT_USAGE)
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr and "free some space" in done.stderr
