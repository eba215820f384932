"""Take the pictures of the page that README and docs show: ``make screenshots``.

Starts the service on a free port, asks it for an example in each language, and writes the PNG files beside this
script. Needs Debian's chromium and the development dependencies.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Playwright, ViewportSize, sync_playwright

FOLDER = Path(__file__).parent
SIZE: ViewportSize = {"width": 1280, "height": 900}
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--no-first-run"]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is shown on one picture."""

    name: str
    language: str
    colours: Literal["light", "dark"]
    example: str


PICTURES = (
    Picture(name="page-en-light", language="en", colours="light", example="dispatch"),
    Picture(name="page-es-dark", language="es", colours="dark", example="unclear"),
)


@contextmanager
def served() -> Iterator[str]:
    """The address of a service that runs while the block lasts."""
    command = [sys.executable, "-m", "falsetrue", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield next(found[0] for line in process.stderr or () if (found := re.search(r"http://\S+:[1-9]\d*", line)))
        finally:
            process.terminate()


def take(playwright: Playwright, address: str, picture: Picture) -> None:
    """Take one picture, with the browser's own words in the page's language."""
    browser = playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=ARGUMENTS, env={**os.environ, "LANGUAGE": picture.language}
    )
    page = browser.new_page(
        locale=picture.language, color_scheme=picture.colours, viewport=SIZE, reduced_motion="reduce"
    )
    # While the model is loading the page shows itself again until it can answer.
    page.goto(f"{address}/?example={picture.example}")
    page.click("#check button[type=submit]")
    page.wait_for_selector("#result .verdict")
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.mouse.move(0, 0)
    page.screenshot(path=FOLDER / f"{picture.name}.png")
    browser.close()


def main() -> None:
    """Take all of them."""
    with served() as address, sync_playwright() as playwright:
        for picture in PICTURES:
            take(playwright, address, picture)


if __name__ == "__main__":
    main()
