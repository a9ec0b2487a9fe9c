"""A published component, copied out of the repository: it builds alone, everywhere."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest
import yaml

from core.errors import Esp8kError
from core.paths import ROOT
from core.version import VERSION
from export.emit.component import publish
from export.emit.generate import KERNELS, identifier
from export.emit.host_build import WARNINGS
from export.emit.layout import STYLE, lay_out
from export.emit.subject import kernel_version
from tests.support.components import IDENTITY, Networks

STUB = ROOT / "tests" / "firmware" / "fixtures" / "arduino"
PUBLISHED = ("v2", "v3-small")


@pytest.fixture(scope="module", params=PUBLISHED)
def component(
    request: pytest.FixtureRequest,
    networks: Networks,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Both engines of a model, in a folder of another name."""
    model: str = request.param
    folder = tmp_path_factory.mktemp("elsewhere") / "my_copy"
    name = identifier(model)
    publish(*networks(model), folder, "balanced", name, IDENTITY, "here.tflite")
    return folder


def name_of(component: Path) -> str:
    plan = json.loads((component / "plan.json").read_text())
    return str(plan["prefix"])


def run(*command: object, folder: Path | None = None) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_cmake_builds_it_and_its_golden_vectors_are_right(
    component: Path, tmp_path: Path
) -> None:
    run("cmake", "-S", component, "-B", tmp_path)
    run("cmake", "--build", tmp_path)
    told = run("ctest", "--test-dir", tmp_path, "-V")
    assert "4 golden vectors, 0 outputs wrong" in told


@pytest.mark.parametrize(
    ("compiler", "flags"), [("gcc", ["-std=c99"]), ("g++", ["-x", "c++", "-std=c++17"])]
)
def test_the_snippet_of_its_readme_compiles_and_runs(
    compiler: str, flags: list[str], component: Path, tmp_path: Path
) -> None:
    name = name_of(component)
    (snippet,) = re.findall(
        r"```c\n(.*?)```", (component / "README.md").read_text(), re.S
    )
    main = f"int main(void) {{ return classify({name}_golden_inputs[0]) < 0; }}\n"
    source = tmp_path / "main.c"
    source.write_text(f'#include "{name}_golden.h"\n{snippet}{main}')
    options = [*flags, *WARNINGS, f"-I{component / 'src'}", "-o", tmp_path / "a"]
    run(compiler, *options, source, *(component / "src").glob("*.c"))
    run(tmp_path / "a")


# `pio pkg pack`, but for the list of licences, which it would download.
PACK = """
import json, sys
from platformio.__main__ import main
from platformio.package.manifest import schema
known = json.dumps({"licenses": [{"licenseId": "MIT"}]})
schema.fetch_remote_content = lambda url: known
sys.exit(main(["pio", "pkg", "pack", *sys.argv[1:]]))
"""


def test_platformio_packs_it(component: Path, tmp_path: Path) -> None:
    told = run(sys.executable, "-c", PACK, component, "-o", tmp_path)
    (package,) = tmp_path.glob("*.tar.gz")
    assert package.name == f"{name_of(component)}_model-{VERSION}.tar.gz", told
    library = json.loads((component / "library.json").read_text())
    for example in library["examples"]:
        for file in example["files"]:
            assert (component / example["base"] / file).exists()
    assert (component / library["build"]["srcDir"] / library["headers"]).exists()


def test_esp_idfs_packer_packs_it(component: Path, tmp_path: Path) -> None:
    name = f"{name_of(component)}_model"
    packer = Path(sys.executable).with_name("compote")
    words = ["component", "pack", "--name", name, "--dest-dir", tmp_path]
    run(packer, *words, "--project-dir", component)
    with tarfile.open(tmp_path / f"{name}_{VERSION}.tgz") as archive:
        inside = {Path(member.name) for member in archive if member.isfile()}
    there = {p.relative_to(component) for p in component.rglob("*") if p.is_file()}
    assert inside == there


def test_arduino_finds_header_and_sketch(component: Path, tmp_path: Path) -> None:
    """Its layout is library.properties, src/ and examples/NAME/NAME.ino."""
    lines = (component / "library.properties").read_text().splitlines()
    told = dict(line.split("=", 1) for line in lines)
    wanted = "name version author maintainer sentence paragraph category"
    assert {*wanted.split(), "architectures", "includes"} == told.keys()
    assert all(told.values()) and told["version"] == VERSION
    assert (component / "src" / told["includes"]).exists()
    for sketch in component.rglob("*.ino"):
        assert sketch.stem == sketch.parent.name
        command = ["g++", "-std=c++17", "-x", "c++", "-include", STUB / "Arduino.h"]
        objects = [f"-I{component / 'src'}", "-c", sketch, "-o", tmp_path / "a.o"]
        run(*command, *WARNINGS, *objects)


def test_the_manifest_of_esp_idf_is_whole(component: Path) -> None:
    told = yaml.safe_load((component / "idf_component.yml").read_text())
    assert told["license"] == "MIT" and told["version"] == VERSION
    assert "url" not in told, "nobody publishes it yet"
    assert {"esp32", "esp32s3", "esp32c3"} <= set(told["targets"])
    for example in told["examples"]:
        folder = component / example["path"]
        assert (folder / "CMakeLists.txt").exists()
        assert (folder / "main" / "CMakeLists.txt").exists()


@pytest.mark.parametrize("arch", ["xtensa", "riscv"])
def test_esp_idf_is_told_sources_flags_and_the_name(arch: str, component: Path) -> None:
    asks = ROOT / "tests" / "firmware" / "fixtures" / "idf_cmake" / "requirements.cmake"
    name = name_of(component)
    xtensa = "ON" if arch == "xtensa" else "OFF"
    command = ["cmake", "-DESP_PLATFORM=1", f"-DCONFIG_IDF_TARGET_ARCH_XTENSA={xtensa}"]
    command.append(f"-DFILE={component / 'CMakeLists.txt'}")
    for folder, right in (("component", False), (f"{name}_model", True)):
        done = subprocess.run(
            [*command, f"-DCOMPONENT_NAME={folder}", "-P", str(asks)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert (f"to {name}_model" in " ".join(done.stderr.split())) is not right
        told = dict(re.findall(r"^-- (\w+) ?(.*)$", done.stdout, re.M))
        sources = sorted(told["sources"].split(";"))
        expected = sorted(f"src/{p.name}" for p in (component / "src").glob("*.[cS]"))
        assert sources == expected and len(sources) >= 6
        flags = json.loads((component / "flags.json").read_text())
        wanted = [f for f in [*flags["all"], *flags[arch]] if "-std" not in f]
        assert told["flags"].split(";") == ["PRIVATE", *wanted]


def test_the_program_for_esp_idf_compiles(component: Path, tmp_path: Path) -> None:
    source = component / "examples" / "esp_idf" / "main" / "main.c"
    options = ["-std=c99", *WARNINGS, f"-I{component / 'src'}", "-c", source]
    run("gcc", *options, "-o", tmp_path / "a.o")


def test_every_file_of_c_has_its_licence_and_the_dialect(
    component: Path, tmp_path: Path
) -> None:
    files = [p for kind in ("*.c", "*.h", "*.ino") for p in component.rglob(kind)]
    assert len(files) > 12
    for path in files:
        first = path.read_text().splitlines()[0]
        assert first == "/* SPDX-License-Identifier: MIT", path.name
    assert "MIT License" in (component / "LICENSE").read_text()
    # What stands between "off" and "on" costs clang-format seconds: it is set aside.
    copy = shutil.copytree(component, tmp_path / "copy")
    lay_out(copy)
    for path in files:
        assert (copy / path.relative_to(component)).read_text() == path.read_text()


def test_the_kernels_are_in_the_dialect_and_of_the_version() -> None:
    program = Path(sysconfig.get_path("scripts")) / "clang-format"
    headers = sorted(KERNELS.glob("*.h"))
    run(program, f"--style=file:{STYLE}", "--dry-run", "-Werror", *headers)
    major, minor, patch = map(int, VERSION.split("."))
    assert kernel_version() == 10_000 * major + 100 * minor + patch
    project = (ROOT / "pyproject.toml").read_text()
    assert f'\nversion = "{VERSION}"\n' in project


def test_nothing_in_it_names_the_repository(component: Path) -> None:
    for path in component.rglob("*"):
        if path.is_file():
            assert str(ROOT) not in path.read_text()


def test_a_component_without_its_kernels_of_the_version_is_refused(
    component: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(component, copy)
    header = copy / "src" / "nn_common.h"
    text = header.read_text()
    header.write_text(re.sub(r"NN_VERSION \d+", "NN_VERSION 1", text))
    source = next((copy / "src").glob("*_int8_network.c"))
    done = subprocess.run(
        ["gcc", "-c", str(source), "-o", str(tmp_path / "a.o")],
        capture_output=True,
        text=True,
    )
    assert done.returncode and "of another version" in done.stderr


def test_a_long_table_keeps_its_lines(tmp_path: Path) -> None:
    rows = "    1, -20, 3,\n    -100, 2, 30,\n"
    for times, kept in ((600, True), (20, False)):
        table = f"const int a[{6 * times}] = {{\n{rows * times}}};\n"
        (tmp_path / "a.c").write_text(f"int  b;\n\n{table}")
        lay_out(tmp_path)
        text = (tmp_path / "a.c").read_text()
        assert text.startswith("int b;\n\nconst int a")
        assert text.endswith(table) is kept


def test_a_busy_computer_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.c").write_text("int a;\n")
    monkeypatch.setattr("export.emit.layout.TIMEOUT_S", 1e-6)
    with pytest.raises(Esp8kError, match="clang-format took longer") as met:
        lay_out(tmp_path)
    assert "less busy" in met.value.hint
