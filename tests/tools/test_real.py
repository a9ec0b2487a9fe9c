"""The same commands on real firmware: the twin, and the emulated ESP32."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from core.paths import ROOT
from tests.support.products import V2
from tools.bench import budget
from tools.boards import flash, virtual_board
from tools.classify.host import Host
from tools.link import session
from tools.link.client import Device
from tools.link.identity_lock import require_identity
from tools.report.data import collect
from training.data import load

Flashed = Callable[[str, str], Path]


def run(folder: Path, *words: str) -> dict:
    """A command's --json, on the build folder that holds `folder`."""
    done = subprocess.run(
        [sys.executable, "-m", *words, "--json"],
        cwd=ROOT,
        env={**os.environ, "ESP8K_BUILD": str(folder.parent.parent)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_report(got: dict, images: int, evidence: str) -> None:
    assert got["passed"] and got["evidence"] == evidence
    for part in got["engines"].values():
        assert part["agreement"] == images
        assert part["logits"] == {
            "total": 10 * images,
            "different": 0,
            "max": 0,
            "rmse": 0,
            "cosine_mean": 1,
            "cosine_min": 1,
        }
        assert part["device"]["percent"] > 97
    assert got["memory"]["flash_bytes"] > 10_000


@pytest.mark.parametrize("engine", ["int8", "f16"])
def test_the_twin_classifies_as_the_host(flashed: Flashed, engine: str):
    words = (*V2, "--board", "twin", "--engine", engine, "--index", "7")
    got = run(flashed("v2", "twin"), "tools.classify.classify", *words)
    assert got["class"] == got["label"] == 9 and got["host"]["agrees"]
    assert got["evidence"] == "host process"


def test_a_report_of_the_twin_is_clean(flashed: Flashed):
    folder = flashed("v2", "twin")
    got = run(folder, "tools.report.report", *V2, "--board", "twin", "--images", "400")
    check_report(got, 400, "host process")
    page = folder / "report-of-400" / "report.html"
    assert got["engines"]["int8"]["digest"]["host"] in page.read_text()


def test_a_board_that_dies_in_mid_batch_costs_no_answer(
    flashed: Flashed, monkeypatch: pytest.MonkeyPatch
):
    folder = flashed("v2", "twin")
    monkeypatch.setenv("ESP8K_BUILD", str(folder.parent.parent))
    monkeypatch.setattr(session, "REQUEST_BUDGET_S", 1.0)
    host, images = Host("v2"), load().test_images[:300]
    running: list[virtual_board.VirtualBoard] = []
    answers = 0

    @contextmanager
    def opener() -> Iterator[Device]:
        with virtual_board.start("v2", "twin") as board:
            running.append(board)
            with Device.open(board.port) as device:
                yield device

    def progress(count: int) -> None:
        nonlocal answers
        answers += count
        if answers == 120:
            pid = running[0].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)

    def check(device: Device) -> None:
        require_identity(device, folder.parent)

    got = collect(opener, check, ("int8",), images, 1, progress)
    assert len(got.losses) == 1 and len(running) == 2
    found = np.stack([answer.logits for answer in got.answers["int8"]])
    assert (found == host.logits("int8", images)).all()


@pytest.mark.emulator
def test_a_report_of_the_emulated_board_counts_instructions(flashed: Flashed):
    words = ("tools.report.report", *V2, "--board", "virtual", "--images", "40")
    got = run(flashed("v2", "virtual"), *words)
    check_report(got, 40, "emulated")
    assert got["counter"] == "instructions"
    for engine, least in (("int8", 100_000), ("f16", 1_000_000)):
        assert got["instructions"][engine]["min"] > least


@pytest.mark.emulator
def test_a_hundred_images_pass_the_esp32s_kernels_of_both_engines(
    linked: Callable[[str, str, str], Path],
    exported: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Profile `speed`, whose float16 runs on the FPU: over the link, bit for bit, in
    as many instructions as the benchmark counts of the kernels alone."""
    monkeypatch.setenv("ESP8K_BUILD", str(exported("v3").parent))
    image = flash.make_image(linked("v3", "virtual", "speed"), tmp_path / "app.bin")
    host, images = Host("v3"), load().test_images[:100]
    targets = {"int8": "lx6", "f16": "lx6fpu"}
    for count, asked in ((False, images), (True, images[:1])):
        board = virtual_board.VirtualBoard("virtual", image, count)
        with board, Device.open(board.port) as device:
            for engine, target in targets.items():
                found = list(device.infer_many(engine, asked))
                logits = np.stack([answer.logits for answer in found])
                assert (logits == host.logits(engine, asked)).all()
                (line,) = (row for row in budget.load() if named(row, target))
                if count:
                    assert found[0].count == pytest.approx(line["instructions"], 0.02)


def named(row: budget.Line, target: str) -> bool:
    """Whether a row of the budget is v3's in profile `speed` on that core."""
    return (row["model"], row["target"], row["profile"]) == ("v3", target, "speed")
