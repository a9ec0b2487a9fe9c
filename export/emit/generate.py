"""The C of a network: weights and one function a layer, ready to be compiled.

    plan = generate(network_int8, network_f16, out_dir, "speed", "esp8k", identity)

writes a self-contained component below `out_dir`: include/<prefix>_model.h, src/*.c,
CMakeLists.txt, library.json, and beside it plan.json and flags.json. The same inputs
give the same bytes. `make export` calls it; Jinja lays out, Python computes.
"""

import json
import math
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import Esp8kError
from core.paths import ROOT
from export.emit import c_source, lower
from export.frontend.identity import Identity
from export.graph.geometry import hwc
from export.graph.network import Network
from export.plan.record import Plan, StagePlan, load_plan
from export.reference import float16
from export.reference import int8 as reference

__all__ = ["Plan", "StagePlan", "flags", "generate", "load_plan", "stage_outputs"]

PROFILES = ("speed", "balanced", "size")
KERNELS = ROOT / "firmware" / "components" / "nn"
FLAGS = KERNELS / "flags.json"


def generate(
    network_int8: Network,
    network_f16: Network | None,
    out_dir: Path,
    profile: str,
    prefix: str,
    identity: Identity,
    price: lower.Price = lower.cheapest,
) -> Plan:
    """Write the component; everything is rendered before the first file is made.

    Of the int8 kernels that can make a stage the one that is least in `price` does.
    """
    if profile not in PROFILES:
        raise Esp8kError(
            f"there is no profile {profile!r}", f"PROFILE is one of: {PROFILES}"
        )
    classes = math.prod(network_int8.tensors[network_int8.outputs[0]].shape)
    common = {
        "classes": classes,
        "model": identity.model,
        "hash": identity.weights_hash,
        "profile": profile,
        "prefix": prefix,
        "guard": prefix.upper(),
    }
    environment = c_source.environment()
    files: dict[str, str] = {}
    int8 = lower.int8(network_int8, profile, prefix, price)
    c_source.render_engine(environment, files, "int8", int8, common)
    f16 = None
    if network_f16 is not None:
        f16 = lower.f16(network_f16, profile, prefix)
        c_source.render_engine(environment, files, "f16", f16, common)
    plan = Plan(
        model=identity.model,
        weights_hash=identity.weights_hash,
        identity_crc=identity.identity_crc,
        profile=profile,
        prefix=prefix,
        int8_arena_bytes=int8.arena,
        f16_arena_bytes=f16.arena if f16 else 0,
        stages=int8.plans + (f16.plans if f16 else ()),
    )
    files[f"include/{prefix}_model.h"] = environment.get_template(
        "model.h.jinja"
    ).render(**common, **_header(network_int8, plan, f16 is not None))
    for name in ("CMakeLists.txt", "library.json", "idf_component.yml"):
        template = environment.get_template(f"{name}.jinja")
        sources = sorted(path for path in files if path.endswith(".c"))
        files[name] = template.render(**common, sources=sources)
    files["plan.json"] = json.dumps(asdict(plan), indent=2) + "\n"
    _write(out_dir, files)
    return plan


def flags(target: str) -> list[str]:
    """Compile flags for "xtensa", "riscv", "host" or "wasm"."""
    table = json.loads(FLAGS.read_text())
    return [*table["all"], *table.get(target, [])]


def stage_outputs(plan: Plan, network: Network, image: np.ndarray) -> list[np.ndarray]:
    """What each stage must give for one image of raw bytes: the live region.

    The engine is that of `network`: uint8 arrays (int8 for the logits) or float32,
    too large by a power of two where the stage's plan says so.
    """
    pixels = np.asarray(image, np.uint8).reshape(1, -1)
    if network.tensors[network.inputs[0]].dtype == "int8":
        engine = "int8"
        values = reference.run(network, (pixels.astype(np.int16) - 128).astype(np.int8))
    else:
        engine = "f16"
        values = float16.run(network, pixels)
    found = []
    for stage in plan.engine(engine):
        height, width, _ = stage.shape
        full = values[stage.tensor][0].reshape(hwc(network.tensors[stage.tensor].shape))
        live = full[:height, :width]
        if stage.power:
            live = np.ldexp(live, stage.power)
        if stage.representation.startswith("u8"):
            live = (live.astype(np.int16) + 128).astype(np.uint8)
        found.append(np.ascontiguousarray(live))
    return found


def _header(network: Network, plan: Plan, has_f16: bool) -> dict[str, Any]:
    out = network.tensors[network.outputs[0]]
    return {
        "crc": f"0x{plan.identity_crc:08X}",
        "engines": "int8 and float16" if has_f16 else "int8",
        "has_f16": has_f16,
        "input_bytes": math.prod(network.tensors[network.inputs[0]].shape),
        "logit_scale": f"{float(out.scale):.9g}",
        "logit_zero_point": out.zero_point,
        "int8_arena": plan.int8_arena_bytes,
        "f16_arena": plan.f16_arena_bytes,
        "int8_stages": len(plan.engine("int8")),
        "f16_stages": len(plan.engine("f16")),
    }


def _write(out_dir: Path, files: dict[str, str]) -> None:
    """Write all files; the kernels' headers go beside the sources."""
    for name, text in files.items():
        path = out_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copyfile(FLAGS, out_dir / "flags.json")
