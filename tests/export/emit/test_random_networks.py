"""Random networks: the generated C against TensorFlow Lite Micro itself.

ESP8K_NETWORKS=1000 .venv/bin/python -m pytest tests/export/emit/test_random_networks.py

For each seed one network is drawn; TFLite Micro, the numpy reference (operator by
operator, so that a failure names the culprit) and the C of one profile must give the
same bytes. What the networks have to reach is asserted too: a generator that no
longer draws something fails.
"""

import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.words import PROFILES
from export.arithmetic import int8
from export.emit import generate
from export.frontend.canonical.ends import from_core
from export.frontend.support import core_of, require_supported
from export.graph.attributes import Window
from export.graph.network import Network
from export.graph.read import read_tflite
from export.reference import int8 as reference
from export.reference import tflm
from tests.support import oracle
from tests.support.components import IDENTITY
from tests.support.native import Native
from tools.bench.drawn.networks import random_inputs, random_network

NETWORKS = int(os.environ.get("ESP8K_NETWORKS", 64))  # 64 in CI, 1000 for a night
INPUTS = 8  # per network
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
TURNS = ("speed", "size", "speed", "balanced")  # the profile with most ways of its own
# Undefined C is reported, also where the bytes are right by chance.
OPTIONS = ("-O0", "-fsanitize=undefined")

# Drawn by random_operators, or without a kernel in TFLite Micro.
OTHERS = {"MOVE", "REDUCE_SUM", "REDUCE_MEAN", "REDUCE_MAX", "REDUCE_MIN", "SUB", "DIV"}
OTHERS |= {"MINIMUM", "MAXIMUM", "PRELU", "TABLE", "HARD_SWISH", "ELU", "ABS", "RSQRT"}
OTHERS |= {"RESIZE_BILINEAR", "BATCH_MATMUL", "TRANSPOSE_CONV", "L2_NORMALIZATION"}
OTHERS |= {"SQUARED_DIFFERENCE", "LOG_SOFTMAX", "UNIDIRECTIONAL_SEQUENCE_LSTM", "SVDF"}
OTHERS |= {"GELU", "EXP"}
REACHED = {
    *(reference.KERNELS.keys() - OTHERS),
    *("padding SAME", "padding VALID", "stride 1", "stride 2", "stride 3"),
    *("an odd number of channels", "a weight of 127", "a weight of -127"),
    *(
        "a bias above 2^30",
        "a bias below -2^30",
        "a left shift",
        "a factor below 2^-12",
    ),
    *("zero point -128", "zero point 127", "a scale per channel", "one scale for all"),
    *("an operand broadcast", "a tensor read twice"),
    "an image made of another shape",
    *("requantised single", "requantised split", "requantised signed"),
    *("requantised triple", "a padded window"),
    *("a line buffer in whole words", "a depthwise row"),
    *("Winograd F(2, 3)", "Winograd F(4, 3)"),
    *("a pool in a convolution", "overlapping windows behind a convolution"),
    "a convolution a few rows ahead of its reader",
    *("a table for each channel behind a sum", "a table for each channel alone"),
    *("maxima taken along a row", "a row's rest", "a kernel without a loop"),
    *PROFILES,
}


@pytest.mark.slow
@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
def test_generated_c_of_random_networks_equals_tflite_micro(
    tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    reached: Counter[str] = Counter()
    compared = 0
    for seed in range(NETWORKS):
        profile = TURNS[seed % len(TURNS)]
        compared += check(seed, profile, tmp_path / str(seed), reached)
        complaints = capfd.readouterr().err
        assert "runtime error" not in complaints, f"seed {seed}: {complaints}"
    assert compared == NETWORKS
    missing = sorted(REACHED - reached.keys())
    assert not missing, f"the generator must reach {', '.join(missing)}"


def check(seed: int, profile: str, folder: Path, reached: Counter[str]) -> bool:
    """Hold one network's C to the oracle; true when bytes were compared."""
    label = f"seed {seed}, {profile}"
    model = random_network(seed)
    whole = read_tflite(model, label)
    network, ends = core_of(whole)
    require_supported(network)
    inputs = random_inputs(network, seed, INPUTS)
    values, end = oracle.compare(model, inputs, label), network.outputs[0]
    # In profile speed test_lx6.py makes and runs the LX6's engine of these networks.
    place = (folder, profile, "net", IDENTITY)
    generate.generate(network, None, *place, lx6=profile != "speed")
    native = Native(folder, folder / "native", options=OPTIONS)
    found = native.run("int8", (inputs.astype(np.int16) + 128).astype(np.uint8))
    if end in values:
        expected = values[end]
    else:  # what only renames its input ends in a copy that the file does not have
        found, expected = from_core(ends.outputs[0], found), values[whole.outputs[0]]
    assert np.array_equal(found, expected.reshape(found.shape)), label
    reached.update((profile, *(op.kind for op in whole.operators)))
    reached.update(features(network))
    reached.update(ways((folder / "src" / "net_int8_network.c").read_text()))
    return found.size > 0


def features(network: Network) -> set[str]:
    """What is drawn of the things that go wrong elsewhere."""
    found = set()
    read = Counter(i for op in network.operators for i in op.inputs)
    if max(read[op.outputs[0]] for op in network.operators) > 1:
        found.add("a tensor read twice")
    for op in network.operators:
        if op.kind in ("ADD", "MUL"):
            first, second = (network.tensors[i].shape for i in op.inputs[:2])
            found |= {"an operand broadcast"} if first != second else set()
        if op.kind == "RESHAPE" and len(network.output(op).shape) == 4:
            found.add("an image made of another shape")
        found.add(f"zero point {network.output(op).zero_point}")
        if isinstance(op.attributes, Window):
            found.add(f"padding {op.attributes.padding}")
            found.add(f"stride {op.attributes.stride_h}")
            odd = network.output(op).shape[-1] % 2
            found |= {"an odd number of channels"} if odd else set()
        if op.kind not in WEIGHTED:
            continue
        weights = network.tensors[op.inputs[1]]
        assert weights.data is not None and weights.quant is not None
        found |= {f"a weight of {w}" for w in (-127, 127) if w in weights.data}
        single = len(weights.quant.scale) == 1
        found.add("one scale for all" if single else "a scale per channel")
        _, shift = int8.channel_multipliers(network, op)
        found |= {"a left shift"} if shift.max() > 0 else set()
        found |= {"a factor below 2^-12"} if shift.min() < -12 else set()
        bias = int8.bias(network, op)
        if bias is not None:
            found |= {"a bias above 2^30"} if bias.max() > 1 << 30 else set()
            found |= {"a bias below -2^30"} if bias.min() < -(1 << 30) else set()
    return found


def ways(source: str) -> set[str]:
    """Which of the generator's ways a network's C takes."""
    signs = {
        "Winograd F(2, 3)": "nn_winograd_input",
        "Winograd F(4, 3)": "nn_winograd4_input",
        "a pool in a convolution": "_2D, MAX_POOL_2D",
        "a padded window": "nn_line_buffer(",
        "a line buffer in whole words": "nn_line_buffer_words(",
        "zeros left out": "nn_nonzero(",
        "a depthwise row": "const uint8_t *row = window;",
        "overlapping windows behind a convolution": "nn_strip_clear(",
        "a convolution a few rows ahead of its reader": "just before they are read",
        "a table for each channel behind a sum": "_table[(k - net_int8_",
        "a table for each channel alone": "_table[c * 256 + in0[",
        "maxima taken along a row": "nn_strip_least(edges",
        "a row's rest": "/* What whole blocks leave of a row. */",
    }
    found = {name for name, sign in signs.items() if sign in source}
    if re.search(r"\*v = window;\n\n +\w+\(", source):
        found.add("a kernel without a loop")
    forms = ("single", "split", "signed", "checked", "triple", "wide")
    return found | {
        f"requantised {f}" for f in forms if f"requantisation: {f}\n" in source
    }
