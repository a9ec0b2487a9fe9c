"""Where does a device part from the reference? Stage, channel, position, values.

    esp8k bisect --model v3 --board virtual --engine int8

Asks the device for a CRC of every stage's output, image after image, and compares
with the reference's. At the first stage that differs it fetches the bytes and names
the first value that is wrong. Exit code 1 if anything differs.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from rich.console import Console
from rich.progress import Progress

from core.cli import parse, require_range
from core.errors import CheckFailed
from core.program import run
from core.text import for_json, one_line
from core.words import DEFAULT_MODEL, ENGINES, Engine, ModelName
from export.emit import generate
from export.emit.generate import Plan, StagePlan
from export.graph.network import Network
from export.reference.stages import stage_outputs
from tools.boards import boards
from tools.classify.host import Host
from tools.link.client import Device
from tools.link.identity_lock import require_identity

CHANNELS_SHOWN = 8


@dataclass(frozen=True)
class Config:
    """Options of `esp8k bisect`."""

    model: ModelName = DEFAULT_MODEL  # what the device runs
    board: str | None = None  # virtual, twin, esp32dev, ...; found if absent
    port: str | None = None  # serial port or pyserial URL; found if absent
    engine: Engine | Literal["both"] = "both"  # which engine
    index: int = 0  # first test image
    images: int = 32  # test images to compare
    json: bool = False  # print the findings as JSON


@dataclass(frozen=True)
class Difference:
    """The first value of the first stage that is wrong."""

    engine: str
    image: int  # index into the test set
    stage: int
    name: str  # the stage's, in plan.json
    channel: int
    y: int
    x: int
    expected: float
    got: float
    wrong_values: int  # in this stage, of this image
    values: int
    largest: float  # absolute difference
    channels: tuple[int, ...]  # all channels with a wrong value

    def sentence(self) -> str:
        """For a person."""
        shown = ", ".join(map(str, self.channels[:CHANNELS_SHOWN]))
        more = ", ..." if len(self.channels) > CHANNELS_SHOWN else ""
        return (
            f"{self.engine}: image {self.image}: "
            f"stage {self.stage} ({one_line(self.name)}), "
            f"channel {self.channel} at y {self.y}, x {self.x}: "
            f"expected {self.expected:g}, got {self.got:g}\n"
            f"  {self.wrong_values} of {self.values} values of this stage differ, "
            f"by at most {self.largest:g}, in channels {shown}{more}"
        )


def compare(
    engine: str,
    image: int,
    stage: int,
    plan: StagePlan,
    expected: np.ndarray,
    got: bytes,
) -> Difference:
    """Name the first wrong value; there is one. `got` is as the device laid it out."""
    found = np.frombuffer(got, expected.dtype).reshape(plan.shape)
    right = expected.reshape(plan.shape)
    # Bits, not values: NaN is no excuse and -0 is not 0.
    raw = np.dtype(f"u{expected.dtype.itemsize}")
    wrong = found.view(raw) != np.ascontiguousarray(right).view(raw)
    places = np.argwhere(wrong)
    y, x, channel = (int(value) for value in places[0])
    unit = 2.0**-plan.power
    distance = unit * np.abs(found.astype(np.float64) - right.astype(np.float64))
    return Difference(
        engine=engine,
        image=image,
        stage=stage,
        name=plan.name,
        channel=channel,
        y=y,
        x=x,
        expected=unit * float(right[y, x, channel]),
        got=unit * float(found[y, x, channel]),
        wrong_values=len(places),
        values=right.size,
        largest=float(np.nanmax(distance)),
        channels=tuple(int(c) for c in np.unique(places[:, 2])),
    )


def bisect(
    device: Device,
    plan: Plan,
    reference: Network,
    engine: str,
    images: np.ndarray,
    first: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> Difference | None:
    """The first difference over `images`, the first of which has the index `first`."""
    stages = plan.engine(engine)
    for number, image in enumerate(images, first):
        expected = stage_outputs(plan, reference, image)
        crcs = device.stage_crcs(engine, image)
        if len(crcs) != len(expected):
            raise CheckFailed(
                f"the device has {len(crcs)} stages, plan.json {len(expected)}",
                "firmware and plan.json of one export? make flash",
            )
        for stage, (right, crc) in enumerate(zip(expected, crcs, strict=True)):
            if zlib.crc32(right.tobytes()) != crc:
                got = device.stage_bytes(engine, image, stage, right.nbytes)
                if zlib.crc32(got) != crc:
                    raise CheckFailed(
                        f"stage {stage} differs from one inference to the next",
                        "the device computes unreliably: power, heat, a broken arena?",
                    )
                return compare(engine, number, stage, stages[stage], right, got)
        progress()
    return None


def main(argv: Sequence[str] | None = None) -> int:
    from training import data

    config = parse(Config, argv, "bisect", __doc__ or "")
    require_range(config, images=(1, 10_000))
    host = Host(config.model)
    test = np.asarray(data.of_exported(host.folder).test_images)
    require_range(config, index=(0, len(test) - 1))
    images = test[config.index : config.index + config.images]
    plan = generate.load_plan(host.folder / "plan.json")
    engines = ENGINES if config.engine == "both" else (config.engine,)
    board = boards.choose(config.board, config.port)
    found = []
    with boards.open_board(board, config.model) as device:
        require_identity(device, host.folder)
        with Progress(console=Console(stderr=True), transient=True) as bar:
            for engine in engines:
                task = bar.add_task(engine, total=len(images))
                found.append(
                    bisect(
                        device,
                        plan,
                        host.networks[engine],
                        engine,
                        images,
                        config.index,
                        lambda task=task: bar.advance(task),  # type: ignore[misc]
                    )
                )
    return tell(config, engines, len(images), found)


def tell(
    config: Config,
    engines: tuple[str, ...],
    images: int,
    found: list[Difference | None],
) -> int:
    """Print what was found; the exit code."""
    if config.json:
        rows = {
            e: asdict(d) if d else None for e, d in zip(engines, found, strict=True)
        }
        print(for_json({"images": images, "differences": rows}))
    else:
        for engine, difference in zip(engines, found, strict=True):
            agree = f"{engine}: every stage of {images} images is the reference's"
            print(difference.sentence() if difference else agree)
    return int(any(found))


if __name__ == "__main__":
    run(main)
