"""What a model would take, before anything is written.

    esp8k analyze model.tflite [--calibration inputs.npz] [--json]

One screen: each operator and how it is made, or what cures it; flash and RAM by
profile; instructions of one inference by core; which chips it fits; the costliest
layers; where the RAM peak is. Nothing is compiled or run: all figures are estimates
but for the sizes, which are those of the C that `esp8k compile` writes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.cli import Positional, parse
from core.errors import CheckFailed, Esp8kError
from core.program import run
from core.text import for_json, for_terminal
from core.words import PROFILES
from export.cores.s3 import lower as cores_s3
from export.emit import held, lower
from export.emit.engine import Engine
from export.frontend.sources import Options, load
from export.frontend.support import SUPPORTED, core_of, problems, require_supported
from export.graph.network import Network, read_tflite
from export.kernels import registry

CORES = {"xtensa": "Xtensa", "riscv": "RISC-V"}
PLAIN = 12  # instructions an element of an operator without products, roughly
FLASH = 1 << 20  # an ESP-IDF project's application, where nobody says otherwise
CHIPS = {  # SRAM in bytes by the data sheet, core, MHz
    "ESP32": (520 << 10, "xtensa", 240),
    "ESP32-S2": (320 << 10, "xtensa", 240),
    "ESP32-S3": (512 << 10, "xtensa", 240),
    "ESP32-C3": (400 << 10, "riscv", 160),
    "ESP32-C6": (512 << 10, "riscv", 160),
}
FREE = 0.5  # of the SRAM, what a network may take: the rest is the system's


@dataclass(frozen=True)
class Size:
    """What one profile takes."""

    profile: str
    flash_bytes: int  # weights, tables, constants
    ram_bytes: int  # arena and state
    instructions: dict[str, int]  # one inference, by core
    ram_by_core: dict[str, int]  # the same where a core's own kernels run
    peak: str  # the layer at which most of the arena is in use
    costliest: tuple[tuple[str, str, float], ...]  # (layer, operators, share)


@dataclass(frozen=True)
class Analysis:
    """All that is told."""

    name: str
    notes: tuple[str, ...]
    operators: dict[str, int]  # in the file
    made: dict[str, int]  # in the engine's operators
    problems: tuple[tuple[str, str], ...]  # (what, cure)
    macs: int
    weight_bytes: int  # in the file
    sizes: tuple[Size, ...]
    chips: dict[str, str]

    def lines(self) -> list[str]:
        """One screen."""
        found = [
            f"{self.name}: {sum(self.operators.values())} operators, "
            f"{self.macs:,} MACs, {self.weight_bytes:,} bytes of constants"
        ]
        found += [f"  {note}" for note in self.notes]
        found += ["operators"]
        for kind, count in sorted(self.operators.items()):
            how = "own kernel" if kind in SUPPORTED else "folded, or made of others"
            wrong = [what for what, _ in self.problems if f" {kind} " in what]
            found.append(f"  {count:3} {kind:28} {'REFUSED' if wrong else how}")
        for what, cure in self.problems:
            found += [f"  {what}", f"    cure: {cure}"]
        if not self.sizes:
            return found
        head = f"{'profile':10}{'flash':>12}{'RAM':>10}"
        head += "".join(f"{name + ' instr.':>18}" for name in CORES.values())
        found.append(head)
        for size in self.sizes:
            counts = "".join(f"{size.instructions[core]:18,}" for core in CORES)
            found.append(
                f"{size.profile:10}{size.flash_bytes:12,}{size.ram_bytes:10,}{counts}"
            )
        for size in self.sizes:
            told = ", ".join(f"{c} {n:,}" for c, n in size.ram_by_core.items())
            found.append(f"{size.profile}: RAM by core: {told}")
        found.append("size keeps weights of 8 bits as the file does, the others of 16")
        size = next(s for s in self.sizes if s.profile == "balanced")
        found.append(f"balanced: RAM peak at {size.peak}; most of the time goes to")
        for layer, kinds, share in size.costliest:
            found.append(f"  {share:6.1%} {layer} ({kinds})")
        found += [f"{chip:9} {told}" for chip, told in self.chips.items()]
        found.append(
            "instructions: estimates, of products within 10 % of emulated counts, of "
            "the rest rough"
        )
        return found


def analyze(model: bytes, name: str, notes: tuple[str, ...] = ()) -> Analysis:
    """Everything about an int8 .tflite; operators that are refused end it there."""
    whole = read_tflite(model, name)
    network, _ = core_of(whole)
    wrong = tuple((error.message, error.hint) for error in problems(network))
    if not wrong:
        try:
            require_supported(network)
        except Esp8kError as error:
            wrong = ((error.message, error.hint),)
    sizes = () if wrong else tuple(_size(network, profile) for profile in PROFILES)
    constants = [t for t in whole.tensors if t.data is not None]
    return Analysis(
        name=name,
        notes=notes,
        operators=dict(Counter(op.kind for op in whole.operators)),
        made=dict(
            Counter(op.attributes.get("of", op.kind) for op in network.operators)
        ),
        problems=wrong,
        macs=0 if wrong else network.macs(),
        weight_bytes=sum(t.data.nbytes for t in constants if t.data is not None),
        sizes=sizes,
        chips=_chips(sizes),
    )


def _size(network: Network, profile: str) -> Size:
    engine = lower.int8(network, profile, "net")
    costs = {core: _costs(engine, core) for core in CORES}
    order = sorted(costs["xtensa"].items(), key=lambda pair: -pair[1])
    total = max(sum(costs["xtensa"].values()), 1)
    kinds = {s.name: ", ".join(op.kind for op in s.operators) for s in engine.stages}
    return Size(
        profile=profile,
        flash_bytes=sum(array.size for array in engine.arrays),
        ram_bytes=engine.arena + held.state_offsets(network)[-1],
        ram_by_core=_rams(network, profile, engine),
        instructions={core: sum(found.values()) for core, found in costs.items()},
        peak=_peak(engine),
        costliest=tuple((n, kinds[n], cost / total) for n, cost in order[:3]),
    )


def _rams(network: Network, profile: str, engine: Engine) -> dict[str, int]:
    """Arena and state in bytes by the core whose kernels run."""
    state = held.state_offsets(network)[-1]
    own = lower.int8(network, profile, "net", core=registry.LX6)
    found = {"portable": engine.arena + state, "lx6": own.arena + state}
    if cores_s3.applies(network):
        found["s3"] = cores_s3.lower(network, "net").arena
    return found


def _costs(engine: Engine, core: str) -> dict[str, int]:
    """Instructions by layer."""
    return {
        stage.name: max(kernel.cost(core), 0) or PLAIN * stage.size
        for stage, kernel in zip(engine.stages, engine.kernels, strict=True)
    }


def _peak(engine: Engine) -> str:
    """The layer whose inputs, output and scratch are largest together."""

    def used(number: int) -> int:
        stage, kernel = engine.stages[number], engine.kernels[number]
        known = engine.memory.offsets
        sources = {s.tensor: s.pitch * s.region[0] for s in stage.sources}
        total = sum(size for tensor, size in sources.items() if tensor in known)
        return total + (stage.size if stage.output in known else 0) + kernel.scratch

    if not engine.stages:
        return "nothing"
    most = max(range(len(engine.stages)), key=used)
    return f"{engine.stages[most].name} ({used(most):,} bytes)"


def _chips(sizes: tuple[Size, ...]) -> dict[str, str]:
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
                f"does not fit: {least.ram_bytes:,} bytes of RAM, "
                f"{min(s.flash_bytes for s in sizes):,} of flash"
            )
            continue
        best = min(fits, key=lambda s: s.instructions[core])
        ms = best.instructions[core] / clock / 1000
        found[chip] = f"fits; profile {best.profile}, {ms:.3g} ms at one a clock"
    return found


@dataclass(frozen=True)
class Config:
    """Options of `esp8k analyze`."""

    model: Positional[str]  # a file, or module:function of torch
    calibration: Path | None = None  # inputs for a float model: .npz .npy .csv folder
    input_shape: tuple[int, ...] | None = None  # where the model leaves it open
    json: bool = False  # print the result as JSON


def main(argv: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    args = parse(Config, argv, "analyze", __doc__ or "")
    taken = load(args.model, Options(args.calibration, None, args.input_shape))
    found = analyze(taken.model, taken.name, taken.notes)
    if args.json:
        print(for_json(asdict(found)))
    else:
        print(for_terminal("\n".join(found.lines())))
    if found.problems:
        raise CheckFailed("the model cannot be compiled", found.problems[0][1])


if __name__ == "__main__":
    run(main)
