"""PlatformIO without its package registry.

    esp8k pio --board virtual            # build firmware for one board

PlatformIO insists on its own copy of SCons (`tool-scons`), which it would fetch
from its registry. `core_dir` lays out the same package from PyPI's SCons below
build/platformio, so the local platform in firmware/platforms builds offline.
Espressif's boards need downloads anyway: they use the user's own PlatformIO
folder, where the downloads outlive `make clean`; where neither they nor the registry
are in reach, that is said at once, with the ways out.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core import cli, family
from core.errors import SPACE, DeviceError, Esp8kError
from core.manifest import json_object
from core.paths import build_root, model_dir
from core.program import run
from core.words import DEFAULT_MODEL, ModelName
from tools.boards import catalogue
from tools.boards.sources import FIRMWARE

COMPILERS = {
    "virtual": (
        ("xtensa-lx106-elf-gcc", "llvm-mc-22"),
        "gcc-xtensa-lx106 picolibc-xtensa-lx106-elf llvm-22",
    ),
    "riscv": (("riscv64-unknown-elf-gcc",), "gcc-riscv64-unknown-elf"),
    "twin": (("gcc",), "gcc"),
}
BUILD_TIMEOUT_S = 300  # a clean build takes seconds
DOWNLOAD_TIMEOUT_S = 3600  # the first build for a real board fetches a toolchain
REGISTRY = ("api.registry.platformio.org", 443)
REGISTRY_TIMEOUT_S = 1.5
OFFLINE = (
    "an ESP32 does without it: BOARD=esp32-direct; others: connect once, or copy "
    "~/.platformio of a computer that has built one, or `idf.py build` in firmware/; "
    "without a board: BOARD=virtual"
)
# SCons and the shell that it calls take these for their own, wherever they stand.
UNBUILDABLE = re.compile(r"""["'`$();%|:\\\n]""")
FULL = "No space left on device"

SCONS_MAIN = '"""PyPI\'s SCons where PlatformIO looks for its own."""\n' + (
    "import sys\n\nimport SCons.Script\n\nsys.exit(SCons.Script.main())\n"
)


@dataclass(frozen=True)
class Config:
    """Options of `esp8k pio`."""

    board: str = "virtual"  # PlatformIO env of firmware/platformio.ini
    model: ModelName = DEFAULT_MODEL  # whose generated component to compile in


def main(argv: Sequence[str] | None = None) -> int:
    """Build the firmware of one board and print where it lies."""
    config = cli.parse(Config, argv, "pio", __doc__ or "")
    print(build(config.model, config.board))
    return 0


# ==== The core folder =========================================================


def _laid_out(meta: Path) -> str | None:
    """The version that `meta` tells of; None where it is not there, or damaged."""
    if not meta.exists():
        return None
    try:
        return json_object(meta).get("version")
    except ValueError:
        return None


def core_dir() -> Path:
    """A PLATFORMIO_CORE_DIR that has `tool-scons`; laid out when missing."""
    core = build_root().resolve() / "platformio" / "core"
    package = core / "packages" / "tool-scons"
    version = _scons_version()
    meta = package / ".piopm"
    if _laid_out(meta) == version:
        return core
    if package.exists():
        shutil.rmtree(package)
    package.mkdir(parents=True, exist_ok=True)
    (package / "scons.py").write_text(SCONS_MAIN)
    about = {"name": "tool-scons", "version": version, "system": "*"}
    (package / "package.json").write_text(json.dumps(about))
    (package / ".piokeep").write_text("")
    spec = {
        "owner": "platformio",
        "id": 8192,
        "name": "tool-scons",
        "requirements": None,
        "uri": None,
    }
    record = {"type": "tool", "name": "tool-scons", "version": version, "spec": spec}
    meta.write_text(json.dumps(record))  # last: its presence means complete
    return core


def has_espressif() -> bool:
    """Is Espressif's platform in the user's PlatformIO folder?"""
    core = os.environ.get("PLATFORMIO_CORE_DIR") or Path.home() / ".platformio"
    return any((Path(core) / "platforms").glob("espressif32*"))


def registry_answers() -> bool:
    """Whether a connection to PlatformIO's registry opens soon."""
    try:
        socket.create_connection(REGISTRY, REGISTRY_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def require_espressif(board: str) -> None:
    """Say at once that a download cannot be had, instead of after a minute."""
    if catalogue.is_local(board) or has_espressif() or registry_answers():
        return
    raise Esp8kError(
        f"{board} needs Espressif's platform, which is not installed, and "
        "PlatformIO's registry is out of reach",
        OFFLINE,
    )


def require_path(*places: Path) -> None:
    """Refuse a folder below which SCons builds nothing, or something else."""
    for place in places:
        found = UNBUILDABLE.search(str(place)) if os.name == "posix" else None
        if found:
            raise Esp8kError(
                f"PlatformIO cannot build below {place}: the path has {found[0]!r}",
                "move it, or set ESP8K_BUILD where only build/ is meant",
            )


def _scons_version() -> str:
    """The version that this PlatformIO asks for: '~4.41101.0' is 4.41101.0."""
    from platformio.dependencies import get_core_dependencies

    wanted = str(get_core_dependencies()["tool-scons"])
    return wanted.lstrip("~^=<> ")


def environment(
    board: str, model: str, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of a PlatformIO run: no telemetry, output below build/."""
    env = dict(os.environ)
    env["PLATFORMIO_SETTING_ENABLE_TELEMETRY"] = "No"
    env["PLATFORMIO_DISABLE_UPGRADE_CHECK"] = "true"
    env["PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL"] = "36500"
    env["PLATFORMIO_NO_ANSI"] = "true"
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env["LC_ALL"] = "C.UTF-8"  # complaints in the words that are looked for below
    out = model_dir(model).resolve()
    env["PLATFORMIO_WORKSPACE_DIR"] = str(out / "platformio")
    env["PLATFORMIO_BUILD_DIR"] = str(out / "platformio" / "build")
    env.setdefault("ESP8K_MODEL_DIR", str(out / "component"))
    if catalogue.is_local(board):
        env["PLATFORMIO_CORE_DIR"] = str(core_dir())
    env.update(extra or {})
    return env


# ==== Running it ==============================================================


def build(
    model: str,
    board: str,
    targets: Sequence[str] = (),
    port: str | None = None,
    extra: Mapping[str, str] | None = None,
) -> Path:
    """`pio run -e board`; returns the .elf. `targets` as in `pio run -t upload`."""
    require_compiler(board)
    require_path(FIRMWARE, model_dir(model).resolve())
    require_espressif(board)
    env = environment(board, model, extra)
    generated = Path(env["ESP8K_MODEL_DIR"])
    if not (generated / "alias" / "esp8k_model.h").exists():
        raise Esp8kError(
            f"no generated model in {generated}", f"run: make export MODEL={model}"
        )
    command = [sys.executable, "-m", "platformio", "run", "-e", board]
    command += ["-d", str(FIRMWARE)]
    for target in targets:
        command += ["-t", target]
    if port:
        command += ["--upload-port", port]
    done = _run(command, board, env)
    if done.returncode and "upload" in targets:
        raise DeviceError(
            f"writing to {board} on {port or 'its port'} failed",
            "PlatformIO said why above; the same command again, BOOT held while it "
            "connects (the ROM's loader cannot be overwritten); else make doctor",
        )
    if done.returncode:
        raise _build_error(board, done.stdout or "")
    return Path(env["PLATFORMIO_BUILD_DIR"]) / board / "firmware.elf"


def _run(
    command: list[str], board: str, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """PlatformIO; a build that downloads shows what it does while it does it."""
    local = catalogue.is_local(board)
    try:
        return family.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if local else None,
            stderr=subprocess.STDOUT if local else None,
            timeout=BUILD_TIMEOUT_S if local else DOWNLOAD_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise Esp8kError(
            f"the build for {board} did not end within {error.timeout:.0f} s",
            f"see what it waits for: {' '.join(command[1:])}",
        ) from error


def require_compiler(board: str) -> None:
    """One line with the cure when the board's compiler is not installed."""
    programs, packages = COMPILERS.get(board, ((), ""))
    missing = [name for name in programs if not shutil.which(name)]
    if not missing:
        return
    raise Esp8kError(
        f"{board} needs {missing[0]}, which is not installed",
        f"apt-get install {packages}   (or use BOARD=twin, which needs only gcc)",
    )


def _build_error(board: str, output: str) -> Esp8kError:
    """The compiler's own first complaint, not PlatformIO's last."""
    if FULL in output:
        return Esp8kError(f"the build for {board} failed: {FULL}", SPACE)
    lines = output.splitlines()
    pattern = re.compile(r"error:|undefined reference|region .* overflowed|\berror\b")
    first = next((n for n, line in enumerate(lines) if pattern.search(line)), None)
    if first is None:
        told = "\n".join(lines[-15:]) or "PlatformIO said why above"
        return Esp8kError(f"the build for {board} failed", told)
    return Esp8kError(f"the build for {board} failed", "\n".join(lines[first:][:6]))


if __name__ == "__main__":
    run(main)
