"""``/monitor`` in real headless Chromium: with and without JavaScript, by eye, by ear and by keyboard."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.service import test_page_in_browser as browser
from tests.service.conftest import Served, Start, wait_until
from tests.service.monitored import fill
from tests.service.test_page_in_browser import PHONE, Visit, axe, is_no_wider, watching

pytestmark = pytest.mark.browser
chromium = browser.chromium

MONITOR = "/monitor"


@pytest.fixture(scope="module")
def found(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A service in which something was found; for tests that change nothing."""
    folder = tmp_path_factory.mktemp("found")
    fill(folder)
    return start(FALSETRUE_STATE_FOLDER=str(folder), FALSETRUE_AUDIT="on")


@pytest.fixture
def visit(chromium: Browser, found: Served) -> Visit:
    """Somebody who looks."""
    return watching(chromium, found)


@pytest.fixture
def work(chromium: Browser, start: Start, tmp_path: Path) -> Iterator[Visit]:
    """Somebody who acknowledges and labels, in a service of their own."""
    fill(tmp_path)
    served = start(FALSETRUE_STATE_FOLDER=str(tmp_path), FALSETRUE_AUDIT="on")
    yield watching(chromium, served)
    served.stop()


def painted(page: Page, name: str) -> str:
    """A drawing."""
    return str(page.locator(f"#{name} canvas").evaluate("canvas => canvas.toDataURL()"))


# --- what was found ----------------------------------------------------------------------------------


def test_days_and_scores_are_drawn_from_their_tables(visit: Visit) -> None:
    with visit(MONITOR) as page:
        for name in ("traffic", "scores"):
            expect(page.locator(f"#{name} canvas")).to_be_visible()
            expect(page.locator(f"#{name}-rows")).to_be_hidden()
            page.focus(f"#{name} summary")
            page.keyboard.press("Enter")
            expect(page.locator(f"#{name}-rows")).to_be_visible()
        assert page.locator("#traffic-rows tr").count() == 14
        assert page.locator("#scores-rows tr").count() == 10


def test_a_version_that_began_is_marked_in_the_drawing(visit: Visit) -> None:
    with visit(MONITOR) as page:
        expect(page.locator("#traffic canvas")).to_be_visible()
        marked = painted(page, "traffic")
        page.evaluate("document.querySelector('[data-mark]').removeAttribute('data-mark'); drawTables()")
        assert painted(page, "traffic") != marked


def test_drawings_follow_the_colours_that_are_chosen(visit: Visit) -> None:
    with visit(MONITOR) as page:
        light = painted(page, "scores")
        page.click("#theme")
        wait_until(lambda: painted(page, "scores") != light, "it is drawn anew")


def test_a_table_is_downloaded(visit: Visit) -> None:
    with visit(MONITOR) as page:
        with page.expect_download() as download:
            page.click("#watches-heading .file")
        assert download.value.suggested_filename == "monitor-watches.csv"


def test_without_javascript_everything_is_there_and_nothing_is_blank(visit: Visit) -> None:
    with visit(MONITOR, java_script_enabled=False) as page:
        expect(page.locator(".plot").first).to_be_hidden()
        page.click("#traffic summary")
        expect(page.locator("#traffic-rows")).to_be_visible()
        page.click("#meanings summary")
        expect(page.locator("#meanings p").first).to_be_visible()
        expect(page.locator("#question .keys")).to_be_hidden()


# --- what is done about it ---------------------------------------------------------------------------


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_alarms_are_acknowledged_and_texts_labelled(work: Visit, *, script: bool) -> None:
    with work(MONITOR, java_script_enabled=script) as page:
        expect(page.locator(".alarm")).to_have_count(3)
        alarm = page.locator(".alarm.critical")
        alarm.locator("summary").press("Enter")
        alarm.locator("input[name=note]").fill("It was the new feed.")
        alarm.locator("button").click()
        expect(page.locator(".alarm")).to_have_count(2)
        page.click("#history summary")
        expect(page.locator("#history")).to_contain_text("acknowledged, anonymous: It was the new feed.")
        expect(page.locator(".revealed")).to_have_count(0)
        page.click("#question button[value=real]")
        expect(page.locator(".revealed")).to_contain_text("You said: real. The model said: Likely false")
        page.click("#question button[value=unclear]")
        expect(page.locator(".revealed")).to_contain_text("nobody can tell")


def test_keys_label_only_while_the_focus_is_in_their_part(work: Visit) -> None:
    with work(MONITOR) as page:
        page.locator(".alarm summary").first.press("Enter")
        page.locator(".alarm input[name=note]").first.press("f")
        page.locator("h1").press("r")
        expect(page.locator(".revealed")).to_have_count(0)
        page.locator("#question .said").press("F")
        expect(page.locator(".revealed")).to_contain_text("You said: false.")
        expect(page.locator("#audit")).to_be_focused()
        page.keyboard.press("r")
        expect(page.locator(".revealed")).to_contain_text("You said: real.")
        page.keyboard.press("u")
        expect(page.locator("#audit")).to_contain_text("No text waits for a label.")


def test_an_alarm_is_one_line_until_it_is_opened_or_led_to(visit: Visit) -> None:
    with visit(MONITOR, viewport={"width": 1200, "height": 900}) as page:
        alarm = page.locator(".alarm.critical")
        box = alarm.bounding_box()
        assert box
        assert box["height"] < 60
        expect(alarm.locator("form")).to_be_hidden()
        page.locator(".watches a").first.press("Enter")
        expect(alarm.locator("form")).to_be_visible()


# --- accessibility -----------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_axe_finds_nothing_wrong(visit: Visit, theme: str, language: str) -> None:
    with visit(MONITOR, locale=language, color_scheme=theme) as page:
        found = {"page": axe(page)}
        for summary in page.locator("summary").all():
            summary.click()
        found["tables"] = axe(page)
    assert {state: wrong for state, wrong in found.items() if wrong} == {}


def test_axe_finds_nothing_wrong_where_there_is_nothing_to_see(chromium: Browser, server: Served) -> None:
    with watching(chromium, server)(MONITOR, viewport=PHONE) as page:
        assert axe(page) == []
        is_no_wider(page)


def test_axe_finds_nothing_wrong_after_a_label_and_a_refusal(work: Visit) -> None:
    with work(MONITOR) as page:
        page.click("#question button[value=false]")
        expect(page.locator(".revealed")).to_be_visible()
        assert axe(page) == []
        page.evaluate("document.querySelector('#question [name=item]').value = 'gone'")
        page.click("#question button[value=false]")
        expect(page.locator("[role=alert]")).to_contain_text("cannot be labelled")
        assert axe(page) == []


@pytest.mark.parametrize("language", ["en", "es"])
def test_nothing_is_wider_than_a_small_screen(visit: Visit, language: str) -> None:
    with visit(MONITOR, locale=language, viewport=PHONE) as page:
        for summary in page.locator("summary").all():
            summary.click()
        is_no_wider(page)
        assert axe(page) == []


def test_the_keyboard_reaches_everything_and_shows_where_it_is(visit: Visit) -> None:
    with visit(MONITOR) as page:
        page.locator(".alarm summary").first.press("Enter")
        reached = set()
        page.focus("#theme")
        for _ in range(60):
            page.keyboard.press("Tab")
            where = page.evaluate(
                "(() => { const e = document.activeElement; return [e.tagName, e.name || e.className || '',"
                " getComputedStyle(e).outlineStyle]; })()"
            )
            if where[0] == "BODY":
                break
            assert where[2] == "solid", where
            reached.add(tuple(where[:2]))
        assert {("INPUT", "note"), ("BUTTON", "label"), ("A", "file"), ("DIV", "said"), ("DIV", "sheet")} <= reached
