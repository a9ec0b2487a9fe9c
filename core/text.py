"""Text from outside, at each border where it leaves this program.

A device's name, a panic, an operator of somebody's model, a path: none may steer a
terminal, lead to another folder, end a comment in generated C, or turn a report into
no JSON. One function a border; HTML is escaped by Jinja's own autoescape.
"""

import json
import math
import re
import shutil
import textwrap
import unicodedata
from typing import Any, TextIO

# Cc: C0, DEL and C1 controls; Cf: bidi marks, joiners; Cs: half surrogates (undecodable
# bytes of a path); Zl, Zp: line and paragraph separators.
UNSAFE = ("Cc", "Cf", "Cs", "Zl", "Zp")


def visible(text: str, keep: str = "") -> str:
    """`text` with all that could steer a terminal spelt out, as `\\x1b` or `\\u202e`.

    Characters of `keep` pass as they are.
    """
    return "".join(
        char
        if char in keep or unicodedata.category(char) not in UNSAFE
        else _escape(char)
        for char in text
    )


def for_terminal(text: str) -> str:
    """A message of ours, which may have several lines and quote what it likes."""
    return visible(text, keep="\n\t")


def folded(text: str, stream: TextIO, indent: str) -> str:
    """`text` broken between words where it is longer than a terminal is wide.

    Lines that go on begin with `indent`. Elsewhere than at a terminal it stays whole:
    whoever searches a log finds the sentence.
    """
    if not stream.isatty():
        return text
    width = max(shutil.get_terminal_size().columns, 2 * len(indent) + 20)
    return "\n".join(
        textwrap.fill(
            line,
            width,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.split("\n")
    )


def one_line(text: str, most: int = 120) -> str:
    """Foreign text inside a message of ours: one line, at most `most` characters."""
    shown = visible(text)
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def for_comment(text: str, most: int = 200) -> str:
    """Foreign text inside a comment of C or CMake: it ends neither, on one line."""
    shown = one_line(text, most).replace("*/", "*\u200b/").replace("/*", "/\u200b*")
    return shown.replace("\u200b", " ").replace("??/", "?? /").rstrip("\\")


def for_path(text: str, most: int = 60) -> str:
    """Foreign text as the name of one file or folder, which leads nowhere else."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)[:most] or "_"


def for_json(value: Any, indent: int | None = 2) -> str:
    """JSON that every parser takes: NaN and the infinities become null."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def percent(share: float, digits: int = 2) -> str:
    """A share of 0 to 1 as people read it: `0.12 %`."""
    return f"{100 * share:.{digits}f} %"
