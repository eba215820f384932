"""The service before all of it has been imported."""

import subprocess
import sys
import threading

from tests.service.conftest import DISPATCH, LEGACY, PATIENCE, V1, clean_environment, serve_in_thread, wait_until

from falsetrue.jobs.classify import Classifier
from falsetrue.service.core import Core
from falsetrue.service.early import Early
from falsetrue.settings import Settings, load_settings
from falsetrue.wiring import load_classifier


def test_a_single_process_needs_neither_the_framework_nor_templates_to_be_ready() -> None:
    script = "import sys, falsetrue.service.server; print(*sorted({'fastapi', 'jinja2', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=clean_environment()
    )
    assert done.stdout == "\n"


def test_while_the_model_loads_what_needs_the_framework_is_answered_too() -> None:
    may_finish = threading.Event()

    def load() -> Classifier:
        assert may_finish.wait(PATIENCE)
        return load_classifier(Settings())

    with serve_in_thread(Early(Core(load_settings(), load))) as served:
        try:
            assert served.client.get("/openapi.json").status_code == 200
            assert served.client.get("/healthz").json() == {"status": "ok"}
            assert served.client.get("/readyz").status_code == 503
            assert served.client.get("/", headers={"accept": "text/html"}).status_code == 503
        finally:
            may_finish.set()
        wait_until(lambda: served.client.get("/readyz").status_code == 200, "ready")
        assert served.client.get("/", headers={"accept": "text/html"}).status_code == 200
        assert served.client.post(LEGACY, json={"texts": [DISPATCH]}).json() == {"is_falsetrue": [1]}
        assert served.client.get(LEGACY).status_code == 405
        assert served.client.put(V1).json()["type"] == "urn:falsetrue:problem:http_405"
