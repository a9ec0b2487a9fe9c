"""The doctor on this computer: Python, compilers, PlatformIO, disk, models."""

import importlib.metadata
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

from core import manifest, paths
from core.errors import Esp8kError
from core.words import MODELS
from tools.bench.targets import SPECS
from tools.boards import pio, virtual_board
from tools.doctor.finding import NOTE, OK, PROBLEM, Finding

DISK_NEEDED = 500_000_000  # bytes: build/ of all models and boards, generously
DISK_ESPRESSIF = 5_000_000_000  # bytes: what PlatformIO downloads for esp32dev
APT = "sudo apt-get install"


def examine_host(network: bool = True) -> list[Finding]:
    """All findings about this computer."""
    return [
        python_version(sys.version_info[:3]),
        packages(paths.ROOT / "pyproject.toml", importlib.metadata.version),
        *compilers(shutil.which, SPECS),
        *platformio(network),
        disk(paths.build_root()),
        *models(),
    ]


def python_version(version: tuple[int, ...]) -> Finding:
    """Every package that we pin has files for these."""
    text = "Python " + ".".join(map(str, version))
    if (3, 11) <= version[:2] <= (3, 13):
        return Finding("python", OK, text)
    return Finding("python", PROBLEM, f"{text}, not 3.11 to 3.13", "run: make setup")


def packages(pyproject: Path, installed: Callable[[str], str]) -> Finding:
    """Every pinned package that is missing or another version."""
    pins = tomllib.loads(pyproject.read_text())["project"]["dependencies"]
    wrong, count = [], 0
    for pin in pins:
        name, wanted = pin.partition(";")[0].strip().split("==")
        if ";" in pin and not _applies(pin.partition(";")[2]):
            continue
        count += 1
        try:
            found = installed(name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        if found.partition("+")[0] != wanted:  # torch says 2.13.0+cpu
            wrong.append(f"{name} is {found}, not {wanted}")
    if not wrong:
        return Finding("packages", OK, f"{count} pinned packages, all as pinned")
    return Finding("packages", PROBLEM, "; ".join(wrong), "run: make setup")


def _applies(marker: str) -> bool:
    """A pin's environment marker, if the `packaging` library is there to read it."""
    try:
        from packaging.markers import Marker
    except ImportError:
        return False
    return bool(Marker(marker).evaluate())


def compilers(which: Callable[[str], str | None], picolibc: Path) -> list[Finding]:
    """What each local board needs; without it another board still works."""
    findings = []
    for board, (compilers, package) in pio.COMPILERS.items():
        emulator = virtual_board.QEMU.get(board)
        wanted_here = (*compilers, emulator) if emulator else compilers
        missing = [tool for tool in wanted_here if not which(tool)]
        if board == "virtual" and which(compilers[0]) and not picolibc.exists():
            missing.append("picolibc")
        if not missing:
            text = f"BOARD={board}: {', '.join(wanted_here)}"
            findings.append(Finding(f"compiler-{board}", OK, text))
            continue
        wanted = package if missing != [emulator] else ""
        if emulator in missing:
            wanted += " qemu-system-misc"
        text = f"BOARD={board} cannot be built here: no {' and no '.join(missing)}"
        cure = f"{APT} {wanted.strip()}   (or choose another BOARD)"
        level = NOTE if board == "riscv" else PROBLEM
        findings.append(Finding(f"compiler-{board}", level, text, cure))
    return findings


def platformio(network: bool) -> list[Finding]:
    """PlatformIO itself, Espressif's platform, and the way to its registry."""
    try:
        version = importlib.metadata.version("platformio")
    except importlib.metadata.PackageNotFoundError:
        return [
            Finding("platformio", PROBLEM, "no PlatformIO", "run: make setup"),
        ]
    findings = [Finding("platformio", OK, f"PlatformIO {version}")]
    if pio.has_espressif():
        text = "Espressif's platform is installed: esp32dev builds offline"
        return [*findings, Finding("espressif32", OK, text)]
    text = "Espressif's platform is not installed"
    if not network:
        return [*findings, Finding("espressif32", NOTE, text)]
    if pio.registry_answers():
        more = f"{text}; PlatformIO's registry answers, so the first build gets it"
        return [*findings, Finding("espressif32", NOTE, more)]
    more = f"{text}, and PlatformIO's registry is out of reach (offline)"
    return [*findings, Finding("espressif32", NOTE, more, pio.OFFLINE)]


def disk(build: Path) -> Finding:
    """Free space where build/ lies or will lie."""
    place = build
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    text = f"{free / 1e9:.1f} GB free for {build}"
    if free < DISK_NEEDED:
        cure = "free some space, or set ESP8K_BUILD to a folder on another disk"
        return Finding("disk", PROBLEM, text, cure)
    if free < DISK_ESPRESSIF:
        more = f"{text}: enough, but not for Espressif's toolchain (5 GB)"
        return Finding("disk", NOTE, more)
    return Finding("disk", OK, text)


def models() -> list[Finding]:
    """Which models were exported, and for which boards firmware was made."""
    findings = []
    for model in MODELS:
        folder = paths.model_dir(model)
        try:
            weights = manifest.read(folder).weights_hash[:16]
        except Esp8kError as error:
            text = (
                error.message if manifest.exists(folder) else f"{model} is not exported"
            )
            findings.append(Finding(f"model-{model}", NOTE, text, error.hint))
            continue
        boards = sorted(p.parent.name for p in folder.glob("*/memory.json"))
        text = f"{model} exported, weights {weights}; firmware for: "
        text += ", ".join(boards) or "no board yet"
        level, cure = OK, ""
        if _newer(folder / "model.pt", folder / manifest.NAME):
            text += "; it was trained after that"
            level, cure = NOTE, f"run: make export MODEL={model}"
        findings.append(Finding(f"model-{model}", level, text, cure))
    return findings


def _newer(checkpoint: Path, exported: Path) -> bool:
    """Whether make would export again: by the files' times, as make does."""
    return checkpoint.exists() and checkpoint.stat().st_mtime > exported.stat().st_mtime
