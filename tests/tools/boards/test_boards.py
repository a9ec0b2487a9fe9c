"""Which board is chosen, and what is said about it: asked, never guessed."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from core.errors import EXIT_DEVICE, EXIT_USAGE, DeviceError, Esp8kError
from tests.support.lying_device import LyingDevice, honest_hello, named
from tools.boards import catalogue, probe, usb
from tools.boards.boards import BUILD, FLASH, TALK, Board, System, choose
from tools.boards.probe import Chip
from tools.boards.sources import FIRMWARE
from tools.boards.usb import UsbPort
from tools.link.client import Device
from tools.link.messages import DeviceIdentity

USB0 = UsbPort("/dev/ttyUSB0", usb.CP210X, 0xEA60, "0001")
USB1 = UsbPort("/dev/ttyUSB1", usb.CH34X, 0x7523)
CABLE = UsbPort("/dev/ttyUSB2", usb.FTDI, 0x6001, "FT4")
ACM0 = UsbPort("/dev/ttyACM0", usb.ESPRESSIF, 0x1001, "AA:BB:CC:00:11:33")
ESP32 = Chip("esp32", "24:0a:c4:00:00:01")
OTHER = Chip("esp32", "24:0a:c4:00:00:02")
S3 = Chip("esp32s3", "aa:bb:cc:00:11:33")
C3 = Chip("esp32c3", "aa:bb:cc:00:11:44")


def hello(board: str, counter: str = "cycles") -> DeviceIdentity:
    """What a device of that name says of itself, a chip unless it counts none."""
    ends = named(b"v2", board.encode()) + bytes(4)

    def lie(frame: object, kind: int, payload: bytes) -> tuple[int, bytes]:
        return kind, honest_hello() + ends

    return replace(Device(LyingDevice(lie)).identity, counter=counter)


VIRTUAL = ("xtensa-lx106-elf-gcc", "llvm-mc-22", "qemu-system-xtensa")


def system(
    chips: dict[UsbPort, Chip | None] | None = None,
    firmware: dict[UsbPort, str] | None = None,
    programs: tuple[str, ...] = VIRTUAL,
) -> System:
    """A computer with these on USB."""
    on = {port.device: chip for port, chip in (chips or {}).items()}
    told = {port.device: name for port, name in (firmware or {}).items()}

    def asked(port: str) -> DeviceIdentity:
        if port not in told:
            raise DeviceError(f"no answer from {port}", "press reset")
        return hello(told[port])

    return System(
        ports=lambda: sorted(chips or {}, key=lambda port: port.device),
        chip=on.get,
        firmware=asked,
        which=lambda name: name if name in programs else None,
    )


def chosen(board: str | None, port: str | None, use: str, here: System) -> Board:
    return choose(board, port, use, quiet=True, system=here)


# ==== To flash ====


def test_the_chip_that_answers_decides(capsys: pytest.CaptureFixture[str]) -> None:
    board = choose(None, None, FLASH, system=system({USB0: ESP32}))
    assert board == Board("esp32dev", "on hardware", "/dev/ttyUSB0", "esp32")
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "esp32dev on /dev/ttyUSB0 (on hardware): esp32 24:0a:c4:00:00:01" in told
    assert "by CP210x" in told and "BOARD=virtual" in told


@pytest.mark.parametrize(
    ("port", "chip", "name"),
    [
        (ACM0, S3, "seeed_xiao_esp32s3"),
        (USB0, S3, "esp32-s3-devkitc-1"),
        (ACM0, C3, "seeed_xiao_esp32c3"),
        (USB1, C3, "esp32-c3-devkitm-1"),
        (USB0, Chip("esp32c6", "x"), "esp32-c6-devkitc-1"),
        (ACM0, Chip("esp32s2", "x"), "lolin_s2_mini"),
    ],
)
def test_each_chip_has_its_board_by_its_socket(
    port: UsbPort, chip: Chip, name: str
) -> None:
    assert chosen(None, None, FLASH, system({port: chip})).name == name


def test_an_esp32_asked_for_is_not_the_s3_beside_it() -> None:
    here = system({ACM0: S3, USB0: ESP32})
    assert chosen("esp32dev", None, FLASH, here).port == "/dev/ttyUSB0"
    assert chosen("esp32-s3-devkitc-1", None, FLASH, here).port == "/dev/ttyACM0"


def test_a_cable_without_a_board_is_never_taken() -> None:
    here = system({CABLE: None, ACM0: S3})
    assert chosen("esp32-s3-devkitc-1", None, FLASH, here).port == "/dev/ttyACM0"
    with pytest.raises(DeviceError) as error:
        chosen("esp32dev", None, FLASH, here)
    assert error.value.message == "no esp32 for BOARD=esp32dev on USB"
    assert "/dev/ttyACM0: esp32s3 (aa:bb:cc:00:11:33)" in error.value.hint
    assert "/dev/ttyUSB2: nothing that answers (FT4)" in error.value.hint


def test_of_two_boards_none_is_guessed() -> None:
    here = system({USB0: ESP32, USB1: OTHER})
    for asked in (None, "esp32dev"):
        with pytest.raises(Esp8kError) as error:
            chosen(asked, None, FLASH, here)
        assert error.value.message == "several boards are on USB"
        for word in ("/dev/ttyUSB0", "/dev/ttyUSB1", ESP32.mac, OTHER.mac, "SERIAL="):
            assert word in error.value.hint


@pytest.mark.parametrize("number", [OTHER.mac, OTHER.mac.upper()])
def test_serial_picks_one_of_several(number: str) -> None:
    here = system({USB0: ESP32, USB1: OTHER})
    board = choose(None, None, FLASH, serial=number, quiet=True, system=here)
    assert board.port == "/dev/ttyUSB1"
    board = choose(None, None, FLASH, serial="0001", quiet=True, system=here)
    assert board.port == "/dev/ttyUSB0"
    with pytest.raises(DeviceError, match="no board with SERIAL=9"):
        choose(None, None, FLASH, serial="9", quiet=True, system=here)


def test_a_chip_without_a_firmware_is_said() -> None:
    with pytest.raises(Esp8kError) as error:
        chosen(None, None, FLASH, system({USB0: Chip("esp32p4", "x")}))
    assert "no firmware for a chip esp32p4" in error.value.message
    assert "esp32c6" in error.value.hint


# ==== To talk ====


def test_the_only_port_is_talked_to_and_says_what_it_is() -> None:
    here = system({USB0: None}, {USB0: "esp32"})
    board = chosen(None, None, TALK, here)
    assert (board.name, board.evidence) == ("esp32", "on hardware")


def test_of_several_ports_the_one_with_our_firmware_is_talked_to() -> None:
    here = system({USB0: None, ACM0: None}, {ACM0: "esp32s3"})
    assert chosen(None, None, TALK, here).port == "/dev/ttyACM0"
    both = system({USB0: None, ACM0: None}, {ACM0: "esp32s3", USB0: "esp32"})
    with pytest.raises(Esp8kError, match="several boards"):
        chosen(None, None, TALK, both)
    with pytest.raises(DeviceError, match="no board of ours"):
        chosen(None, None, TALK, system({USB0: None, ACM0: None}))


@pytest.mark.parametrize(
    ("name", "counter", "evidence"),
    [
        ("twin", "none", "host process"),
        ("virtual", "instructions", "emulated"),
        ("virtual", "none", "emulated"),
        ("esp32", "cycles", "on hardware"),
        ("esp32-direct", "cycles", "on hardware"),
        ("esp32", "none", "emulated"),  # its own image in Espressif's QEMU
        ("esp32-direct", "none", "emulated"),
    ],
)
def test_what_a_board_says_of_itself_decides_what_its_figures_are_worth(
    name: str, counter: str, evidence: str, tmp_path: Path
) -> None:
    port = tmp_path / "tty"
    port.touch()
    here = replace(system(), firmware=lambda where: hello(name, counter))
    board = chosen("esp32dev", str(port), TALK, here)
    assert (board.name, board.evidence) == (name, evidence)


def test_of_a_port_where_nobody_answers_nothing_is_claimed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was called a board, on hardware, before it was asked a second time."""
    port = tmp_path / "tty"
    port.touch()
    for board in (None, "esp32dev"):
        with pytest.raises(DeviceError, match="no answer from"):
            choose(board, str(port), TALK, system=system())
    assert capsys.readouterr().err == ""


# ==== A port that was named ====


def test_a_port_asks_its_chip_unless_the_board_is_named(tmp_path: Path) -> None:
    port = tmp_path / "tty"
    port.touch()
    here = replace(system(), chip=lambda where: C3)
    assert chosen(None, str(port), FLASH, here).name == "esp32-c3-devkitm-1"
    assert chosen("esp32cam", str(port), FLASH, here).name == "esp32cam"
    with pytest.raises(DeviceError, match="which board is it"):
        chosen(None, str(port), FLASH, system())
    assert chosen("esp32dev", "socket://host:1", FLASH, here).port == "socket://host:1"


@pytest.mark.parametrize("port", ["/dev/ttyUSB77", "COM3", "3000", "ttyUSB0"])
def test_a_port_that_is_not_there_is_said(port: str) -> None:
    here = system({USB1: ESP32})
    for use in (BUILD, FLASH, TALK):
        with pytest.raises(DeviceError) as error:
            chosen("esp32dev", port, use, here)
        assert error.value.message == f"there is no port {port}"
        assert error.value.hint == "USB ports here: /dev/ttyUSB1"


# ==== Without a board ====


def test_to_build_needs_no_board() -> None:
    board = chosen("esp32-c6-devkitc-1", None, BUILD, system())
    assert (board.name, board.port) == ("esp32-c6-devkitc-1", None)


def test_without_a_usb_board_the_emulated_one_is_taken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    board = choose(None, None, FLASH, system=system())
    assert (board.name, board.evidence, board.port) == ("virtual", "emulated", None)
    assert capsys.readouterr().err == (
        "board: virtual (emulated): no board on USB; another: BOARD=twin, PORT=...\n"
    )


@pytest.mark.parametrize("missing", VIRTUAL)
def test_without_compiler_or_emulator_the_twin_is_taken_with_the_cure(
    missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tools = tuple(name for name in VIRTUAL if name != missing)
    board = choose(None, None, TALK, system=system(programs=tools))
    assert (board.name, board.evidence) == ("twin", "host process")
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"no {missing} for BOARD=virtual" in told
    assert "apt-get install gcc-xtensa-lx106" in told


def test_empty_words_of_make_mean_not_given() -> None:
    assert choose("", "", serial="", quiet=True, system=system()).name == "virtual"


def test_an_unknown_board_lists_the_known() -> None:
    with pytest.raises(Esp8kError) as error:
        chosen("esp8266", None, TALK, system())
    assert error.value.code == EXIT_USAGE
    assert all(name in error.value.hint for name in catalogue.BOARDS)


def test_a_real_board_without_usb_is_a_device_error() -> None:
    with pytest.raises(DeviceError) as error:
        chosen("esp32dev", None, FLASH, system())
    assert error.value.code == EXIT_DEVICE
    assert "BOARD=virtual" in error.value.hint


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    choose("twin", None, quiet=True, system=system())
    assert capsys.readouterr().err == ""


# ==== The asking itself ====


@pytest.mark.parametrize("chip", ["esp32", "esp32s2", "esp32s3", "esp32c3", "esp32c6"])
def test_esptool_names_the_chip_behind_a_bootloader(chip: str) -> None:
    mock_bootloader = pytest.importorskip("esp32_mock_bootloader").mock_bootloader
    with mock_bootloader(chip=chip) as mock:
        found = probe.chip_on(mock.url())
    assert found is not None
    assert found.name == chip
    assert len(found.mac) == 17


def test_no_bootloader_is_no_chip(tmp_path: Path) -> None:
    assert probe.chip_on(str(tmp_path / "none")) is None


def test_every_board_has_an_env_of_its_own() -> None:
    text = (FIRMWARE / "platformio.ini").read_text()
    for kind in catalogue.KINDS:
        assert kind.name == "esp32-direct" or f"[env:{kind.name}]" in text


def test_a_command_line_lists_the_boards_that_need_no_hardware() -> None:
    assert {kind.name for kind in catalogue.KINDS if kind.local} == set(
        get_args(catalogue.Local)
    )
