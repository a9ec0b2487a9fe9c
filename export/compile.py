"""Any small quantized .tflite as a self-contained C component.

    esp8k compile model.tflite -o DIR [--profile speed]
    esp8k compile model.onnx --calibration images.npz -o DIR
    esp8k compile a.py:build --input-shape 1 1 28 28 --calibration i.npy -o DIR

A float model (.tflite, .onnx, .keras, .h5, or what a Python function returns) is
quantized on the way with the inputs of --calibration: an .npz or .npy (N inputs in the
model's own layout), a .csv, or a folder of images. DIR then holds the C with its
kernels, build files for ESP-IDF, PlatformIO and CMake, an example and golden vectors.
The C is compiled and compared with TFLite Micro (a file of uint8: with TensorFlow Lite)
before DIR is touched, and nothing in DIR that this command did not write is ever
replaced.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from core.cli import arg, parse
from core.errors import CheckFailed, Esp8kError
from core.files import scratch
from core.isolate import isolated
from core.program import run
from core.published import Published, published
from core.text import folded, for_comment, for_json, for_terminal
from core.words import DEFAULT_CORES, DEFAULT_PROFILE, Cores, Profile
from export.emit import held, host_build
from export.emit.component import publish
from export.emit.contents import USUAL, Contents
from export.emit.generate import identifier
from export.emit.golden import as_taken, joined, random_values
from export.emit.identity import identify
from export.frontend.canonical.ends import Ends, from_core, to_outer
from export.frontend.sources import Options, Source, load
from export.frontend.support import core_of, require_supported
from export.graph.kinds import LSTM
from export.graph.network import Network
from export.graph.read import read_tflite
from export.reference import int8, lite, tflm

URL = re.compile(r"https://[\w.~/-]+")
Oracle = Callable[[bytes, list[np.ndarray], int], list[np.ndarray]]
CHECKED = 20  # random inputs compared before anything is written
CALLS = 200  # one after another, where a network keeps a state
STEPS = 5000  # of all calls together, where a call has several
TIMEOUT_S = 120  # for the compiled example


@dataclass(frozen=True)
class Result:
    """What was compiled."""

    name: str
    profile: str
    operators: int
    macs: int
    weight_bytes: int
    arena_bytes: int
    tflm_arena_bytes: int | None
    compared_with: str  # what the C was held to
    checked: int  # random inputs; calls one after another where there is a state
    notes: tuple[str, ...] = ()  # what was decided on the way

    def lines(self) -> list[str]:
        """For people."""
        rival = tflm.SKIPPED if not tflm.available() else "cannot run it"
        if self.tflm_arena_bytes is not None:
            rival = f"{self.tflm_arena_bytes:,} bytes"
        return [
            f"{self.name}: {self.operators} operators, {self.macs:,} MACs, "
            f"profile {self.profile}",
            f"weights and tables {self.weight_bytes:,} bytes",
            f"arena {self.arena_bytes:,} bytes; TFLite Micro: {rival}",
            f"equal to {self.compared_with}: {self.checked} random inputs, all bytes",
            *self.notes,
        ]


def compile_model(
    model: bytes,
    name: str,
    source: str,
    out: Path,
    profile: str,
    notes: tuple[str, ...] = (),
    contents: Contents = USUAL,
) -> Result:
    """Generate, check and write the component of an int8 or int16 .tflite."""
    network, ends = core_of(read_tflite(model, name))
    require_supported(network)
    identity = identify(name, network.sha256, network.sha256)
    with published(out, last=f"src/{name}_model.h") as made:
        shown = for_comment(source)
        plan = publish(
            network, None, made.stage, profile, name, identity, shown, contents
        )
        with scratch() as work:  # compiled once: the example is linked to it
            library = host_build.build(made.stage, work)
            check_example(made.stage, library.path)
        compared = _check_outputs(network, ends, model, library)
    return Result(
        name=name,
        profile=profile,
        operators=len(network.operators),
        macs=network.macs(),
        weight_bytes=sum(s.weight_bytes for s in plan.stages),
        arena_bytes=plan.arenas[network.engine],
        tflm_arena_bytes=_rival(network, model),
        compared_with=compared,
        checked=compared_inputs(network),
        notes=(*notes, *_told(ends), *_kept(network, name), *_replaced(made)),
    )


def _rival(network: Network, model: bytes) -> int | None:
    """TFLite Micro's arena; None where it cannot run the model."""
    if _oracle(network)[1] is not tflm.sequence:
        return None
    try:
        found = isolated(tflm.arena_bytes, (model,), tflm.NAME)
    except Esp8kError:
        return None
    return None if found is None else int(found)


def _told(ends: Ends) -> list[str]:
    """What the file has around the int8 core."""
    found = []
    for name, several in (("input", ends.inputs), ("output", ends.outputs)):
        for end in several:
            if end.outer in ("int8", "int16"):
                continue
            what = "the greatest one's index" if end.outer == "argmax" else end.outer
            found.append(
                f"{name}: {what} in the file; here {end.held}, real = "
                f"{end.scale:.9g} * (q - ({end.zero_point}))"
            )
    return found


def _kept(network: Network, name: str) -> list[str]:
    """What stays from one call to the next."""
    if not network.variables:
        return []
    size = held.state_offsets(network)[-1]
    return [
        f"{size:,} bytes of state go on from call to call, as in TFLite Micro: "
        f"{name}_int8_reset() begins a new sequence"
    ]


def _replaced(made: Published) -> list[str]:
    count, gone = len(made.replaced), len(made.removed)
    if not count and not gone:
        return []
    return [f"replaced {count} files of an earlier run, removed {gone}"]


def check_example(folder: Path, library: Path) -> None:
    """Compile the example, warnings as errors, link it to the component and run it."""
    with scratch() as work:
        program = work / "golden"
        parts = [folder / "examples/golden/main.c", library]
        host_build.compile_c(parts, [folder / "src"], program)
        done = subprocess.run(
            [str(program)], capture_output=True, text=True, timeout=TIMEOUT_S
        )
    if done.returncode:
        raise CheckFailed(
            f"the compiled example fails: {done.stdout.strip()[:200]}",
            host_build.BUG,
        )


def _check_outputs(
    network: Network, ends: Ends, model: bytes, library: host_build.Library
) -> str:
    """Compare the C with the reference and, where there is one, with an oracle."""
    count = compared_inputs(network)
    inputs = random_values(network, count, 1)
    expected = joined(int8.sequence(network, inputs))
    found = library.run(network.engine, as_taken(network, inputs))
    _require_equal(found, expected, "the integer reference")
    name, oracle = _oracle(network)
    if oracle is None:
        return f"the integer reference; {name}"
    outer = [to_outer(end, x) for end, x in zip(ends.inputs, inputs, strict=True)]
    arguments = (model, outer, len(ends.outputs))
    try:
        values = isolated(oracle, arguments, name)
    except Esp8kError as error:
        return f"the integer reference; not to {name}: {error.message}"
    at = 0
    for end, theirs in zip(ends.outputs, values, strict=True):
        ours = from_core(end, found[:, at : at + end.size]).reshape(count, -1)
        _require_equal(ours, theirs, name)
        at += end.size
    return f"the integer reference and {name}"


def _oracle(network: Network) -> tuple[str, Oracle | None]:
    """Its name, and what runs a model; or why there is none."""
    if _is_unsigned(network):
        return lite.NAME, lite.sequence
    if not tflm.available():
        return f"{tflm.NAME} {tflm.SKIPPED}", None
    without = sorted({op.kind for op in network.operators} & tflm.WITHOUT)
    if without:
        return f"{tflm.NAME} has no {', '.join(without)}", None
    return tflm.NAME, tflm.sequence


def _is_unsigned(network: Network) -> bool:
    return any(op.attributes.unsigned for op in network.operators)


def compared_inputs(network: Network) -> int:
    """Of inputs to compare: fewer where each is a long sequence by itself."""
    if not network.variables:
        return CHECKED
    longest = max(
        max(network.tensors[op.inputs[0]].shape[:2]) if op.kind == LSTM else 1
        for op in network.operators
    )
    return min(CALLS, max(CHECKED, STEPS // longest))


def _require_equal(found: np.ndarray, expected: np.ndarray, other: str) -> None:
    differing = int((found != expected).sum())
    if differing:
        raise CheckFailed(
            f"the generated C differs from {other} in {differing} of "
            f"{found.size} outputs",
            host_build.BUG,
        )


@dataclass(frozen=True)
class Config:
    """Options of `esp8k compile`."""

    model: Source  # a file, or module:function of torch
    out: Annotated[Path, arg(aliases=["-o", "--output"])]  # the folder
    profile: Profile = DEFAULT_PROFILE  # what the C is made for
    core: Cores = DEFAULT_CORES  # whose kernels stand beside the portable C
    name: str | None = None  # prefix of every symbol; the file's name if absent
    calibration: Path | None = None  # inputs of a float model: .npz .npy .csv folder
    check: Path | None = None  # further inputs, on which quantization is measured
    input_shape: tuple[int, ...] | None = None  # where the model leaves it open
    int16: bool = False  # a float model: values of 16 bits, nearer to it and slower
    url: str = ""  # of your project, for the manifests that registries read
    prepare: bool = False  # 28x28 pixels: bring frames and strokes to them, too
    views: bool = False  # a grey picture: sum the outputs of five shifted views, too
    json: bool = False  # print the result as JSON


def main(argv: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    args = parse(Config, argv, "compile", __doc__ or "")
    if args.url and not URL.fullmatch(args.url):
        raise Esp8kError(f"--url {args.url} is no https:// address", "leave it out")
    options = Options(args.calibration, args.check, args.input_shape, int16=args.int16)
    taken = load(args.model, options)
    name = identifier(args.name or Path(args.model.rpartition(":")[2]).stem)
    notes = (*taken.notes, *(cost.line() for cost in taken.costs))
    contents = Contents(
        cores=args.core, prepare=args.prepare, views=args.views, url=args.url
    )
    result = compile_model(
        taken.model, name, taken.name, args.out, args.profile, notes, contents
    )
    if args.json:
        costs = [asdict(cost) for cost in taken.costs]
        print(for_json({**vars(result), "quantization": costs}))
    else:
        lines = [*result.lines(), f"written to {args.out}"]
        print(folded(for_terminal("\n".join(lines)), sys.stdout, "  "))


if __name__ == "__main__":
    run(main)
