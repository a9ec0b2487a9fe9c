"""What an audit of accessibility looks at: contrast, sizes to tap, names, order."""

import pytest
from playwright.sync_api import Page

from tests.support.browser import open_page

# Every element with words of its own: its colour on the nearest opaque background.
CONTRASTS = """() => {
  const parts = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.99) return colour;
    }
    return parts(getComputedStyle(document.documentElement).backgroundColor);
  };
  const poor = [];
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some(
      node => node.nodeType === 3 && node.data.trim());
    const box = element.getBoundingClientRect();
    if (!own || element.closest("[disabled], .away, .none") || box.width < 2) continue;
    const style = getComputedStyle(element), ground = light(behind(element));
    const ink = light(parts(style.color));
    const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    const large = parseFloat(style.fontSize) >= 24;
    if (ratio < (large ? 3 : 4.5))
      poor.push(`${element.tagName} ${element.textContent.trim().slice(0, 30)} `
        + ratio.toFixed(2));
  }
  return poor;
}"""
SMALL = """() => [...document.querySelectorAll("button, .button, input:not(.away)")]
  .filter(e => !e.closest("fieldset") && !e.hidden)
  .map(e => [e, e.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.width < 24 || box.height < 24))
  .map(([e]) => e.outerHTML)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(
    page: Page, site: str, scheme: str
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    open_page(page, site)
    page.click("#sample")
    page.wait_for_selector("#digit:not(.none)")
    assert page.evaluate(CONTRASTS) == []
    page.evaluate("document.getElementById('caption').style.color = 'rgb(122,122,122)'")
    (poor,) = page.evaluate(CONTRASTS)
    assert poor.startswith("P ")


def test_everything_to_press_is_large_enough_for_a_finger(
    page: Page, site: str
) -> None:
    page.set_viewport_size({"width": 320, "height": 700})
    open_page(page, site)
    assert page.evaluate(SMALL) == []


def test_headings_go_down_by_one_and_the_page_says_what_it_is(
    page: Page, site: str
) -> None:
    open_page(page, site)
    levels = page.evaluate(
        "() => [...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False))
    assert page.title() and page.get_attribute("html", "lang") == "en"
    assert page.get_attribute("meta[name=description]", "content")


def test_the_keyboard_reaches_every_control(page: Page, site: str) -> None:
    open_page(page, site)
    wanted = page.evaluate(
        "() => [...document.querySelectorAll('button:not([disabled]), #sheet, #count')]"
        ".filter(e => e.offsetParent).map(e => e.id || e.textContent)"
    )
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "() => document.activeElement.id || document.activeElement.textContent"
            )
        )
    assert set(wanted) <= reached
