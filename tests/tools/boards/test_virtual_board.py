"""The three boards that need no hardware, through a serial port object."""

import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import serial

from core.errors import DeviceError, Esp8kError
from core.paths import ROOT
from tests.support.echo import on
from tests.support.products import V2
from tools.boards import virtual_board

pytestmark = pytest.mark.emulator
REASON_POWER_ON, REASON_SOFTWARE, REASON_PANIC = 1, 2, 3


class Line(serial.Serial):
    """Does not drop what was said before it was opened: the twin is quick."""

    def _reset_input_buffer(self) -> None:
        pass


def open_line(port: str) -> serial.Serial:
    return Line(port, 115200, timeout=5)


def ask(line: serial.Serial, letter: bytes) -> str:
    line.write(letter)
    return line.read_until(b"\n").decode()


def state(line: serial.Serial) -> dict[str, str]:
    return dict(word.split("=") for word in ask(line, b"?").split())


@on("virtual", "twin", "riscv")
def test_the_firmware_answers_on_a_pseudo_terminal(echo: str) -> None:
    with virtual_board.start("v2", echo) as board, open_line(board.port) as line:
        assert line.read_until(b"\n") == b"ready\n"
        answer = state(line)
        assert answer["board"] == echo
        assert (answer["boots"], answer["reason"]) == ("1", str(REASON_POWER_ON))
        assert answer["counter"] == "0", "no count is claimed without -icount"
        assert int(answer["stack"]) > 0
        assert ask(line, b"T") == "timeout\n"
        assert ask(line, b"B") == "baud ok\n"


@on("virtual", "twin", "riscv")
def test_every_byte_value_passes_both_ways(echo: str) -> None:
    with virtual_board.start("v2", echo) as board, open_line(board.port) as line:
        line.read_until(b"\n")
        sent = bytes(range(0x7F, 0x100)) + bytes(range(0x20)) + b"abc"
        for _ in range(5):
            line.write(sent)
            assert line.read(len(sent)) == sent


@on("virtual", "twin", "riscv")
def test_a_reset_keeps_the_line_and_counts_the_boot(echo: str) -> None:
    with virtual_board.start("v2", echo) as board, open_line(board.port) as line:
        line.read_until(b"\n")
        for boot in (2, 3):
            assert ask(line, b"R") == "ready\n"
            answer = state(line)
            assert answer["boots"] == str(boot)
            assert int(answer["id"]) == board.first_id + boot & 0xFFFFFFFF
            assert answer["reason"] == str(REASON_SOFTWARE)


@on("virtual", "twin", "riscv")
def test_two_first_boots_differ_in_their_id(echo: str) -> None:
    ids = set()
    for _ in range(2):
        with virtual_board.start("v2", echo) as board, open_line(board.port) as line:
            line.read_until(b"\n")
            ids.add(state(line)["id"])
    assert len(ids) == 2


@on("twin")
def test_a_twin_that_nobody_gave_a_number_draws_one(echo: str) -> None:
    program = ROOT / os.environ["ESP8K_BUILD"] / "v2" / echo / "firmware.elf"
    said = [
        subprocess.run([program], input=b"?", capture_output=True).stdout
        for _ in range(2)
    ]
    ids = [re.search(rb" id=(\d+)", one)[1] for one in said]
    assert ids[0] != ids[1]


@on("virtual", "twin", "riscv")
def test_a_panic_tells_cause_and_pc_then_the_board_starts_again(echo: str) -> None:
    with virtual_board.start("v2", echo) as board, open_line(board.port) as line:
        line.read_until(b"\n")
        line.write(b"X")
        told = line.read_until(b"ready\n").decode()
        assert "esp8k panic: " in told and "; resetting" in told
        if echo != "twin":
            assert "0xc0000004" in told, "the address that was written to"
            pc = int(re.search(r"at pc (0x[0-9a-f]{8})", told).group(1), 16)
            folder = ROOT / os.environ["ESP8K_BUILD"] / "v2" / echo
            assert symbol_at(folder / "firmware.elf", pc) in ("crash", "esp8k_app")
        assert state(line)["reason"] == str(REASON_PANIC)


def symbol_at(elf: Path, address: int) -> str:
    from elftools.elf.elffile import ELFFile

    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        functions = [s for s in table.iter_symbols() if s["st_info"].type == "STT_FUNC"]
        return next(
            s.name
            for s in functions
            if s["st_value"] <= address < s["st_value"] + s["st_size"]
        )


@on("virtual", "riscv")
def test_counted_instructions_are_exact_and_linear(echo: str) -> None:
    with virtual_board.start("v2", echo, count=True) as board:
        with open_line(board.port) as line:
            line.read_until(b"\n")
            assert state(line)["counter"] == "2"
            seen: dict[bytes, set[int]] = {b"1": set(), b"2": set()}
            for turn in range(40):
                for letter in seen:
                    answer = dict(word.split("=") for word in ask(line, letter).split())
                    seen[letter].add(int(answer["count"]))
                    line.write(b"ab" * (turn % 7 + 1))
                    line.read(2 * (turn % 7 + 1))
            assert all(len(counts) == 1 for counts in seen.values()), seen
            difference = seen[b"2"].pop() - seen[b"1"].pop()
            assert difference % 1000 == 0, "1000 loops more: a whole number each"


@on("virtual")
def test_two_boards_run_at_once(echo: str) -> None:
    with virtual_board.start("v2", echo) as one, virtual_board.start("v2", echo) as two:
        with open_line(one.port) as first, open_line(two.port) as second:
            assert one.port != two.port
            first.read_until(b"\n")
            second.read_until(b"\n")
            ask(first, b"R")
            assert state(first)["boots"] == "2"
            assert state(second)["boots"] == "1"


@on("virtual")
def test_the_command_prints_a_port_that_works(echo: str) -> None:
    command = [sys.executable, "-m", "tools.boards.virtual_board", *V2, "--board", echo]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        try:
            port = run.stdout.readline().decode().strip()
            with open_line(port) as line:
                assert line.read_until(b"\n") == b"ready\n"
                assert state(line)["board"] == "virtual"
        finally:
            run.send_signal(signal.SIGINT)
        assert run.wait(10) == 0


@on("virtual", "twin")
def test_the_emulator_dies_with_a_killed_parent(echo: str, echo_build: Path) -> None:
    command = [sys.executable, "-m", "tools.boards.virtual_board", *V2, "--board", echo]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as run:
        port = run.stdout.readline().decode().strip()
        with open_line(port) as line:
            line.read_until(b"\n")
            children = Path(f"/proc/{run.pid}/task").glob("*/children")
            pids = [int(pid) for file in children for pid in file.read_text().split()]
            assert pids
            run.kill()
            run.wait(10)
        assert all(ends(pid, 10) for pid in pids)


def ends(pid: int, timeout_s: float) -> bool:
    """Whether a process, of whomever, ends in time."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], timeout_s)[0])
    finally:
        os.close(watched)


def test_the_exit_statuses_are_the_ports() -> None:
    header = (ROOT / "firmware" / "port" / "exit_status.h").read_text()
    said = dict(re.findall(r"#define EXIT_STATUS_(\w+) (\d+)", header))
    assert int(said["RESET"]) == virtual_board.EXIT_RESET
    assert int(said["PANIC"]) == virtual_board.EXIT_PANIC


def test_a_board_that_was_never_flashed_names_the_cure(echo_build: Path) -> None:
    with pytest.raises(Esp8kError) as error:
        virtual_board.start("v1", "virtual")
    assert error.value.hint == "run: make flash MODEL=v1 BOARD=virtual"


def test_a_missing_emulator_names_the_package(
    echo_build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_board.shutil, "which", lambda _: None)
    with pytest.raises(Esp8kError) as error:
        virtual_board.require_emulator("virtual")
    assert "qemu-system-xtensa" in error.value.message
    assert "apt-get install qemu-system-misc" in error.value.hint
    assert "BOARD=twin" in error.value.hint


def test_an_emulator_that_ends_says_why(tmp_path: Path) -> None:
    program = tmp_path / "broken"
    program.write_text("#!/bin/sh\necho no such machine >&2\nexit 7\n")
    program.chmod(0o755)
    with virtual_board.VirtualBoard("twin", program) as board:
        assert board.wait(10)
        failure = board.failure()
    assert isinstance(failure, DeviceError)
    assert failure.message == "twin ended with status 7"
    assert failure.hint == "no such machine"


def test_a_board_that_only_panics_is_given_up(tmp_path: Path) -> None:
    program = tmp_path / "panics"
    program.write_text("#!/bin/sh\nexit 4\n")
    program.chmod(0o755)
    with virtual_board.VirtualBoard("twin", program) as board:
        assert board.wait(20)
        assert board.boots == virtual_board.PANICS_IN_A_ROW
        assert "panicked 20 times in a row" in board.failure().message
