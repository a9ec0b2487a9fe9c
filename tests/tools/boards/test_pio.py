"""PlatformIO without its registry, and what is said when a build cannot be."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import DeviceError, Esp8kError
from core.words import HARDWARE
from tests.support.echo import FIXTURES, need
from tools.boards import boards, catalogue, flash, pio
from tools.boards.sources import FIRMWARE

PORT = FIRMWARE / "port" / "esp_idf"
LINES = {
    catalogue.UART: "line_uart.c",
    catalogue.SERIAL_JTAG: "line_jtag.c",
    catalogue.CDC: "line_cdc.c",
}

BAD = '#include "app.h"\nvoid esp8k_app(void) { int never_used; }\n'


def test_the_core_folder_has_the_scons_that_platformio_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    package = pio.core_dir() / "packages" / "tool-scons"
    record = json.loads((package / ".piopm").read_text())
    assert (
        record["version"]
        in subprocess.run(
            [
                sys.executable,
                "-c",
                "import platformio.dependencies as d;"
                "print(d.get_core_dependencies()['tool-scons'])",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    (package / ".piopm").unlink()  # an interrupted set-up is done again
    assert pio.core_dir() and (package / ".piopm").exists()


def test_nothing_is_sent_home_and_all_output_is_below_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    env = pio.environment("virtual", "v2")
    assert env["PLATFORMIO_SETTING_ENABLE_TELEMETRY"] == "No"
    for name in ("CORE_DIR", "WORKSPACE_DIR", "BUILD_DIR"):
        assert env[f"PLATFORMIO_{name}"].startswith(str(tmp_path))
    monkeypatch.delenv("PLATFORMIO_CORE_DIR", raising=False)
    assert "PLATFORMIO_CORE_DIR" not in pio.environment("esp32dev", "v2")


@pytest.mark.parametrize("char", "\"'`$();%|:\\\n")
def test_a_path_that_scons_cannot_take_is_said(
    char: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / f"a{char}b"))
    with pytest.raises(Esp8kError, match="PlatformIO cannot build below") as error:
        pio.build("v2", "twin")
    assert repr(char) in error.value.message and "\n" not in repr(char)


def test_a_missing_compiler_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pio.shutil, "which", lambda _: None)
    with pytest.raises(Esp8kError) as error:
        pio.require_compiler("virtual")
    assert "xtensa-lx106-elf-gcc, which is not installed" in error.value.message
    assert "apt-get install gcc-xtensa-lx106" in error.value.hint
    assert "BOARD=twin" in error.value.hint
    pio.require_compiler("esp32dev")  # Espressif's platform brings its own


def test_the_compilers_complaint_is_shown(
    echo_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("gcc")
    app = tmp_path / "app"
    app.mkdir()
    (app / "app.h").write_text((FIXTURES / "echo_app" / "app.h").read_text())
    (app / "app.c").write_text(BAD)
    monkeypatch.setenv("ESP8K_APP_DIR", str(app))
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "build"))
    with pytest.raises(Esp8kError) as error:
        pio.build("v2", "twin")
    assert error.value.message == "the build for twin failed"
    assert "app.c:2" in error.value.hint and "never_used" in error.value.hint


def test_a_full_disk_is_said_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cure was six lines of the assembler."""
    complaint = "a.c:9:1: fatal error: error writing to a.s: No space left on device\n}"
    failed = subprocess.CompletedProcess([], 1, complaint)
    monkeypatch.setattr(pio, "_run", lambda *_: failed)
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    header = tmp_path / "v2" / "component" / "alias" / "esp8k_model.h"
    header.parent.mkdir(parents=True)
    header.touch()
    with pytest.raises(Esp8kError, match="No space left on device") as error:
        pio.build("v2", "twin")
    assert "ESP8K_BUILD" in error.value.hint


def test_without_its_download_the_way_out_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path))
    monkeypatch.setattr(pio, "REGISTRY", ("127.0.0.1", 1))
    with pytest.raises(Esp8kError) as error:
        pio.build("v2", "esp32dev")
    assert "registry is out of reach" in error.value.message
    assert "BOARD=esp32-direct" in error.value.hint
    (tmp_path / "platforms" / "espressif32@6.13.0").mkdir(parents=True)
    pio.require_espressif("esp32dev")
    pio.require_espressif("twin")


@pytest.mark.parametrize("failing", ["", "upload"])
def test_a_real_boards_build_and_its_write_fail_differently(
    failing: str, echo_build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Espressif's platform, played: the build works or fails, the write fails."""
    ran = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(
            command, int(failing in command or not failing)
        )

    monkeypatch.setattr(pio.family, "run", run)
    monkeypatch.setattr(pio, "has_espressif", lambda: True)
    board = boards.Board("esp32dev", HARDWARE, "/dev/ttyUSB7", "esp32")
    with pytest.raises(Esp8kError) as error:
        flash.flash("v2", board)
    if not failing:
        assert len(ran) == 1 and error.value.message == "the build for esp32dev failed"
        return
    assert isinstance(error.value, DeviceError) and "upload" not in ran[0]
    assert error.value.message == "writing to esp32dev on /dev/ttyUSB7 failed"
    assert (
        "same command again" in error.value.hint and "make doctor" in error.value.hint
    )


def test_the_project_file_is_valid_and_defaults_to_virtual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    command = [sys.executable, "-m", "platformio", "project", "config"]
    done = subprocess.run(
        [*command, "-d", str(FIRMWARE), "--json-output"],
        env=pio.environment("virtual", "v2"),
        capture_output=True,
        text=True,
        check=True,
    )
    config = {name: dict(options) for name, options in json.loads(done.stdout)}
    assert config["platformio"]["default_envs"] == ["virtual"]
    for kind in catalogue.KINDS:
        if kind.evidence != HARDWARE or kind.direct:
            continue
        options = config[f"env:{kind.name}"]
        assert options["framework"] == ["espidf"]
        assert "@ 6." in options["platform"], "pinned"
        assert options["board_upload.flash_size"] == "2MB"
        assert (FIRMWARE / options["board_build.partitions"]).exists()
        assert (FIRMWARE / f"sdkconfig.defaults.{kind.chip}").exists()
        assert (PORT / LINES[kind.console]).exists()
    for kind in catalogue.KINDS:
        if not kind.local:
            continue
        assert config[f"env:{kind.name}"]["platform"].startswith("symlink://")
