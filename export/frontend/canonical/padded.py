"""A PAD in front of convolutions becomes the border that their windows reach into.

What a convolution reads beyond its input's edges counts as the input's zero point.
A PAD that fills with just that, and whose value only convolutions read, is such a
border: the same products are summed, and the padded value need not be stored. It may
be as wide as a window less one element, as a causal convolution's is: then every
window still holds something of the input.
"""

import dataclasses

from export.graph.attributes import Padding, Pair, Window
from export.graph.network import Network, Operator, Tensor, numbered


def joined(network: Network) -> Network:
    """The network without the PADs that its convolutions can do."""
    readers = network.readers()
    borders: dict[int, tuple[int, tuple[Pair, Pair]]] = {}
    operators = []
    for op in network.operators:
        border = _border(network, op)
        value = op.outputs[0] if op.outputs else -1
        users = readers.get(value, [])
        if border is not None and users and value not in network.ends:
            if all(_takes(network, user, value, border) for user in users):
                borders[value] = op.inputs[0], border
                continue
        if op.inputs and op.inputs[0] in borders:
            source, pads = borders[op.inputs[0]]
            op = dataclasses.replace(
                op,
                inputs=(source, *op.inputs[1:]),
                attributes=dataclasses.replace(op.told(Window), pads=pads),
            )
        operators.append(op)
    return dataclasses.replace(network, operators=numbered(operators))


def _border(network: Network, op: Operator) -> tuple[Pair, Pair] | None:
    """Rows and columns that a PAD adds, if it adds these only, as zero points."""
    if op.kind != "PAD":
        return None
    told = op.told(Padding)
    if told.paddings is None or len(told.paddings) != 4:
        return None
    source, out = network.tensors[op.inputs[0]], network.output(op)
    if not _alike(source, out) or source.data is not None or len(source.shape) != 4:
        return None
    (before, rows, columns, behind) = told.paddings
    if any((*before, *behind)) or told.fill != out.zero_point:
        return None
    height, width = source.shape[1] + sum(rows), source.shape[2] + sum(columns)
    whole = (source.shape[0], height, width, source.shape[3])
    return (rows, columns) if out.shape == whole and min(*rows, *columns) >= 0 else None


def _alike(source: Tensor, out: Tensor) -> bool:
    if source.quant is None or out.quant is None:
        return False
    single = len(source.quant.scale) == len(out.quant.scale) == 1
    return single and (source.scale, source.zero_point) == (out.scale, out.zero_point)


def _takes(
    network: Network, op: Operator, value: int, border: tuple[Pair, Pair]
) -> bool:
    """Whether a reader can do the padding itself."""
    if op.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D") or value in op.inputs[1:]:
        return False
    a, kernel = op.told(Window), network.tensors[op.inputs[1]].shape
    if a.padding != "VALID" or len(kernel) != 4:
        return False
    steps = (a.dilation_h, a.dilation_w)
    return all(
        max(pair) <= (size - 1) * step
        for pair, size, step in zip(border, kernel[1:3], steps, strict=True)
    )
