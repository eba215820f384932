"""``/v1``: verdicts, per-item errors, policies, and problems."""

import json
import math
import re
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.service.conftest import DISPATCH, LEGACY, MARK, RANT, V1, Served, Start

JSON = {"content-type": "application/json"}


def post(client: httpx2.Client, body: object, **headers: str) -> httpx2.Response:
    return client.post(V1, content=json.dumps(body).encode(), headers=JSON | headers)


def classify(client: httpx2.Client, *items: dict[str, Any], **more: Any) -> Any:
    answer = post(client, {"items": list(items), **more})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def said(result: dict[str, Any]) -> dict[str, Any]:
    """What is said of an item, which is the same every time, but for the identifier."""
    return {name: value for name, value in result.items() if name != "prediction_id"}


def check_problem(answer: httpx2.Response, status: int, code: str) -> Any:
    """An RFC 9457 problem in every particular; returns it."""
    problem = answer.json()
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"urn:falsetrue:problem:{code}"
    assert problem["title"] == HTTPStatus(status).phrase
    assert problem["status"] == status
    assert problem["detail"]
    assert set(problem) <= {"type", "title", "status", "detail", "where"}
    assert MARK not in answer.text
    return problem


# --- what is answered ------------------------------------------------------------------------------


def test_an_answer_has_exactly_the_documented_fields(client: httpx2.Client) -> None:
    answer = classify(client, {"text": DISPATCH})
    assert set(answer) == {"model", "policy", "results"}
    assert set(answer["model"]) == {"name", "version"}
    fields = {"prediction_id", "id", "label", "is_falsetrue", "p_real", "action", "reasons", "language", "error"}
    assert set(answer["results"][0]) == fields


@pytest.mark.parametrize(
    ("asked", "answered"), [("auto", "en"), ("es", "es"), ("es-MX", "es"), ("EN", "en"), ("de", "de")]
)
def test_a_language_is_found_or_believed(client: httpx2.Client, asked: str, answered: str) -> None:
    (found,) = classify(client, {"text": DISPATCH, "language": asked})["results"]
    assert found["language"] == answered
    assert ("unsupported_language" in found["reasons"]) == (answered == "de")


@pytest.mark.parametrize("language", [None, "und"])
def test_a_language_that_nobody_knows_is_found(client: httpx2.Client, language: str | None) -> None:
    (found,) = classify(client, {"text": DISPATCH, "language": language})["results"]
    assert (found["language"], found["reasons"]) == ("en", [])


@pytest.mark.parametrize("language", ["", "en\n", "english please", "e", "x" * 40, 7])
def test_a_language_that_is_none_is_refused(client: httpx2.Client, language: Any) -> None:
    body = {"items": [{"text": DISPATCH, "language": language}]}
    response = client.post("/v1/classifications", json=body)
    assert response.status_code == 422


def test_a_dispatch_passes_a_rant_is_flagged_and_a_scrap_is_reviewed(client: httpx2.Client) -> None:
    found = classify(client, {"text": DISPATCH}, {"text": RANT}, {"text": "Hello there."})["results"]
    assert [(one["label"], one["is_falsetrue"], one["action"]) for one in found] == [
        ("real", 1, "pass"),
        ("false", 0, "flag"),
        ("unsure", None, "review"),
    ]


def test_only_unsure_has_reasons(client: httpx2.Client) -> None:
    found = classify(client, {"text": DISPATCH}, {"text": RANT}, {"text": "Hello there."})["results"]
    assert [one["reasons"] for one in found[:2]] == [[], []]
    assert "too_short" in found[2]["reasons"]


def test_p_real_is_a_probability_and_agrees_with_the_label(client: httpx2.Client) -> None:
    policy = client.get("/v1/model").json()["policy"]
    real, false = classify(client, {"text": DISPATCH}, {"text": RANT})["results"]
    assert policy["real_above"] < real["p_real"] <= 1
    assert 0 <= false["p_real"] < policy["false_below"]


def test_both_routes_say_the_same_of_one_text(client: httpx2.Client) -> None:
    texts = [DISPATCH, RANT, "", DISPATCH[:60], RANT[:60], "¿Qué pasó ayer en Bogotá?"]
    legacy = client.post(LEGACY, json={"texts": texts}).json()["is_falsetrue"]
    results = classify(client, *({"text": text} for text in texts))["results"]
    assert [int(one["p_real"] > 0.5) for one in results if not one["error"]] == legacy[:2] + legacy[3:]


def test_the_title_is_joined_to_the_text_as_in_training(client: httpx2.Client) -> None:
    joined, apart = classify(client, {"text": f"{RANT} , {DISPATCH}"}, {"title": RANT, "text": DISPATCH})["results"]
    assert joined["p_real"] == apart["p_real"]


@pytest.mark.parametrize("title", [None, "", " \t"], ids=["null", "empty", "blank"])
def test_a_title_that_says_nothing_changes_nothing(client: httpx2.Client, title: str | None) -> None:
    without, with_it = classify(client, {"text": DISPATCH}, {"title": title, "text": DISPATCH})["results"]
    assert said(without) == said(with_it)


def test_ids_are_given_back_as_they_are_even_twice_the_same(client: httpx2.Client) -> None:
    ids = ["a", "a", None, "", "ñ\u0000\u2028😀", "x" * 5000]
    found = classify(client, *({"id": one, "text": RANT} for one in ids))["results"]
    assert [one["id"] for one in found] == ids


def test_the_model_that_answers_is_named(client: httpx2.Client) -> None:
    said = classify(client)["model"]
    model = client.get("/v1/model").json()
    assert said == {"name": model["name"], "version": model["version"]}


def test_no_items_have_no_results(client: httpx2.Client) -> None:
    assert classify(client)["results"] == []


def test_the_model_says_its_limits_and_policies(client: httpx2.Client) -> None:
    model = client.get("/v1/model").json()
    assert model["limits"] == {"items": 128, "text_bytes": 50_000, "body_bytes": 8 * 1024 * 1024}
    assert model["policies"] == ["default@1"]
    assert model["compiled"] is True
    assert model["corpora"]


# --- items that cannot be classified ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"text": ""}, "empty"),
        ({"text": " \n\t\u2003"}, "empty"),
        ({"title": "A title alone", "text": ""}, "empty"),
        ({"text": "x" * 50_001}, "too_long"),
        ({"text": "é" * 25_001}, "too_long"),
        ({"text": "😀" * 12_501}, "too_long"),
        ({"title": "t" * 100, "text": "x" * 49_898}, "too_long"),
    ],
    ids=["empty", "blank", "no-text", "ascii-bytes", "two-byte-characters", "four-byte-characters", "with-its-title"],
)
def test_one_bad_item_has_an_error_and_the_others_are_answered(
    client: httpx2.Client, item: dict[str, str], code: str
) -> None:
    first, bad, last = classify(client, {"text": DISPATCH}, {"id": "bad", **item}, {"text": RANT})["results"]
    assert (first["label"], last["label"]) == ("real", "false")
    assert bad["error"]["code"] == code
    assert bad["error"]["message"]
    rest = {name: value for name, value in bad.items() if name not in ("id", "error", "reasons")}
    assert bad["id"] == "bad"
    assert set(rest.values()) == {None}


@pytest.mark.parametrize("text", ["x" * 50_000, "é" * 25_000, "😀" * 12_500], ids=["ascii", "two-byte", "four-byte"])
def test_a_text_of_exactly_50000_bytes_is_answered(client: httpx2.Client, text: str) -> None:
    assert classify(client, {"text": text})["results"][0]["error"] is None


def test_128_items_are_answered(client: httpx2.Client) -> None:
    assert len(classify(client, *[{"text": RANT}] * 128)["results"]) == 128


def test_129_items_are_413(client: httpx2.Client) -> None:
    problem = check_problem(post(client, {"items": [{"text": MARK}] * 129}), 413, "too_many_items")
    assert problem["where"] == ["items"]


# --- explanations ----------------------------------------------------------------------------------


def test_no_result_has_an_explanation_unless_asked(client: httpx2.Client) -> None:
    silent = classify(client, {"text": RANT}, explain=False)["results"]
    assert list(map(said, silent)) == list(map(said, classify(client, {"text": RANT})["results"]))
    assert "explanation" not in silent[0]


def test_an_explanation_sums_to_the_log_odds_of_the_probability(client: httpx2.Client) -> None:
    title, text = "Señal 👩‍🚀 de hoy", f"{RANT}\r\n\r\n{DISPATCH}"
    (result,) = classify(client, {"title": title, "text": text}, explain=True)["results"]
    found = result["explanation"]
    assert set(found) == {"log_odds", "base", "spans", "sentences", "masked"}
    p_real = result["p_real"]
    assert found["log_odds"] == pytest.approx(math.log(p_real / (1 - p_real)), abs=1e-6)
    assert found["base"] + sum(span["contribution"] for span in found["spans"]) == pytest.approx(found["log_odds"])
    sent = {"title": title, "text": text}
    for span in found["spans"]:
        assert set(span) == {"field", "start", "end", "contribution"}
        assert span["contribution"] != 0
        assert re.fullmatch(r"\w\w+", sent[span["field"]][span["start"] : span["end"]])
    pieces = [sent[each["field"]][each["start"] : each["end"]] for each in found["sentences"]]
    assert "".join(pieces) == title + text


def test_an_explanation_changes_nothing_else(client: httpx2.Client) -> None:
    items = [{"id": "a", "title": "A title", "text": RANT}, {"text": "Hello there."}, {"text": ""}]
    explained = classify(client, *items, explain=True)["results"]
    assert [result.pop("explanation") is None for result in explained] == [False, False, True]
    assert list(map(said, explained)) == list(map(said, classify(client, *items)["results"]))


def test_only_so_much_is_explained_at_once(client: httpx2.Client) -> None:
    items = [{"text": "it " * 16_000}] * 20
    assert len(classify(client, *items, explain=True)["results"]) == 20
    items = [{"text": "it " * 16_000}] * 21
    problem = check_problem(post(client, {"items": items, "explain": True}), 413, "body_too_large")
    assert problem["where"] == ["items"]
    assert len(classify(client, *items)["results"]) == 21


def test_a_model_that_cannot_explain_says_so_and_answers(start: Start, trained: Callable[[str], Path]) -> None:
    served = start("--model", str(trained("deployed")))
    (result,) = classify(served.client, {"text": RANT}, explain=True)["results"]
    assert (result["explanation"], result["explanation_unavailable"]) == (None, "not_linear")
    assert result["label"]


# --- policies --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_policies(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = tmp_path_factory.mktemp("policies")
    write_policy(folder, "newsroom@1", "false_below = 0.0\nreal_above = 1.0")
    write_policy(
        folder,
        "newsroom@2",
        'false_below = 0.999\nreal_above = 0.9999\n[actions]\nfalse = "spike"\nunsure = "ask"\nreal = "print"',
    )
    write_policy(folder, "rare@1", f"false_below = 0.2\nreal_above = 0.8\n[fitted]\n{FITTED_AT}")
    return start(FALSETRUE_POLICIES_FOLDER=str(folder))


#: What a fitted policy says of itself, at a prevalence of 0.05.
FITTED_AT = """\
model = "news@1"
at = "2026-01-02T03:04:05Z"
targets = ["precision=0.95"]
confidence = 0.9
prevalence = 0.05
labelled = "labelled.csv"
labelled_sha256 = "00"
trained_on = false
rows = 1000
bands = []
"""


def write_policy(folder: Path, name: str, content: str) -> None:
    (folder / f"{name}.toml").write_text(content, encoding="utf-8")


@pytest.mark.parametrize(
    ("asked", "used", "label", "action"),
    [
        (None, "default@1", "real", "pass"),
        ("default", "default@1", "real", "pass"),
        ("newsroom@1", "newsroom@1", "unsure", "review"),
        ("newsroom@2", "newsroom@2", "false", "spike"),
        ("newsroom", "newsroom@2", "false", "spike"),
    ],
    ids=["none", "models-own", "first-version", "second-version", "newest"],
)
def test_a_policy_decides(with_policies: Served, asked: str | None, used: str, label: str, action: str) -> None:
    answer = classify(with_policies.client, {"text": DISPATCH}, policy=asked)
    assert answer["policy"] == used
    assert (answer["results"][0]["label"], answer["results"][0]["action"]) == (label, action)


def test_the_policies_of_the_folder_are_listed(with_policies: Served) -> None:
    assert with_policies.client.get("/v1/model").json()["policies"] == [
        "default@1",
        "newsroom@1",
        "newsroom@2",
        "rare@1",
    ]


@pytest.mark.parametrize("asked", [MARK, f"default@{MARK}", "newsroom@3", "default@1 "])
def test_an_unknown_policy_is_422_naming_the_known_ones_and_not_itself(with_policies: Served, asked: str) -> None:
    problem = check_problem(post(with_policies.client, {"items": [], "policy": asked}), 422, "unknown_policy")
    assert problem["where"] == ["policy"]
    for known in ("default@1", "newsroom@1", "newsroom@2"):
        assert known in problem["detail"]
    assert repr(asked) not in problem["detail"]


# --- prevalence ------------------------------------------------------------------------------------


def test_a_prevalence_adjusts_the_probability_and_gives_the_old_one_back(client: httpx2.Client) -> None:
    plain = classify(client, {"text": DISPATCH}, {"text": RANT}, {"text": ""})["results"]
    rare = classify(client, {"text": DISPATCH}, {"text": RANT}, {"text": ""}, prevalence=0.01)["results"]
    often = classify(client, {"text": DISPATCH}, {"text": RANT}, {"text": ""}, prevalence=0.99)["results"]
    for before, low, high in zip(plain[:2], rare[:2], often[:2], strict=True):
        assert not {"prevalence", "p_real_unadjusted"} & set(before)
        assert low["p_real_unadjusted"] == high["p_real_unadjusted"] == before["p_real"]
        assert (low["prevalence"], high["prevalence"]) == (0.01, 0.99)
        assert high["p_real"] < before["p_real"] < low["p_real"]
    assert rare[2]["error"]["code"] == "empty"
    assert (rare[2]["prevalence"], rare[2]["p_real_unadjusted"]) == (None, None)


def test_the_policy_is_applied_to_the_adjusted_probability(client: httpx2.Client) -> None:
    (before,) = classify(client, {"text": RANT})["results"]
    (after,) = classify(client, {"text": RANT}, prevalence=1e-6)["results"]
    assert (before["label"], after["label"]) == ("false", "real")


def test_a_policy_fitted_at_a_prevalence_is_applied_there_unless_another_is_asked_for(with_policies: Served) -> None:
    (fitted,) = classify(with_policies.client, {"text": RANT}, policy="rare")["results"]
    (asked,) = classify(with_policies.client, {"text": RANT}, policy="rare", prevalence=0.4)["results"]
    assert (fitted["prevalence"], asked["prevalence"]) == (0.05, 0.4)


def test_what_a_policy_may_not_keep_with_this_model_is_said_and_nothing_else_is(with_policies: Served) -> None:
    answer = classify(with_policies.client, policy="rare", prevalence=0.4)
    model, prevalence = answer["warnings"]
    assert f"was fitted on the model news@1, not on {answer['model']['name']}@{answer['model']['version']}" in model
    assert "was fitted at prevalence 0.05, not at prevalence 0.4" in prevalence
    assert len(classify(with_policies.client, policy="rare")["warnings"]) == 1
    assert "warnings" not in classify(with_policies.client, policy="newsroom")


@pytest.mark.parametrize("prevalence", [0, 1, 0.0, 1.0, -0.5, 2, 1e300, "0.5", True, [0.5]])
def test_a_prevalence_that_is_no_share_is_422(client: httpx2.Client, prevalence: object) -> None:
    problem = check_problem(post(client, {"items": [], "prevalence": prevalence}), 422, "invalid_body")
    assert problem["where"] == ["prevalence"]


# --- problems --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"items": [], MARK: 1}, None),
        ({"items": [{"text": "a", MARK: MARK}]}, None),
        ({}, None),
        ({"items": MARK}, ["items"]),
        ({"items": [MARK]}, ["items"]),
        ({"items": [{}]}, ["items"]),
        ({"items": [{"text": [MARK]}]}, ["items", "text"]),
        ({"items": [{"text": MARK, "id": 7}]}, ["items", "id"]),
        ({"items": [{"text": MARK, "title": 7}]}, ["items", "title"]),
        ({"items": [], "policy": [MARK]}, ["policy"]),
        ({"items": [], "explain": MARK}, ["explain"]),
    ],
    ids=[
        "unknown-field",
        "unknown-field-of-an-item",
        "no-items",
        "items-a-string",
        "item-a-string",
        "item-without-text",
        "text-a-list",
        "id-a-number",
        "title-a-number",
        "policy-a-list",
        "explain-a-string",
    ],
)
def test_a_wrong_body_is_422_and_says_where(client: httpx2.Client, body: object, where: list[str] | None) -> None:
    problem = check_problem(post(client, body), 422, "invalid_body")
    if where is not None:
        assert [part for part in problem["where"] if not isinstance(part, int)] == where


@pytest.mark.parametrize(
    "declared",
    ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonp", "nonsense", ""],
)
def test_another_content_type_is_415(client: httpx2.Client, declared: str) -> None:
    check_problem(post(client, {"items": []}, **{"content-type": declared}), 415, "unsupported_media_type")


def test_no_content_type_is_415(client: httpx2.Client) -> None:
    check_problem(client.post(V1, content=b'{"items":[]}'), 415, "unsupported_media_type")


@pytest.mark.parametrize("declared", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;x"])
def test_a_content_type_may_have_parameters_and_any_case(client: httpx2.Client, declared: str) -> None:
    assert post(client, {"items": []}, **{"content-type": declared}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/nothing", "/v1/classifications/1", "/../etc/passwd", "/%2e%2e/x", f"/{MARK}"]
)
def test_a_path_that_is_not_there_is_404(client: httpx2.Client, path: str) -> None:
    check_problem(client.get(path), 404, "http_404")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", V1, {"GET", "HEAD", "POST"}),
        ("OPTIONS", V1, {"GET", "HEAD", "POST"}),
        ("TRACE", V1, {"GET", "HEAD", "POST"}),
        ("GET", "/v1/feedback", {"POST"}),
        ("POST", "/v1/model", {"GET", "HEAD"}),
        ("DELETE", "/healthz", {"GET", "HEAD"}),
        ("POST", "/readyz", {"GET", "HEAD"}),
    ],
)
def test_another_method_is_405_and_says_which_are_allowed(
    client: httpx2.Client, method: str, path: str, allowed: set[str]
) -> None:
    answer = client.request(method, path)
    check_problem(answer, 405, "http_405")
    assert set(answer.headers["allow"].split(", ")) == allowed


def test_a_body_over_the_limit_is_413(client: httpx2.Client) -> None:
    check_problem(post(client, {"items": [{"text": MARK * 500_000}]}), 413, "body_too_large")


def test_a_body_of_exactly_the_limit_is_read(client: httpx2.Client) -> None:
    body = b'{"items":[]}'.ljust(8 * 1024 * 1024)
    assert client.post(V1, content=body, headers=JSON).status_code == 200
    check_problem(client.post(V1, content=body + b" ", headers=JSON), 413, "body_too_large")
