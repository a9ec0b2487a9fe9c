"""What `make export` looks at before it says "up to date"."""

import re

from core.paths import ROOT


def test_every_source_of_the_exporter_is_looked_at() -> None:
    """A kernel's Python, two folders deep, was not: the old C was called up to date."""
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    line = re.search(r"^EXPORTER *:= *\$\(wildcard ([^)]*)\)", text, re.M)
    assert line is not None
    seen = {path for pattern in line[1].split() for path in ROOT.glob(pattern)}
    made_of = {
        p for kind in ("py", "jinja") for p in (ROOT / "export").rglob(f"*.{kind}")
    }
    assert sorted(map(str, made_of - seen)) == []
