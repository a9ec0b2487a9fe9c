"""The C of a network: weights and one function a layer, ready to be compiled.

    plan = generate(network_int8, network_f16, out_dir, "speed", "v3", identity)

writes below `out_dir` all C of the network: src/<prefix>_model.h, src/<prefix>_*.c
with the kernels' headers, alias/esp8k_model.h for esp8k's own firmware, and beside it
plan.json and flags.json. `export.emit.component` makes a component of it. The same
inputs give the same bytes. Jinja lays out, Python computes.
"""

import json
import math
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import Esp8kError
from core.paths import ROOT
from core.pixels import to_bytes
from core.version import VERSION
from core.words import PROFILES
from export.cores.s3.lower import lower as lower_s3
from export.emit import c_source, held, lower
from export.frontend.identity import Identity
from export.graph.network import Network, Variable
from export.kernels import registry
from export.plan.record import Plan, StagePlan, load_plan

__all__ = ["Plan", "StagePlan", "flags", "generate", "load_plan"]

KERNELS = ROOT / "firmware" / "components" / "nn"
FLAGS = KERNELS / "flags.json"
COMMON = "nn_common.h"
INCLUDE = re.compile(r'^#include "(\S+)"', re.M)
ALIGNMENT = 16  # of an arena: what the widest loads of any core ask for
RESERVED = ("esp8k", "nn")  # the firmware's own prefix, and the kernels'


def generate(
    network_int8: Network,
    network_f16: Network | None,
    out_dir: Path,
    profile: str,
    prefix: str,
    identity: Identity,
    price: lower.Price = lower.cheapest,
    s3: bool = False,
    lx6: bool = True,
) -> Plan:
    """Write the C; everything is rendered before the first file is made.

    Of the int8 kernels that can make a stage the one that is least in `price` does.
    `s3`: the ESP32-S3's own engine comes beside the portable one, and where a
    compiler's target is that chip it is compiled instead; `lx6`: that of the classic
    ESP32 likewise.
    """
    if profile not in PROFILES:
        raise Esp8kError(
            f"there is no profile {profile!r}", f"PROFILE is one of: {PROFILES}"
        )
    if prefix in RESERVED:
        raise Esp8kError(
            f"{prefix!r} cannot be the name of a network: others use it",
            "give it another name",
        )
    common = {
        "model": identity.model,
        "hash": identity.weights_hash,
        "version": VERSION,
        "kernel_version": kernel_version(),
        "profile": profile,
        "prefix": prefix,
        "guard": prefix.upper(),
        "input": described(network_int8, network_int8.inputs[0]),
        "output": described(network_int8, network_int8.outputs[0]),
        **_several(network_int8),
    }
    environment = c_source.environment()
    files: dict[str, str] = {}
    int8 = lower.int8(network_int8, profile, prefix, price)
    # The S3's own engine has one input, one output and no state.
    plain = len(network_int8.inputs) == len(network_int8.ends) == 1
    s3 = s3 and plain and len(int8.stages) > 0
    vector = lower_s3(network_int8, prefix) if s3 else None
    common |= {"s3": vector is not None, "lx6": lx6}
    common["lx6_f16"] = lx6 and network_f16 is not None and profile == "speed"
    c_source.render_engine(environment, files, "int8", int8, common)
    if vector is not None:
        c_source.render_s3(environment, files, vector, int8, common)
    own = None
    if lx6:
        own = lower.int8(network_int8, profile, prefix, price, registry.LX6)
        c_source.render_engine(environment, files, "int8", own, common, registry.LX6)
    f16 = None
    if network_f16 is not None:
        f16 = lower.f16(network_f16, profile, prefix)
        c_source.render_engine(environment, files, "f16", f16, common)
        if common["lx6_f16"]:
            mine = lower.f16(network_f16, profile, prefix, registry.LX6)
            c_source.render_engine(
                environment, files, "f16", mine, common, registry.LX6
            )
    plan = Plan(
        model=identity.model,
        weights_hash=identity.weights_hash,
        identity_crc=identity.identity_crc,
        profile=profile,
        prefix=prefix,
        int8_arena_bytes=int8.arena,
        f16_arena_bytes=f16.arena if f16 else 0,
        stages=int8.plans + (f16.plans if f16 else ()),
        s3_arena_bytes=vector.arena if vector else 0,
    )
    header = common | _header(plan, f16 is not None)
    header["lx6_arena"] = max(own.arena, 1) if own else 0
    model = environment.get_template("model.h.jinja").render(**header)
    files[f"src/{prefix}_model.h"] = model
    alias = environment.get_template("alias.h.jinja")
    files["alias/esp8k_model.h"] = alias.render(**common, **_names(model, prefix))
    files["plan.json"] = json.dumps(asdict(plan), indent=2) + "\n"
    _write(out_dir, files)
    return plan


def identifier(text: str) -> str:
    """A prefix of C identifiers made of a model's or a file's name."""
    name = re.sub(r"\W+", "_", text.lower(), flags=re.ASCII).strip("_")
    return name if name[:1].isalpha() else f"net_{name}".rstrip("_")


def described(network: Network, index: int) -> dict[str, Any]:
    """An input or output as the header and the README tell it."""
    tensor = network.tensors[index]
    shape = tensor.shape[1:] or (1,)
    return {
        "shape": shape,
        "size": math.prod(shape),
        "order": "HWC"[-len(shape) :] if len(shape) <= 3 else "row-major",
        "scale": _literal(float(tensor.scale)),
        "zero_point": tensor.zero_point,
    }


def _literal(value: float) -> str:
    """A number that takes C's suffix f: 1 is none, 1.0 is."""
    text = f"{value:.9g}"
    return text if "." in text or "e" in text else f"{text}.0"


def _several(network: Network) -> dict[str, Any]:
    """More inputs and outputs than one, and the state, as the templates want them."""
    inputs = held.offsets(network, network.inputs)
    outputs = held.offsets(network, network.outputs)
    state = held.state_offsets(network)
    return {
        "input_bytes": inputs[-1],
        "output_size": outputs[-1],
        "more_inputs": [
            {"offset": at, **described(network, i)}
            for i, at in zip(network.inputs[1:], inputs[1:], strict=False)
        ],
        "more_outputs": [
            {"offset": at, **described(network, i)}
            for i, at in zip(network.outputs[1:], outputs[1:], strict=False)
        ],
        "state_bytes": state[-1],
        "variables": [
            {"offset": at, "size": v.initial.nbytes, **_initial(v)}
            for v, at in zip(network.variables, state, strict=False)
        ],
    }


def _initial(variable: Variable) -> dict[str, Any]:
    """What a variable begins with: one byte for all, or each its own."""
    first = variable.initial.reshape(-1)
    whole = first.astype("<i2").view(np.uint8)  # a number in two bytes, low one first
    values = (whole if first.dtype == np.int16 else to_bytes(first)).tolist()
    same = len(set(values)) == 1
    return {"fill": values[0] if same else None, "values": [] if same else values}


def kernel_version() -> int:
    """NN_VERSION of the kernels' headers, which the generated C asks for."""
    found = re.search(r"#define NN_VERSION (\d+)", (KERNELS / COMMON).read_text())
    if found is None:
        raise Esp8kError(f"{COMMON} has no NN_VERSION", "restore it from git")
    return int(found[1])


def flags(target: str) -> list[str]:
    """Compile flags for "xtensa", "riscv", "host" or "wasm"."""
    table = json.loads(FLAGS.read_text())
    return [*table["all"], *table.get(target, [])]


def _header(plan: Plan, has_f16: bool) -> dict[str, Any]:
    return {
        "crc": f"0x{plan.identity_crc:08X}",
        "engines": "int8 and float16" if has_f16 else "int8",
        "has_f16": has_f16,
        "alignment": ALIGNMENT,
        "int8_arena": max(plan.int8_arena_bytes, 1),  # an array has a length
        "s3_arena": plan.s3_arena_bytes,
        "f16_arena": max(plan.f16_arena_bytes, 1),
        "int8_stages": len(plan.engine("int8")),
        "f16_stages": len(plan.engine("f16")),
    }


def _names(header: str, prefix: str) -> dict[str, list[str]]:
    """What a model's header defines, without the prefix and in its order."""
    own = {f"{prefix.upper()}_MODEL_H", f"{prefix.upper()}_ALIGNED"}

    def found(pattern: str) -> list[str]:
        # once each: the arena's size is told for every core
        names = dict.fromkeys(re.findall(pattern, header, re.M))
        return [n.split("_", prefix.count("_") + 1)[-1] for n in names if n not in own]

    start = prefix.upper()
    return {
        "names": found(rf"^(?:#define|   ) ({start}_\w+) "),
        "types": found(rf"^(?:}} |typedef void \(\*)({prefix}_\w+_t)\b"),
        "functions": found(rf"^{prefix}_status_t ({prefix}_\w+)\("),
    }


def _write(out_dir: Path, files: dict[str, str]) -> None:
    """Write all files, and beside the sources the kernels' headers they include."""
    for name, text in files.items():
        path = out_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    pending = [text for name, text in files.items() if name.startswith("src/")]
    copied = set()
    while pending:
        for name in INCLUDE.findall(pending.pop()):
            if name not in copied and (KERNELS / name).exists():
                copied.add(name)
                text = (KERNELS / name).read_text()
                (out_dir / "src" / name).write_text(text)
                pending.append(text)
    shutil.copyfile(FLAGS, out_dir / "flags.json")
