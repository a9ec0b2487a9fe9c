"""Rows that a loop reads and writes, one a turn: no values, but where each row is.

    found = moved("GATHER", attributes, inputs, rows)   # None: no such move

Keras's layers read a row of their input and write a row of their output a turn: into a
list of tensors, or into a tensor that is cut around the row and joined again. `Rows`
stands for both, so that who reads a row reads what was written there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import Esp8kError
from export.frontend import cures
from export.frontend.canonical.static import slices
from export.graph.attributes import Along, Slice
from export.graph.network import Operator
from export.graph.options import options

LIST = ("CUSTOM FlexTensorList", "CUSTOM TensorList")  # of TensorFlow, of TFLite


@dataclass(frozen=True, eq=False)
class Known:
    """A value that is the same for every input."""

    data: np.ndarray
    quant: Any = None  # as the flatbuffer has it


@dataclass(frozen=True)
class Made:
    """A tensor of the new graph, a number for each of its elements."""

    index: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Rows:
    """Values along a first axis; None where none was written: zeros."""

    items: tuple["Known | Made | None", ...]


Value = Known | Made | Rows
Inputs = list[Value | None]
Parted = Callable[[Value], Rows | None]  # a value as its rows, where it has them


def moved(kind: str, packed: Any, inputs: Inputs, rows: Parted) -> Value | None:
    """What an operator only picks out of rows or puts together, by its options."""
    first = inputs[0] if inputs else None
    if first is None:
        return None
    if kind.startswith(LIST):
        return _listed(kind.rpartition("TensorList")[2], inputs, rows)
    at = inputs[1] if len(inputs) > 1 else None
    a = options(kind, packed)
    if kind == "GATHER" and isinstance(a, Along) and isinstance(at, Known):
        if isinstance(first, Known) or a.axis or at.data.ndim:
            return None
        found = rows(first)
        return None if found is None else found.items[int(at.data)]
    if kind == "EXPAND_DIMS" and isinstance(first, Made) and isinstance(at, Known):
        return Rows((first,)) if not at.data.any() else None
    if kind in ("SLICE", "STRIDED_SLICE"):
        return _sliced(Operator(0, kind, (), (), a), inputs)
    if kind == "CONCATENATION" and isinstance(a, Along) and a.axis == 0:
        if any(isinstance(value, Rows) for value in inputs):
            return _joined(inputs, rows)
    return None


def _listed(name: str, inputs: Inputs, rows: Parted) -> Value:
    """What one of TensorFlow's operators on lists does."""
    first, at = inputs[0], inputs[1]
    if name == "Reserve":  # (shape of an element, how many)
        return Rows((None,) * _number(at))
    found = None if first is None else rows(first)
    if found is not None and name in ("Stack", "FromTensor"):
        return found
    if found is not None and name == "GetItem":
        item = found.items[_number(at)]
        if item is not None:
            return item
    if found is not None and name == "SetItem":
        items, new = list(found.items), inputs[2]
        if new is not None and not isinstance(new, Rows):
            items[_number(at)] = new
            return Rows(tuple(items))
    raise Esp8kError(f"the model's loop needs TensorList{name}", cures.LOOP)


def _number(value: Value | None) -> int:
    if not isinstance(value, Known):
        raise Esp8kError("the model's list has a length that is computed", cures.LOOP)
    return int(value.data)


def _sliced(op: Operator, inputs: Inputs) -> Value | None:
    """A part of what is known, or of rows along their first axis alone."""
    first = inputs[0]
    bounds = [value.data for value in inputs[1:] if isinstance(value, Known)]
    if len(bounds) != len(inputs) - 1 or not isinstance(first, Known | Rows):
        return None
    shape = first.data.shape if isinstance(first, Known) else _shape(first)
    if shape is None:
        return None
    index: tuple[Any, ...]
    if isinstance(op.attributes, Slice):
        index = slices(op, shape, *bounds)
    else:
        ends = np.where(bounds[1] < 0, shape, bounds[0] + bounds[1])
        index = tuple(
            slice(int(b), int(e)) for b, e in zip(bounds[0], ends, strict=True)
        )
    if isinstance(first, Known):
        return Known(np.array(first.data[index]), first.quant)
    for part, size in zip(index[1:], shape[1:], strict=False):
        if not isinstance(part, slice) or part.indices(size) != (0, size, 1):
            return None
    if isinstance(index[0], slice):
        return Rows(first.items[index[0]])
    return None if index[0] is None else first.items[index[0]]


def _shape(rows: Rows) -> tuple[int, ...] | None:
    one = next((item for item in rows.items if item is not None), None)
    if one is None:
        return None
    inner = one.data.shape if isinstance(one, Known) else one.shape
    return (len(rows.items), *inner)


def _joined(inputs: Inputs, rows: Parted) -> Rows | None:
    """Rows behind each other."""
    parts = [None if value is None else rows(value) for value in inputs]
    items: list[Known | Made | None] = []
    for part in parts:
        if part is None:
            return None
        items += part.items
    return Rows(tuple(items))
