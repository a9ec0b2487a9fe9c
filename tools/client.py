"""Talk to a device over its serial port: the binary dialect of firmware/PROTOCOL.md.

    with Device.open("/dev/ttyUSB0") as device:
        print(device.identity.model, device.identity.board)
        result = device.infer("int8", image)          # one image, (28, 28) uint8
        for result in device.infer_many("f16", images):  # pipelined, in order
            ...

Any pyserial URL is a port: a PTY's path, /dev/ttyUSB0, COM3, socket://host:port,
rfc2217://host:port. What goes wrong is a `DeviceError` with a cause and a cure.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

ENGINES = ("int8", "f16")
DEFAULT_BAUD = 115200
IMAGE_BYTES = 784
CLASSES = 10


@dataclass(frozen=True)
class DeviceIdentity:
    """What the device says about itself in its hello."""

    model: str
    weights_hash: str  # 64 hex digits
    identity_crc: int  # CRC-32 over weights and both .tflite
    engines: tuple[str, ...]
    board: str
    counter: str  # 'cycles', 'instructions' or 'none'
    counter_hz: int
    int8_arena_bytes: int
    f16_arena_bytes: int
    arena_bytes: int  # the one static arena: max of the two
    boot_count: int
    reset_reason: int
    baud: int
    batch_images: int  # images the device takes in one frame
    int8_stages: int
    f16_stages: int
    logit_scale: float
    logit_zero_point: int


@dataclass(frozen=True)
class Result:
    """One answered image."""

    label: int
    logits: np.ndarray  # (10,) int8 or float32
    microseconds: int | None  # None where the board has no clock
    count: int | None  # cycles or instructions; None where there is no counter


@dataclass(frozen=True)
class Statistics:
    """The device's own counts since its boot, and its stack's high-water mark."""

    frames: int
    crc_errors: int
    resyncs: int
    replays: int
    errors: int
    inferences: int
    boot_count: int
    reset_reason: int
    uptime_us: int
    stack_used_bytes: int


class Device:
    """A device behind a serial port. Use it as a context manager."""

    identity: DeviceIdentity

    @classmethod
    def open(cls, port: str, baud: int = DEFAULT_BAUD) -> "Device":
        """Open `port`, let a board that reset itself boot, and say hello."""
        raise NotImplementedError

    def __enter__(self) -> "Device":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the port back."""
        raise NotImplementedError

    def infer(self, engine: str, image: np.ndarray) -> Result:
        """Classify one image, (28, 28) or (784,) uint8."""
        raise NotImplementedError

    def infer_many(
        self,
        engine: str,
        images: Iterable[np.ndarray] | np.ndarray,
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[Result]:
        """Classify many images in order; `progress(n)` after each n-th answer."""
        raise NotImplementedError

    def stage_crcs(self, engine: str, image: np.ndarray) -> list[int]:
        """CRC-32 of every stage's output bytes for `image`."""
        raise NotImplementedError

    def stage_bytes(self, engine: str, image: np.ndarray, stage: int) -> bytes:
        """One stage's output bytes for `image`."""
        raise NotImplementedError

    def set_baud(self, baud: int) -> bool:
        """Go to `baud`; False (and the old rate) when the other side cannot follow."""
        raise NotImplementedError

    def statistics(self) -> Statistics:
        """The device's counts since its boot."""
        raise NotImplementedError


def require_identity(device: Device, model_dir: Path) -> None:
    """The identity lock: refuse a device that runs other weights than `model_dir`."""
    raise NotImplementedError
