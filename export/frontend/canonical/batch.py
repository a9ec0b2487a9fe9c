"""A batch of 1, and a leading 1 in the shape of every value."""

import dataclasses

from core.errors import Esp8kError
from export.graph.network import Network


def single(network: Network) -> Network:
    """A model converted for N inputs at once, as one for each of them.

    Every value that is computed has N times what one input needs; what mixes the
    inputs of a batch is found later, where a shape does not follow.
    """
    starts = [network.tensors[i].shape for i in network.inputs]
    ends = [network.tensors[i].shape for i in network.outputs]
    counts = {s[0] for s in (*starts, *ends) if s}
    if len(counts) != 1 or not all((*starts, *ends)):
        return network
    many = counts.pop()
    if many <= 1 or network.variables:
        return network
    computed = {i for op in network.operators for i in op.outputs}
    computed.update(network.inputs)
    tensors = list(network.tensors)
    for index in computed:
        tensor = tensors[index]
        if tensor.data is not None or not tensor.shape:
            continue
        if tensor.shape[0] % many:
            raise Esp8kError(
                f"the model takes {many} inputs at once, and {tensor.name} of shape "
                f"{tensor.shape} belongs to all of them",
                "convert with a batch of 1: keras.Input(shape, batch_size=1)",
            )
        shape = (tensor.shape[0] // many, *tensor.shape[1:])
        tensors[index] = dataclasses.replace(tensor, shape=shape)
    return dataclasses.replace(network, tensors=tuple(tensors))


def led(network: Network) -> Network:
    """Values of other leading dimensions than 1 get a 1 in front.

    Runs behind the rules, which have made all that depends on the number of
    dimensions independent of it.
    """
    computed = {i for op in network.operators for i in op.outputs}
    computed.update(network.inputs)
    tensors = list(network.tensors)
    for index in computed:
        shape = tensors[index].shape
        if tensors[index].data is None and shape[:1] != (1,):
            tensors[index] = dataclasses.replace(tensors[index], shape=(1, *shape))
    return dataclasses.replace(network, tensors=tuple(tensors))
