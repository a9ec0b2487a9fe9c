"""Classify one digit on a board and show the host's own answer beside it.

    esp8k classify --model v3 --board virtual --engine int8 --index 7
    esp8k classify --image photo.jpg --engine f16 --json

`--index` takes an image of MNIST's test set, `--image` any picture of one digit (see
`tools.classify.image`). Exit code 1 if the board's logits are not those of the host.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np

from core import paths, terminal
from core.cli import parse
from core.errors import CheckFailed, Esp8kError
from core.program import run
from core.words import DEFAULT_MODEL, Engine, ModelName
from tools.classify import image
from tools.classify.host import Host
from tools.link.client import Device
from tools.link.identity_lock import require_identity
from tools.link.messages import Result

BAR = 22  # characters of the longest bar

NAME = 10  # columns of a class's name


@dataclass(frozen=True)
class Config:
    """Options of `esp8k classify`."""

    model: ModelName = DEFAULT_MODEL  # which network
    board: str | None = None  # virtual, twin, esp32dev, ...; found if absent
    port: str | None = None  # serial port or pyserial URL; found if absent
    engine: Engine = "int8"  # which arithmetic on the board
    index: int | None = None  # number of a test image, 0..9999
    image: Path | None = None  # a picture of one digit instead
    json: bool = False  # print the result as JSON


class BoardInfo(Protocol):
    """What is shown of a board."""

    @property
    def name(self) -> str: ...
    @property
    def evidence(self) -> str: ...


@dataclass(frozen=True)
class Subject:
    """The digit that is asked about."""

    pixels: np.ndarray  # (28, 28) uint8
    source: str  # where it comes from, for people
    label: int | None  # the true class where it is known


def subject(config: Config) -> Subject:
    """The image the options name."""
    if config.image is not None and config.index is not None:
        raise Esp8kError("both --index and --image", "give one of them")
    if config.image is not None:
        return Subject(image.load(config.image), str(config.image), None)
    from training.data import of_exported

    number = config.index or 0
    data = of_exported(paths.model_dir(config.model))
    if not 0 <= number < len(data.test_images):
        last = len(data.test_images) - 1
        raise Esp8kError(f"no test image {number}", f"INDEX goes from 0 to {last}")
    label = int(data.test_labels[number])
    return Subject(data.test_images[number], f"test image {number}", label)


def compare(
    config: Config, board: BoardInfo, device: Device, host: Host, asked: Subject
) -> dict[str, Any]:
    """Ask the device and the host; everything that is shown, as JSON would hold it."""
    answer: Result = device.infer(config.engine, asked.pixels)
    own = host.logits(config.engine, asked.pixels[None])[0]
    logits = np.asarray(answer.logits, own.dtype)
    return {
        "model": config.model,
        "weights_hash": host.weights_hash,
        "board": board.name,
        "evidence": board.evidence,
        "engine": config.engine,
        "source": asked.source,
        "label": asked.label,
        "class": answer.label,
        "classes": list(host.classes),
        "raw_logits": logits.tolist(),
        "logits": host.real(config.engine, logits).tolist(),
        "probabilities": host.probabilities(config.engine, logits).tolist(),
        "microseconds": answer.microseconds,
        "count": answer.count,
        "counter": device.identity.counter,
        "host": {
            "class": int(own.argmax()),
            "raw_logits": own.tolist(),
            "logits": host.real(config.engine, own).tolist(),
            "equal_logits": int((logits == own).sum()),
            "agrees": bool(answer.label == int(own.argmax()) and (logits == own).all()),
        },
    }


# ---- for people ----


def show(result: dict[str, Any], pixels: np.ndarray, stream: TextIO) -> None:
    """The digit beside its ten scores, and four lines about where they come from."""
    encoding, colour = terminal.encoding_of(stream), terminal.has_colour(stream)
    mark = "›" if terminal.has_blocks(encoding) else ">"
    width = min(NAME, max(map(len, result["classes"])))
    rows = [f"  {'class':{max(5, width)}}{'logit':>{7 + width}}   probability"]
    for digit, (logit, share) in enumerate(
        zip(result["logits"], result["probabilities"], strict=True)
    ):
        chosen = digit == result["class"]
        name = result["classes"][digit][:NAME]
        row = f"{mark if chosen else ' '} {name:{width}}  {logit:10.4f}   "
        row += f"{terminal.bar(share, BAR, encoding)} {100 * share:6.2f} %"
        rows.append(terminal.bold(row, colour and chosen))
    picture = terminal.digit_lines(pixels, encoding, colour)
    lines = terminal.beside(picture, ["", *rows], width=pixels.shape[1])
    print("\n".join(["", *lines, "", *facts(result), ""]), file=stream)


def facts(result: dict[str, Any]) -> list[str]:
    """What was asked, what the board said, what the host says."""
    truth = result["label"]
    given = result["source"]
    if truth is not None:
        word = "right" if truth == result["class"] else "wrong"
        given += f", which is a {result['classes'][truth]}: {word}"
    host = result["host"]
    names, count = result["classes"], len(result["logits"])
    said = f"{names[host['class']]}, and {host['equal_logits']} of {count} logits"
    said += " are the board's"
    agree = "agrees" if host["agrees"] else "DISAGREES"
    return [
        f"answer   {names[result['class']]}  ({given})",
        f"host     {said}: {agree}",
        f"engine   {result['engine']}, {cost(result)}",
        f"board    {result['board']} ({result['evidence']}), model {result['model']}, "
        f"weights {result['weights_hash'][:16]}",
    ]


def cost(result: dict[str, Any]) -> str:
    """Time or instructions, and what they are worth as evidence."""
    on_hardware = result["evidence"] == "on hardware"
    parts = []
    if result["count"] is not None and result["counter"] != "none":
        parts.append(f"{result['count']:,} {result['counter']}")
    if result["microseconds"] is not None and (on_hardware or not parts):
        parts.append(f"{result['microseconds']:,} us")
    text = ", ".join(parts) or "not timed"
    return text if on_hardware else f"{text} ({result['evidence']}: no board's time)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    config = parse(Config, argv, "classify", __doc__ or "")
    paths.model_dir(config.model)
    asked = subject(config)
    host = Host(config.model)
    from tools.boards.boards import choose, open_board

    board = choose(config.board, config.port)
    with open_board(board, config.model, count=True) as device:
        require_identity(device, host.folder)
        result = compare(config, board, device, host, asked)
    if config.json:
        print(json.dumps(result, indent=2))
    else:
        show(result, asked.pixels, sys.stdout)
    if not result["host"]["agrees"]:
        cure = f"find the first wrong layer: make bisect MODEL={config.model}"
        raise CheckFailed("the board and the host disagree", cure)
    return 0


if __name__ == "__main__":
    run(main)
