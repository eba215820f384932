"""A report of monitoring in real headless Chromium: on a screen, on a phone, in the dark, on paper and by ear."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from tests.report import test_page_in_browser as browser
from tests.report.reports import drifted
from tests.report.test_page_in_browser import A4, AXE, POINT, opened, size_of_letters

from falsetrue.report.monitoring import monitoring_page

pytestmark = pytest.mark.browser
chromium = browser.chromium


@pytest.fixture(params=["en", "es"])
def page_file(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a report with changes, in either language."""
    path = tmp_path / "report.html"
    path.write_text(monitoring_page(drifted(), request.param), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_it_fits_the_screen_and_axe_finds_nothing_wrong(
    chromium: Browser, page_file: str, theme: str, width: int
) -> None:
    screen: dict[str, Any] = {"viewport": {"width": width, "height": 800}, "color_scheme": theme}
    context = chromium.new_context(**screen, bypass_csp=True)  # for axe, which the page does not allow
    page = opened(context.new_page(), page_file)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.add_script_tag(path=AXE)
    violations = page.evaluate("async () => (await axe.run()).violations")
    context.close()
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations] == []


def test_it_prints_and_the_letters_of_its_charts_can_be_read(chromium: Browser, page_file: str) -> None:
    page = chromium.new_page(viewport={"width": A4, "height": 900}, color_scheme="dark")
    page.emulate_media(media="print")
    assert min(size_of_letters(opened(page, page_file))) >= 8 * POINT
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert len(page.pdf()) > 10_000
    page.close()
