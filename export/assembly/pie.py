"""The vector instructions of the ESP32-S3 (PIE) that our kernels use, as C.

`pie_model.h` has a model of each; here are operands, ranges and lengths. A vector
register is q0 to q7. What loads while it computes does the sum first: the register
that is loaded may be one that is read.
"""

from export.assembly.operation import Core, Operation, Table
from export.assembly.xtensa import BASE, REGISTERS

WIDE = 4  # bytes of an instruction that computes and loads
VECTOR = "i:-2048:2032:16"  # steps of 128-bit loads and stores
SHORT = "i:-512:496:16"  # the same, beside a sum
DOUBLE = "i:-1024:1016:8"  # steps of 64-bit loads and stores
WORD = "i:-512:508:4"
LANES = {8: "s8", 16: "s16", 32: "s32"}


def _load(name: str, operands: str) -> Operation:
    return Operation(operands, f"{{1}} = pie_{name}(&p, {{0}}, {{1}}, {{2}});")


_MEMORY: Table = {
    "ee.vld.128.ip": _load("vld", f"q a {VECTOR}"),
    "ee.vld.128.xp": _load("vld", "q a a"),
    "ee.vst.128.ip": _load("vst", f"q a {VECTOR}"),
    "ee.vld.l.64.ip": _load("vld_l", f"q a {DOUBLE}"),
    "ee.vld.h.64.ip": _load("vld_h", f"q a {DOUBLE}"),
    "ee.vst.l.64.ip": _load("vst_l", f"q a {DOUBLE}"),
    "ee.vst.h.64.ip": _load("vst_h", f"q a {DOUBLE}"),
    "ee.ld.128.usar.ip": _load("usar", f"q a {VECTOR}"),
    "ee.vldbc.8": Operation("q b", "pie_ldbc8(&p, {0}, {1});"),
    "ee.st.accx.ip": Operation(f"a {DOUBLE}", "{0} = pie_st_accx(&p, {0}, {1});"),
    **{
        f"ee.st.qacc_{half}.l.128.ip": Operation(
            f"a {VECTOR}", f"{{0}} = pie_st_qacc(&p, {number}, 0, 16, {{0}}, {{1}});"
        )
        for number, half in enumerate("lh")
    },
    **{
        f"ee.st.qacc_{half}.h.32.ip": Operation(
            f"a {WORD}", f"{{0}} = pie_st_qacc(&p, {number}, 16, 4, {{0}}, {{1}});"
        )
        for number, half in enumerate("lh")
    },
}
_REGISTERS: Table = {
    "ee.zero.q": Operation("q", "pie_zero(&p, {0});"),
    "ee.zero.accx": Operation("", "p.accx = 0;"),
    "ee.zero.qacc": Operation("", "pie_zero_qacc(&p);"),
    "ee.movi.32.q": Operation("q a i:0:3", "p.q[{0}].s32[{2}] = (int32_t){1};"),
    "ee.movi.32.a": Operation("q a i:0:3", "{1} = p.q[{0}].s32[{2}];"),
    "wur.sar_byte": Operation("a", "p.sar_byte = {0} & 15;"),
    "ee.andq": Operation("q q q", "pie_and(&p, {0}, {1}, {2});"),
    "ee.orq": Operation("q q q", "pie_or(&p, {0}, {1}, {2});"),
    "ee.xorq": Operation("q q q", "pie_xor(&p, {0}, {1}, {2});"),
    "ee.vsl.32": Operation("q q", "pie_vsl_32(&p, {0}, {1}, sar);"),
    "ee.vsr.32": Operation("q q", "pie_vsr_32(&p, {0}, {1}, sar);"),
    **{
        f"ee.v{way}.{bits}": Operation(
            "q q", f"pie_{way}_{bits}(&p, {{0}}, {{1}});", apart=(0, 1)
        )
        for way in ("zip", "unzip")
        for bits in LANES
    },
    "ee.src.q": Operation("q q q", "pie_src(&p, {0}, {1}, {2});"),
    "ee.src.q.ld.ip": Operation(
        f"q a {VECTOR} q q",
        "pie_src(&p, {3}, {3}, {4}); {1} = pie_vld(&p, {0}, {1}, {2});",
        WIDE,
        (0, 3),
    ),
    "ee.src.q.ld.xp": Operation(
        "q a a q q",
        "pie_src(&p, {3}, {3}, {4}); {1} = pie_vld(&p, {0}, {1}, {2});",
        WIDE,
        (0, 3),
    ),
}


def _lanes() -> Table:
    """Lane by lane, alone and with a load of the next vector."""
    found: Table = {}
    names = [f"{op}.{s}" for op in ("vadds", "vsubs") for s in LANES.values()]
    names += [f"{op}.{s}" for op in ("vmax", "vmin") for s in LANES.values()]
    for name in names:
        call = f"pie_{name.replace('.', '_')}(&p, {{}}, {{}}, {{}});"
        found |= _loading(name, call)
    found |= _loading("vmul.s16", "pie_vmul_s16(&p, {}, {}, {}, sar);")
    for test in ("lt", "gt", "eq"):
        name = f"vcmp_{test}_s16"
        found[f"ee.vcmp.{test}.s16"] = Operation(
            "q q q", f"pie_{name}(&p, {{0}}, {{1}}, {{2}});"
        )
    return found


def _loading(name: str, call: str) -> Table:
    """An operation, and the same with `.ld.incp`."""
    load = "{1} = pie_vld(&p, {0}, {1}, 16);"
    return {
        f"ee.{name}": Operation("q q q", call.format("{0}", "{1}", "{2}")),
        f"ee.{name}.ld.incp": Operation(
            "q a q q q", f"{call.format('{2}', '{3}', '{4}')} {load}", WIDE, (0, 2)
        ),
    }


def _sums() -> Table:
    """Sums of products, alone and with a load of the next vector."""
    found: Table = {}
    for lane, place in (
        ("s8", "accx"),
        ("s8", "qacc"),
        ("s16", "qacc"),
        ("u16", "qacc"),
    ):
        call = f"pie_vmulas_{lane}_{place}(&p, {{}}, {{}});"
        name = f"ee.vmulas.{lane}.{place}"
        load = "{1} = pie_vld(&p, {0}, {1}, {2});"
        found[name] = Operation("q q", call.format("{0}", "{1}"))
        found[f"{name}.ld.ip"] = Operation(
            f"q a {SHORT} q q", f"{call.format('{3}', '{4}')} {load}", WIDE
        )
        found[f"{name}.ld.xp"] = Operation(
            "q a a q q", f"{call.format('{3}', '{4}')} {load}", WIDE
        )
    found["ee.srcmb.s16.qacc"] = Operation(
        "q a i:0:0", "pie_srcmb_s16(&p, {0}, (int32_t){1});"
    )
    return found


TABLE: Table = {**BASE, **_MEMORY, **_REGISTERS, **_lanes(), **_sums()}
PIE = Core(
    TABLE,
    {**REGISTERS, "q": "q[0-7]"},
    ("xtensa_model.h", "pie_model.h"),
    "int64_t sar = 17; pie_t p = PIE_ANY;",
)
