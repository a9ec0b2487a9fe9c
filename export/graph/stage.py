"""A stage: one generated C function, with all that is known of it resolved.

A head operator, then at most a max pool and activations. Geometry, regions,
quantization and weights stand here once; the kernels only read them.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from export.graph.geometry import POINT, Geometry, Shape, geometry, hwc
from export.graph.kinds import CHANNEL_TABLE, MAC_KINDS, UNARY_KINDS
from export.graph.network import Network, Operator, Tensor, operator_macs


@dataclass(frozen=True)
class Operand:
    """A value that a stage reads."""

    tensor: int  # whose memory it is: reshapes followed back to their source
    read: int  # the tensor in the shape in which it is read
    shape: Shape  # all of it
    region: Shape  # what is required, and so stored, of it
    pitch: int  # elements from one stored row to the next
    is_input: bool  # what the caller holds: an input, or a variable

    @property
    def reshaped(self) -> bool:
        """Whether it is read in another shape than it has in memory."""
        return self.read != self.tensor


@dataclass(frozen=True, eq=False)
class Stage:
    """One generated function."""

    network: Network = field(repr=False)
    name: str
    number: int  # as the hook gets it
    head: Operator
    pool_operator: Operator | None
    unary: tuple[Operator, ...]  # in network order; they commute with the pool
    geometry: Geometry  # of the head
    pool: Geometry | None  # of the fused max pool
    sources: tuple[Operand, ...]
    output: int  # tensor index of what the stage writes
    is_output: bool  # the network's output, which the caller holds
    is_state: bool  # a variable's new value, which the caller holds too
    head_region: Shape  # what the head computes, before any pool
    region: Shape  # what is stored
    padded: bool  # whether what is required reads beyond the input's edges
    macs: int  # as the network counts them
    effective_macs: int  # those that some later layer reads

    @property
    def inputs(self) -> tuple[int, ...]:
        """Tensors whose memory the stage reads."""
        return tuple(source.tensor for source in self.sources)

    @property
    def operators(self) -> tuple[Operator, ...]:
        """All operators of the stage, the head first."""
        pool = (self.pool_operator,) if self.pool_operator else ()
        return (self.head, *pool, *self.unary)

    @property
    def tabled(self) -> tuple[Operator, ...]:
        """What the int8 engine makes one table of."""
        kinds = (*UNARY_KINDS, CHANNEL_TABLE)
        head = (self.head,) if self.head.kind in kinds else ()
        return (*head, *self.unary)

    @property
    def size(self) -> int:
        """Stored elements of the output."""
        return math.prod(self.region)

    @property
    def width(self) -> int:
        """Elements in a row of the output."""
        return self.region[1] * self.region[2]

    @property
    def head_output(self) -> Tensor:
        """What the head alone gives: the goal of its requantisation."""
        return self.network.output(self.head)

    @property
    def activation(self) -> str:
        """The activation that is fused into the head."""
        return self.head.attributes.activation

    @property
    def weighs(self) -> bool:
        """Whether it is a weighted sum."""
        return self.head.kind in MAC_KINDS

    @property
    def weights(self) -> np.ndarray:
        """(O, Kh, Kw, I) as stored, depthwise (C, Kh, Kw, 1), of a weighted sum."""
        data = self.network.tensors[self.head.inputs[1]].data
        assert self.weighs and data is not None
        if self.head.kind == "DEPTHWISE_CONV_2D":  # (1, Kh, Kw, C)
            shape = (data.shape[3], *data.shape[1:3], 1)
            return np.moveaxis(data, 3, 0).reshape(shape)
        return data[:, None, None, :] if self.head.kind == "FULLY_CONNECTED" else data

    @property
    def bytes_from(self) -> int | None:
        """From where a weighted sum's weights reach 255 further; None: they fit int8.

        A file of uint8 has bytes less a zero point.
        """
        weights = self.network.tensors[self.head.inputs[1]]
        if weights.dtype == "int8":
            return None
        assert weights.data is not None
        return min(int(weights.data.min()), 0)

    @property
    def weight_count(self) -> int:
        """Of a weighted sum."""
        return self.network.tensors[self.head.inputs[1]].size

    def flat_weights(self) -> np.ndarray:
        """int64 (O, K): what each output is summed over."""
        weights = self.weights.astype(np.int64)
        return weights.reshape(len(weights), -1)

    @property
    def depth(self) -> int:
        """Channels of the input; all of it where it is read as one position."""
        if self.head.kind == "FULLY_CONNECTED":
            return int(self.weights.shape[3])
        return self.sources[0].region[2]

    def rows(self, head_rows: int, rows: int, pooled: bool = True) -> "Stage":
        """The same for a few rows of the output.

        Not `pooled`: of what the pool reads, which is nobody's output.
        """
        part = self
        if not pooled:
            part = replace(self, pool=None, pool_operator=None)
            part = replace(part, is_output=False, is_state=False)
        return replace(
            part,
            head_region=(head_rows, *self.head_region[1:]),
            region=(rows, *(self.region if pooled else self.head_region)[1:]),
        )


def build(
    network: Network,
    group: list[Operator],
    number: int,
    name: str,
    regions: dict[int, Shape],
    alias: dict[int, int],
) -> Stage:
    """The stage of a group of operators; `regions`: what is required of each value."""
    head, output = group[0], group[-1].outputs[0]
    pool = next((op for op in group[1:] if op.kind == "MAX_POOL_2D"), None)
    sources = tuple(
        _operand(network, index, regions, alias)
        for index in head.inputs
        if index >= 0 and network.tensors[index].data is None
    )
    own, head_region = geometry(network, head), regions[head.outputs[0]]
    macs = operator_macs(network, head)
    return Stage(
        network=network,
        name=name,
        number=number,
        head=head,
        pool_operator=pool,
        unary=tuple(op for op in group[1:] if op is not pool),
        geometry=own,
        pool=geometry(network, pool) if pool else None,
        sources=sources,
        output=output,
        is_output=output in {alias.get(i, i) for i in network.outputs},
        is_state=output in {alias.get(v.written, v.written) for v in network.variables},
        head_region=head_region,
        region=regions[output],
        padded=_is_padded(own, head_region, sources[0].shape),
        macs=macs,
        effective_macs=macs
        * math.prod(head_region)
        // math.prod(hwc(network.output(head).shape)),
    )


def _operand(
    network: Network, index: int, regions: dict[int, Shape], alias: dict[int, int]
) -> Operand:
    root, shape = alias.get(index, index), hwc(network.tensors[index].shape)
    is_input = root in network.starts
    region = regions[index]
    width = shape[1] if is_input else region[1]  # the caller's is stored whole
    return Operand(root, index, shape, region, width * region[2], is_input)


def _is_padded(own: Geometry, region: Shape, source: Shape) -> bool:
    """Whether windows reach over an edge of the input."""
    if own == POINT:
        return False
    rows, columns = own.reads(*region[:2])
    return own.top > 0 or own.left > 0 or rows > source[0] or columns > source[1]
