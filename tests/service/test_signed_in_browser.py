"""Signing in, the page once it asks for keys, and the operator's view in real headless Chromium."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.service import test_page_in_browser as browser
from tests.service.conftest import DISPATCH, V1, Served, Start, wait_until
from tests.service.test_admission import keys
from tests.service.test_page_in_browser import (
    PHONE,
    VERDICT,
    Visit,
    axe,
    check,
    file_of,
    give_file,
    is_no_wider,
    watching,
)
from tests.service.test_sign_in import Closed, closed

__all__ = ["closed"]  # a fixture

pytestmark = pytest.mark.browser
chromium = browser.chromium


@pytest.fixture
def visit(chromium: Browser, closed: Closed) -> Visit:
    """A visitor of a service that asks for keys."""
    return watching(chromium, closed.served)


@dataclass(frozen=True, kw_only=True)
class Busy:
    """A service that asks for keys, and the operator's."""

    served: Served
    key: str


@pytest.fixture(scope="module")
def busy(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Busy:
    """A service that asks for keys and was asked this and that."""
    folder = tmp_path_factory.mktemp("busy")
    key = keys(folder, "create", "--name", "newsroom", "--scopes", "admin", "--quota", "100000/min")
    keys(folder, "create", "--name", "short", "--expires", "1s")
    keys(folder, "create", "--name", "gone")
    keys(folder, "revoke", "gone")
    served = start(FALSETRUE_STATE_FOLDER=str(folder))
    for text in (DISPATCH, "Too short.", ""):
        served.client.post(V1, json={"items": [{"text": text}]}, headers={"x-api-key": key})
    served.client.post(V1, headers={"x-api-key": "wrong"})
    return Busy(served=served, key=key)


def enter(page: Page, key: str) -> None:
    """Sign in by keyboard."""
    page.fill("#key", key)
    page.press("#key", "Enter")


# --- signing in ------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_a_visitor_signs_in_checks_a_text_and_a_file_and_signs_out(
    closed: Closed, visit: Visit, *, script: bool
) -> None:
    with visit("/?example=rant", java_script_enabled=script) as page:
        expect(page.locator("h1")).to_have_text("Sign in")
        enter(page, closed.keys["classify"])
        expect(page.locator(".who")).to_contain_text("classify")
        assert page.input_value("#text")
        assert closed.keys["classify"] not in page.content()
        check(page, DISPATCH)
        expect(page.locator(VERDICT)).to_contain_text("Likely real")
        give_file(page, file_of(DISPATCH))
        expect(page.locator(".scored")).to_contain_text("Classified 1")
        page.click(".who button")
        expect(page.locator("h1")).to_have_text("Sign in")
        page.goto("/model")
        expect(page.locator("h1")).to_have_text("Sign in")


def test_a_wrong_key_leaves_the_visitor_at_an_empty_field(visit: Visit) -> None:
    with visit(locale="es") as page:
        enter(page, "ftk_wrong")
        expect(page.locator("#wrong")).to_contain_text("Esta clave no es válida aquí")
        expect(page.locator("#key")).to_be_focused()
        expect(page.locator("#key")).to_have_value("")
        page.click("a[hreflang=en]")
        expect(page.locator("h1")).to_have_text("Sign in")


def test_a_switch_of_language_forgets_nothing_of_where_to_go(closed: Closed, visit: Visit) -> None:
    with visit("/model") as page:
        page.click("a[hreflang=es]")
        enter(page, closed.keys["classify"])
        page.wait_for_url("**/model")
        expect(page.locator("html")).to_have_attribute("lang", "es")


def test_a_session_that_ends_meanwhile_costs_no_text(closed: Closed, visit: Visit) -> None:
    with visit() as page:
        enter(page, closed.keys["classify"])
        expect(page.locator("#check .keys")).to_be_visible()  # the script, which keeps the text, has run
        page.fill("#text", DISPATCH)
        page.context.clear_cookies()
        page.click("#check button")
        expect(page.locator("#result [role=alert]")).to_contain_text("your session has ended")
        assert page.input_value("#text") == DISPATCH
        with page.context.expect_page() as opened:
            page.click("#result a")
        enter(opened.value, closed.keys["classify"])
        expect(opened.value.locator(".who")).to_be_visible()
        page.click("#check button")
        expect(page.locator(VERDICT)).to_contain_text("Likely real")
        page.context.clear_cookies()
        give_file(page, file_of(DISPATCH))
        expect(page.locator("#outcome [role=alert]")).to_contain_text("your session has ended")
        expect(page.locator("#outcome a")).to_have_text("Sign in in a new tab; what you wrote stays in this one")


def test_a_page_of_another_site_gets_nothing_by_the_visitors_session(closed: Closed, visit: Visit) -> None:
    with visit() as page:
        enter(page, closed.keys["admin"])
        expect(page.locator(".who")).to_be_visible()
        answers: list[int] = []
        page.on("response", lambda answer: answers.append(answer.status) if answer.request.method == "POST" else None)
        for action in ("/", "/sign-out", "/sign-in"):
            page.goto("about:blank")
            page.set_content(
                f'<form method="post" action="{closed.served.url}{action}"><input name="text" value="x">'
                f'<input name="key" value="{closed.keys["classify"]}"></form>'
            )
            with page.expect_navigation():
                page.evaluate("document.forms[0].submit()")
        assert answers
        assert set(answers) <= {401, 403}
        page.goto("/")
        expect(page.locator(".who")).to_contain_text("admin")


# --- the operator's view ---------------------------------------------------------------------------


@pytest.fixture
def operator(chromium: Browser, busy: Busy) -> Visit:
    """Somebody who may see everything of a service, and does, unless it is told otherwise."""
    return watching(chromium, busy.served)


def open_view(page: Page, busy: Busy) -> None:
    enter(page, busy.key)
    page.wait_for_url("**/ops")
    expect(page.locator("#counting")).to_have_count(0, timeout=20_000)


def test_the_figures_over_time_are_drawn_from_their_tables(busy: Busy, operator: Visit) -> None:
    with operator("/ops") as page:
        open_view(page, busy)
        expect(page.locator("#hours canvas")).to_be_visible()
        expect(page.locator("#days canvas")).to_be_visible()
        assert page.locator("#hours-rows tr").count() == 24
        expect(page.locator("#hours-rows")).to_be_hidden()
        page.focus("#hours summary")
        page.keyboard.press("Enter")
        expect(page.locator("#hours-rows")).to_be_visible()
        assert _painted(page) > 0


def _painted(page: Page) -> int:
    """How many points of a drawing are not empty."""
    return int(
        page.evaluate(
            "() => { const c = document.querySelector('#hours canvas');"
            " return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter(Boolean).length; }"
        )
    )


def test_without_javascript_the_tables_are_there_and_nothing_is_blank(busy: Busy, operator: Visit) -> None:
    with operator("/ops", java_script_enabled=False) as page:
        enter(page, busy.key)
        expect(page.locator(".plot").first).to_be_hidden()
        page.click("#days summary")
        expect(page.locator("#days-rows")).to_be_visible()
        expect(page.locator("#by-itself")).to_be_hidden()
        page.click("#refresh")
        expect(page.locator("h1")).to_have_text("Operations")


def test_a_refresh_leaves_everything_in_its_place(busy: Busy, operator: Visit) -> None:
    with operator("/ops", viewport=PHONE) as page:
        open_view(page, busy)
        page.evaluate("window.stays = true")
        page.click("#hours summary")
        page.evaluate("document.querySelector('#keys').closest('.sheet').scrollLeft = 40")
        page.focus("#hours summary")
        before = _views(page)
        place = page.evaluate("scrollY")
        page.evaluate("document.getElementById('refresh').click()")
        wait_until(lambda: _views(page) > before, "the figures are new")
        expect(page.locator("#hours-rows")).to_be_visible()
        expect(page.locator("#hours summary")).to_be_focused()
        assert page.evaluate("scrollY") == place
        assert page.evaluate("document.querySelector('#keys').closest('.sheet').scrollLeft") == 40
        assert page.evaluate("window.stays")


def _views(page: Page) -> int:
    """How often the view was asked for, as it says itself."""
    (*_, told) = "0", *page.locator("#routes tr", has_text="GET /ops").locator(".figure").all_inner_texts()
    return int(told)


def test_the_view_refreshes_by_itself_where_that_is_wanted(busy: Busy, operator: Visit) -> None:
    with operator("/ops") as page:
        page.clock.install()
        open_view(page, busy)
        before = _views(page)
        page.focus("#by-itself input")
        page.keyboard.press("Space")
        page.clock.run_for(16_000)
        wait_until(lambda: _views(page) > before, "the figures are new")
        page.reload()
        expect(page.locator("#by-itself input")).to_be_checked()


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda page: page.context.clear_cookies(), "You are not signed in any more. Sign in"),
        (lambda page: page.context.set_offline(True), "The service cannot be reached"),
    ],
    ids=["session", "service"],
)
def test_a_refresh_that_cannot_be_says_why(
    busy: Busy, operator: Visit, break_it: Callable[[Page], None], says: str
) -> None:
    with operator("/ops") as page:
        open_view(page, busy)
        break_it(page)
        page.click("#refresh")
        expect(page.locator("#told")).to_contain_text(says)
        expect(page.locator("#hours canvas")).to_be_visible()


def test_drawings_follow_the_colours_that_are_chosen(busy: Busy, operator: Visit) -> None:
    with operator("/ops") as page:
        open_view(page, busy)
        light = page.locator("#hours canvas").evaluate("canvas => canvas.toDataURL()")
        page.click("#theme")
        wait_until(
            lambda: page.locator("#hours canvas").evaluate("canvas => canvas.toDataURL()") != light, "it is drawn anew"
        )


# --- accessibility ---------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_axe_finds_nothing_wrong(busy: Busy, operator: Visit, theme: str, language: str) -> None:
    with operator("/ops", locale=language, color_scheme=theme) as page:
        found = {"form": axe(page)}
        enter(page, "ftk_wrong")
        expect(page.locator("#wrong")).to_be_visible()
        found["wrong key"] = axe(page)
        open_view(page, busy)
        found["view"] = axe(page)
        for summary in page.locator("summary").all():
            summary.click()
        page.context.clear_cookies()
        page.click("#refresh")
        expect(page.locator("#told a")).to_be_visible()
        found["tables, and no session"] = axe(page)
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('form'), "
            "{ method: 'post', action: '/', id: 'sent' }))"
        )
        with page.expect_navigation():
            page.evaluate("document.getElementById('sent').submit()")
        found["refused"] = axe(page)
    assert {state: wrong for state, wrong in found.items() if wrong} == {}


def test_axe_finds_nothing_wrong_where_there_is_nothing_to_see(chromium: Browser, start: Start) -> None:
    with watching(chromium, start())("/ops", viewport=PHONE) as page:
        expect(page.locator("#counting")).to_have_count(0, timeout=20_000)
        assert axe(page) == []
        is_no_wider(page)


@pytest.mark.parametrize("language", ["en", "es"])
def test_nothing_is_wider_than_a_small_screen(busy: Busy, operator: Visit, language: str) -> None:
    with operator("/ops", locale=language, viewport=PHONE) as page:
        is_no_wider(page)
        open_view(page, busy)
        for summary in page.locator("summary").all():
            summary.click()
        is_no_wider(page)
        assert axe(page) == []


def test_the_keyboard_reaches_everything_and_shows_where_it_is(busy: Busy, operator: Visit) -> None:
    with operator("/ops") as page:
        open_view(page, busy)
        page.focus("#theme")
        for name in ("refresh", "INPUT", "SUMMARY"):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.id || document.activeElement.tagName") == name
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
