"""◆ The golden texts: written for this project, scored at save time and again whenever a model is checked."""

import hashlib
from functools import cache
from importlib.resources import files

import msgspec

#: Largest difference of ``p_real`` that counts as equal.
TOLERANCE = 1e-6


@cache
def golden_texts() -> tuple[str, ...]:
    """The texts, in their fixed order: Spanish and English news and prose, and awkward Unicode."""
    content = files("falsetrue.bundle").joinpath("golden.json").read_bytes()
    return tuple(msgspec.json.decode(content, type=list[str]))


def golden_digest() -> str:
    """SHA-256 over the texts, so that scores are only ever compared for the same ones."""
    return hashlib.sha256(msgspec.json.encode(golden_texts())).hexdigest()
