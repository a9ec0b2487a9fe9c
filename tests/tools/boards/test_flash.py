"""Writing firmware: the bytes that come back, and what goes wrong on the way."""

import json
import select
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from core.errors import CheckFailed, DeviceError, Esp8kError
from core.words import HARDWARE
from tests.support.echo import need, on
from tools.boards import (
    boards,
    flash,
    footprint,
    image_format,
    virtual_board,
)

pytestmark = pytest.mark.emulator


@on("virtual")
def test_the_bytes_read_back_are_the_image(echo: str, echo_build: Path) -> None:
    folder = echo_build / "v2" / echo
    app = (folder / "app.bin").read_bytes()
    assert (folder / "flashed.bin").read_bytes() == app
    image = image_format.parse(app, "app.bin")
    assert image.chip == "esp32" and image.length == len(app)
    addresses = sorted(segment.address for segment in image.segments)
    assert addresses == [0x3FFB0000, 0x40080000], "DRAM and IRAM of an ESP32"
    assert 0x40080000 <= image.entry < 0x400A0000


@on("virtual")
def test_esptool_accepts_the_image(echo: str, echo_build: Path) -> None:
    app = echo_build / "v2" / echo / "app.bin"
    told = flash.esptool(["image-info", str(app)], "reading")
    assert "Checksum: 0x" in told and "(valid)" in told
    assert "invalid" not in told


@on("virtual")
def test_flashing_the_same_again_writes_nothing(echo: str, echo_build: Path) -> None:
    flashed = echo_build / "v2" / echo / "flashed.bin"
    before = flashed.stat().st_mtime_ns
    result = flash.flash("v2", boards.choose(echo, None, boards.FLASH, quiet=True))
    assert result["flashed"] == flash.ALREADY
    assert flashed.stat().st_mtime_ns == before


@on("virtual")
def test_a_damaged_flash_is_refused_as_the_rom_would(
    echo: str, echo_build: Path, tmp_path: Path
) -> None:
    app = (echo_build / "v2" / echo / "app.bin").read_bytes()
    for at in (0, 30, len(app) // 2, len(app) - 1):
        damaged = bytearray(app)
        damaged[at] ^= 0x10
        with pytest.raises(DeviceError) as error:
            image_format.parse(bytes(damaged), "flashed.bin")
        assert error.value.hint == "run: make flash"
    for length in (0, 7, 24, 100, len(app) - 40):
        with pytest.raises(DeviceError):
            image_format.parse(app[:length], "flashed.bin")


@on("virtual")
def test_another_chips_image_is_refused_before_writing(
    echo: str, echo_build: Path, tmp_path: Path
) -> None:
    image = bytearray((echo_build / "v2" / echo / "app.bin").read_bytes())
    image[12:14] = (9).to_bytes(2, "little")  # the chip id of an ESP32-S3
    app, flashed = tmp_path / "app.bin", tmp_path / "flashed.bin"
    app.write_bytes(image)
    flashed.write_bytes(b"what the board runs")
    with pytest.raises(Esp8kError) as error:
        flash.write(
            app, flashed, boards.choose("virtual", None, boards.FLASH, quiet=True)
        )
    assert "an image for esp32s3" in error.value.message
    assert "nothing was written" in error.value.message
    assert flashed.read_bytes() == b"what the board runs"


@on("virtual")
def test_another_chip_on_the_port_is_refused_before_writing(
    echo: str, echo_build: Path, tmp_path: Path
) -> None:
    from esp32_mock_bootloader import mock_bootloader

    app = echo_build / "v2" / echo / "app.bin"
    with mock_bootloader(chip="esp32s3") as mock:
        board = boards.Board("virtual", HARDWARE, mock.url(), "esp32")
        with pytest.raises(DeviceError) as error:
            flash.write(app, tmp_path / "flashed.bin", board)
    assert "ESP32-S3" in error.value.message
    assert error.value.hint.startswith("another board is on that port")


@on("virtual")
def test_the_figures_are_the_linkers(echo: str, echo_build: Path) -> None:
    folder = echo_build / "v2" / echo
    figures = json.loads((folder / "memory.json").read_text())
    told = subprocess.run(
        ["xtensa-lx106-elf-size", "-A", str(folder / "firmware.elf")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    sizes = {
        words[0]: int(words[1])
        for words in map(str.split, told.splitlines())
        if len(words) == 3 and words[1].isdigit()
    }
    assert figures["code_bytes"] == sizes[".text"]
    assert figures["const_bytes"] == sizes[".rodata"]
    assert figures["bss_bytes"] == sizes[".bss"]
    assert figures["data_bytes"] == sizes.get(".data", 0)
    assert figures["stack_bytes"] == 16384
    assert 200 < figures["stack_worst_bytes"] <= 2048
    assert figures["flash_bytes"] == (folder / "app.bin").stat().st_size
    stored = figures["code_bytes"] + figures["const_bytes"] + figures["data_bytes"]
    assert 0 < figures["flash_bytes"] - stored < 200, "headers, padding, digest"


@on("virtual")
def test_a_firmware_whose_stack_can_overflow_is_not_written(
    echo: str, echo_build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flash.stack_depth, "worst", lambda elf: (16385, []))
    with pytest.raises(CheckFailed, match="16,385 bytes of 16,384"):
        flash.flash("v2", boards.choose(echo, None, boards.FLASH, quiet=True))


def test_an_arena_is_found_by_its_symbol(tmp_path: Path) -> None:
    need("gcc")
    source, program = tmp_path / "a.c", tmp_path / "a.elf"
    source.write_text("static char arena[4321]; int main(void) { return arena[7]; }\n")
    subprocess.run(["gcc", "-O0", str(source), "-o", str(program)], check=True)
    assert footprint.measure(program)["arena_bytes"] == 4321


def test_what_is_no_elf_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.elf"
    path.write_text("not an ELF")
    with pytest.raises(Esp8kError, match="is not an ELF file"):
        footprint.measure(path)


def test_a_damaged_elf_is_said(tmp_path: Path) -> None:
    """Symbols whose section says that it holds none were an unforeseen error."""
    path = tmp_path / "a.o"
    words = ["gcc", "-xc", "-c", "-", "-o", str(path)]
    subprocess.run(words, input=b"int a;", check=True)
    raw = bytearray(path.read_bytes())
    first = int.from_bytes(raw[40:48], "little")
    for at in range(first, len(raw), 64):  # the section headers end the file
        if raw[at + 4] == 2:  # SHT_SYMTAB
            raw[at + 4] = 1
    path.write_bytes(raw)
    with pytest.raises(Esp8kError, match="a.o is damaged"):
        footprint.measure(path)


def test_a_port_that_does_not_exist_is_said_before_building() -> None:
    with pytest.raises(DeviceError, match="there is no port /dev/ttyUSB77"):
        flash.main(["--board", "virtual", "--port", "/dev/ttyUSB77"])


def test_a_missing_model_names_the_command(
    echo_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("gcc")
    monkeypatch.setenv("ESP8K_MODEL_DIR", str(tmp_path))
    with pytest.raises(Esp8kError) as error:
        flash.flash("v1", boards.choose("twin", None, boards.FLASH, quiet=True))
    assert error.value.message == f"no generated model in {tmp_path}"
    assert error.value.hint == "run: make export MODEL=v1"


# ==== A write that fails midway ===============================================


class Faulty:
    """A TCP proxy before the mock bootloader that cuts after n written blocks."""

    def __init__(self, mock_port: int, blocks: int) -> None:
        self.blocks = blocks
        self.seen = 0
        self.target = ("127.0.0.1", mock_port)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self.server.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        """One connection after the other, until the cut."""
        while self.seen <= self.blocks:
            try:
                client, _ = self.server.accept()
            except OSError:
                return  # closed
            self._pass_on(client)

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.target) as board:
            while True:
                for ready in select.select([client, board], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if ready is client:
                        # SLIP start, direction 0, command FLASH_DEFL_DATA
                        self.seen += data.count(b"\xc0\x00\x11")
                        if self.seen > self.blocks:
                            return
                    (board if ready is client else client).sendall(data)

    def close(self) -> None:
        self.server.close()


@pytest.mark.slow
@on("virtual")
def test_a_write_cut_at_its_first_block_can_be_repeated(
    echo: str, echo_build: Path, tmp_path: Path
) -> None:
    assert cut_and_repeat(echo_build / "v2" / echo / "app.bin", tmp_path, 0)


@pytest.mark.slow
@on("virtual")
def test_a_write_cut_at_any_block_can_be_repeated(
    echo: str, echo_build: Path, tmp_path: Path
) -> None:
    app = tmp_path / "large.bin"
    app.write_bytes(incompressible(echo_build / "v2" / echo / "app.bin"))
    blocks = 0
    while blocks < 8 and cut_and_repeat(app, tmp_path, blocks):
        blocks += 1
    assert 3 <= blocks < 8, "the image took several blocks, each was cut once"


def incompressible(app: Path) -> bytes:
    """A valid ESP32 image that esptool cannot squeeze into one block."""
    import hashlib
    import random
    import struct

    noise = random.Random(0).randbytes(34000)
    image = image_format.parse(app.read_bytes(), str(app))
    segments = [(s.address, s.data) for s in image.segments]
    segments.append((0x3FFC0000, noise))
    head = bytearray(app.read_bytes()[:24])
    head[1] = len(segments)
    body = bytes(head)
    checksum = image_format.CHECKSUM_SEED
    for address, data in segments:
        body += struct.pack("<II", address, len(data)) + data
        for byte in data:
            checksum ^= byte
    body += bytes(15 - len(body) % 16) + bytes([checksum])
    return body + hashlib.sha256(body).digest()


def cut_and_repeat(app: Path, folder: Path, blocks: int) -> bool:
    """Cut after `blocks` blocks, flash again, run; False if nothing was cut."""
    from esp32_mock_bootloader import mock_bootloader

    flashed = folder / "flashed.bin"
    flashed.write_bytes(b"old")
    with mock_bootloader(chip="esp32") as mock:
        proxy = Faulty(mock.port(), blocks)
        board = boards.Board("virtual", HARDWARE, proxy.url, "esp32")
        try:
            flash.write(app, flashed, board)
            return False
        except DeviceError as error:
            assert "writing on socket://" in error.message
            assert error.hint and "Traceback" not in error.message
            assert not flashed.exists(), "half-written firmware is not started"
        finally:
            proxy.close()
        # The same chip, as the cut left it.
        again = boards.Board("virtual", HARDWARE, mock.url(), "esp32")
        flash.write(app, flashed, again)
    assert flashed.read_bytes() == app.read_bytes()
    with virtual_board.VirtualBoard("virtual", flashed) as running:
        assert running.alive()
    return True
