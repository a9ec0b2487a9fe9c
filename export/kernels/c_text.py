"""Sums and products as one writes them in C: nothing times one, nothing plus zero.

    total("in", ("y", 28), ("x", 1), 0)    # in + y * 28 + x

So a template names every term, and none of those that a size leaves out is written.
"""

import re
from collections.abc import Callable

WIDTH = 76  # columns, where a function's body begins

Term = str | int | tuple[str, int]  # text, a number, or (text, factor)


def total(*terms: Term) -> str:
    """C of a sum; what is zero is left out."""
    text = ""
    for term in terms:
        part = product(*term) if isinstance(term, tuple) else str(term)
        if part in ("", "0"):
            continue
        if not text:
            text = part
        elif part.startswith("-"):
            text += f" - {part[1:]}"
        else:
            text += f" + {part}"
    return text or "0"


def product(text: str, factor: int) -> str:
    """C of a product; numbers are multiplied here."""
    if text.isdigit():
        return str(int(text) * factor)
    if factor == 0 or text == "0":
        return "0"
    if factor == 1:
        return text
    return f"{text} * {factor}" if _is_one(text) else f"({text}) * {factor}"


def half(text: str) -> str:
    """C of half of an even number."""
    if text.isdigit():
        return str(int(text) // 2)
    return f"{text} / 2" if _is_one(text) else f"({text}) / 2"


def halved(index: str) -> str:
    """C of half of an index, which is never negative: by a shift."""
    return half(index) if index.isdigit() else f"({index} >> 1)"


def _is_one(text: str) -> bool:
    """Whether it needs no parentheses: a name, a call, or what has them already."""
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and letter == " ":
            return False
    return True


def position(width: int, channels: int, y: str = "y", x: str = "x") -> str:
    """C of where the bytes of position (y, x) are among rows of `width`."""
    return product(total((y, width), x), channels)


def turns(
    name: str,
    end: int,
    step: int = 1,
    start: int = 0,
    *,
    also: str = "",
    scoped: bool = False,
    caller: Callable[[str], str],
) -> str:
    """C of a loop over a template's block, which is given the index.

        {% call(y) turns("y", rows) %} ... {% endcall %}

    Of one turn it is the block alone. `also`: what a turn ends with; `scoped`: the
    block's names must not meet those of another one beside it.
    """
    if 0 < end - start <= step:
        return block("{" if scoped else "", caller=lambda: caller(str(start)))
    more = f"++{name}" if step == 1 else f"{name} += {step}"
    head = f"int32_t {name} = {start}; {name} < {end}; {more}{also and ', ' + also}"
    return block(f"for ({head}) {{", caller=lambda: caller(name))


def block(head: str, *, caller: Callable[[], str]) -> str:
    """C of a template's block behind `head`; without one, a level less deep."""
    body = caller()
    if not head:
        return re.sub("^    ", "", body, flags=re.M)
    deep = re.search("^ *(?=[^ #\n])", body, re.M)
    margin = deep[0][4:] if deep else ""
    return f"{margin}{head}\n{body}{margin}}}\n"


def wrapped(lines: list[str]) -> list[str]:
    """Calls that are too long for a line, with further ones for the arguments."""
    found = []
    for line in lines:
        margin = " " * (line.find("(") + 1)
        while len(line) > WIDTH and ", " in line[:WIDTH]:
            end = line.rindex(", ", 0, WIDTH) + 1
            found.append(line[:end])
            line = margin + line[end + 1 :]
        found.append(line)
    return found


def indented(lines: list[str]) -> list[str]:
    """One level deeper."""
    return ["    " + line for line in lines]
