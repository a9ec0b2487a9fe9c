"""`esp8k test-board`: the same tests as on a chip, on the boards that are here."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import EXIT_CHECK_FAILED, EXIT_OK, Esp8kError
from tests.support.products import TEST_BUILD
from tools.boards import on_board

FEW = ["--images", "20", "--no-flash"]
TESTS = 7


@pytest.mark.parametrize(
    "board", ["twin", pytest.param("virtual", marks=pytest.mark.emulator)]
)
def test_a_board_without_hardware_passes_what_a_chip_must(
    board: str,
    flashed: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    flashed("v2", board)
    monkeypatch.setenv("ESP8K_BUILD", str(TEST_BUILD))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)  # meant for us alone
    code = on_board.main(["--model", "v2", "--board", board, *FEW])
    told = capfd.readouterr().out
    assert code == EXIT_OK, told
    assert f"{TESTS} passed" in told and "warning" not in told
    assert all(len(line) <= 80 for line in told.splitlines())


def test_a_board_that_fails_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(on_board.family, "run", run)
    assert on_board.main(["--board", "twin", *FEW]) == EXIT_CHECK_FAILED
    assert ran[0][-6:-2] == ["--model", "v3", "--board", "twin"]
    capsys.readouterr()
    assert on_board.main(["--board", "twin", *FEW, "--json"]) == EXIT_CHECK_FAILED
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is False and told["evidence"] == "host process"


def test_what_is_missing_is_told_before_a_board_is_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(on_board, "PLUGIN", "no_such_plugin")
    with pytest.raises(Esp8kError, match="is not installed"):
        on_board.main(["--board", "twin"])


@pytest.mark.parametrize("count", ["19", "10001", "-1"])
def test_a_wrong_count_is_told_before_a_board_is_touched(count: str) -> None:
    with pytest.raises(Esp8kError, match=f"--images {count} is out of range"):
        on_board.main(["--board", "twin", "--images", count])
