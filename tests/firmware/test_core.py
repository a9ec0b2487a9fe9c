"""The bare port's own C: soft arithmetic, interrupts, UART registers."""

import subprocess
from pathlib import Path

import pytest

from core.paths import ROOT
from tests.support.c_programs import SANITIZED, build, run
from tests.support.echo import FIXTURES, need
from tools.boards import flash, virtual_board

DIRECT = ROOT / "firmware" / "port" / "esp32_direct"
RUNTIME = [str(path) for path in sorted((DIRECT / "runtime").glob("*.c"))]
TICKS = 40.96  # of CCOUNT in an instruction of 1024 ns
ROUNDS = 100  # of uart_cost.c
PICOLIBC = "--specs=/usr/lib/xtensa-lx106-elf/picolibc.specs"


def compare_with_host(folder: Path, pairs: int, seed: int) -> None:
    need("gcc")
    source = str(FIXTURES / "runtime_test.c")
    flags = ["-DESP8K_RUNTIME_TEST", f"-I{DIRECT / 'runtime'}"]
    program = build("gcc", folder / "runtime", *flags, source, *RUNTIME)
    assert run(program, str(pairs), str(seed)) == f"0 failures in {pairs} pairs\n"


def test_soft_arithmetic_equals_the_hosts_on_a_million_pairs(tmp_path: Path) -> None:
    compare_with_host(tmp_path, 1_000_000, 1)


@pytest.mark.slow
def test_soft_arithmetic_equals_the_hosts_on_many_million_pairs(tmp_path: Path) -> None:
    compare_with_host(tmp_path, 10_000_000, 2)


def test_a_wrong_rounding_would_be_noticed(tmp_path: Path) -> None:
    need("gcc")
    source = (DIRECT / "runtime" / "float.c").read_text()
    wrong = source.replace("0x7FFFFFu + (high & 1u)", "0x7FFFFFu")
    assert wrong != source
    broken = tmp_path / "float.c"
    broken.write_text(wrong)
    flags = ["-DESP8K_RUNTIME_TEST", f"-I{DIRECT / 'runtime'}"]
    others = [path for path in RUNTIME if "float.c" not in path]
    files = [str(FIXTURES / "runtime_test.c"), str(broken), *others]
    program = build("gcc", tmp_path / "runtime", *flags, *files)
    done = subprocess.run([str(program), "1000"], capture_output=True, text=True)
    assert done.returncode == 1 and "mulsf3(" in done.stdout


def on_core(folder: Path, *arguments: str, boot: int = 1, status: int = 0) -> str:
    """Build bare C and run it on the emulated ESP32, counting; what it prints."""
    image = flash.make_image(link(folder, *arguments), folder / "app.bin")
    board = virtual_board.VirtualBoard("virtual", image, count=True)
    return told(board.command(folder)(boot, 1), status)


def link(folder: Path, *arguments: str) -> Path:
    """The port's start and simcalls with `arguments`."""
    names = ("start.S", "mulsh.S", "simcall.c")
    parts = [*(str(DIRECT / name) for name in names), *RUNTIME, *arguments]
    script = DIRECT / "esp32_direct.ld"
    options = ["-nostartfiles", f"-T{script}", "-Wl,--gc-sections"]
    options += ["-Wl,--no-warn-rwx-segments", "-lc", "-lgcc"]
    cross = [PICOLIBC, "-mlongcalls", "-ffunction-sections"]
    cross += [f"-I{DIRECT}", f"-I{DIRECT.parent}"]
    return build("xtensa-lx106-elf-gcc", folder / "a.elf", *cross, *parts, *options)


def told(command: list[str], status: int = 0) -> str:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


@pytest.mark.emulator
def test_the_core_computes_as_the_host_also_under_interrupts(tmp_path: Path) -> None:
    need("xtensa-lx106-elf-gcc", "qemu-system-xtensa")
    source = str(FIXTURES / "core_test.c")
    expected = run(build("gcc", tmp_path / "host", "-DHOST", source))
    *sums, interrupts = on_core(tmp_path, source).splitlines(keepends=True)
    assert len(sums) == 11 and set(sums) == {expected}
    assert int(interrupts, 16) > 10_000


FAULTS = {
    1: "user exception, cause 0x00000000 IllegalInstruction at pc 0x{place} ",
    2: "user exception, cause 0x00000009 LoadStoreAlignment at pc 0x{place} "
    "address 0x3ffb0002 ",
    3: "kernel exception, cause 0x00000000 IllegalInstruction at pc 0x{place} ",
    4: "double exception, cause 0x00000000 IllegalInstruction at pc 0x{place} ",
    5: "unexpected exception, ",
}


@pytest.mark.emulator
@pytest.mark.parametrize("number", FAULTS)
def test_a_fault_is_told_by_the_vectors_of_lx6(tmp_path: Path, number: int) -> None:
    need("xtensa-lx106-elf-gcc", "qemu-system-xtensa")
    names = (FIXTURES / "vectors_test.c", DIRECT / "panic.c", DIRECT / "uart.c")
    status = virtual_board.EXIT_PANIC
    said = on_core(tmp_path, *map(str, names), boot=number, status=status)
    place, _, panic = said.splitlines()
    assert panic.startswith("esp8k panic: " + FAULTS[number].format(place=place))
    assert panic.endswith("; resetting")


def test_the_crystal_is_told_by_counting_it(tmp_path: Path) -> None:
    need("gcc")
    files = [str(DIRECT / "crystal.c"), str(FIXTURES / "crystal_test.c")]
    flags = [*SANITIZED, "-DESP8K_FAKE_REGISTERS", f"-I{DIRECT}"]
    assert run(build("gcc", tmp_path / "crystal", *flags, *files)) == "ok\n"


def test_the_watchdog_resets_after_thirty_seconds_without_a_sign_of_life(
    tmp_path: Path,
) -> None:
    need("gcc")
    files = [str(DIRECT / "watchdog.c"), str(FIXTURES / "watchdog_test.c")]
    flags = [*SANITIZED, "-DESP8K_FAKE_REGISTERS", f"-I{DIRECT}"]
    assert run(build("gcc", tmp_path / "watchdog", *flags, *files)) == "ok\n"
    config = (ROOT / "firmware" / "sdkconfig.defaults").read_text()
    assert "CONFIG_ESP_TASK_WDT_TIMEOUT_S=30\n" in config, "as in ESP-IDF"
    assert "WATCHDOG_MS 30000u" in (DIRECT / "watchdog.h").read_text()


def test_uart0_loses_no_byte_and_counts_what_it_must_drop(tmp_path: Path) -> None:
    need("gcc")
    flags = [*SANITIZED, "-Wno-conversion", "-DESP8K_FAKE_REGISTERS", f"-I{DIRECT}"]
    files = [str(FIXTURES / "uart_test.c"), str(DIRECT / "uart.c")]
    assert run(build("gcc", tmp_path / "uart", *flags, *files)) == "ok\n"


@pytest.mark.emulator
def test_the_interrupt_keeps_up_with_921600_baud_at_40_mhz(tmp_path: Path) -> None:
    """A byte lasts 434 cycles. With 64 bytes in the FIFO the interrupt comes; 64 more
    fit while it is entered and the first are moved."""
    need("xtensa-lx106-elf-gcc", "qemu-system-xtensa")
    files = [str(FIXTURES / "uart_cost.c"), str(DIRECT / "uart.c")]
    lines = on_core(tmp_path, "-DESP8K_FAKE_REGISTERS", *files).splitlines()
    byte_cycles = 40_000_000 * 10 / 921_600
    half, full = (int(line, 16) / TICKS / ROUNDS for line in lines)
    print(f"{half / 64:.1f} and {full / 128:.1f} instructions a byte (emulated)")
    assert 0 < full - half < 128 * byte_cycles / 4, "a quarter of the time is enough"
    assert half < 64 * byte_cycles / 2, "and the FIFO is never full meanwhile"
