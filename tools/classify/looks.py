"""The kinds of pictures that are drawn: pens, papers, light and camera of each."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Look:
    """What one kind of picture is drawn with; lengths in shares of the shorter side."""

    size: tuple[float, float] = (0.3, 0.6)  # the digit's height
    pen: tuple[float, float] = (0.05, 0.1)  # stroke width, of the digit's height
    ink: tuple[float, float] = (0.1, 0.4)  # reflection of the ink beside the paper's 1
    chalk: bool = False  # light ink on a dark board
    lines: float = 0.0  # darkness of ruled lines, of 1
    squares: float = 0.0  # darkness of squared lines
    box: bool = False  # a frame around the digit
    page: int = 0  # edges of the page in the picture
    note: bool = False  # a note on a desk
    shadow: tuple[float, float] = (1.0, 1.0)  # light within a shadow, of 1
    soft: tuple[float, float] = (0.002, 0.02)  # width of the shadow's edge
    light: float = 0.2  # how much the light falls off over the picture
    crumple: float = 0.0  # unevenness of the paper
    glare: bool = False
    corner: bool = False  # a dark corner or a finger at the rim
    tones: bool = False  # two colours of paper
    specks: int = 0
    blur: tuple[float, float] = (0.0, 0.002)
    noise: tuple[float, float] = (1.0, 4.0)  # grey levels
    tilt: float = 0.03  # perspective


PLAIN = Look()
KINDS: dict[str, Look] = {
    "plain": PLAIN,
    "ball point": replace(PLAIN, pen=(0.02, 0.04), ink=(0.3, 0.5)),
    "pencil": replace(PLAIN, pen=(0.02, 0.05), ink=(0.55, 0.75)),
    "hairline": replace(PLAIN, size=(0.4, 0.7), pen=(0.004, 0.012), ink=(0.4, 0.8),
                        noise=(0.5, 1.5)),
    "brush": replace(PLAIN, pen=(0.14, 0.22)),
    "small": replace(PLAIN, size=(0.07, 0.16), pen=(0.08, 0.14)),
    "large": replace(PLAIN, size=(0.8, 0.95), pen=(0.08, 0.16)),
    "chalk": replace(PLAIN, chalk=True, pen=(0.04, 0.09), noise=(3, 8)),
    "ruled": replace(PLAIN, lines=0.35, size=(0.12, 0.5)),
    "strongly ruled": replace(PLAIN, lines=0.7, size=(0.15, 0.5), pen=(0.06, 0.12)),
    "squared": replace(PLAIN, squares=0.3, size=(0.12, 0.5)),
    "strongly squared": replace(PLAIN, squares=0.55, size=(0.2, 0.5), pen=(0.06, 0.12)),
    "boxed": replace(PLAIN, box=True, size=(0.35, 0.55)),
    "page edge": replace(PLAIN, page=1),
    "page corner": replace(PLAIN, page=2, size=(0.2, 0.45)),
    "note": replace(PLAIN, note=True, size=(0.15, 0.3)),
    "hard shadow": replace(PLAIN, shadow=(0.4, 0.7), soft=(0.0, 0.01)),
    "soft shadow": replace(PLAIN, shadow=(0.35, 0.7), soft=(0.03, 0.3)),
    "crumpled": replace(PLAIN, crumple=0.14),
    "glare": replace(PLAIN, glare=True, light=0.35),
    "dark corner": replace(PLAIN, corner=True),
    "two tones": replace(PLAIN, tones=True),
    "dirty": replace(PLAIN, specks=25, noise=(4, 12)),
    "blurred": replace(PLAIN, blur=(0.006, 0.015)),
    "dim": replace(PLAIN, light=0.7, noise=(3, 9), ink=(0.2, 0.5), pen=(0.03, 0.06)),
    "phone": replace(PLAIN, pen=(0.025, 0.06), ink=(0.25, 0.6), size=(0.15, 0.4),
                     shadow=(0.6, 0.85), soft=(0.02, 0.3), light=0.4, crumple=0.03,
                     tilt=0.08, blur=(0.001, 0.004)),
    "phone on lines": replace(PLAIN, pen=(0.03, 0.07), ink=(0.25, 0.5),
                              size=(0.15, 0.4), lines=0.4, shadow=(0.6, 0.85),
                              soft=(0.02, 0.3), light=0.4, page=1, tilt=0.08),
}  # fmt: skip
