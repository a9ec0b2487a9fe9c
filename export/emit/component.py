"""A network's C as a component that builds alone, wherever its folder is copied.

    plan = publish(network, network_f16, out_dir, "speed", "v3", identity, source)

writes what `generate` does, and around it what ESP-IDF, PlatformIO, the Arduino IDE and
CMake ask for: build files, README, licence, golden vectors of both engines, and an
example for each. `make export` and `export.compile` both come here.
"""

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.doubt import Doubt
from core.errors import Esp8kError
from core.paths import ROOT
from core.pixels import to_bytes
from core.version import VERSION
from core.views import OFFSETS
from core.words import DEFAULT_CORES, Cores
from export.arithmetic.int8 import LIMITS
from export.emit import c_source, decide, held, prepared, viewed
from export.emit.generate import Plan, flags, generate
from export.emit.subject import End
from export.frontend.identity import Identity
from export.graph.network import Network
from export.reference import float16, int8

PACKAGE = Path(__file__).parent / "package"
FILES = {  # template: where it goes; {} is the network's prefix
    "CMakeLists.txt": "CMakeLists.txt",
    "README.md": "README.md",
    "idf_component.yml": "idf_component.yml",
    "library.json": "library.json",
    "library.properties": "library.properties",
    "golden.h": "src/{}_golden.h",
    "main.c": "examples/golden/main.c",
    "arduino.ino": "examples/arduino/arduino.ino",
    "esp_idf_project.txt": "examples/esp_idf/CMakeLists.txt",
    "esp_idf_main.txt": "examples/esp_idf/main/CMakeLists.txt",
    "esp_idf_main.c": "examples/esp_idf/main/main.c",
}
TARGETS = "esp32 esp32s2 esp32s3 esp32c2 esp32c3 esp32c6 esp32h2".split()
STYLE = ROOT / ".clang-format"
TIMEOUT_S = 120  # for the layout of all files
BLOCK = re.compile(r"\bLX_(?:FPU_)?BLOCK\(\n.*?\)\);$", re.S | re.M)
TABLE = re.compile(r"(?<== \{\n    )[^\n}]+,(?:\n    [^\n}]+,){1000,}(?=\n\};$)", re.M)
GOLDEN_BYTES = 16_384  # of inputs in the golden header, at most four vectors
TITLES = {"int8": "int8", "int16": "int16", "f16": "float16"}


@dataclass(frozen=True)
class Row:
    """One engine, as the README tells it."""

    title: str
    weight_bytes: int  # weights, tables, constants
    arena: int  # bytes of working memory


def publish(
    network: Network,
    network_f16: Network | None,
    out_dir: Path,
    profile: str,
    prefix: str,
    identity: Identity,
    source: str,
    cores: Cores = DEFAULT_CORES,
    doubt: Doubt | None = None,
    url: str = "",
    prepare: bool = False,
    views: bool = False,
) -> Plan:
    """Write the whole component; `source` is the file that the network came from.

    With a `doubt` it says beside the class how sure that is; with `prepare` it brings
    frames and strokes to the network's 28x28 itself, with `views` it sums the logits
    of five shifted views. `url` is that of the project that publishes it: registries
    ask for one, and we have none to give.
    """
    plan = generate(
        *(network, network_f16, out_dir, profile, prefix, identity),
        s3=cores in ("all", "s3"),
        lx6=cores in ("all", "lx6"),
    )
    networks = {network.engine: network}
    if network_f16 is not None:
        networks["f16"] = network_f16
    beside = _beside(network, tuple(networks), prefix, doubt, prepare, views)
    for name, text in beside.items():
        (out_dir / name).write_text(text)
    shutil.copyfile(ROOT / "LICENSE", out_dir / "LICENSE")
    environment = c_source.environment(PACKAGE)
    context = {**_context(networks, plan, out_dir, source), "url": url}
    context["snippet"] = environment.get_template("snippet.c.jinja").render(context)
    for template, place in FILES.items():
        target = out_dir / place.format(prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(environment.get_template(f"{template}.jinja").render(context))
    lay_out(out_dir)
    return plan


def _beside(
    network: Network,
    engines: tuple[str, ...],
    prefix: str,
    doubt: Doubt | None,
    prepare: bool,
    views: bool,
) -> dict[str, str]:
    """C that stands beside the network's, by its place in the component."""
    texts: dict[str, str] = {}
    if views:
        texts |= viewed.sources(network, prefix, engines)
    if doubt is not None:
        end = network.tensors[network.outputs[0]]
        seen = len(OFFSETS) if views else 0
        texts |= decide.sources(doubt, prefix, float(end.scale), end.zero_point, seen)
    if prepare:
        prepared.require(network)
        texts |= prepared.sources(prefix)
    return texts


def lay_out(folder: Path) -> None:
    """Lay out all C below `folder` in the dialect of `.clang-format`."""
    files = sorted(path for kind in ("*.c", "*.h") for path in folder.rglob(kind))
    with _aside(files, BLOCK, "LX_BLOCK();"), _aside(files, TABLE, "LX_TABLE,"):
        _format(files)


def _format(files: list[Path]) -> None:
    program = Path(sysconfig.get_path("scripts")) / "clang-format"
    command = [str(program), f"--style=file:{STYLE}", "-i", *map(str, files)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S)
    except FileNotFoundError:
        raise Esp8kError("clang-format is not installed", "run: make setup") from None
    except subprocess.TimeoutExpired:
        what = f"clang-format took longer than {TIMEOUT_S} s"
        raise Esp8kError(what, "try again when this computer is less busy") from None


@contextmanager
def _aside(files: list[Path], what: re.Pattern[str], stead: str) -> Iterator[None]:
    """Take it out of the files, and put it back as it was in the place of `stead`.

    Blocks of instructions and the rows of tables are written within 80 columns. A block
    of a thousand instructions costs clang-format minutes and gigabytes, between "off"
    and "on" too, and tables of a hundred thousand numbers most of a component's time.
    """
    kept: dict[Path, list[str]] = {}
    for path in files:
        text = path.read_text()
        kept[path] = what.findall(text)
        if kept[path]:
            path.write_text(what.sub(stead, text))
    try:
        yield
    finally:
        for path, parts in kept.items():
            if parts:
                first, *rest = path.read_text().split(stead)
                whole = [x for pair in zip(parts, rest, strict=False) for x in pair]
                path.write_text("".join([first, *whole]))


def random_inputs(network: Network, count: int, seed: int) -> np.ndarray:
    """Values of the first input (count, ...); the first one is a ramp."""
    return random_values(network, count, seed)[0]


def random_values(network: Network, count: int, seed: int) -> list[np.ndarray]:
    """int8 or int16 values of each input, (count, ...); the first ones are ramps.

    Every second one of int16 is small, in another measure each: sums of large ones are
    often beyond what an output holds.
    """
    rng = np.random.default_rng(seed)
    found = []
    least, most = LIMITS[network.engine]
    step = (most - least) // 255  # of the ramp, which has 256 values
    for index in network.inputs:
        shape = network.tensors[index].shape[1:]
        values = rng.integers(least, most + 1, (count, *shape))
        values[0] = (np.arange(values[0].size) % 256 * step + least).reshape(shape)
        if network.engine == "int16":
            for number, small in enumerate(values[1::2]):
                small >>= 2 + number % 12
        found.append(values.astype(network.engine))
    return found


def as_taken(network: Network, values: list[np.ndarray]) -> np.ndarray:
    """Inputs as the C takes them, (N, elements): bytes u = q + 128, or int16."""
    q = joined(values)
    return to_bytes(q) if network.engine == "int8" else q


def joined(values: list[np.ndarray]) -> np.ndarray:
    """Several inputs or outputs as they lie in memory, (N, elements)."""
    return np.concatenate([v.reshape(len(v), -1) for v in values], 1)


def _context(
    networks: dict[str, Network], plan: Plan, folder: Path, source: str
) -> dict[str, Any]:
    """All that the templates name."""
    engine, *_ = networks
    network = networks[engine]
    size = sum(network.tensors[i].bytes for i in network.inputs)
    inputs = random_values(network, max(1, min(4, GOLDEN_BYTES // size)), 0)
    pixels = as_taken(network, inputs)
    outputs = {engine: joined(int8.sequence(network, inputs)).tolist()}
    if "f16" in networks:
        outputs["f16"] = _bits(float16.outputs(networks["f16"], pixels))
    wide = engine == "int16"
    return {
        "engine": engine,
        "in_type": "int16_t" if wide else "uint8_t",
        "out_type": "int16_t" if wide else "int8_t",
        "in_count": "INPUT_SIZE" if wide else "INPUT_BYTES",
        "name": plan.prefix,
        "upper": plan.prefix.upper(),
        "version": VERSION,
        "source": source,
        "profile": plan.profile,
        "targets": TARGETS,
        "sources": sorted(f"src/{p.name}" for p in (folder / "src").glob("*.c")),
        "assembly": sorted(f"src/{p.name}" for p in (folder / "src").glob("*.S")),
        "flags": {core: _flags(core) for core in ("xtensa", "riscv", "host")},
        "inputs": pixels.tolist(),
        "outputs": outputs,
        "vectors": len(pixels),
        "state_bytes": held.state_offsets(network)[-1],
        "takes": [End.of(network, index) for index in network.inputs],
        "gives": [End.of(network, index) for index in network.outputs],
        "decides": (folder / "src" / f"{plan.prefix}_decide.h").exists(),
        "views": (folder / "src" / f"{plan.prefix}_views.h").exists(),
        "own_cores": [
            Row(title, 0, bytes_)
            for title, bytes_ in (
                ("the classic ESP32", plan.lx6_arena_bytes),
                ("the ESP32-S3", plan.s3_arena_bytes),
            )
            if bytes_
        ],
        "macs": network.macs(),
        "engines": [
            Row(
                title=TITLES[name],
                weight_bytes=sum(s.weight_bytes for s in plan.engine(name)),
                arena=plan.arenas[name],
            )
            for name in networks
        ],
    }


def _bits(values: np.ndarray) -> list[list[str]]:
    """float32 (N, ...) as the literals of their bits."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return [[f"0x{bit:08X}u" for bit in row] for row in bits.reshape(len(bits), -1)]


def _flags(core: str) -> list[str]:
    """A core's flags but for the dialect, which each build system sets itself."""
    return [flag for flag in flags(core) if not flag.startswith("-std")]
