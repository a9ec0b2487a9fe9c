"""Layers that read the caller's input, or write its output, where these lie.

    for parts, layouts in borrowing(parts, layouts, stages, output): ...

A fully connected layer of many outputs writes the last value to the caller at once:
that costs less than a copy. One that reads the input there needs no copy of it in the
arena, but more instructions, so a profile chooses.
"""

from collections.abc import Iterator
from dataclasses import replace

from export.cores.s3.layout import Layout
from export.cores.s3.rows import Part
from export.graph.stage import Stage

Parts = tuple[Part, ...]  # the input's, then the stages'
Layouts = dict[int, Layout]  # of what lies in the arena


def borrowing(
    parts: Parts, layouts: Layouts, stages: tuple[Stage, ...], output: int
) -> Iterator[tuple[Parts, Layouts]]:
    """The ways to make the network: with a copy of the input, and without."""
    read = [tensor for stage in stages for tensor in stage.inputs]
    straight = False
    if parts[-1].tensor == output and output not in read:
        last = _own(parts[-1], False, True)
        if last is not None:
            straight, parts = True, (*parts[:-1], last)
            layouts = _without(layouts, output)
    yield parts, layouts
    start, first = parts[0].tensor, parts[1]
    if read.count(start) == 1 and start in first.calls[0].inputs:
        own = _own(first, True, straight and len(parts) == 2)
        if own is not None:
            yield (own, *parts[2:]), _without(layouts, start)


def _own(part: Part, raw: bool, straight: bool) -> Part | None:
    """The part where its input, its output is the caller's, if it can be."""
    call = part.calls[0]
    kernel = call.borrow(raw, straight) if call.borrow is not None else None
    if kernel is None:
        return None
    inputs = () if raw else call.inputs
    own = replace(call, kernel=kernel, inputs=inputs, lag=None)
    return replace(part, calls=(own,))


def _without(layouts: Layouts, tensor: int) -> Layouts:
    return {key: layout for key, layout in layouts.items() if key != tensor}
