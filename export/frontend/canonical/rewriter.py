"""A network while it is rewritten: operators are emitted anew, tensors only added."""

import dataclasses
import math
from typing import Any

import numpy as np

from export.graph.attributes import Attributes
from export.graph.network import Network, Operator, Tensor, Variable, numbered

Shape = tuple[int, ...]
NONE = Attributes()


class Rewriter:
    """Collects the new operators of a network; tensors keep their indices."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.tensors = list(network.tensors)
        self.operators: list[Operator] = []
        self.variables: list[Variable] = list(network.variables)
        self._read = {
            *network.ends,
            *(i for op in network.operators for i in op.inputs),
        }

    def is_read(self, index: int) -> bool:
        """Whether anything wants a value of the network as it came."""
        return index in self._read

    def finished(self, **changes: Any) -> Network:
        """The network as it is now; `changes` are further fields."""
        made = {
            "tensors": tuple(self.tensors),
            "operators": numbered(self.operators),
            "variables": tuple(self.variables),
        }
        return dataclasses.replace(self.network, **(made | changes))

    def tensor(self, op: Operator, position: int) -> Tensor:
        """An input that has to be there."""
        return self.tensors[op.inputs[position]]

    def keep(self, op: Operator) -> None:
        """An operator as it is."""
        self.operators.append(op)

    def emit(
        self,
        kind: str,
        inputs: tuple[int, ...],
        output: int,
        attributes: Attributes = NONE,
    ) -> int:
        """Add an operator of one output, which is given back."""
        self.operators.append(Operator(-1, kind, inputs, (output,), attributes))
        return output

    def value(self, shape: Shape, like: Tensor, name: str = "") -> int:
        """A new computed tensor with the type and the quantization of another."""
        index = len(self.tensors)
        label = name or f"{like.name} as {'x'.join(map(str, shape))}"
        self.tensors.append(
            dataclasses.replace(like, index=index, name=label, shape=shape, data=None)
        )
        return index

    def constant(self, data: np.ndarray, like: Tensor) -> int:
        """A new constant with the quantization of another tensor."""
        index = len(self.tensors)
        dtype = str(data.dtype)
        self.tensors.append(
            dataclasses.replace(
                like, index=index, shape=data.shape, data=data, dtype=dtype
            )
        )
        return index

    def reshaped(self, index: int, shape: Shape) -> int:
        """The same bytes in another shape."""
        tensor = self.tensors[index]
        if tensor.shape == shape:
            return index
        if tensor.data is not None:
            return self.constant(tensor.data.reshape(shape), tensor)
        found = self.value(shape, tensor)
        return self.emit("RESHAPE", (index,), found)

    def deliver(
        self,
        kind: str,
        inputs: tuple[int, ...],
        shape: Shape,
        output: int,
        attributes: Attributes,
    ) -> None:
        """An operator whose result has `shape`, and a RESHAPE to the output's."""
        target = self.tensors[output]
        if target.shape == shape:
            self.emit(kind, inputs, output, attributes)
            return
        made = self.emit(kind, inputs, self.value(shape, target), attributes)
        self.emit("RESHAPE", (made,), output)


def size(shape: Shape) -> int:
    """Number of elements."""
    return math.prod(shape)
