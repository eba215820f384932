"""A report in real headless Chromium: on a screen, on a phone, in the dark, on paper and by ear."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup
from playwright.sync_api import Browser, Page, sync_playwright
from tests.report.test_charts import CHARTS

from falsetrue.report.page import note, render, table

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[1] / "service" / "axe" / "axe.min.js"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's chromium, once for all tests here."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Debian's chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def report(tmp_path: Path) -> str:
    """The address of a page with everything on it."""
    wide = table(
        "Wide", [f"a heading of column {number}" for number in range(12)], [["row"] + ["0.123 [0.1, 0.2]"] * 11]
    )
    body = (
        Markup("<h2>Part</h2>")
        + note("Mind this", "x" * 90)
        + wide
        + Markup("").join(make() for make in CHARTS.values())
    )
    path = tmp_path / "report.html"
    path.write_text(render(title="Report", subtitle="Of everything", body=body, generated="Made today."))
    return path.as_uri()


def opened(page: Page, address: str) -> Page:
    """The page, once nothing was complained of."""
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.goto(address)
    assert wrong == []
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_it_fits_the_screen_has_its_style_and_axe_finds_nothing_wrong(
    chromium: Browser, report: str, theme: str, width: int
) -> None:
    screen: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "color_scheme": theme}
    context = chromium.new_context(**screen)
    page = opened(context.new_page(), report)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert colour == ("rgb(255, 255, 255)" if theme == "light" else "rgb(17, 21, 27)")
    context.close()
    context = chromium.new_context(**screen, bypass_csp=True)  # for axe, which the page does not allow
    page = opened(context.new_page(), report)
    page.add_script_tag(path=AXE)
    violations = page.evaluate("async () => (await axe.run()).violations")
    context.close()
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations] == []


def test_on_paper_it_is_light_and_nothing_is_cut_off(chromium: Browser, report: str) -> None:
    page = chromium.new_page(viewport={"width": 700, "height": 900}, color_scheme="dark")
    page.emulate_media(media="print")
    opened(page, report)
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('.wide')).overflowX") == "visible"
    assert len(page.pdf()) > 10_000
    page.close()
