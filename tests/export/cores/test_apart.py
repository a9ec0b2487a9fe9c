"""Instructions of the S3's kernels set apart from what they wait for."""

import pytest

from export.cores.s3.apart import apart
from export.cores.s3.code import Code
from tests.support.stalls import stalls

LOAD, USE = "ee.vld.128.ip q0,a2,16", "ee.vmax.s8 q1,q1,q0"
FIRST, LAST = "mov a14,a5", "addi a11,a11,-1"


def block(*lines: str) -> list[str]:
    """The lines between two that stay, as they are ordered."""
    code = Code("f")
    code(FIRST, *lines, LAST)
    found = [line.strip() for line in code.end().splitlines()]
    return found[found.index(FIRST) + 1 : found.index(LAST)]


def test_what_depends_on_nothing_goes_between() -> None:
    other = "ee.zero.accx"
    assert block(LOAD, USE, other) == [LOAD, other, USE]
    assert block(other, LOAD, USE) == [LOAD, other, USE]
    before = "addi a3,a3,1"
    assert block(before, other, LOAD, USE) == [before, LOAD, other, USE]


@pytest.mark.parametrize(
    "other",
    [
        "ee.zero.q q0",  # what is loaded
        "ee.zero.q q1",  # what the use writes
        "ee.vst.128.ip q1,a3,16",  # its result
    ],
)
def test_what_depends_on_either_stays(other: str) -> None:
    found = block(LOAD, USE, other)
    assert found.index(USE) < found.index(other)
    assert found.index(LOAD) < found.index(USE)


def test_no_load_passes_a_store() -> None:
    store, load = "ee.vst.128.ip q4,a3,16", "ee.vld.128.ip q5,a6,16"
    lines = [LOAD, USE, store, load]
    found = block(*lines)
    assert found.index(store) < found.index(load)


@pytest.mark.parametrize("wall", [".Lf_top0:", "loop a9,.Lend", "bnez a9,.Lend"])
def test_nothing_passes_a_label_or_a_branch(wall: str) -> None:
    lines = [FIRST, LOAD, USE, LAST, wall, FIRST, "ee.zero.accx", LAST]
    assert apart(lines) == lines


def test_the_ends_of_a_block_stay() -> None:
    lines = ["ee.zero.accx", LOAD, USE, "ee.zero.qacc"]
    assert apart(lines) == lines


def test_a_stall_is_not_moved_elsewhere() -> None:
    """What could go between keeps two others apart."""
    again = ["ee.vld.128.ip q1,a3,16", "ee.zero.accx", "ee.vmax.s8 q4,q1,q5"]
    assert block(LOAD, USE, *again) == [LOAD, USE, *again]


def test_stalls_are_counted_across_a_label() -> None:
    code = Code("f")
    code(FIRST, LOAD)
    code.label("top")
    code(USE, "ee.vmulas.s8.accx q4,q5", "ee.st.accx.ip a14,8")
    assert stalls(code.end()) == {
        ("ee.vld.128.ip", "ee.vmax.s8"): 1,
        ("ee.vmulas.s8.accx", "ee.st.accx.ip"): 1,
    }
