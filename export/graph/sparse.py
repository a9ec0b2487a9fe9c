"""Sparse weights of a .tflite, unpacked: zeros cost flash, and nothing else here.

    dense = unpack(values, sparsity, shape)

A tensor is stored dimension by dimension in a traversal order; a dimension is dense or
lists, for each of its parents, the indices that are there (CSR). Blocks are dimensions
of their own behind the real ones.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema


def unpack(values: np.ndarray, sparsity: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The dense array of `shape`; ValueError where the indices contradict it."""
    order = [int(d) for d in sparsity.traversalOrder]
    blocks = [] if sparsity.blockMap is None else [int(d) for d in sparsity.blockMap]
    if sorted(order) != list(range(len(shape) + len(blocks))):
        raise ValueError("not a traversal order")
    places = np.zeros((1, 0), np.int64)  # of each stored element, by level
    parents = 1
    sizes = {}
    for level, dimension in enumerate(sparsity.dimMetadata):
        if dimension.format == schema.DimensionType.DENSE:
            size = int(dimension.denseSize)
            found = np.tile(np.arange(size), parents)
            counts = np.full(parents, size)
        else:
            starts = np.asarray(dimension.arraySegments.values, np.int64)
            found = np.asarray(dimension.arrayIndices.values, np.int64)
            counts = np.diff(starts)
            if len(counts) != parents or counts.min() < 0 or starts[-1] != len(found):
                raise ValueError("segments do not match")
            size = None
        sizes[order[level]] = size
        places = np.column_stack([np.repeat(places, counts, axis=0), found])
        parents = len(places)
    if parents != len(values):
        raise ValueError("not as many values as indices")
    by_dimension = places[:, np.argsort(order)]
    index = [by_dimension[:, d] for d in range(len(shape))]
    for at, dimension in enumerate(blocks):
        width = sizes[len(shape) + at]
        if width is None:
            raise ValueError("a sparse block")
        index[dimension] = index[dimension] * width + by_dimension[:, len(shape) + at]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(index)] = values
    dense.flags.writeable = False
    return dense
