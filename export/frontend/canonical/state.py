"""Variables: what a streaming network keeps from one call to the next.

READ_VARIABLE gives the old value, which is a tensor that nothing writes;
ASSIGN_VARIABLE says which tensor the new one is. CALL_ONCE and VAR_HANDLE go.
"""

import numpy as np

from core.errors import Esp8kError
from export.frontend.canonical.rewriter import Rewriter
from export.frontend.refusal import refuse
from export.graph.attributes import Handle
from export.graph.network import Network, Operator, Variable

HINT = "convert the model again with experimental_enable_resource_variables"


def resolve(network: Network) -> Network:
    """The network with `variables` in place of the operators on resources."""
    if not any(op.kind == "VAR_HANDLE" for op in network.operators):
        return network
    r = Rewriter(network)
    names: dict[int, str] = {}
    old: dict[str, int] = {}  # the tensor with the old value
    now: dict[str, int] = {}  # the tensor with the value at this point
    for op in network.operators:
        if op.kind == "CALL_ONCE":
            continue
        if op.kind == "VAR_HANDLE":
            names[op.outputs[0]] = op.told(Handle).name
        elif op.kind == "READ_VARIABLE":
            _read(r, op, _name(network, names, op), old, now)
        elif op.kind == "ASSIGN_VARIABLE":
            now[_name(network, names, op)] = op.inputs[1]
        else:
            r.keep(op)
    variables = tuple(
        _variable(r, name, old[name], now[name], network.initial.get(name))
        for name in old
    )
    return r.finished(variables=variables, initial={})


def _name(network: Network, names: dict[int, str], op: Operator) -> str:
    if not op.inputs or op.inputs[0] not in names:
        raise refuse(network, op, "of no variable", HINT)
    return names[op.inputs[0]]


def _read(
    r: Rewriter, op: Operator, name: str, old: dict[str, int], now: dict[str, int]
) -> None:
    if name in now:
        if name not in old:
            old[name] = r.value(r.tensors[now[name]].shape, r.tensors[now[name]])
        r.emit("RESHAPE", (now[name],), op.outputs[0])
        return
    old[name] = now[name] = op.outputs[0]


def _variable(
    r: Rewriter, name: str, read: int, written: int, initial: np.ndarray | None
) -> Variable:
    """One variable; without a first value TFLite Micro fills in the zero point."""
    tensor = r.tensors[read]
    if tensor.dtype != "int8" or tensor.quant is None:
        raise Esp8kError(
            f"the variable {name} holds {tensor.dtype}, not int8",
            "set converter._experimental_variable_quantization = True",
        )
    if r.tensors[written].size != tensor.size:
        raise Esp8kError(f"the variable {name} changes its size", HINT)
    data = np.full(tensor.size, tensor.zero_point, np.int8)
    if initial is not None:
        if initial.dtype != np.int8 or initial.size != tensor.size:
            raise Esp8kError(f"the variable {name} begins with another type", HINT)
        data = initial.reshape(-1)
    return Variable(name, read, written, data)
