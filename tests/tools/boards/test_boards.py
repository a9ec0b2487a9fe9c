"""Which board is chosen, and what is said about it."""

from types import SimpleNamespace

import pytest

from core.errors import EXIT_DEVICE, EXIT_USAGE, DeviceError, Esp8kError
from tools.boards import boards

CP210X, CH340, ESPRESSIF, MOUSE = 0x10C4, 0x1A86, 0x303A, 0x046D


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch):
    """Pretend that these (device, vendor) are on USB."""

    def plug(*ports: tuple[str, int | None]) -> None:
        found = [SimpleNamespace(device=name, vid=vid) for name, vid in ports]
        monkeypatch.setattr("serial.tools.list_ports.comports", lambda: found)

    plug()
    return plug


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch):
    """Pretend that only these programs are installed."""

    def install(*names: str) -> None:
        monkeypatch.setattr(
            boards.shutil, "which", lambda name: name if name in names else None
        )

    install("xtensa-lx106-elf-gcc", "qemu-system-xtensa")
    return install


def test_a_usb_board_is_taken_and_named(plugged, programs, capsys) -> None:
    plugged(("/dev/ttyS0", None), ("/dev/ttyUSB0", CP210X))
    board = boards.choose(None, None)
    assert (board.name, board.port) == ("esp32dev", "/dev/ttyUSB0")
    assert board.evidence == "on hardware"
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "esp32dev on /dev/ttyUSB0 (on hardware): CP210x found" in told
    assert "BOARD=virtual" in told


def test_of_several_usb_boards_the_others_are_named(plugged, programs, capsys) -> None:
    plugged(("/dev/ttyUSB1", CH340), ("/dev/ttyUSB0", CP210X))
    assert boards.choose(None, None).port == "/dev/ttyUSB0"
    assert "also there: /dev/ttyUSB1 (PORT=...)" in capsys.readouterr().err


def test_without_a_usb_board_the_emulated_one_is_taken(
    plugged, programs, capsys
) -> None:
    plugged(("/dev/ttyACM0", MOUSE))
    board = boards.choose(None, None)
    assert (board.name, board.evidence, board.port) == ("virtual", "emulated", None)
    told = capsys.readouterr().err
    assert told == (
        "board: virtual (emulated): no board on USB; another: BOARD=twin, PORT=...\n"
    )


@pytest.mark.parametrize("missing", ["xtensa-lx106-elf-gcc", "qemu-system-xtensa"])
def test_without_compiler_or_emulator_the_twin_is_taken_with_the_cure(
    plugged, programs, capsys, missing
) -> None:
    programs(*({"xtensa-lx106-elf-gcc", "qemu-system-xtensa"} - {missing}))
    board = boards.choose(None, None)
    assert (board.name, board.evidence) == ("twin", "host process")
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"no {missing} for BOARD=virtual" in told
    assert "apt-get install gcc-xtensa-lx106" in told


def test_empty_words_of_make_mean_not_given(plugged, programs) -> None:
    assert boards.choose("", "").name == "virtual"


def test_an_unknown_board_lists_the_known(plugged) -> None:
    with pytest.raises(Esp8kError) as error:
        boards.choose("esp8266", None)
    assert error.value.code == EXIT_USAGE
    assert all(name in error.value.hint for name in boards.BOARDS)


def test_a_real_board_without_usb_is_a_device_error(plugged) -> None:
    with pytest.raises(DeviceError) as error:
        boards.choose("esp32dev", None)
    assert error.value.code == EXIT_DEVICE
    assert "BOARD=virtual" in error.value.hint


def test_native_usb_asks_which_chip_it_is(plugged, programs) -> None:
    plugged(("/dev/ttyACM0", ESPRESSIF))
    with pytest.raises(Esp8kError) as error:
        boards.choose(None, None)
    assert "BOARD=esp32-s3-devkitc-1" in error.value.hint
    assert boards.choose("esp32-s3-devkitc-1", None).port == "/dev/ttyACM0"


def test_a_given_port_means_a_real_board(plugged, tmp_path) -> None:
    port = tmp_path / "tty"
    port.touch()
    board = boards.choose(None, str(port), quiet=True)
    assert (board.name, board.evidence) == ("esp32dev", "on hardware")
    assert boards.choose(None, "socket://host:1", quiet=True).port == "socket://host:1"


def test_a_port_that_is_not_there_is_said(plugged) -> None:
    plugged(("/dev/ttyUSB5", CP210X))
    with pytest.raises(DeviceError) as error:
        boards.choose("esp32dev", "/dev/ttyUSB77")
    assert error.value.message == "there is no port /dev/ttyUSB77"
    assert error.value.hint == "USB ports here: /dev/ttyUSB5"


def test_quiet_says_nothing(plugged, programs, capsys) -> None:
    boards.choose("twin", None, quiet=True)
    assert capsys.readouterr().err == ""
