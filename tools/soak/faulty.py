"""The host's own client on a line that damages bytes: every answer right, or reported.

In between come rubbish and text commands that nobody waits for, changes of the baud
rate, and, where the board is a process that can take it, crashes.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from core.errors import DeviceError
from core.words import ENGINES
from tools.faults.line import Faults
from tools.faults.proxy import FaultyProxy
from tools.link.client import Device
from tools.link.messages import Result
from tools.soak.figures import Divergence, Figures
from tools.soak.oracle import STAGED, Oracle

RATES = (115200, 460800, 921600)
RUBBISH = (b"infer 2 1%", b"db load 784%", b"db 00", b"%%%", b"name\r", bytes(7))
MOST_AT_ONCE = 12  # images of a batch


@dataclass
class FaultyLine:
    """One device behind a faulty line."""

    oracle: Oracle
    draw: random.Random
    figures: Figures
    crash: Callable[[], None] | None  # makes the board crash; None: it cannot
    crashes: int = field(default=0, init=False)

    def run(
        self, port: str, rate: float, count: int, go_on: Callable[[], bool]
    ) -> None:
        """So many requests at a rate of faults; what crashed must have been noticed."""
        seed = self.draw.getrandbits(32)
        kinds = {
            self.infer: 50,
            self.many: 10,
            self.stages: 10,
            self.statistics: 5,
            self.rubbish: 15,
            self.baud: 5,
            self.crashed: 5,
        }
        with (
            FaultyProxy(port, Faults(rate=rate), seed) as proxy,
            Device.open(proxy.port, say=lambda _: None) as device,
        ):
            for _ in range(count):
                if not go_on():
                    break
                kind = self.draw.choices(list(kinds), list(kinds.values()))[0]
                self._try(kind, device)
            self._try(lambda device: device.meeting.look_again(), device)
            self.figures.add("faults", sum(proxy.up.counts.values()))
            self.figures.add("faults", sum(proxy.down.counts.values()))
            noticed = device.resets
        self.figures.add("resets noticed", noticed)
        if noticed != self.crashes:
            raise Divergence(f"{self.crashes} crashes, {noticed} noticed")

    def _try(self, kind: Callable[[Device], None], device: Device) -> None:
        try:
            kind(device)
        except DeviceError as error:
            self.figures.failed.append(error.message)

    # ==== What is asked ====

    def infer(self, device: Device) -> None:
        engine, number = self.draw.choice(ENGINES), self._image()
        self._check(engine, number, device.infer(engine, self.oracle.images[number]))

    def many(self, device: Device) -> None:
        engine = self.draw.choice(ENGINES)
        count = self.draw.randint(2, MOST_AT_ONCE)
        numbers = [self._image() for _ in range(count)]
        found = device.infer_many(engine, self.oracle.images[numbers])
        for number, result in zip(numbers, found, strict=True):
            self._check(engine, number, result)

    def stages(self, device: Device) -> None:
        engine, number = self.draw.choice(ENGINES), self.draw.randrange(STAGED)
        told = device.stage_crcs(engine, self.oracle.images[number])
        if told != self.oracle.crcs(engine, number):
            raise Divergence(f"stage CRCs of image {number} by {engine}: {told}")
        self.figures.add("answers on bad lines")

    def statistics(self, device: Device) -> None:
        if device.statistics().frames == 0:
            raise Divergence("no frame was counted")
        self.figures.add("answers on bad lines")

    def rubbish(self, device: Device) -> None:
        device.session.transport.write(self.draw.choice(RUBBISH))
        self.figures.add("rubbish")

    def baud(self, device: Device) -> None:
        device.set_baud(self.draw.choice(RATES))
        self.figures.add("baud switched")

    def crashed(self, device: Device) -> None:
        if self.crash is None:
            return
        self.crash()
        self.crashes += 1
        self.figures.add("crashes")
        self.infer(device)  # two crashes without a word between would count as one

    # ==== Inside ====

    def _image(self) -> int:
        return self.draw.randrange(len(self.oracle.images))

    def _check(self, engine: str, number: int, result: Result) -> None:
        right = self.oracle.answers[engine][number]
        logits = tuple(map(float, result.logits))
        if (result.label, logits) != (right.label, right.logits):
            raise Divergence(f"image {number} by {engine}: {result}")
        self.figures.add("answers on bad lines")
