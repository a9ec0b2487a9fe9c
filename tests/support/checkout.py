"""A checkout of links in which `make` calls a stand-in, which notes its words."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.paths import ROOT

STAND_IN = """#!/bin/sh
echo "$@" >> calls
verb=$1; shift
while [ $# -gt 0 ]; do
  case $1 in
    --model) model=$2; mkdir -p build/$model ;;
    --seed | --epochs | --dataset) trained="$trained${trained:+ }$2" ;;
    --profile) profile=$2 ;;
    --prepare) prepare=" $1" ;;
  esac
  shift
done
weights=shipped
[ ! -e build/$model/model.pt ] || weights=trained
[ $verb != own ] || trained=own
case $verb in
  train | own)
    echo > build/$model/model.pt; echo "$trained" > build/$model/.train-options ;;
  export)
    echo > build/$model/model.json
    echo "$profile $weights$prepare" > build/$model/.export-options ;;
esac
"""
SOURCES = ("core", "training", "export", "tools", "firmware")


@dataclass(frozen=True)
class Checkout:
    """A folder that looks like ours to make."""

    folder: Path

    def make(
        self, *words: str, env: Mapping[str, str] | None = None, answer: str = ""
    ) -> subprocess.CompletedProcess[str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        clean.pop("ESP8K_BUILD", None)
        return subprocess.run(
            ["make", *words],
            cwd=self.folder,
            env={**clean, **(env or {})},
            input=answer,
            capture_output=True,
            text=True,
        )

    @property
    def program(self) -> Path:
        """The stand-in."""
        return self.folder / ".venv" / "bin" / "esp8k"

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Every verb fails."""
        self.program.write_text("#!/bin/sh\nexit 2\n")
        yield
        self.program.write_text(STAND_IN)

    def calls(self) -> list[str]:
        """What `esp8k` was called with since the last look."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines


def checkout_in(folder: Path) -> Checkout:
    made = Checkout(folder)
    made.program.parent.mkdir(parents=True)
    made.program.write_text(STAND_IN)
    made.program.chmod(0o755)
    (folder / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    (folder / "pyproject.toml").touch()
    for name in SOURCES:
        (folder / name).symlink_to(ROOT / name)
    (folder / "build").mkdir()
    for mark in (".python-ready", ".debian-ready"):
        (folder / "build" / mark).touch()
    return made
