"""Raw sums of products: a window in vectors against the weights of all channels.

For each channel ACCX is cleared, every vector of the window is multiplied with its
weights, which stream through two registers in the order of use, and the sum goes to
scratch, 64 bits. A register of weights is loaded again by the very instruction that
multiplies with it: two instructions lie between a load and its use.
"""

from dataclasses import dataclass

from export.cores.s3.code import Code
from export.cores.s3.window import Stream

UNROLLED = 420  # instructions of sums that are written out
BESIDE = range(-512, 512, 16)  # steps of a load beside a product
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


@dataclass(frozen=True)
class Sum:
    """One sum: of which channel, whether ACCX is cleared first, where the next goes."""

    channel: int
    clear: bool
    step: int  # bytes from it to the next one


def plain(channels: int, last: int = 8, window: int = 1) -> list[Sum]:
    """Each sum by itself; of a `window` that is pooled, pairs of channels apart.

    `last` is the step behind the last one.
    """
    apart = 16 * window - 8
    found = [
        Sum(c, True, apart if c % 2 and window > 1 else 8) for c in range(channels)
    ]
    return [*found[:-1], Sum(channels - 1, True, last)]


def chained(channels: int, last: int = 8) -> list[Sum]:
    """Lanes 4 to 7 of each eight go on from lanes 0 to 3, which `Finish` takes off."""
    order: list[tuple[int, bool]] = []
    for start in range(0, channels, 8):
        for lane in range(4):
            for half in (0, 4):
                channel = start + lane + half
                if channel < min(channels, start + 8):
                    order.append((channel, half == 0))
    places = [channel for channel, _ in order]
    ends = [*places[1:], channels - 1 + last // 8]
    return [
        Sum(channel, clear, 8 * (after - channel))
        for (channel, clear), after in zip(order, ends, strict=True)
    ]


def sums(code: Code, order: Order, stream: Stream | None, wanted: list[Sum]) -> None:
    """All channels against the window in q0 and on; a13 and a14 move along."""
    single = len(order.vectors) + 2 + (len(stream.steps) if stream else 0)
    weights = _Weights(code, order)
    weights.start()
    turn = _turn(order, wanted)
    turns, rest = divmod(len(wanted), turn)
    if single * len(wanted) <= UNROLLED or turns < 2:
        for number, one in enumerate(wanted):
            left = (len(wanted) - number) * len(order.vectors)
            _channel(code, order, stream, weights, one, left)
        return
    size = turn * (4 * len(order.vectors) + 3 * (single - len(order.vectors)))
    many = 1 << 30
    code(f"movi a7,{turns}")
    top = code.ahead("channels")
    if size <= 240:
        code(f"loop a7,{top}")
    else:
        code.put(top)
    for one in wanted[:turn]:
        _channel(code, order, stream, weights, one, many)
    if size <= 240:
        code.put(top)
    else:
        code.again("a7", top)
    behind = wanted[turns * turn - 1].step - wanted[turn - 1].step
    if rest or behind:
        code.add("a14", behind, temp="a7")
    for one in wanted[turns * turn :]:
        _channel(code, order, stream, weights, one, many)


def _turn(order: Order, wanted: list[Sum]) -> int:
    """Sums after which all that the code does repeats."""
    for turn in (1, 2, 8):
        pattern = [(one.clear, one.step) for one in wanted]
        last = len(wanted) - 1
        same = all(
            pattern[i] == pattern[i % turn] or i == last for i in range(len(wanted))
        )
        if same and turn * len(order.vectors) % 2 == 0:
            return turn
    return len(wanted)


class _Weights:
    """Two registers in turn."""

    def __init__(self, code: Code, order: Order) -> None:
        self.code = code
        streams = len(order.vectors) > order.kept
        # Shifting a window of six vectors takes q6 to its end: q7 is loaded before.
        self.registers = (5, 6) if streams else (7, 6)
        self.used = 0

    def start(self) -> None:
        """Load the first two."""
        first, second = self.registers
        self.code(f"ee.vld.128.ip q{first},a13,16", f"ee.vld.128.ip q{second},a13,16")

    def multiply(self, vector: int, left: int, stream: str = "") -> None:
        """One product; `left` products are still to come, this one included.

        `stream`: pointer and step by which the vector itself is loaded again.
        """
        register = self.registers[self.used % 2]
        self.used += 1
        name, product = "ee.vmulas.s8.accx", f"q{vector},q{register}"
        if stream:
            self.code(f"{name}.ld.ip q{vector},{stream},{product}")
            if left > 2:
                self.code(f"ee.vld.128.ip q{register},a13,16")
        elif left > 2:
            self.code(f"{name}.ld.ip q{register},a13,16,{product}")
        else:
            self.code(f"{name} {product}")


def _channel(
    code: Code,
    order: Order,
    stream: Stream | None,
    weights: _Weights,
    one: Sum,
    left: int,
) -> None:
    if one.clear:
        code("ee.zero.accx")
    steps = list(stream.steps) if stream else []
    streamed = [vector >= order.kept for vector in order.vectors] + [False]
    loaded = False  # q7 holds the next vector that streams
    for i, vector in enumerate(order.vectors):
        here, ahead = streamed[i], streamed[i + 1]
        if (here or ahead) and not loaded:
            code.step("ee.vld.128.ip", "q7", _pointer(stream), steps.pop(0))
            loaded = True
        beside = here and ahead and steps[0] in BESIDE
        again = f"{_pointer(stream)},{steps.pop(0)}" if beside else ""
        weights.multiply(7 if here else vector, left, again)
        loaded = beside or (loaded and not here)
        left -= 1
    if -1024 <= one.step <= 1016:
        code(f"ee.st.accx.ip a14,{one.step}")
    else:
        code("ee.st.accx.ip a14,0")
        code.add("a14", one.step, temp="a12")


def _pointer(stream: Stream | None) -> str:
    assert stream is not None
    return stream.pointer
