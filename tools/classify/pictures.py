"""Pictures as files: read one or many, and tell what was read in each.

    seen = read_all(Path("scans/*.jpg"), None)
    answers = answered(seen, results)       # results: one a digit, in order
    print("\\n".join(lines(answers)))

Digits are asked about from left to right, pictures by their names.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.doubt import NO_DIGIT, SURE
from core.errors import Esp8kError
from core.picture.image import Digit, Reading, read, why
from core.picture.opening import matching, open_picture
from tools.classify.comparison import Comparison, percent

NAME = 40  # columns of a picture's name: half of what a terminal has


@dataclass(frozen=True)
class Picture:
    """One file and the digits in it; none where it was refused."""

    name: str
    digits: tuple[Digit, ...]
    left_out: tuple[str, ...]  # "ruled lines", "an edge at the rim", ...
    partial: bool = False  # it holds more of the kind than was read
    refused: str = ""  # why, where it was
    cure: str = ""

    @staticmethod
    def of(name: str, found: Reading) -> "Picture":
        """One that was read."""
        return Picture(name, found.digits, found.left_out, found.partial)


@dataclass(frozen=True)
class Answer:
    """A picture with the results of its digits, as `classify.compare` gives them."""

    picture: Picture
    results: tuple[Comparison, ...]

    def digits(self) -> list[Comparison]:
        """The results of what is a digit; all where nothing is."""
        known = [r for r in self.results if r.decision != NO_DIGIT]
        return known or list(self.results)

    def reading(self) -> str:
        """The digits from left to right."""
        names = [r.name for r in self.digits()]
        return ("" if all(len(name) == 1 for name in names) else " ").join(names)

    def sure(self) -> bool:
        """Whether every digit of the picture may be believed."""
        return bool(self.results) and all(
            r.decision in (SURE, None) for r in self.digits()
        )

    def words(self) -> str:
        """What was read, and how sure that is."""
        if not self.results:
            return self.picture.refused
        if self.sure():
            return f"{self.reading()}, sure"
        if self.picture.partial:
            names = " ".join(r.name for r in self.digits())
            return f"{names}, and more that was not read: unsure"
        told = [
            f"no digit (most like {r.name})"
            if r.decision == NO_DIGIT
            else r.name
            if r.decision == SURE
            else f"{r.name} or {r.second_name}?"
            for r in self.digits()
        ]
        return " ".join(told) + ("" if "no digit" in told[0] else ": unsure")

    def hint(self) -> str:
        """What may help."""
        if not self.results:
            return self.picture.cure
        x, y, width, height = self.picture.digits[0].crop
        crop = f"CROP={x},{y},{width},{height}"
        return f"name the digit's part of the picture ({crop} was read), or turn it"

    def remarks(self) -> list[str]:
        """What was left out of the picture."""
        left_out = ", ".join(dict.fromkeys(self.picture.left_out))
        return [f"left out {left_out}", ""] if left_out else []

    def json(self) -> dict[str, Any]:
        """One digit's result, or the reading with the results of several."""
        if not self.results:
            name, refused = self.picture.name, self.picture.refused
            return {"source": name, "decision": "refused", "error": refused}
        if len(self.digits()) == 1:
            return {**self.digits()[0].json(), "left_out": list(self.picture.left_out)}
        return {
            "source": self.picture.name,
            "reading": self.reading(),
            "decision": "several, sure" if self.sure() else "several, unsure",
            "digits": [digit.json() for digit in self.digits()],
            "left_out": list(self.picture.left_out),
        }


def read_all(pattern: Path, crop: str | None) -> list[Picture]:
    """The picture of that name, or all that fit the pattern, by name.

    A single picture that cannot be read is an `Esp8kError`; of many it is noted.
    """
    paths = matching(pattern)
    if len(paths) > 1:
        return [noted(str(path), crop) for path in paths]
    found = read(open_picture(paths[0]), str(paths[0]), crop)
    return [Picture.of(str(paths[0]), found)]


def noted(name: str, crop: str | None) -> Picture:
    """One of many pictures; why it was refused instead of an error."""
    try:
        found = read(open_picture(Path(name)), name, crop)
    except Esp8kError as error:
        return Picture(name, (), (), refused=why(error, name), cure=error.hint)
    return Picture.of(name, found)


def answered(seen: list[Picture], results: list[Comparison]) -> list[Answer]:
    """Each picture with its share of the results, which lie in order."""
    answers, at = [], 0
    for picture in seen:
        end = at + len(picture.digits)
        answers.append(Answer(picture, tuple(results[at:end])))
        at = end
    return answers


def lines(answers: list[Answer]) -> list[str]:
    """One line a picture, one a digit where there are several, and a summary.

    What is said of the pictures stands in a column; a longer name than most moves it.
    """
    out = []
    wide = min(NAME, max(len(answer.picture.name) for answer in answers))
    for answer in answers:
        out.append(f"{answer.picture.name:{wide}}  {answer.words()}")
        digits = answer.digits()
        if len(digits) > 1:
            longest = max(len(r.name) for r in digits)
            for r in digits:
                share = percent(max(r.probabilities))
                out.append(f"    {r.name:{longest}}  {share:>5} %  {r.word or ''}")
    sure = sum(answer.sure() for answer in answers)
    refused = sum(not answer.results for answer in answers)
    rest = len(answers) - sure - refused
    seen = "1 picture" if len(answers) == 1 else f"{len(answers)} pictures"
    out.append(f"{seen}: {sure} sure, {rest} unsure, {refused} refused")
    return out
