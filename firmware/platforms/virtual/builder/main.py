"""SCons build of the firmware for the boards that need no download.

PlatformIO runs this for `pio run -e virtual|twin|riscv`. It compiles the
application, the components and the generated model for one of three targets;
what differs between them is in TARGETS and in port/<port>/. The model's kernels for
the ESP32 have instructions that Debian's assembler does not know: it compiles their
C, LLVM assembles it.

Read from the environment (tools/boards/pio.py sets them):
    ESP8K_MODEL_DIR   the generated component (default build/v3/component)
    ESP8K_APP_DIR     an application instead of src/ (tests)
    ESP8K_EXTRA_FLAGS more compiler flags (sanitizers, -DESP8K_...)
"""

import json
import os
import sys
from pathlib import Path

from SCons.Script import Default, DefaultEnvironment  # type: ignore

WARNINGS = "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror".split()
SECTIONS = ["-ffunction-sections", "-fdata-sections"]
COMMON = ["-std=c99", "-O2", "-g", "-ffp-contract=off", "-fstack-usage"]
BARE = ["-nostartfiles", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments"]
LX6 = ["-DNN_LX6=1", "-DNN_LX6_FPU=1"]  # the ESP32's core, as nn_core.h has it
PICOLIBC = "--specs=/usr/lib/xtensa-lx106-elf/picolibc.specs"

TARGETS = {
    "xtensa": {
        "prefix": "xtensa-lx106-elf-",
        "compile": [PICOLIBC, "-mlongcalls", *LX6, *SECTIONS],
        "link": [PICOLIBC, *BARE],
    },
    "riscv": {
        "prefix": "riscv64-unknown-elf-",
        "compile": ["-march=rv32imc", "-mabi=ilp32", "-ffreestanding", *SECTIONS],
        "link": ["-march=rv32imc", "-mabi=ilp32", "-nostdlib", *BARE],
    },
    "host": {"prefix": "", "compile": ["-pthread"], "link": ["-pthread"]},
}

env = DefaultEnvironment()
board = env.BoardConfig()
target = board.get("build.target")
port = board.get("build.port")
firmware = Path(env.subst("$PROJECT_DIR"))
model = Path(
    os.environ.get("ESP8K_MODEL_DIR", firmware.parent / "build" / "v3" / "component")
)
# What every board compiles, by the name of its folder in the build.
listed = (firmware / "folders.txt").read_text().split()
shared = {Path(one).name: firmware / one for one in listed}
if "ESP8K_APP_DIR" in os.environ:
    shared["src"] = Path(os.environ["ESP8K_APP_DIR"])


def kernel_flags() -> list[str]:
    """What the kernels' author measured to pay on this target."""
    path = firmware / "components" / "nn" / "flags.json"
    if not path.exists():
        return []
    flags = json.loads(path.read_text())
    return [*flags.get("all", []), *flags.get(target, [])]


def folders() -> dict[str, Path]:
    """Where C lies, by the name of its folder in the build."""
    here = {
        **shared,
        "model": model / "src",
        "port": firmware / "port" / port,
        "runtime": firmware / "port" / port / "runtime",
    }
    return {name: path for name, path in here.items() if path.is_dir()}


if not (model / "alias" / "esp8k_model.h").exists():
    sys.stderr.write(f"error: no generated model in {model}\nhint:  run: make export\n")
    env.Exit(2)

settings = TARGETS[target]
# No path of this computer in the debug information: two clones build the same bytes.
apart = [(firmware.parent, "."), (model, "model")]
maps = [f"-ffile-prefix-map={path}={name}" for path, name in apart]
prefix = settings["prefix"]
script = firmware / "port" / port / f"{port}.ld"
extra = os.environ.get("ESP8K_EXTRA_FLAGS", "").split()

env.Replace(
    CC=prefix + "gcc",
    AS=prefix + "gcc",
    AR=prefix + "gcc-ar" if prefix else "ar",
    RANLIB=prefix + "gcc-ranlib" if prefix else "ranlib",
    LINK=prefix + "gcc",
    PROGSUFFIX=".elf",
    CPPPATH=[
        str(path)
        for path in (
            *shared.values(),
            firmware / "port",
            firmware / "port" / port,
            firmware / "port" / port / "include",
            model / "alias",
            model / "src",
        )
        if path.is_dir()
    ],
    CFLAGS=[
        *COMMON,
        *maps,
        *WARNINGS,
        *kernel_flags(),
        *settings["compile"],
        *extra,
    ],
    ASFLAGS=[],
    ASPPFLAGS=[*settings["compile"]],
    CCFLAGS=[],
    LINKFLAGS=[
        *settings["link"],
        # Not -Wl,-T: picolibc's specs would add their own script to it.
        *([f"-T{script}"] if script.exists() else []),
        # Not -Wl,-Map=: gcc would part the path at a comma.
        "-Xlinker",
        "-Map=" + env.subst("$BUILD_DIR/firmware.map"),
        *[flag for flag in extra if flag.startswith("-fsanitize")],
    ],
    LIBS={"xtensa": ["c", "gcc"], "riscv": ["gcc"], "host": []}[target],
)


def build_by_llvm(name: str, folder: Path) -> None:
    """A folder's C, compiled by gcc and assembled by LLVM."""
    compiling = "$CC -S -o $TARGET $CFLAGS -g0 $CCFLAGS $_CCCOMCOM $SOURCE"
    assembling = f'"{sys.executable}" -m tools.bench.assemble_lx6 $SOURCE $TARGET'
    ours = {**env["ENV"], "PYTHONPATH": str(firmware.parent)}  # this checkout's
    for source in sorted(folder.glob("*.c")):
        out = os.path.join("$BUILD_DIR", name, source.stem)
        text = env.Command(f"{out}.s", str(source), compiling)
        made = env.Command(f"{out}.o", text, assembling, ENV=ours)
        env.Append(PIOBUILDFILES=made)


for name, folder in folders().items():
    if name == "model" and target == "xtensa":
        build_by_llvm(name, folder)
        continue
    # The model's assembly is for a chip that no board here has.
    assembly = [] if name == "model" else ["+<*.S>"]
    env.BuildSources(
        os.path.join("$BUILD_DIR", name),
        str(folder),
        src_filter=["-<*>", "+<*.c>", *assembly],
    )

program = env.Program(
    os.path.join("$BUILD_DIR", "firmware.elf"), env.get("PIOBUILDFILES", [])
)
if script.exists():
    env.Depends(program, str(script))
Default(program)
