"""One thing that the doctor found, and what to do about it."""

from dataclasses import dataclass

OK, NOTE, PROBLEM = "ok", "note", "problem"


@dataclass(frozen=True)
class Finding:
    """`check` is a stable name for programs, `text` and `cure` are for people."""

    check: str
    level: str  # ok, note or problem
    text: str
    cure: str = ""
    topic: str = "this computer"
    port: str | None = None  # the serial port that it is about
