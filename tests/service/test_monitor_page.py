"""``/monitor`` over real HTTP: what it shows of a report, and what becomes of alarms and of texts to label."""

import csv
import io
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx2
import msgspec
import pytest
from tests.report.reports import MADE_AT, finding, report
from tests.service.conftest import DISPATCH, RANT, V1, Served, Start, wait_until
from tests.service.monitored import DRAWN, fill
from tests.service.test_admission import keys
from tests.service.test_page import words
from tests.service.test_sign_in import sign_in, token_of

from falsetrue.monitor.findings import State, Subject

MONITOR = "/monitor"
LAST_TESTED = date(2026, 11, 21)


@pytest.fixture
def watched(start: Start, tmp_path: Path) -> Iterator[httpx2.Client]:
    """A client, who reads English, of a service in which three changes were found, and three texts were drawn."""
    fill(tmp_path)
    served = start(FALSETRUE_STATE_FOLDER=str(tmp_path), FALSETRUE_AUDIT="on")
    with client_of(served) as client:
        yield client


@pytest.fixture(scope="module")
def seen(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """The same, for tests that change nothing."""
    folder = tmp_path_factory.mktemp("seen")
    fill(folder)
    with client_of(start(FALSETRUE_STATE_FOLDER=str(folder), FALSETRUE_AUDIT="on")) as client:
        yield client


def client_of(served: Served) -> httpx2.Client:
    return httpx2.Client(base_url=served.url, timeout=20, trust_env=False, headers={"accept-language": "en"})


def table(client: httpx2.Client, name: str) -> list[dict[str, str]]:
    answer = client.get(MONITOR, params={"csv": name})
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def alarm_ids(client: httpx2.Client) -> list[str]:
    return re.findall(r'name="alarm" value="([^"]+)"', client.get(MONITOR).text)


def top_of(answer: httpx2.Response) -> str:
    found = re.search(r'<h2 id="top-heading">(?:<svg.*?</svg>)?(.*?)</h2>', answer.text, re.DOTALL)
    assert found
    return found[1]


def item_id(answer: httpx2.Response) -> str:
    found = re.search(r'name="item" value="([^"]+)"', answer.text)
    assert found
    return found[1]


# --- before anything was found ---------------------------------------------------------------------


def test_without_a_report_the_page_says_how_to_get_one(client: httpx2.Client) -> None:
    said = words(client.get(MONITOR))
    assert "No report yet" in said
    assert "falsetrue monitor watch --every 1h" in said
    assert "Harm alarms have no data" in said
    assert "FALSETRUE_AUDIT=on" in said


def test_without_a_journal_it_says_that_there_is_nothing_to_watch(start: Start) -> None:
    served = start(FALSETRUE_JOURNAL="no")
    answer = served.client.get(MONITOR)
    assert answer.status_code == 200
    assert "keeps no journal" in words(answer)
    assert served.client.get(MONITOR, params={"csv": "days"}).status_code == 404
    assert served.client.post(MONITOR, data={"alarm": "x"}).status_code == 404


def test_a_database_that_is_away_is_said(start: Start, tmp_path: Path) -> None:
    fill(tmp_path)
    served = start(FALSETRUE_STATE_FOLDER=str(tmp_path), FALSETRUE_JOURNAL_WHEN_DOWN="degrade")
    other = sqlite3.connect(tmp_path / "falsetrue.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        assert '"journaled":false' in served.client.post(V1, json={"items": [{"text": DISPATCH}]}).text
        wait_until(lambda: "The journal cannot be read" in words(served.client.get(MONITOR)), "it is away")
        assert served.client.post(MONITOR, data={"alarm": "x"}).status_code == 503
    finally:
        other.close()
    wait_until(lambda: "Critical: Errors" in words(served.client.get(MONITOR)), "it is back")


def test_a_quiet_report_says_that_there_is_nothing_to_do(start: Start, tmp_path: Path) -> None:
    fill(tmp_path, report())
    said = words(start(FALSETRUE_STATE_FOLDER=str(tmp_path)).client.get(MONITOR))
    assert "Nothing to do" in said
    assert "No alarm is open." in said
    assert "Harm alarms have no data" in said


# --- a report ----------------------------------------------------------------------------------------


def test_the_gravest_change_stands_first_with_what_to_do(seen: httpx2.Client) -> None:
    answer = seen.get(MONITOR)
    said = words(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert "Critical: Errors found by labels, all texts" in said
    assert "First: Go back to the version before." in said
    assert re.search(r"0\.8.%? ?of 5 % this year", said)
    assert "Open alarms 3 3 not seen Changes in the last look 3 of 4 1 had too little" in said
    alarms = re.findall(r'<details class="alarm (\w+)"', answer.text)
    assert alarms == ["critical", "warning", "warning"]


@pytest.mark.parametrize(("days", "is_old"), [(0, False), (3, True)])
def test_a_report_that_is_old_is_said_to_be(start: Start, tmp_path: Path, days: int, *, is_old: bool) -> None:
    fill(tmp_path, report(made_at=datetime.now(UTC) - timedelta(days=days)))
    said = words(start(FALSETRUE_STATE_FOLDER=str(tmp_path)).client.get(MONITOR))
    assert ("nobody has looked since" in said) is is_old


def test_watches_estimates_scores_and_days_are_there_with_their_figures(seen: httpx2.Client) -> None:
    answer = seen.get(MONITOR)
    said = words(answer)
    assert re.search(r"Share called false share of texts changed · alarm.* 30\.0.% 36\.0.% \[33\.0.%, 39\.0.%\]", said)
    assert "not enough labels: 40 of 100" in said
    assert "91.0\xa0% [86.0\xa0%, 95.0\xa0%]" in answer.text
    assert answer.text.count('<svg class="spark"') == 2
    assert '<tr data-mark="20261101T000000Z-aaaa">' in answer.text
    assert '<tr data-low="0.9" data-high="1.0">' in answer.text
    assert "take the model&#39;s probabilities at their word" in answer.text


def test_every_jump_leads_somewhere_and_says_how_many_wait(seen: httpx2.Client) -> None:
    text = seen.get(MONITOR).text
    jumps = re.search(r'<nav class="jumps".*?</nav>', text, re.DOTALL)
    assert jumps
    assert ">3 open alarms<" in jumps[0]
    assert ">3 wait for a label<" in jumps[0]
    targets = re.findall(r'href="#([^"]+)"', text)
    assert set(targets) <= set(re.findall(r' id="([^"]+)"', text))


def test_watches_are_grouped_by_whose_texts_they_are_of_and_style_is_apart(start: Start, tmp_path: Path) -> None:
    spanish = Subject(language="es")
    findings = (finding("style.capitals"), finding("words", subject=spanish), finding("score", State.DRIFT))
    fill(tmp_path, report(findings=findings))
    said = words(start(FALSETRUE_STATE_FOLDER=str(tmp_path)).client.get(MONITOR))
    order = ["all texts 1 of 1 changed", "all texts: style 0 of 1 changed", "texts in Spanish 0 of 1 changed"]
    assert sorted(order, key=said.index) == order


# --- a look that had too little ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def scarce(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """Two looks that found changes, and one the day after that had too little for any watch."""
    folder = tmp_path_factory.mktemp("scarce")
    before = MADE_AT - timedelta(days=1)
    topic = finding(
        "topic", State.DRIFT, subject=Subject(language="es"), current=0.5, since=date(2026, 11, 20), until=LAST_TESTED
    )
    found = (finding("called_false", State.DRIFT), topic)
    empty = {"current": None, "baseline": None, "size": None, "corrected": None, "texts": 30}
    nothing = [msgspec.structs.replace(each, state=State.INSUFFICIENT, **empty) for each in found]
    fill(
        folder,
        report(findings=found, made_at=before - timedelta(days=1), until=before - timedelta(days=1)),
        report(findings=found, made_at=before, until=before),
        report(findings=tuple(nothing), texts=30),
    )
    with client_of(start(FALSETRUE_STATE_FOLDER=str(folder))) as client:
        yield client


def test_the_headline_is_of_what_is_open_although_the_look_had_too_little(scarce: httpx2.Client) -> None:
    answer = scarce.get(MONITOR)
    said = words(answer)
    heading = re.search(r'<h2 id="top-heading">.*?</h2>', answer.text, re.DOTALL)
    assert heading
    assert "Warning: " in heading[0]
    assert "2 alarms are open, 2 of which nobody has seen." in said
    assert "Changes in the last look 0 of 0 2 had too little" in said


def test_a_watch_that_had_too_little_shows_its_last_test_and_when_it_was(scarce: httpx2.Client) -> None:
    said = words(scarce.get(MONITOR))
    assert re.search(r"Topics .*tested until 2026-11-21 30\.0.% 50\.0.%", said)
    assert [each["state"] for each in table(scarce, "watches")] == ["insufficient_data"] * 2


def test_a_language_has_a_line_of_what_each_look_found(scarce: httpx2.Client) -> None:
    rows = re.findall(r"<tr[^>]*><th scope=\"row\">Topics.*?</tr>", scarce.get(MONITOR).text)
    assert [row.count('<svg class="spark"') for row in rows] == [1]


def test_an_alarm_tells_the_days_of_its_texts_or_of_the_looks_where_nobody_knows(scarce: httpx2.Client) -> None:
    said = words(scarce.get(MONITOR))
    assert re.search(r"Warning: Topics, texts in Spanish 30.0.% → 50.0.% in the texts of 2026-11-21", said)
    assert re.search(
        r"Warning: Share called false, all texts 30.0.% → 36.0.% found from 2026-11-21 to 2026-11-22", said
    )


# --- files -------------------------------------------------------------------------------------------


def test_it_is_in_spanish_too(seen: httpx2.Client) -> None:
    said = words(seen.get(MONITOR, headers={"accept-language": "es"}))
    assert "Crítico: Errores hallados con etiquetas, todos los textos" in said
    assert re.search(r"0,8.%? ?de 5 % este año", said)
    assert "Marcar como vista" in said
    for english in ("Baseline", "Watch", "Alarm ", "Labelled", "texts"):
        assert english not in said


def test_every_table_is_there_as_a_file(seen: httpx2.Client) -> None:
    watches = table(seen, "watches")
    assert [each["watch"] for each in watches] == ["called_false", "oov", "harm", "score", "topic"]
    assert watches[0]["current"] == "0.36"
    assert watches[4]["language"] == "es"
    assert table(seen, "days")[8]["version_began"] == "20261101T000000Z-aaaa"
    assert sum(int(each["texts"]) for each in table(seen, "scores")) == 2310
    assert [each["labels"] for each in table(seen, "estimates")] == ["240", "40", "0"]
    assert {each["watch"] for each in table(seen, "alarms")} == {"called_false", "harm", "topic"}
    assert seen.get(MONITOR, params={"csv": "all"}).status_code == 422


# --- alarms ------------------------------------------------------------------------------------------


def test_an_alarm_is_acknowledged_with_a_note_that_stays(watched: httpx2.Client) -> None:
    before = alarm_ids(watched)
    assert len(before) == 3
    assert "Errors found by labels" in top_of(watched.get(MONITOR))
    hostile = "=1+1 <script>"
    for identifier in before:
        answer = watched.post(MONITOR, data={"alarm": identifier, "note": hostile})
        assert (answer.status_code, answer.headers["location"]) == (303, "/monitor#alarms")
    page = watched.get(MONITOR)
    assert "<script>alert" not in page.text
    assert "=1+1 &lt;script&gt;" in page.text
    assert "acknowledged, anonymous: =1+1 <script>" in words(page)
    assert len(alarm_ids(watched)) == 2  # one that goes by a detector ends with that, and is not the headline any more
    assert "Errors found by labels" not in top_of(page)
    rows = table(watched, "alarms")
    assert {each["acknowledged_by"] for each in rows} == {"anonymous"}
    assert {each["notes"] for each in rows} == {"'=1+1 <script>"}


@pytest.mark.parametrize("alarm", ["no-such-alarm", "x" * 5000, "\x00"])
def test_an_alarm_that_is_not_there_is_refused_in_words(seen: httpx2.Client, alarm: str) -> None:
    answer = seen.post(MONITOR, data={"alarm": alarm})
    assert answer.status_code == 409
    assert "This alarm is not there any more." in words(answer)


# --- texts to label ----------------------------------------------------------------------------------


def test_texts_are_labelled_one_after_the_other_and_the_verdict_is_hidden_until_then(watched: httpx2.Client) -> None:
    page = watched.get(MONITOR)
    assert "You won&#39;t BELIEVE" in page.text
    assert "The model said" not in words(page)
    first = item_id(page)
    answer = watched.post(MONITOR, data={"item": first, "label": "false"})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/monitor?labelled={first}#audit"
    led = watched.get(answer.headers["location"])
    said = words(led)
    assert "You said: false. The model said: Likely false (p_real 0.03)." in said
    assert RANT[:20] not in said
    assert "Norway's central bank" in said
    assert "Labelled 1" in said


def test_a_text_that_nobody_can_tell_keeps_its_verdict_hidden(watched: httpx2.Client) -> None:
    item = item_id(watched.get(MONITOR))
    led = watched.get(watched.post(MONITOR, data={"item": item, "label": "unclear"}).headers["location"])
    assert "Noted that nobody can tell." in words(led)
    assert "The model said:" not in words(led)
    assert "Nobody can tell 1" in words(led)


def test_what_was_not_labelled_is_not_revealed(seen: httpx2.Client) -> None:
    item = item_id(seen.get(MONITOR))
    for asked in (item, "no-such-item", "x" * 3000):
        answer = seen.get(MONITOR, params={"labelled": asked})
        assert answer.status_code == 200
        assert "The model said" not in words(answer)
        assert 'class="revealed' not in answer.text


@pytest.mark.parametrize("sent", [{"item": "nothing", "label": "real"}, {"label": "real"}, {}])
def test_a_label_for_no_text_of_the_sample_is_refused_in_words(seen: httpx2.Client, sent: dict[str, str]) -> None:
    answer = seen.post(MONITOR, data=sent)
    assert answer.status_code == 409
    assert "This text cannot be labelled" in words(answer)


def test_a_label_stands_and_no_other_word_is_one(watched: httpx2.Client) -> None:
    item = item_id(watched.get(MONITOR))
    assert watched.post(MONITOR, data={"item": item, "label": "perhaps"}).status_code == 409
    assert watched.post(MONITOR, data={"item": item, "label": "false"}).status_code == 303
    assert watched.post(MONITOR, data={"item": item, "label": "real"}).status_code == 409
    assert "You said: false" in words(watched.get(MONITOR, params={"labelled": item}))


def test_what_was_sent_is_not_read_as_markup_and_names_its_language(watched: httpx2.Client) -> None:
    for _ in range(2):
        watched.post(MONITOR, data={"item": item_id(watched.get(MONITOR)), "label": "real"})
    page = watched.get(MONITOR)
    assert "Otro &lt;i&gt;titular&lt;/i&gt;" in page.text
    assert re.search(r'class="said"[^>]* lang="es"', page.text)
    watched.post(MONITOR, data={"item": item_id(page), "label": "unclear"})
    assert "No text waits for a label." in words(watched.get(MONITOR))
    assert len(DRAWN) == 3


def test_refusals_are_told_as_possible_bias(seen: httpx2.Client) -> None:
    said = words(seen.get(MONITOR))
    assert "Not kept, as the caller wished 1 (25.0 %)" in said
    assert "what the labels say leans that way" in said


# --- who may -----------------------------------------------------------------------------------------


def test_the_page_is_for_operators_alone_and_its_forms_are_of_their_sessions(start: Start, tmp_path: Path) -> None:
    fill(tmp_path)
    made = {name: keys(tmp_path, "create", "--name", name, "--scopes", name) for name in ("admin", "classify", "read")}
    served = start(FALSETRUE_STATE_FOLDER=str(tmp_path), FALSETRUE_AUDIT="on")
    for name, status in (("classify", 403), ("read", 403), ("admin", 200)):
        assert served.client.get(MONITOR, headers={"x-api-key": made[name]}).status_code == status
        assert served.client.get(f"{MONITOR}?csv=days", headers={"x-api-key": made[name]}).status_code == status
    assert served.client.get(MONITOR).headers["location"] == "/sign-in?to=/monitor"
    with client_of(served) as client:
        answer = sign_in(client, made["admin"], to=MONITOR)
        assert answer.headers["location"] == MONITOR
        page = client.get(MONITOR)
        sent = {"alarm": alarm_ids(client)[0], "note": "seen"}
        assert client.post(MONITOR, data=sent).status_code == 403
        assert client.post(MONITOR, data=sent | {"token": "wrong"}).status_code == 403
        assert client.post(MONITOR, data=sent | {"token": token_of(page)}).status_code == 303
        assert "acknowledged, admin: seen" in words(client.get(MONITOR))
        assert ">Monitoring</a>" in client.get("/").text


def test_a_form_of_another_site_is_refused(seen: httpx2.Client) -> None:
    sent = {"item": item_id(seen.get(MONITOR)), "label": "false"}
    answer = seen.post(MONITOR, data=sent, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert "Labelled 0" in words(seen.get(MONITOR))
