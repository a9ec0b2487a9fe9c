"""A network's C as a component that builds alone, wherever its folder is copied.

    plan = publish(network, network_f16, out_dir, "speed", "v3", identity, source)

writes what `generate` does, and around it what ESP-IDF, PlatformIO, the Arduino IDE and
CMake ask for: build files, README, licence, golden vectors of both engines, and an
example for each. `make export` and `export.compile` both come here.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.paths import ROOT
from core.version import VERSION
from core.views import OFFSETS
from export.emit import c_source, decide, golden, held, prepared, viewed
from export.emit.contents import USUAL, Contents
from export.emit.generate import Plan, flags, generate
from export.emit.identity import Identity
from export.emit.layout import lay_out
from export.emit.subject import C_TYPES, End
from export.graph.network import Network

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
    contents: Contents = USUAL,
) -> Plan:
    """Write the whole component; `source` is the file that the network came from."""
    plan = generate(
        network,
        network_f16,
        out_dir,
        profile,
        prefix,
        identity,
        s3=contents.cores in ("all", "s3"),
        lx6=contents.cores in ("all", "lx6"),
    )
    networks = {network.engine: network}
    if network_f16 is not None:
        networks["f16"] = network_f16
    beside = _beside(network, tuple(networks), prefix, contents)
    for name, text in beside.items():
        (out_dir / name).write_text(text)
    shutil.copyfile(ROOT / "LICENSE", out_dir / "LICENSE")
    environment = c_source.environment(PACKAGE)
    context = {**_context(networks, plan, out_dir, source), "url": contents.url}
    context["snippet"] = environment.get_template("snippet.c.jinja").render(context)
    for template, place in FILES.items():
        target = out_dir / place.format(prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(environment.get_template(f"{template}.jinja").render(context))
    lay_out(out_dir)
    return plan


def _beside(
    network: Network, engines: tuple[str, ...], prefix: str, contents: Contents
) -> dict[str, str]:
    """C that stands beside the network's, by its place in the component."""
    texts: dict[str, str] = {}
    if contents.views:
        texts |= viewed.sources(network, prefix, engines)
    if contents.doubt is not None:
        end = network.tensors[network.outputs[0]]
        scale, zero_point = float(end.scale), end.zero_point
        seen = len(OFFSETS) if contents.views else 0
        texts |= decide.sources(contents.doubt, prefix, scale, zero_point, seen)
    if contents.prepare:
        prepared.require(network)
        texts |= prepared.sources(prefix)
    return texts


def _context(
    networks: dict[str, Network], plan: Plan, folder: Path, source: str
) -> dict[str, Any]:
    """All that the templates name."""
    engine, *_ = networks
    network = networks[engine]
    in_type, out_type = C_TYPES[engine]
    return {
        "engine": engine,
        "in_type": in_type,
        "out_type": out_type,
        "in_count": "INPUT_SIZE" if engine == "int16" else "INPUT_BYTES",
        "name": plan.prefix,
        "upper": plan.prefix.upper(),
        "version": VERSION,
        "source": source,
        "profile": plan.profile,
        "targets": TARGETS,
        "sources": sorted(f"src/{p.name}" for p in (folder / "src").glob("*.c")),
        "assembly": sorted(f"src/{p.name}" for p in (folder / "src").glob("*.S")),
        "flags": {core: _flags(core) for core in ("xtensa", "riscv", "host")},
        **golden.vectors(networks),
        "state_bytes": held.state_offsets(network)[-1],
        "takes": [End.of(network, index) for index in network.inputs],
        "gives": [End.of(network, index) for index in network.outputs],
        "decides": (folder / "src" / f"{plan.prefix}_decide.h").exists(),
        "views": (folder / "src" / f"{plan.prefix}_views.h").exists(),
        "macs": network.macs(),
        **_memory(networks, plan),
    }


def _memory(networks: dict[str, Network], plan: Plan) -> dict[str, list[Row]]:
    """What each engine takes, and the arenas of cores that have their own."""
    return {
        "engines": [
            Row(
                title=TITLES[name],
                weight_bytes=sum(s.weight_bytes for s in plan.engine(name)),
                arena=plan.arenas[name],
            )
            for name in networks
        ],
        "own_cores": [
            Row(title, 0, bytes_)
            for title, bytes_ in (
                ("the classic ESP32", plan.lx6_arena_bytes),
                ("the ESP32-S3", plan.s3_arena_bytes),
            )
            if bytes_
        ],
    }


def _flags(core: str) -> list[str]:
    """A core's flags but for the dialect, which each build system sets itself."""
    return [flag for flag in flags(core) if not flag.startswith("-std")]
