"""A report in real headless Chromium: on a screen, on a phone, in the dark, on paper and by ear."""

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup
from playwright.sync_api import Browser, Page, sync_playwright
from tests.report.test_charts import CHARTS

from falsetrue.report.charts import ForestRow, Interval, ReliabilityPoint, forest, reliability
from falsetrue.report.page import note, render, table

pytestmark = pytest.mark.browser

#: Width of a sheet of A4 less the page's margins, and a point, in CSS pixels.
A4, POINT = round((21 - 2 * 1.6) / 2.54 * 96), 96 / 72
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
    many = reliability(
        [
            ReliabilityPoint(mean=each / 14, share=Interval(value=0.5, low=0, high=1), count=99 * 3**each)
            for each in range(15)
        ],
        title="Many",
        description="As many as there can be.",
    )
    names = forest(
        [
            ForestRow(name=name, estimates=[Interval(value=0.5, low=0.25, high=1)] * 2)
            for name in ("a_very_long_name of a corpus " * 3, "0" * 70)
        ],
        series=("news-en-es 20261123T113301Z-03ceb36a", "0" * 70),
        title="Names",
        description="Long ones.",
    )
    body = (
        Markup("<h2>Part</h2>")
        + note("Mind this", "x" * 90)
        + wide
        + many
        + names
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


def size_of_letters(page: Page) -> list[float]:
    """Height of the letters of every text in every chart, in CSS pixels; none reaches out of its chart."""
    found: list[dict[str, Any]] = page.evaluate(
        """() => [...document.querySelectorAll('svg text')].map(text => {
            const box = text.getBoundingClientRect(), chart = text.ownerSVGElement.getBoundingClientRect();
            return {
                text: text.textContent,
                size: parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getScreenCTM().a,
                inside: box.left >= chart.left - 1 && box.right <= chart.right + 1
                    && box.top >= chart.top - 1 && box.bottom <= chart.bottom + 1,
            };
        })"""
    )
    assert [each["text"] for each in found if not each["inside"]] == []
    return [each["size"] for each in found]


def test_the_letters_of_charts_can_be_read_on_paper_and_on_a_phone(chromium: Browser, report: str) -> None:
    page = chromium.new_page(viewport={"width": A4, "height": 900})
    page.emulate_media(media="print")
    assert min(size_of_letters(opened(page, report))) >= 8 * POINT
    page.close()
    page = chromium.new_page(viewport={"width": 375, "height": 800})
    assert min(size_of_letters(opened(page, report))) >= 9
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_phone_a_wide_table_shows_at_which_side_there_is_more_of_it_and_keeps_its_row_names(
    chromium: Browser, report: str, theme: Any
) -> None:
    page = opened(chromium.new_page(viewport={"width": 375, "height": 800}, color_scheme=theme), report)
    wide = page.locator(".wide").first
    row_name = wide.locator("tbody th").first
    assert wide.evaluate("box => box.scrollWidth > box.clientWidth")
    left = row_name.bounding_box()
    shaded = colours_of_the_right_edge(chromium, page)
    wide.evaluate("box => { box.scrollLeft = box.scrollWidth; }")
    at_the_end = colours_of_the_right_edge(chromium, page)
    assert row_name.bounding_box() == left
    page.close()
    assert at_the_end[0] == at_the_end[1]
    assert shaded[0] != shaded[1]


def colours_of_the_right_edge(chromium: Browser, page: Page) -> list[list[int]]:
    """Of the caption's line of the first table, where there are no letters: at the edge of its box, and outside."""
    wide = page.locator(".wide").first
    wide.scroll_into_view_if_needed()
    box = wide.bounding_box()
    assert box
    picture = base64.b64encode(page.screenshot()).decode()
    blank = chromium.new_page()  # which may load a picture
    found: list[list[int]] = blank.evaluate(
        """async ([picture, places]) => {
            const image = new Image();
            image.src = 'data:image/png;base64,' + picture;
            await image.decode();
            const canvas = Object.assign(document.createElement('canvas'), {width: image.width, height: image.height});
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            return places.map(([x, y]) => [...context.getImageData(x, y, 1, 1).data]);
        }""",
        [picture, [[box["x"] + box["width"] + at, box["y"] + 3] for at in (-2, 4)]],
    )
    blank.close()
    return found
