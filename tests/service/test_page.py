"""The page without a browser: what it answers to whom, in which language, and what it refuses."""

import base64
import codecs
import csv
import gzip
import hashlib
import html
import io
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pyarrow
import pyarrow.parquet
import pytest
from jinja2 import Environment, PackageLoader
from tests.conftest import make_news
from tests.service.conftest import DISPATCH, MARK, RANT, Served, serve_in_thread, wait_until
from tests.service.evaluations import decided, evaluation, figures, leak

from falsetrue.bundle.manifest import KnownOutletsRecord, Manifest, SplitRecord, policy_record
from falsetrue.jobs.classify import Classifier
from falsetrue.model.decision import DEFAULT_ACTIONS, Outcome, Policy, Reason, Thresholds
from falsetrue.registry.policies import Policies
from falsetrue.service.app import create_app
from falsetrue.service.assets import FOLDER
from falsetrue.service.language import LANGUAGES, examples, preferred, translations
from falsetrue.settings import Settings, load_settings
from falsetrue.wiring import load_classifier

CSV = "text/csv"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def visitor(server: Served) -> Iterator[httpx2.Client]:
    """A new visitor, without cookies, who reads English."""
    with httpx2.Client(base_url=server.url, timeout=20, trust_env=False) as client:
        yield client


def words(answer: httpx2.Response) -> str:
    """What a page says, as one line of text."""
    body = re.sub(r"<(style|script|template)\b.*?</\1>", "", answer.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", body)).split())


def upload(visitor: httpx2.Client, name: str, content: bytes, **columns: str) -> httpx2.Response:
    return visitor.post("/upload", files={"file": (name, content)}, data=columns)


def downloaded(answer: httpx2.Response, delimiter: str = ",") -> list[dict[str, str]]:
    """The rows of the scored file that a page links to."""
    link = re.search(r'href="data:text/csv;charset=utf-8;base64,([^"]*)" download="[^"]*"', answer.text)
    assert link, words(answer)
    content = base64.b64decode(link[1])
    assert content.startswith(codecs.BOM_UTF8)
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter=delimiter))


# --- languages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("es", "es"),
        ("es-CO,es;q=0.9,en;q=0.8", "es"),
        ("en;q=0.8, es;q=0.9", "es"),
        ("en-GB, es", "en"),
        ("fr, es;q=0.2, en;q=0.1", "es"),
        ("fr, de", "en"),
        ("*", "en"),
        ("*;q=0.5, es;q=0.4", "en"),
        ("en;q=0, *", "es"),
        ("es;q=0", "en"),
        ("es;q=nonsense, en", "en"),
        ("es;q=nan", "en"),
        ("es;q=7", "en"),
        (";;;,,,=", "en"),
        ("ES-es;Q=1.0", "es"),
    ],
)
def test_the_language_is_the_one_the_browser_ranks_highest(header: str, language: str) -> None:
    assert preferred(header) == language


@pytest.mark.parametrize(("language", "title"), [("en", "Check a text"), ("es", "Analizar un texto")])
def test_the_page_says_which_language_it_is_in(visitor: httpx2.Client, language: str, title: str) -> None:
    answer = visitor.get("/", headers={"accept-language": language})
    assert answer.status_code == 200
    assert answer.headers["content-language"] == language
    assert answer.headers["vary"] == "Accept-Language, Cookie"
    assert f'<html lang="{language}">' in answer.text
    assert title in answer.text


def test_a_switch_of_language_is_remembered_in_a_cookie_for_the_page_alone(visitor: httpx2.Client) -> None:
    cookie = visitor.get("/", params={"lang": "es"}).headers["set-cookie"]
    assert cookie.startswith("falsetrue_language=es;")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert visitor.get("/", headers={"accept-language": "en"}).headers["content-language"] == "es"
    assert visitor.get("/", params={"lang": "en"}).headers["content-language"] == "en"


def test_a_language_that_there_is_not_changes_nothing(visitor: httpx2.Client) -> None:
    visitor.cookies.set("falsetrue_language", "xx")
    answer = visitor.get("/", params={"lang": "../es"}, headers={"accept-language": "es"})
    assert answer.headers["content-language"] == "es"
    assert "set-cookie" not in answer.headers


# --- one text ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "key", "verdict", "action"),
    [
        ("en", "dispatch", "Likely real", "No action needed"),
        ("en", "rant", "Likely false", "Flag"),
        ("en", "unclear", "No decision", "Review: have a person read it"),
        ("es", "dispatch", "Probablemente real", "No requiere acción"),
        ("es", "rant", "Probablemente falsa", "Marcar"),
        ("es", "unclear", "Sin decisión", "Revisar: que lo lea una persona"),
    ],
)
def test_each_example_shows_what_it_is_meant_to_show(
    visitor: httpx2.Client, language: str, key: str, verdict: str, action: str
) -> None:
    example = examples(language)[key]
    form = {"title": example.title, "text": example.text}
    answer = visitor.post("/", params={"lang": language}, data=form)
    assert answer.status_code == 200
    assert f"<title>{verdict} · falsetrue</title>" in answer.text
    assert re.search(rf"<h2 id=\"result-heading\">.*{verdict}</h2>", answer.text)
    assert action in words(answer)


def test_an_example_fills_the_form(visitor: httpx2.Client) -> None:
    example = examples("es")["rant"]
    answer = visitor.get("/", params={"example": "rant", "lang": "es"})
    assert html.escape(example.title, quote=False) in html.unescape(answer.text)
    assert example.text in html.unescape(answer.text)
    assert visitor.get("/", params={"example": "nothing"}).status_code == 200


def test_a_result_says_how_sure_it_is_what_to_do_and_who_said_so(visitor: httpx2.Client) -> None:
    answer = visitor.post("/", data={"text": DISPATCH})
    said = words(answer)
    model = visitor.get("/v1/model").json()
    (result,) = visitor.post("/v1/classifications", json={"items": [{"text": DISPATCH}]}).json()["results"]
    assert f"score {result['p_real']:.2f}" in said
    assert re.search(r"Of 100 test texts with a score like this one.s, about \d+ were real and \d+ false\.", said)
    assert model["version"] in said
    assert model["name"] in said
    assert "default@1" in said
    assert "It compares with the news it learnt from; it does not check facts." in said
    assert answer.headers["cache-control"] == "no-store"


def test_no_decision_gives_its_reasons_and_is_no_evidence(visitor: httpx2.Client) -> None:
    said = words(visitor.post("/", data={"text": "zorgle blarf quixnit " * 10}))
    assert "The text is unlike the news that the model learnt from" in said
    assert "The model was tested on texts of other kinds" in said
    assert "No decision is not evidence that it is true." in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_words_in_every_language(language: str) -> None:
    environment = Environment(
        loader=PackageLoader("falsetrue.service"), extensions=["jinja2.ext.i18n"], autoescape=True
    )
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    environment.filters["number"] = str
    said: Any = environment.get_template("verdicts.html").module
    policy = Policy(name="any", version=1, false_below=0, real_above=1)
    sentences = {said.reason(reason, {"words": 3}, policy).strip() for reason in Reason}
    phrases = {said.brief_reason(reason).strip() for reason in Reason}
    assert len(sentences) == len(phrases) == len(Reason)
    assert not (sentences | phrases) & set(Reason)


def test_a_text_that_is_too_short_gets_that_one_reason_and_no_scale(visitor: httpx2.Client) -> None:
    answer = visitor.post("/", data={"text": "zorgle blarf quixnit"})
    assert "The text is too short: it has 3 words, and the model needs at least 20 to decide." in words(answer)
    assert "unlike the news that the model learnt from" not in words(answer)
    assert 'class="scale"' not in answer.text


def test_what_influenced_the_model_is_shown_and_captioned(visitor: httpx2.Client) -> None:
    example = examples("en")["dispatch"]
    answer = visitor.post("/", data={"title": example.title, "text": example.text})
    said = words(answer)
    assert "What influenced the model" in said
    assert "Influenced the model; not evidence." in said
    assert re.search(r"Of the pull of all words, \d+ % was toward false and \d+ % toward real\.", said)
    assert re.search(r"Words toward real, strongest first \w+", said)
    assert "The sentence most toward real" in said
    (shown,) = re.findall(r'<div class="body">(.*?)</div>', answer.text, flags=re.DOTALL)
    assert html.unescape(re.sub(r"</?mark[^>]*>", "", shown)) == example.text
    assert "<details>" not in answer.text


def test_the_rest_of_a_long_text_is_folded(visitor: httpx2.Client) -> None:
    text = f"{DISPATCH}\n\n" * 9
    answer = visitor.post("/", data={"text": text})
    shown = re.findall(r'<div class="body"[^>]*>(.*?)</div>', answer.text, flags=re.DOTALL)
    assert html.unescape(re.sub(r"</?mark[^>]*>", "", "".join(shown))) == text
    assert "<details>" in answer.text
    assert re.search(r"Show the rest of the text \(\d+ words\)", answer.text)


@pytest.mark.parametrize("text", ["zorgle blarf quixnit " * 10, "Hello there."], ids=["out of scope", "too short"])
def test_no_words_are_shown_for_a_text_of_a_kind_that_the_model_does_not_know(
    visitor: httpx2.Client, text: str
) -> None:
    answer = visitor.post("/", data={"text": text})
    assert "Nothing is shown for this text: the model does not know texts like it" in words(answer)
    assert "<mark" not in answer.text


def test_an_undecided_text_says_that_its_words_pull_both_ways(visitor: httpx2.Client) -> None:
    example = examples("en")["unclear"]
    said = words(visitor.post("/", data={"title": example.title, "text": example.text}))
    assert "Its words pull both ways, and neither side by enough to decide. Of the pull" in said


def test_a_model_that_does_not_weigh_words_says_so(trained: Callable[[str], Path]) -> None:
    settings = Settings(model=str(trained("deployed")))
    with serve_in_thread(create_app(settings)) as served:
        wait_until(lambda: served.client.get("/readyz").status_code == 200, "ready")
        said = words(served.client.post("/", data={"text": make_news(1)[0][1]}))
    assert "This model cannot say which words influenced it" in said


def test_a_highlighted_text_is_never_read_as_html(visitor: httpx2.Client) -> None:
    answer = visitor.post(
        "/", data={"title": "<b>said</b>", "text": f"<script>said</script> said & <i>on</i> {DISPATCH}"}
    )
    assert "<script>said" not in answer.text
    assert "<i>" not in answer.text
    assert "<b>said" not in answer.text


def test_a_verdict_less_sure_than_most_of_its_kind_says_why(visitor: httpx2.Client) -> None:
    sure = words(visitor.post("/", data={"text": examples("en")["dispatch"].text}))
    assert "nearer to the limit" not in sure
    form = {"text": barely_real(visitor)}
    less = words(visitor.post("/", params={"lang": "es"}, data=form))
    assert re.search(
        r"probablemente reales, \d+ de cada 100 lo eran; con los más cercanos al límite, como este, hay", less
    )


def barely_real(visitor: httpx2.Client) -> str:
    """A text that is called real with a score in the tenth below the highest: beginnings of two reports are tried."""
    reports = [examples(language)["dispatch"].text.split() for language in ("en", "es")]
    tried = [" ".join(report[:size]) for report in reports for size in range(25, len(report))]
    for start in range(0, len(tried), 100):
        texts = tried[start : start + 100]
        answer = visitor.post("/v1/classifications", json={"items": [{"text": text} for text in texts]}).json()
        for text, found in zip(texts, answer["results"], strict=True):
            if found["label"] == "real" and found["p_real"] < 0.9:
                return text
    raise AssertionError("no beginning of a report is called real with a score below 0.9")


def test_the_text_stays_in_the_form_and_is_never_read_as_html(visitor: httpx2.Client) -> None:
    text = f"\n\n</textarea><script>alert(1)</script> & “{{{{ 7*7 }}}}” {DISPATCH}"
    answer = visitor.post("/", data={"title": '"><img src=x>', "text": text})
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text
    assert f">\n{html.escape(text, quote=False)}"[:40] in answer.text.replace("&#39;", "'")
    assert "49" not in re.findall(r"<textarea.*</textarea>", answer.text, flags=re.DOTALL)[0]


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("text", "status", "says"),
    [("", 422, "the text is empty"), (" \n\t", 422, "the text is empty"), (MARK * 3000, 413, "The text is too long")],
)
def test_a_text_that_cannot_be_checked_is_explained_on_the_page(
    visitor: httpx2.Client, text: str, status: int, says: str
) -> None:
    answer = visitor.post("/", data={"title": "Kept title", "text": text})
    assert answer.status_code == status
    assert says in words(answer)
    assert 'value="Kept title"' in answer.text
    assert 'aria-describedby="problem"' in answer.text


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"text", "application/x-www-form-urlencoded"),
        (b"text=%ED%A0%80&text=%00%FF", "application/x-www-form-urlencoded"),
        (b"&".join([b"a=b"] * 5000), "application/x-www-form-urlencoded"),
        (b'{"text": "x"}', "application/json"),
        (b"no boundary here", "multipart/form-data"),
        (b"--x\r\nno headers", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="text"; filename="t"\r\n\r\nhi\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/", "/upload"])
def test_a_body_that_is_no_such_form_gets_a_page_and_no_server_error(
    visitor: httpx2.Client, path: str, content: bytes, content_type: str
) -> None:
    answer = visitor.post(path, content=content, headers={"content-type": content_type})
    assert answer.status_code < 500
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/upload"])
def test_a_body_that_is_too_large_gets_a_page(visitor: httpx2.Client, path: str) -> None:
    answer = visitor.post(path, content=b"x" * 9_000_000, headers={"accept-language": "es"})
    assert answer.status_code == 413
    assert "Lo que envió es demasiado grande: se pueden enviar como máximo 8 MB a la vez." in words(answer)
    assert "content-security-policy" in answer.headers


def test_a_method_that_makes_no_sense_gets_a_page(visitor: httpx2.Client) -> None:
    answer = visitor.put("/")
    assert answer.status_code == 405
    assert "did not understand" in words(answer)
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("path", ["/nothing", "/models", "/v1x", "/docs/none"])
def test_an_address_that_there_is_not_gets_a_page_in_a_browser(visitor: httpx2.Client, path: str) -> None:
    answer = visitor.get(path, headers={"accept": BROWSER})
    assert answer.status_code == 404
    assert "There is no page at this address. Back to the page" in words(answer)
    assert "Accept" in answer.headers["vary"].split(", ")
    assert visitor.get(path).headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/v1/nothing", "/healthz/x", "/falsetrue"])
def test_an_address_of_the_api_answers_in_json_even_in_a_browser(visitor: httpx2.Client, path: str) -> None:
    answer = visitor.get(path, headers={"accept": BROWSER})
    assert answer.status_code in (404, 405)
    assert "json" in answer.headers["content-type"]


# --- the model's card ------------------------------------------------------------------------------


FORMAT_1 = Path(__file__).parents[1] / "bundle" / "format_1"


def card_of(manifest: Manifest, language: str = "en") -> httpx2.Response:
    """The page about a model that says this of itself."""

    def load() -> Classifier:
        return replace(load_classifier(Settings(model=str(FORMAT_1))), manifest=manifest)

    with serve_in_thread(create_app(load_settings(), load=load)) as served:
        _until_ready(served.client)
        return served.client.get("/model", params={"lang": language})


def of_format_1() -> Manifest:
    return load_classifier(Settings(model=str(FORMAT_1))).manifest


def test_the_models_card_begins_with_the_worst_of_the_news_from_elsewhere(visitor: httpx2.Client) -> None:
    manifest = load_classifier(Settings()).manifest
    said = words(visitor.get("/model"))
    assert manifest.version in said
    assert manifest.evaluation
    found = {name: each for record in manifest.evaluation.left_out for name, each in record.figures.items()}
    aucs = {name: each.auc for name, each in found.items() if each.auc}
    by_auc = sorted(aucs, key=lambda name: aucs[name].value)
    assert len(by_auc) > 1
    table = said[said.index("Collections left out in turn") : said.index("Outlets that it has not learnt from")]
    assert [table.index(name) for name in by_auc] == sorted(table.index(name) for name in by_auc)
    for name, auc in aucs.items():
        assert f"{name} {found[name].texts:,} texts {auc.value:.3f} [{auc.low:.3f}; {auc.high:.3f}]" in table
    for corpus in manifest.corpora:
        assert f"{corpus.real:,} {corpus.false:,}" in said
    assert "drawn at random and kept aside" not in said
    assert "It does not check facts." in said


def test_the_models_card_is_in_spanish_too(visitor: httpx2.Client) -> None:
    said = words(visitor.get("/model", params={"lang": "es"}))
    assert "Para qué no sirve" in said
    assert re.search(r"AUC \(0,5 .*?\) 0,\d{3} \[0,\d{3}; 0,\d{3}\]", said)


def test_of_a_model_of_format_1_the_card_says_what_was_not_measured() -> None:
    said = words(card_of(of_format_1()))
    assert "was not measured when this model was made" in said
    assert "The test texts were drawn at random" in said
    assert "Of those called likely false, were false" in said
    assert "What gave the labels away" not in said
    assert "Known failures" not in said


def test_a_model_of_one_collection_is_not_said_to_do_well_elsewhere() -> None:
    evaluated = evaluation(left_out=[], left_out_mean_auc=None)
    said = words(card_of(msgspec.structs.replace(of_format_1(), evaluation=evaluated)))
    assert "that takes several collections" in said
    assert "on average" not in said


def test_the_card_sets_other_outlets_beside_known_ones_and_rules_that_know_nothing() -> None:
    split = SplitRecord(kind="grouped", seed=0, fitted=9, held_out=5, sources_apart={"news": True, "unnamed": False})
    known = KnownOutletsRecord(figures=figures(0.93), policy=decided(0.61))
    evaluated = evaluation(known_outlets=known, references={"length only": figures(0.53), "always real": figures(0.5)})
    said = words(card_of(msgspec.structs.replace(of_format_1(), evaluation=evaluated, split=split)))
    assert "Other outlets Known outlets" in said
    assert "1 is best) 0.810 [0.710; 0.910] 0.930 [0.830; 1.030]" in said
    assert "Share of test texts decided 42 % [32; 52] 61 % [51; 71]" in said
    assert said.index("Looks at the length alone 0.530") < said.index("Always says real 0.500")
    assert "these are of outlets that it did not learn from: news." in said
    assert "The test texts were drawn at random" not in said


def test_without_known_outlets_the_card_speaks_of_texts_kept_aside() -> None:
    said = words(card_of(msgspec.structs.replace(of_format_1(), evaluation=evaluation())))
    assert "Figure Kept aside AUC (0.5 is a coin toss, 1 is best) 0.810 [0.710; 0.910] Accuracy" in said
    assert "outlets that it" not in said.replace("same outlet", "")


def test_the_card_gives_the_thresholds_of_each_language() -> None:
    policy = Policy(
        name="desk",
        version=2,
        false_below=0.1,
        real_above=0.9,
        by_language={"es": Thresholds(false_below=0.2, real_above=0.8)},
        languages=("en", "es", "pt"),
    )
    manifest = msgspec.structs.replace(of_format_1(), policy=policy_record(policy))
    said = words(_card_with_policy(manifest, policy))
    assert "English likely false below 0.100, likely real above 0.900" in said
    assert "Español likely false below 0.200, likely real above 0.800" in said
    assert "pt likely false below 0.100, likely real above 0.900" in said
    assert "a language other than these: English, Español, pt" in said


def _card_with_policy(manifest: Manifest, policy: Policy) -> httpx2.Response:
    def load() -> Classifier:
        classifier = load_classifier(Settings(model=str(FORMAT_1)))
        return replace(classifier, manifest=manifest, policies=Policies(policy, Path("none")))

    with serve_in_thread(create_app(load_settings(), load=load)) as served:
        _until_ready(served.client)
        return served.client.get("/model")


def test_what_the_card_has_from_the_record_is_escaped_and_marked_as_english() -> None:
    corpus = msgspec.structs.replace(of_format_1().corpora[0], label_means="<i>word</i>", cite="A & B", licence="MIT")
    found = [leak("<b>x</b>", auc=auc) for auc in (0.9, 0.8, 0.7, 0.6)]
    manifest = msgspec.structs.replace(
        of_format_1(), corpora=[corpus], leaks=found, evaluation=evaluation(), masks=["url@1"]
    )
    page = card_of(manifest, "es").text
    for english in ("&lt;i&gt;word&lt;/i&gt;", "MIT", "A &amp; B", "mask it"):
        assert re.search(rf'lang="en">{re.escape(english)}<', page), english
    assert '<ul class="masks" lang="en">\n<li>web addresses</li>' in page
    assert page.count('<b lang="en">&lt;b&gt;x&lt;/b&gt;</b>') == 3
    assert "<b>x" not in page
    assert "<i>" not in page


# --- other models, other policies, no model --------------------------------------------------------


def test_while_the_model_is_loading_the_page_says_so_and_tries_again() -> None:
    loading = threading.Event()

    def load() -> Classifier:
        loading.wait(20)
        return load_classifier(Settings())

    with serve_in_thread(create_app(load_settings(), load=load)) as served:
        try:
            answer = served.client.get("/", headers={"accept-language": "es"})
            sent = served.client.post("/", data={"text": DISPATCH})
        finally:
            loading.set()
    assert (answer.status_code, sent.status_code) == (503, 503)
    assert "Se está cargando el modelo" in words(answer)
    assert answer.headers["refresh"] == answer.headers["retry-after"] == "2"
    assert "refresh" not in sent.headers


def test_where_few_texts_scored_alike_the_page_says_that_it_cannot_say() -> None:
    def load() -> Classifier:
        classifier = load_classifier(Settings())
        few = [msgspec.structs.replace(each, texts=3, real=3) for each in classifier.baseline.reliability]
        return replace(classifier, baseline=msgspec.structs.replace(classifier.baseline, reliability=few))

    with serve_in_thread(create_app(load_settings(), load=load)) as served:
        _until_ready(served.client)
        said = words(served.client.post("/", data={"text": DISPATCH}))
    assert "Too few test texts scored like this one" in said
    assert "Of 100 test texts" not in said


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.5, 0.5), (0.0, 0.0), (1.0, 1.0)])
def test_a_teams_own_policy_is_applied_and_drawn(tmp_path: Path, low: float, high: float) -> None:
    actions = DEFAULT_ACTIONS | dict.fromkeys(Outcome, "<ask the desk>")
    policy = Policy(name="desk", version=3, false_below=low, real_above=high, actions=actions)

    def load() -> Classifier:
        return replace(load_classifier(Settings()), policies=Policies(policy, tmp_path))

    with serve_in_thread(create_app(load_settings(), load=load)) as served:
        _until_ready(served.client)
        answer = served.client.post("/", data={"text": DISPATCH})
        card = words(served.client.get("/model"))
    assert answer.status_code == 200
    assert "desk@3" in answer.text
    assert "desk@3" in card
    assert "Why it did not decide" not in card
    assert "&lt;ask the desk&gt;" in answer.text


def _until_ready(client: httpx2.Client) -> None:
    while client.get("/readyz").status_code != httpx2.codes.OK:
        pass


# --- a file --------------------------------------------------------------------------------------

ROWS = [{"titulo": "Uno", "texto": DISPATCH, "id": "a"}, {"titulo": "Dos", "texto": RANT, "id": "b"}]


def as_csv(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def as_jsonl(rows: list[dict[str, str]]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def as_parquet(rows: list[dict[str, str]]) -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "write"), [("n.csv", as_csv), ("n.JSONL", as_jsonl), ("n.ndjson", as_jsonl), ("n.parquet", as_parquet)]
)
def test_a_file_comes_back_with_a_verdict_for_every_row(
    visitor: httpx2.Client, name: str, write: Callable[[list[dict[str, str]]], bytes]
) -> None:
    answer = upload(visitor, name, write(ROWS))
    assert answer.status_code == 200
    assert "Rows 2 Classified 2 Not classified 0" in words(answer)
    assert [(row["id"], row["label"]) for row in downloaded(answer)] == [("a", "real"), ("b", "false")]


def test_columns_are_chosen_by_name(visitor: httpx2.Client) -> None:
    rows = [{"cuerpo": row["texto"], "encabezado": row["titulo"], "text": "other"} for row in ROWS]
    answer = upload(visitor, "n.csv", as_csv(rows), text_column="cuerpo", title_column=" encabezado ")
    assert [row["label"] for row in downloaded(answer)] == ["real", "false"]
    assert 'value="cuerpo"' in answer.text


def test_the_verdicts_of_a_file_are_those_of_the_api(visitor: httpx2.Client) -> None:
    items = [{"title": row["titulo"], "text": row["texto"]} for row in ROWS]
    results = visitor.post("/v1/classifications", json={"items": items}).json()["results"]
    rows = downloaded(upload(visitor, "n.csv", as_csv(ROWS)))
    assert [float(row["p_real"]) for row in rows] == [result["p_real"] for result in results]


@pytest.mark.usefixtures("quiet")
def test_bad_rows_are_reported_with_their_lines_and_the_rest_is_scored(visitor: httpx2.Client) -> None:
    content = b"text,id\n" + DISPATCH.replace(",", "").encode() + b",1\n,2\nx\ncaf\xe9 " + MARK.encode() + b",4\n"
    answer = upload(visitor, "n.csv", content)
    assert answer.status_code == 200
    assert "Rows 4 Classified 1 Not classified 3" in words(answer)
    for line in (
        "line 3: the text is empty",
        "line 4: a different number of columns than the header (1 instead of 2)",
        "line 5: some of its characters are not UTF-8",
        "Save it again as CSV UTF-8 (in Excel: File → Save as → CSV UTF-8), and every row can be read.",
    ):
        assert line in words(answer)
    assert [bool(row["error"]) for row in downloaded(answer)] == [False, True, True, True]


def test_many_bad_rows_are_counted(visitor: httpx2.Client) -> None:
    answer = upload(visitor, "n.csv", b"text,id\n" + b",1\n" * 50)
    assert "50 rows could not be classified" in words(answer)
    assert "and 30 more" in words(answer)
    assert "No se pudo clasificar una fila" in words(
        visitor.post("/upload?lang=es", files={"file": ("n.csv", b"text,id\n,1\n")})
    )


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("name", "content", "status", "says"),
    [
        ("n.csv", b"text\n" + b"x\n" * 1001, 413, "El archivo tiene más de 1.000 filas"),
        ("n.jsonl", b'{"text":"x"}\n' * 1001, 413, "El archivo tiene más de 1.000 filas"),
        ("n.parquet", as_parquet([{"text": "x"}] * 1001), 413, "El archivo tiene más de 1.000 filas"),
        ("n.csv", b"a,b\n1,2\n", 422, "Ninguna columna se llama text ni texto. Escriba en «Columna del texto»"),
        ("n.jsonl", b'{"a":1}\n', 422, "Las columnas son: a"),
        ("n.csv", b"", 422, "El archivo no se puede usar: el archivo está vacío."),
        ("n.jsonl", b"\n\n", 422, "el archivo está vacío"),
        ("n.csv", b"\n\n", 422, "el encabezado está en blanco"),
        ("n.csv", b"text,title\n", 422, "El archivo tiene encabezado, pero ninguna fila."),
        (
            "n.csv",
            b"text,t\xedtulo\nx,y\n",
            422,
            "Guárdelo de nuevo como CSV UTF-8 (en Excel: Archivo → Guardar como → CSV UTF-8).",
        ),
        ("n.csv", "text\nx\n".encode("utf-16"), 422, "Guárdelo de nuevo como CSV UTF-8"),
        ("n.csv", b"\x89PNG\r\n\x1a\n...", 422, "este archivo no es un CSV de texto"),
        ("n.csv", b"PK\x03\x04......", 422, "guárdelo como CSV UTF-8 (en Excel"),
        ("n.jsonl", b"%PDF-1.7", 422, "este archivo no es un CSV de texto"),
        ("n.csv", b"text,text\nx,y\n", 422, "la columna «text» está dos veces en el encabezado"),
        ("n.jsonl", b'["marmalade-of-zanzibar"]\n', 422, "Línea 1: no es un objeto JSON"),
        ("n.jsonl", b"[" * 100_000, 422, "Línea 1: no es un objeto JSON"),
        ("n.parquet", b"PAR1 not really", 422, "no es un archivo Parquet"),
        ("n.parquet", b"", 422, "no es un archivo Parquet"),
        ("n.parquet", b"PAR1" + bytes(60) + as_parquet(ROWS)[64:], 422, "Línea 1: los datos Parquet no se pueden leer"),
        ("n.xlsx", b"PK", 422, "En Excel: Archivo → Guardar como → CSV UTF-8"),
        ("n.docx", b"PK", 422, "debe terminar en .csv"),
        ("../../etc/passwd", b"x", 422, "debe terminar en .csv"),
        ("", b"", 422, "Elija primero un archivo."),
    ],
)
def test_a_file_that_cannot_be_used_is_explained_on_the_page(
    visitor: httpx2.Client, name: str, content: bytes, status: int, says: str
) -> None:
    visitor.cookies.set("falsetrue_language", "es")
    answer = upload(visitor, name, content)
    assert answer.status_code == status
    assert says in words(answer)
    assert "/tmp" not in answer.text  # noqa: S108 - looked for, not used
    assert MARK not in answer.text


def test_rows_with_something_else_than_text_are_reported(visitor: httpx2.Client) -> None:
    content = b'{"text":"x"}\n{"text":["y"]}\nnot json\n{"text":"z"}\n'
    said = words(upload(visitor, "n.jsonl", content))
    assert "line 2: column “text” holds something other than text" in said
    assert "line 3: not a JSON object" in said


def test_names_of_files_and_columns_are_never_read_as_html(visitor: httpx2.Client) -> None:
    answer = upload(visitor, "n.csv", b"<i>1,c\n1,2\n", text_column="<i>2")
    assert "<i>" not in answer.text
    assert "No column is called “<i>2”. The columns are: <i>1, c" in html.unescape(answer.text)
    answer = upload(visitor, '"><i>é.csv', as_csv(ROWS))
    assert "<i>" not in answer.text
    assert re.search(r'download="[a-z0-9-]*i-scored\.csv"', answer.text)


def test_a_scored_file_too_large_for_a_link_is_sent_as_it_is(visitor: httpx2.Client) -> None:
    rows = [row | {"notes": "n" * 60_000} for row in ROWS * 10]
    answer = upload(visitor, "Noticias de mayo.csv", as_csv(rows))
    assert answer.headers["content-disposition"] == 'attachment; filename="Noticias-de-mayo-scored.csv"'
    assert answer.headers["content-type"].startswith(CSV)
    assert len(list(csv.DictReader(io.StringIO(answer.text)))) == 20


def test_the_script_is_sent_the_page_and_a_large_file_in_one_answer(visitor: httpx2.Client) -> None:
    rows = [row | {"notes": "n" * 60_000} for row in ROWS * 10]
    answer = upload(visitor, "n.csv", as_csv(rows), script="1")
    length = int(answer.headers["x-page-length"])
    assert "Classified</dt> <dd>20</dd>" in answer.content[:length].decode()
    file = answer.content[length:].decode("utf-8-sig")
    assert [row["texto"] for row in csv.DictReader(io.StringIO(file))] == [row["texto"] for row in rows]


def test_the_scored_file_holds_the_visitors_rows_as_excel_reads_them(visitor: httpx2.Client) -> None:
    content = "Título;texto;id\r\nElección;" + RANT.replace(";", ",").replace('"', "") + ";7\r\n"
    (row,) = downloaded(upload(visitor, "n.csv", content.encode()), ";")
    assert (row["Título"], row["id"], row["label"]) == ("Elección", "7", "false")
    assert row["texto"].startswith("WOW!")
    (row,) = downloaded(upload(visitor, "n.tsv", content.replace(";", "\t").encode()), "\t")
    assert row["Título"] == "Elección"


def test_the_first_rows_are_shown_on_the_page(visitor: httpx2.Client) -> None:
    rows = [{"line": "<b>own</b> column", "texto": RANT}, {"line": "", "texto": ""}] + [
        {"line": "", "texto": "Hm."}
    ] * 30
    answer = upload(visitor, "n.csv", as_csv(rows), title_column="line")
    said = words(answer)
    assert "The first 20 rows." in said
    assert "2 <b>own</b> column Likely false 0.0" in said
    assert "<b>own" not in answer.text
    assert re.search("3 . Not classified . ", said)
    assert re.search(r"21 Hm\. No decision too few words 0\.\d\d", said)
    assert "22 Hm." not in said


@pytest.mark.parametrize("name", ["TEXTO", "Cuerpo", "contenido", "Body", "content", "Noticia", "article"])
def test_usual_names_of_columns_are_found(visitor: httpx2.Client, name: str) -> None:
    answer = upload(visitor, "n.csv", as_csv([{"Titular": "Uno", name: RANT}]))
    assert [row["label"] for row in downloaded(answer)] == ["false"]
    assert " Uno Likely false" in words(answer)


def test_columns_are_found_in_upper_and_lower_case_and_long_lists_are_cut(visitor: httpx2.Client) -> None:
    answer = upload(visitor, "n.csv", as_csv([{"MiTexto": RANT}]), text_column="mitexto")
    assert [row["label"] for row in downloaded(answer)] == ["false"]
    many = upload(visitor, "n.csv", as_csv([{f"{'x' * 60}{number}": "1" for number in range(30)}]))
    assert ", ".join([f"{'x' * 39}…"] * 12) + ", …" in words(many)
    assert "x" * 41 not in many.text


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    "columns",
    [
        {"text": ["a" * 200_000] * 900},
        {"text": ["x"] * 2, "much": ["a" * 70_000_000] * 2},
        {"text": ["x"], "much": [[0] * 3_000_000]},
        {"text": pyarrow.array(["a" * 200_000] * 900).dictionary_encode()},
        {"text": ["x"] * 900, "much": pyarrow.array(["a" * 200_000] * 900).dictionary_encode()},
        {"text": ["x"] * 900, "much": [{"a": "a" * 200_000}] * 900},
        {"text": ["x"] * 900, "much": pyarrow.array([b"a" * 200_000] * 900, pyarrow.binary(200_000))},
    ],
    ids=["repeated by reference", "compressed", "nested", "categorical text", "categorical", "struct", "fixed size"],
)
def test_a_parquet_file_that_unpacks_to_a_huge_one_is_refused(visitor: httpx2.Client, columns: dict[str, Any]) -> None:
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), out, compression="zstd")
    answer = upload(visitor, "n.parquet", out.getvalue())
    assert answer.status_code == 422
    assert "too large once unpacked" in words(answer)


def test_a_parquet_file_of_ordinary_columns_is_scored(visitor: httpx2.Client) -> None:
    out = io.BytesIO()
    when = pyarrow.array([1_700_000_000_123_456_789] * 2, pyarrow.timestamp("ns"))
    texts = ["some words about the vote"] * 2
    kind = pyarrow.array(["a", "b"]).dictionary_encode()
    pyarrow.parquet.write_table(pyarrow.table({"text": texts, "when": when, "kind": kind}), out)
    assert upload(visitor, "n.parquet", out.getvalue()).status_code == 200


def test_reloading_the_answer_to_a_file_leads_back_to_the_form(visitor: httpx2.Client) -> None:
    answer = visitor.get("/upload")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/#file"


def test_nothing_given_is_left_on_the_disk(
    visitor: httpx2.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with serve_in_thread(create_app(load_settings())) as served:
        _until_ready(served.client)
        for content in (as_csv(ROWS), b"", b"a\n1\n"):
            upload(served.client, "n.csv", content)
        upload(served.client, "n.csv", as_csv([row | {"notes": "n" * 60_000} for row in ROWS * 20]))
    assert visitor.get("/").status_code == 200
    assert list(tmp_path.iterdir()) == []


# --- its files -------------------------------------------------------------------------------------


def test_no_page_has_inline_code_or_looks_or_anything_of_other_hosts(visitor: httpx2.Client) -> None:
    pages = [
        visitor.get("/"),
        visitor.get("/docs"),
        visitor.get("/model"),
        visitor.get("/nothing", headers={"accept": BROWSER}),
        visitor.put("/"),
        visitor.post("/", data={"text": DISPATCH}),
        visitor.post("/", data={"text": ""}),
        upload(visitor, "n.csv", as_csv(ROWS)),
    ]
    for page in pages:
        assert not re.search(r"<style|\sstyle=|<script>|\son[a-z]+=|javascript:", page.text)
        assert not re.search(r"""(?:src|href|action)=["'](?!/[^/]|/"|\?|\#|data:text/csv)""", page.text)
        assert "unsafe" not in page.headers["content-security-policy"]


def test_every_file_that_a_page_names_is_served_to_be_kept_for_ever(visitor: httpx2.Client) -> None:
    pages = visitor.get("/").text + visitor.get("/docs").text
    names = set(re.findall(r'"(/static/[^"]*)"', pages))
    assert len(names) >= 8
    for name in names:
        answer = visitor.get(name)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].partition(";")[0] in ("text/css", "text/javascript", "image/svg+xml")
        assert hashlib.sha256(answer.content).hexdigest().startswith(name.split("/")[2])
        plain = visitor.get(name, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == answer.content


def test_files_are_sent_compressed_to_whom_can_read_them(visitor: httpx2.Client) -> None:
    name = re.findall(r'"(/static/[^"]*pico[^"]*)"', visitor.get("/").text)[0]
    with visitor.stream("GET", name, headers={"accept-encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == (FOLDER / "vendor/pico.min.css").read_bytes()


def test_only_files_that_there_are_can_be_named(visitor: httpx2.Client) -> None:
    (page,) = re.findall(r'"/static/([0-9a-f]+)/page.js"', visitor.get("/").text)
    for path in (
        f"/static/{page}/app.css",
        f"/static/{page}/nothing.js",
        f"/static/{page}/../page.py",
        f"/static/{page}/..%2F..%2Fpage.py",
        f"/static/{page}/%2Fetc%2Fpasswd",
        f"/static/{page}/vendor/LICENSES.md",
        f"/static/{page}/",
        "/static/",
        "/static",
    ):
        assert visitor.get(path, follow_redirects=True).status_code == 404


def test_vendored_files_are_those_of_the_list() -> None:
    listed = dict(
        re.findall(
            r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", (FOLDER / "vendor/LICENSES.md").read_text(), re.MULTILINE
        )
    )
    files = {path.name: path for path in (FOLDER / "vendor").iterdir() if path.name != "LICENSES.md"}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == listed


def test_the_page_is_no_part_of_the_apis_document(visitor: httpx2.Client) -> None:
    paths = visitor.get("/openapi.json").json()["paths"]
    assert not {"/", "/upload", "/docs", "/model", "/static/{digest}/{name}"} & set(paths)


# --- its words -------------------------------------------------------------------------------------


def test_examples_are_the_same_in_every_language() -> None:
    assert {tuple(examples(language)) for language in LANGUAGES} == {("dispatch", "rant", "unclear")}


# --- encodings and shares --------------------------------------------------------------------------


@pytest.mark.parametrize("charset", ["punycode", "unicode_escape", "utf-16", "latin-1"])
@pytest.mark.parametrize("path", ["/", "/upload"])
def test_a_form_in_another_encoding_than_utf_8_is_refused_unread(
    visitor: httpx2.Client, charset: str, path: str
) -> None:
    content = b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nx-' + b"a" * 300_000 + b"\r\n--b--\r\n"
    answer = visitor.post(
        path, content=content, headers={"content-type": f"multipart/form-data; boundary=b; charset={charset}"}
    )
    assert answer.status_code == 415


def test_a_form_that_says_it_is_utf_8_is_read(visitor: httpx2.Client) -> None:
    content = '--b\r\nContent-Disposition: form-data; name="text"\r\n\r\nñandú\r\n--b--\r\n'.encode()
    answer = visitor.post(
        "/", content=content, headers={"content-type": 'multipart/form-data; boundary=b; charset="UTF-8"'}
    )
    assert answer.status_code == 200
    assert "ñandú" in answer.text
