"""◆ A team's own policies: ``policies/NAME@N.toml``, never changed once written, a new number for new thresholds."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from falsetrue.errors import PolicyError
from falsetrue.model.decision import DEFAULT_ACTIONS, Outcome, Policy

_FILE_NAME = re.compile(r"(?P<name>[A-Za-z0-9_-]{1,64})@(?P<version>[1-9][0-9]{0,8})\.toml")


class _PolicyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    false_below: float
    real_above: float
    minimum_words: int | None = None  #: as the model's own policy
    minimum_known_share: float | None = None  #: the same
    actions: dict[Outcome, str] = {}
    note: str = ""


class Policies:
    """The policies that can be asked for: a model's own, and those of a folder.

    ``default`` names the one applied where a caller names none; nothing: the model's own. Raises
    :class:`PolicyError` where it does not exist.
    """

    def __init__(self, of_model: Policy, folder: Path, default: str | None = None) -> None:
        self.default = of_model  #: applied where a caller names none
        self._known = {of_model.reference: of_model}
        self._unreadable: dict[str, str] = {}
        for path in sorted(folder.glob("*.toml")):
            self._read(path, of_model)
        self.default = self.find(default)

    def _read(self, path: Path, of_model: Policy) -> None:
        try:
            policy = _read_policy(path, of_model)
        except PolicyError as error:
            self._unreadable[path.stem] = str(error)
        else:
            self._known[policy.reference] = policy

    @property
    def problems(self) -> list[str]:
        """What is wrong with the files that cannot be used; the others can."""
        return list(self._unreadable.values())

    def references(self) -> list[str]:
        """``NAME@VERSION`` of each, the model's own first."""
        return list(self._known)

    def find(self, reference: str | None) -> Policy:
        """The policy ``NAME@VERSION``, the newest ``NAME``, or the default one for nothing.

        Raises :class:`PolicyError` where there is none.
        """
        if not reference:
            return self.default
        if reference in self._known:
            return self._known[reference]
        versions = [policy for policy in self._known.values() if policy.name == reference]
        if versions:
            return max(versions, key=lambda policy: policy.version)
        for stem, problem in self._unreadable.items():
            if reference in (stem, stem.partition("@")[0]):
                raise PolicyError(problem)
        raise PolicyError(f"there is no policy {reference[:80]!r}; there are {', '.join(self._known)}")


def _read_policy(path: Path, of_model: Policy) -> Policy:
    named = _FILE_NAME.fullmatch(path.name)
    if not named:
        raise PolicyError(f"{path}: a policy's file is called NAME@N.toml, for example newsroom@1.toml")
    if named["name"] == "default":
        raise PolicyError(f"{path}: 'default' is the model's own policy; choose another name")
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        written = msgspec.convert(content, _PolicyFile)
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: cannot be read as UTF-8 text") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PolicyError(f"{path}: {error}") from error
    try:
        return Policy(
            name=named["name"],
            version=int(named["version"]),
            false_below=written.false_below,
            real_above=written.real_above,
            minimum_words=of_model.minimum_words if written.minimum_words is None else written.minimum_words,
            minimum_known_share=(
                of_model.minimum_known_share if written.minimum_known_share is None else written.minimum_known_share
            ),
            actions=DEFAULT_ACTIONS | written.actions,
        )
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from error
