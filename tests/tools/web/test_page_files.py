"""Files beside the page that do not come, or come otherwise: the page says which."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.browser import open_page
from tools.web.build import add_test_images
from training.data import Data


@pytest.fixture
def noisy(chromium: Browser) -> Iterator[Page]:
    """A page whose console may tell of errors: they are what is tested."""
    with chromium.new_context() as context:
        yield context.new_page()


def test_a_page_from_no_server_says_what_it_needs(
    noisy: Page, page_folder: Path
) -> None:
    noisy.goto((page_folder / "index.html").as_uri())
    expect(noisy.locator("#caption")).to_contain_text("must come from a web server")


@pytest.mark.parametrize("name", ["about.json", "model.wasm", "engine.js"])
def test_a_file_that_is_missing_is_said(noisy: Page, site: str, name: str) -> None:
    noisy.route(f"**/{name}", lambda route: route.fulfill(status=404))
    noisy.goto(site)
    told = "all its files" if name.endswith("js") else f"{name} is missing"
    expect(noisy.locator("#caption")).to_contain_text(told)


def test_who_lost_the_token_is_told_so(noisy: Page, site: str) -> None:
    noisy.route("**/test-*.gz", lambda route: route.fulfill(status=403))
    open_page(noisy, site)
    noisy.click("#sample")
    expect(noisy.locator("#caption")).to_contain_text("token")


def test_test_images_may_be_unpacked_on_the_way(
    page: Page, site: str, page_folder: Path
) -> None:
    """As by a server that sends .gz with Content-Encoding: gzip."""

    def unpacked(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        route.fulfill(body=gzip.decompress((page_folder / name).read_bytes()))

    page.route("**/test-*.gz", unpacked)
    open_page(page, site)
    page.click("#sample")
    expect(page.locator("#caption")).to_contain_text("Test image")


def test_the_test_images_are_those_of_the_model(tmp_path: Path) -> None:
    """A net of cats and dogs was compared by MNIST's digits, "labelled undefined"."""
    images = np.arange(3 * 784, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28)
    labels = np.array([0, 1, 1], np.uint8)
    add_test_images(
        Data("folder:pets", *[images, labels] * 2, "", ("cat", "dog")), tmp_path
    )
    packed = (tmp_path / "test-images.gz").read_bytes()
    assert gzip.decompress(packed)[16:] == images.tobytes()
    assert (
        gzip.decompress((tmp_path / "test-labels.gz").read_bytes())[8:]
        == labels.tobytes()
    )
