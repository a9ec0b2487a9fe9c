"""Count what a generated engine costs on an emulated core, instruction by instruction.

    python -m tools.emulator --component build/v2/component --target xtensa

compiles the component with a minimal start-up (firmware/components/nn/bench), runs one
image on QEMU with -icount, and reports instructions in all and per stage, code, const
and RAM bytes, and the logits. `measure` is the same for other programs. These are
instructions of an emulated core, not cycles of a chip.
"""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.codegen import KERNELS, Plan, flags, load_plan
from training.cli import option, parse
from training.errors import Esp8kError, run
from training.paths import ROOT

BENCH = KERNELS / "bench"
# What Debian's libgcc for lx106 lacks: soft float, division.
RUNTIME = {"xtensa": ROOT / "firmware" / "port" / "esp32_direct" / "runtime"}
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror")
TIMEOUT_S = 120.0
ICOUNT_SHIFT = 5  # 32 ns an instruction: CCOUNT, at 40 MHz, counts 1.28 of them
CYCLES_AN_INSTRUCTION = 1.28


@dataclass(frozen=True)
class Target:
    """A core that can be compiled for and emulated."""

    compiler: tuple[str, ...]
    size: str
    nm: str
    emulator: tuple[str, ...]
    divide: float  # counter ticks an instruction


TARGETS = {
    "xtensa": Target(
        ("xtensa-lx106-elf-gcc", "-mlongcalls"),
        "xtensa-lx106-elf-size",
        "xtensa-lx106-elf-nm",
        (
            *"qemu-system-xtensa -M sim -cpu lx106 -display none -serial none".split(),
            *"-monitor none -semihosting-config enable=on,arg=bench".split(),
            *f"-icount shift={ICOUNT_SHIFT},sleep=off -kernel".split(),
        ),
        CYCLES_AN_INSTRUCTION,
    ),
    "riscv": Target(
        ("riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32"),
        "riscv64-unknown-elf-size",
        "riscv64-unknown-elf-nm",
        (
            *"qemu-system-riscv32 -M virt -bios none -display none".split(),
            *"-serial stdio -monitor none -icount shift=0 -kernel".split(),
        ),
        1.0,
    ),
}


HOST_MAIN = """
#include "bench_config.h"
#include <stddef.h>
#include <stdio.h>

static uint32_t bench_arena[(BENCH_ARENA + 3) / 4 + 1];

int main(void)
{
    BENCH_LOGIT logits[BENCH_CLASSES];

    BENCH_RUN(bench_arena, bench_image, logits, NULL, NULL);
    fwrite(logits, sizeof logits, 1, stdout);
    return 0;
}
"""


def measure_host(
    component: Path,
    engine: str = "f16",
    extra: tuple[str, ...] = ("-fno-tree-vectorize", "-mavx"),
    image: np.ndarray | None = None,
) -> dict[str, Any]:
    """The same on this machine, counted by callgrind: a proxy for a core with FPU.

    -mavx only for its three-operand scalar instructions; nothing is vectorised.
    """
    plan = load_plan(component / "plan.json")
    stages = plan.engine(engine)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "bench_config.h").write_text(_config(component, plan, engine, image))
        (work / "main.c").write_text(HOST_MAIN)
        program = work / "bench"
        paths = (component / "include", component / "src", KERNELS, work)
        sources = sorted((component / "src").glob(f"{engine}_*.c"))
        command = ["gcc", *flags("host"), *extra, *(f"-I{p}" for p in paths)]
        _call([*command, *map(str, (work / "main.c", *sources)), "-o", str(program)])
        counts = work / "callgrind.out"
        run_symbol = f"{plan.prefix}_{engine}_run"
        done = subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                f"--toggle-collect={run_symbol}",
                f"--callgrind-out-file={counts}",
                str(program),
            ],
            capture_output=True,
            check=True,
        )
        text = _call(["callgrind_annotate", "--threshold=100", str(counts)])
    per_stage = {stage.name: 0 for stage in stages}
    for line in text.splitlines():
        for stage in stages:
            if f":{stage.name} [" in line or line.endswith(f":{stage.name}"):
                per_stage[stage.name] += int(line.split()[0].replace(",", ""))
    total = next(
        int(line.split()[0].replace(",", ""))
        for line in text.splitlines()
        if "PROGRAM TOTALS" in line
    )
    live = sum(s.live_macs for s in stages)
    return {
        "evidence": "counted by callgrind on the host",
        "model": plan.model,
        "profile": plan.profile,
        "engine": engine,
        "target": "host",
        "flags": [*flags("host"), *extra],
        "instructions": total,
        "per_stage": per_stage,
        "live_macs": live,
        "logits": np.frombuffer(
            done.stdout, "<i1" if engine == "int8" else "<f4"
        ).tolist(),
    }


def measure(
    component: Path,
    engine: str = "int8",
    target: str = "xtensa",
    extra: tuple[str, ...] = (),
    image: np.ndarray | None = None,
    include: Path = KERNELS,
) -> dict[str, Any]:
    """Compile, link and run one engine for one image (a fixed test digit)."""
    if target not in TARGETS:
        raise Esp8kError(f"no target {target!r}", f"one of: {', '.join(TARGETS)}")
    plan = load_plan(component / "plan.json")
    stages = plan.engine(engine)
    header = (component / "include" / f"{plan.prefix}_model.h").read_text()
    classes = _defined(header, "CLASSES")
    arena = plan.int8_arena_bytes if engine == "int8" else plan.f16_arena_bytes
    config = _config(component, plan, engine, image)
    chosen = TARGETS[target]
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "bench_config.h").write_text(config)
        elf, objects = _build(component, engine, target, extra, work, include)
        sizes = _sizes(chosen, objects)
        output = _emulate(chosen, elf)
        arena_symbol = _symbol_size(chosen, elf, "bench_arena")
    words = np.frombuffer(output[: 4 * (3 + len(stages))], "<u4").astype(np.int64)
    kind = "<i1" if engine == "int8" else "<f4"
    logits = np.frombuffer(output[4 * (3 + len(stages)) :], kind)[:classes]
    overhead = int(words[1])
    return {
        "evidence": "emulated",
        "model": plan.model,
        "profile": plan.profile,
        "engine": engine,
        "target": target,
        "flags": [*flags(target), *extra],
        "instructions": round((int(words[0]) - overhead) / chosen.divide),
        "per_stage": {
            stage.name: round(int(count) / chosen.divide)
            for stage, count in zip(stages, words[3:], strict=True)
        },
        "live_macs": sum(s.live_macs for s in stages),
        "code_bytes": sizes["code"],
        "const_bytes": sizes["const"],
        "ram_bytes": sizes["data"] + arena,
        "arena_symbol_bytes": arena_symbol,
        "logits": logits.tolist(),
    }


def _config(component: Path, plan: Plan, engine: str, image: np.ndarray | None) -> str:
    """bench_config.h: which function, which image, how much memory."""
    header = (component / "include" / f"{plan.prefix}_model.h").read_text()
    inputs = _defined(header, "INPUT_BYTES")
    arena = plan.int8_arena_bytes if engine == "int8" else plan.f16_arena_bytes
    pixels = default_image() if image is None else np.asarray(image, np.uint8)
    values = ",".join(map(str, np.resize(pixels.reshape(-1), inputs)))
    return (
        f'#include "{plan.prefix}_model.h"\n'
        f"#define BENCH_RUN {plan.prefix}_{engine}_run\n"
        f"#define BENCH_LOGIT {'int8_t' if engine == 'int8' else 'float'}\n"
        f"#define BENCH_CLASSES {_defined(header, 'CLASSES')}\n"
        f"#define BENCH_ARENA {arena}\n"
        f"#define BENCH_STAGES {len(plan.engine(engine))}\n"
        f"static const uint8_t bench_image[{inputs}] = {{{values}}};\n"
    )


def default_image() -> np.ndarray:
    """A fixed digit: the first image of the test set."""
    import gzip

    path = ROOT / "training/data/MNIST/raw/t10k-images-idx3-ubyte.gz"
    with gzip.open(path) as stream:
        return np.frombuffer(stream.read(16 + 784), np.uint8)[16:]


def _defined(header: str, name: str) -> int:
    line = next(x for x in header.splitlines() if f"_{name} " in x)
    return int(line.split()[-1].rstrip("u"))


def _build(
    component: Path,
    engine: str,
    target: str,
    extra: tuple[str, ...],
    work: Path,
    include: Path,
) -> tuple[Path, list[Path]]:
    """The linked image, and the engine's own objects."""
    chosen = TARGETS[target]
    common = [*chosen.compiler, *flags(target), *extra, "-ffreestanding"]
    common += ["-ffunction-sections", "-fdata-sections"]
    paths = [component / "include", component / "src", include, work]
    common += [f"-I{p}" for p in paths]
    objects = []
    for source in sorted((component / "src").glob(f"{engine}_*.c")):
        target_file = work / f"{source.stem}.o"
        _call([*common, *WARNINGS, "-c", str(source), "-o", str(target_file)])
        objects.append(target_file)
    elf = work / "bench.elf"
    _call(
        [
            *common,
            *("-nostdlib", "-nostartfiles", "-Wl,--gc-sections", "-Wl,--no-warn-rwx"),
            f"-T{BENCH / target}.ld",
            str(BENCH / f"start_{target}.S"),
            str(BENCH / "bench.c"),
            *map(str, objects),
            *map(str, sorted(RUNTIME[target].glob("*.c")) if target in RUNTIME else ()),
            *("-lgcc", "-o", str(elf)),
        ]
    )
    return elf, objects


def _call(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Esp8kError(
            f"{command[0]} is not installed",
            "run: make setup (as root), or apt install",
        ) from error
    if done.returncode:
        raise Esp8kError(f"{command[0]} failed:\n{done.stderr}", " ".join(command))
    return done.stdout


def _emulate(target: Target, elf: Path) -> bytes:
    try:
        done = subprocess.run(
            [*target.emulator, str(elf)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise Esp8kError(
            f"{target.emulator[0]} is not installed", "apt install qemu-system-misc"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise Esp8kError(f"{elf.name} did not end in {TIMEOUT_S:.0f} s", "") from error
    if not done.stdout:
        raise Esp8kError(f"the emulator printed nothing: {done.stderr.decode()}", "")
    return done.stdout


def _sizes(target: Target, objects: list[Path]) -> dict[str, int]:
    """Bytes of code, constants and static data in the engine's objects."""
    found = {"code": 0, "const": 0, "data": 0}
    for line in _call([target.size, "-A", *map(str, objects)]).splitlines():
        parts = line.split()
        if len(parts) != 3 or not parts[1].isdigit():
            continue
        section, size = parts[0], int(parts[1])
        if section.startswith((".text", ".literal")):
            found["code"] += size
        elif section.startswith((".rodata", ".srodata")):
            found["const"] += size
        elif section.startswith((".data", ".bss", ".sdata", ".sbss")):
            found["data"] += size
    return found


def _symbol_size(target: Target, elf: Path, symbol: str) -> int:
    for line in _call([target.nm, "-S", str(elf)]).splitlines():
        parts = line.split()
        if len(parts) == 4 and parts[3] == symbol:
            return int(parts[1], 16)
    raise Esp8kError(f"{elf.name} has no symbol {symbol}", "")


@dataclass(frozen=True)
class Config:
    """What to measure."""

    component: Path = option(ROOT / "build/v2/component", "a generated component")
    engine: str = option("int8", "which engine", ("int8", "f16"))
    target: str = option("xtensa", "which core", tuple(TARGETS))
    extra: str = option("", "more compiler flags, separated by blanks")
    json: bool = option(False, "print JSON")


def main() -> None:
    """The command line."""
    config = parse(Config, None, "tools.emulator", __doc__ or "")
    found = measure(
        config.component, config.engine, config.target, tuple(config.extra.split())
    )
    if config.json:
        print(json.dumps(found, indent=2))
        return
    per_mac = found["instructions"] / max(found["live_macs"], 1)
    print(
        f"{found['model']} {found['engine']} {found['profile']} on {found['target']}"
        f" (emulated): {found['instructions']:,} instructions,"
        f" {per_mac:.2f} a live MAC; code {found['code_bytes']:,},"
        f" const {found['const_bytes']:,}, RAM {found['ram_bytes']:,} bytes"
    )
    for name, count in found["per_stage"].items():
        print(f"  {name:12} {count:>10,}")
    print("  logits", " ".join(f"{v:.6g}" for v in found["logits"]))


if __name__ == "__main__":
    run(main)
