"""Every example is built as far as this machine can, and run where it can."""

import configparser
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.paths import ROOT
from export.emit import prepared
from export.emit.host_build import WARNINGS
from export.graph.read import read_tflite
from export.reference import float16, int8
from training.data import load

EXAMPLES = ROOT / "examples"
FIXTURES = ROOT / "tests" / "firmware" / "fixtures"
IMAGES = 12
HARD = "ein Häuschen ☃ it's $HOME [a]* (b) & %2, ~@!"
Exported = Callable[[str], Path]


def run(*command: object, data: bytes = b"") -> str:
    done = subprocess.run(list(map(str, command)), input=data, capture_output=True)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return load("mnist").test_images[:IMAGES]


def answers(folder: Path, model: str, images: np.ndarray) -> list[tuple[int, int]]:
    """(int8's class, float16's) of each image, by the references."""
    whole = read_tflite(folder / "model_int8.tflite", model)
    quantized = (images.astype(np.int16) - 128).astype(np.int8)[..., None]
    half = read_tflite(folder / "model_fp16.tflite", model)
    first = int8.outputs(whole, quantized).reshape(len(images), -1).argmax(-1)
    second = float16.outputs(half, images.reshape(len(images), -1)).argmax(-1)
    return list(zip(first.tolist(), second.tolist(), strict=True))


def cut_off(program: Path, images: np.ndarray) -> None:
    """A picture's file that is no image of bytes, or none: once in silence, and 0."""
    for data in (images.tobytes()[:-1], b""):
        done = subprocess.run([program], input=data, capture_output=True)
        assert done.returncode == 1 and b"no whole image of 784" in done.stderr


def below(folder: Path, name: str, *copied: Path) -> Path:
    """A folder of that name, and in it copies of what is built there."""
    made = folder / name
    for source in copied:
        shutil.copytree(source, made / source.name)
    return made


def test_host_c_answers_as_the_references(
    exported: Exported, images: np.ndarray, tmp_path: Path
) -> None:
    """Example, component and build all lie below a path that is hard to quote."""
    folder = exported("v3")
    here = below(tmp_path, HARD, EXAMPLES / "host_c", folder / "component")
    where = f"-DMODEL_DIR={here / 'component'}"
    run("cmake", "-S", here / "host_c", "-B", here / "build", where)
    run("cmake", "--build", here / "build")
    told = run(here / "build" / "classify", data=images.tobytes()).splitlines()
    cut_off(here / "build" / "classify", images)
    wanted = answers(folder, "v3", images)
    assert told == [f"int8 {a}, float16 {b}" for a, b in wanted]


@pytest.mark.parametrize("name", ["a;b", 'a"b', "a|b", "a$(b)", "a${b}", "a\nb"])
def test_a_path_that_cmake_cannot_take_is_said(
    exported: Exported, name: str, tmp_path: Path
) -> None:
    copied = [EXAMPLES / "host_c", EXAMPLES / "two_models"]
    component = exported("v3") / "component"
    here = below(tmp_path, name, *copied)
    (here / "component").mkdir()
    shutil.copy(component / "CMakeLists.txt", here / "component")
    for source in ("host_c", "two_models", "component"):
        for there in (here / f"{source}_build", tmp_path / f"{source}_build"):
            command = ["cmake", "-S", str(here / source), "-B", str(there)]
            done = subprocess.run(command, capture_output=True, text=True)
            told = " ".join(done.stderr.split())
            assert done.returncode == 1 and "or a line end:" in told, told
            assert not (there / "CMakeFiles" / "CMakeOutput.log").exists()


@pytest.mark.parametrize("name", ["host_c", "two_models"])
def test_an_example_without_an_export_asks_for_it(name: str, tmp_path: Path) -> None:
    here = below(tmp_path, "checkout/examples", EXAMPLES / name) / name
    command = ["cmake", "-S", str(here), "-B", str(tmp_path / "build")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "make export" in done.stderr


def test_two_models_answer_in_one_program(
    exported: Exported, images: np.ndarray, tmp_path: Path
) -> None:
    folders = {model: exported(model) for model in ("v2", "v3")}
    where = f"-DBUILD_DIR={folders['v3'].parent}"
    run("cmake", "-S", EXAMPLES / "two_models", "-B", tmp_path, where)
    run("cmake", "--build", tmp_path)
    told = run(tmp_path / "vote", data=images.tobytes()).splitlines()
    cut_off(tmp_path / "vote", images)
    both = [answers(folder, model, images) for model, folder in folders.items()]
    assert told == [
        f"v2: int8 {a}, float16 {b}; v3: int8 {c}, float16 {d}"
        for (a, b), (c, d) in zip(*both, strict=True)
    ]


def test_esp_idf_compiles_against_stub_headers(
    exported: Exported, tmp_path: Path
) -> None:
    source = exported("v3") / "component" / "src"
    includes = [f"-I{source}", f"-I{FIXTURES / 'idf'}"]
    main = EXAMPLES / "esp_idf" / "main"
    options = ["-std=c99", *WARNINGS, *includes, "-c", main / "main.c"]
    run("gcc", *options, "-o", tmp_path / "a.o")
    asks = FIXTURES / "idf_cmake" / "requirements.cmake"
    told = run("cmake", f"-DFILE={main / 'CMakeLists.txt'}", "-P", asks)
    assert "requires v3_model;esp_timer" in told


def test_platformio_arduino_compiles_against_stub_headers(
    exported: Exported, tmp_path: Path
) -> None:
    source = exported("v3") / "component" / "src"
    includes = [f"-I{source}", f"-I{FIXTURES / 'arduino'}"]
    folder = EXAMPLES / "platformio_arduino"
    options = ["-std=c++17", *WARNINGS, *includes, "-c", folder / "src" / "main.cpp"]
    run("g++", *options, "-o", tmp_path / "a.o")
    settings = configparser.ConfigParser()
    settings.read_string((folder / "platformio.ini").read_text())
    assert settings["env:esp32dev"]["framework"] == "arduino"


@pytest.fixture(scope="module")
def preparing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources that `--prepare` adds to v3's component."""
    folder = tmp_path_factory.mktemp("prepare")
    (folder / "src").mkdir()
    for name, text in prepared.sources("v3").items():
        (folder / name).write_text(text)
    return folder / "src"


def test_the_camera_compiles_against_stub_headers(
    exported: Exported, preparing: Path, tmp_path: Path
) -> None:
    folders = [exported("v3") / "component" / "src", preparing]
    folders += [FIXTURES / "idf", FIXTURES / "camera"]
    main = EXAMPLES / "esp32cam" / "main"
    includes = [f"-I{folder}" for folder in folders]
    options = ["-std=c99", *WARNINGS, *includes, "-c", main / "main.c"]
    run("gcc", *options, "-o", tmp_path / "a.o")
    asks = FIXTURES / "idf_cmake" / "requirements.cmake"
    told = run("cmake", f"-DFILE={main / 'CMakeLists.txt'}", "-P", asks)
    assert "requires v3_model;esp32-camera;esp_timer" in told
    assert "espressif/esp32-camera" in (main / "idf_component.yml").read_text()


def test_the_touch_screen_compiles_against_stub_headers(
    exported: Exported, preparing: Path, tmp_path: Path
) -> None:
    folders = [exported("v3") / "component" / "src", preparing]
    folders += [FIXTURES / "arduino", FIXTURES / "touch"]
    folder = EXAMPLES / "touch"
    includes = [f"-I{path}" for path in folders]
    options = ["-std=c++17", *WARNINGS, *includes, "-c", folder / "src" / "main.cpp"]
    run("g++", *options, "-o", tmp_path / "a.o")
    settings = configparser.ConfigParser()
    settings.read_string((folder / "platformio.ini").read_text())
    assert "XPT2046" in settings["env:esp32dev"]["lib_deps"]


def test_the_table_names_every_example_and_no_other() -> None:
    table = (EXAMPLES / "README.md").read_text()
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.M))
    assert named == {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
