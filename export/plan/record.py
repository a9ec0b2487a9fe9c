"""What was generated, stage by stage: plan.json.

plan = load_plan(Path("build/v2/component/plan.json"))
"""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StagePlan:
    """What plan.json says of one stage."""

    name: str
    engine: str  # int8 | f16
    number: int  # as the hook gets it
    tensor: int  # index of its output in the Network
    shape: tuple[int, int, int]  # required region (H, W, C) that is stored
    representation: str  # u8=q+128 | int8 | float32
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
    int8_arena_bytes: int
    f16_arena_bytes: int
    stages: tuple[StagePlan, ...]
    s3_arena_bytes: int = 0  # of the int8 engine on an ESP32-S3, where it has its own
    lx6_arena_bytes: int = 0  # likewise on the classic ESP32

    def engine(self, name: str) -> tuple[StagePlan, ...]:
        """The stages of one engine, in order."""
        return tuple(s for s in self.stages if s.engine == name)


def load_plan(path: Path) -> Plan:
    """Read plan.json."""
    raw = json.loads(path.read_text())
    stages = tuple(
        StagePlan(**{**s, "shape": tuple(s["shape"])}) for s in raw.pop("stages")
    )
    return Plan(**raw, stages=stages)
