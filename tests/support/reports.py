"""A report of forty images by fake devices, one of which is labelled wrongly."""

import numpy as np

from tests.support.fakes import FakeDevice, logits, opener, some_images
from tools.report.report import Config, Subject, Target, make_report

MEMORY = {
    "evidence": "built",
    "code_bytes": 9000,
    "const_bytes": 30000,
    "data_bytes": 100,
    "bss_bytes": 12000,
    "arena_bytes": 7808,
    "stack_bytes": 4096,
    "flash_bytes": 39500,
    "ram_bytes": 16196,
}


def subject(count: int = 40) -> Subject:
    images = some_images(count)
    truth = logits("int8", images).argmax(1)
    truth[3] = (truth[3] + 1) % 10
    return Subject(images, truth.astype(np.uint8), "ef" * 32)


def target(*devices: FakeDevice, evidence: str = "emulated", counting=None) -> Target:
    opening = (lambda: opener(FakeDevice())()) if not devices else opener(*devices)
    return Target("virtual", evidence, opening, counting)


def made(host, *devices, engine: str = "both", count: int = 40, **more):
    asked = subject(count)
    got = make_report(Config(engine=engine), target(*devices, **more), host, asked)
    return got, asked.images
