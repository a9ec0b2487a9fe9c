"""What every file of a network says of it: its name, its ends and its state.

    subject = Subject.of(network, identity, "speed", "v3", ...)

The templates name its fields; a scale is the C literal without its suffix.
"""

import math
import re
from dataclasses import dataclass

import numpy as np

from core.errors import Esp8kError
from core.paths import ROOT
from core.pixels import to_bytes
from core.version import VERSION
from export.emit import held
from export.emit.identity import Identity
from export.graph.network import Network, Variable

KERNELS = ROOT / "firmware" / "components" / "nn"
COMMON = "nn_common.h"


@dataclass(frozen=True)
class End:
    """An input or an output."""

    shape: tuple[int, ...]  # without the batch
    size: int  # elements
    order: str  # HWC, C or row-major: the last one is the fastest
    scale: str
    zero_point: int  # of TFLite's int8 or int16
    offset: int = 0  # from the first input or output

    @classmethod
    def of(cls, network: Network, index: int, offset: int = 0) -> "End":
        """A tensor that the caller holds."""
        tensor = network.tensors[index]
        shape = tensor.shape[1:] or (1,)
        return cls(
            shape=shape,
            size=math.prod(shape),
            order="HWC"[-len(shape) :] if len(shape) <= 3 else "row-major",
            scale=_literal(float(tensor.scale)),
            zero_point=tensor.zero_point,
            offset=offset,
        )


@dataclass(frozen=True)
class Held:
    """A variable of the state, and what it begins with."""

    offset: int  # in the state
    size: int  # bytes
    fill: int | None  # the byte that all begin with; None: each has its own
    first: list[int]  # these, or nothing

    @classmethod
    def of(cls, variable: Variable, offset: int) -> "Held":
        """Bytes u = q + 128; of 16 bits two bytes as they are, the low one first."""
        begin = variable.initial.reshape(-1)
        whole = begin.astype("<i2").view(np.uint8)
        values = (whole if begin.dtype == np.int16 else to_bytes(begin)).tolist()
        same = len(set(values)) == 1
        fill, first = (values[0], []) if same else (None, values)
        return cls(offset, begin.nbytes, fill, first)


# C of an input's and an output's elements; int8's q is given as the byte q + 128.
C_TYPES = {"int8": ("uint8_t", "int8_t"), "int16": ("int16_t", "int16_t")}


@dataclass(frozen=True)
class Subject:
    """A network as all of its C files tell it."""

    model: str
    hash: str  # of the weights
    version: str  # of esp8k
    kernel_version: int  # NN_VERSION
    engine: str  # int8 or int16: of functions and macros; beside it may be float16
    in_type: str  # C
    out_type: str
    profile: str
    prefix: str  # of functions and files
    guard: str  # of macros
    input: End  # the first one
    output: End
    more_inputs: tuple[End, ...]
    more_outputs: tuple[End, ...]
    input_size: int  # elements of all inputs
    input_bytes: int
    output_size: int  # elements of all outputs
    state_bytes: int
    variables: tuple[Held, ...]
    s3: bool  # whether the ESP32-S3 has its own engine
    lx6: bool  # likewise the classic ESP32
    lx6_f16: bool  # and its FPU

    @classmethod
    def of(
        cls,
        network: Network,
        identity: Identity,
        profile: str,
        prefix: str,
        s3: bool,
        lx6: bool,
        lx6_f16: bool,
    ) -> "Subject":
        """What the quantized network and its identity say."""
        inputs = held.offsets(network, network.inputs)
        outputs = held.offsets(network, network.outputs)
        state = held.state_offsets(network)
        first, *more = map(End.of, [network] * len(inputs), network.inputs, inputs)
        gives, *others = map(End.of, [network] * len(outputs), network.outputs, outputs)
        return cls(
            model=identity.model,
            hash=identity.weights_hash,
            version=VERSION,
            kernel_version=kernel_version(),
            engine=network.engine,
            in_type=C_TYPES[network.engine][0],
            out_type=C_TYPES[network.engine][1],
            profile=profile,
            prefix=prefix,
            guard=prefix.upper(),
            input=first,
            output=gives,
            more_inputs=tuple(more),
            more_outputs=tuple(others),
            input_size=inputs[-1],
            input_bytes=inputs[-1] * np.dtype(network.engine).itemsize,
            output_size=outputs[-1],
            state_bytes=state[-1],
            variables=tuple(map(Held.of, network.variables, state)),
            s3=s3,
            lx6=lx6,
            lx6_f16=lx6_f16,
        )


def kernel_version() -> int:
    """NN_VERSION of the kernels' headers, which the generated C asks for."""
    found = re.search(r"#define NN_VERSION (\d+)", (KERNELS / COMMON).read_text())
    if found is None:
        raise Esp8kError(f"{COMMON} has no NN_VERSION", "restore it from git")
    return int(found[1])


def _literal(value: float) -> str:
    """A number that takes C's suffix f: 1 is none, 1.0 is."""
    text = f"{value:.9g}"
    return text if "." in text or "e" in text else f"{text}.0"
