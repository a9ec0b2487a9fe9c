"""Every verb's command line: its help, its mistakes, and what neither may do."""

import importlib
import inspect
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from core.cli import laid_out, parse
from core.errors import EXIT_USAGE, Esp8kError
from core.paths import ROOT
from export.compile import Config as Compile
from tools.main import GROUPS, VERBS, main


@dataclass(frozen=True)
class Config:
    """Options of a test."""

    word: Literal["red", "green"] = "red"  # which colour
    count: int | None = None  # how many
    share: float = 0.5  # of it all
    plot: bool = True  # draw it
    json: bool = False  # print JSON
    names: tuple[str, ...] = ("a",)  # several


def test_words_become_a_typed_config():
    got = parse(
        Config, ["--count", "3", "--no-plot", "--json", "--names", "x", "y"], "test"
    )
    assert got == Config(count=3, plot=False, json=True, names=("x", "y"))


@pytest.mark.parametrize(
    "words, told",
    [
        (["--word", "blue"], "--word: 'blue' is none of red, green"),
        (["--count", "many"], "--count takes INT, not 'many'"),
        (["--count", "None"], "--count takes INT, not 'None'"),
        (["--share", "half"], "--share takes FLOAT, not 'half'"),
        (["--share"], "--share wants a value"),
        (["--count", "9" * 5000], "--count takes INT"),
        (["--colour", "3"], "there is no option --colour 3"),
        (["stray", "word"], "there is no place for stray word"),
    ],
)
def test_a_mistake_is_one_line_with_a_hint(words, told):
    with pytest.raises(Esp8kError) as caught:
        parse(Config, words, "test")
    assert caught.value.message == told
    assert caught.value.hint == "see esp8k test --help"
    assert caught.value.code == EXIT_USAGE


@pytest.mark.parametrize(
    "words, meant",
    [
        (["--modle", "v2"], "--model"),
        (["--no-brower"], "--no-browser"),
        (["--httpport=0"], "--http-port"),
        (["--word", "x", "--enigne", "f16"], None),
    ],
)
def test_a_misspelt_option_is_told_which_was_meant(words, meant):
    from tools.web.draw import Config as Draw

    with pytest.raises(Esp8kError) as caught:
        parse(Draw, words, "test")
    told = f"did you mean {meant}? " if meant else ""
    assert caught.value.hint == f"{told}see esp8k test --help"


@pytest.mark.parametrize(
    "words, told, hint",
    [
        (["net.tflite", "--folder", "out"], "--folder", ""),
        (["net.tflite", "--uot", "out"], "--uot", "did you mean --out? "),
        (["--model", "net.tflite", "-o", "out"], "--model", "MODEL stands without"),
        (["net.tflite", "--input_shap", "1"], "--input-shap", "did you mean --input-"),
        (["-x", "net.tflite"], "-x", ""),
        (["net.tflite", "-O=out"], "-O", ""),
    ],
)
def test_an_unknown_option_is_told_before_what_is_missing(words, told, hint):
    """`compile net.tflite --folder out` said that -o must be given, and no more."""
    with pytest.raises(Esp8kError) as caught:
        parse(Compile, words, "compile")
    assert caught.value.message == f"there is no option {told}"
    assert caught.value.hint.startswith(hint or "see esp8k compile")


@pytest.mark.parametrize("words", [["--help"], []])
def test_a_former_name_is_taken_and_told_nowhere(words, capsys):
    """`-o PATH, --output PATH, --out PATH` left it open which is meant."""
    with pytest.raises((SystemExit, Esp8kError)) as ending:
        parse(Compile, words, "compile")
    told = capsys.readouterr().out + getattr(ending.value, "message", "")
    assert "-o" in told and "--out" in told and "--output" not in told


@pytest.mark.parametrize("written", ["-o", "--out", "--output"])
def test_what_is_missing_is_told_and_the_folder_has_its_names(written):
    with pytest.raises(Esp8kError, match="must be given"):
        parse(Compile, ["net.tflite"], "compile")
    assert parse(Compile, ["net.tflite", written, "f"], "compile").out == Path("f")


def test_help_tells_the_defaults_that_tell_something(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        parse(Config, ["--help"], "test")
    shown = " ".join(capsys.readouterr().out.split())
    assert "which colour (default: red)" in shown and "(default: 0.5)" in shown
    assert "how many --share" in shown  # None is no value that one could give
    assert "draw it (else: yes)" in shown and "print JSON --names" in shown


def test_help_comes_in_a_terminal_of_one_column(capsys, monkeypatch):
    """It went on for ever."""
    monkeypatch.setenv("COLUMNS", "1")
    with pytest.raises(SystemExit):
        parse(Config, ["--help"], "test")
    assert "--share FLOAT" in capsys.readouterr().out
    assert os.environ["COLUMNS"] == "1"


def test_a_misspelt_verb_is_told_which_was_meant():
    with pytest.raises(Esp8kError) as caught:
        main(["clasify"])
    assert caught.value.hint == "did you mean classify? see esp8k --help"
    with pytest.raises(Esp8kError) as caught:
        main(["xyz"])
    assert caught.value.hint == "see esp8k --help"


def test_examples_keep_their_lines():
    text = laid_out("One long paragraph. " * 9 + "\n\n    esp8k a\n    esp8k b --c\n")
    assert "\n\n    esp8k a\n    esp8k b --c" in text
    assert max(map(len, text.splitlines())) < 80


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_fits_80_columns_and_does_no_work(
    verb, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "build"))
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    out, err = capsys.readouterr()
    assert left.value.code == 0 and not err
    assert [line for line in out.splitlines() if len(line) > 80] == []
    text = inspect.getdoc(importlib.import_module(VERBS[verb].module)) or ""
    examples = [line for line in text.splitlines() if line.startswith("    ")]
    assert set(examples) <= set(out.splitlines())
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_an_option_that_it_has_not(verb):
    with pytest.raises(Esp8kError) as caught:
        main([verb, "--no-such-option"])
    assert caught.value.code == EXIT_USAGE and f"esp8k {verb}" in caught.value.hint


def test_the_list_of_verbs_fits_80_columns(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert all(f"  {name} " in out for group in GROUPS.values() for name in group)


def test_an_unknown_verb_is_a_mistake():
    with pytest.raises(Esp8kError, match="no verb 'trian'"):
        main(["trian"])


def test_the_list_of_verbs_loads_no_library():
    code = (
        "import sys; from tools.main import main; main(['--help']);"
        "assert not {'torch', 'numpy', 'tyro', 'rich'} & set(sys.modules)"
    )
    start = time.process_time()
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert time.process_time() - start < 0.5


@pytest.fixture(scope="module")
def venv(tmp_path_factory) -> Path:
    """A venv with esp8k installed as tools/setup.sh does, and this one's packages."""
    folder = tmp_path_factory.mktemp("esp8k") / "venv"
    python = folder / "bin" / "python"
    make = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(make, check=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    packages = Path(importlib.import_module("tyro").__file__).parent.parent
    (site / "borrowed.pth").write_text(f"{packages}\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q"]
    subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--no-index", "-e", str(ROOT)],
        check=True,
    )
    return folder


def test_the_entry_point_works_from_any_folder(venv, tmp_path):
    done = subprocess.run(
        [venv / "bin" / "esp8k", "models", "--json"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert '"parameters": 7762' in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        *(
            "chaos --rate 2",
            "chaos --requests 0",
            "chaos --seed -1",
            "proxy --rate nan",
        ),
        *("soak --minutes nan", "soak --minutes 0", "fuzz --seconds -1"),
        *("mlperf-data --iterations 0", "mlperf-data --microseconds -5"),
        *("check-pictures --least nan", "check-pictures --count 0"),
        *("bisect --images -1", "scenes --count 0", "scenes --seed -1"),
        *("report --frames -1", "kills --every 0"),
        *("prepare --count 0", "read-frames --least 101", "draw --http-port 65536"),
        *("hand --samples 0", "own --seed -1"),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(words):
    """Some did nothing and said that all was right; some were unforeseen errors."""
    verb, option, value = words.split()
    needed = ["."] if verb == "own" else []
    with pytest.raises(Esp8kError, match=f"{option} {value}.* is out of range"):
        main([verb, *needed, f"{option}={value}"])
