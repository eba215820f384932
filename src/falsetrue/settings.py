"""Every setting, from ``FALSETRUE_*`` environment variables; built by entry points only."""

import os
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from falsetrue.errors import InputError


def _state_folder() -> Path:
    return Path("~/.local/state/falsetrue").expanduser()


class Settings(BaseSettings):
    """What an operator may choose. Names are those of the variables, less ``FALSETRUE_``."""

    model_config = SettingsConfigDict(env_prefix="FALSETRUE_", frozen=True, extra="forbid", populate_by_name=True)

    model: str | None = None  #: ``MODEL`` to serve; nothing for the shipped one
    models_folder: Path = Path("models")  #: where models are found by name
    policies_folder: Path = Path("policies")  #: the team's ``NAME@N.toml``
    policy: str | None = None  #: policy applied where a caller names none; nothing for the model's own
    state_folder: Path = Field(default_factory=_state_folder)  #: what the operator has trusted
    kernel: bool = True  #: score with the compiled kernel where it is there; off: with NumPy

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535, validation_alias=AliasChoices("FALSETRUE_PORT", "PORT", "port"))
    workers: int = Field(1, ge=1, le=64)
    allow_anonymous: bool = False  #: serve on a public address without keys
    drain_seconds: float = Field(1, ge=0, le=600)  #: after SIGTERM, how long to go on serving with /readyz at 503
    stop_seconds: int = Field(30, ge=1, le=600)  #: after that, how long requests in flight may take to finish

    max_body_bytes: int = Field(8 * 1024 * 1024, ge=1024)  #: a larger request is 413
    max_items: int = Field(128, ge=1)  #: of ``POST /v1/classifications``
    max_texts: int = Field(1024, ge=1)  #: of ``POST /falsetrue``
    max_text_bytes: int = Field(50_000, ge=100)  #: UTF-8 bytes of one item, title and text joined
    max_upload_rows: int = Field(1000, ge=1)  #: of a file given to the page
    body_seconds: float = Field(30, gt=0)  #: how long a request body may take to arrive


#: Variables of ours that are not settings: the tests read them.
_OTHERS = {"FALSETRUE_CORPORA", "FALSETRUE_EXAMPLES", "FALSETRUE_NO_SKIPS"}


def load_settings(**given: Any) -> Settings:
    """The settings of the environment, with some given; raises :class:`InputError` naming the one that is wrong."""
    known = {f"FALSETRUE_{name.upper()}" for name in Settings.model_fields} | _OTHERS
    unknown = sorted(name for name in os.environ if name.startswith("FALSETRUE_") and name.upper() not in known)
    if unknown:
        raise InputError(f"there is no setting {unknown[0]}; it may be misspelt")
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]).upper().removeprefix("FALSETRUE_")
        raise InputError(f"setting FALSETRUE_{name}: {first['msg']}") from error
