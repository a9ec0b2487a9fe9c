"""Firmware beside the page, and Espressif's own flasher to write it from the browser.

`manifest.json` is that of ESP Web Tools: a chip family and its parts, each with its
offset. esptool-js comes from npm at the pinned version, its licence beside it; without
npm the page is built without an installer, and says so.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import Esp8kError
from core.files import write_json
from core.inputs import FIRMWARE_BYTES, read_bytes, read_text
from core.manifest import Manifest, read
from core.paths import build_root
from core.saying import say
from tools.boards import catalogue

PACKAGES = Path(__file__).parent / "npm"  # package.json and its lock
NPM_TIMEOUT_S = 180
DIRECT_OFFSET = 0x1000  # in place of the second-stage bootloader
BY_IDF = "idf-"  # begins the folder to which firmware/merged.cmake writes
FAMILIES = {
    "esp32": "ESP32",
    "esp32s2": "ESP32-S2",
    "esp32s3": "ESP32-S3",
    "esp32c3": "ESP32-C3",
    "esp32c6": "ESP32-C6",
}


@dataclass(frozen=True)
class Image:
    """One file for one chip."""

    chip: str
    path: Path
    offset: int


def add(exported: Path, page: Path) -> None:
    """Put images and flasher into `page`, and a manifest that may list none."""
    told = read(exported)
    chosen: dict[str, Image] = {}
    for image in built(exported):
        if image.chip not in chosen and _holds(image, told):
            chosen[image.chip] = image
    images = list(chosen.values())
    flasher = flasher_folder() if images else None
    if images and flasher is None:
        say("note: without npm this page cannot install firmware")
        images = []
    if flasher is not None:
        (page / "vendor").mkdir()
        shutil.copyfile(flasher / "bundle.js", page / "vendor" / "esptool.js")
        shutil.copyfile(flasher / "LICENSE", page / "vendor" / "esptool.LICENSE.txt")
        (page / "firmware").mkdir()
    for image in images:
        shutil.copyfile(image.path, page / "firmware" / f"{image.chip}.bin")
    manifest = {
        "name": f"esp8k {exported.name}",
        "version": f"{told.identity_crc:08x}",
        "builds": [_listed(image) for image in images],
    }
    write_json(page / "manifest.json", manifest)


def _holds(image: Image, told: Manifest) -> bool:
    """Was the image built from this very export? An older one is said, and left out."""
    firmware = read_bytes(image.path, FIRMWARE_BYTES, "a firmware")
    if told.weights_hash.encode() in firmware:
        return True
    board, model = image.path.parent.name, told.model
    anew = f"make build BOARD={board} MODEL={model}"
    if board.startswith(BY_IDF):
        anew = f"MODEL={model} idf.py build, in firmware/"
    say(f"note: {board}'s firmware holds other weights and is left out; {anew}")
    return False


def _listed(image: Image) -> dict[str, Any]:
    """An image as ESP Web Tools' manifest has it."""
    path = f"firmware/{image.chip}.bin"
    return {
        "chipFamily": FAMILIES[image.chip],
        "parts": [{"path": path, "offset": image.offset}],
    }


def built(exported: Path) -> list[Image]:
    """What there is for each chip, what is preferred first.

    ESP-IDF's merged image of a board, or of `idf.py build` in firmware/; then direct
    boot's.
    """
    kinds = [(kind.name, kind.chip) for kind in catalogue.KINDS]
    kinds += [(f"{BY_IDF}{chip}", chip) for chip in FAMILIES]
    found = [Image(chip, exported / name / "merged.bin", 0) for name, chip in kinds]
    found += [
        Image(kind.chip, exported / kind.name / "app.bin", DIRECT_OFFSET)
        for kind in catalogue.KINDS
        if kind.direct
    ]
    return [image for image in found if image.path.exists()]


def flasher_folder() -> Path | None:
    """esptool-js, installed below the build folder; None without npm."""
    folder = build_root() / "npm"
    package = folder / "node_modules" / "esptool-js"
    lock = folder / "package-lock.json"
    wanted = read_text(PACKAGES / "package-lock.json")
    if package.exists() and lock.exists() and read_text(lock) == wanted:
        return package
    if shutil.which("npm") is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(PACKAGES / name, folder / name)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=NPM_TIMEOUT_S,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise Esp8kError(f"npm could not install esptool-js: {last}", "is npm online?")
    return package
