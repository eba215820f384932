"""The documentation says what there is, and what it says works."""

import asyncio
import csv
import html
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import typer.main

from falsetrue.bundle.card import show
from falsetrue.bundle.golden import golden_texts
from falsetrue.bundle.manifest import MANIFEST, Manifest, decode
from falsetrue.cli.verbs import app as command_line
from falsetrue.journal.identifiers import is_identifier
from falsetrue.registry.folder import shipped_folder
from falsetrue.service.app import STATUS, create_app
from falsetrue.settings import Settings, load_settings, setting_variables

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
REFERENCE = ROOT / "docs" / "reference"


def commands(group: Any, prefix: str = "falsetrue") -> Iterator[tuple[str, Any]]:
    """Every verb with its full name."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def test_every_command_and_option_is_documented() -> None:
    page = (REFERENCE / "command-line.md").read_text()
    for name, command in commands(typer.main.get_command(command_line)):
        assert f"`{name}`" in page
        for parameter in command.params:
            for option in parameter.opts:
                assert not option.startswith("-") or f"`{option}" in page, f"{name} {option}"


def test_every_setting_is_documented_with_its_default() -> None:
    page = (REFERENCE / "settings.md").read_text()
    for variable, name in setting_variables().items():
        row = re.search(rf"^\| `{variable}`.*$", page, re.MULTILINE)
        assert row, name
        default = getattr(Settings(), name)
        if isinstance(default, int) and not isinstance(default, bool):
            assert f"| {default} |" in row[0], name


def test_every_route_schema_field_and_problem_is_documented() -> None:
    page = (REFERENCE / "http.md").read_text()
    described = create_app(load_settings()).openapi()
    for path, operations in described["paths"].items():
        for method in operations:
            assert f"`{method.upper()} {path}`" in page
    for code in STATUS:
        assert f"`{code}`" in page
    for field in described["components"]["schemas"]["ResultOut"]["properties"]:
        assert f"results[].{field}`" in page
    for field in described["components"]["schemas"]["ItemIn"]["properties"]:
        assert f"items[].{field}`" in page


def test_every_manifest_field_and_file_is_documented() -> None:
    page = (REFERENCE / "bundle.md").read_text()
    for field in Manifest.__struct_fields__:
        assert f"`{field}`" in page, field
    for path in shipped_folder().iterdir():
        assert f"`{path.name}`" in page
    assert f"{len(golden_texts())} texts in Spanish and English" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_documentation_commands_exist(page: Path) -> None:
    verbs = dict(commands(typer.main.get_command(command_line)))
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if "falsetrue" in words[:1]:
                name = next((each for each in (" ".join(words[:4]), " ".join(words[:3])) if each in verbs), None)
                name = name or " ".join(words[:2])
                assert name in verbs or words[1].startswith("--"), line
                for word in words[2:]:
                    if word.startswith("--") and name in verbs:
                        options = [
                            option for each in verbs[name].params for option in (*each.opts, *each.secondary_opts)
                        ]
                        assert word in options, line


@pytest.mark.parametrize("readme", ["README.md", "README.es.md"])
def test_readme_figures_are_those_of_the_shipped_model(readme: str) -> None:
    page = (ROOT / readme).read_text()
    manifest = decode((shipped_folder() / MANIFEST).read_bytes())
    evaluation = manifest.evaluation
    assert evaluation is not None
    assert evaluation.known_outlets is not None
    known = evaluation.known_outlets
    for figures, policy in ((evaluation.held_out, evaluation.policy), (known.figures, known.policy)):
        for estimate in (figures.auc, figures.accuracy, figures.ece, policy.precision_false, policy.precision_real):
            assert show(estimate) in page
        assert f"{policy.coverage.value:.0%}".replace("%", " %") in page
        assert f"{figures.texts:,}" in page.replace(" ", ",")
    for left_out in evaluation.left_out:
        for name, figures in left_out.figures.items():
            assert f"| {name} | {show(figures.auc)} |" in page
    kept = sum(corpus.real + corpus.false for corpus in manifest.corpora)
    assert f"{kept:,}" in page.replace(" ", ",")


@pytest.mark.parametrize("readme", ["README.md", "README.es.md"])
def test_readme_questions_to_the_service_are_answered(readme: str) -> None:
    page = (ROOT / readme).read_text()
    asked = []
    for command in re.findall(r"^curl (.*?)(?=^```|^\w)", page, re.MULTILINE | re.DOTALL):
        words = shlex.split(command.replace("\\\n", " "))
        headers = {"content-type": "application/json"} if "-H" in words else {}
        asked.append((words[0].removeprefix("http://127.0.0.1:8000"), words[words.index("-d") + 1], headers))
    answers = asyncio.run(ask(asked))
    assert [answer.status_code for answer in answers] == [200, 200]
    if readme == "README.md":
        assert answers[0].text in page
        (shown,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
        example, answer = json.loads(shown), answers[1].json()
        # Different every time; of the same form.
        assert is_identifier(example["results"][0].pop("prediction_id"))
        assert is_identifier(answer["results"][0].pop("prediction_id"))
        assert example == answer


async def ask(asked: list[tuple[str, str, dict[str, str]]]) -> list[httpx2.Response]:
    """Post each body to each path of the shipped model's service."""
    app = create_app(load_settings())
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost")
    async with client, app.router.lifespan_context(app):
        while (await client.get("/readyz")).status_code != httpx2.codes.OK:  # noqa: ASYNC110 - no event to hear
            await asyncio.sleep(0.01)
        return [await client.post(path, content=body, headers=headers) for path, body, headers in asked]


@pytest.mark.parametrize("readme", ["README.md", "README.es.md"])
def test_readme_commands_run(readme: str, tmp_path: Path) -> None:
    rows = [["title", "text"], ["Budget", "The ministry said on Tuesday that the vote would take place next week."]]
    with (tmp_path / "news.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    page = (ROOT / readme).read_text()
    for line in re.findall(r"^falsetrue (?:check|predict) .*$", page, re.MULTILINE):
        command = [sys.executable, "-m", *shlex.split(line)]
        answered = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert answered.returncode == 0, answered.stderr
        assert "check" not in line or f"```text\n{answered.stdout}```" in page
    assert (tmp_path / "scored.parquet").exists()


def test_the_picture_is_made_from_its_source() -> None:
    drawn = (ROOT / "docs" / "images" / "architecture.svg").read_text()
    for label in re.findall(r'label="([^"]+)"', (ROOT / "docs" / "images" / "architecture.dot").read_text()):
        for line in label.split("\\n"):
            assert line in html.unescape(drawn).replace("\xa0", " "), line


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    # Put together here, so that this file does not name them either.
    hosts = ["py" + "pi.org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "deb" + "ian.org"]
    named = re.compile("|".join([*map(re.escape, hosts), *(f"/{folder}/[a-z]" for folder in ("work", "root"))]))
    vendored = ("src/falsetrue/service/static/vendor/", "tests/service/axe/", "src/falsetrue/shipped/")
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and not name.startswith(vendored):
            found = named.search(path.read_text(errors="ignore"))
            assert not found, f"{name}: {found and found[0]}"
