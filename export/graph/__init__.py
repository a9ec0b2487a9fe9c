"""A network as typed values: tensors, operators, shapes, stages."""
