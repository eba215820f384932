"""◆ A team's own policies: ``policies/NAME@N.toml``, never changed once written, a new number for new thresholds."""

import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec

from falsetrue.errors import PolicyError
from falsetrue.model.decision import DEFAULT_ACTIONS, Outcome, Policy, Thresholds

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FILE_NAME = re.compile(rf"(?P<name>{_NAME.pattern})@(?P<version>[1-9][0-9]{{0,8}})\.toml")


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what a policy's file holds."""


class ThresholdsTable(_Table, frozen=True, kw_only=True):
    """``[by_language.LANGUAGE]``."""

    false_below: float
    real_above: float


class BandTable(_Table, frozen=True, kw_only=True):
    """``[[fitted.bands]]``: what was found for one verdict, in one language or in all together."""

    verdict: Outcome
    language: str = ""  #: BCP 47; empty: all texts together
    found: bool  #: whether any threshold reached the targets; else the verdict is never given
    deserving: int  #: labelled texts that the verdict would be right for
    others: int
    right: int  #: of the deserving ones, those in the band
    wrong: int  #: of the others, those in the band
    low: float | None = None  #: 95 % interval of the share of right ones in the band
    high: float | None = None
    most_right: float | None = None  #: highest share of right ones at any cut with enough texts
    enough: int | None = None  #: where none was found: labelled texts that would do; none: over 100 times as many


class FittedTable(_Table, frozen=True, kw_only=True):
    """``[fitted]``: where thresholds come from that a target was set for."""

    model: str  #: ``NAME@VERSION``
    at: str  #: UTC, ISO 8601
    targets: list[str]
    confidence: float  #: probability with which all of them hold together
    #: Share of false news that they hold at; none: that of the labelled file.
    prevalence: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    labelled: str  #: name of the labelled file
    labelled_sha256: str
    trained_on: bool  #: whether the model had learnt from that very file
    rows: int
    left_out: dict[str, int] = {}  #: rows that no threshold was set on, by reason
    bands: list[BandTable]


class PolicyFile(_Table, frozen=True, kw_only=True):
    """All that a policy's file may say."""

    false_below: float
    real_above: float
    minimum_words: int | None = None  #: as the model's own policy
    minimum_known_share: float | None = None  #: the same
    note: str = ""
    actions: dict[Outcome, str] = {}
    by_language: dict[str, ThresholdsTable] = {}
    fitted: FittedTable | None = None


class Policies:
    """The policies that can be asked for: a model's own, and those of a folder.

    ``default`` names the one applied where a caller names none; nothing: the model's own. Raises
    :class:`PolicyError` where it does not exist.
    """

    def __init__(self, of_model: Policy, folder: Path, default: str | None = None) -> None:
        self.default = of_model  #: applied where a caller names none
        self._known = {of_model.reference: of_model}
        self._fitted: dict[str, FittedTable] = {}
        self._unreadable: dict[str, str] = {}
        for path in sorted(folder.glob("*.toml")):
            self._read(path, of_model)
        self.default = self.find(default)

    def _read(self, path: Path, of_model: Policy) -> None:
        try:
            policy, fitted = _read_policy(path, of_model)
        except PolicyError as error:
            self._unreadable[path.stem] = str(error)
            return
        self._known[policy.reference] = policy
        if fitted is not None:
            self._fitted[policy.reference] = fitted

    @property
    def problems(self) -> list[str]:
        """What is wrong with the files that cannot be used; the others can."""
        return list(self._unreadable.values())

    def references(self) -> list[str]:
        """``NAME@VERSION`` of each, the model's own first."""
        return list(self._known)

    def fitted(self, policy: Policy) -> FittedTable | None:
        """Where its thresholds come from; ``None`` where somebody chose them."""
        return self._fitted.get(policy.reference)

    def prevalence(self, policy: Policy, asked: float | None) -> float | None:
        """The share of false news to suppose: the one asked for, else the one that the policy was fitted at."""
        fitted = self.fitted(policy)
        return fitted.prevalence if asked is None and fitted is not None else asked

    def cautions(self, policy: Policy, model: str, asked_prevalence: float | None = None) -> list[str]:
        """Why a policy may not keep what was promised of it, with ``model`` (``NAME@VERSION``), one sentence each."""
        fitted = self.fitted(policy)
        if fitted is None:
            return []
        cautions = []
        if fitted.model != model:
            cautions.append(f"it was fitted on the model {fitted.model}, not on {model}: fit it again")
        if fitted.trained_on:
            cautions.append("it was fitted on news that the model had learnt from: what it promises is too good")
        if asked_prevalence is not None and asked_prevalence != fitted.prevalence:
            at = "the shares of its labelled file" if fitted.prevalence is None else f"prevalence {fitted.prevalence:g}"
            cautions.append(
                f"it was fitted at {at}, not at prevalence {asked_prevalence:g}: its precision is not promised"
            )
        return [f"policy {policy.reference}: {caution}" for caution in cautions]

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


def _read_policy(path: Path, of_model: Policy) -> tuple[Policy, FittedTable | None]:
    named = _FILE_NAME.fullmatch(path.name)
    if not named:
        raise PolicyError(f"{path}: a policy's file is called NAME@N.toml, for example newsroom@1.toml")
    if named["name"] == of_model.name:
        raise PolicyError(f"{path}: '{of_model.name}' is the model's own policy; choose another name")
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        written = msgspec.convert(content, PolicyFile)
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: cannot be read as UTF-8 text") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PolicyError(f"{path}: {error}") from error
    try:
        return make_policy(named["name"], int(named["version"]), written, of_model), written.fitted
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from error


def make_policy(name: str, version: int, written: PolicyFile, of_model: Policy) -> Policy:
    """What a file says, and the model's own policy where it says nothing; raises :class:`PolicyError`."""
    optional = {field: getattr(written, field) for field in ("minimum_words", "minimum_known_share")}
    return replace(
        of_model,
        name=name,
        version=version,
        false_below=written.false_below,
        real_above=written.real_above,
        by_language={
            language: Thresholds(false_below=table.false_below, real_above=table.real_above)
            for language, table in written.by_language.items()
        },
        actions=DEFAULT_ACTIONS | written.actions,
        **{field: value for field, value in optional.items() if value is not None},
    )


# --- writing -----------------------------------------------------------------------------------------


def check_policy_name(name: str, of_model: Policy) -> None:
    """Raise :class:`PolicyError` unless a new policy can be called this."""
    if not _NAME.fullmatch(name) or name == of_model.name:
        raise PolicyError(
            f"a policy cannot be called {name[:80]!r}: letters, digits, hyphens and underscores, at most 64, "
            f"please, and not '{of_model.name}', which is the model's own"
        )


def write_policy(folder: Path, name: str, written: PolicyFile) -> Path:
    """Write ``NAME@N.toml`` with the next free number, whole or not at all; never changes a file that is there.

    Raises :class:`PolicyError` where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(_as_toml(msgspec.to_builtins(written)))
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            return _link_to_next(Path(temporary), folder, name)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise PolicyError(f"{folder}: a policy cannot be written there ({error.strerror})") from error


def _link_to_next(temporary: Path, folder: Path, name: str) -> Path:
    """Give a complete file the next free number; linking, unlike renaming, fails where somebody was faster."""
    named = [_FILE_NAME.fullmatch(path.name) for path in folder.glob(f"{name}@*.toml")]
    version = max((int(found["version"]) for found in named if found), default=0)
    while True:
        version += 1
        target = folder / f"{name}@{version}.toml"
        try:
            target.hardlink_to(temporary)
        except FileExistsError:
            continue
        return target


def _as_toml(content: Mapping[str, Any], path: tuple[str, ...] = ()) -> str:
    """Tables, lists of tables, text, numbers and lists of them, as TOML 1.0; what is ``None`` or empty is left out."""
    kept = {key: value for key, value in content.items() if value not in (None, "", {}, [])}
    lines, tables = [], []
    for key, value in kept.items():
        below = ".".join(map(_toml_key, (*path, key)))
        if isinstance(value, dict):
            tables.append(f"\n[{below}]\n{_as_toml(value, (*path, key))}")
        elif isinstance(value, list) and isinstance(value[0], dict):
            tables += [f"\n[[{below}]]\n{_as_toml(each, (*path, key))}" for each in value]
        else:
            lines.append(f"{_toml_key(key)} = {_toml_value(value)}\n")
    return "".join(lines + tables)


def _toml_key(key: str) -> str:
    return key if _NAME.fullmatch(key) else _toml_value(key)


def _toml_value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, str):
        # JSON escapes all that TOML asks for but DEL; a file's name may hold what UTF-8 cannot.
        speakable = value.encode("utf-8", "replace").decode().replace("\x7f", "?")
        return msgspec.json.encode(speakable).decode()
    return str(value).lower() if isinstance(value, bool) else repr(value)
