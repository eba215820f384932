"""Take the pictures of the page that README and docs show: ``make screenshots``.

Starts the service on a free port, with a journal of a month that is made up and that monitoring has looked at, asks it
for an example in each language, and writes the PNG files beside this script. Needs Debian's chromium and the
development dependencies.
"""

import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, Playwright, ViewportSize, sync_playwright

from falsetrue.journal.identifiers import first_identifier
from falsetrue.journal.records import Entry, Writing
from falsetrue.settings import load_settings
from falsetrue.wiring import load_classifier, open_storage

FOLDER = Path(__file__).parent
SIZE: ViewportSize = {"width": 1280, "height": 900}
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--no-first-run"]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What is shown on one picture."""

    name: str
    language: str
    colours: Literal["light", "dark"]
    example: str | None = None  #: a text to be checked; ``None``: another page
    path: str = "/"
    part: str = ""  #: id of what is on top of the picture; empty: the page's beginning


PICTURES = (
    Picture(name="page-en-light", language="en", colours="light", example="dispatch"),
    Picture(name="page-es-dark", language="es", colours="dark", example="unclear"),
    Picture(name="operations-en-light", language="en", colours="light", path="/ops", part="answers-heading"),
    Picture(name="monitor-en-light", language="en", colours="light", path="/monitor"),
    Picture(name="monitor-es-dark", language="es", colours="dark", path="/monitor", part="traffic-heading"),
)


def make_up_a_month(folder: Path, now: datetime) -> None:
    """Fill the journal of a state folder: more by day than by night, and less on Sundays."""
    settings = load_settings(state_folder=folder)
    model, chance = load_classifier(settings).manifest, random.Random(0)  # noqa: S311 - not for secrets
    moments = [now - timedelta(seconds=30 + 60 * number) for number in range(29 * 24 * 60)]
    share = [(0.6 - 0.4 * math.cos(math.tau * at.hour / 24)) * (0.5 if at.isoweekday() == 7 else 1) for at in moments]  # noqa: PLR2004
    entries = tuple(
        _make_up(at, chance, model.name, model.version, number)
        for number, (at, likely) in enumerate(zip(moments, share, strict=True))
        if chance.random() < likely
    )
    storage = open_storage(settings)
    storage.journal().write([Writing(entries=entries)])
    storage.close()


def _make_up(at: datetime, chance: random.Random, model: str, version: str, number: int) -> Entry:
    p_real = chance.betavariate(0.5, 0.4)
    label = "false" if p_real < 0.2 else "real" if p_real > 0.8 else "unsure"  # noqa: PLR2004 - about the policy's
    words = round(chance.lognormvariate(6, 0.5))
    return Entry(
        id=f"{first_identifier(int(1000 * at.timestamp()))[:24]}{number:012x}",
        created_at=at,
        route="/v1/classifications",
        request_id=f"made-up-{number}",
        key_id=None,
        item_id=None,
        model_name=model,
        model_version=version,
        policy="default@1",
        label=label,
        p_real=p_real,
        prevalence=None,
        action={"real": "pass", "false": "flag", "unsure": "review"}[label],
        reasons=("near_threshold",) if label == "unsure" else (),
        language="es" if number % 3 else "en",
        characters=6 * words,
        words=words,
        known_words=words - round(words * chance.betavariate(3, 45)),
        text_hash=bytes(32),
        sketch=None,
        latency=0.001,
    )


def look(folder: Path) -> None:
    """Have monitoring look at all that."""
    command = [sys.executable, "-m", "falsetrue", "monitor", "watch", "--once", "--json"]
    environment = {**os.environ, "FALSETRUE_STATE_FOLDER": str(folder)}
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=False)  # its exit code is what it found


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a service that runs while the block lasts, and keeps what it keeps in a folder."""
    command = [sys.executable, "-m", "falsetrue", "serve", "--port", "0"]
    environment = {**os.environ, "FALSETRUE_STATE_FOLDER": str(folder)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield next(found[0] for line in process.stderr or () if (found := re.search(r"http://\S+:[1-9]\d*", line)))
        finally:
            process.terminate()


def take(playwright: Playwright, address: str, picture: Picture) -> None:
    """Take one picture, with the browser's own words in the page's language."""
    browser = playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=ARGUMENTS, env={**os.environ, "LANGUAGE": picture.language}
    )
    page = _open(browser, picture)
    if picture.example is None:
        page.goto(f"{address}{picture.path}")
        page.wait_for_function("!document.getElementById('counting')")
        if picture.part:
            page.evaluate(f"scrollTo(0, document.getElementById('{picture.part}').closest('section').offsetTop - 16)")
    else:
        # While the model is loading the page shows itself again until it can answer.
        page.goto(f"{address}/?example={picture.example}")
        page.click("#check button[type=submit]")
        page.wait_for_selector("#result .verdict")
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.mouse.move(0, 0)
    page.screenshot(path=FOLDER / f"{picture.name}.png")
    browser.close()


def _open(browser: Browser, picture: Picture) -> Page:
    return browser.new_page(
        locale=picture.language, color_scheme=picture.colours, viewport=SIZE, reduced_motion="reduce"
    )


def main() -> None:
    """Take all of them."""
    with tempfile.TemporaryDirectory() as folder:
        make_up_a_month(Path(folder), datetime.now(UTC))
        look(Path(folder))
        with served(Path(folder)) as address, sync_playwright() as playwright:
            for picture in PICTURES:
                take(playwright, address, picture)


if __name__ == "__main__":
    main()
