"""The Xtensa instructions that both ESP32 cores share (LX6, LX7), as C.

Address registers are 64 bits wide on the host: a number is kept sign-extended from
32 bits, a pointer as it is. `xtensa_model.h` has the helpers.
"""

from export.assembly.operation import Core, Operation, Table

REGISTERS = {"a": r"a([2-9]|1[0-5])", "b": r"a(1?[0-9])"}

_MOVES: Table = {
    "entry": Operation("b i:16:32760:8", ""),
    "retw.n": Operation("", "", 2),
    "movi": Operation("a n", "{0} = (int32_t)(uint32_t)(int64_t){1};"),
    "mov": Operation("a a", "{0} = {1};"),
    "nop": Operation("", ";"),
}
_ARITHMETIC: Table = {
    "add": Operation("a a a", "{0} = xt_add({1}, {2});"),
    "addi": Operation("a a i:-128:127", "{0} = xt_add({1}, {2});"),
    "addmi": Operation("a a i:-32768:32512:256", "{0} = xt_add({1}, {2});"),
    "addx2": Operation("a a a", "{0} = xt_add(xt_shl({1}, 1), {2});"),
    "addx4": Operation("a a a", "{0} = xt_add(xt_shl({1}, 2), {2});"),
    "addx8": Operation("a a a", "{0} = xt_add(xt_shl({1}, 3), {2});"),
    "sub": Operation("a a a", "{0} = xt_sub({1}, {2});"),
    "neg": Operation("a a", "{0} = xt_sub(0, {1});"),
    "and": Operation("a a a", "{0} = (int32_t){1} & (int32_t){2};"),
    "or": Operation("a a a", "{0} = (int32_t){1} | (int32_t){2};"),
    "xor": Operation("a a a", "{0} = (int32_t){1} ^ (int32_t){2};"),
    "mull": Operation("a a a", "{0} = xt_mull({1}, {2});"),
    "mulsh": Operation("a a a", "{0} = xt_mulsh({1}, {2});"),
    "muluh": Operation("a a a", "{0} = xt_muluh({1}, {2});"),
    "min": Operation("a a a", "{0} = (int32_t){1} < (int32_t){2} ? {1} : {2};"),
    "max": Operation("a a a", "{0} = (int32_t){1} > (int32_t){2} ? {1} : {2};"),
    "minu": Operation("a a a", "{0} = (uint32_t){1} < (uint32_t){2} ? {1} : {2};"),
    "maxu": Operation("a a a", "{0} = (uint32_t){1} > (uint32_t){2} ? {1} : {2};"),
    "clamps": Operation("a a i:7:22", "{0} = xt_clamps({1}, {2});"),
    "sext": Operation("a a i:7:22", "{0} = xt_sext({1}, {2});"),
    "moveqz": Operation("a a a", "if ((int32_t){2} == 0) {0} = {1};"),
    "movnez": Operation("a a a", "if ((int32_t){2} != 0) {0} = {1};"),
    "movltz": Operation("a a a", "if ((int32_t){2} < 0) {0} = {1};"),
    "movgez": Operation("a a a", "if ((int32_t){2} >= 0) {0} = {1};"),
}
_SHIFTS: Table = {
    "slli": Operation("a a i:1:31", "{0} = xt_shl({1}, {2});"),
    "srli": Operation("a a i:0:15", "{0} = (int32_t)((uint32_t){1} >> {2});"),
    "srai": Operation("a a i:0:31", "{0} = (int32_t){1} >> {2};"),
    "extui": Operation(
        "a a i:0:31 i:1:16",
        "{0} = (int32_t)(((uint32_t){1} >> {2}) & ((1u << {3}) - 1));",
    ),
    "ssai": Operation("i:0:31", "sar = {0};"),
    "ssr": Operation("a", "sar = {0} & 31;"),
    "ssl": Operation("a", "sar = 32 - ({0} & 31);"),
    "src": Operation("a a a", "{0} = xt_src({1}, {2}, sar);"),
    "srl": Operation("a a", "{0} = xt_src(0, {1}, sar);"),
    "sra": Operation("a a", "{0} = xt_sra({1}, sar);"),
    "sll": Operation("a a", "{0} = xt_src({1}, 0, sar);"),
}
_MEMORY: Table = {
    "l8ui": Operation("a b i:0:255", "{0} = xt_l8ui({1}, {2});"),
    "l16ui": Operation("a b i:0:510:2", "{0} = xt_l16ui({1}, {2});"),
    "l16si": Operation("a b i:0:510:2", "{0} = xt_l16si({1}, {2});"),
    "l32i": Operation("a b i:0:1020:4", "{0} = xt_l32i({1}, {2});"),
    "s8i": Operation("a b i:0:255", "xt_s8i({0}, {1}, {2});"),
    "s16i": Operation("a b i:0:510:2", "xt_s16i({0}, {1}, {2});"),
    "s32i": Operation("a b i:0:1020:4", "xt_s32i({0}, {1}, {2});"),
}
FLOW: Table = {
    "j": Operation("l", "goto {0};"),
    "beqz": Operation("a l", "if ((int32_t){0} == 0) goto {1};"),
    "bnez": Operation("a l", "if ((int32_t){0} != 0) goto {1};"),
    "bltz": Operation("a l", "if ((int32_t){0} < 0) goto {1};"),
    "bgez": Operation("a l", "if ((int32_t){0} >= 0) goto {1};"),
    "beq": Operation("a a l", "if ({0} == {1}) goto {2};"),
    "bne": Operation("a a l", "if ({0} != {1}) goto {2};"),
    "blt": Operation("a a l", "if ((int32_t){0} < (int32_t){1}) goto {2};"),
    "bge": Operation("a a l", "if ((int32_t){0} >= (int32_t){1}) goto {2};"),
    "bltu": Operation("a a l", "if ((uint64_t){0} < (uint64_t){1}) goto {2};"),
    "bgeu": Operation("a a l", "if ((uint64_t){0} >= (uint64_t){1}) goto {2};"),
    "loop": Operation("a l", ""),
    "loopnez": Operation("a l", ""),
    "loopgtz": Operation("a l", ""),
}
BASE: Table = {**_MOVES, **_ARITHMETIC, **_SHIFTS, **_MEMORY, **FLOW}
FAR = {"j": 131_000, "beqz": 2_000, "bnez": 2_000, "bltz": 2_000, "bgez": 2_000}
NEAR = 120  # bytes that any other branch reaches
XTENSA = Core(BASE, REGISTERS, ("xtensa_model.h",), "int64_t sar = 0;")
