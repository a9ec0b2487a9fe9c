"""What firmware/PROTOCOL.md says that a device answers: a model of one boot.

    model = Document(oracle)
    model.text("db load 784")          # the lines that must come, up to m-ready
    model.counts                       # what STATISTICS must say on a clean line

Written from the document alone, like `second_client`: it shares no line with the
firmware, nor with the host's client.
"""

import math
import re
from collections.abc import Callable, Sequence

IMAGE_BYTES = 784
MOST_TIMES = 100_000
COUNTED = (
    *("frames", "crc_errors", "bad_frames", "replays", "errors", "inferences"),
    "text_commands",
)
READY = "m-ready"
ROUNDING = 0.0011  # of a share that is printed with three decimals
NUMBER = r"\d+"
Real = Callable[[str, bytes], Sequence[float]]  # engine, image: logits as real values


class Document:
    """One boot of a device, as the document has it."""

    def __init__(self, real: Real) -> None:
        self.real = real
        self.counts = dict.fromkeys(COUNTED, 0)
        self.engine = "int8"
        self.expected = 0  # bytes that `db load` announced; 0: none
        self.filled = 0
        self.pixels = bytearray(IMAGE_BYTES)
        self.shares: list[float] | None = None  # of the last inference by text

    # ==== The buffer that both dialects share ====

    def put(self, index: int, data: bytes) -> None:
        """A PUT that was right: it ends a `db load`."""
        self.expected = self.filled = 0
        self.pixels[32 * index : 32 * index + len(data)] = data

    def drawn(self, image: bytes) -> None:
        """A `sample` left this image in the buffer."""
        self.expected = self.filled = IMAGE_BYTES
        self.pixels[:] = image
        self._infer(1)

    # ==== Text ====

    def text(self, command: str) -> list[str]:
        """Patterns of the lines that a command is answered with."""
        self.counts["text_commands"] += 1
        verb, *words = command.split()
        known = {
            "name": lambda: [r"m-name-dut-\[esp8k\]"],
            "profile": lambda: [r"m-profile-\[.*\]", r"m-model-\[mnist01\]"],
            "timestamp": lambda: [f"m-lap-us-{NUMBER}"],
            "db": lambda: self._db(words),
            "infer": lambda: self._infer_command(words),
            "results": lambda: self._results(),
            "engine": lambda: self._engine(words),
        }
        answer = known.get(verb, lambda: [r"e-\[.*\]"])()
        return [*answer, READY]

    def _engine(self, words: list[str]) -> list[str]:
        if words not in (["int8"], ["f16"]):
            return [r"e-\[.*\]"]
        self.engine = words[0]
        return [rf"m-engine-\[{words[0]}\]"]

    def _db(self, words: list[str]) -> list[str]:
        error = [r"e-\[.*\]"]
        if not words:
            return error
        if words[0] == "load":
            count = int(words[1]) if len(words) > 1 else 0
            if not 1 <= count <= IMAGE_BYTES:
                return error
            self.expected, self.filled = count, 0
            return [rf"m-\[Expecting {count} bytes\]"]
        if words[0] == "print":
            return self._print(*map(int, words[1:3]))
        digits = words[0]
        wrong = len(digits) % 2 or not re.fullmatch("[0-9a-fA-F]+", digits)
        room = self.expected - self.filled
        if room == 0 or wrong or len(digits) // 2 > room:
            return error
        data = bytes.fromhex(digits)
        self.pixels[self.filled : self.filled + len(data)] = data
        self.filled += len(data)
        return ["m-load-done"] if self.filled == self.expected else []

    def _print(self, count: int | None = None, offset: int = 0) -> list[str]:
        if count is None:
            count = self.expected
        if count + offset > self.expected:
            return [r"e-\[.*\]"]
        data = self.pixels[offset : offset + count]
        rows = (data[at : at + 8] for at in range(0, count, 8))
        return [f"m-buffer-{row.hex('-')}" for row in rows]

    def _infer_command(self, words: list[str]) -> list[str]:
        times, warmups = map(int, [*words, *["1", "10"][len(words) :]][:2])
        sound = 1 <= times <= MOST_TIMES and 0 <= warmups <= MOST_TIMES
        if not sound or (self.expected, self.filled) != (IMAGE_BYTES, IMAGE_BYTES):
            return [r"e-\[.*\]"]
        self._infer(times + warmups)
        lap = f"m-lap-us-{NUMBER}"
        before = [f"m-warmup-start-{warmups}", "m-warmup-done"]
        return [
            *before,
            f"m-infer-start-{times}",
            lap,
            lap,
            "m-infer-done",
            *self._results(),
        ]

    def _infer(self, times: int) -> None:
        self.counts["inferences"] += times
        real = self.real(self.engine, bytes(self.pixels))
        powers = [math.exp(value - max(real)) for value in real]
        self.shares = [power / sum(powers) for power in powers]

    def _results(self) -> list[str]:
        if self.shares is None:
            return [r"e-\[.*\]"]
        return [r"m-results-\[([0-9.,]+)\]"]

    # ==== Comparing ====

    def differs(self, patterns: list[str], lines: list[str]) -> str:
        """What is wrong with an answer; '' for nothing."""
        if len(lines) != len(patterns):
            return f"{len(lines)} lines for {len(patterns)}: {lines[:3]}"
        for pattern, line in zip(patterns, lines, strict=True):
            found = re.fullmatch(pattern, line)
            if found is None:
                return f"{line!r}, not {pattern}"
            if found.re.groups and not self._right(found[1]):
                return f"{line!r}, not {self.shares}"
        return ""

    def _right(self, told: str) -> bool:
        assert self.shares is not None
        said = [float(word) for word in told.split(",")]
        pairs = zip(said, self.shares, strict=False)
        return len(said) == len(self.shares) and all(
            abs(one - other) < ROUNDING for one, other in pairs
        )
