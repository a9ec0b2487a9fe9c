"""The models of the vector instructions against numpy, at the edges of their ranges.

Each test runs a few lines of assembly through the translator: a vector or two in, what
the instruction makes of them out.
"""

from pathlib import Path

import numpy as np
import pytest

from tests.support.assembled import function, load, run

RNG = np.random.default_rng(11)
LOAD = ("ee.vld.128.ip q0,a2,16", "ee.vld.128.ip q1,a2,16")


def aligned(size: int) -> np.ndarray:
    """Zeroed bytes at a multiple of 16."""
    room = np.zeros(size + 16, np.uint8)
    start = -room.ctypes.data % 16
    return room[start : start + size]


def vectors(kind: type) -> np.ndarray:
    """(2, 128 / bits): extremes against each other, the rest drawn."""
    info, count = np.iinfo(kind), 16 // np.dtype(kind).itemsize
    edges = np.array([info.min, info.max, -1, 0, 1, info.min + 1], np.int64)
    drawn = RNG.integers(info.min, int(info.max) + 1, (2, count))
    drawn[0, : min(count, 4)] = edges[[0, 1, 0, 1]][: min(count, 4)]
    drawn[1, : min(count, 4)] = edges[[0, 1, 1, 2]][: min(count, 4)]
    return drawn.astype(kind)


def apply(folder: Path, source: np.ndarray, *lines: str, out: int = 64) -> np.ndarray:
    """The bytes at a3 after the lines, with `source` at a2."""
    held, result = aligned(source.nbytes + 64), aligned(out)
    held[: source.nbytes] = source.view(np.uint8).reshape(-1)
    run(load(function(*lines), folder), held, result)
    return result


def store(*registers: str) -> list[str]:
    return [f"ee.vst.128.ip {q},a3,16" for q in registers]


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("name", ["vadds", "vsubs", "vmax", "vmin"])
def test_lanes_saturate_and_compare(name: str, bits: int, tmp_path: Path) -> None:
    kind = {8: np.int8, 16: np.int16, 32: np.int32}[bits]
    source = vectors(kind)
    line = f"ee.{name}.s{bits} q2,q0,q1"
    found = apply(tmp_path, source, *LOAD, line, *store("q2")).view(kind)
    a, b = source.astype(np.int64)
    info = np.iinfo(kind)
    expected = {
        "vadds": np.clip(a + b, info.min, info.max),
        "vsubs": np.clip(a - b, info.min, info.max),
        "vmax": np.maximum(a, b),
        "vmin": np.minimum(a, b),
    }[name]
    np.testing.assert_array_equal(found[: 128 // bits], expected)


def test_a_load_beside_a_sum_comes_after_it(tmp_path: Path) -> None:
    source = RNG.integers(-99, 99, (3, 16)).astype(np.int8)
    found = apply(
        tmp_path,
        source,
        *LOAD,
        "ee.vadds.s8.ld.incp q0,a2,q2,q0,q1",  # q0 is read, then loaded
        *store("q2", "q0"),
    ).view(np.int8)
    total = np.clip(source[0].astype(int) + source[1], -128, 127)
    np.testing.assert_array_equal(found[:16], total)
    np.testing.assert_array_equal(found[16:32], source[2])


def test_accx_multiplies_before_it_reloads(tmp_path: Path) -> None:
    source = RNG.integers(-128, 128, (3, 16)).astype(np.int8)
    lines = [*LOAD, "ee.zero.accx", "ee.vmulas.s8.accx.ld.ip q1,a2,16,q0,q1"]
    lines += ["ee.vmulas.s8.accx q0,q1", "ee.st.accx.ip a3,8"]
    found = apply(tmp_path, source, *lines).view(np.int64)[0]
    wide = source.astype(np.int64)
    assert found == (wide[0] * wide[1]).sum() + (wide[0] * wide[2]).sum()


def test_addresses_are_rounded_down_silently(tmp_path: Path) -> None:
    source = np.arange(64, dtype=np.uint8)
    found = apply(
        tmp_path,
        source,
        *("addi a2,a2,23", "ee.vld.128.ip q0,a2,0", "ee.vld.l.64.ip q1,a2,0"),
        *("ee.vld.h.64.ip q1,a2,0", *store("q0", "q1")),
        *("addi a4,a3,5", "ee.zero.accx", "ee.st.accx.ip a4,8"),
    )
    np.testing.assert_array_equal(found[:16], source[16:32])
    np.testing.assert_array_equal(found[16:32], np.tile(source[16:24], 2))
    assert not found[32:40].any()


def test_usar_and_src_put_unaligned_bytes_in_place(tmp_path: Path) -> None:
    source = np.arange(64, dtype=np.uint8)
    for shift in (0, 1, 7, 15):
        found = apply(
            tmp_path,
            source,
            *(f"addi a2,a2,{shift}", "ee.ld.128.usar.ip q0,a2,16"),
            *("ee.vld.128.ip q1,a2,16", "ee.src.q.ld.ip q2,a2,16,q0,q1"),
            *("ee.src.q q1,q1,q2", *store("q0", "q1")),
        )
        np.testing.assert_array_equal(found[:32], source[shift : shift + 32])


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_zip_and_unzip_are_each_others_inverse(bits: int, tmp_path: Path) -> None:
    kind = {8: np.uint8, 16: np.uint16, 32: np.uint32}[bits]
    source = np.arange(2 * 128 // bits, dtype=kind).reshape(2, -1)
    zipped = apply(
        tmp_path, source, *LOAD, f"ee.vzip.{bits} q0,q1", *store("q0", "q1")
    ).view(kind)[: source.size]
    np.testing.assert_array_equal(zipped, source.T.reshape(-1))
    back = apply(
        tmp_path,
        source,
        *(*LOAD, f"ee.vzip.{bits} q0,q1", f"ee.vunzip.{bits} q0,q1"),
        *store("q0", "q1"),
    ).view(kind)[: source.size]
    np.testing.assert_array_equal(back, source.reshape(-1))


def test_products_of_16_bits_are_shifted_and_cut_off(tmp_path: Path) -> None:
    source = vectors(np.int16)
    lines = [*LOAD, "ssai 15", "ee.vmul.s16 q2,q0,q1", *store("q2")]
    found = apply(tmp_path, source, *lines).view(np.int16)[:8]
    a, b = source.astype(np.int64)
    np.testing.assert_array_equal(found, ((a * b) >> 15).astype(np.int16))


def test_srcmb_saturates_and_writes_back_what_it_shifted(tmp_path: Path) -> None:
    source = vectors(np.int16)
    lines = [*LOAD, "ee.zero.qacc", "movi a8,3", "movi a9,1"]
    lines += ["ee.vmulas.s16.qacc q0,q1", "ee.srcmb.s16.qacc q2,a8,0"]
    lines += ["ee.srcmb.s16.qacc q3,a9,0", *store("q2", "q3")]
    found = apply(tmp_path, source, *lines).view(np.int16)
    a, b = source.astype(np.int64)
    np.testing.assert_array_equal(found[:8], np.clip((a * b) >> 3, -32768, 32767))
    np.testing.assert_array_equal(found[8:16], np.clip((a * b) >> 4, -32768, 32767))


def test_qacc_of_words_saturates_at_40_bits(tmp_path: Path) -> None:
    source = np.array([[-32768] * 8, [-32768] * 8, [32767] * 8], np.int16)
    lines = [*LOAD, "ee.vld.128.ip q2,a2,16", "ee.zero.qacc", "movi a8,600"]
    lines += ["loop a8,end", "ee.vmulas.s16.qacc q0,q1", "end:", "movi a9,24"]
    lines += ["ee.srcmb.s16.qacc q3,a9,0", *store("q3")]
    found = apply(tmp_path, source, *lines).view(np.int16)[:8]
    np.testing.assert_array_equal(found, ((1 << 39) - 1) >> 24)


def test_qacc_of_bytes_saturates_at_20_bits_and_is_stored_lane_by_lane(
    tmp_path: Path,
) -> None:
    source = np.array([[127, -128] * 8, [127] * 16], np.int8)
    source[0, 4:12] = [1, -1, 2, -2, 3, -3, 4, -4]
    turns = 40  # 40 * 127 * 128 is more than 2^19
    lines = [*LOAD, "ee.zero.qacc", f"movi a8,{turns}", "loop a8,end"]
    lines += ["ee.vmulas.s8.qacc q0,q1", "end:", "ee.st.qacc_l.l.128.ip a3,16"]
    lines += ["ee.st.qacc_l.h.32.ip a3,16", "ee.st.qacc_h.l.128.ip a3,16"]
    lines += ["ee.st.qacc_h.h.32.ip a3,0"]
    found = apply(tmp_path, source, *lines)
    bits = np.unpackbits(found, bitorder="little")
    halves = (bits[:160], bits[256 : 256 + 160])
    lanes = np.concatenate([h.reshape(8, 20) for h in halves]).astype(np.int64)
    weights = 1 << np.arange(20)
    weights[19] = -(1 << 19)
    exact = turns * source[0].astype(np.int64) * 127
    expected = np.clip(exact, -(1 << 19), (1 << 19) - 1)
    np.testing.assert_array_equal(lanes @ weights, expected)


def test_unsigned_products_add_to_an_unsigned_qacc(tmp_path: Path) -> None:
    source = np.array([[65535] * 8, [65535, 1, 0, 256, 32768, 2, 3, 4]], np.uint16)
    lines = [*LOAD, "ee.zero.qacc", "movi a8,17", "ee.vmulas.u16.qacc q0,q1"]
    lines += ["ee.srcmb.s16.qacc q2,a8,0", *store("q2")]
    found = apply(tmp_path, source, *lines).view(np.int16)[:8]
    a, b = source.astype(np.int64)
    np.testing.assert_array_equal(found, np.clip((a * b) >> 17, -32768, 32767))


def test_comparisons_give_masks(tmp_path: Path) -> None:
    source = vectors(np.int16)
    for name, test in (("lt", np.less), ("gt", np.greater), ("eq", np.equal)):
        line = f"ee.vcmp.{name}.s16 q2,q0,q1"
        found = apply(tmp_path, source, *LOAD, line, *store("q2")).view(np.int16)[:8]
        np.testing.assert_array_equal(found, -test(*source).astype(np.int16))


def test_words_go_in_and_out_of_a_vector(tmp_path: Path) -> None:
    source = np.array([[7, -8, 9, -10]], np.int32)
    lines = ["ee.zero.q q0"]
    for lane in range(4):
        lines += [f"l32i a8,a2,{4 * lane}", f"ee.movi.32.q q0,a8,{3 - lane}"]
    lines += ["ee.movi.32.a q0,a9,0", "s32i a9,a3,16", "ee.vst.128.ip q0,a3,0"]
    found = apply(tmp_path, source, *lines).view(np.int32)
    assert found[:5].tolist() == [-10, 9, -8, 7, -10]


def test_shifts_of_words_go_by_sar(tmp_path: Path) -> None:
    source = np.array([[1, -1, 1 << 30, -(1 << 31)]], np.int32)
    lines = [LOAD[0], "ssai 4", "ee.vsl.32 q1,q0", "ee.vsr.32 q2,q0"]
    found = apply(tmp_path, source, *lines, *store("q1", "q2")).view(np.int32)
    wide = source[0].astype(np.int64)
    np.testing.assert_array_equal(found[:4], (wide << 4).astype(np.int32))
    np.testing.assert_array_equal(found[4:8], wide >> 4)
