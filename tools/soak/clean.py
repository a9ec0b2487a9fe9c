"""Random commands of both dialects on a clean line, each against the document.

Every answer must be the one that `document` and the host's reference foretell, and the
device's own counts must be those of the model, to one.
"""

import random
import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np

from export.reference.prepare import prepare
from tools.link.transport import SerialTransport
from tools.soak import second_client as wire
from tools.soak.document import IMAGE_BYTES, Document
from tools.soak.figures import Divergence, Figures
from tools.soak.oracle import STAGED, Oracle
from tools.soak.repertoire import RATES, REFUSED, SHORT_TEXTS, WRONG_PUTS

ENGINES = ("int8", "f16")
ANSWER_S = 20.0  # a loaded computer is slow
HEX_BYTES = 38  # a command has at most 80 characters
READY, PROMPT = b"m-ready\r\n", b"esp8k> "


class CleanLine:
    """One boot of a device on a port, its greeting not yet read."""

    def __init__(
        self, port: str, oracle: Oracle, draw: random.Random, figures: Figures
    ) -> None:
        self.transport = SerialTransport(port, 115200)
        self.client = wire.Client(self.transport, try_s=ANSWER_S)
        self.oracle, self.draw, self.figures = oracle, draw, figures
        self.model = Document(oracle.real)
        self.lap_us = 0
        self.boot_id: int | None = None
        self.steps: dict[str, tuple[int, Callable[[], None]]] = {
            "hello": (4, self.hello),
            "infer": (20, self.infer),
            "the same again": (4, self.again),
            "infer in pieces": (4, self.pieces),
            "pieces missing": (4, self.missing),
            "a camera's frame": (2, self.frame),
            "stage crcs": (4, self.stage_crcs),
            "stage bytes": (6, self.stage_bytes),
            "statistics": (6, self.statistics),
            "baud switched": (3, self.baud),
            "refused": (8, self.refused),
            "damaged frames": (6, self.damaged),
            "short texts": (20, self.short_text),
            "image by text": (1, self.load),
            "infer by text": (6, self.infer_text),
            "samples": (2, self.sample),
            "typed": (2, self.typed),
        }

    def run(self, count: int, go_on: Callable[[], bool]) -> None:
        """So many random steps, then the counts once more."""
        weights = [weight for weight, _ in self.steps.values()]
        self.hello()  # opening a port may throw a greeting away
        for _ in range(count):
            name = self.draw.choices(list(self.steps), weights)[0]
            self.steps[name][1]()
            self.figures.add(name)
            if not go_on():
                break
        self.statistics()

    def close(self) -> None:
        """Give the port back."""
        self.transport.close()

    # ==== Binary ====

    def ask(self, kind: int, payload: bytes, sequence: int | None = None) -> bytes:
        self._count("frames")
        return self.client.ask(kind, payload, sequence)

    def hello(self) -> None:
        self._count("frames")
        told = self.client.hello()
        self._require(told["identity_crc"] == self.oracle.identity, "identity", told)
        known = told["boot_id"] if self.boot_id is None else self.boot_id
        self._require(told["boot_id"] == known, "another boot", told)
        self._require(told["boot_id"] & 0xFF == self.client.boot, "boot byte", told)
        self.boot_id = known

    def infer(self) -> None:
        engine, number = self._engine(), self._image()
        payload = bytes([engine, 0, 0, 0]) + self._bytes(number)
        self._check(engine, number, self.ask(wire.INFER, payload))
        self._count("inferences")

    def again(self) -> None:
        engine, number = self._engine(), self._image()
        payload = bytes([engine, 0, 0, 0]) + self._bytes(number)
        sequence = self.client.next()
        first = self.ask(wire.INFER, payload, sequence)
        self._check(engine, number, first)
        same = self.ask(wire.INFER, payload, sequence) == first
        self._require(same, "the same frame, another answer", "")
        self._count("inferences", "replays")

    def pieces(self) -> None:
        self._in_pieces(range(25), self.draw.sample(range(25), 25))

    def missing(self) -> None:
        self._in_pieces(sorted(self.draw.sample(range(25), self.draw.randrange(25))))

    def _in_pieces(self, put: Sequence[int], order: list[int] | None = None) -> None:
        engine, number = self._engine(), self._image()
        image = self._bytes(number)
        sequence, tag = self.client.next(), struct.pack("<I", zlib.crc32(image))
        for index in order or put:
            piece = image[32 * index : 32 * index + 32]
            payload = tag + bytes([index]) + piece
            self.transport.write(wire.pack(wire.PUT, sequence, payload)[0])
            self._count("frames")
            self.model.put(index, piece)
        answer = self.ask(wire.INFER, bytes([engine, 0, 0, 0]) + tag, sequence)
        if len(put) == 25:
            self._check(engine, number, answer)
            self._count("inferences")
            return
        lacking = sum(1 << index for index in range(25) if index not in put)
        told = struct.unpack("<I", answer)[0]
        self._require(told == lacking, f"MISSING of {lacking:x}", f"{told:x}")

    def frame(self) -> None:
        """Prepared and classified there, as the specification does it here."""
        engine, number = self._engine(), self._image()
        width, height = self.draw.randrange(40, 120), self.draw.randrange(40, 90)
        shown = np.full((height, width), self.draw.randrange(120, 250), np.uint8)
        top, left = self.draw.randrange(height - 27), self.draw.randrange(width - 27)
        part = shown[top : top + 28, left : left + 28]
        part -= self.oracle.images[number] // 3
        piece = self.draw.randint(60, 768)
        told = self.client.infer_frame(engine, shown.tobytes(), width, height, piece)
        pixels = prepare(shown).pixels
        raw = self.oracle.host.logits(ENGINES[engine], pixels[None])[0]
        right = int(raw.argmax()), raw.tolist(), zlib.crc32(pixels.tobytes())
        self._require(told == right, f"a frame by {ENGINES[engine]}", told)
        self.model.counts["frames"] += -(-shown.size // piece) + 1
        self._count("inferences")

    def stage_crcs(self) -> None:
        engine, number = self._engine(), self.draw.randrange(STAGED)
        payload = bytes([engine, 0, 0, 0]) + self._bytes(number)
        answer = self.ask(wire.STAGE_CRCS, payload)
        told = [crc for (crc,) in struct.iter_unpack("<I", answer)]
        right = self.oracle.crcs(ENGINES[engine], number)
        self._require(told == right, "stage CRCs", told)
        self._count("inferences")

    def stage_bytes(self) -> None:
        engine, number = self._engine(), self.draw.randrange(STAGED)
        stages = self.oracle.stages[ENGINES[engine]][number]
        stage = self.draw.randrange(len(stages))
        size = len(stages[stage])
        offset = self.draw.choice([0, size - 1, size, self.draw.randrange(2 * size)])
        length = self.draw.randint(1, 256)
        head = struct.pack("<BBHI", engine, stage, length, offset)
        answer = self.ask(wire.STAGE_BYTES, head + self._bytes(number))
        right = struct.pack("<I", size) + stages[stage][offset : offset + length]
        self._require(answer == right, f"stage {stage} from {offset}", answer[:16])
        self._count("inferences")

    def statistics(self) -> None:
        self._count("frames")
        told = self.client.statistics()
        wrong = {
            name: (told[name], count)
            for name, count in self.model.counts.items()
            if told[name] != count
        }
        self._require(not wrong, "counts (device, model)", wrong)

    def baud(self) -> None:
        rate = self.draw.choice(RATES)
        told = self.ask(wire.SET_BAUD, struct.pack("<I", rate))
        self._require(told == struct.pack("<I", rate), f"rate {rate}", told)
        self.transport.set_baud(rate)
        self._count("frames")
        said = self.client.hello()["baud"]
        self._require(said == rate, f"rate {rate} in HELLO", said)

    def refused(self) -> None:
        kind, payload, code = self.draw.choice(REFUSED)
        self._count("errors")
        try:
            answer = self.ask(kind, payload)
        except wire.Refused as refused:
            right = refused.args == (code, kind)
            self._require(right, f"ERROR {code} of {kind}", refused.args)
        else:
            raise Divergence(f"ERROR {code} of {kind}: {answer[:16]!r}")

    def damaged(self) -> None:
        """What is no frame, or a piece that is wrong: counted and never answered."""
        how = self.draw.randrange(3)
        if how == 0:
            noise = bytes(self.draw.randrange(128, 256) for _ in range(20))
            self.transport.write(b"\0" + noise + b"\0")
            self._count("bad_frames")
        elif how == 1:
            body = struct.pack("<BBHI", 1, 2, 9, self.draw.getrandbits(32) | 1)
            body += b"\0\0\0\0" if zlib.crc32(body) else b"\1\1\1\1"
            self.transport.write(b"\0" + wire.stuff(body) + b"\0")
            self._count("crc_errors")
        else:
            wrong = self.draw.choice(WRONG_PUTS)
            self.transport.write(wire.pack(wire.PUT, self.client.next(), wrong)[0])
            self._count("frames", "errors")

    # ==== Text ====

    def short_text(self) -> None:
        self.say(self.draw.choice(SHORT_TEXTS))

    def load(self) -> None:
        """A whole image, or the beginning of one."""
        image = self._bytes(self._image())
        self.say(f"db load {IMAGE_BYTES}")
        for at in range(0, IMAGE_BYTES, HEX_BYTES):
            self.say(f"db {image[at : at + HEX_BYTES].hex()}")
            if self.draw.random() < 0.01:
                return
        self.infer_text()

    def infer_text(self) -> None:
        self.say(f"infer {self.draw.randint(1, 3)} {self.draw.randrange(3)}")

    def sample(self) -> None:
        digit = self.draw.randrange(10)
        self._count("text_commands")
        drawn = self._exchange(f"sample {digit}%".encode(), READY)
        self._require(len(drawn) > 10, "a drawing", drawn)
        self._count("text_commands")
        rows = self._exchange(b"db print%", READY)[:-1]
        digits = "".join(row.removeprefix("m-buffer-") for row in rows)
        self.model.drawn(bytes.fromhex(digits.replace("-", "")))
        self.say("results")

    def typed(self) -> None:
        """As a person types it: an echo from the second command on, and a prompt."""
        self._count("text_commands")
        lines = self._exchange(b"name\r", PROMPT)
        self._require("m-name-dut-[esp8k]" in lines, "the name", lines)
        self.hello()  # a frame ends that

    def say(self, command: str) -> None:
        """One command and what the document says to it."""
        patterns = self.model.text(command)
        lines = self._exchange(f"{command}%".encode(), READY)
        self._require(not (why := self.model.differs(patterns, lines)), command, why)
        for line in lines:
            if line.startswith("m-lap-us-"):
                lap_us = int(line.removeprefix("m-lap-us-"))
                self._require(lap_us >= self.lap_us, "time goes back", line)
                self.lap_us = lap_us

    def _exchange(self, data: bytes, end: bytes) -> list[str]:
        self.transport.write(data)
        heard, self.client.unread = self.client.unread, b""
        until = self.transport.clock() + ANSWER_S
        while not heard.endswith(end):
            if self.transport.clock() > until:
                raise Divergence(f"{data!r}: no end of the answer {heard[-80:]!r}")
            heard += self.transport.read(0.5)
        return heard.decode("ascii").splitlines()

    # ==== Inside ====

    def _count(self, *names: str) -> None:
        for name in names:
            self.model.counts[name] += 1

    def _engine(self) -> int:
        return self.draw.randrange(2)

    def _image(self) -> int:
        return self.draw.randrange(len(self.oracle.images))

    def _bytes(self, number: int) -> bytes:
        return bytes(self.oracle.images[number])

    def _check(self, engine: int, number: int, answer: bytes) -> None:
        right = self.oracle.answers[ENGINES[engine]][number]
        label, logits = self.client.result(answer)
        same = label == right.label and tuple(logits) == right.logits
        self._require(same, f"image {number} by {ENGINES[engine]}", (label, logits))

    def _require(self, right: bool, what: str, told: object) -> None:
        if not right:
            raise Divergence(f"{what}: {told}")
