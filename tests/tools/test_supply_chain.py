"""What is pinned is locked by hash, and what is linked is listed."""

import json
import re
import tomllib

import pytest

from core.paths import ROOT

PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)")
APART = {"torch", "torchvision"}  # tools/setup.sh takes them from PyTorch's own index
EXTRAS = ("dev", "bench")  # that `make setup` installs


def normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lines: list[str]) -> set[tuple[str, str]]:
    found = [PIN.match(line) for line in lines]
    return {(normal(match[1]), match[2]) for match in found if match}


@pytest.fixture(scope="module")
def locked() -> str:
    return (ROOT / "requirements.lock").read_text()


def test_every_pin_of_the_project_is_in_the_lock(locked: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    assert all(PIN.match(line) for line in wanted), "an exact version each"
    missing = pins(wanted) - pins(locked.splitlines())
    assert {name for name, _ in missing} <= APART, "run: tools/setup.sh lock"


def test_every_package_of_the_lock_has_its_hashes(locked: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", locked)[1:]
    assert len(entries) > 100
    bare = [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry]
    assert bare == []
    assert "nvidia-" not in locked


def test_the_bill_of_materials_names_all_parts_of_the_firmware() -> None:
    bill = json.loads((ROOT / "firmware" / "sbom.json").read_text())
    assert bill["bomFormat"] == "CycloneDX" and bill["specVersion"] == "1.6"
    names = {part["name"] for part in bill["components"]}
    ours = {path.name for path in (ROOT / "firmware" / "components").iterdir()}
    assert {f"esp8k-{name}" for name in ours} <= names
    builder = ROOT / "firmware" / "platforms" / "virtual" / "builder" / "main.py"
    linked = re.search(r"LIBS=(\{.*?\})", builder.read_text())
    assert linked is not None
    libraries = set(re.findall(r'"(c|gcc)"', linked[1]))
    assert libraries == {"c", "gcc"} and {"picolibc", "libgcc"} <= names
    for part in bill["components"]:
        assert part["licenses"] and part["version"], part["name"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert bill["metadata"]["component"]["version"] == version
