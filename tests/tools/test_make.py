"""The Makefile as a user meets it; a stand-in for `esp8k` notes its words."""

import fcntl
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.words import MODELS
from tests.support.checkout import Checkout, checkout_in
from tools.boards import catalogue


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return checkout_in(tmp_path)


def test_every_verb_runs_below_a_path_that_the_shell_would_read_otherwise(tmp_path):
    checkout = checkout_in(tmp_path / 'with blank, ü, it\'s $HOME `a` "b"')
    verbs = re.findall(r"^  make (\S+)", checkout.make().stdout, re.M)
    others = {"setup", "test", "test-fast", "lint", "docs", "help"}
    others |= {"clean", "distclean"}
    for verb in [verb for verb in verbs if verb not in others]:
        done = checkout.make(verb)
        assert done.returncode == 0, done.stderr
        assert verb in [call.split()[0] for call in checkout.calls()]
    program = checkout.folder / ".venv" / "bin" / "mkdocs"
    program.write_text('#!/bin/sh\nprintf "%s" "$5" > site\n')
    program.chmod(0o755)
    assert checkout.make("docs").returncode == 0
    site = (checkout.folder / "site").read_text()
    assert site == f"{checkout.folder}/build/site"
    assert checkout.make("clean").returncode == 0
    assert checkout.make("distclean", answer="y\n").returncode == 0
    assert not (checkout.folder / "build").exists()


def test_a_verb_runs_this_checkout_and_no_other(checkout):
    checkout.program.write_text('#!/bin/sh\nprintf "%s" "$PYTHONPATH" > seen\n')
    assert checkout.make("bench").returncode == 0
    assert (checkout.folder / "seen").read_text() == str(checkout.folder)


def test_the_trained_checkpoint_is_what_later_verbs_use(checkout):
    made = checkout.make("train", "MODEL=v1", "EPOCHS=1", "SEED=3", "DATASET=fashion")
    assert made.returncode == 0, made.stderr
    assert "--epochs 1" in checkout.calls()[0]
    weights = checkout.folder / "build/v1/model.pt"
    before = weights.stat().st_mtime_ns
    for verb in ("export", "build", "classify", "report"):
        assert checkout.make(verb, "MODEL=v1").returncode == 0
    calls = checkout.calls()
    assert not any(call.startswith("train") for call in calls)
    assert sum(call.startswith("export") for call in calls) == 1
    assert weights.stat().st_mtime_ns == before


def test_training_again_with_the_same_options_says_that_it_is_up_to_date(checkout):
    checkout.make("train", "MODEL=v1", "EPOCHS=1")
    done = checkout.make("train", "MODEL=v1", "EPOCHS=1")
    assert done.stdout.startswith("up to date: build/v1/model.pt (EPOCHS=1")
    checkout.make("train", "MODEL=v1", "EPOCHS=2")
    assert len(checkout.calls()) == 2


def test_a_training_that_failed_leaves_the_checkpoint_up_to_date(checkout):
    checkout.make("train", "MODEL=v1", "EPOCHS=1")
    with checkout.failing():
        assert checkout.make("train", "MODEL=v1", "OWN=.").returncode == 2
        assert checkout.make("train", "MODEL=v1", "SEED=9").returncode == 2
    again = checkout.make("train", "MODEL=v1", "EPOCHS=1")
    assert again.stdout.startswith("up to date: build/v1/model.pt")


def test_own_digits_are_not_trained_over_by_chance(checkout):
    (checkout.folder / "digits").mkdir()
    checkout.make("train", "MODEL=v1", "OWN=digits")
    checkout.calls()
    refused = checkout.make("train", "export", "MODEL=v1")
    assert refused.returncode == 2 and "has learned own pictures" in refused.stderr
    assert not checkout.calls()
    assert checkout.make("export", "MODEL=v1").returncode == 0
    (checkout.folder / "build/v1/model.pt").unlink()
    assert checkout.make("train", "MODEL=v1").returncode == 0


def test_the_profile_of_the_last_export_stays(checkout):
    checkout.make("export", "PROFILE=size")
    assert checkout.calls()[0].endswith("--profile size")
    checkout.make("classify")
    assert not any(call.startswith("export") for call in checkout.calls())
    assert "(PROFILE=size)" in checkout.make("export").stdout
    checkout.make("export", "PROFILE=speed")
    assert checkout.calls()[0].endswith("--profile speed")


def test_an_export_that_failed_steers_no_later_verb(checkout):
    """Its options were remembered once, as though they had been carried out."""
    checkout.make("export", "PROFILE=size")
    product = checkout.folder / "build/v3/model.json"
    with checkout.failing():
        assert checkout.make("export", "PROFILE=speed", "PREPARE=1").returncode == 2
    assert "(PROFILE=size)" in checkout.make("export").stdout
    product.unlink()  # as one that failed half-way leaves it
    checkout.calls()
    checkout.make("classify")
    assert checkout.calls()[0] == "export --model v3 --profile size"


def test_an_export_that_runs_is_waited_for_and_not_made_once_more(checkout):
    folder = checkout.folder / "build/v3"
    folder.mkdir(parents=True)
    with (folder / ".lock").open("w") as held, ThreadPoolExecutor() as pool:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("export 1\n")
        held.flush()
        waiting = pool.submit(checkout.make, "classify")
        time.sleep(2)  # without a wait all would be over
        (folder / "model.json").touch()
        (folder / ".export-options").write_text("balanced shipped\n")
        assert not waiting.done() and not checkout.calls()
        fcntl.flock(held, fcntl.LOCK_UN)
        done = waiting.result()
    assert done.returncode == 0 and "waiting for the export" in done.stderr
    assert [call.split()[0] for call in checkout.calls()] == ["flash", "classify"]


def test_an_export_of_weights_that_are_gone_is_made_anew(checkout):
    checkout.make("train", "export", "MODEL=v1")
    (checkout.folder / "build/v1/model.pt").unlink()
    checkout.calls()
    checkout.make("export", "MODEL=v1")
    assert checkout.calls() == ["export --model v1 --profile balanced"]
    assert "up to date" in checkout.make("export", "MODEL=v1").stdout


def test_what_was_exported_without_make_is_known_to_it(checkout):
    checkout.make("export")
    options = checkout.folder / "build/v3/.export-options"
    options.write_text("speed given --prepare\n")
    checkout.calls()
    checkout.make("classify")
    assert not any(call.startswith("export") for call in checkout.calls())
    assert "(PROFILE=speed)" in checkout.make("export").stdout


def test_preparing_on_the_board_is_asked_for_and_stays(checkout):
    checkout.make("export", "PREPARE=1")
    assert checkout.calls()[0].endswith("--profile balanced --prepare")
    checkout.make("classify")
    assert not any(call.startswith("export") for call in checkout.calls())
    checkout.make("export", "PREPARE=")
    assert checkout.calls()[0].endswith("--profile balanced")


def test_the_name_of_a_folder_is_no_line_of_the_shell(checkout):
    folder = """folder:a"b'c`touch seen`;d"""
    (checkout.folder / folder.removeprefix("folder:")).mkdir()
    assert checkout.make("train", f"DATASET={folder}").returncode == 0
    assert folder in checkout.calls()[0]
    assert not (checkout.folder / "seen").exists()
    assert folder in (checkout.folder / "build/v3/.train-options").read_text()


def test_resuming_trains_although_nothing_changed(checkout):
    checkout.make("train", "MODEL=v1")
    (checkout.folder / "build/v1/unfinished.pt").touch()
    checkout.make("train", "MODEL=v1", "RESUME=1")
    assert checkout.calls()[-1].endswith("--resume")


@pytest.mark.parametrize(
    "words, told",
    [
        (["MODEL=v9"], "MODEL=v9 is none of: v1 v2 v3 v3-small"),
        (["MODEL=v1 v3"], "MODEL=v1 v3 is none of"),
        (["TEACHER=NO"], "TEACHER=NO is none of: yes no"),
        (["TEACHER=no", "MODEL=v2"], "v2 has no teacher"),
        (["SEED=99999999999999999999"], "SEED=99999999999999999999 is no number"),
        (["SEED=-1"], "SEED=-1 is no number"),
        (["EPOCHS=many"], "EPOCHS=many is no number"),
        (["LIMIT=0"], "LIMIT=0 is no number 1 to 10000"),
        (["N="], "N= is no number"),
        (["INDEX=10000"], "INDEX=10000 is no number 0 to 9999"),
        (["INDEX=1 2"], "INDEX=1 2 is no number"),
        (["INDEX=7", "IMG=a.png"], "INDEX and IMG are both given"),
        (["CROP=1,2,30,40"], "CROP is a part of a picture"),
        (["BOARD=arduino"], "BOARD=arduino is none of: virtual twin"),
        (["ENGINE=int4"], "ENGINE=int4 is none of: int8 f16"),
        (["PREPARE=yes"], "PREPARE=yes is none of: 1"),
        (["PROFILE=fast"], "PROFILE=fast is none of: speed balanced size"),
        (["DATASET=cifar"], "DATASET=cifar is none of: mnist"),
        (["DATASET=folder:no where"], "there is no folder DATASET=folder:no where"),
        (["OWN=it's gone"], "there is no folder OWN=it's gone"),
        (["EPOCH=1"], "EPOCH=1 steers nothing: the variables are MODEL BOARD"),
        (["index=7"], "index=7 steers nothing"),
        (["LAN=yes"], "LAN=yes is none of: 1"),
        (["clasify"], "there is no verb clasify: make alone lists them"),
        (["PORT=COM3"], "PORT=COM3: a path"),
        (["PORT=3000"], "PORT=3000: a path"),
        (["PORT=/dev/ttyNOPE"], "there is no PORT=/dev/ttyNOPE"),
    ],
)
def test_a_wrong_word_is_told_before_anything_is_built(checkout, words, told):
    done = checkout.make("classify", *words)
    assert done.returncode == 2 and told in done.stderr
    assert checkout.calls() == []
    assert {p.name for p in (checkout.folder / "build").iterdir()} == {
        ".python-ready",
        ".debian-ready",
    }


def test_the_picture_is_looked_at_before_the_export(checkout):
    name = "it's a seven.png"
    checkout.make("classify", f"IMG={name}")
    calls = checkout.calls()
    assert [call.split()[0] for call in calls] == [
        "image",
        "export",
        "flash",
        "classify",
    ]
    assert name in calls[0] and name in calls[-1]


def test_the_board_to_test_is_chosen_as_the_one_to_flash(checkout):
    checkout.make("test-board", "BOARD=esp32dev", "SERIAL=24:0a:c4:00:00:01")
    assert checkout.calls()[-1] == (
        "test-board --model v3 --board esp32dev --serial 24:0a:c4:00:00:01"
    )


def test_verbs_after_flash_want_no_sizes_from_it(checkout):
    checkout.make("flash")
    assert "--brief" not in checkout.calls()[-1]
    checkout.make("classify")
    assert "flash --model v3 --brief" in checkout.calls()


def test_the_environment_steers_nothing(checkout):
    stray = {"PORT": "3000", "N": "x", "MODEL": "zz", "BOARD": "b", "SEED": "y"}
    done = checkout.make("classify", env={**stray, "INDEX": "9", "IMG": "z"})
    assert done.returncode == 0, done.stderr
    assert all("--model v3" in call for call in checkout.calls())
    assert "--index 0" in checkout.make("-n", "classify", env={"INDEX": "9"}).stdout


def test_every_board_of_the_catalogue_is_known(checkout):
    for kind in catalogue.KINDS:
        done = checkout.make("-n", "build", f"BOARD={kind.name}")
        assert done.returncode == 0 and f"--board {kind.name}" in done.stdout


def test_help_lists_verbs_and_variables_in_80_columns(checkout):
    out = checkout.make().stdout
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "make classify" in out and "EPOCHS   5" in out
    assert all(model in out for model in MODELS)


def test_help_says_how_long_each_verb_takes(checkout):
    times = ("seconds", "minute", "hours", "MINUTES", "Ctrl-C")
    verbs = dict(re.findall(r"^  make (\S+) +(.*)", checkout.make().stdout, re.M))
    silent = {name for name, text in verbs.items() if not any(t in text for t in times)}
    assert silent == {"clean", "distclean", "help"}


def test_a_report_of_some_images_is_asked_for_by_limit(checkout):
    assert "--images 500" in checkout.make("-n", "report", "LIMIT=500").stdout
    assert "--images" not in checkout.make("-n", "report").stdout
    refused = checkout.make("report", "LIMIT=many")
    assert refused.returncode == 2 and "LIMIT=many" in refused.stderr


def test_clean_keeps_what_took_training(checkout):
    checkout.make("train", "MODEL=v1", "EPOCHS=1")
    checkout.make("export", "MODEL=v1")
    build = checkout.folder / "build"
    (build / "v1/seeds").mkdir()
    for name in ("metrics.json", "unfinished.pt", "seeds/0.pt", "seeds/0.json"):
        (build / "v1" / name).touch()
    (build / "v1/component/src").mkdir(parents=True)
    (build / "v1/component/src/net.c").touch()
    assert checkout.make("clean").returncode == 0
    left = {str(p.relative_to(build)) for p in build.rglob("*") if p.is_file()}
    assert left == {
        ".python-ready",
        ".debian-ready",
        *(f"v1/{name}" for name in ("model.pt", "metrics.json", "unfinished.pt")),
        *("v1/seeds/0.pt", "v1/seeds/0.json", "v1/.train-options"),
    }
    assert not (build / "v1/component").exists()
    assert "up to date" in checkout.make("train", "MODEL=v1", "EPOCHS=1").stdout


@pytest.mark.parametrize("answer, gone", [("", False), ("n\n", False), ("y\n", True)])
def test_distclean_asks_first(checkout, answer, gone):
    done = checkout.make("distclean", answer=answer)
    assert "remove build, .venv" in done.stdout
    assert (checkout.folder / ".venv").exists() is not gone
    assert done.returncode == (0 if gone else 2)


def test_a_venv_that_was_removed_is_made_anew(checkout):
    """Its stamp stood in build/, and the next verb ended with: not found."""
    checkout.program.unlink()
    done = checkout.make("-n", "train")
    assert "bash tools/setup.sh python" in done.stdout


@pytest.mark.parametrize("line", ["#!{}", '#!/bin/sh\n\'\'\'exec\' "{}" "$0" "$@"\n'])
def test_a_checkout_that_was_moved_is_said_with_its_cure(checkout, line):
    """The programs of a .venv name the folder that it was made in."""
    gone = checkout.folder / "it was" / "here" / ".venv" / "bin" / "python3.11"
    checkout.program.write_text(line.format(gone) + "\nimport re\n")
    done = checkout.make("train")
    assert done.returncode == 2 and "rm -r .venv" in done.stderr
    assert "folder moved?" in done.stderr and "not found" not in done.stderr
    assert checkout.make("distclean", answer="y\n").returncode == 0
    checkout.program.parent.mkdir(parents=True)
    checkout.program.write_text(line.format(gone) + "\nimport re\n")
    gone.parent.mkdir(parents=True)
    gone.symlink_to("/bin/true")
    assert "moved" not in checkout.make("-n", "train").stderr
