"""What instructions are said to read and write, against their models."""

import ctypes

import numpy as np
import pytest

from export.assembly.effects import MEMORY, effects, movable
from export.assembly.operation import checked
from export.assembly.pie import PIE
from export.assembly.source import Instruction, instruction
from export.emit.host_build import compile_c
from tests.support.assembled import MODELS

FIRST = {"a": 2, "b": 9, "q": 0}  # register of the first operand of a kind
PLACES = {  # of the state, an array of int64
    **{f"q{i}": slice(2 * i, 2 * i + 2) for i in range(8)},
    "qacc": slice(16, 24),
    "accx": slice(24, 25),
    "sar_byte": slice(25, 26),
    "sar": slice(26, 27),
    **{f"a{i}": slice(27 + i, 28 + i) for i in range(2, 10)},
}
ADDRESSES = {f"a{i}" for i in range(2, 10)}
NAMES = (*PLACES, MEMORY)
WORDS, BYTES = 27 + 16, 4096
BODY = """
void f{number}(int64_t *s);
void f{number}(int64_t *s)
{{
    pie_t p;
    int64_t sar = s[26];
    int64_t {load};
    memcpy(&p, s, sizeof p);
    {statement}
    memcpy(s, &p, sizeof p);
    s[26] = sar;
    {store}
}}
"""
Values = dict[str, bytes]


def instructions() -> list[Instruction]:
    """One of each kind, every register another one."""
    found = []
    for mnemonic, operation in PIE.table.items():
        following = dict(FIRST)
        operands = []
        for kind in operation.operands.split():
            if kind in following:
                operands.append(f"{'q' if kind == 'q' else 'a'}{following[kind]}")
                following[kind] += 1
            elif kind != "l":
                low, high, step = ([*map(int, kind.split(":")[1:]), 1] + [5, 5])[:3]
                operands.append(str(low if low > 0 else min(step, high)))
        if movable(PIE, mnemonic):
            found.append(Instruction(mnemonic, tuple(operands), 0))
    return found


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """f0, f1, ...: each of the instructions on a state."""
    folder = tmp_path_factory.mktemp("effects")
    registers = range(2, 10)
    load = ", ".join(f"a{i} = s[{27 + i}]" for i in registers)
    store = " ".join(f"s[{27 + i}] = a{i};" for i in registers)
    text = '#include "xtensa_model.h"\n#include "pie_model.h"\n'
    for number, one in enumerate(instructions()):
        operation, operands = checked(PIE, one)
        statement = operation.c.format(*operands)
        text += BODY.format(number=number, load=load, store=store, statement=statement)
    (folder / "effects.c").write_text(text)
    compile_c(
        [folder / "effects.c"], [MODELS], folder / "f.so", "-shared", "-fPIC", "-O0"
    )
    return ctypes.CDLL(str(folder / "f.so"))


class Machine:
    """A state with memory, drawn; every address register points into the memory."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        self.room = rng.integers(0, 256, BYTES, np.uint8)
        self.state = rng.integers(-(1 << 30), 1 << 30, WORDS)
        middle = self.room.ctypes.data + BYTES // 2
        self.state[27:] = middle - middle % 16 + 48 * np.arange(16)
        self.state[25:27] = 5, 3
        self.start = self.room.copy(), self.state.copy()

    def run(self, function: ctypes._CFuncPtr, other: str = "") -> Values:
        """What there is afterwards, with another value in `other` before."""
        self.room[:], self.state[:] = self.start
        if other == MEMORY:
            self.room ^= 0x55
        elif other.startswith("q") and other != "qacc":
            self.state[PLACES[other]] ^= 0x0101010101010101
        elif other:
            self.state[PLACES[other]] += 16 if other in ADDRESSES else 1
        function(ctypes.c_void_p(self.state.ctypes.data))
        found = {name: self.state[at].tobytes() for name, at in PLACES.items()}
        return {**found, MEMORY: self.room.tobytes()}


def test_nothing_else_is_read_or_written(library: ctypes.CDLL) -> None:
    machine = Machine()
    before = machine.run(lambda _: None)
    for number, one in enumerate(instructions()):
        function, said = library[f"f{number}"], effects(PIE, one)
        after = machine.run(function)
        changed = {name for name in NAMES if after[name] != before[name]}
        assert changed <= said.writes, one
        assert said.reads <= set(NAMES)
        for name in set(NAMES) - said.reads:
            found = machine.run(function, name)
            assert all(found[n] == after[n] for n in NAMES if n != name), (one, name)


@pytest.mark.parametrize(
    ("first", "second", "stalls"),
    [
        ("ee.vld.128.ip q1,a2,16", "ee.vmulas.s8.accx q0,q1", True),
        ("ee.vld.128.ip q1,a2,16", "ee.vld.128.ip q2,a2,16", False),
        ("ee.vmulas.s8.accx.ld.ip q6,a13,16,q0,q6", "ee.vmax.s8 q0,q0,q6", True),
        ("ee.vmulas.s8.accx q0,q6", "ee.st.accx.ip a14,8", True),
        ("ee.vmulas.s8.accx q0,q6", "ee.vmulas.s8.accx q1,q7", False),
        ("ee.vmulas.s16.qacc q0,q6", "ee.srcmb.s16.qacc q0,a8,0", True),
        ("ee.vld.l.64.ip q0,a2,8", "ee.vld.h.64.ip q0,a2,8", False),
        ("l8ui a8,a3,0", "add a8,a8,a6", True),
        ("ee.vadds.s8 q0,q0,q1", "ee.vmax.s8 q2,q0,q0", False),
    ],
)
def test_a_load_and_a_sum_are_waited_for(first: str, second: str, stalls: bool) -> None:
    one, other = (effects(PIE, instruction(line)) for line in (first, second))
    assert one.stalls(other) == stalls
