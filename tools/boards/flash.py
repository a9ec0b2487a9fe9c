"""Build the firmware and write it to a board.

    esp8k flash --model v3                    # the board that is there
    esp8k flash --model v3 --board virtual
    esp8k flash --model v3 --board esp32dev --port /dev/ttyUSB0
    esp8k flash --model v3 --board esp32-direct

`virtual` is an ESP32 image without ESP-IDF. It is written with esptool to a mock
of the ROM's bootloader, read back and compared; the emulated core then runs the
bytes that were read back. `esp32-direct` is the same image, written to a real ESP32:
seconds, and no download of gigabytes. Files, in build/<model>/<board>/:
firmware.elf, app.bin, flashed.bin, memory.json; for a board with ESP-IDF merged.bin,
all of its flash from address 0, as installers in a browser want it.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.cli import parse
from core.errors import DeviceError, Esp8kError
from core.files import check_writable, replacing, write_json
from core.inputs import FIRMWARE_BYTES, read_bytes
from core.lock import lock
from core.paths import model_dir
from core.program import run
from core.text import for_json, visible
from core.words import DEFAULT_MODEL, ModelName
from tools.boards import boards, catalogue, footprint, image_format, pio, stack_depth

OFFSET = 0x1000  # where the ESP32's ROM expects the first program
ESPTOOL_TIMEOUT_S = 120  # a real board at 460800 baud takes seconds
FLASH_BAUD = 460800
# Where each chip's ROM looks for the second-stage bootloader of ESP-IDF.
BOOTLOADERS = {"esp32": 0x1000, "esp32s2": 0x1000, "esp32s3": 0, "esp32c3": 0}
BOOTLOADERS["esp32c6"] = 0
PARTITIONS, APPLICATION = 0x8000, 0x10000  # firmware/partitions.csv
UNWRITTEN = ALREADY, RUNS = "already there, nothing written", "runs from its .elf"
IMAGE_OPTIONS = ["--flash-mode", "dio", "--flash-freq", "40m", "--flash-size", "4MB"]


@dataclass(frozen=True)
class Config:
    """Options of `esp8k flash`."""

    model: ModelName = DEFAULT_MODEL  # whose firmware
    board: str | None = None  # virtual, twin, riscv, esp32dev, ...
    port: str | None = None  # serial port of a real board
    serial: str | None = None  # MAC or USB serial number among several
    brief: bool = False  # say only what was written: another verb follows
    json: bool = False  # print the result as JSON


def main(argv: Sequence[str] | None = None) -> int:
    """Choose a board, build, write, read back, compare, say so."""
    config = parse(Config, argv, "flash", __doc__ or "")
    board = boards.choose(
        config.board, config.port, boards.FLASH, config.serial, config.brief
    )
    result = flash(config.model, board)
    if config.json:
        print(for_json(result))
    elif config.brief:
        if result["flashed"] not in UNWRITTEN:
            print(f"{config.model} on {board.name}: {result['flashed']}")
    else:
        show(result)
    return 0


def flash(model: str, board: boards.Board, build_only: bool = False) -> dict[str, Any]:
    """Bring `model` onto `board`; returns what was done, in bytes and words."""
    with lock(model_dir(model), "build" if build_only else "flash"):
        return _flash(model, board, build_only)


def _flash(model: str, board: boards.Board, build_only: bool) -> dict[str, Any]:
    out = model_dir(model) / board.name
    check_writable(out)
    check_writable(model_dir(model) / "platformio")
    kind = catalogue.kind(board.name)
    if not (kind.direct or kind.local):
        return _flash_espressif(model, board, build_only)
    built = pio.build(model, "virtual" if kind.direct else kind.name)
    out.mkdir(parents=True, exist_ok=True)
    (out / "memory.json").unlink(missing_ok=True)  # until all is there again
    flashed = out / "flashed.bin"
    firmware = _install(built, out / "firmware.elf")
    result: dict[str, Any] = {"model": model, "board": board.name, "port": board.port}
    if kind.direct:
        app = make_image(firmware, out / "app.bin")
        figures = footprint.measure(firmware, flash_bytes=app.stat().st_size)
        figures["stack_worst_bytes"], _ = stack_depth.worst(firmware)
        stack_depth.require(figures["stack_worst_bytes"], figures["stack_bytes"])
        if build_only:
            result["flashed"] = "no"
        elif board.port is None and _same(app, flashed):
            result["flashed"] = ALREADY
        else:
            write(app, flashed, board)
            result["flashed"] = "written, read back, equal"
    else:
        figures = footprint.measure(firmware)
        result["flashed"] = RUNS
    write_json(out / "memory.json", figures)
    return {**result, "folder": str(out), **figures}


def _flash_espressif(
    model: str, board: boards.Board, build_only: bool
) -> dict[str, Any]:
    """Espressif's platform does it all: build, bootloader, partitions, upload."""
    built = pio.build(model, board.name)
    if not build_only:  # apart: a compiler's complaint is no board's
        pio.build(model, board.name, ["upload"], board.port)
    out = model_dir(model) / board.name
    out.mkdir(parents=True, exist_ok=True)
    (out / "memory.json").unlink(missing_ok=True)
    firmware = _install(built, out / "firmware.elf")
    image = built.with_suffix(".bin")
    if image.exists():
        _install(image, out / "app.bin")
        merge(parts(built.parent, board.chip), board.chip, out / "merged.bin")
    size = image.stat().st_size if image.exists() else None
    figures = footprint.measure(firmware, flash_bytes=size)
    write_json(out / "memory.json", figures)
    done = "no" if build_only else "written by esptool, verified by its hash"
    about = {"model": model, "board": board.name, "port": board.port, "flashed": done}
    return {**about, "folder": str(out), **figures}


# ==== Image and board =========================================================


def make_image(elf: Path, app: Path) -> Path:
    """`esptool elf2image`, whole or not at all."""
    with replacing(app) as fresh:
        to = ["-o", str(fresh), str(elf)]
        chip = ["--chip", "esp32"]
        esptool([*chip, "elf2image", *IMAGE_OPTIONS, *to], "making the image")
        image_format.parse(_content(fresh), str(app))
    return app


def parts(built: Path, chip: str) -> dict[int, Path]:
    """What PlatformIO's build folder holds for each place in the flash."""
    return {
        BOOTLOADERS[chip]: built / "bootloader.bin",
        PARTITIONS: built / "partitions.bin",
        APPLICATION: built / "firmware.bin",
    }


def merge(parts: dict[int, Path], chip: str, target: Path) -> None:
    """Bootloader, partition table and application as one file, from address 0."""
    words = ["--chip", chip, "merge-bin", "--flash-mode", "keep"]
    words += ["--flash-freq", "keep", "--flash-size", "keep"]
    with replacing(target) as partial:
        words += ["-o", str(partial)]
        for offset, file in parts.items():
            words += [hex(offset), str(file)]
        esptool(words, "merging the image")


def write(app: Path, flashed: Path, board: boards.Board) -> None:
    """Write `app`, read it back into `flashed`, compare.

    The old `flashed` goes first: a write that fails midway leaves no firmware
    that a virtual board would start.
    """
    require_chip(app, board)
    flashed.unlink(missing_ok=True)
    with _target(board) as (port, is_mock), replacing(flashed) as back:
        common = ["--chip", board.chip, "--port", port]
        if is_mock:
            common += ["--connect-attempts", "2"]  # it needs no reset to listen
        else:
            common += ["--baud", str(FLASH_BAUD)]
        esptool([*common, "write-flash", hex(OFFSET), str(app)], "writing", port)
        if is_mock:
            common.append("--no-stub")  # the mock's stub cannot read flash
        where = [hex(OFFSET), str(app.stat().st_size), str(back)]
        esptool([*common, "read-flash", *where], "reading back", port)
        if _content(back) != _content(app):
            raise DeviceError(
                f"what was read back from {board.name} is not what was written",
                "run the same command again; if it stays, the flash chip is worn out",
            )


def require_chip(app: Path, board: boards.Board) -> None:
    """Refuse another chip's image before a byte is written."""
    chip = image_format.chip_of(_content(app))
    if chip != board.chip:
        raise Esp8kError(
            f"{app} is an image for {chip or 'no chip at all'}, "
            f"{board.name} is an {board.chip}; nothing was written",
            f"run: make flash BOARD={board.name}",
        )


@contextmanager
def _target(board: boards.Board) -> Iterator[tuple[str, bool]]:
    """The port to write to, and whether a mock bootloader stands behind it."""
    if board.port:
        yield board.port, board.port.startswith("socket://")
        return
    from esp32_mock_bootloader import mock_bootloader

    with mock_bootloader(chip=board.chip) as mock:
        yield mock.url(), True


def esptool(arguments: Sequence[str], doing: str, port: str = "") -> str:
    """Run esptool; its fatal line becomes an error with what to do next."""
    command = [sys.executable, "-m", "esptool", *arguments]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=ESPTOOL_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise _esptool_error(
            doing, f"no end after {error.timeout:.0f} s", port
        ) from error
    if done.returncode:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        fatal = [line for line in lines if "error occurred:" in line]
        raise _esptool_error(doing, (fatal or lines or ["no output"])[-1], port)
    return done.stdout


def _esptool_error(doing: str, said: str, port: str) -> Esp8kError:
    said = said.rpartition("error occurred:")[2].strip()
    if not port:
        return Esp8kError(f"{doing} failed: {said}", "run: make clean, then make flash")
    again = "run the same command again: the ROM's loader cannot be overwritten"
    if "wrong --chip" in said.lower() or "this chip is" in said.lower():
        again = "another board is on that port: give its name by BOARD="
    elif "connect" in said.lower() or "no serial data" in said.lower():
        again = "the same command again, BOOT held while it connects; else make doctor"
    return DeviceError(f"{doing} on {port} failed: {said}", again)


# ==== Files ===================================================================


def _install(source: Path, target: Path) -> Path:
    if not _same(source, target):
        with replacing(target) as partial:
            shutil.copy2(source, partial)
    return target


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and _content(one) == _content(other)


def _content(image: Path) -> bytes:
    return read_bytes(image, FIRMWARE_BYTES, "a firmware")


def show(result: dict[str, Any]) -> None:
    """What was done and how much it takes, for people."""
    done = "built, not written" if result["flashed"] == "no" else result["flashed"]
    print(f"{result['model']} on {result['board']}: {done}")
    print(
        f"  code {result['code_bytes']:,} B, constants {result['const_bytes']:,} B, "
        f"flash {result['flash_bytes']:,} B"
    )
    worst = result.get("stack_worst_bytes", 0)
    print(
        f"  RAM: data {result['data_bytes']:,} B, bss {result['bss_bytes']:,} B "
        f"(arena {result['arena_bytes']:,} B), stack {result['stack_bytes']:,} B"
        + (f" ({worst:,} B at most)" if worst else "")
    )
    print(f"  {visible(result['folder'])}")


if __name__ == "__main__":
    run(main)
