"""Export a checkpoint to every format and check each on the 10,000 test images.

    esp8k export --model v3 [--checkpoint P] [--profile balanced]

Writes below build/<model>/: five model files, the C component, model.json (what it
is) and verify.json (how each artefact compares with PyTorch). model.json is written
last: where it is, everything else is there and was checked.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from core import asked, paths
from core.cli import parse
from core.doubt import Doubt
from core.errors import CheckFailed
from core.files import staged, write_json
from core.lock import lock
from core.manifest import NAME, End, Manifest
from core.program import run
from core.saying import say
from core.text import for_json
from core.words import (
    DEFAULT_CORES,
    DEFAULT_MODEL,
    DEFAULT_PROFILE,
    Cores,
    ModelName,
    Profile,
)
from export import pipeline
from export.emit.contents import Contents
from export.emit.generate import Plan
from export.graph.network import Tensor
from export.reference import tflm
from export.verify import Row, check, verify
from training import checkpoint as checkpoints
from training.data import Data, of_model
from training.doubt.decision import doubt_of

FORMAT = 1
TABLE_WIDTH = 80  # columns where stdout is no terminal


@dataclass(frozen=True)
class Config:
    """Options of `esp8k export`."""

    model: ModelName = DEFAULT_MODEL  # which network
    checkpoint: str | None = None  # a .pt file; default: the trained one
    profile: Profile = DEFAULT_PROFILE  # what the C is made for
    core: Cores = DEFAULT_CORES  # whose kernels stand beside the portable C
    prepare: bool = False  # frames and strokes to 28x28 in the component, too
    views: bool = False  # the sum of five shifted views in the component, too
    json: bool = False  # print the results as JSON


def described(
    artefacts: pipeline.Artefacts,
    point: checkpoints.Checkpoint,
    profile: Profile,
    data: Data,
    doubt: Doubt | None,
) -> Manifest:
    """Which model this is."""
    network = artefacts.int8
    return Manifest(
        model=point.model,
        weights_hash=point.weights_hash,
        identity_crc=artefacts.identity.identity_crc,
        profile=profile,
        temperature=point.temperature,
        dataset=data.name,
        classes=data.classes,
        doubt=doubt,
        input=_end(network.tensors[network.inputs[0]]),
        output=_end(network.tensors[network.outputs[0]]),
        macs=network.macs(),
        test_images=len(data.test_images),
        config=point.config,
    )


def _end(tensor: Tensor) -> End:
    return End(tensor.shape, float(tensor.scale), tensor.zero_point)


def content_of(
    told: Manifest, artefacts: pipeline.Artefacts, plan: Plan, data: Data
) -> dict[str, Any]:
    """model.json: which model this is, and what belongs to it."""
    return {
        "format": FORMAT,
        **asdict(told),
        "artefacts": {
            name: {"bytes": len(content), "sha256": pipeline.sha256(content)}
            for name, content in artefacts.files.items()
        },
        "arena_bytes": {"int8": plan.int8_arena_bytes, "f16": plan.f16_arena_bytes},
        "tflm_arena_bytes": tflm.arena_bytes(artefacts.files["model_int8.tflite"]),
        "calibration_images": min(pipeline.CALIBRATION_IMAGES, len(data.train_images)),
        "data_hash": data.hash,
    }


def table(rows: list[Row], images: int) -> Table:
    """The rows as a rich table, measured on so many test images."""
    title = f"Against PyTorch on the {images:,} test images"
    result = Table(title=title, box=SIMPLE_HEAD, padding=0, pad_edge=False)
    result.add_column("artefact", no_wrap=True)
    result.add_column("run by", no_wrap=True)
    for title in ("bytes", "accuracy", "argmax\nchanges", "logit\nerror"):
        result.add_column(title, justify="right", no_wrap=True)
    result.add_column("digest", no_wrap=True)
    for row in rows:
        result.add_row(
            row.artefact,
            row.evidence,
            _shown(row.bytes, ","),
            _shown(row.accuracy, ".2f", " %"),
            _shown(row.argmax_changes, ","),
            _shown(row.logit_error, ".2g"),
            row.digest or "",
        )
    return result


def _shown(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else f"{value:{form}}{unit}"


def summary(content: dict[str, Any]) -> str:
    """The arenas in one line, which weights in another."""
    ours, theirs = content["arena_bytes"], content["tflm_arena_bytes"]
    rival = tflm.SKIPPED if theirs is None else f"{theirs:,} bytes"
    return (
        f"arena: int8 {ours['int8']:,} bytes, float16 {ours['f16']:,} bytes; "
        f"TFLite Micro: {rival}\n"
        f"weights {content['weights_hash'][:16]}, profile {content['profile']}"
    )


def export_model(config: Config) -> tuple[dict[str, Any], list[Row], list[str]]:
    """Make, check and write everything: model.json, the rows, and what fails.

    Where a check fails model.json is not written.
    """
    target = paths.model_dir(config.model)
    chosen = config.checkpoint
    path = Path(chosen) if chosen else paths.checkpoint(config.model)
    point = checkpoints.load(path, config.model)
    data = of_model(point.config)
    images = pipeline.calibration(data)
    doubt = doubt_of(point, data, say)
    contents = Contents(
        cores=config.core, doubt=doubt, prepare=config.prepare, views=config.views
    )
    with lock(target, "export"):
        (target / NAME).unlink(missing_ok=True)
        artefacts = pipeline.convert(point, images, say)
        with staged(target) as stage:
            plan = pipeline.write(artefacts, stage, config.profile, say, contents)
            rows = verify(point.module(), artefacts, stage, plan, data, say)
            failures = check(rows)
            seen = {"rows": [r.json() for r in rows], "failures": failures}
            write_json(stage / "verify.json", seen)
        told = described(artefacts, point, config.profile, data, doubt)
        content = content_of(told, artefacts, plan, data)
        if not failures:
            with staged(target) as stage:
                write_json(stage / NAME, content)
            whose = "trained" if path.parent == target else "shipped"
            asked.note(
                target / asked.EXPORTED,
                config.profile,
                "given" if chosen else whose,
                "--prepare" if config.prepare else "",
            )
    return content, rows, failures


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage from the command line."""
    config = parse(Config, argv, "export", __doc__ or "")
    torch.set_num_threads(1)
    content, rows, failures = export_model(config)
    if config.json:
        print(for_json({**content, "rows": [r.json() for r in rows]}))
    else:
        console = Console()
        if not console.is_terminal:
            console = Console(width=TABLE_WIDTH)
        console.print(table(rows, content["test_images"]))
        print(summary(content))
        print(f"written to {paths.model_dir(config.model)}")
    if failures:
        raise CheckFailed("; ".join(failures), "no model.json was written")


if __name__ == "__main__":
    run(main)
