"""Promises about the linked firmware: no heap, a bounded stack, no findings."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from core.errors import CheckFailed
from core.words import DEFAULT_PROFILE, PROFILES
from tests.support.components import Components, Linked
from tests.support.echo import C99, need
from tools.boards import footprint, pio, stack_depth, virtual_board
from tools.boards.sources import FIRMWARE, compiled, includes
from tools.link.client import Device

PORT = "esp32_direct"
HEAP = re.compile(r"\b_?(malloc|calloc|realloc|free|sbrk|memalign)(_r)?$")
STACK_LIMIT = 1024  # bytes, of 16 KB
BOARD_TOOLS = {"virtual": "xtensa-lx106-elf-", "riscv": "riscv64-unknown-elf-"}


@pytest.mark.emulator
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("board", BOARD_TOOLS)
def test_no_heap_function_is_in_the_image(
    board: str, profile: str, linked: Linked
) -> None:
    need(BOARD_TOOLS[board] + "nm")
    elf = linked("v3", board, profile)
    told = subprocess.run(
        [BOARD_TOOLS[board] + "nm", str(elf)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = [line.split()[-1] for line in told.splitlines()]
    assert any("v3_int8_run" in name for name in names), "it is the real firmware"
    assert [name for name in names if HEAP.search(name)] == []


@pytest.mark.emulator
@pytest.mark.parametrize("profile", PROFILES)
def test_the_stack_is_bounded(profile: str, linked: Linked) -> None:
    need("xtensa-lx106-elf-objdump")
    elf = linked("v3", "virtual", profile)
    total, path = stack_depth.worst(elf)
    assert path[0].name == "board_main" and len(path) > 4
    assert total <= STACK_LIMIT <= footprint.measure(elf)["stack_bytes"]
    every = {one.name for one in stack_depth.read(elf).values()}
    assert {"v3_int8_run_traced", "v3_f16_run_traced", "board_interrupt"} <= every


@pytest.mark.emulator
@pytest.mark.parametrize("profile", PROFILES)
def test_every_frame_is_the_one_that_the_compiler_tells(
    profile: str, linked: Linked
) -> None:
    """What is read off the linked code, against gcc's own -fstack-usage."""
    need("xtensa-lx106-elf-objdump")
    elf = linked("v3", "virtual", profile)
    told: dict[str, set[int]] = {}
    for path in elf.parent.rglob("*.su"):
        for line in path.read_text().splitlines():
            place, frame, kind = line.split("\t")
            assert kind == "static", line
            told.setdefault(place.rpartition(":")[2], set()).add(int(frame))
    linked = stack_depth.read(elf).values()
    checked = [one for one in linked if one.name in told]
    assert len(checked) > 80, "all but assembly and the C library"
    for one in checked:
        assert one.frame in told[one.name], one.name


@pytest.mark.emulator
@pytest.mark.parametrize("longcalls", [[], ["-mlongcalls"]], ids=["call0", "callx0"])
@pytest.mark.parametrize("called", ["other", "depth"], ids=["mutual", "direct"])
def test_recursion_is_found(tmp_path: Path, called: str, longcalls: list[str]) -> None:
    need("xtensa-lx106-elf-gcc")
    source, elf = tmp_path / "a.c", tmp_path / "a.elf"
    source.write_text(
        "int depth(volatile int *n); int board_main(volatile int *n);\n"
        "int other(volatile int *n);\n"
        "int other(volatile int *n) { return *n + depth(n) + 1; }\n"
        f"int depth(volatile int *n) {{ --*n; return *n ? {called}(n) * 3 : 0; }}\n"
        "int board_main(volatile int *n) { return depth(n) + 1; }\n"
    )
    command = ["xtensa-lx106-elf-gcc", "-Os", "-fno-inline", *longcalls]
    command += ["-fno-optimize-sibling-calls", "-nostdlib"]  # else a loop
    command += ["-Wl,-eboard_main", str(source), "-o", str(elf)]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(CheckFailed, match="recursion has no bound"):
        stack_depth.worst(elf)


def sources() -> list[Path]:
    """The C of ours that every board compiles, and the bare port."""
    runtime = FIRMWARE / "port" / "esp32_direct" / "runtime"
    twin = (FIRMWARE / "port" / "posix").glob("*.c")
    return [*compiled(PORT), *twin, *runtime.glob("*.c")]


@pytest.mark.slow
def test_the_cross_compilers_analyzer_finds_nothing(
    components: Components, tmp_path: Path
) -> None:
    """The host's goes over every profile, in `test_link_static`."""
    need("xtensa-lx106-elf-gcc")
    component = components("v3", DEFAULT_PROFILE)
    for source in [*sources(), *(component / "src").glob("*.c")]:
        cross = ["--specs=/usr/lib/xtensa-lx106-elf/picolibc.specs", "-mlongcalls"]
        compiler = ["xtensa-lx106-elf-gcc", *cross]
        if source.parent.name == "posix":
            compiler = ["gcc"]
        done = subprocess.run(
            [
                *compiler,
                *C99,
                "-fanalyzer",
                *includes(component, PORT),
                "-c",
                str(source),
            ]
            + ["-o", str(tmp_path / "a.o")],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("profile", PROFILES)
def test_the_real_firmware_runs_clean_under_sanitizers(
    profile: str,
    components: Components,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    need("gcc")
    monkeypatch.setenv("ESP8K_MODEL_DIR", str(components("v3", profile)))
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    # The accesses are the source's at any level: this one compiles in half of -O1's.
    flags = "-O0 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all"
    elf = pio.build("v3", "twin", extra={"ESP8K_EXTRA_FLAGS": flags})
    image = np.arange(784, dtype=np.uint32).astype(np.uint8)
    with virtual_board.VirtualBoard("twin", elf) as board:
        with Device.open(board.port) as device:
            for engine in ("int8", "f16"):
                results = list(device.infer_many(engine, np.stack([image] * 20)))
                assert len({result.label for result in results}) == 1
                assert device.stage_crcs(engine, image)
            assert device.statistics().boot_count == 1, "no crash in between"
        assert board.alive()


@pytest.mark.slow
@pytest.mark.parametrize("profile", PROFILES)
def test_cppcheck_finds_nothing(profile: str, components: Components) -> None:
    need("cppcheck")
    component = components("v3", profile)
    ours = sources() if profile == DEFAULT_PROFILE else []  # the same in each
    # The models of the LX6's instructions, macros of ours, are looked at once, too:
    # in the kernels of profile speed they expand to a quarter of a minute's work.
    models = ["-UNN_LX6_MODEL"] if profile == "speed" else []
    done = subprocess.run(
        ["cppcheck", "--std=c99", "--quiet", "--error-exitcode=1", "--inline-suppr"]
        + ["--enable=warning,performance,portability"]
        # The arena is bytes; the planner aligns what lies in it, by its tests.
        + ["--suppress=invalidPointerCast:*_network.c"]
        # Soft float takes signs by >> 31, which all our compilers do arithmetically.
        + ["--suppress=shiftTooManyBitsSigned:*nn_f16*.h"]
        + [*models, *includes(component, PORT), *map(str, ours)]
        + [str(path) for path in (component / "src").glob("*_network.c")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("count", [1, 7, 120])
@pytest.mark.parametrize("optimised", ["-O2", "-O3"])
def test_a_list_of_a_known_length_compiles_without_a_warning(
    tmp_path: Path, count: int, optimised: str
) -> None:
    """A dense layer alone in its function: the compiler sees how far it reads."""
    source = tmp_path / "list.c"
    source.write_text(
        f'#include "nn_nonzero.h"\nstatic uint8_t in[{count}];\n'
        f"nn_value_t values[{count + 1}];\nnn_value_t *list(void);\n"
        f"nn_value_t *list(void) {{ return nn_nonzero(in, {count}, 7, values); }}\n"
    )
    words = ["gcc", *C99, optimised, f"-I{FIRMWARE / 'components' / 'nn'}"]
    done = subprocess.run(
        [*words, "-c", str(source), "-o", "/dev/null"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
