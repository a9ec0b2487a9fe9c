"""Count instructions: QEMU with -icount for bare cores, callgrind for the host.

    counted = count(built, images, stages=True)

Instructions, never time: the figures are the same on every machine and every run.
"""

import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.errors import CheckFailed, Esp8kError
from tools.bench.build import Built

TIMEOUT_S = 300  # one run of an emulator
TICKS = 1.28  # CCOUNT ticks an instruction: 40 MHz, 32 ns by shift=5
XTENSA = {"lx106": "lx106", "lx6": "de212", "lx6fpu": "de233_fpu"}  # QEMU's -cpu
QEMU = {
    **{
        name: [
            *f"qemu-system-xtensa -M sim -cpu {cpu} -display none".split(),
            *"-serial none -monitor none -semihosting".split(),
            *"-icount shift=5,sleep=off -kernel".split(),
        ]
        for name, cpu in XTENSA.items()
    },
    "rv32imc": [
        *"qemu-system-riscv32 -M virt -bios none -display none".split(),
        *"-serial stdio -monitor none".split(),
        *"-icount shift=0,sleep=off -kernel".split(),
    ],
}


@dataclass(frozen=True)
class Counted:
    """What one program did."""

    instructions: int  # an inference, mean over the images
    outputs: np.ndarray  # (N, bytes) uint8, as the model wrote them
    per_stage: dict[int, int] = field(default_factory=dict)  # first image
    stack_bytes: int | None = None  # deepest, over the images


def count(built: Built, images: np.ndarray, stages: bool = False) -> Counted:
    """Run a built program and count; `images` must be those it was built with."""
    if built.target.name == "host":
        return _callgrind(built, images, stages)
    return _emulate(built)


def run_host(built: Built, images: np.ndarray) -> np.ndarray:
    """Outputs (N, bytes) uint8 of a host program, at full speed."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "images"
        path.write_bytes(np.ascontiguousarray(images, np.uint8).tobytes())
        raw = _output([str(built.elf), str(path)]).stdout
    return np.frombuffer(raw, np.uint8).reshape(len(images), -1)


# ==== Bare cores ====


def _emulate(built: Built) -> Counted:
    name = built.target.name
    text = _output([*QEMU[name], str(built.elf)]).stdout.decode(errors="replace")
    words = [line.split() for line in text.splitlines() if line.strip()]
    if not words or words[-1] != ["end"]:
        raise CheckFailed(
            f"the program died on the emulated {name}", text[-200:] or "no output"
        )
    scale = TICKS if built.target.family == "xtensa" else 1.0
    runs = [int(w[1], 16) / scale for w in words if w[0] == "run"]
    outputs = [bytes.fromhex(w[1]) for w in words if w[0] == "out"]
    found = {int(w[1], 16): int(w[2], 16) / scale for w in words if w[0] == "stage"}
    return Counted(
        instructions=round(sum(runs) / len(runs)),
        outputs=np.frombuffer(b"".join(outputs), np.uint8).reshape(len(runs), -1),
        per_stage={k: round(v) for k, v in found.items()},
        stack_bytes=next(int(w[1], 16) for w in words if w[0] == "stack"),
    )


# ==== Host ====


def _callgrind(built: Built, images: np.ndarray, stages: bool) -> Counted:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = folder / "images"
        path.write_bytes(np.ascontiguousarray(images, np.uint8).tobytes())
        done = _profile(folder, built.elf, [str(path)], [])
        total = sum(_totals(folder))
        per_stage: dict[int, int] = {}
        if stages:
            path.write_bytes(np.ascontiguousarray(images[:1], np.uint8).tobytes())
            per_stage = _stages(folder, built.elf, path)
    outputs = np.frombuffer(done.stdout, np.uint8).reshape(len(images), -1)
    return Counted(round(total / len(images)), outputs, per_stage)


def _stages(folder: Path, elf: Path, images: Path) -> dict[int, int]:
    for old in folder.glob("profile*"):
        old.unlink()
    cut = ["--dump-after=bench_stage"]
    done = _profile(folder, elf, [str(images), "hook"], cut)
    order = [int(x) for x in re.findall(rb"^stage (\d+)$", done.stderr, re.M)]
    found: dict[int, int] = {}
    for stage, part in zip(order, _totals(folder), strict=False):
        found[stage] = found.get(stage, 0) + part
    return found


def _profile(
    folder: Path, elf: Path, arguments: list[str], options: list[str]
) -> subprocess.CompletedProcess[bytes]:
    return _output(
        [
            *"valgrind --tool=callgrind --toggle-collect=bench_run".split(),
            f"--callgrind-out-file={folder / 'profile'}",
            *options,
            str(elf),
            *arguments,
        ]
    )


def _totals(folder: Path) -> list[int]:
    """Instructions of each cut of the profile, in order."""
    parts = sorted(folder.glob("profile*"), key=_part)
    found = []
    for part in parts:
        match = re.search(r"^(?:totals|summary): (\d+)", part.read_text(), re.M)
        if match:
            found.append(int(match.group(1)))
    return found


def _part(path: Path) -> int:
    """profile.1, profile.2, ..., and last the one without a number."""
    number = path.suffix.lstrip(".")
    return int(number) if number.isdigit() else 1 << 30


def _output(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S)
    except FileNotFoundError as error:
        raise Esp8kError(
            f"there is no {command[0]}", "apt install qemu-system-misc valgrind"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise CheckFailed(
            f"{command[0]} did not end within {TIMEOUT_S} s", "a bug: report it"
        ) from error
    if done.returncode:
        tail = done.stderr.decode(errors="replace").strip()[-300:]
        raise CheckFailed(f"{command[0]} ended with {done.returncode}", tail)
    return done
