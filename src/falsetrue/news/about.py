"""◆ What is known of some corpora beside their articles: a TOML file with a table for each, named after its file."""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from falsetrue.errors import InputError


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model card says of one corpus."""

    family: str | None = None  #: corpora of one family have texts or makers in common and are left out together
    label_means: str | None = None  #: whose word a label is
    licence: str | None = None  #: as its makers state it
    cite: str | None = None  #: who made it
    weight: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0  #: how much it counts beside the others in fitting
    judged: bool = True  #: whether probabilities, thresholds and figures come from it too


def read_about(path: str) -> dict[str, About]:
    """The tables of a file, by corpus; raises :class:`InputError` where it cannot be read or holds anything else."""
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from error
    return {corpus: _about(f"{path}, [{corpus}]", table) for corpus, table in content.items()}


def _about(where: str, table: object) -> About:
    try:
        return msgspec.convert(table, About)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: {error}") from error
