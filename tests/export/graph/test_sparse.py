"""Sparse weights of a .tflite."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graph.sparse import unpack


def test_sparse_weights_are_unpacked() -> None:
    dense = np.array([[0, 3, 0], [0, 0, 0], [5, 0, 7]], np.int8)
    packed = schema.SparsityParametersT()
    packed.traversalOrder, packed.blockMap = np.array([0, 1]), None
    rows, columns = schema.DimensionMetadataT(), schema.DimensionMetadataT()
    rows.format, rows.denseSize = schema.DimensionType.DENSE, 3
    columns.format = schema.DimensionType.SPARSE_CSR
    columns.arraySegments = schema.Int32VectorT()
    columns.arraySegments.values = np.array([0, 1, 1, 3])
    columns.arrayIndices = schema.Int32VectorT()
    columns.arrayIndices.values = np.array([1, 0, 2])
    packed.dimMetadata = [rows, columns]
    found = unpack(np.array([3, 5, 7], np.int8), packed, (3, 3))
    assert np.array_equal(found, dense)
