"""Any small int8 .tflite as a self-contained C component.

    esp8k compile model.tflite -o DIR [--profile speed]
    esp8k compile model.onnx --calibration images.npz -o DIR

A float .onnx is quantized on the way with the inputs of the .npz (its first array,
N inputs in the model's own layout). DIR then holds the C with its kernels, build
files for ESP-IDF, PlatformIO and CMake, an example and golden vectors. The C is
compiled and compared with TFLite Micro before DIR is touched.
"""

import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jinja2
import numpy as np

from core.cli import Positional, alias, parse
from core.errors import CheckFailed, Esp8kError
from core.files import staged
from core.program import run
from core.words import DEFAULT_PROFILE, Profile
from export.emit import generate, host_build
from export.frontend.identity import identify
from export.frontend.support import integer_core, require_supported
from export.graph.network import Network, Tensor, read_tflite
from export.reference import int8, tflm

TEMPLATES = Path(__file__).parent / "emit" / "standalone"
FILES = {  # template: where it goes
    "CMakeLists.txt": "CMakeLists.txt",
    "library.json": "library.json",
    "idf_component.yml": "idf_component.yml",
    "README.md": "README.md",
    "main.c": "examples/golden/main.c",
    "golden.h": "examples/golden/golden.h",
}
GOLDEN_BYTES = 16_384  # of inputs in golden.h, at most four vectors
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
    return first.astype(np.float32)


def identifier(text: str) -> str:
    """A C identifier made of a file name."""
    name = re.sub(r"\W+", "_", text.lower(), flags=re.ASCII).strip("_")
    return name if name[:1].isalpha() else f"net_{name}".rstrip("_")


def compile_model(
    model: bytes, name: str, source: str, out: Path, profile: str
) -> Result:
    """Generate, check and write the component of an int8 .tflite."""
    network = integer_core(read_tflite(model, name))
    require_supported(network)
    identity = identify(name, network.sha256, network.sha256)
    with staged(out) as stage:
        plan = generate.generate(network, None, stage, profile, name, identity)
        _complete(network, plan, stage, source)
        _check_example(stage)
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


def random_inputs(network: Network, count: int, seed: int) -> np.ndarray:
    """int8 inputs (count, ...); the first one is a ramp."""
    shape = network.tensors[network.inputs[0]].shape[1:]
    inputs = np.random.default_rng(seed).integers(-128, 128, (count, *shape))
    inputs[0] = (np.arange(inputs[0].size) % 256 - 128).reshape(shape)
    return inputs.astype(np.int8)


def _complete(network: Network, plan: generate.Plan, folder: Path, source: str) -> None:
    """Add to the generated C what makes it stand alone."""
    _copy_kernels(folder / "src")
    start = network.tensors[network.inputs[0]]
    end = network.tensors[network.outputs[0]]
    inputs = random_inputs(network, max(1, min(4, GOLDEN_BYTES // start.size)), 0)
    outputs = int8.outputs(network, inputs)
    context = {
        "name": plan.prefix,
        "upper": plan.prefix.upper(),
        "source": source,
        "profile": plan.profile,
        "sources": sorted(f"src/{p.name}" for p in (folder / "src").glob("*.c")),
        "flags": [f for f in host_build.flags("xtensa") if not f.startswith("-std")],
        "inputs": (inputs.astype(np.int16) + 128).reshape(len(inputs), -1).tolist(),
        "outputs": outputs.reshape(len(outputs), -1).tolist(),
        "input_bytes": start.size,
        "output_bytes": end.size,
        "input": _described(start),
        "output": _described(end),
        "macs": network.macs(),
        "weight_bytes": sum(s.weight_bytes for s in plan.stages),
        "arena": plan.int8_arena_bytes,
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for template, place in FILES.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(environment.get_template(f"{template}.jinja").render(context))


def _copy_kernels(sources: Path) -> None:
    """Copy the kernel headers that the sources include, and what those include."""
    pending = sorted(sources.iterdir())
    while pending:
        for name in re.findall(r'^#include "(\S+)"', pending.pop().read_text(), re.M):
            kernel, copy = host_build.NN / name, sources / name
            if kernel.exists() and not copy.exists():
                copy.write_text(kernel.read_text())
                pending.append(copy)


def _described(tensor: Tensor) -> dict[str, Any]:
    return {
        "shape": " x ".join(map(str, tensor.shape[1:])),
        "scale": f"{tensor.scale:.9g}",
        "zero_point": tensor.zero_point,
    }


def _check_example(folder: Path) -> None:
    """Compile the example as a user would, warnings as errors, and run it."""
    with tempfile.TemporaryDirectory() as scratch:
        program = Path(scratch) / "golden"
        sources = [folder / "examples/golden/main.c", *(folder / "src").glob("*.c")]
        host_build.compile_c(sources, [folder / "include", folder / "src"], program)
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
        library = host_build.build(folder, Path(scratch), name, [])
    found = library.int8((inputs.astype(np.int16) + 128).astype(np.uint8))
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
