"""MLPerf Tiny's runner as it speaks on a serial port: a command, then lines."""

import re
from pathlib import Path

import numpy as np
import serial

from tests.support.fake_model import fake_int8
from tests.support.link import random_images

CHUNK = 31  # bytes that a runner puts in one db command
PATIENCE_S = 5.0  # for the next line


class Runner:
    """The host's side: a command, then lines until one holds m-ready.

    Opening the port as theirs does drops what was said before: the boot's greeting,
    whose m-ready would be taken for the first command's. A line that does not come
    in `PATIENCE_S` ends theirs with an error.
    """

    def __init__(self, port: str) -> None:
        self.port = serial.Serial(port, 115200, timeout=PATIENCE_S)
        self.sent = self.got = b""

    def identify(self) -> str:
        """As theirs begins: name, model, profile; then the port is closed for now."""
        assert self.command("name") == ["m-name-dut-[esp8k]", "m-ready"]
        profile, model, ready = self.command("profile")
        assert profile == "m-profile-[ULPMark for tinyML Firmware V0.0.1]"
        found = re.fullmatch(r"m-model-\[([^]]+)]", model)
        assert found and ready == "m-ready"
        self.port.close()
        return found[1]

    def command(self, text: str) -> list[str]:
        if not self.port.is_open:
            self.port.open()
        for byte in f"{text}%".encode():
            self.port.write(bytes([byte]))
            self.sent += bytes([byte])
        lines = []
        while not lines or "m-ready" not in lines[-1]:
            line = ""
            while (byte := self.port.read(1)) != b"\n":
                assert byte, f"no response to {text}"
                self.got += byte
                line += byte.decode() if byte not in b"\r\0" else ""
            self.got += byte
            if line:
                lines.append(line)
        return lines

    def load(self, data: bytes) -> list[str]:
        answer = self.command(f"db load {len(data)}")
        assert answer == [f"m-[Expecting {len(data)} bytes]", "m-ready"]
        for at in range(0, len(data), CHUNK):
            answer = self.command("db " + data[at : at + CHUNK].hex())
        return answer

    def infer(self, count: int, warmups: int) -> dict:
        lines = self.command(f"infer {count} {warmups}")
        assert lines[0] == f"m-warmup-start-{warmups}"
        assert lines[1:3] == ["m-warmup-done", f"m-infer-start-{count}"]
        assert lines[5] == "m-infer-done"
        laps = [re.fullmatch(r"m-lap-us-([0-9]+)", line) for line in lines[3:5]]
        assert all(laps)
        results = re.fullmatch(r"m-results-\[([^]]+)\]", lines[6])
        assert results and lines[7:] == ["m-ready"]
        start, end = (int(lap[1]) for lap in laps if lap)
        values = [float(x) for x in results[1].split(",")]
        return {"results": values, "elapsed_us": end - start}


POOL = random_images(100, seed=21)
CLASS = [int(np.argmax(fake_int8(image))) for image in POOL]
IMAGES = POOL[[*(CLASS.index(one) for one in range(10)), 0, 1]]  # each class, two more
LABELS = np.array([*range(10), *CLASS[:2]])


def steps(folder: Path, name: str) -> tuple[str, int, int, int]:
    """Model, loops, iterations and warm-ups of a test script."""
    text = (folder / name).read_text()
    found = re.search(r"loop (\d+):\n +- download\n +- infer (\d+) (\d+)\n", text)
    model = re.search(r"^(\w+):\n  name: \w+\n  model: \1\n", text)
    assert found and model
    return model[1], int(found[1]), int(found[2]), int(found[3])
