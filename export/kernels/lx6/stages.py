"""From a stage to the layer that the LX6 kernels see."""

from dataclasses import dataclass

import numpy as np

from export.arithmetic import requant_stage
from export.arithmetic.requant import Steps
from export.graph.geometry import Geometry
from export.graph.kinds import MAC_KINDS
from export.graph.stage import Stage
from export.kernels.kernel import Options
from export.kernels.lx6.layer import Layer

FULL = (0, 255)  # the range of u that CLAMPS gives
ROOM, LITTLE = 2048, 1024  # bytes of gathered rows: in profile speed, in others


def layer_of(
    stage: Stage, options: Options, function: str = "", out_pitch: int | None = None
) -> Layer | None:
    """A stage as a layer, or None where it is none that these kernels know.

    `function` and `out_pitch` are its own, unless a pool wants its rows elsewhere.
    """
    finish, pool = _finish(stage), stage.pool
    if finish is None:
        return None
    source, own = stage.sources[0], stage.geometry
    dense = stage.head.kind == "FULLY_CONNECTED"
    in_h, in_w, in_c = (1, 1, stage.depth) if dense else source.region
    return Layer(
        name=function or stage.name,
        in_h=in_h,
        in_w=in_w,
        in_c=in_c,
        pitch=source.pitch,
        fill=stage.network.tensors[source.tensor].zero_point + 128,
        top=own.top,
        left=own.left,
        stride_h=own.stride_h,
        stride_w=own.stride_w,
        dilation_h=own.dilation_h,
        dilation_w=own.dilation_w,
        out_h=stage.head_region[0],
        out_w=stage.head_region[1],
        out_c=stage.head_region[2],
        pool=(pool.kernel_h, pool.kernel_w) if pool else None,
        out_pitch=stage.width if out_pitch is None else out_pitch,
        weights=stage.weights.astype(np.int64),
        depthwise=stage.head.kind == "DEPTHWISE_CONV_2D",
        steps=finish.steps,
        goals=finish.goals,
        table=finish.table,
        last=stage.is_output,
        room=ROOM if options.winograd else LITTLE,
    )


@dataclass(frozen=True, eq=False)
class _Finish:
    """From a sum to a byte: where each channel reaches the goals, and the table."""

    steps: tuple[Steps, ...]
    goals: np.ndarray
    table: np.ndarray | None


def _finish(stage: Stage) -> _Finish | None:
    """What follows a stage's sums; None where it is none of ours, or does not rise."""
    pool = stage.pool
    if stage.head.kind not in MAC_KINDS or (pool and not _side_by_side(pool)):
        return None
    values = _table(stage)
    goals = requant_stage.goals_of(*FULL, values)
    steps, rises = requant_stage.steps_of(stage, goals, *FULL)
    return _Finish(tuple(steps), goals, values) if rises else None


def _side_by_side(pool: Geometry) -> bool:
    """Whether its windows cover the input once each."""
    apart = (pool.stride_h, pool.stride_w) == (pool.kernel_h, pool.kernel_w)
    return apart and not pool.top and not pool.left


def _table(stage: Stage) -> np.ndarray | None:
    """What follows a requantised byte, (256,) or nothing; it clamps as well."""
    values = requant_stage.table(stage)
    low, high = requant_stage.u_range(stage.head, stage.head_output)
    if (low, high) != FULL:
        values = np.arange(256) if values is None else values
        values = values[np.clip(np.arange(256), low, high)]
    return values
