"""The steps of output of a block of positions: loops around `Finish.step`."""

from export.cores.s3.code import Code
from export.cores.s3.finish import Finish
from export.cores.s3.lines import Lines
from export.plan.units import round_up

LOOP_BYTES = 244
WRITTEN_OUT = 3  # steps that are not worth a loop
WORDS = ("a7", "a12", "a13", "a14")  # free behind a step, of a vector's words


def prologue(code: Code, finish: Finish) -> None:
    """What `Finish` needs in registers."""
    code("movi a8,15", f"movi a9,{finish.constants.s}")
    if not isinstance(finish.after, Lines):
        finish.shift(code)


def of_lanes(lanes: int) -> list[int]:
    """The lanes of each step."""
    whole, rest = divmod(lanes, 16)
    return [16] * whole + ([round_up(rest, 8)] if rest else [])


def write(code: Code, finish: Finish, steps: list[int], period: int) -> None:
    """Steps from a14 and a15 to a3; the constants start anew after `period` steps."""
    if len(steps) <= WRITTEN_OUT:
        for number, lanes in enumerate(steps):
            if number and number % period == 0:
                code("mov a15,a6")
            _store(code, finish, lanes)
        return
    turn = period if len(steps) > period else 1
    turns = sum(lanes == 16 for lanes in steps) // turn
    body = _turn(Code("measured"), finish, turn, len(steps) > period).bytes
    if turns > 1:
        code(f"movi a13,{turns}")
    if turns == 1:
        _turn(code, finish, turn, len(steps) > period)
    elif body <= LOOP_BYTES:
        end = code.ahead("finish")
        code(f"loop a13,{end}")
        _turn(code, finish, turn, len(steps) > period)
        code.put(end)
    else:
        top = code.label("finish")
        _turn(code, finish, turn, len(steps) > period)
        code.again("a13", top)
    for lanes in steps[turns * turn :]:
        _store(code, finish, lanes)


def scattered(code: Code, finish: Finish, lanes: int, count: int) -> None:
    """One step whose first `count` bytes go to a3, which may be any address."""
    result = finish.step(code, lanes)
    words, rest = divmod(count, 4)
    for i in range(words + min(rest, 1)):
        code(f"ee.movi.32.a {result},{WORDS[i]},{i}")
    code(*(f"s32i {WORDS[i]},a3,{4 * i}" for i in range(words)))
    if rest >= 2:
        code(f"s16i {WORDS[words]},a3,{4 * words}")
    if rest == 3:
        code(f"extui {WORDS[words]},{WORDS[words]},16,16")
    if rest % 2:
        code(f"s8i {WORDS[words]},a3,{4 * words + rest - 1}")
    code(f"addi a3,a3,{count}")


def _turn(code: Code, finish: Finish, steps: int, anew: bool) -> Code:
    for _ in range(steps):
        _store(code, finish, 16)
    if anew:
        code("mov a15,a6")
    return code


def _store(code: Code, finish: Finish, lanes: int) -> None:
    result = finish.step(code, lanes)
    if lanes == 8:
        code(f"ee.vst.l.64.ip {result},a3,8")
    else:
        code(f"ee.vst.128.ip {result},a3,16")
