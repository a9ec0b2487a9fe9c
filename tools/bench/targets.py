"""The cores that we compile for and count on, and how.

    TARGETS["lx106"].compile      # flags of its compiler
    TARGETS["lx6fpu"].takes("int8", "speed")

A figure of the one called `host` is callgrind's, of all others an emulator's.
"""

from dataclasses import dataclass
from pathlib import Path

from core.paths import ROOT
from core.words import EMULATED, ENGINES, HOST, PROFILES, Evidence

BARE = ROOT / "tools" / "bench" / "rivals" / "bare"

BARE_FLAGS = ["-ffreestanding", "-ffunction-sections", "-fdata-sections"]
SPECS = Path("/usr/lib/xtensa-lx106-elf/picolibc.specs")  # of Debian's picolibc
PICOLIBC = f"--specs={SPECS}"
ESP32 = ("lx6", "lx6fpu")  # assembled by LLVM
RISCV = ["-march=rv32imc", "-mabi=ilp32"]


@dataclass(frozen=True)
class Target:
    """One core that we can count on."""

    name: str
    family: str  # the key in components/nn/flags.json
    prefix: str  # of the compiler
    compile: tuple[str, ...]
    link: tuple[str, ...]
    evidence: Evidence
    install: str  # how to get the compiler
    engines: tuple[str, ...] = ENGINES  # what it can be asked for
    profiles: tuple[str, ...] = PROFILES

    def takes(self, engine: str, profile: str) -> bool:
        """Whether it is worth counting there."""
        return engine in self.engines and profile in self.profiles


TARGETS = {
    target.name: target
    for target in (
        Target(
            "lx106",
            "xtensa",
            "xtensa-lx106-elf-",
            (PICOLIBC, "-mlongcalls", *BARE_FLAGS),
            (PICOLIBC, "-nostartfiles", "-nostdlib", f"-T{BARE}/lx106.ld"),
            EMULATED,
            "apt install gcc-xtensa-lx106 picolibc-xtensa-lx106-elf",
        ),
        # The same compiler's text by LLVM's assembler, for the core of the ESP32.
        Target(
            "lx6",
            "xtensa",
            "xtensa-lx106-elf-",
            (PICOLIBC, "-mlongcalls", "-DNN_LX6=1", *BARE_FLAGS),
            (PICOLIBC, "-nostartfiles", "-nostdlib", f"-L{BARE}", f"-T{BARE}/lx6.ld"),
            EMULATED,
            "apt install gcc-xtensa-lx106 picolibc-xtensa-lx106-elf llvm-22",
        ),
        # The float16 engine's kernels alone, on a core with the ESP32's FPU.
        Target(
            "lx6fpu",
            "xtensa",
            "xtensa-lx106-elf-",
            (PICOLIBC, "-mlongcalls", "-DNN_LX6=1", "-DNN_LX6_FPU=1", *BARE_FLAGS),
            (
                PICOLIBC,
                "-nostartfiles",
                "-nostdlib",
                f"-L{BARE}",
                f"-T{BARE}/lx6fpu.ld",
            ),
            EMULATED,
            "apt install gcc-xtensa-lx106 picolibc-xtensa-lx106-elf llvm-22",
            engines=("f16",),
            profiles=("speed",),
        ),
        Target(
            "rv32imc",
            "riscv",
            "riscv64-unknown-elf-",
            (*RISCV, *BARE_FLAGS),
            (*RISCV, "-nostdlib", f"-T{BARE}/rv32imc.ld"),
            EMULATED,
            "apt install gcc-riscv64-unknown-elf",
        ),
        # The host stands for a core with an FPU: scalar code only.
        Target(
            "host",
            "host",
            "",
            (
                "-fno-tree-vectorize",
                "-fno-tree-slp-vectorize",
                "-ffunction-sections",
                "-fdata-sections",
            ),
            ("-no-pie",),
            HOST,
            "apt install gcc",
        ),
    )
}
