"""The page and ``/docs`` in real headless Chromium: with and without JavaScript, by eye, by ear and by keyboard."""

import csv
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, expect, sync_playwright
from tests.service.conftest import DISPATCH, RANT, Served

from falsetrue.service.language import examples

pytestmark = pytest.mark.browser

AXE = Path(__file__).with_name("axe") / "axe.min.js"
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--no-first-run"]
#: Wide and narrow, in pixels.
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
VERDICT = "#result .verdict h2"

#: Opens the page as somebody would: keywords are those of Playwright's contexts.
Visit = Callable[..., AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's chromium, once for all tests here."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Debian's chromium is not installed (apt-get install chromium)")
    playwright: Playwright
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, server: Served) -> Visit:
    """A visitor; whatever breaks the security policy, fails in a script or asks another host fails the test."""
    return watching(chromium, server)


def watching(chromium: Browser, server: Served) -> Visit:
    """Contexts in which every complaint of the browser is an error in the end."""

    @contextmanager
    def visit_as(path: str = "/", **options: Any) -> Iterator[Page]:
        wrong: list[str] = []
        options = {"locale": "en-US", "viewport": DESKTOP, "reduced_motion": "reduce"} | options
        context = chromium.new_context(base_url=server.url, **options)
        context.expose_binding("reportViolation", lambda _source, what: wrong.append(what))
        context.add_init_script(
            "addEventListener('securitypolicyviolation', event => (window.reports ??= []).push("
            "reportViolation(`${event.violatedDirective}: ${event.blockedURI}`)))"
        )
        context.on("console", lambda message: wrong.extend(_complaint(message)))
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("request", lambda request: wrong.extend(_elsewhere(request.url, server.url)))
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.goto(path)
        yield page
        if options.get("java_script_enabled", True):
            page.evaluate("() => Promise.all(window.reports ?? [])")  # each is kept once it has arrived here
        context.close()
        assert not wrong, "\n".join(wrong)

    return visit_as


def _complaint(message: ConsoleMessage) -> list[str]:
    """Errors and warnings, but for answers of ours that are refusals by intent."""
    refused = message.text.startswith("Failed to load resource: the server responded with a status of 4")
    offline = "ERR_INTERNET_DISCONNECTED" in message.text
    return [message.text] if message.type in ("error", "warning") and not refused and not offline else []


def _elsewhere(url: str, ours: str) -> list[str]:
    return [] if url.startswith((ours, "data:", "blob:")) else [url]


def check(page: Page, text: str, title: str = "") -> None:
    """Send the form by its button."""
    page.fill("#title", title)
    page.fill("#text", text)
    page.click("#check button")


def give_file(page: Page, content: str, name: str = "news.csv") -> None:
    """Send the form for a file."""
    page.set_input_files("#upload-file", {"name": name, "mimeType": "text/csv", "buffer": content.encode()})
    page.click("#upload button")


def file_of(*texts: str) -> str:
    quoted = ['"' + text.replace('"', '""') + '"' for text in texts]
    return "\n".join(["texto", *quoted, ""])


def test_the_watch_over_the_security_policy_is_awake(chromium: Browser, server: Served) -> None:
    with pytest.raises(AssertionError) as caught:
        _break_it(watching(chromium, server))
    assert "style-src-attr: inline" in str(caught.value)
    assert "connect-src: https://elsewhere.example/" in str(caught.value)


def _break_it(visit: Visit) -> None:
    with visit() as page:
        page.evaluate("document.body.setAttribute('style', 'color: red')")
        page.evaluate(
            "() => new Promise(seen => {"
            "  addEventListener('securitypolicyviolation', event => event.blockedURI.startsWith('https') && seen());"
            "  fetch('https://elsewhere.example/').catch(() => 0);"
            "})"
        )


# --- one text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_a_text_gets_its_verdict_and_stays_in_the_form(visit: Visit, *, script: bool) -> None:
    with visit(java_script_enabled=script) as page:
        for text, verdict in ((DISPATCH, "Likely real"), (RANT, "Likely false"), ("Hm.", "No decision")):
            check(page, text, "A title")
            expect(page.locator(VERDICT)).to_contain_text(verdict)
            expect(page).to_have_title(f"{verdict} · falsetrue")
            assert page.input_value("#text") == text
            assert page.input_value("#title") == "A title"
            assert page.locator("#result").get_attribute("aria-live") == "polite"


def test_with_javascript_the_page_is_not_loaded_again(visit: Visit) -> None:
    with visit() as page:
        page.evaluate("window.stayed = true")
        for text, verdict in ((DISPATCH, "Likely real"), (RANT, "Likely false")):
            check(page, text)
            expect(page.locator(VERDICT)).to_contain_text(verdict)
        assert page.evaluate("window.stayed")
        assert page.locator("#result[aria-busy]").count() == 0


@pytest.mark.parametrize("field", ["#text", "#title"])
def test_ctrl_enter_sends_the_text(visit: Visit, field: str) -> None:
    with visit() as page:
        page.fill("#text", RANT)
        page.press(field, "Control+Enter")
        expect(page.locator(VERDICT)).to_contain_text("Likely false")


def test_a_text_that_cannot_be_checked_is_explained_in_place(visit: Visit) -> None:
    with visit() as page:
        check(page, "   ")
        expect(page.locator("#result [role=alert]")).to_contain_text("the text is empty")
        check(page, DISPATCH)
        expect(page.locator(VERDICT)).to_contain_text("Likely real")


def test_without_a_connection_the_text_is_kept_and_the_page_says_so(visit: Visit) -> None:
    with visit() as page:
        page.context.set_offline(True)
        check(page, DISPATCH)
        expect(page.locator("#result [role=alert]")).to_contain_text("cannot be reached")
        assert page.input_value("#text") == DISPATCH


def test_an_example_is_one_click_away_without_javascript(visit: Visit) -> None:
    with visit(java_script_enabled=False, locale="es-CO") as page:
        page.click("text=Una diatriba partidista")
        assert page.input_value("#text") == examples("es")["rant"].text
        page.click("#check button")
        expect(page.locator(VERDICT)).to_contain_text("Probablemente falsa")


def test_the_pin_stands_where_the_score_is(visit: Visit) -> None:
    with visit() as page:
        check(page, DISPATCH)
        score = page.locator("#scale-title").text_content() or ""
        bar, pin = page.locator(".scale svg[role=img]").bounding_box(), page.locator(".pin-line").bounding_box()
        assert bar
        assert pin
        assert (pin["x"] + pin["width"] / 2 - bar["x"]) / bar["width"] == pytest.approx(
            float(score.split()[1]), abs=0.01
        )


def test_an_answer_to_another_text_than_the_one_in_the_form_says_so(visit: Visit) -> None:
    with visit(locale="es") as page:
        changed = page.locator("#result.stale .changed[role=status]")
        check(page, DISPATCH, "Un título")
        expect(page.locator(VERDICT)).to_contain_text("Probablemente real")
        expect(changed).to_have_count(0)
        page.fill("#text", RANT)
        expect(changed).to_have_text("Esta respuesta corresponde al texto anterior a su cambio.")
        page.fill("#text", DISPATCH)
        expect(changed).to_have_count(0)
        page.fill("#title", "Otro título")
        expect(changed).to_have_count(1)
        page.click("#check button")
        expect(changed).to_have_count(0)
        expect(page.locator(VERDICT)).to_contain_text("Probablemente real")


def test_a_text_changed_after_the_page_was_loaded_with_its_answer_is_marked_too(visit: Visit) -> None:
    with visit() as page:
        page.fill("#text", f"\n{DISPATCH}\nIt ended.")
        page.click("a[hreflang=es]")
        expect(page.locator(VERDICT)).to_be_visible()
        expect(page.locator("#result.stale")).to_have_count(0)
        page.locator("#text").press_sequentially("x")
        expect(page.locator("#result.stale .changed")).to_be_visible()


# --- what influenced the model ----------------------------------------------------------------------


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_what_influenced_the_model_goes_with_its_answer(visit: Visit, *, script: bool) -> None:
    with visit(java_script_enabled=script) as page:
        expect(page.locator("#why .card")).to_have_count(0)
        check(page, RANT, "A title")
        expect(page.locator("#why .reading figcaption")).to_have_text("Influenced the model; not evidence.")
        assert page.locator("#why .body").inner_text() == RANT
        assert page.locator("#why .body mark.to-false").count() > 0
        check(page, "Hm.")
        expect(page.locator("#why")).to_contain_text("Nothing is shown for this text")
        check(page, "   " if script else " \n")
        expect(page.locator("#why .card")).to_have_count(0)


def test_the_two_directions_differ_in_more_than_colour(visit: Visit) -> None:
    with visit() as page:
        check(page, examples("en")["dispatch"].text)
        lines = "element => getComputedStyle(element).textDecorationStyle"
        assert page.locator("#why .body .to-false").first.evaluate(lines) == "dashed"
        assert page.locator("#why .body .to-real").first.evaluate(lines) == "solid"


def test_the_answer_leads_to_what_influenced_the_model(visit: Visit) -> None:
    with visit() as page:
        check(page, DISPATCH)
        page.click("#result a[href='#why-heading']")
        expect(page.locator("#why-heading")).to_be_focused()
        expect(page.locator("#why-heading")).to_be_in_viewport()


def test_a_changed_text_takes_the_colour_from_what_influenced_the_answer_before(visit: Visit) -> None:
    with visit() as page:
        check(page, DISPATCH)
        expect(page.locator("#why > .card")).to_have_css("filter", "none")
        page.fill("#text", RANT)
        expect(page.locator("#why > .card")).to_have_css("filter", "grayscale(1)")


def test_a_long_text_unfolds_on_demand_and_is_whole_on_paper(visit: Visit) -> None:
    with visit(java_script_enabled=False) as page:
        check(page, f"{DISPATCH}\n\n" * 9)
        rest = page.locator("#why details .body")
        expect(rest).to_be_hidden()
        page.emulate_media(media="print")
        expect(rest).to_be_visible()
        page.emulate_media(media="screen")
        page.click("#why summary")
        expect(rest).to_be_visible()


# --- a file ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without"])
def test_a_file_is_scored_and_downloaded(visit: Visit, tmp_path: Path, *, script: bool) -> None:
    with visit(java_script_enabled=script) as page:
        give_file(page, file_of(DISPATCH, RANT))
        expect(page.locator(".scored")).to_contain_text("Classified 2")
        with page.expect_download() as download:
            page.click("text=Download news-scored.csv")
        saved = tmp_path / "scored.csv"
        download.value.save_as(saved)
    assert download.value.suggested_filename == "news-scored.csv"
    with saved.open(newline="", encoding="utf-8-sig") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["real", "false"]


def test_a_large_file_is_scored_shown_and_downloaded(visit: Visit, tmp_path: Path) -> None:
    with visit() as page:
        give_file(page, file_of(*[f"{DISPATCH} {'Númber ' * 4000}"] * 60))
        expect(page.locator(".scored table tbody tr")).to_have_count(20)
        assert (page.locator(".scored a[download]").get_attribute("href") or "").startswith("blob:")
        with page.expect_download() as download:
            page.click("text=Download news-scored.csv")
        saved = tmp_path / "scored.csv"
        download.value.save_as(saved)
    with saved.open(newline="", encoding="utf-8-sig") as file:
        assert len(list(csv.DictReader(file))) == 60


def test_a_file_leaves_the_text_and_itself_in_their_forms(visit: Visit) -> None:
    with visit() as page:
        page.fill("#text", DISPATCH)
        page.fill("#text-column", "nothing")
        give_file(page, file_of(RANT))
        expect(page.locator("#file [role=alert]")).to_contain_text("No column is called “nothing”")
        assert page.input_value("#text") == DISPATCH
        assert page.locator("#upload-file").get_attribute("aria-invalid") == "true"
        page.fill("#text-column", "")
        page.click("#upload button")
        expect(page.locator(".scored tbody")).to_contain_text("Likely false")
        assert page.locator("#upload-file").get_attribute("aria-invalid") is None
        assert page.input_value("#text") == DISPATCH
        assert page.evaluate("location.pathname") == "/"


def test_a_file_that_cannot_be_sent_is_kept_and_the_page_says_why(visit: Visit) -> None:
    with visit() as page:
        page.context.set_offline(True)
        give_file(page, file_of(RANT))
        expect(page.locator("#file [role=alert]")).to_contain_text("the service cannot be reached")
        page.context.set_offline(False)
        page.click("#upload button")
        expect(page.locator(".scored tbody")).to_contain_text("Likely false")
        give_file(page, "x" * 9_000_000)
        expect(page.locator("#file [role=alert]")).to_contain_text("at most 8\xa0MB can be sent at once")


def test_a_refusal_by_another_layer_is_shown_beside_the_form_for_a_file(visit: Visit) -> None:
    with visit() as page:
        page.evaluate("document.getElementById('upload').dataset.largest = 1e9")
        give_file(page, "x" * 9_000_000)
        expect(page.locator("#file [role=alert]")).to_contain_text("What you sent is too large: at most 8\xa0MB")


def test_a_file_that_cannot_be_used_is_explained_beside_its_form(visit: Visit) -> None:
    with visit(locale="es") as page:
        give_file(page, "a,b\n1,2\n")
        expect(page.locator("#file [role=alert]")).to_contain_text("Ninguna columna se llama text ni texto")


# --- language, colours, keyboard, small screens ------------------------------------------------------


def test_the_language_can_be_switched_without_javascript_and_stays(visit: Visit) -> None:
    with visit(java_script_enabled=False) as page:
        page.click("a[hreflang=es]")
        expect(page.locator("html")).to_have_attribute("lang", "es")
        page.goto("/docs")
        expect(page.locator("html")).to_have_attribute("lang", "es")


def test_a_switch_of_language_takes_the_text_along(visit: Visit) -> None:
    with visit() as page:
        page.fill("#text", DISPATCH)
        page.click("a[hreflang=es]")
        expect(page.locator(VERDICT)).to_contain_text("Probablemente real")
        assert page.input_value("#text") == DISPATCH


@pytest.mark.parametrize("system", ["light", "dark"])
def test_colours_follow_the_system_until_chosen_and_the_choice_is_remembered(visit: Visit, system: str) -> None:
    other = {"light": "dark", "dark": "light"}[system]
    with visit(color_scheme=system) as page:
        assert _theme(page) == system
        assert page.locator("#theme").get_attribute("aria-pressed") == str(system == "dark").lower()
        page.click("#theme")
        assert _theme(page) == other
        page.reload()
        assert _theme(page) == other
        page.click("#theme")
        assert _theme(page) == system


def _theme(page: Page) -> str:
    """Light or dark, by what is painted."""
    red = page.evaluate("getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/)[0]")
    return "light" if int(red) > 128 else "dark"


def test_the_keyboard_reaches_everything_and_shows_where_it_is(visit: Visit) -> None:
    with visit() as page:
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        expect(page.locator(".skip")).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.goto("/")
        page.focus("#title")
        for name in ("text", "Check", "news-en-es", "upload-file", "text-column", "title-column", "Check the file"):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()") == name
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize("language", ["en", "es"])
def test_nothing_is_wider_than_a_small_screen(visit: Visit, language: str) -> None:
    with visit(locale=language, viewport=PHONE) as page:
        is_no_wider(page)
        check(page, "W" * 300 + " " + DISPATCH, "T" * 200)
        expect(page.locator(VERDICT)).to_be_in_viewport()
        is_no_wider(page)
        give_file(page, file_of(DISPATCH, ""), name="n" * 200 + ".csv")
        expect(page.locator(".scored")).to_be_visible()
        is_no_wider(page)
        page.goto("/model")
        is_no_wider(page)


def is_no_wider(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# --- accessibility ---------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_axe_finds_nothing_wrong(visit: Visit, theme: str, language: str) -> None:
    with visit(locale=language, color_scheme=theme) as page:
        found = {"empty": axe(page)}
        for key, label in (("dispatch", "real"), ("rant", "false"), ("unclear", "unsure")):
            example = examples(language)[key]
            check(page, example.text, example.title)
            expect(page.locator(f"#result .verdict.is-{label}")).to_be_visible()
            expect(page.locator("#why mark.to-real").first).to_be_visible()
            found[label] = axe(page)
        page.fill("#title", "Another")
        expect(page.locator("#result.stale .changed")).to_be_visible()
        found["changed"] = axe(page)
        check(page, " ")
        expect(page.locator("#result [role=alert]")).to_be_visible()
        found["error"] = axe(page)
        give_file(page, file_of(DISPATCH, RANT, ""))
        expect(page.locator(".scored")).to_be_visible()
        found["file"] = axe(page)
        give_file(page, "a\n1\n")
        expect(page.locator("#file [role=alert]")).to_be_visible()
        found["file error"] = axe(page)
        page.goto("/model")
        found["model"] = axe(page)
    assert {state: wrong for state, wrong in found.items() if wrong} == {}


def test_axe_finds_nothing_wrong_on_a_small_screen(visit: Visit) -> None:
    with visit(viewport=PHONE) as page:
        check(page, DISPATCH)
        expect(page.locator(VERDICT)).to_be_visible()
        give_file(page, file_of(DISPATCH, RANT, ""))
        expect(page.locator(".scored")).to_be_visible()
        assert axe(page) == []
        page.goto("/model")
        assert axe(page) == []


def test_the_models_card_prints_dark_on_white_whatever_is_on_the_screen(visit: Visit) -> None:
    with visit("/model", color_scheme="light") as page:
        page.click("#theme")
        page.emulate_media(media="print")
        colours = page.locator("#main > .card").first.evaluate(
            "card => [getComputedStyle(card).backgroundColor, getComputedStyle(card).color]"
        )
        assert colours == ["rgb(255, 255, 255)", "rgb(23, 32, 43)"]
        assert page.locator(".sheet").first.evaluate("sheet => getComputedStyle(sheet).overflowX") == "visible"


def axe(page: Page) -> list[tuple[str, list[str]]]:
    """Each broken rule, and where."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    violations = page.evaluate("async () => (await axe.run()).violations")
    return [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in violations]


# --- the API's documentation --------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_documentation_shows_every_operation_and_lets_one_be_tried(visit: Visit, theme: str) -> None:
    with visit("/docs", color_scheme=theme) as page:
        shown = page.locator(".opblock-summary-path")
        paths = page.request.get("/openapi.json").json()["paths"]
        expect(shown).to_have_count(sum(map(len, paths.values())))
        assert "/falsetrue" in " ".join(shown.all_text_contents()).replace("\u200b", "")
        operation = page.locator(".opblock", has_text="0 or 1 for every text")
        operation.locator(".opblock-summary-control").click()
        operation.get_by_role("button", name="Try it out").click()
        operation.locator("textarea").fill('{"texts": ["one", "two"]}')
        operation.get_by_role("button", name="Execute").click()
        live = operation.locator(".live-responses-table .response").first
        expect(live).to_contain_text("200")
        expect(live).to_contain_text('"is_falsetrue"')


def test_without_javascript_the_documentation_names_the_document(visit: Visit) -> None:
    with visit("/docs", java_script_enabled=False) as page:
        expect(page.locator("main")).to_contain_text("/openapi.json")
