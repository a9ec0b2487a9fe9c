"""Fuzz the link: libFuzzer under ASan and UBSan over decoder, text and commands.

    esp8k fuzz --seconds 600

One harness after the other, each for its share of the time, from the corpus that is
kept in firmware/fuzz/corpus. `--keep` merges what was found into it. Exit code 1 and
the input's path when a harness crashes. Needs clang-19 with libclang-rt-19-dev.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core import family
from core.cli import SEEDS, parse, require_range
from core.errors import CheckFailed, Esp8kError
from core.paths import build_root
from core.program import run
from core.text import for_json
from tools.boards.sources import FIRMWARE, includes
from tools.faults.loopback import PORT, sources

CLANGS = ("clang-19", "clang-14", "clang")
HARNESSES = ("frame", "text", "command")
FUZZ = FIRMWARE / "fuzz"
LONGEST_INPUT = 2048  # bytes
FLAGS = (
    "-std=c99",
    "-O1",
    "-g",
    "-fsanitize=fuzzer,address,undefined",
    "-fno-sanitize-recover=all",
    "-DAPP_MAX_ITERATIONS=3",  # of `infer N`: the rest is waiting
)
RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)|Done (\d+) runs")


@dataclass(frozen=True)
class Config:
    """Options of `esp8k fuzz`."""

    seconds: int = 60  # for all harnesses together
    seed: int = 1  # of libFuzzer; 0 draws one
    keep: bool = False  # merge what was found into the kept corpus
    json: bool = False  # print the counts as JSON


def compiler() -> str:
    """A clang that is here."""
    for name in CLANGS:
        if shutil.which(name):
            return name
    raise Esp8kError("no clang to fuzz with", "apt install clang-19 libclang-rt-19-dev")


def build(name: str, firmware: Path = FIRMWARE) -> Path:
    """One harness over the sources below `firmware`, as a program."""
    program = build_root() / "fuzz" / name
    program.parent.mkdir(parents=True, exist_ok=True)
    model = firmware / "fuzz" / "fake_model"
    files = [*sources(model, firmware), firmware / "fuzz" / f"fuzz_{name}.c"]
    command = [compiler(), *FLAGS, *includes(model, PORT, firmware), *map(str, files)]
    built = family.heard([*command, "-o", str(program)])
    if built.returncode != 0:
        raise Esp8kError(
            f"the harness {name} does not build:\n{built.stderr.strip()}",
            "apt install libclang-rt-19-dev",
        )
    return program


def fuzz(
    name: str, seconds: int, seed: int, firmware: Path = FIRMWARE
) -> tuple[int, Path]:
    """Run one harness; executions, and the folder with what it found."""
    program = build(name, firmware)
    found = program.parent / f"{name}_found"
    found.mkdir(exist_ok=True)
    kept = FUZZ / "corpus" / name
    command = [
        str(program),
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-max_len={LONGEST_INPUT}",
        "-timeout=10",
        "-print_final_stats=1",
        f"-artifact_prefix={program.parent}/{name}-",
        str(found),
        str(kept),
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        tail = "\n".join(done.stderr.splitlines()[-40:])
        raise CheckFailed(
            f"the harness {name} crashed:\n{tail}",
            f"the input lies beside {program}; run {program} INPUT",
        )
    counts = [int(a or b) for a, b in RUNS.findall(done.stderr)]
    return max(counts, default=0), found


def keep(name: str, found: Path) -> int:
    """Merge what was found into the kept corpus; its files now."""
    kept = FUZZ / "corpus" / name
    kept.mkdir(parents=True, exist_ok=True)
    fresh = found.parent / f"{name}_merged"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    program = found.parent / name
    merge = [str(program), "-set_cover_merge=1", f"-max_len={LONGEST_INPUT}"]
    subprocess.run(
        [*merge, str(fresh), str(kept), str(found)], check=True, capture_output=True
    )
    shutil.rmtree(kept)
    shutil.copytree(fresh, kept)
    return sum(1 for _ in kept.iterdir())


def main(argv: Sequence[str] | None = None) -> int:
    config = parse(Config, argv, "fuzz", __doc__ or "")
    require_range(config, seconds=(1, 10**7), seed=SEEDS)
    share = max(1, config.seconds // len(HARNESSES))
    told = []
    for name in HARNESSES:
        runs, found = fuzz(name, share, config.seed)
        kept = keep(name, found) if config.keep else None
        counts = {"inputs": runs, "seconds": share, "corpus_files": kept}
        told.append({"harness": name, **counts})
        if not config.json:
            line = f"{name:8} {runs:>12,} inputs in {share} s: no crash"
            line += "" if kept is None else f", corpus {kept} files"
            print(line, flush=True)
    if config.json:
        print(for_json({"seed": config.seed, "harnesses": told}))
    return 0


if __name__ == "__main__":
    run(main)
