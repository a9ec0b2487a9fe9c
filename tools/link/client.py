"""Talk to a device over its serial port: the binary dialect of firmware/PROTOCOL.md.

    with Device.open("/dev/ttyUSB0") as device:
        print(device.identity.model, device.identity.board)
        result = device.infer("int8", image)          # one image, (28, 28) uint8
        for result in device.infer_many("f16", images):  # pipelined, in order
            ...

Any pyserial URL is a port: a PTY's path, /dev/ttyUSB0, COM3, socket://host:port,
rfc2217://host:port. What goes wrong is a `DeviceError` with a cause and a cure.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from core.errors import CheckFailed
from core.saying import Say, say
from tools.link import fragments, pipeline
from tools.link.framing import Request
from tools.link.meeting import Meeting
from tools.link.messages import (
    STAGE_HEAD,
    DeviceIdentity,
    Result,
    Statistics,
    engine_number,
    image_head,
    parse_result,
    parse_stage_bytes,
    parse_stage_crcs,
    parse_statistics,
    pixels,
)
from tools.link.session import REQUEST_BUDGET_S, Session
from tools.link.transport import SerialTransport, Transport

DEFAULT_BAUD = 115200
CLEAN_STREAK = 4  # images in pieces without a loss: try whole frames again


class Device:
    """A device behind a serial port. Use it as a context manager."""

    def __init__(self, transport: Transport, say: Say = say) -> None:
        """Say hello over `transport`; `open` is the way for a port's name."""
        self.session = Session(transport, say)
        self._fragmented = False  # the line is bad: images go in pieces
        self._clean = 0
        self.meeting = Meeting(self.session)

    @classmethod
    def open(
        cls,
        port: str,
        baud: int = DEFAULT_BAUD,
        say: Say = say,
    ) -> "Device":
        """Open `port`, let a board that reset itself boot, and say hello."""
        transport = SerialTransport(port, baud)
        try:
            return cls(transport, say)
        except BaseException:
            transport.close()
            raise

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the port back."""
        self.session.transport.close()

    @property
    def identity(self) -> DeviceIdentity:
        """Board, model, weights and limits, as the device last gave them."""
        return self.meeting.identity

    @property
    def resets(self) -> int:
        """How often the device has started anew since we opened it."""
        return self.meeting.resets

    @property
    def bad_line(self) -> bool:
        """Long frames do not arrive: short ones are worth a try."""
        return self._fragmented

    # ==== Inference ====

    def infer(self, engine: str, image: np.ndarray) -> Result:
        """Classify one image, (28, 28) or (784,) uint8."""
        head = image_head(engine)
        payload = self._with_image(Request.INFER, head, pixels(image))
        return self._result(engine, payload)

    def infer_many(
        self,
        engine: str,
        images: Iterable[np.ndarray] | np.ndarray,
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[Result]:
        """Classify many images in order; `progress(n)` after each n-th answer."""
        head = image_head(engine)
        source = (pixels(image) for image in images)
        done = 0
        retries = self.session.counts.retries
        while True:
            # A bad line turns the pipeline off, a clean one on again.
            flow = self._one_by_one if self._fragmented else self._pipelined
            before = done
            for payload in flow(head, source):
                yield self._result(engine, payload)
                done += 1
                if progress is not None:
                    progress(done)
            if done == before:
                if self.session.counts.retries > retries:
                    self.meeting.look_again()
                return

    def _pipelined(self, head: bytes, source: Iterator[bytes]) -> Iterator[bytes]:
        """Whole frames, a window of them on the wire, until one is lost for good."""
        sent: deque[bytes] = deque()

        def payloads() -> Iterator[bytes]:
            while not self._fragmented and (image := next(source, None)) is not None:
                sent.append(image)
                yield head + image

        window = self.identity.window
        for payload in pipeline.run(self.session, Request.INFER, payloads(), window):
            image = sent.popleft()
            if payload is None:
                self._fragmented = True
                payload = self._staged(Request.INFER, head, image)
            self.meeting.settle()
            yield payload

    def _one_by_one(self, head: bytes, source: Iterator[bytes]) -> Iterator[bytes]:
        """Images in pieces, until the line is clean again."""
        for image in source:
            yield self._with_image(Request.INFER, head, image)
            if not self._fragmented:
                return

    # ==== Stages ====

    def stage_crcs(self, engine: str, image: np.ndarray) -> list[int]:
        """CRC-32 of every stage's output bytes for `image`."""
        head = image_head(engine)
        payload = self._with_image(Request.STAGE_CRCS, head, pixels(image))
        return parse_stage_crcs(payload, self.identity.stages(engine))

    def stage_bytes(
        self, engine: str, image: np.ndarray, stage: int, expected: int
    ) -> bytes:
        """One stage's output bytes for `image`; refuses another size than expected."""
        data, chunk = b"", self.identity.chunk_bytes
        raw = pixels(image)
        while len(data) < expected:
            head = STAGE_HEAD.pack(engine_number(engine), stage, chunk, len(data))
            payload = self._with_image(Request.STAGE_BYTES, head, raw)
            total, part = parse_stage_bytes(payload, chunk, len(data))
            if total != expected:
                raise CheckFailed(
                    f"stage {stage} is {total} bytes on the device, "
                    f"{expected} in plan.json",
                    "firmware and plan.json of one export? make flash",
                )
            data += part
        return data

    # ==== The rest ====

    def set_baud(self, baud: int) -> bool:
        """Go to `baud`; False (and the old rate) when the other side cannot follow."""
        return self.meeting.set_baud(baud)

    def statistics(self) -> Statistics:
        """The device's counts since its boot."""
        payload = self.session.call(Request.STATISTICS, b"")
        self.meeting.settle()
        return parse_statistics(payload)

    # ==== Inside ====

    def _result(self, engine: str, payload: bytes) -> Result:
        return parse_result(payload, engine, self.identity.classes)

    def _with_image(self, kind: Request, head: bytes, image: bytes) -> bytes:
        """One request that carries an image, whole or in pieces."""
        clock = self.session.transport.clock
        end = clock() + REQUEST_BUDGET_S
        payload = None
        if not self._fragmented:
            alone = iter([head + image])
            payload = next(pipeline.run(self.session, kind, alone, 1))
            self._fragmented = payload is None
        if payload is None:
            payload = self._staged(kind, head, image, end - clock())
        self.meeting.settle()
        return payload

    def _staged(
        self,
        kind: Request,
        head: bytes,
        image: bytes,
        budget_s: float = REQUEST_BUDGET_S,
    ) -> bytes:
        payload, clean = fragments.call(self.session, kind, head, image, budget_s)
        self._clean = self._clean + 1 if clean else 0
        if self._clean >= CLEAN_STREAK:
            self._clean = 0
            self._fragmented = False
        return payload
