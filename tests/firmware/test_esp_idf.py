"""The ESP-IDF port, against headers that declare what ESP-IDF 5.1 declares."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.c_programs import SANITIZED, build, run
from tests.support.echo import C99, FIXTURES, need
from tools.boards.sources import FIRMWARE, folders, includes

PORT = FIRMWARE / "port" / "esp_idf"
SOURCES = sorted(PORT.glob("*.c"))
LINES = [f"-DCONFIG_ESP8K_LINE_USB_{one}=1" for one in ("SERIAL_JTAG", "CDC")]
INCLUDES = [
    f"-I{FIXTURES / 'idf'}",
    f"-I{FIXTURES / 'echo_app'}",
    f"-I{FIRMWARE / 'port'}",
    f"-I{PORT}",
]
# ESP-IDF's own warnings, added to the house's.
IDF = ["-std=gnu17", "-Werror=all", "-Wno-unused-parameter", "-Wno-sign-compare"]
CROSS = {
    "xtensa-lx106-elf-gcc": [
        "--specs=/usr/lib/xtensa-lx106-elf/picolibc.specs",
        "-mlongcalls",
    ],
    "riscv64-unknown-elf-gcc": ["-march=rv32imc", "-mabi=ilp32", "-ffreestanding"],
}


@pytest.mark.parametrize("compiler", CROSS)
def test_it_compiles_where_uint32_t_is_unsigned_long(
    compiler: str, tmp_path: Path
) -> None:
    need(compiler)
    for standard in ([], IDF):
        flags = [*CROSS[compiler], *standard, *LINES, *INCLUDES]
        for source in SOURCES:
            build(compiler, tmp_path / "board.o", *flags, "-c", str(source))


def test_it_reads_feeds_the_watchdog_and_gives_up_a_rate(tmp_path: Path) -> None:
    need("gcc")
    files = [*map(str, SOURCES), str(FIXTURES / "idf_test.c")]
    flags = [*SANITIZED, *IDF, "-DESP8K_FAKE_REGISTERS", *INCLUDES]
    program = build("gcc", tmp_path / "idf", *flags, *files)
    assert run(program) == "ok\n"


def test_answers_go_where_the_request_came_from(tmp_path: Path) -> None:
    need("gcc")
    lines = [str(path) for path in SOURCES if path.name.startswith("line")]
    files = [*lines, str(FIXTURES / "idf_lines_test.c")]
    flags = [*SANITIZED, *IDF, *LINES, *INCLUDES]
    assert run(build("gcc", tmp_path / "lines", *flags, *files)) == "ok\n"


def test_a_line_keeps_the_floor_as_long_as_half_a_frame_is_waited_for() -> None:
    def number(path: Path, name: str) -> str:
        return re.search(rf"#define {name} (\d+)", path.read_text())[1]

    idle = number(FIRMWARE / "src" / "app_state.h", "APP_FRAME_IDLE_MS")
    assert number(PORT / "lines.c", "FLOOR_MS") == idle


def test_a_batch_fits_the_buffer_of_every_line() -> None:
    kconfig = (FIRMWARE / "src" / "Kconfig.projbuild").read_text()
    receive = kconfig.split("config ESP8K_UART_RX_BYTES")[1].split("config")[0]
    least = 16 * (800 + 800 // 254 + 3)
    assert int(re.search(r"default (\d+)", receive)[1]) >= least
    assert "CONFIG_ESP8K_UART_RX_BYTES" in (PORT / "line_jtag.c").read_text()
    console = settings("sdkconfig.defaults.esp32s2")
    assert int(console["ESP_CONSOLE_USB_CDC_RX_BUF_SIZE"]) >= least
    assert console["ESP_CONSOLE_USB_CDC"] == "y"


def test_every_source_compiles_as_esp_idf_compiles_it(tmp_path: Path, exported) -> None:
    need("xtensa-lx106-elf-gcc")
    component = exported("v2") / "component"
    flags = [flag for flag in C99 if not flag.startswith("-std")]
    for source in (
        *(path for folder in folders() for path in folder.glob("*.c")),
        *(component / "src").glob("*.c"),
    ):
        where = includes(component, "esp_idf")
        cross = [*CROSS["xtensa-lx106-elf-gcc"], *flags, *IDF, *where]
        done = subprocess.run(
            ["xtensa-lx106-elf-gcc", *cross, "-c", str(source), "-o", "/dev/null"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


def test_the_partitions_fit_two_megabytes() -> None:
    rows = [
        [word.strip() for word in line.split(",")]
        for line in (FIRMWARE / "partitions.csv").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    end = 0x8000 + 0x1000  # the table itself
    for _, _, _, offset, size in rows:
        assert int(offset, 16) >= end, "partitions do not overlap"
        end = int(offset, 16) + int(size, 16)
    assert end <= 2 * 1024 * 1024
    assert any(row[1] == "app" and int(row[3], 16) % 0x10000 == 0 for row in rows)


def test_every_option_has_a_help_text() -> None:
    text = (FIRMWARE / "src" / "Kconfig.projbuild").read_text()
    options = text.split("config ESP8K_")[1:]
    helped = [one for one in options if "help\n" in one]
    members = ("WEIGHTS_IN_FLASH", "WEIGHTS_IN_RAM")  # explained by their choice
    assert {one.split()[0] for one in options} - {
        one.split()[0] for one in helped
    } == set(members)
    used = "".join(path.read_text() for path in SOURCES)
    for one in helped:
        assert f"CONFIG_ESP8K_{one.split()[0]}" in used


def test_no_vendor_header_outside_the_ports() -> None:
    for folder in ("src", "components"):
        for source in (FIRMWARE / folder).rglob("*.[ch]"):
            if source.name == "nn_s3.h":
                continue  # asks for the chip whose instructions it is written in
            text = source.read_text()
            assert "freertos/" not in text and "driver/" not in text, source
            assert "ESP_PLATFORM" not in text and "CONFIG_IDF" not in text, source


# ==== What it asks of ESP-IDF =================================================

OLD = {"driver", "esp_hw_support", "esp_system", "esp_timer", "freertos"}
SPLIT = {"esp_driver_uart", "esp_driver_usb_serial_jtag"}
OURS = {"link", "model", "prepare"}


@pytest.mark.parametrize(
    ("minor", "components"),
    [
        (1, OLD),
        (2, OLD),
        (3, OLD - {"driver"} | SPLIT),
        (5, OLD - {"driver"} | SPLIT),
    ],
)
def test_it_requires_the_components_of_each_version(
    minor: int, components: set[str]
) -> None:
    told = asked("src", "-DIDF_VERSION_MAJOR=5", f"-DIDF_VERSION_MINOR={minor}")
    assert set(told["requires"].split(";")) == OURS | components
    assert told["left"] == "" and told["flags"] == "PRIVATE;-ffp-contract=off"


def test_it_requires_the_console_over_usb_where_that_is_a_component(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "components" / "esp_usb_cdc_rom_console").mkdir(parents=True)
    monkeypatch.setenv("IDF_PATH", str(tmp_path))
    told = asked("src", "-DIDF_VERSION_MAJOR=5", "-DIDF_VERSION_MINOR=5")
    assert "esp_usb_cdc_rom_console" in told["requires"].split(";")


def asked(component: str, *definitions: str) -> dict[str, str]:
    """What a component's CMakeLists.txt asks of ESP-IDF."""
    need("cmake")
    done = subprocess.run(
        ["cmake", *definitions, f"-DFILE={FIRMWARE / component / 'CMakeLists.txt'}"]
        + ["-P", str(FIXTURES / "idf_cmake" / "requirements.cmake")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"^-- (\w+) ?(.*)$", done.stdout, re.MULTILINE))


@pytest.mark.parametrize(("arch", "xtensa"), [("xtensa", "ON"), ("riscv", "OFF")])
def test_the_model_is_compiled_with_the_flags_that_were_measured(
    arch: str, xtensa: str, exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    component = exported("v2") / "component"
    monkeypatch.setenv("ESP8K_MODEL_DIR", str(component))
    told = asked("components/model", f"-DCONFIG_IDF_TARGET_ARCH_XTENSA={xtensa}")
    groups = json.loads((FIRMWARE / "components" / "nn" / "flags.json").read_text())
    flags = ["PRIVATE", "-ffp-contract=off", *groups["all"], *groups[arch]]
    assert told["flags"].split(";") == flags and told["left"] == ""
    sources = set((component / "src").glob("*.[cS]"))
    assert set(map(Path, told["sources"].split(";"))) == sources
    names = {path.name for path in sources}
    published = (component / "CMakeLists.txt").read_text()
    assert set(re.findall(r'"src/(\w+\.[cS])"', published)) == names
    assert {"v2_int8_network.c", "v2_int8_s3.c", "v2_int8_s3.S"} < names
    assert told["requires"] == ""


def test_a_model_that_was_not_exported_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_MODEL_DIR", str(tmp_path))
    with pytest.raises(AssertionError, match=r"make\s+export"):
        asked("components/model")


def test_a_model_below_a_path_that_is_hard_to_quote_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "ü ☃ it's $HOME [a]*? (b)" / "model"
    shutil.copytree(FIXTURES / "model", place)
    (place / "flags.json").write_text("{}")
    monkeypatch.setenv("ESP8K_MODEL_DIR", str(place))
    assert asked("components/model")["sources"] == str(place / "src" / "model.c")
    for name in ("a;b", 'a"b', "a|b", "a$(b)", "a${b}"):
        monkeypatch.setenv("ESP8K_MODEL_DIR", str(tmp_path / name))
        with pytest.raises(AssertionError, match=r"or\s+a\s+line\s+end"):
            asked("components/model")


def test_every_call_has_its_row_in_the_table_and_its_declaration() -> None:
    table = (FIRMWARE / "port" / "esp_idf" / "README.md").read_text()
    stubs = "".join(path.read_text() for path in (FIXTURES / "idf").rglob("*.h"))
    text = "".join(path.read_text() for path in SOURCES)
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    called = set(re.findall(r"\b((?:uart|usb|esp|x|ux|v)(?:_|Task)\w+)\(", code))
    assert len(called) > 20
    for name in called:
        assert f"`{name}`" in table and re.search(rf"\b{name}\b", stubs), name
    for header in re.findall(r"#include \"((?:driver|freertos|esp_)[^\"]+)\"", code):
        assert f"`{header}`" in table, header


def settings(*names: str) -> dict[str, str]:
    """The options that these files set."""
    lines = [line for name in names for line in (FIRMWARE / name).open()]
    pairs = [line.strip().split("=", 1) for line in lines if line.startswith("CONFIG_")]
    return {name.removeprefix("CONFIG_"): value for name, value in pairs}


@pytest.mark.parametrize(
    ("chip", "mhz", "cores"),
    [
        ("esp32", 240, 2),
        ("esp32s2", 240, 1),
        ("esp32s3", 240, 2),
        ("esp32c3", 160, 1),
        ("esp32c6", 160, 1),
    ],
)
def test_each_chip_runs_at_full_speed_and_watches_the_task_alone(
    chip: str, mhz: int, cores: int
) -> None:
    """Hours of inference starve idle tasks: only the application is watched."""
    found = settings("sdkconfig.defaults", f"sdkconfig.defaults.{chip}")
    assert found[f"ESP_DEFAULT_CPU_FREQ_MHZ_{mhz}"] == "y"
    assert found["COMPILER_OPTIMIZATION_PERF"] == "y"
    assert found["ESPTOOLPY_FLASHSIZE_2MB"] == "y"
    assert found["ESP_TASK_WDT_INIT"] == found["ESP_TASK_WDT_PANIC"] == "y"
    for core in range(cores):
        assert found[f"ESP_TASK_WDT_CHECK_IDLE_TASK_CPU{core}"] == "n"
