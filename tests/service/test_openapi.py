"""The OpenAPI document says what is served, and what is served is what it says."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import jsonschema_rs
import pytest
from tests.service.conftest import DISPATCH, LEGACY, RANT, V1, Served, clean_environment

from falsetrue.settings import Settings

#: Asked of each operation, for each way of making up requests.
EXAMPLES = 60


@pytest.fixture(scope="module")
def document(client: httpx2.Client) -> Any:
    return client.get("/openapi.json").json()


def test_the_document_is_openapi_3_1_and_valid(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"})
    references = set(find_references(document))
    assert references <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)


def find_references(part: Any) -> list[str]:
    """Every ``$ref`` in a document."""
    if isinstance(part, list):
        return [found for one in part for found in find_references(one)]
    if not isinstance(part, dict):
        return []
    own = [part["$ref"]] if "$ref" in part else []
    return own + [found for one in part.values() for found in find_references(one)]


def test_the_document_describes_every_route_of_the_api(document: Any) -> None:
    assert {(path, method) for path, operations in document["paths"].items() for method in operations} == {
        (LEGACY, "post"),
        (V1, "post"),
        (V1, "get"),
        ("/v1/feedback", "post"),
        ("/metrics", "get"),
        ("/v1/model", "get"),
        ("/healthz", "get"),
        ("/readyz", "get"),
    }


def test_the_document_states_the_limits_in_force(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["Texts"]["properties"]["texts"]["maxItems"] == Settings().max_texts
    assert schemas["ClassificationsIn"]["properties"]["items"]["maxItems"] == Settings().max_items


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/model", None),
        ("GET", "/healthz", None),
        ("GET", "/readyz", None),
        ("POST", LEGACY, {"texts": [DISPATCH]}),
        ("POST", LEGACY, {"texts": 7}),
        ("POST", LEGACY, {"texts": [""] * 1025}),
        ("POST", V1, {"items": [{"text": DISPATCH}, {"text": RANT}, {"text": "a"}, {"text": ""}]}),
        ("POST", V1, {"items": [{"title": "T", "text": DISPATCH}, {"text": ""}], "explain": True}),
        ("POST", V1, {"items": [{"text": 7}]}),
        ("POST", V1, {"items": [{"text": ""}] * 129}),
        ("POST", V1, {"items": [], "policy": "none"}),
    ],
)
def test_an_answer_has_exactly_the_fields_of_its_schema(
    client: httpx2.Client, document: Any, method: str, path: str, body: object
) -> None:
    answer = client.request(method, path, json=body)
    documented = document["paths"][path][method.lower()]["responses"][str(answer.status_code)]["content"]
    schema = documented[answer.headers["content-type"]]["schema"]
    whole = schema | {"components": closed(document["components"])}
    jsonschema_rs.Draft202012Validator(whole).validate(answer.json())


def closed(part: Any) -> Any:
    """The same schemas, with no room for fields that they do not name."""
    if isinstance(part, list):
        return [closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    inner = {name: closed(one) for name, one in part.items()}
    return inner | {"additionalProperties": False} if "properties" in inner and inner.get("type") == "object" else inner


def test_the_document_holds_no_schema_that_nothing_uses(document: Any) -> None:
    used = {reference.rpartition("/")[2] for reference in find_references(document)}
    assert set(document["components"]["schemas"]) == used


#: Refusals that no schema can foretell: 413 where a list is too long, a policy that nobody has written, an idempotency
#: key that was sent with another body, a page token that nobody gave out, and a prediction that nobody made.
CONFIGURATION = f"""
[checks.negative_data_rejection]
expected-statuses = [400, 404, 405, 413, 415, 422]
[[operations]]
include-path = ["{V1}", "{LEGACY}"]
checks.positive_data_acceptance.expected-statuses = [200, 422]
[[operations]]
include-path = "/v1/feedback"
checks.positive_data_acceptance.expected-statuses = [200, 404]
"""


@pytest.mark.newest
def test_requests_made_up_from_the_document_get_documented_answers_and_no_server_error(
    server: Served, tmp_path: Path
) -> None:
    """Every check of schemathesis, the same requests each time."""
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION, encoding="utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json", "--no-color"]
    command += ["--max-examples", str(EXAMPLES), "--generation-deterministic", "--mode", "all"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env=clean_environment(), cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 8" in done.stdout
    assert "No issues found" in done.stdout
    assert "Traceback" not in server.log


def test_the_document_is_the_same_however_often_it_is_asked_for(client: httpx2.Client) -> None:
    assert client.get("/openapi.json").content == client.get("/openapi.json").content
