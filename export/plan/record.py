"""What was generated, stage by stage: plan.json.

    plan = load_plan(Path("build/v2/component/plan.json"))

For tools on the host, which name stages and weigh them; the C needs nothing of it.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from core.errors import Esp8kError
from core.manifest import json_object, whole
from core.text import one_line


@dataclass(frozen=True)
class StagePlan:
    """What plan.json says of one stage."""

    name: str
    engine: str  # int8 | int16 | f16
    number: int  # as the hook gets it
    tensor: int  # index of its output in the Network
    shape: tuple[int, int, int]  # required region (H, W, C) that is stored
    representation: str  # u8=q+128 | int8 | int16 | float32
    macs: int
    effective_macs: int
    weight_bytes: int  # weights, tables and per-channel constants
    method: str  # direct | winograd | ...
    power: int = 0  # of two, by which what is stored is too large


@dataclass(frozen=True)
class Plan:
    """What was generated: plan.json."""

    model: str
    weights_hash: str
    identity_crc: int
    profile: str
    prefix: str
    int8_arena_bytes: int  # 0 where the values are of 16 bits
    f16_arena_bytes: int
    stages: tuple[StagePlan, ...]
    s3_arena_bytes: int = 0  # of the int8 engine on an ESP32-S3, where it has its own
    lx6_arena_bytes: int = 0  # likewise on the classic ESP32
    int16_arena_bytes: int = 0  # of a network of int16 values, which has no int8

    @property
    def arenas(self) -> dict[str, int]:
        """Bytes of each portable engine's arena, by its name."""
        return {
            "int8": self.int8_arena_bytes,
            "int16": self.int16_arena_bytes,
            "f16": self.f16_arena_bytes,
        }

    def engine(self, name: str) -> tuple[StagePlan, ...]:
        """The stages of one engine, in order."""
        return tuple(s for s in self.stages if s.engine == name)


T = TypeVar("T", StagePlan, Plan)


def load_plan(path: Path) -> Plan:
    """Read plan.json, which may be of another version of this program."""
    try:
        raw = json_object(path)
        stages = tuple(
            _right(StagePlan(**{**s, "shape": tuple(s["shape"])}))
            for s in raw.pop("stages")
        )
        return _right(Plan(**raw, stages=stages))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"{path} is damaged, or of another version: {error}"
        raise Esp8kError(text, "make it again: run make export, or compile") from None


def _right(told: T) -> T:
    """`told`, if each field is of its type; a ValueError names the first other one."""
    for field in fields(told):
        value = getattr(told, field.name)
        plain = field.type not in (int, str) or type(value) is field.type
        sides = value if field.name == "shape" else (1,)
        if not plain or not all(whole(side, 1, 1 << 20) for side in sides):
            raise ValueError(f"its {field.name} is {one_line(repr(value), 40)}")
    return told
