"""One file for installers: what ESP-IDF's build leaves, from address 0."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import Esp8kError
from core.paths import ROOT
from core.words import HARDWARE
from tests.support.echo import FIXTURES
from tests.support.exported import write
from tools.boards import boards, catalogue, flash, merge, pio
from tools.web import installer

WEIGHTS = "0123456789abcdef" * 4
MAGIC = b"\xe9"  # esptool looks no further into what it merges


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """What PlatformIO and ESP-IDF leave beside the .elf, and how it is told apart."""
    folder = tmp_path / "esp32"
    folder.mkdir()
    for name, size in (("bootloader", 900), ("partitions", 300), ("firmware", 5000)):
        body = MAGIC + f"{name} {WEIGHTS} ".encode()
        (folder / f"{name}.bin").write_bytes(body.ljust(size, b"."))
    return folder


@pytest.mark.parametrize(
    ("chip", "bootloader"), [("esp32", 0x1000), ("esp32s3", 0), ("esp32c6", 0)]
)
def test_every_part_lies_where_its_chip_looks(
    built: Path, chip: str, bootloader: int, tmp_path: Path
) -> None:
    merged = tmp_path / "merged.bin"
    flash.merge(flash.parts(built, chip), chip, merged)
    data = merged.read_bytes()
    parts = {bootloader: "bootloader", 0x8000: "partitions", 0x10000: "firmware"}
    for offset, name in parts.items():
        part = (built / f"{name}.bin").read_bytes()
        assert data[offset : offset + len(part)] == part
    assert len(data) == 0x10000 + 5000
    flash.merge(flash.parts(built, chip), chip, merged)
    assert merged.read_bytes() == data, "same inputs, same bytes"


def idf_build(built: Path, chip: str) -> None:
    """As `idf.py build` leaves its folder."""
    names = {"0x0": "bootloader.bin", "0x8000": "partitions.bin"}
    told = {
        "write_flash_args": ["--flash_mode", "dio"],
        "flash_files": {**names, "0x10000": "firmware.bin"},
        "extra_esptool_args": {"chip": chip, "stub": True},
    }
    (built / "flasher_args.json").write_text(json.dumps(told))


def test_a_build_by_idf_py_is_merged_for_its_chip(
    built: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "build"))
    idf_build(built, "esp32c3")
    assert merge.main([str(built), "--model", "v2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["chip"] == "esp32c3" and told["bytes"] == 0x10000 + 5000
    (image,) = installer.built(tmp_path / "build" / "v2")
    assert (image.chip, str(image.path), image.offset) == ("esp32c3", told["file"], 0)


def test_a_build_in_firmware_merges_by_itself(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real CMake and esptool, over a project.cmake that is none of ESP-IDF's."""
    chip, exported = "esp32c6", tmp_path / "with space" / "v2"
    (exported / "component").mkdir(parents=True)
    (exported / "model.json").write_text("{}")
    monkeypatch.setenv("IDF_PATH", str(FIXTURES / "idf_project"))
    monkeypatch.setenv("ESP8K_MODEL_DIR", str(exported / "component"))
    monkeypatch.setenv("FAKE_PARTS", str(built))
    monkeypatch.setenv("FAKE_CHIP", chip)
    monkeypatch.setenv("FAKE_PYTHON", sys.executable)
    there = tmp_path / "idf"
    for words in (["-S", ROOT / "firmware", "-B", there], ["--build", there]):
        done = subprocess.run(["cmake", *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    (image,) = installer.built(exported)
    assert (image.chip, image.offset) == (chip, 0)
    assert image.path == exported / f"idf-{chip}" / "merged.bin"
    data = image.path.read_bytes()
    assert data == (there / "merged.bin").read_bytes()
    for at, name in ((0, "bootloader"), (0x8000, "partitions"), (0x10000, "firmware")):
        part = (built / f"{name}.bin").read_bytes()
        assert data[at + 4 : at + len(part)] == part[4:]  # esptool sets flash's mode


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no "),
        ("{", "is damaged"),
        ('{"extra_esptool_args": {"chip": "esp32"}, "flash_files": []}', "is damaged"),
        ('{"extra_esptool_args": {"chip": "esp32"}, "flash_files": {}}', "not built"),
        (
            '{"extra_esptool_args": {"chip": "esp32"}, "flash_files": {"0": "no"}}',
            "not built: ",
        ),
    ],
)
def test_what_is_no_finished_build_is_said(
    text: str | None, said: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "flasher_args.json").write_text(text)
    with pytest.raises(Esp8kError, match=said):
        merge.main([str(tmp_path)])


def test_every_chip_with_esp_idf_has_a_place_for_its_bootloader() -> None:
    chips = {k.chip for k in catalogue.KINDS if k.console and not k.direct}
    assert chips == flash.BOOTLOADERS.keys() == installer.FAMILIES.keys()


def test_a_build_leaves_it_and_the_page_installs_it(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = tmp_path / "build" / "v2"
    exported.mkdir(parents=True)
    write(exported, weights_hash=WEIGHTS)
    (built / "firmware.elf").write_bytes(b"")
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(pio, "build", lambda *_: built / "firmware.elf")
    monkeypatch.setattr(flash.footprint, "measure", lambda *_, **__: {})
    board = boards.Board("esp32-s3-devkitc-1", HARDWARE, None, "esp32s3")
    flash.flash("v2", board, build_only=True)
    (image,) = installer.built(exported)
    assert image.offset == 0 and image.path.name == "merged.bin"
    flasher = tmp_path / "esptool-js"
    flasher.mkdir()
    for name in ("bundle.js", "LICENSE"):
        (flasher / name).touch()
    monkeypatch.setattr(installer, "flasher_folder", lambda: flasher)
    page = tmp_path / "page"
    page.mkdir()
    installer.add(exported, page)
    (listed,) = json.loads((page / "manifest.json").read_text())["builds"]
    assert listed["chipFamily"] == "ESP32-S3"
    assert listed["parts"] == [{"path": "firmware/esp32s3.bin", "offset": 0}]
    assert (page / "firmware/esp32s3.bin").read_bytes() == image.path.read_bytes()


def test_an_image_of_other_weights_is_left_out(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported = tmp_path / "v2"
    (exported / "virtual").mkdir(parents=True)
    image = (built / "firmware.bin").read_bytes()
    (exported / "virtual" / "app.bin").write_bytes(image)
    write(exported, weights_hash="f" * 64)
    page = tmp_path / "page"
    page.mkdir()
    installer.add(exported, page)
    assert json.loads((page / "manifest.json").read_text())["builds"] == []
    assert "make build BOARD=virtual MODEL=v2" in capsys.readouterr().err
