"""What Prometheus and Grafana are given fits what the service says of itself."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.service.test_metrics import Text, loaded

from falsetrue.service.exposition import expose
from falsetrue.service.metrics import (
    ALARMS,
    AUDIT_ITEMS,
    BUDGET_SPENT,
    DELIVERIES,
    FAMILIES,
    FINDINGS,
    LAST_DAY,
    LAST_LOOK,
    Family,
    Kind,
    Metrics,
)

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "observability"
RULES, TESTS, SCRAPING = FOLDER / "alerts.yml", FOLDER / "alerts_test.yml", FOLDER / "prometheus.yml"
DASHBOARD = FOLDER / "grafana-dashboard.json"
GUIDE, REFERENCE = ROOT / "docs" / "how-to" / "watch-the-service.md", ROOT / "docs" / "reference" / "metrics.md"

#: A figure with its selector, as it stands in an expression.
_SELECTED = re.compile(r"\b(falsetrue_[a-z_]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")
_GROUPED = re.compile(r"\b(?:by|without) \(([^)]*)\)")
#: Labels that Prometheus adds.
_ADDED = {"instance", "job"}


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def alerts() -> list[dict[str, Any]]:
    return [rule for group in read_yaml(RULES)["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return shown


def dashboard_expressions() -> Iterator[str]:
    dashboard = json.loads(DASHBOARD.read_text())
    yield from (target["expr"] for panel in panels() for target in panel.get("targets", ()))
    yield from (each["expr"] for each in dashboard["annotations"]["list"])


def named(series: str) -> Family | None:
    """The figure that a series belongs to, if the service has it."""
    for family in FAMILIES:
        parts = ("_bucket", "_sum", "_count") if family.kind is Kind.HISTOGRAM else ("",)
        if series in {family.name + part for part in parts}:
            return family
    return None


EXPRESSIONS = [
    *(rule["expr"] for rule in alerts()),
    *dashboard_expressions(),
    *(each["series"] for test in read_yaml(TESTS)["tests"] for each in test["input_series"]),
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_series_that_is_asked_for_exists_with_its_labels(expression: str) -> None:
    families = []
    for series, selector in _SELECTED.findall(expression):
        family = named(series)
        assert family is not None, series
        known = {*family.labels, *_ADDED, *(["le"] if series.endswith("_bucket") else [])}
        assert set(_MATCHER.findall(selector)) <= known
        families.append(family)
    assert families or expression.startswith("up{")
    labels = {label for family in families for label in family.labels} | _ADDED | {"le"}
    grouped = {label.strip() for group in _GROUPED.findall(expression) for label in group.split(",")}
    assert grouped <= labels


def test_every_figure_is_on_the_dashboard() -> None:
    asked = {named(series) for expression in dashboard_expressions() for series, _ in _SELECTED.findall(expression)}
    assert asked == set(FAMILIES)


def test_every_figure_is_in_the_reference_with_its_labels() -> None:
    page = REFERENCE.read_text()
    for family in FAMILIES:
        [row] = [line for line in page.splitlines() if line.startswith(f"| `{family.name}` ")]
        assert f"| {family.kind.value} |" in row
        for label in family.labels:
            assert f"`{label}`" in row, (family.name, label)
    listed = set(re.findall(r"^\| `(falsetrue_\w+)`", page, re.MULTILINE))
    assert listed == {family.name for family in FAMILIES}


# --- alerts -----------------------------------------------------------------------------------------


def test_every_alert_says_what_is_the_matter_and_what_to_do() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"].endswith(".")


def test_every_alert_is_in_the_guide() -> None:
    named_there = re.findall(r"^\| `(Falsetrue\w+)` ", GUIDE.read_text(), re.MULTILINE)
    assert named_there == [rule["alert"] for rule in alerts()]


def test_for_every_alert_it_is_tried_when_it_is_told_and_when_not() -> None:
    told: set[str] = set()
    quiet: set[str] = set()
    for test in read_yaml(TESTS)["tests"]:
        for each in test["alert_rule_test"]:
            (told if each.get("exp_alerts") else quiet).add(each["alertname"])
    assert told == quiet == {rule["alert"] for rule in alerts()}


@pytest.fixture(scope="module")
def promtool() -> str:
    """The program that checks what Prometheus is given."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (apt-get install prometheus)")
    return found


def run(promtool: str, *arguments: object, stdin: bytes = b"") -> str:
    """What it says; fails where it finds something wrong."""
    done = subprocess.run([promtool, *map(str, arguments)], input=stdin, capture_output=True, check=False, timeout=120)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def test_promtool_finds_the_rules_well_made(promtool: str) -> None:
    assert f"{len(alerts())} rules found" in run(promtool, "check", "rules", RULES)


def test_promtool_finds_the_scraping_well_made(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "check", "config", "--syntax-only", SCRAPING)
    assert (FOLDER / read_yaml(SCRAPING)["rule_files"][0]) == RULES


@pytest.mark.newest
def test_alerts_are_told_when_they_should_be(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "test", "rules", TESTS)


def test_promtool_understands_every_expression_of_the_dashboard(promtool: str, tmp_path: Path) -> None:
    rules = [
        {"record": f"asked:{number}", "expr": expression.replace("$__rate_interval", "5m").replace("$instance", ".*")}
        for number, expression in enumerate(dashboard_expressions())
    ]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert "SUCCESS" in run(promtool, "check", "rules", path)


def test_promtool_finds_the_figures_well_named(promtool: str) -> None:
    metrics = loaded(Metrics())
    metrics.answered("/", "GET", 200, 0.001)
    metrics.refused("not_ready")
    metrics.predicted([Text(reasons=("too_short",))])
    metrics.journal_lag(0, 0, 0)
    metrics.database(is_up=True)
    metrics.waiting(0, 0)
    for family in (ALARMS, FINDINGS, BUDGET_SPENT, LAST_LOOK, LAST_DAY, AUDIT_ITEMS, DELIVERIES):
        metrics.publish(family, {family.labels: 1})
    run(promtool, "check", "metrics", stdin=expose(metrics)[0])


# --- the dashboard ------------------------------------------------------------------------------------


def test_panels_are_named_and_stand_beside_each_other() -> None:
    assert len({panel["id"] for panel in panels()}) == len(panels())
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    titles = [panel["title"] for panel in panels() if panel["type"] != "row"]
    assert all(titles)
    assert len(set(titles)) == len(titles)


def test_every_panel_asks_the_source_that_the_reader_chooses_of_the_instance_that_they_choose() -> None:
    variables = {each["name"] for each in json.loads(DASHBOARD.read_text())["templating"]["list"]}
    assert variables == {"datasource", "instance"}
    for panel in panels():
        for target in panel.get("targets", ()):
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            for _, selector in _SELECTED.findall(target["expr"]):
                assert 'instance=~"$instance"' in selector
        references = [target["refId"] for target in panel.get("targets", ())]
        assert len(set(references)) == len(references)
