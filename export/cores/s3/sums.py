"""Raw sums of products: a window in vectors against the weights of all channels.

For each channel ACCX is cleared, every vector of the window is multiplied with its
weights, which stream through two registers in the order of use, and the sum goes to
scratch, 64 bits. A register of weights is loaded again by the very instruction that
multiplies with it: two instructions lie between a load and its use.
"""

from collections.abc import Callable
from dataclasses import dataclass

from export.cores.s3.code import Code
from export.cores.s3.windows import Stream

UNROLLED = 420  # instructions of sums that are written out
OVER = 32  # bytes that are read behind the last weights


@dataclass(frozen=True)
class Order:
    """The vectors of a window in the order in which they are multiplied."""

    vectors: tuple[int, ...]  # of the window; those from `kept` on stream
    kept: int

    @classmethod
    def of(cls, count: int, kept: int) -> "Order":
        """Those that stream lie between those that stay, as far as there are any."""
        found, streamed = [], list(range(kept, count))
        for vector in range(kept):
            found.append(vector)
            if streamed:
                found.append(streamed.pop(0))
        return cls(tuple(found + streamed), kept)


def sums(
    code: Code,
    order: Order,
    stream: Stream | None,
    channels: int,
    step: Callable[[int], int],
) -> None:
    """All channels against the window in q0 and on; a13 and a14 move along.

    `step(c)`: bytes from the sum of channel c to that of the next one.
    """
    single = len(order.vectors) + 2 + (len(stream.steps) if stream else 0)
    weights = _Weights(code, order)
    if single * channels <= UNROLLED or channels < 3:
        weights.start()
        for c in range(channels):
            left = (channels - c) * len(order.vectors)
            _channel(code, order, stream, weights, step(c), left)
        return
    weights.start()
    turn = 2 if len(order.vectors) % 2 or step(0) != step(1) else 1
    size = turn * (4 * len(order.vectors) + 3 * (single - len(order.vectors)))
    turns, rest = divmod(channels, turn)
    code(f"movi a7,{turns}")
    many = 1 << 30
    if size <= 240:
        end = code.ahead("channels")
        code(f"loop a7,{end}")
        for c in range(turn):
            _channel(code, order, stream, weights, step(c), many)
        code.put(end)
    else:
        top = code.label("channels")
        for c in range(turn):
            _channel(code, order, stream, weights, step(c), many)
        code.again("a7", top)
    for c in range(channels - rest, channels):
        _channel(code, order, stream, weights, step(c), many)


class _Weights:
    """Two registers in turn."""

    def __init__(self, code: Code, order: Order) -> None:
        self.code = code
        streams = len(order.vectors) > order.kept
        self.registers = (5, 6) if streams else (6, 7)
        self.used = 0

    def start(self) -> None:
        """Load the first two."""
        first, second = self.registers
        self.code(f"ee.vld.128.ip q{first},a13,16", f"ee.vld.128.ip q{second},a13,16")

    def multiply(self, vector: int, left: int) -> None:
        """One product; `left` products are still to come, this one included."""
        register = self.registers[self.used % 2]
        self.used += 1
        if left <= 2:
            self.code(f"ee.vmulas.s8.accx q{vector},q{register}")
        else:
            self.code(
                f"ee.vmulas.s8.accx.ld.ip q{register},a13,16,q{vector},q{register}"
            )


def _channel(
    code: Code,
    order: Order,
    stream: Stream | None,
    weights: _Weights,
    step: int,
    left: int,
) -> None:
    code("ee.zero.accx")
    steps = list(stream.steps) if stream else []
    for i, vector in enumerate(order.vectors):
        if vector >= order.kept and (i == 0 or order.vectors[i - 1] >= order.kept):
            code.step("ee.vld.128.ip", "q7", _pointer(stream), steps.pop(0))
        following = order.vectors[i + 1] if i + 1 < len(order.vectors) else -1
        if vector < order.kept and following >= order.kept:
            code.step("ee.vld.128.ip", "q7", _pointer(stream), steps.pop(0))
        weights.multiply(7 if vector >= order.kept else vector, left)
        left -= 1
    if -1024 <= step <= 1016:
        code(f"ee.st.accx.ip a14,{step}")
    else:
        code("ee.st.accx.ip a14,0")
        code.add("a14", step, temp="a15")


def _pointer(stream: Stream | None) -> str:
    assert stream is not None
    return stream.pointer
