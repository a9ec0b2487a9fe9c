"""What a model would take, before anything is written.

    esp8k analyze model.tflite [--calibration inputs.npz] [--json]

One screen: each operator and how it is made, or what cures it; flash and RAM by
profile; instructions of one inference on each core; which chips it fits; the costliest
layers; where the RAM peak is. Nothing is compiled or run. Sizes are those of the C
that `esp8k compile` writes. Instructions are `counted` where the generator writes the
assembly itself, `estimated` where a compiler stands between. A float model without
--calibration is quantized by drawn inputs, for its sizes alone. Nobody has measured
cycles on these chips: the times are those of one instruction a cycle, the least.
"""

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.cli import parse
from core.errors import CheckFailed, Esp8kError
from core.program import run
from core.text import for_json, for_terminal, percent
from core.words import DEFAULT_PROFILE, PROFILES
from export.core_costs import CoreCost, Engines, by_layer
from export.emit import held
from export.emit.engine import Engine
from export.frontend.sources import Options, Source, load
from export.frontend.support import SUPPORTED, core_of, problems, require_supported
from export.graph.read import read_tflite
from export.kernels.int8.row_step import RowStep

CORES = {"xtensa": "Xtensa", "riscv": "RISC-V"}
WEIGHTS = {
    "int8": "size keeps weights of 8 bits as the file does, the others of 16",
    "int16": "values of 16 bits, weights of 8: one way for all profiles and cores",
}
FLASH = 1 << 20  # an ESP-IDF project's application, where nobody says otherwise
CHIPS = {  # SRAM in bytes by the data sheet, core, MHz
    "ESP32": (520 << 10, "lx6", 240),
    "ESP32-S2": (320 << 10, "lx6", 240),
    "ESP32-S3": (512 << 10, "s3", 240),
    "ESP32-C3": (400 << 10, "rv32imc", 160),
    "ESP32-C6": (512 << 10, "rv32imc", 160),
}
TRUST = {
    "int8": "estimated: within 10 % of emulated counts for products, the rest rough;",
    "int16": "estimated from its loops, roughly, and held to no count;",
}
COLUMNS = 80
FIRST = DEFAULT_PROFILE  # of profiles that are equally fast
FREE = 0.5  # of the SRAM, what a network may take: the rest is the system's


@dataclass(frozen=True)
class Size:
    """What one profile takes."""

    profile: str
    flash_bytes: int  # weights, tables, constants
    ram_bytes: int  # arena and state
    instructions: dict[str, int]  # one inference, by core
    peak: str  # the layer at which most of the arena is in use
    costliest: tuple[tuple[str, str, float], ...]  # (layer, operators, share)


@dataclass(frozen=True)
class Analysis:
    """All that is told."""

    name: str
    engine: str  # int8 | int16
    notes: tuple[str, ...]
    operators: dict[str, int]  # in the file
    made: dict[str, int]  # in the engine's operators
    problems: tuple[tuple[str, str], ...]  # (what, cure)
    macs: int
    weight_bytes: int  # in the file
    sizes: tuple[Size, ...]
    cores: tuple[CoreCost, ...]  # in the profile that is taken if none is named
    chips: dict[str, str]

    def lines(self) -> list[str]:
        """One screen."""
        compiled = f"compiled as {sum(self.made.values())}, " if self.sizes else ""
        found = [
            f"{self.name}: {sum(self.operators.values())} operators, {compiled}"
            f"{self.macs:,} MACs, {self.weight_bytes:,} bytes of constants"
        ]
        found += [f"  {note}" for note in self.notes]
        found += ["operators"]
        for kind, count in sorted(self.operators.items()):
            own = kind in SUPPORTED[self.engine]
            how = "own kernel" if own else "folded, or made of others"
            wrong = [what for what, _ in self.problems if f" {kind} " in what]
            found.append(f"  {count:3} {kind:28} {'REFUSED' if wrong else how}")
        for what, cure in self.problems:
            found += [f"  {what}", f"    cure: {cure}"]
        return found + (self._costs() if self.sizes else [])

    def _costs(self) -> list[str]:
        """What its C takes: by profile, by core, at its most, and what a chip has."""
        head = f"{'portable C':10}{'flash':>12}{'RAM':>10}"
        head += "".join(f"{name + ' instr.':>18}" for name in CORES.values())
        found = [head]
        for size in self.sizes:
            counts = "".join(f"{size.instructions[core]:18,}" for core in CORES)
            found.append(
                f"{size.profile:10}{size.flash_bytes:12,}{size.ram_bytes:10,}{counts}"
            )
        found.append(WEIGHTS[self.engine])
        title = f"{DEFAULT_PROFILE + ' on':10}{'flash':>12}{'RAM':>10}"
        found.append(f"{title}{'instructions':>18}  evidence")
        found += [
            f"{c.core:10}{c.flash_bytes:12,}{c.ram_bytes:10,}{c.instructions:18,}"
            f"  {c.evidence}"
            for c in self.cores
        ]
        size = next(s for s in self.sizes if s.profile == "balanced")
        found.append(f"balanced: RAM peak at {size.peak}; costliest layers, of Xtensa:")
        for layer, kinds, share in size.costliest:
            found.append(f"  {percent(share, 1):>8} {layer} ({kinds})")
        found += [f"{chip:9} {told}" for chip, told in self.chips.items()]
        found.append(TRUST[self.engine])
        found.append(
            "cycles were measured on no chip: one instruction takes one, or more"
        )
        return found


def analyze(model: bytes, name: str, notes: tuple[str, ...] = ()) -> Analysis:
    """Everything about a quantized .tflite; operators that are refused end it there."""
    whole = read_tflite(model, name)
    network, _ = core_of(whole)
    wrong = tuple((error.message, error.hint) for error in problems(network))
    if not wrong:
        try:
            require_supported(network)
        except Esp8kError as error:
            wrong = ((error.message, error.hint),)
    engines = Engines(network)
    sizes = () if wrong else tuple(_size(engines, profile) for profile in PROFILES)
    constants = [t for t in whole.tensors if t.data is not None]
    return Analysis(
        name=name,
        engine=network.engine,
        notes=notes,
        operators=dict(Counter(op.kind for op in whole.operators)),
        made=dict(Counter(op.attributes.of or op.kind for op in network.operators)),
        problems=wrong,
        macs=0 if wrong else network.macs(),
        weight_bytes=sum(t.data.nbytes for t in constants if t.data is not None),
        sizes=sizes,
        cores=engines.all_of(DEFAULT_PROFILE) if sizes else (),
        chips=_chips(engines, sizes),
    )


def _size(engines: Engines, profile: str) -> Size:
    engine = engines.integer(profile)
    costs = {core: by_layer(engine, core) for core in CORES}
    order = sorted(costs["xtensa"].items(), key=lambda pair: -pair[1])
    total = max(sum(costs["xtensa"].values()), 1)
    kinds = {s.name: ", ".join(op.shown for op in s.operators) for s in engine.stages}
    return Size(
        profile=profile,
        flash_bytes=engine.constant_bytes,
        ram_bytes=engine.arena + held.state_offsets(engines.network)[-1],
        instructions={core: sum(found.values()) for core, found in costs.items()},
        peak=_peak(engine),
        costliest=tuple((n, kinds[n], cost / total) for n, cost in order[:3]),
    )


def _peak(engine: Engine) -> str:
    """The layer at which most is in use, with what later ones want again."""
    if not engine.stages:
        return "nothing"
    used = engine.memory.used
    most = max(range(len(engine.stages)), key=used)
    rows = sum(isinstance(kernel, RowStep) for kernel in engine.kernels)
    name = engine.stages[most].name
    if rows and most < rows:
        name = f"the first {rows} layers, which run row by row"
    return f"{name} ({used(most):,} bytes)"


def _chips(engines: Engines, sizes: tuple[Size, ...]) -> dict[str, str]:
    """For each chip the fastest profile that fits, and its time at one per clock."""
    found = {}
    for chip, (sram, core, clock) in CHIPS.items():
        fits = [
            s for s in sizes if s.ram_bytes <= FREE * sram and s.flash_bytes <= FLASH
        ]
        if not sizes:
            continue
        if not fits:
            least = min(sizes, key=lambda s: s.ram_bytes)
            found[chip] = (
                f"does not fit: RAM {least.ram_bytes:,} of {int(FREE * sram):,}, flash "
                f"{min(s.flash_bytes for s in sizes):,} of {FLASH:,} bytes"
            )
            continue
        price = "riscv" if core == "rv32imc" else "xtensa"
        best = min(fits, key=lambda s: (s.instructions[price], s.profile != FIRST))
        cost = engines.on(core, best.profile)
        ms = cost.instructions / clock / 1000
        found[chip] = (
            f"fits; profile {best.profile}, {cost.ram_bytes:,} bytes of RAM, "
            f"{ms:.3g} ms or more"
        )
    return found


def _wrapped(line: str) -> str:
    """Of at most 80 columns."""
    margin = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.fill(line, COLUMNS, subsequent_indent=margin) if line else line


@dataclass(frozen=True)
class Config:
    """Options of `esp8k analyze`."""

    model: Source  # a file, or module:function of torch
    calibration: Path | None = None  # inputs for a float model: .npz .npy .csv folder
    input_shape: tuple[int, ...] | None = None  # where the model leaves it open
    int16: bool = False  # a float model: values of 16 bits, nearer to it and slower
    json: bool = False  # print the result as JSON


def main(argv: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    args = parse(Config, argv, "analyze", __doc__ or "")
    options = Options(
        args.calibration, None, args.input_shape, drawn=True, int16=args.int16
    )
    taken = load(args.model, options)
    found = analyze(taken.model, taken.name, taken.notes)
    if args.json:
        print(for_json(asdict(found)))
    else:
        print(for_terminal("\n".join(map(_wrapped, found.lines()))))
    if found.problems:
        raise CheckFailed("the model cannot be compiled", found.problems[0][1])


if __name__ == "__main__":
    run(main)
