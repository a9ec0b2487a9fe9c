"""Classify one digit on a board and show the host's own answer beside it.

    esp8k classify --model v3 --board virtual --engine int8 --index 7
    esp8k classify --image photo.jpg --engine f16 --json
    esp8k classify --image page.jpg --crop 400,300,200,200
    esp8k classify --image "scans/*.jpg"
    esp8k classify --model v3 --index 7 --views 5

`--index` takes an image of MNIST's test set, `--image` any picture of a digit, of
several side by side, or many pictures (see `core.picture.image`). Exit code 1 if the
board's logits are not those of the host, or if a picture's answer is not sure.
With `--views 5` the board classifies the image and its four neighbours by one pixel,
and their logits are summed: five times the cost, a little more often right.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TextIO

import numpy as np

from core import paths, terminal
from core.cli import parse, require_range
from core.doubt import NO_DIGIT, SURE, UNSURE
from core.errors import CheckFailed, Esp8kError
from core.program import run
from core.text import folded, for_json, visible
from core.views import shifted, summed
from core.words import DEFAULT_MODEL, HARDWARE, Engine, Evidence, ModelName
from tools.classify import pictures
from tools.classify.comparison import Comparison, HostAnswer, percent
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
    image: Path | None = None  # a picture of digits instead, or a pattern of many
    crop: str | None = None  # look at this part of it: x,y,width,height in pixels
    views: Literal[1, 5] = 1  # of each image, shifted by a pixel, logits summed
    json: bool = False  # print the result as JSON


class BoardInfo(Protocol):
    """What is shown of a board."""

    @property
    def name(self) -> str: ...
    @property
    def evidence(self) -> Evidence: ...


@dataclass(frozen=True)
class Subject:
    """The digit that is asked about."""

    pixels: np.ndarray  # (28, 28) uint8
    source: str  # where it comes from, for people
    label: int | None  # the true class where it is known
    partial: bool = False  # its picture holds more of the kind: nothing sure is right


def subject(config: Config) -> Subject:
    """The test image that the options name."""
    from training.data import of_exported

    data = of_exported(paths.model_dir(config.model))
    require_range(config, index=(0, len(data.test_images) - 1))
    number = config.index or 0
    label = int(data.test_labels[number])
    return Subject(data.test_images[number], f"test image {number}", label)


def require_one_source(config: Config) -> None:
    """A test image or a picture, not both."""
    if config.image is not None and config.index is not None:
        raise Esp8kError("both --index and --image", "give one of them")
    if config.crop is not None and config.image is None:
        raise Esp8kError("--crop without --image", "name the picture")


def compare(
    config: Config, board: BoardInfo, device: Device, host: Host, asked: Subject
) -> Comparison:
    """Ask the device and the host; everything that is shown."""
    views = shifted(asked.pixels, config.views)
    answers: list[Result] = [device.infer(config.engine, view) for view in views]
    ours = host.logits(config.engine, views)
    sent = np.stack([np.asarray(one.logits, ours.dtype) for one in answers])
    raw, own = summed(sent), summed(ours)
    logits, expected = raw / config.views, own / config.views  # of one view
    return Comparison(
        model=config.model,
        weights_hash=host.weights_hash,
        board=board.name,
        evidence=board.evidence,
        engine=config.engine,
        source=asked.source,
        label=asked.label,
        views=config.views,
        answer=int(raw.argmax()),
        classes=list(host.classes),
        second=int(np.argsort(-raw.astype(np.float64), kind="stable")[1]),
        decision=decided(config.engine, host, asked, logits),
        raw_logits=raw.tolist(),
        logits=host.real(config.engine, logits).tolist(),
        probabilities=host.probabilities(config.engine, logits).tolist(),
        microseconds=total([one.microseconds for one in answers]),
        count=total([one.count for one in answers]),
        counter=device.identity.counter,
        host=HostAnswer(
            answer=int(own.argmax()),
            raw_logits=own.tolist(),
            logits=host.real(config.engine, expected).tolist(),
            equal_logits=int((sent == ours).all(0).sum()),
            agrees=bool((sent == ours).all()),
        ),
    )


def decided(engine: str, host: Host, asked: Subject, logits: np.ndarray) -> int | None:
    """SURE, UNSURE or NO_DIGIT of the board's logits; None without a doubt."""
    found = host.decision(engine, asked.pixels[None], logits[None])
    if found is None:
        return None
    decision = int(found[0])
    return UNSURE if decision == SURE and asked.partial else decision


def total(parts: list[int | None]) -> int | None:
    """The sum; None where one is not known."""
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


# ---- for people ----


def show(result: Comparison, pixels: np.ndarray, stream: TextIO) -> None:
    """The digit beside its ten scores, and four lines about where they come from."""
    encoding, colour = terminal.encoding_of(stream), terminal.has_colour(stream)
    mark = "›" if terminal.has_blocks(encoding) else ">"
    width = min(NAME, max(map(len, result.classes)))
    rows = [f"  {'class':{max(5, width)}}{'logit':>{7 + width}}   probability"]
    for digit, (logit, share) in enumerate(
        zip(result.logits, result.probabilities, strict=True)
    ):
        chosen = digit == result.answer
        name = result.classes[digit][:NAME]
        row = f"{mark if chosen else ' '} {name:{width}}  {logit:10.4f}   "
        row += f"{terminal.bar(share, BAR, encoding)} {percent(share):>6} %"
        rows.append(terminal.bold(row, colour and chosen))
    picture = terminal.digit_lines(pixels, encoding, colour)
    lines = terminal.beside(picture, ["", *rows], width=pixels.shape[1])
    print("\n".join(["", *lines, "", *map(visible, facts(result)), ""]), file=stream)


def verdict(result: Comparison) -> str:
    """The answer in words: "7", "7, or perhaps 1: unsure", "no digit (most like 4)"."""
    first, second = result.name, result.second_name
    if result.decision is None:
        return first
    return {
        SURE: f"{first}, sure",
        UNSURE: f"{first}, or perhaps {second}: unsure",
        NO_DIGIT: f"no digit (most like {first})",
    }[result.decision]


def facts(result: Comparison) -> list[str]:
    """What was asked, what the board said, what the host says."""
    truth = result.label
    given = result.source
    if truth is not None:
        word = "right" if truth == result.answer else "wrong"
        given += f", which is {_with_article(result.classes[truth])}: {word}"
    host = result.host
    equal = f"{host.equal_logits} of {len(result.logits)} logits are the board's"
    said = f"{result.classes[host.answer]}, and {equal}"
    agree = "agrees" if host.agrees else "DISAGREES"
    seen = f", {result.views} views summed" if result.views > 1 else ""
    return [
        f"answer   {verdict(result)}  ({given})",
        f"host     {said}: {agree}",
        f"engine   {result.engine}{seen}, {cost(result)}",
        f"board    {result.board} ({result.evidence}), model {result.model}, "
        f"weights {result.weights_hash[:16]}",
    ]


def _with_article(name: str) -> str:
    """A 9, an 8, an ankle boot."""
    vowel = name[:1].lower() in tuple("8aeiou") or name in ("11", "18")
    return f"{'an' if vowel else 'a'} {name}"


def cost(result: Comparison) -> str:
    """Time or instructions, and what they are worth as evidence."""
    on_hardware = result.evidence == HARDWARE
    parts = []
    if result.count is not None and result.counter != "none":
        parts.append(f"{result.count:,} {result.counter}")
    if result.microseconds is not None and (on_hardware or not parts):
        parts.append(f"{result.microseconds:,} us")
    text = ", ".join(parts) or "not timed"
    return text if on_hardware else f"{text} ({result.evidence}, not a chip's time)"


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    config = parse(Config, argv, "classify", __doc__ or "")
    paths.model_dir(config.model)
    require_one_source(config)
    seen = pictures.read_all(config.image, config.crop) if config.image else []
    asked = [] if seen else [subject(config)]
    asked += [
        Subject(digit.pixels, picture.name, None, picture.partial)
        for picture in seen
        for digit in picture.digits
    ]
    host = Host(config.model)
    from tools.boards.boards import choose, open_board

    board = choose(config.board, config.port)
    with open_board(board, config.model, count=True) as device:
        require_identity(device, host.folder)
        results = [compare(config, board, device, host, one) for one in asked]
    if seen:
        tell_pictures(config, seen, results, asked)
    elif config.json:
        print(for_json(results[0].json()))
    else:
        show(results[0], asked[0].pixels, sys.stdout)
    require_agreement(results, config.model)
    if seen:
        require_certainty(seen, results)
    return 0


def tell_pictures(
    config: Config,
    seen: "list[pictures.Picture]",
    results: list[Comparison],
    asked: list[Subject],
) -> None:
    """One digit as ever; several, or several pictures, as a list with a summary."""
    answers = pictures.answered(seen, results)
    if config.json:
        content = [answer.json() for answer in answers]
        print(for_json(content[0] if len(content) == 1 else content))
    elif len(seen) == 1 and len(results) == 1:
        show(results[0], asked[0].pixels, sys.stdout)
        print("\n".join(map(visible, answers[0].remarks())))
    else:
        for line in pictures.lines(answers):
            print(folded(visible(line), sys.stdout, "    "))


def require_agreement(results: list[Comparison], model: str) -> None:
    """The board's logits are the host's, every one."""
    if not all(result.host.agrees for result in results):
        cure = f"find the first wrong layer: make bisect MODEL={model}"
        raise CheckFailed("the board and the host disagree", cure)


def require_certainty(
    seen: "list[pictures.Picture]", results: list[Comparison]
) -> None:
    """Exit code 1 where a picture was refused or its answer is not sure."""
    answers = pictures.answered(seen, results)
    doubtful = [answer for answer in answers if not answer.sure()]
    if doubtful:
        first, pictures_ = doubtful[0], "picture" if len(answers) == 1 else "pictures"
        raise CheckFailed(
            f"{len(doubtful)} of {len(answers)} {pictures_} not read for sure: "
            f"{first.picture.name}: {first.words()}",
            first.hint(),
        )


if __name__ == "__main__":
    run(main)
