"""What this computer lacks is found before anything is built, with its cure."""

import importlib.metadata
import os
from collections import namedtuple

import pytest

from core import paths
from tests.support import exported
from tests.support.findings import by_check
from tools.boards import pio
from tools.doctor import host as doctor_host
from tools.doctor.finding import NOTE, OK, PROBLEM


def test_packages_that_are_not_as_pinned_are_named(tmp_path):
    pins = tmp_path / "pyproject.toml"
    pins.write_text(
        "[project]\ndependencies = ['a==1', 'torch==2.13.0', 'b==2', 'c==3',"
        " \"d==4; sys_platform == 'beos'\"]"
    )

    def installed(name: str) -> str:
        if name == "c":
            raise importlib.metadata.PackageNotFoundError
        return {"a": "1", "torch": "2.13.0+cpu", "b": "2.1"}[name]

    finding = doctor_host.packages(pins, installed)
    assert finding.level == PROBLEM and finding.text == "b is 2.1, not 2; c is missing"
    assert "make setup" in finding.cure


@pytest.mark.parametrize(
    ("absent", "level", "package"),
    [
        ("xtensa-lx106-elf-gcc", PROBLEM, "gcc-xtensa-lx106"),
        ("llvm-mc-22", PROBLEM, "llvm-22"),
        ("qemu-system-xtensa", PROBLEM, "qemu-system-misc"),
        ("riscv64-unknown-elf-gcc", NOTE, "gcc-riscv64-unknown-elf"),
        ("gcc", PROBLEM, "gcc"),
    ],
)
def test_a_missing_compiler_names_its_package(tmp_path, absent, level, package):
    which = lambda tool: None if tool == absent else f"/usr/bin/{tool}"  # noqa: E731
    findings = doctor_host.compilers(which, tmp_path)
    bad = [finding for finding in findings if finding.level != OK]
    assert [finding.level for finding in bad] == [level]
    assert absent in bad[0].text and package in bad[0].cure.split()


def test_an_old_python_is_refused():
    assert doctor_host.python_version((3, 9, 2)).level == PROBLEM
    assert doctor_host.python_version((3, 11, 0)).level == OK


@pytest.mark.parametrize(("free", "level"), [(1e6, PROBLEM), (2e9, NOTE), (9e10, OK)])
def test_a_full_disk_is_found_before_anything_fails(monkeypatch, tmp_path, free, level):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda place: usage(1e12, 0, free))
    assert doctor_host.disk(tmp_path / "not" / "there").level == level


def test_an_unreachable_registry_is_a_note_with_a_way_round(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PLATFORMIO_CORE_DIR", raising=False)
    monkeypatch.setattr(pio, "registry_answers", lambda: False)
    offline = by_check(doctor_host.platformio(network=True))["espressif32"]
    assert offline.level == NOTE and "BOARD=virtual" in offline.cure
    (tmp_path / ".platformio" / "platforms" / "espressif32").mkdir(parents=True)
    there = by_check(doctor_host.platformio(network=True))["espressif32"]
    assert there.level == OK and "offline" in there.text


def test_weights_that_are_newer_than_the_export_are_noted(monkeypatch, tmp_path):
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    paths.model_dir("v2").mkdir()
    told = exported.write(paths.model_dir("v2"))
    os.utime(told, (1000, 1000))
    trained = told.with_name("model.pt")

    def found():
        return by_check(doctor_host.models())["model-v2"]

    assert found().level == OK
    trained.touch()
    assert found().level == NOTE and found().cure == "run: make export MODEL=v2"
    os.utime(trained, (999, 999))
    assert found().level == OK
