"""``falsetrue serve`` reads plain options itself; Typer, which all others are left to, must read them alike."""

from typing import Any

import pytest
import typer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from falsetrue.cli.serving import FLAGS, VALUED, read_options
from falsetrue.cli.verbs import app
from falsetrue.settings import Settings, read_settings

COMMAND = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
VALUES = st.sampled_from(
    ["0", "1", "8000", "65536", "-1", " 2", "1_0", "01", "x", "a=b", "", "-", "--", "::1", *sorted(FLAGS)]
)
ARGUMENTS = st.lists(
    st.sampled_from([*sorted(VALUED | FLAGS), "--help", "--no-allow-anonymous", "-m"])
    | VALUES
    | st.builds("{}={}".format, st.sampled_from([*sorted(VALUED | FLAGS), "--port-"]), VALUES),
    max_size=5,
)


def read_by_typer(arguments: list[str]) -> dict[str, Any]:
    parameters = COMMAND.make_context("serve", list(arguments)).params
    return {name: value for name, value in parameters.items() if value is not None and value is not False}


def test_every_option_may_be_plain() -> None:
    flags = {option for parameter in COMMAND.params for option in parameter.opts}
    assert flags - {"--help"} == VALUED | FLAGS


@settings(max_examples=300)
@example(["--port", "0", "--host", "::1", "--workers=2", "--model", "a=b", "--policy=strict@1", "--allow-anonymous"])
@example(["--port", "1", "--port", "2"])
@given(ARGUMENTS)
def test_what_is_read_is_what_typer_reads(arguments: list[str]) -> None:
    found = read_options(arguments)
    if found is not None:
        assert read_settings(Settings, {}, found) == read_settings(Settings, {}, read_by_typer(arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--prot", "1"],
        ["--port"],
        ["--port", "x"],
        ["--workers", "65"],
        ["--host="],
        ["x"],
        ["--allow-anonymous=1"],
    ],
)
def test_what_is_not_plain_or_wrong_is_left_to_typer(arguments: list[str]) -> None:
    assert read_options(arguments) is None


def test_plain_options_are_not_left_to_typer() -> None:
    assert read_options([]) == {}
    assert read_options(["--port", "8001", "--host=::1", "--allow-anonymous"]) == {
        "port": "8001",
        "host": "::1",
        "allow_anonymous": True,
    }
