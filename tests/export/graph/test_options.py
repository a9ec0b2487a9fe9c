"""What is read of an operator's options is there, by the schema's own names."""

from typing import get_type_hints

import pytest
from ai_edge_litert import schema_py_generated as schema

from export.graph.fields import Code
from export.graph.options import OPTIONS, READERS, kind_of, options

OTHERS = {  # options that a file cannot leave out
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "PAD": "PadOptions",
    "PADV2": "PadV2Options",
    "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "SOFTMAX": "SoftmaxOptions",
    "LEAKY_RELU": "LeakyReluOptions",
}


@pytest.mark.parametrize("kind", READERS)
def test_the_fields_of_a_kinds_options_are_the_schemas(kind: str) -> None:
    made = getattr(schema, f"{(OPTIONS | OTHERS)[kind]}T")()
    read = get_type_hints(get_type_hints(READERS[kind])["o"])
    assert read.keys() <= vars(made).keys()
    options(kind, made)


def test_an_operators_code_is_read_by_the_schemas_names() -> None:
    made = schema.OperatorCodeT()
    made.builtinCode = schema.BuiltinOperator.CONV_2D
    assert get_type_hints(Code).keys() <= vars(made).keys()
    assert kind_of(made) == "CONV_2D"
