"""What the page shows while `esp8k draw` serves it with a board behind it."""

import os
import signal
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import open_page
from tools.web import server
from tools.web.guard import Site
from tools.web.line import BoardLine
from tools.web.server import Server


def test_the_board_answers_as_soon_as_the_page_is_open(
    page: Page, running: Server
) -> None:
    open_page(page, running.url)
    expect(page.locator("#where")).to_have_text("v2 on twin (host process)")
    page.click("#sample")
    expect(page.locator("#equal")).to_have_text("all logits, bit for bit")
    expect(page.locator("#board-time")).to_have_text("no chip, so no time")


def test_a_page_keeps_its_board_while_nobody_draws(
    page: Page, running: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cuts a silent connection once cut this one, too."""
    monkeypatch.setattr(server, "SILENT_S", 0.3)
    open_page(page, running.url)
    expect(page.locator("#where")).to_contain_text("v2 on twin")
    page.wait_for_timeout(1000)
    page.click("#sample")
    expect(page.locator("#equal")).to_have_text("all logits, bit for bit")


def test_a_board_process_that_dies_is_seen_and_started_again(
    page: Page, running: Server, board_line: BoardLine
) -> None:
    open_page(page, running.url)
    expect(page.locator("#where")).to_contain_text("v2 on twin")
    assert board_line.process is not None and board_line.process.pid is not None
    os.kill(board_line.process.pid, signal.SIGKILL)
    expect(page.locator("#told")).to_contain_text("process has ended", timeout=5000)
    page.click("#connect")
    expect(page.locator("#where")).to_contain_text("v2 on twin", timeout=20_000)


def test_the_end_of_the_program_is_no_fault_of_the_board(
    page: Page, running: Server
) -> None:
    left = page.context.new_page()  # chromium notes a line that nobody takes
    open_page(left, running.url)
    expect(left.locator("#where")).to_contain_text("v2 on twin")
    running.stop()
    why, told = "draw has ended, or the network is down", left.locator("#told")
    expect(told).to_contain_text(why, timeout=5000)
    left.evaluate("document.getElementById('told').textContent = ''")
    left.click("#connect")
    expect(told).to_contain_text(why)


def test_a_second_page_is_told_who_has_the_board(page: Page, running: Server) -> None:
    open_page(page, running.url)
    expect(page.locator("#where")).to_contain_text("v2 on twin")
    other = page.context.new_page()
    open_page(other, running.url)
    expect(other.locator("#told")).to_contain_text("Another page has the board")


def test_the_page_says_who_gets_the_pictures(page: Page, running: Server) -> None:
    open_page(page, running.url)
    assert "by the board behind it" in page.inner_text("#identity")
    assert "USB" not in page.inner_text("main")


def test_another_model_behind_the_page_is_cured_by_loading_it(
    page: Page, running: Server
) -> None:
    page.add_init_script(
        "addEventListener('DOMContentLoaded', async () => {"
        " const { Engine } = await import('./engine.js');"
        " Object.defineProperty(Engine.prototype, 'identity', { get: () => 1 }); });"
    )
    open_page(page, running.url)
    expect(page.locator("#told")).to_contain_text("load this page again")
    assert "firmware" not in page.inner_text("#told")


def test_who_lost_the_token_is_told_so(board_site: Site, page: Page) -> None:
    with Server(replace(board_site, token="sesame")) as running:
        opened = page.context.new_page()  # chromium notes what is refused
        open_page(opened, running.url)
        expect(opened.locator("#where")).to_contain_text("v2 on twin")
        opened.context.clear_cookies()
        opened.evaluate("history.replaceState(null, '', '/')")
        opened.click("#connect")
        opened.click("#connect")
        expect(opened.locator("#told")).to_contain_text("needs its token")
