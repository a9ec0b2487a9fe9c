"""The page's line to a board: how its end is told."""

from websockets.frames import Close

from tools.web.bridge import reason


def test_a_reason_fits_the_last_frame_in_any_letters() -> None:
    """Of 120 letters outside ASCII the frame was too long."""
    told = reason("kein Gerät an " + "ü" * 120 + "\udcff")
    assert told.startswith("kein Gerät an ü")
    assert len(Close(1011, told).serialize()) <= 125
    assert reason("another page has the board") == "another page has the board"
