"""The C of a network: weights and one function a layer, ready to be compiled.

    plan = generate(network, network_f16, out_dir, "speed", "v3", identity)

writes below `out_dir` all C of the network: src/<prefix>_model.h, src/<prefix>_*.c
with the kernels' headers, alias/esp8k_model.h for esp8k's own firmware, and beside it
plan.json and flags.json. `export.emit.component` makes a component of it. The same
inputs give the same bytes. Jinja lays out, Python computes.
"""

import json
import re
import shutil
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from core.errors import Esp8kError
from core.words import PROFILES
from export.cores.s3 import lower as cores_s3
from export.emit import c_source, lower
from export.emit.engine import Engine
from export.emit.held import ALIGNMENT
from export.emit.identity import Identity
from export.emit.subject import KERNELS, Subject
from export.graph.network import Network
from export.kernels import registry
from export.plan.record import Plan, StagePlan, load_plan

__all__ = ["KERNELS", "Plan", "StagePlan", "flags", "generate", "load_plan"]

FLAGS = KERNELS / "flags.json"
INCLUDE = re.compile(r'^#include "(\S+)"', re.M)
RESERVED = ("esp8k", "nn")  # the firmware's own prefix, and the kernels'


def generate(
    network: Network,
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

    `network` is of int8 values, or of int16, which all cores compute in portable C.
    Of the int8 kernels that can make a stage the one that is least in `price` does.
    `s3`: the ESP32-S3's own engine comes beside the portable one, and where a
    compiler's target is that chip it is compiled instead; `lx6`: that of the classic
    ESP32 likewise.
    """
    _require_known(profile, prefix)
    engines = _engines(network, network_f16, profile, prefix, price, s3, lx6)
    plan = engines.plan(identity, profile, prefix)
    subject = Subject.of(
        network,
        identity,
        profile,
        prefix,
        s3=engines.s3 is not None,
        lx6=engines.lx6 is not None,
        lx6_f16=engines.lx6_f16 is not None,
    )
    _write(out_dir, _rendered(engines, subject, plan))
    return plan


def _require_known(profile: str, prefix: str) -> None:
    """A profile that there is, a prefix that is nobody else's."""
    if profile not in PROFILES:
        raise Esp8kError(
            f"there is no profile {profile!r}", f"PROFILE is one of: {PROFILES}"
        )
    if prefix in RESERVED:
        raise Esp8kError(
            f"{prefix!r} cannot be the name of a network: others use it",
            "give it another name",
        )


@dataclass(frozen=True, eq=False)
class Engines:
    """All that a network's C holds; None: it has none of that core, or no float16."""

    name: str  # int8 or int16
    integer: Engine  # portable
    s3: cores_s3.Engine | None
    lx6: Engine | None
    f16: Engine | None
    lx6_f16: Engine | None  # by the FPU

    def plan(self, identity: Identity, profile: str, prefix: str) -> Plan:
        """plan.json: stages and arenas."""
        return Plan(
            model=identity.model,
            weights_hash=identity.weights_hash,
            identity_crc=identity.identity_crc,
            profile=profile,
            prefix=prefix,
            int8_arena_bytes=self.integer.arena if self.name == "int8" else 0,
            f16_arena_bytes=self.f16.arena if self.f16 else 0,
            stages=self.integer.plans + (self.f16.plans if self.f16 else ()),
            s3_arena_bytes=self.s3.arena if self.s3 else 0,
            lx6_arena_bytes=max(self.lx6.arena, 1) if self.lx6 else 0,
            int16_arena_bytes=self.integer.arena if self.name == "int16" else 0,
        )


def _engines(
    network: Network,
    network_f16: Network | None,
    profile: str,
    prefix: str,
    price: lower.Price,
    s3: bool,
    lx6: bool,
) -> Engines:
    common = (network, profile, prefix, price)
    narrow = network.engine == "int8"
    s3, lx6 = s3 and cores_s3.applies(network), lx6 and narrow
    return Engines(
        name=network.engine,
        integer=lower.int8(*common)
        if narrow
        else lower.int16(network, profile, prefix),
        s3=cores_s3.lower(network, prefix, profile) if s3 else None,
        lx6=lower.int8(*common, registry.LX6) if lx6 else None,
        f16=lower.f16(network_f16, profile, prefix) if network_f16 else None,
        lx6_f16=lower.f16(network_f16, profile, prefix, registry.LX6)
        if network_f16 and lx6 and profile == "speed"
        else None,
    )


def _rendered(engines: Engines, subject: Subject, plan: Plan) -> dict[str, str]:
    """The text of every file, by its path."""
    templates = c_source.environment()
    of_engine = partial(c_source.engine_pages, templates, subject)
    pages = of_engine(engines.name, engines.integer)
    if engines.s3 is not None:
        pages |= c_source.s3_pages(templates, subject, engines.s3, engines.integer)
    if engines.lx6 is not None:
        pages |= of_engine("int8", engines.lx6, registry.LX6)
    if engines.f16 is not None:
        pages |= of_engine("f16", engines.f16)
    if engines.lx6_f16 is not None:
        pages |= of_engine("f16", engines.lx6_f16, registry.LX6)
    common, model = vars(subject), f"src/{subject.prefix}_model.h"
    pages[model] = c_source.Page("model.h.jinja", common | _header(plan, engines))
    files = {
        path: templates.get_template(page.template).render(page.variables)
        for path, page in pages.items()
    }
    alias = templates.get_template("alias.h.jinja")
    names = _names(files[model], subject.prefix)
    files["alias/esp8k_model.h"] = alias.render(common | names)
    files["plan.json"] = json.dumps(asdict(plan), indent=2) + "\n"
    return files


def identifier(text: str) -> str:
    """A prefix of C identifiers made of a model's or a file's name."""
    name = re.sub(r"\W+", "_", text.lower(), flags=re.ASCII).strip("_")
    return name if name[:1].isalpha() else f"net_{name}".rstrip("_")


def flags(target: str) -> list[str]:
    """Compile flags for "xtensa", "riscv", "host" or "wasm"."""
    table = json.loads(FLAGS.read_text())
    return [*table["all"], *table.get(target, [])]


def _header(plan: Plan, engines: Engines) -> dict[str, str | int]:
    """What model.h says beyond the subject."""
    has_f16 = engines.f16 is not None
    return {
        "crc": f"0x{plan.identity_crc:08X}",
        "engines": f"{engines.name} and float16" if has_f16 else engines.name,
        "has_f16": has_f16,
        "alignment": ALIGNMENT,
        "integer_arena": max(plan.arenas[engines.name], 1),  # an array has a length
        "s3_arena": plan.s3_arena_bytes,
        "lx6_arena": plan.lx6_arena_bytes,
        "f16_arena": max(plan.f16_arena_bytes, 1),
        "integer_stages": len(plan.engine(engines.name)),
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
