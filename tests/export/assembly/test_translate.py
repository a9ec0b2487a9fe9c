"""The translator: what it makes of a text, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import CheckFailed
from export.assembly import translate
from export.assembly.pie import PIE
from tests.support.assembled import function, load, run


def words(folder: Path, *lines: str, count: int = 8) -> tuple[np.ndarray, int]:
    """What lines write to int32 at a2, and their instructions."""
    out = np.zeros(count, np.int32)
    taken = run(load(function(*lines), folder), out)
    return out, taken


def test_a_loop_runs_its_body_as_often_as_it_says(tmp_path: Path) -> None:
    out, taken = words(
        tmp_path,
        *("movi a8,5", "movi a9,0", "loop a8,end", "addi a9,a9,3", "end:"),
        "s32i a9,a2,0",
    )
    assert out[0] == 15
    assert taken == 1 + 3 + 5 + 1 + 1  # entry, moves and loop, body, store, return


def test_a_loop_of_no_turns_is_skipped_where_it_says_so(tmp_path: Path) -> None:
    out, taken = words(
        tmp_path,
        *("movi a8,0", "movi a9,7", "loopnez a8,end", "addi a9,a9,3", "end:"),
        "s32i a9,a2,0",
    )
    assert out[0] == 7
    assert taken == 6


def test_a_branch_back_counts_every_turn(tmp_path: Path) -> None:
    out, taken = words(
        tmp_path,
        *("movi a8,4", "movi a9,1", "top:", "slli a9,a9,1", "addi a8,a8,-1"),
        *("bnez a8,top", "s32i a9,a2,4"),
    )
    assert out[1] == 16
    assert taken == 3 + 4 * 3 + 2


def test_sums_wrap_at_32_bits_and_pointers_do_not(tmp_path: Path) -> None:
    out, _ = words(
        tmp_path,
        *("movi a8,2147483647", "addi a8,a8,1", "s32i a8,a2,0"),
        *("movi a9,-4", "addi a3,a2,8", "add a3,a3,a9", "s32i a8,a3,0"),
        *("srai a8,a8,31", "s32i a8,a2,8"),
    )
    assert out[:3].tolist() == [-(1 << 31), -(1 << 31), -1]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["addi a2,a2,128"], "128 is not in -128 to 127"),
        (["addmi a2,a2,100"], "steps of 256"),
        (["ee.vld.128.ip q0,a2,8"], "steps of 16"),
        (["ee.vld.128.ip q0,a2,2048"], "not in -2048 to 2032"),
        (["ee.vmulas.s8.accx.ld.ip q0,a2,512,q1,q2"], "not in -512 to 496"),
        (["ee.st.accx.ip a2,4"], "steps of 8"),
        (["ee.vld.l.64.ip q0,a2,1024"], "not in -1024 to 1016"),
        (["ee.srcmb.s16.qacc q0,a2,1"], "not in 0 to 0"),
        (["ee.vld.128.ip q8,a2,16"], "q8 is no register"),
        (["add a0,a2,a3"], "a0 is no register"),
        (["ee.vmax.s8 q0,q1"], "takes 3 operands, not 2"),
        (["ee.vzip.8 q1,q1"], "would write q1 twice"),
        (["ee.vmul.s16.ld.incp q1,a2,q1,q2,q3"], "would write q1 twice"),
        (["madd.s f0,f1,f2"], "unknown instruction madd.s"),
        (["bnez a2,nowhere"], "there is no label nowhere"),
        (["here:", "here:"], "defined twice"),
        (["loop a2,end", "loop a3,end", "nop", "end:"], "a branch in a loop"),
        (["loop a2,end", "bnez a3,end", "nop", "end:"], "a branch in a loop"),
        (["loop a2,end", *["nop"] * 84, "end:"], "a loop of 252 bytes"),
        (["top:", *["nop"] * 700, "bnez a2,top"], "bnez over"),
        (["top:", *["nop"] * 50, "bne a2,a3,top"], "bne over"),
    ],
)
def test_what_no_assembler_or_core_takes_is_refused(
    lines: list[str], says: str
) -> None:
    with pytest.raises(CheckFailed, match=says):
        translate.translate(function(*lines), PIE)


def test_a_function_that_is_not_there_is_refused() -> None:
    with pytest.raises(CheckFailed, match="not defined"):
        translate.translate(".global g\n" + function(), PIE)


def test_comments_and_preprocessor_lines_are_no_code(tmp_path: Path) -> None:
    text = "/* a\n nop */\n#if NN_S3\n" + function("/* x */", "nop") + "#endif\n"
    assert run(load(text, tmp_path)) == 3
