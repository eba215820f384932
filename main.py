"""``main:app``, for platforms that look for an application by this name (Railway's builder does).

An entry point: the settings are read here, from ``FALSETRUE_*`` in the environment, and the model is
loaded once the server starts. ``uvicorn main:app`` chooses the address, the port and the number of
processes itself, so neither ``FALSETRUE_HOST`` nor ``FALSETRUE_PORT`` counts, nobody asks for
``--allow-anonymous`` before a public address is served, and ``FALSETRUE_STOP_SECONDS`` is uvicorn's
``--timeout-graceful-shutdown``. ``python -m falsetrue serve`` looks after all of that: prefer it where
the start command is yours to choose.
"""

from falsetrue.service.app import create_app
from falsetrue.settings import load_settings

app = create_app(load_settings())
