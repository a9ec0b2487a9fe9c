"""Digits in a row, and whether a picture holds more than the row that was read."""

from core.picture.boxes import clear_of
from core.picture.grouping import alike, beside
from core.picture.pieces import Piece
from core.placing import Box

GAP = 4.0  # of a digit's height: farther apart they are no row
SIZES = 0.4, 2.5  # of the chosen piece's extent, of what may be another digit
SAME_INK = 0.85  # of its contrast, at least


def neighbours(chosen: Piece, others: list[Piece]) -> list[Piece]:
    """The chosen piece and those in a row with it, from left to right."""
    row, edge = [chosen], True
    while edge:
        edge = False
        for other in others:
            if any(other is piece for piece in row) or not alike(chosen, other):
                continue
            gaps = [max(other.box[1] - p.box[3], p.box[1] - other.box[3]) for p in row]
            tall = chosen.box[2] - chosen.box[0]
            if min(gaps) < GAP * tall and all(beside(p, other) for p in row):
                row.append(other)
                edge = True
    return sorted(row, key=lambda piece: piece.box[1])


def more(chosen: Piece, read: list[Box], others: list[Piece]) -> bool:
    """Whether a piece as large and dark as the chosen one stands clear of all `read`.

    So do a second row, digits of several colours, a picture of many things: the
    clearest piece alone is not what the picture shows.
    """
    least, most = (share * chosen.extent for share in SIZES)
    return any(
        least <= other.extent <= most
        and other.contrast > SAME_INK * chosen.contrast
        and not (other.straight or other.rim)
        and all(clear_of(other.box, box) for box in read)
        for other in others
    )
