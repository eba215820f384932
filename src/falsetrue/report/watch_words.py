"""What every watch, state and remedy is called, and what it means, in words that a media analyst reads.

The words of a language stand in one file, ``templates/watches.LANGUAGE.json``; the command line, reports and the page
take them from here.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import msgspec

from falsetrue.features.sketches import STYLES, Unit
from falsetrue.monitor.findings import (
    Budget,
    Estimate,
    Finding,
    Kind,
    Remedy,
    Report,
    Severity,
    Source,
    State,
    Subject,
)
from falsetrue.report.page import NOTHING

#: Languages that there are words in; the first is for whoever asks for another.
LANGUAGES = ("en", "es")
#: How a report's name of the baseline begins that comes with a model.
HELD_OUT = "held-out news"
#: Fewer labels than this tell nothing worth reading of a precision.
LEAST_LABELS = 100
#: What each remedy is done with, where a command does it; ``{model}`` is the one that is watched.
COMMANDS = {
    Remedy.RE_THRESHOLD: "falsetrue policy fit --model {model} --target precision=0.95 labelled.csv",
    Remedy.REFIT_CALIBRATOR: "falsetrue train --output models/{name} labelled.csv",
    Remedy.LABEL: "falsetrue monitor audit next",
    Remedy.ROLL_BACK: "falsetrue serve --model {name}@VERSION",
    Remedy.RETRAIN: "falsetrue train --output models/{name} labelled.csv",
    Remedy.RE_BASE: "falsetrue monitor baseline {model} labelled.parquet",
}
#: The same where the texts are a file's; ``None``: no command does it.
COMMANDS_ELSEWHERE: dict[Source, dict[Remedy, str | None]] = {
    Source.FILE: {
        Remedy.LABEL: None,
        Remedy.RE_BASE: "falsetrue monitor baseline {model} labelled.parquet -o new.baseline",
    },
    Source.SCORES: {
        **dict.fromkeys(Remedy),
        Remedy.RE_BASE: "falsetrue monitor baseline labelled.parquet --score COLUMN -o new.baseline",
    },
}
#: Changes up to this do not matter, by watch, in the units of :func:`_shift`; of all others :data:`_LITTLE`.
MATTERS = {
    "empty": 0.01,
    "too_short": 0.01,
    "debris": 0.01,
    "broken": 0.02,
    "score": 0.05,
    "language_mix": 0.02,
    "called_false": 0.02,
    "undecided": 0.02,
    "expected_error": 0.02,
    "harm": 0.02,
    "calibration": 0.02,
    "campaigns": 0.02,
    "new_words": 0.02,
}
_LITTLE = 0.1
#: Of these a fall harms nobody.
_HARMLESS_FALLS = ("empty", "too_short", "debris", "broken")
#: What goes by labels, and by days, and not by texts.
_BY_LABELS, _BY_DAYS = (Kind.HARM, Kind.CALIBRATION), ("broken",)
_STYLE = "style"
#: A detail of one of several groups of texts.
_GROUP = re.compile(r"group_(\d+)_(\w+)")
_GRAVITY = {Severity.CRITICAL: 0, Severity.WARNING: 1}
_STATES = {State.DRIFT: 0, State.OFF: 1, State.INSUFFICIENT: 2, State.QUIET: 3}
#: Numbers from here on are shown without decimals, and p-values below that are not told apart.
_LARGE, _LEAST_P = 100, 0.0001
#: Digits after the point that a share is shown with at most, and how many more two of them get to be told apart.
_MOST_DIGITS, _MORE_DIGITS = 5, 3
#: What is spent of a budget is shown from here on.
_LEAST_SPENT = 0.05
_NO_BREAK = "\N{NO-BREAK SPACE}"
#: Statistics that are the share of texts that moved, and the one that is how often a pair is told apart.
_DISTANCES, _AUC = ("KS", "Kuiper"), "AUC"
#: What says so is in [0, 1], and shown in percent; so are numbers of style that are shares.
_SHARE = "share"
_SHARES_OF_STYLE = {f"{_STYLE}.{name}" for name, unit in STYLES.items() if unit is Unit.SHARE}


class _Watch(msgspec.Struct, frozen=True):
    name: str
    measures: str
    means: str  #: of a change
    not_: str = msgspec.field(name="not")
    more: str | None = None  #: of a rise, where that means something else
    less: str | None = None  #: of a fall

    def meaning(self, size: float) -> str:
        """What a change of a size means."""
        return (self.more if size > 0 else self.less if size < 0 else None) or self.means


class _State(msgspec.Struct, frozen=True):
    name: str
    says: str


class _Remedy(msgspec.Struct, frozen=True):
    name: str
    how: str


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    watches: dict[str, _Watch]
    styles: dict[str, str]
    kinds: dict[Kind, str]
    severities: dict[Severity, str]
    states: dict[State, _State]
    off: dict[str, str]  #: why a watch has nothing to go by
    remedies: dict[Remedy, _Remedy]
    elsewhere: dict[Source, dict[Remedy, _Remedy]]  #: what is said otherwise of a file
    estimates: dict[str, str]
    methods: dict[str, str]
    notes: dict[str, str]
    effects: dict[str, str]  #: of the records' English
    details: dict[str, str]
    languages: dict[str, str]
    phrases: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Advice:
    """One thing to do."""

    name: str
    how: str
    command: str | None  #: that does it, where one does


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A finding in words."""

    name: str  #: of the watch
    subject: str  #: whose texts
    severity: str
    state: str
    measures: str
    now: str  #: what it means, with its figures
    not_so: str  #: what it does not mean
    advice: tuple[Advice, ...]  #: the best first; none unless something changed
    baseline: str
    current: str  #: with its interval
    change: str
    unit: str
    by: str  #: how many texts, or labels
    strength: str  #: the p-value, or how near the evidence is to an alarm
    details: tuple[tuple[str, str], ...]
    period: str  #: the days of the texts; empty where nobody knows


@dataclass(frozen=True, kw_only=True)
class Headline:
    """What matters most of a report."""

    severity: Severity | None  #: ``None``: nothing to do
    title: str
    text: str
    advice: Advice | None  #: the one thing to do first


# --- records in words ------------------------------------------------------------------------------


def explain(
    finding: Finding, language: str, *, model: str = "MODEL@VERSION", source: Source = Source.JOURNAL
) -> Explained:
    """A finding in words; ``model`` is ``NAME@VERSION`` for the commands, ``source`` where the texts come from."""
    words = _watch(finding, language)
    return Explained(
        name=words.name,
        subject=subject_in_words(finding.subject, language),
        severity=severity_in_words(finding.severity, language),
        state=_words(language).states[finding.state].name,
        measures=words.measures,
        now=" ".join(
            filter(
                None,
                (_says(finding, words, language, source), _figures(finding, language), seen_by_test(finding, language)),
            )
        ),
        not_so=words.not_,
        advice=tuple(advise(each, language, model=model, source=source) for each in remedies(finding)),
        baseline=_value(finding.baseline, finding, language),
        current=_current(finding, language),
        change=_change(finding, language),
        unit=_unit(finding, language),
        by=_amount(finding.texts, finding, language),
        strength=_strength(finding, language),
        details=tuple(
            _detail(name, value, language) for name, value in finding.details.items() if name != "differs_most_at"
        ),
        period=days_in_words(finding, language),
    )


def remedies(finding: Finding) -> tuple[Remedy, ...]:
    """What to do about a finding, the best first; nothing unless something changed, nor to a feed that got better."""
    if finding.state is not State.DRIFT:
        return ()
    return tuple(each for each in finding.remedies if each is not Remedy.FIX_FEED or not _falls_harmlessly(finding))


def days_in_words(finding: Finding, language: str) -> str:
    """Which days' texts a finding goes by; nothing where it does not say."""
    since, until = finding.since or finding.until, finding.until or finding.since
    if since is None or until is None:
        return ""
    which = "of_one_day" if since == until else "of_period"
    return say(which, language, since=since.isoformat(), until=until.isoformat())


def watch_in_words(watch: str, language: str, kind: Kind | None = None) -> str:
    """What a watch is called; of one that has no words, what its kind is."""
    words = _find(watch, language)
    if words is not None:
        return words.name
    return watch if kind is None else _words(language).kinds[kind]


def subject_in_words(subject: Subject, language: str) -> str:
    """Whose texts."""
    parts = []
    if subject.language is not None:
        named = _words(language).languages.get(subject.language, subject.language)
        parts.append(say("of_language", language, language=named))
    if subject.key is not None:
        parts.append(say("of_key", language, key=subject.key))
    return ", ".join(parts) or say("all", language)


def severity_in_words(severity: Severity, language: str) -> str:
    """What an alarm of it is called."""
    return _words(language).severities[severity]


def note_in_words(note: str, language: str) -> str:
    """What a reader must know; the name itself of a note without words."""
    return _words(language).notes.get(note, note)


def baseline_in_words(baseline: str, language: str) -> str:
    """Where a report's baseline comes from; the name itself of a file or a journal."""
    return say("baseline_held_out", language) if baseline.startswith(HELD_OUT) else baseline


def estimate_in_words(estimate: Estimate, language: str) -> tuple[str, str]:
    """What was estimated, and how."""
    words = _words(language)
    return (
        words.estimates.get(estimate.name, estimate.name.replace("_", " ")),
        words.methods.get(estimate.method, estimate.method),
    )


def advise(remedy: Remedy, language: str, *, model: str = "MODEL@VERSION", source: Source = Source.JOURNAL) -> Advice:
    """What to do, with the command where one does it."""
    words = _words(language).elsewhere.get(source, {}).get(remedy) or _words(language).remedies[remedy]
    command = COMMANDS_ELSEWHERE.get(source, {}).get(remedy, COMMANDS.get(remedy))
    name = model.partition("@")[0]
    return Advice(
        name=words.name, how=words.how, command=None if command is None else command.format(model=model, name=name)
    )


def budget_in_words(budget: Budget, language: str) -> tuple[str, str]:
    """What is limited, and how much of it is spent: ``0.8 % of 5 % this year``."""
    factor = 100 if budget.severity is Severity.CRITICAL else 1
    spent = format_number(factor * budget.spent, language, 1)
    if 0 < factor * budget.spent < _LEAST_SPENT:
        spent = say("under", language, number=format_number(0.1, language))
    which, allowed = f"budget_{budget.severity}", format_number(factor * budget.allowed, language)
    return say(f"{which}_name", language), say(which, language, spent=spent, allowed=allowed)


def period_in_words(report: Report, language: str) -> str:
    """The first and the last day: ``2026-10-01 to 2026-10-07 (UTC)``; that a file has no dates, where it has none."""
    if report.source is not Source.JOURNAL and not report.days:
        return say("no_period", language)
    return say("period", language, since=f"{report.since:%Y-%m-%d}", until=f"{report.last_day}")


def states_in_words(findings: Sequence[Finding], language: str) -> str:
    """How many watches say what: ``quiet: 18, changed: 2``."""
    counts = {state: sum(each.state is state for each in findings) for state in State}
    return ", ".join(f"{_words(language).states[state].name}: {count}" for state, count in counts.items() if count)


def notes_in_words(report: Report, language: str) -> tuple[str, ...]:
    """All that a reader of a report must know."""
    undated = say("undated", language, count=format_number(report.undated, language, 0))
    return (*([undated] if report.undated else []), *(note_in_words(each, language) for each in report.notes))


def headline(report: Report, language: str) -> Headline:
    """What matters most, and the one thing to do first."""
    changed = [each for each in gravest_first(report.findings) if each.state is State.DRIFT]
    if not changed:
        return _calm(report, language)
    worst = changed[0]
    model = model_of(report)
    words = explain(worst, language, model=model, source=report.source)
    watch = say("of_subject", language, watch=words.name, subject=words.subject)
    more = say("more_findings", language, count=str(len(changed))) if len(changed) > 1 else ""
    advice = words.advice[0] if words.advice else None
    return Headline(
        severity=worst.severity,
        title=say("drift_headline", language, severity=words.severity, watch=watch),
        text=" ".join(filter(None, (words.now, more))),
        advice=advice,
    )


def _calm(report: Report, language: str) -> Headline:
    watches = [each for each in report.findings if each.state is not State.OFF]
    untested = sum(each.state is State.INSUFFICIENT for each in watches)
    enough = 2 * untested <= len(watches) and bool(watches or not report.findings)
    if enough:
        title, text = say("quiet_headline", language), say("quiet_headline_text", language)
    else:
        title, text = _untested(untested, len(watches), report.source, language)
    is_labelled = any(each.kind is Kind.HARM and each.state is not State.OFF for each in report.findings)
    if report.source is Source.JOURNAL and not is_labelled:
        text = f"{text} {say('quiet_without_labels', language)}"
    return Headline(severity=None, title=title, text=text, advice=None)


def _untested(untested: int, watches: int, source: Source, language: str) -> tuple[str, str]:
    counts = {"untested": format_number(untested, language, 0), "watches": format_number(watches, language, 0)}
    title = say("insufficient_headline", language, **counts)
    if not watches:
        return title, say("no_watches_headline_text", language)
    kept = [say("kept_for_next", language)] if source is Source.JOURNAL else []
    return title, " ".join([say("insufficient_headline_text", language), *kept])


def gravest_first(findings: Sequence[Finding]) -> list[Finding]:
    """Changes first: the critical, then the larger beyond what matters; what harms nobody comes last of them.

    What a language or a key repeats of all texts stands right behind that.
    """
    whole = {each.watch: each for each in findings if each.state is State.DRIFT and each.subject == Subject()}

    def place(each: Finding) -> tuple[float, ...]:
        if each.state is not State.DRIFT:
            return _STATES[each.state], _GRAVITY[each.severity]
        leader = whole.get(each.watch, each)
        return (_STATES[State.DRIFT], *_rank(leader), each is not leader, *_rank(each))

    return sorted(findings, key=place)


def _rank(finding: Finding) -> tuple[float, ...]:
    """The graver a change, the smaller."""
    strength = _shift(finding) / MATTERS.get(finding.watch, _LITTLE)
    surely = 1.0 if finding.corrected is None else finding.corrected
    by_labels = finding.kind in (Kind.HARM, Kind.CALIBRATION)  # that verdicts are wrong is graver than that they may be
    return _GRAVITY[finding.severity], _falls_harmlessly(finding), not by_labels, -strength, surely


def _shift(finding: Finding) -> float:
    """How much has changed, as a share of what could: of texts that moved, or of pairs told apart beyond chance."""
    if finding.evidence is not None:
        return finding.evidence * MATTERS.get(finding.watch, _LITTLE)
    if finding.statistic in _DISTANCES and finding.value is not None:
        return abs(finding.value)
    if finding.statistic == _AUC and finding.value is not None:
        return abs(2 * finding.value - 1)
    return abs(finding.size or 0.0)


def _falls_harmlessly(finding: Finding) -> bool:
    return finding.watch in _HARMLESS_FALLS and (finding.size or 0.0) < 0


def model_of(report: Report) -> str:
    """``NAME@VERSION``, as commands take it; the name alone of a model without versions, as scores have."""
    if report.source is Source.SCORES or not report.model_version:
        return report.model_name
    return f"{report.model_name}@{report.model_version}"


def say(phrase: str, language: str, /, **values: str) -> str:
    """A phrase of reports, with its values in place."""
    return _words(language).phrases[phrase].format(**values)


# --- figures ---------------------------------------------------------------------------------------


def format_number(value: float, language: str, digits: int | None = None) -> str:
    """``1,234``, ``0.8`` or ``0.0021`` as the language writes it.

    ``digits`` are those after the point; without, there are about three in all.
    """
    if digits is None:
        written = f"{value:,.0f}" if abs(value) >= _LARGE or value == round(value) else f"{value:.3g}"
        if "e" in written:
            written = f"{value:.1e}"
    else:
        written = f"{value:,.{digits}f}"
    return written.translate(str.maketrans(",.", ".,")) if language == "es" else written


def format_share(value: float, language: str, digits: int | None = None) -> str:
    """``12.3 %``; of less than one percent two figures, as ``0.021 %``."""
    digits = _digits(100 * value) if digits is None else digits
    return f"{format_number(100 * value, language, digits)}{_NO_BREAK}%"


def _digits(percent: float) -> int:
    """How many stand after the point, so that a small share is no ``0.0 %``."""
    if percent == 0 or abs(percent) >= 1:
        return 1
    return min(_MOST_DIGITS, 1 - math.floor(math.log10(abs(percent))))


def format_estimate(estimate: Estimate, language: str) -> str:
    """``12.3 % [10.1 %, 15.0 %]``; all estimates are shares."""
    value, low, high = (format_share(each, language) for each in (estimate.value, estimate.low, estimate.high))
    return say("interval", language, value=value, low=low, high=high)


def seen_by_test(finding: Finding, language: str) -> str:
    """What the test went by, where the figures beside it are something else: how many texts moved, and across what."""
    if finding.state is not State.DRIFT or finding.value is None:
        return ""
    if finding.statistic == _AUC:
        return say("told_apart", language, count=format_number(100 * finding.value, language, 0))
    moved = _moved(finding, language)
    if moved is None:
        return ""
    count, at = moved
    if finding.kind is Kind.SCORE:
        return say("moved_score", language, count=count, at=at)
    what = _words(language).styles.get(finding.watch.removeprefix(f"{_STYLE}."))
    return say("moved", language, count=count, at=at, what=what or _unit(finding, language))


def moved_in_words(finding: Finding, language: str) -> str:
    """The same in a few words, for a table: ``26 of 100 across 4.7``."""
    moved = _moved(finding, language)
    return NOTHING if moved is None else say("moved_short", language, count=moved[0], at=moved[1])


def _moved(finding: Finding, language: str) -> tuple[str, str] | None:
    """How many of a hundred texts, and across what value most of them."""
    at = finding.details.get("differs_most_at")
    if finding.value is None or finding.statistic not in _DISTANCES or isinstance(at, str) or at is None:
        return None
    share = _is_share(finding) and finding.kind is not Kind.SCORE
    written = format_share(at, language) if share else format_number(at, language)
    return format_number(100 * finding.value, language, 0), written


def _says(finding: Finding, words: _Watch, language: str, source: Source) -> str:
    if finding.state is State.DRIFT:
        return words.meaning(finding.size or 0.0)
    if finding.state is State.OFF and finding.watch in _words(language).off:
        return _words(language).off[finding.watch]
    have, least = (_amount(count, finding, language) for count in (finding.texts, finding.least))
    says = _words(language).states[finding.state].says.format(have=have, least=least)
    if finding.state is State.INSUFFICIENT and source is Source.JOURNAL:
        return f"{says} {say('kept_for_next', language)}"
    return says


def _figures(finding: Finding, language: str) -> str:
    if finding.current is None or finding.state in (State.INSUFFICIENT, State.OFF):
        return ""
    current = _current(finding, language)
    if finding.baseline is None:
        return say("only_current", language, current=current)
    baseline, change = _value(finding.baseline, finding, language), _change(finding, language)
    figures = say("figures", language, baseline=baseline, current=current, change=change)
    of_language = finding.details.get("language")
    if not isinstance(of_language, str):
        return figures
    named = _words(language).languages.get(of_language, of_language)
    return f"{named[:1].upper()}{named[1:]}: {figures[:1].lower()}{figures[1:]}"


def _current(finding: Finding, language: str) -> str:
    value = _value(finding.current, finding, language)
    if finding.low is None or finding.high is None:
        return value
    low, high = _value(finding.low, finding, language), _value(finding.high, finding, language)
    return say("interval", language, value=value, low=low, high=high)


def _value(value: float | None, finding: Finding, language: str) -> str:
    if value is None:
        return NOTHING
    if not _is_share(finding):
        return format_number(value, language)
    return format_share(value, language, _digits(100 * value) + _more(finding))


def _more(finding: Finding) -> int:
    """Digits that the figures of a finding take beyond the usual to be told apart."""
    if finding.baseline is None or finding.current is None or finding.baseline == finding.current:
        return 0
    both = finding.baseline, finding.current
    for more in range(_MORE_DIGITS):
        if len({format_share(each, "en", _digits(100 * each) + more) for each in both}) > 1:
            return more
    return _MORE_DIGITS


def _change(finding: Finding, language: str) -> str:
    if finding.size is None:
        return NOTHING
    sign = "+" if finding.size > 0 else "\N{MINUS SIGN}" if finding.size < 0 else "±"
    if _is_share(finding):
        points = 100 * abs(finding.size)
        return say("points", language, change=sign + format_number(points, language, _digits(points)))
    return sign + format_number(abs(finding.size), language)


def _is_share(finding: Finding) -> bool:
    return _SHARE in finding.effect or finding.watch in _SHARES_OF_STYLE


def _amount(count: int, finding: Finding, language: str) -> str:
    which = "labels" if finding.kind in _BY_LABELS else "days" if finding.watch in _BY_DAYS else "texts"
    return say(which, language, count=format_number(count, language, 0))


def _strength(finding: Finding, language: str) -> str:
    if finding.evidence is not None:
        return say("evidence", language, evidence=f"{format_number(100 * finding.evidence, language, 0)}{_NO_BREAK}%")
    if finding.corrected is None:
        return NOTHING
    return format_p(finding.corrected, language)


def format_p(p: float, language: str) -> str:
    """``p = 0.012``."""
    if p < _LEAST_P:
        return f"p < {format_number(_LEAST_P, language)}"
    return f"p = {format_number(float(f'{p:.2g}'), language)}"


def _detail(name: str, value: str | float, language: str) -> tuple[str, str]:
    words, group = _words(language), _GROUP.fullmatch(name)
    if group is not None and f"group_{group[2]}" in words.details:
        named = words.details[f"group_{group[2]}"].format(number=group[1])
    else:
        named = words.details.get(name, name.replace("_", " "))
    if not isinstance(value, str):
        return named, (format_share if name.startswith(f"{_SHARE}_") else format_number)(value, language)
    return named, words.languages.get(value, value) if name == "language" else value


def _unit(finding: Finding, language: str) -> str:
    """What the figures of a finding are."""
    known = _words(language).effects.get(finding.effect)
    kind, _, style = finding.effect.partition(" ")
    if known is not None or kind not in ("mean", "median"):
        return known or finding.effect
    return say(f"{kind}_of", language, what=_words(language).styles.get(style, style))


# --- words -----------------------------------------------------------------------------------------


def _watch(finding: Finding, language: str) -> _Watch:
    found = _find(finding.watch, language)
    if found is None:  # of a later version: what is known of its kind
        kind = _words(language).kinds[finding.kind]
        says = _words(language).states[State.DRIFT].says
        return _Watch(name=f"{kind}: {finding.watch}", measures=kind, means=says, not_="")
    return found


def _find(watch: str, language: str) -> _Watch | None:
    words = _words(language)
    group, _, style = watch.partition(".")
    if group != _STYLE:
        return words.watches.get(watch)
    named = words.styles.get(style, style)
    found = words.watches[_STYLE]
    name, measures = (each.format(style=named) for each in (found.name, found.measures))
    return msgspec.structs.replace(found, name=name, measures=measures)


@cache
def _words(language: str) -> _Words:
    known = language if language in LANGUAGES else LANGUAGES[0]
    file = resources.files("falsetrue.report") / "templates" / f"watches.{known}.json"
    return msgspec.json.decode(file.read_bytes(), type=_Words)
