"""The sheet: one finger, one pen, nothing outside it; where the focus goes."""

from playwright.sync_api import Page, expect

from tests.support.browser import drag, open_page, seen


def touches(page: Page, *steps: tuple[str, list[tuple[int, float, float]]]) -> None:
    """Fingers (number, x, y) in parts of the sheet's sides."""
    box = page.locator("#sheet").bounding_box()
    assert box is not None
    browser = page.context.new_cdp_session(page)
    browser.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    for kind, fingers in steps:
        points = [
            {
                "id": n,
                "x": box["x"] + x * box["width"],
                "y": box["y"] + y * box["height"],
            }
            for n, x, y in fingers
        ]
        browser.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_a_second_finger_draws_nothing(page: Page, site: str) -> None:
    open_page(page, site)
    first = [(1, 0.5, 0.2 + 0.1 * i) for i in range(7)]
    touches(
        page,
        ("touchStart", [first[0]]),
        *(("touchMove", [at]) for at in first[1:4]),
        ("touchStart", [first[3], (2, 0.9, 0.9)]),
        *(("touchMove", [at, (2, 0.9, 0.9)]) for at in first[4:]),
        ("touchEnd", [first[-1]]),
        ("touchEnd", []),
    )
    expect(page.locator("#digit")).to_have_text("1")


def test_what_leaves_the_sheet_stays_on_its_edge(page: Page, site: str) -> None:
    """Ink that nobody saw was counted."""
    open_page(page, site)
    drag(page, (0.5, 0.2), (1.0, 0.5), (0.5, 0.8))
    inside = seen(page)
    page.click("#clear")
    drag(page, (0.5, 0.2), (1.0, 0.5), (2.4, 0.5), (1.0, 0.5), (0.5, 0.8))
    assert (seen(page) > 0).sum() == (inside > 0).sum()


def test_the_keys_pen_joins_no_stroke_of_the_mouse(page: Page, site: str) -> None:
    open_page(page, site)
    page.focus("#sheet")
    page.keyboard.press(" ")
    drag(page, (0.1, 0.1), (0.2, 0.1))
    before = seen(page)
    page.keyboard.press("ArrowDown")
    assert (seen(page) == before).all()


def test_the_focus_is_shown_where_it_is_and_is_not_lost(page: Page, site: str) -> None:
    open_page(page, site)
    outline = "s => getComputedStyle(document.querySelector(s)).outlineStyle"
    page.focus("#sheet")
    page.keyboard.press("Tab")  # Undo and Clear are disabled
    assert page.evaluate("document.activeElement.id") == "file"
    assert page.evaluate(outline, "label[for=file]") == "solid"
    assert page.evaluate(outline, "#sample") == "none"
    for button in ("#clear", "#labels button:nth-child(3)", "#take-back"):
        drag(page, (0.5, 0.2), (0.5, 0.8))
        page.focus(button)
        page.keyboard.press("Enter")
        if button != "#take-back":
            assert page.evaluate("document.activeElement.id") == "sheet", button
    assert page.evaluate("document.activeElement.id") == "sheet"
