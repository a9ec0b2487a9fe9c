"""Any small int8 .tflite as a self-contained C component.

    esp8k compile model.tflite -o DIR [--profile speed]
    esp8k compile model.onnx --calibration images.npz -o DIR

A float .onnx is quantized on the way with the inputs of the .npz (its first array,
N inputs in the model's own layout). DIR then holds the C with its kernels, build
files for ESP-IDF, PlatformIO and CMake, an example and golden vectors. The C is
compiled and compared with TFLite Micro before DIR is touched.
"""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from core.cli import Positional, alias, parse
from core.errors import CheckFailed, Esp8kError
from core.files import staged
from core.pixels import to_bytes
from core.program import run
from core.words import DEFAULT_PROFILE, Profile
from export.emit import host_build
from export.emit.component import publish, random_inputs
from export.emit.generate import identifier
from export.frontend.identity import identify
from export.frontend.support import integer_core, require_supported
from export.graph.network import Network, read_tflite
from export.reference import int8, tflm

CHECKED = 20  # random inputs compared before anything is written
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

    def lines(self) -> list[str]:
        """For people."""
        rival = tflm.SKIPPED
        if self.tflm_arena_bytes is not None:
            rival = f"{self.tflm_arena_bytes:,} bytes"
        return [
            f"{self.name}: {self.operators} operators, {self.macs:,} MACs, "
            f"profile {self.profile}",
            f"weights and tables {self.weight_bytes:,} bytes",
            f"arena {self.arena_bytes:,} bytes; TFLite Micro: {rival}",
            f"equal to {self.compared_with}: {CHECKED} random inputs, all bytes",
        ]


def load_model(path: Path, calibration: Path | None) -> bytes:
    """The bytes of the int8 .tflite that `path` is, or becomes."""
    if path.suffix == ".tflite":
        return _read(path)
    if path.suffix != ".onnx":
        raise Esp8kError(
            f"{path.name} is neither a .tflite nor an .onnx", "give one of the two"
        )
    if calibration is None:
        raise Esp8kError(
            f"{path.name} is a float model: it needs inputs to find its ranges",
            "give --calibration inputs.npz with some hundred typical inputs",
        )
    from export.frontend import tflite

    return tflite.convert(_read(path), _inputs(calibration))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise Esp8kError(f"cannot read {path}: {reason}", "check the path") from error


def _inputs(path: Path) -> np.ndarray:
    try:
        with np.load(path) as content:
            first = content[content.files[0]]
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise Esp8kError(
            f"cannot read the calibration inputs {path}",
            "write them with numpy.savez(path, inputs)",
        ) from error
    return np.asarray(first.astype(np.float32))


def compile_model(
    model: bytes, name: str, source: str, out: Path, profile: str
) -> Result:
    """Generate, check and write the component of an int8 .tflite."""
    network = integer_core(read_tflite(model, name))
    require_supported(network)
    identity = identify(name, network.sha256, network.sha256)
    with staged(out) as stage:
        plan = publish(network, None, stage, profile, name, identity, source)
        check_example(stage)
        compared = _check_outputs(network, model, stage, name)
    return Result(
        name=name,
        profile=profile,
        operators=len(network.operators),
        macs=network.macs(),
        weight_bytes=sum(s.weight_bytes for s in plan.stages),
        arena_bytes=plan.int8_arena_bytes,
        tflm_arena_bytes=tflm.arena_bytes(model),
        compared_with=compared,
    )


def check_example(folder: Path) -> None:
    """Compile the example as a user would, warnings as errors, and run it."""
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch) / "golden"
        sources = [folder / "examples/golden/main.c", *(folder / "src").glob("*.c")]
        host_build.compile_c(sources, [folder / "src"], program)
        done = subprocess.run(
            [str(program)], capture_output=True, text=True, timeout=TIMEOUT_S
        )
    if done.returncode:
        raise CheckFailed(
            f"the compiled example fails: {done.stdout.strip()[:200]}",
            "a bug of the generator: report it with this model",
        )


def _check_outputs(network: Network, model: bytes, folder: Path, name: str) -> str:
    """Compare the C with the reference and, where there is one, with TFLite Micro."""
    inputs = random_inputs(network, CHECKED, 1)
    expected = int8.outputs(network, inputs).reshape(CHECKED, -1)
    with tempfile.TemporaryDirectory() as scratch:
        library = host_build.build(folder, Path(scratch))
    found = library.int8(to_bytes(inputs))
    results = {"the integer reference": expected}
    whole = read_tflite(model, name)
    if tflm.available() and whole.inputs == network.inputs:
        oracle = tflm.outputs(model, inputs)
        assert oracle is not None
        if whole.outputs == network.outputs:
            results["TFLite Micro"] = oracle.reshape(CHECKED, -1)
    for other, values in results.items():
        differing = int((found != values).sum())
        if differing:
            raise CheckFailed(
                f"the generated C differs from {other} in {differing} of "
                f"{found.size} outputs",
                "a bug of the generator: report it with this model",
            )
    return " and ".join(results)


@dataclass(frozen=True)
class Config:
    """Options of `esp8k compile`."""

    model: Positional[Path]  # a .tflite, or a float .onnx
    output: Annotated[Path, alias(aliases=["-o"])]  # the folder
    profile: Profile = DEFAULT_PROFILE  # what the C is made for
    name: str | None = None  # prefix of every symbol; the file's name if absent
    calibration: Path | None = None  # inputs for an .onnx, an .npz
    json: bool = False  # print the result as JSON


def main(argv: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    args = parse(Config, argv, "compile", __doc__ or "")
    name = identifier(args.name or args.model.stem)
    model = load_model(args.model, args.calibration)
    result = compile_model(model, name, args.model.name, args.output, args.profile)
    if args.json:
        print(json.dumps(vars(result), indent=2))
    else:
        print("\n".join([*result.lines(), f"written to {args.output}"]))


if __name__ == "__main__":
    run(main)
