"""With which options a product was made, in a line beside it that make reads.

A verb writes the line when it has succeeded: one that failed, or was killed, does not
steer the next, and one that was called without make is known to it as well.
"""

from pathlib import Path

from core.files import write_text

TRAINED = ".train-options"  # of model.pt: SEED EPOCHS DATASET, or the word own
EXPORTED = ".export-options"  # of model.json: PROFILE, whose weights, --prepare


def note(path: Path, *words: str) -> None:
    """Replace the line; empty words are left out."""
    write_text(path, " ".join(word for word in words if word) + "\n")
