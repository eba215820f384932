"""Requests made up from the OpenAPI document, by the thousand, from callers of every kind."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fire.service import Service, ask, environment, falsetrue, running
from tests.service.test_openapi import CONFIGURATION

#: Cases that each kind of caller sends at least, in the whole form.
WHOLE = 3000
_SCOPES = "classify,feedback,read,metrics,admin"
#: What a stranger gets wherever there is something to be had.
_REFUSED = "401, "
#: The document allows a key in either of two headers, not in both at once.
_HOOKS = """
import schemathesis

@schemathesis.hook
def before_call(context, case, options):
    if case.headers:
        case.headers.pop("X-API-Key", None)
"""
_COUNT = re.compile(r"([\d,]+) generated")


def make_up(examples: int, *, least: int = WHOLE) -> str:
    """Every phase and check of schemathesis; raises where one finds something, or sends too little.

    ``examples`` are sent to each operation, in each phase that makes some up. ``least``: cases, of each caller.
    """
    said = []
    with tempfile.TemporaryDirectory() as name:
        service = Service(Path(name))
        with running(service):
            said.append(_run(service, "anybody, before there is a key", examples, least))
            made = falsetrue("keys", "create", "--name", "drill", "--scopes", _SCOPES, "--json", folder=Path(name))
            key = json.loads(made.stdout)["key"]
            service.stop()
            service.start()
            said.append(_run(service, "with a key", examples, least, key=key))
            said.append(_run(service, "without one", examples, least, refused=True))
            assert ask(service.port, "GET", "/v1/model")[0] == 401
        assert "Traceback" not in service.log, service.log
        assert key not in service.log
    return f"requests made up: {'; '.join(said)}: no server error, every answer as documented"


def _run(service: Service, who: str, examples: int, least: int, *, key: str = "", refused: bool = False) -> str:
    configuration = CONFIGURATION.replace("statuses = [", f"statuses = [{_REFUSED}") if refused else CONFIGURATION
    (service.folder / "schemathesis.toml").write_text(f'hooks = "hooks.py"\n{configuration}', encoding="utf-8")
    (service.folder / "hooks.py").write_text(_HOOKS if key else "", encoding="utf-8")
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{service.port}/openapi.json"]
    command += ["--no-color", "--max-examples", str(examples), "--generation-deterministic", "--mode", "all"]
    command += ["--phases", "examples,coverage,fuzzing,stateful"]
    command += ["--header", f"Authorization: Bearer {key}"] if key else []
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(service.folder), cwd=service.folder
    )
    assert done.returncode == 0, f"{who}: {done.stdout[-20000:]}{done.stderr[-5000:]}"
    found = _COUNT.search(done.stdout)
    count = int(found[1].replace(",", "")) if found else 0
    assert count >= least, f"{who}: {count} cases, not {least}: {done.stdout[-3000:]}"
    return f"{who}: {count:,} cases"
