"""Every artefact on the 10,000 test images, against PyTorch.

A `Row` is one artefact's result; `check` says what must hold. The int8 digest is the
CRC-32 over all logit bytes in order: the numpy reference, TFLite Micro and the
generated C must print the same one; so must the float16 C and its reference.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from core.digest import digest
from core.files import scratch
from core.pixels import to_int8
from core.saying import Say
from core.views import OFFSETS
from export.emit import host_build
from export.graph.network import Network
from export.pipeline import Artefacts
from export.reference import float16, tflm
from export.reference import int8 as reference
from training.data import MEAN, STD, Data

if TYPE_CHECKING:
    from export.emit.generate import Plan

FLOAT_ERROR = 1e-3  # logits: float32 ONNX against PyTorch
HALF_LOSS = 0.10  # percentage points that float16 may cost
INT8_LOSS = 0.50  # percentage points that int8 may cost
VIEWS = "five views"  # rows of these compare another way to ask, not an artefact


@dataclass(frozen=True)
class Row:
    """One line of the table; None where it does not apply."""

    artefact: str
    evidence: str
    bytes: int | None
    accuracy: float | None  # percent
    argmax_changes: int | None  # against PyTorch
    logit_error: float | None  # largest, against PyTorch
    digest: str | None = None  # CRC-32 of the logits' bytes, where they are exact
    skipped: str | None = None  # why there is no result

    def json(self) -> dict[str, Any]:
        """The row as it is written to verify.json."""
        return asdict(self)


def torch_logits(module: nn.Module, images: np.ndarray) -> np.ndarray:
    """The trained module on raw pixels (N, 28, 28) uint8."""
    pixels = torch.from_numpy(images).unsqueeze(1).float() / 255
    with torch.inference_mode():
        parts = [module((p - MEAN) / STD) for p in pixels.split(500)]
    return torch.cat(parts).numpy()


def onnx_logits(model: bytes, images: np.ndarray) -> np.ndarray:
    """An ONNX file in onnxruntime, one thread, one image at a time."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    )
    entry = session.get_inputs()[0]
    dtype = np.float16 if "float16" in entry.type else np.float32
    pixels = (images[:, None] / np.float32(255)).astype(dtype)
    rows = [session.run(None, {entry.name: p[None]})[0][0] for p in pixels]
    return np.stack(rows).astype(np.float32)


def tflite_logits(model: bytes, images: np.ndarray) -> np.ndarray:
    """A float .tflite in LiteRT, one image at a time."""
    from ai_edge_litert.interpreter import Interpreter

    from export.frontend.tensorflow import silent

    with silent():
        interpreter = Interpreter(model_content=model, num_threads=1)
        interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    rows = []
    for image in images[..., None] / np.float32(255):
        interpreter.set_tensor(source, image[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(target)[0])
    return np.stack(rows)


def quantized_input(network: Network, images: np.ndarray) -> np.ndarray:
    """Raw pixels as the int8 network takes them: q = pixel - 128."""
    shape = network.tensors[network.inputs[0]].shape
    return to_int8(images).reshape(-1, *shape[1:])


class Verifier:
    """Collects rows for one model."""

    def __init__(self, module: nn.Module, artefacts: Artefacts, data: Data) -> None:
        self.artefacts = artefacts
        self.images, self.labels = data.test_images, data.test_labels
        self.truth = torch_logits(module, self.images)
        self.rows: list[Row] = []

    def add(
        self,
        name: str,
        evidence: str,
        size: int | None,
        logits: np.ndarray,
        crc: str | None = None,
    ) -> None:
        """Compare float logits (N, 10) with PyTorch's."""
        changes = int((logits.argmax(1) != self.truth.argmax(1)).sum())
        error = float(np.abs(logits.astype(np.float64) - self.truth).max())
        accuracy = float((logits.argmax(1) == self.labels).mean() * 100)
        self.rows.append(Row(name, evidence, size, accuracy, changes, error, crc))

    def int8(
        self, name: str, evidence: str, size: int | None, logits: np.ndarray
    ) -> None:
        """A row for int8 logits: dequantized, with their digest."""
        out = self.artefacts.int8.tensors[self.artefacts.int8.outputs[0]]
        real = (logits.astype(np.float32) - out.zero_point) * out.scale
        self.add(name, evidence, size, real, digest(logits))

    def skip(self, name: str, size: int, why: str) -> None:
        """A row without a result."""
        self.rows.append(Row(name, why, size, None, None, None, skipped=why))


def verify(
    module: nn.Module,
    artefacts: Artefacts,
    folder: Path,
    plan: "Plan",
    data: Data,
    say: Say,
) -> list[Row]:
    """Run everything; `folder` holds the written artefacts."""
    v = Verifier(module, artefacts, data)
    v.add("PyTorch", "trained module", None, v.truth)
    float_runners: dict[str, tuple[str, Callable[..., Any]]] = {
        "model_fp32.onnx": ("onnxruntime", onnx_logits),
        "model_fp16.onnx": ("onnxruntime", onnx_logits),
        "model_int8.onnx": ("onnxruntime", onnx_logits),
        "model_fp16.tflite": ("LiteRT", tflite_logits),
    }
    for name, (evidence, runner) in float_runners.items():
        say(f"check {name}")
        content = artefacts.files[name]
        v.add(name, evidence, len(content), runner(content, v.images))
    verify_int8(v, say)
    verify_c(v, folder, plan, say)
    return v.rows


def verify_int8(v: Verifier, say: Say) -> None:
    """The .tflite in TFLite Micro and in the integer reference."""
    name = "model_int8.tflite"
    content = v.artefacts.files[name]
    inputs = quantized_input(v.artefacts.int8, v.images)
    say(f"check {name}")
    logits = tflm.outputs(content, inputs)
    if logits is None:
        v.skip(name, len(content), tflm.SKIPPED)
    else:
        v.int8(name, "TFLite Micro", len(content), logits)
    say("check the integer reference")
    expected = reference.outputs(v.artefacts.int8, inputs)
    v.int8("integer reference", "numpy", None, expected)


def verify_c(v: Verifier, folder: Path, plan: "Plan", say: Say) -> None:
    """The generated C of both engines, and the float16 reference."""
    say("build and run the generated C")
    with scratch() as work:
        library = host_build.build(folder / "component", work)
    evidence = "this computer"
    size = _weight_bytes(plan, "int8")
    v.int8("C int8 (weights)", evidence, size, library.int8(v.images))
    logits = library.f16(v.images)
    size = _weight_bytes(plan, "f16")
    v.add("C float16 (weights)", evidence, size, logits, digest(logits))
    if (folder / "component" / "src" / f"{plan.prefix}_views.h").exists():
        verify_views(v, library, say)
    say("check the float16 reference")
    expected = float16.outputs(v.artefacts.float16, v.images)
    v.add("float16 reference", "numpy", None, expected, digest(expected))


def verify_views(v: Verifier, library: host_build.Library, say: Say) -> None:
    """The generated C's sums of five views, as means."""
    say("run five views of each image")
    out = v.artefacts.int8.tensors[v.artefacts.int8.outputs[0]]
    mean = library.views("int8", v.images) / len(OFFSETS)
    real = (mean - out.zero_point) * out.scale
    v.add(f"C int8, {VIEWS}", "this computer", None, real)
    mean = library.views("f16", v.images) / len(OFFSETS)
    v.add(f"C float16, {VIEWS}", "this computer", None, mean)


def _weight_bytes(plan: "Plan", engine: str) -> int:
    return sum(stage.weight_bytes for stage in plan.engine(engine))


def check(rows: list[Row]) -> list[str]:
    """What does not hold, one sentence each; empty when all is well."""
    failures = []
    truth = rows[0].accuracy or 0.0
    for engine in ("int", "float16"):
        digests = {r.artefact: r.digest for r in rows if engine in r.artefact}
        digests = {k: d for k, d in digests.items() if d}
        if len(set(digests.values())) > 1:
            listed = ", ".join(f"{k} {d}" for k, d in digests.items())
            failures.append(f"digests differ: {listed}")
    for row in rows[1:]:
        if row.accuracy is None or row.logit_error is None or VIEWS in row.artefact:
            continue
        loss = truth - row.accuracy
        if "fp32" in row.artefact:
            if row.argmax_changes or row.logit_error > FLOAT_ERROR:
                failures.append(
                    f"{row.artefact}: {row.argmax_changes} argmax changes, "
                    f"logit error {row.logit_error:.2g}"
                )
        elif loss > (INT8_LOSS if "int" in row.artefact else HALF_LOSS):
            failures.append(f"{row.artefact}: accuracy falls by {loss:.2f} points")
    return failures
