"""A convolution with an overlapping max pool behind it, a band of rows at a time.

Windows of 2s x 2s at every s-th place are maxima of four cells of s x s, and each cell
belongs to four windows. So the convolution writes a few rows into a band, already
requantised and through its table (a max pool commutes with both); the maxima of the
band's cells are taken once, and what the row above left of them is kept. Nothing of
the convolution's full output is ever stored.

Around the image a cell's bytes are zero, the least there is: they change no maximum.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from export.graph.fusion import Stage, overlaps
from export.graph.network import Network, pads_before
from export.kernels import conv, horizontal_max, winograd, winograd4
from export.kernels.conv import Band
from export.kernels.int8 import Emitted, Options, stored


def applies(stage: Stage) -> bool:
    """Whether the stage's pool overlaps: planner has seen to everything else."""
    return stage.pool is not None and overlaps(stage.pool)


def ways(
    network: Network, stage: Stage, options: Options, pitch: int, last: bool
) -> list[Emitted]:
    """All that the rows can be made by."""
    return [
        _banded(network, stage, rows, made, pitch, last)
        for rows, made in _rows(network, stage, options, pitch)
        if made is not None
    ]


def _rows(
    network: Network, stage: Stage, options: Options, pitch: int
) -> Iterator[tuple[int, Emitted | None]]:
    """(rows at a time, how they are made)."""
    height, width, channels = stage.mac_live
    assert stage.pool is not None
    pool = stage.pool.attributes
    least = pool["stride_h"]
    bands = [Band(_pitch(stage), 0, 0)]
    if pool["stride_w"] == horizontal_max.STRIDE:
        left = pads_before(network, stage.pool)[1]
        words = -(-stage.out_live[1] * channels // 4)
        bands.append(Band(4 * words, left, stage.out_live[1]))

    def part(rows: int) -> Stage:
        live = (rows, width, channels)
        return replace(stage, pool=None, mac_live=live, out_live=live)

    if height % least == 0:
        for band in bands:
            yield (
                least,
                conv.emit(network, part(least), options, pitch, False, band),
            )
    for rows, tiles in ((2, winograd), (4, winograd4)):
        if options.winograd and rows % least == 0 and height % rows == 0:
            out_pitch = bands[0].pitch
            yield (
                rows,
                tiles.emit(network, part(rows), options, pitch, False, out_pitch),
            )


def _pitch(stage: Stage) -> int:
    """Bytes of a row of the band: whole cells, whole words."""
    assert stage.pool is not None
    horizontal_max = stage.pool.attributes["stride_w"] * (stage.out_live[1] + 1)
    return -(-horizontal_max * stage.out_live[2] // 4) * 4


def _banded(
    network: Network,
    stage: Stage,
    rows: int,
    made: Emitted,
    pitch: int,
    last: bool,
) -> Emitted:
    """The stage around `made`, which fills the band."""
    assert stage.pool is not None
    pool = stage.pool.attributes
    size_h, size_w = pool["stride_h"], pool["stride_w"]
    top, left = pads_before(network, stage.pool)
    inner = made.context
    inner["function"] = f"{stage.name}_rows"
    inner["restrict"] = "restrict "
    height, width, channels = stage.out_live
    maxima = inner.get("maxima")
    band = inner["band_pitch"] if maxima else _pitch(stage)
    steps = stage.mac_live[0] // rows
    context: dict[str, Any] = {
        "template": "band_int8.c.jinja",
        "rows": inner,
        "name": stage.name,
        "out_type": "int8_t" if last else "uint8_t",
        "out_h": height,
        "out_w": width,
        "out_c": channels,
        "steps": steps,
        "cells": rows // size_h,  # rows of cells that a step completes
        "size": size_h,
        "size_w": size_w,
        "maxima": maxima,
        "maximum": horizontal_max.maximum(
            [f"rows[i + {y * band}]" for y in range(size_h)]
            if maxima
            else [f"r{y}[{x * channels}]" for y in range(size_h) for x in range(size_w)]
        ),
        "pitch": band,
        "kept": top,
        "more": height + 1 - steps * rows // size_h,
        "fresh": top * band + (0 if maxima else left * channels),
        "band_bytes": (top + rows) * band,
        "above_bytes": -(-width * channels // 4) * 4,
        "inner_bytes": -(-inner["scratch"] // 4) * 4,
        "move": rows * stage.head.attributes["stride_h"] * pitch,
        "number": stage.number,
        "stream": None,
        "store": stored("best", inner.get("late_table"), last),
        **{key: inner.get(key) for key in ("requant", "weights", "mac16")},
        "method": inner.get("method", "direct"),
    }
    sizes = ("inner_bytes", "band_bytes", "above_bytes")
    context["scratch"] = sum(context[key] for key in sizes)
    return Emitted(context, made.arrays)
