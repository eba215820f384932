"""Real news in the order of time, watched as a service would be: ``python benchmarks/monitor/case_study.py``.

A model is trained, a baseline made of labelled texts that come before those that are watched; these go through the
journal day by day, 20 of each day are labelled by what the corpus says, and after every day there is a look. Printed
is Markdown: what fired and when, and beside it what all the labels say, which no look has seen. Needs the ``[train]``
extra and the labelled corpora (``FALSETRUE_CORPORA`` names their folder).
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Engine

from falsetrue.bundle.folder import open_bundle
from falsetrue.bundle.manifest import BASELINE, REFERENCE
from falsetrue.database.engine import open_database
from falsetrue.database.schema import migrate
from falsetrue.features.sketching import Sketcher
from falsetrue.jobs.classify import Item, Refusal
from falsetrue.jobs.corpora import Sources, read_corpora
from falsetrue.jobs.monitor import watched_model
from falsetrue.jobs.monitor_look import look
from falsetrue.jobs.monitor_subjects import Journalled, Watched
from falsetrue.jobs.progress import Quiet
from falsetrue.jobs.rebase import Judge, TextFile, rebase
from falsetrue.jobs.recording import Recorder, Told, Tracing
from falsetrue.jobs.train import Training, train
from falsetrue.journal.audit_items import AuditItems
from falsetrue.journal.auditing import Slice
from falsetrue.journal.identifiers import Identifiers
from falsetrue.journal.records import Entry, Writing
from falsetrue.journal.store import Journal
from falsetrue.model.decision import EVEN, Policy
from falsetrue.model.fitting import DEFAULT, PLAIN, Recipe
from falsetrue.model.metrics import proportion
from falsetrue.monitor.findings import Alarm, Finding, Report, Severity, State, Subject
from falsetrue.monitor.store import MonitorStore
from falsetrue.news.article import Article, Label
from falsetrue.news.dates import read_dates
from falsetrue.news.labelled import Columns
from falsetrue.report.charts import Axes, Line, timeline
from falsetrue.report.page import table
from falsetrue.report.watch_words import explain
from falsetrue.settings import Settings
from falsetrue.wiring import load_classifier

SEED: Final = 20261123
#: Labels a day.
DAILY: Final = 20
#: Of sketches and hashes: a secret in a service, any here, as long as it is always the same.
SALT: Final = b"case study, 16 B"
#: When days were made up, the first; and when models say that they were made.
FIRST: Final = date(2026, 1, 1)
MADE: Final = datetime(2026, 1, 1, tzinfo=UTC)
ONE_DAY: Final = timedelta(days=1)
ENGLISH: Final = (
    "fakenewsnet_gossipcop",
    "fakenewsnet_politifact",
    "cs216_outlets2017",
    "buzzfeed_webis2016",
    "isot_partial_fulltext",
)
#: A policy that always decides.
HALF: Final = Policy(name="half", version=1, false_below=EVEN, real_above=EVEN)
#: Colours of the charts' lines, for files that stand alone.
STYLE: Final = (
    "<style>svg{background:#fff}text{fill:#4a5563;font:12px sans-serif}.label{fill:#17202b}.small{font-size:11px}"
    ".axis,.grid,.line,.ideal{fill:none}.axis,.three{stroke:#4a5563}.grid{stroke:#dcd9cf}.line{stroke-width:2}"
    ".ideal{stroke:#4a5563;stroke-dasharray:4 4}.one{stroke:#1f5a9e}.two{stroke:#b3500b;stroke-dasharray:7 4}"
    ".three.line{stroke-dasharray:2 3}</style>"
)


@dataclass(frozen=True, kw_only=True)
class News:
    """What a case is made of."""

    train: Sequence[Article]
    baseline: Sequence[Article]  #: labelled texts of the team's own
    days: Mapping[date, Sequence[Article]]
    change: date | None = None  #: when the texts begin to be others


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model, and texts that it is put to."""

    title: str
    news: Callable[[Path, float], News]  #: of the corpora's folder, and of a size that 1 is all of
    period: Callable[[date], str]  #: what a day is told under
    own_baseline: bool = True  #: of texts like those that are watched; else the one that came with the model
    recipe: Recipe = DEFAULT
    decides_all: bool = False  #: by a half, on whatever comes; else by the model's own policy


# --- the news of each case --------------------------------------------------------------------------------


@cache
def _read(folder: Path, *names: str, columns: Columns = Columns(), rows: int | None = None) -> tuple[Article, ...]:  # noqa: B008 - frozen
    """Cleaned articles, no two the same but for case and white space."""
    files = [str(folder / f"{name}.parquet") for name in names]
    sources = Sources(files=files, columns=columns, filters=DEFAULT.filters, rows=rows, seed=SEED)
    return tuple(article for corpus in read_corpora(sources, Quiet()) for article in corpus.articles)


def _shuffled(articles: Iterable[Article]) -> list[Article]:
    mixed = list(articles)
    random.Random(SEED).shuffle(mixed)  # noqa: S311 - not for secrets
    return mixed


def _by_days(articles: Sequence[Article], daily: int, first: date = FIRST) -> dict[date, list[Article]]:
    """Made-up days of so many articles each; what is left over is no day."""
    whole = len(articles) // daily
    return {first + number * ONE_DAY: list(articles[number * daily : (number + 1) * daily]) for number in range(whole)}


def _gossipcop(folder: Path, size: float) -> tuple[list[Article], list[Article], list[Article]]:
    """To train on, for a baseline, and the rest."""
    articles = _shuffled(_read(folder, "fakenewsnet_gossipcop"))
    fit, known = int(5000 * size), int(5000 * size) + int(2500 * size)
    return articles[:fit], articles[fit:known], articles[known:]


def unchanged(folder: Path, size: float) -> News:
    """The same corpus all along: 200 of its articles a day."""
    fit, baseline, rest = _gossipcop(folder, size)
    return News(train=fit, baseline=baseline, days=_by_days(rest[: int(200 * 40 * size)], 200))


def _replaced(
    fit: Sequence[Article], baseline: Sequence[Article], before: Sequence[Article], after: Sequence[Article]
) -> News:
    """50 articles a day; after 20 days of some come the others."""
    change = FIRST + 20 * ONE_DAY
    days = _by_days(before[: 20 * 50], 50) | _by_days(_shuffled(after), 50, change)
    return News(train=fit, baseline=baseline, days=days, change=change)


def other_topic(folder: Path, size: float) -> News:
    """From celebrities to politics."""
    return _replaced(*_gossipcop(folder, size), _read(folder, "fakenewsnet_politifact"))


def other_language(folder: Path, size: float) -> News:
    """From English to Spanish."""
    articles = _shuffled(_read(folder, *ENGLISH, rows=1200))
    fit, known = int(2500 * size), int(2500 * size) + int(1500 * size)
    after = _read(folder, "spanish_fakenews_corpus")
    return _replaced(articles[:fit], articles[fit:known], articles[known:], after)


def _dated(articles: Sequence[Article], begin: date, since: date, until: date, *, first: date = date.min) -> News:
    """Trained on what was published before ``begin``; the baseline is of ``begin`` to ``since``; then days follow."""
    days = read_dates([article.date for article in articles], today=MADE.date()).days
    of_day: dict[date, list[Article]] = defaultdict(list)
    for day, article in zip(days, articles, strict=True):
        if day is not None and first <= day < until:
            of_day[day].append(article)
    dated = sorted(of_day.items())
    return News(
        train=[article for day, each in dated for article in each if day < begin],
        baseline=_shuffled(article for day, each in dated for article in each if begin <= day < since),
        days={day: each for day, each in dated if day >= since},
    )


def isot(folder: Path, size: float) -> News:  # noqa: ARG001 - it is small
    """Whole articles: trained on those up to August 2017, the baseline is of September."""
    articles = _read(folder, "isot_partial_fulltext")
    return _dated(articles, date(2017, 9, 1), date(2017, 10, 1), date(2018, 1, 1))


def isot_headlines(folder: Path, size: float) -> News:  # noqa: ARG001 - as above
    """Headlines: trained on those of 2016, the baseline is of January and February 2017, then ten months follow."""
    articles = _read(folder, "isot_titles", columns=Columns(text="title"))
    return _dated(articles, date(2017, 1, 1), date(2017, 3, 1), date(2018, 1, 1), first=date(2016, 1, 1))


def _month(day: date) -> str:
    return f"{day:%Y-%m}"


def _five_days(day: date) -> str:
    number = (day - FIRST).days
    return f"days {number - number % 5 + 1}-{number - number % 5 + 5}"


def _deciding(case: Case) -> Case:
    return replace(case, title=f"{case.title}, and something is said of every text", decides_all=True)


_TOPIC: Final = Case(title="GossipCop, then PolitiFact", news=other_topic, period=_five_days)
_LANGUAGE: Final = Case(title="English, then Spanish", news=other_language, period=_five_days)
CASES: Final = {
    "unchanged": Case(title="No change: GossipCop, shuffled", news=unchanged, period=_five_days),
    "unchanged-own": Case(
        title="No change, but the baseline that came with the model",
        news=unchanged,
        period=_five_days,
        own_baseline=False,
    ),
    "isot": Case(title="ISOT, whole articles, by their dates", news=isot, period=_month),
    "isot-unmasked": Case(title="The same, nothing masked when it was trained", news=isot, period=_month, recipe=PLAIN),
    "isot-headlines": Case(title="ISOT, headlines, by their dates", news=isot_headlines, period=_month),
    "topic": _TOPIC,
    "topic-decided": _deciding(_TOPIC),
    "language": _LANGUAGE,
    "language-decided": _deciding(_LANGUAGE),
}


# --- the service, in short --------------------------------------------------------------------------------


class Seen(NamedTuple):
    """A text that was answered, and what it is."""

    day: date
    said: str
    p_real: float
    truth: str


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What came of a case."""

    reports: list[Report]
    seen: list[Seen]
    audited: list[Seen]  #: those of the slice
    alarms: list[Alarm]  #: in the order in which they began
    baseline: str
    error: str  #: of the baseline


@dataclass(kw_only=True)
class _Service:
    """Answers, keeps what it answered, and is looked at."""

    engine: Engine
    journal: Journal
    judge: Judge
    watched: Watched
    journalled: Journalled
    truths: dict[str, str] = field(default_factory=dict)  #: by prediction
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 - not for secrets

    def answer(self, day: date, articles: Sequence[Article]) -> list[Seen]:
        """A day's texts, as if they came at noon."""
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        identifiers = Identifiers(lambda: int(noon.timestamp()) * 10**9, self.chance.randbytes)
        recorder = Recorder(classifier=self.judge.classifier, trace=Tracing(hash_key=SALT, sketcher=Sketcher(SALT)))
        items = [Item(text=article.text, title=article.title) for article in articles]
        told = recorder.classify(items, self.judge.policy)
        entries, seen, contents = [], [], []
        for article, each in zip(articles, told, strict=True):
            if isinstance(each, Refusal):
                continue
            entry, truth = _entry(each, identifiers.new(), noon, self.judge), _said(article.label)
            self.truths[entry.id] = truth
            entries.append(entry)
            contents.append((article.title, article.text))
            seen.append(Seen(day, entry.label, entry.p_real, truth))
        drawn = Slice(key=SALT, size=DAILY).mark(tuple(entries), contents, refused=False)
        self.journal.write([Writing(entries=drawn)])
        return seen

    def label(self, day: date) -> list[Seen]:
        """Somebody labels the slice of a day, on the next morning."""
        now, audit = _morning(day), self.journalled.audit
        items = [item for item in audit.items(now, since=day) if item.day == day]
        for item in items:
            audit.label(item.prediction_id, self.truths[item.prediction_id], by="the corpus", now=now)
        return [Seen(day, item.said, item.p_real, self.truths[item.prediction_id]) for item in items]

    def look(self, day: date) -> list[Report]:
        return look(self.journalled, self.watched, lambda: _morning(day), holder="case study")


def _morning(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + ONE_DAY + timedelta(minutes=30)


def _said(label: Label) -> str:
    return "real" if label is Label.REAL else "false"


def _entry(told: Told, identifier: str, now: datetime, judge: Judge) -> Entry:
    (found, traces), manifest = told, judge.classifier.manifest
    assert traces is not None  # noqa: S101 - asked for
    return Entry(
        id=identifier,
        created_at=now,
        route="/v1/classifications",
        request_id="",
        key_id=None,
        item_id=None,
        model_name=manifest.name,
        model_version=manifest.version,
        policy=judge.policy.reference,
        label=found.label.value,
        p_real=found.p_real,
        prevalence=None,
        action=None,
        reasons=tuple(reason.value for reason in found.reasons),
        language=found.language,
        characters=traces.characters,
        words=found.words,
        known_words=found.known_words,
        text_hash=traces.text_hash,
        sketch=traces.sketch,
        latency=0.0,
    )


def _write(articles: Iterable[Article], folder: Path) -> list[str]:
    """A file for each corpus, named after it."""
    lines: dict[str, list[bytes]] = defaultdict(list)
    for article in articles:
        row = {"title": article.title, "text": article.text, "label": int(article.label), "source": article.source}
        lines[article.corpus].append(msgspec.json.encode(row))
    folder.mkdir(parents=True)
    for name, rows in lines.items():
        (folder / f"{name}.jsonl").write_bytes(b"\n".join(rows))
    return [str(folder / f"{name}.jsonl") for name in sorted(lines)]


def _trained(files: Sequence[str], recipe: Recipe, models: Path) -> Path:
    """The folder of a model; of the same news it is trained once."""
    digest = sha256(recipe.name.encode() + b"".join(Path(each).read_bytes() for each in files))
    folder = models / digest.hexdigest()[:16]
    if not folder.exists():
        training = Training(recipe=recipe, name="case", files=files, languages=["en"], quick=True, seed=SEED)
        train(training, folder, now=MADE, progress=Quiet())
    return folder


def _open(case: Case, news: News, folder: Path) -> _Service:
    """Train, make a baseline, and open an empty journal."""
    model = _trained(_write(news.train, folder / "train"), case.recipe, folder.parent)
    classifier = load_classifier(Settings(), str(model))
    policy = HALF if case.decides_all else classifier.policies.find(None)
    judge = Judge(classifier=classifier, policy=policy)
    engine = open_database(f"sqlite:///{folder / 'journal.db'}")
    migrate(engine)
    store = MonitorStore(engine)
    if case.own_baseline:
        # One file, whatever its corpora.
        joined = folder / "baseline.jsonl"
        joined.write_bytes(b"\n".join(Path(each).read_bytes() for each in _write(news.baseline, folder / "baseline")))
        reference = rebase(TextFile(path=str(joined)), judge, salt=SALT, is_secret=True, now=MADE)
        store.add_reference(reference.model_version, reference.name, reference.to_bytes(), MADE)
    bundle = open_bundle(model, keep=(BASELINE, REFERENCE))
    audit = AuditItems(engine, daily=DAILY)
    return _Service(
        engine=engine,
        journal=Journal(engine),
        judge=judge,
        watched=replace(watched_model(bundle, store), policy=policy),
        journalled=Journalled(engine=engine, store=store, audit=audit, audited=True, audit_daily=DAILY),
    )


def watch(case: Case, news: News, folder: Path) -> Watch:
    """Answer, label and look, day by day."""
    service = _open(case, news, folder)
    reports, seen, audited = [], [], []
    for day, articles in sorted(news.days.items()):
        seen += service.answer(day, articles)
        audited += service.label(day)
        reports += service.look(day)
    outcomes = service.watched.reference.all.outcomes
    alarms = service.journalled.store.alarms(limit=1000)
    service.engine.dispose()
    return Watch(
        reports=reports,
        seen=seen,
        audited=audited,
        alarms=sorted(alarms, key=lambda each: (each.raised_at, each.watch, each.subject)),
        baseline=f"{service.watched.reference.texts:,} texts ({service.watched.reference.name})",
        error=f"{_share(outcomes.decided.errors, outcomes.decided.texts)} of verdicts, "
        f"{_share(outcomes.forced.errors, outcomes.forced.texts)} at a half",
    )


# --- what is told -----------------------------------------------------------------------------------------


def _named(watch: str, subject: Subject) -> str:
    return watch if subject == Subject() else f"{watch} ({subject.language or subject.key})"


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _with_interval(part: int, whole: int) -> str:
    if not whole:
        return "-"
    found = proportion(part, whole)
    return f"{100 * found.value:.0f} % ({100 * found.low:.0f}-{100 * found.high:.0f}), n = {whole}"


def _errors(some: Sequence[Seen]) -> tuple[int, int]:
    """Wrong verdicts, and verdicts."""
    decided = [each for each in some if each.said != "unsure"]
    return sum(each.said != each.truth for each in decided), len(decided)


def _claimed(reports: Sequence[Report], name: str, method: str) -> str:
    """The mean over looks, each weighing as many texts as it has."""
    found = [
        each
        for report in reports
        for each in report.estimates
        if (each.name, each.method, each.subject) == (name, method, Subject())
    ]
    texts = sum(each.texts for each in found)
    return _share(sum(each.value * each.texts for each in found), texts)


HEADINGS: Final = (
    "when",
    "texts",
    "decided",
    "wrong verdicts: all labels",
    "wrong verdicts: the slice",
    "wrong verdicts: CBPE",
    "wrong at a half: all labels",
    "wrong at a half: CBPE",
    "false: all labels",
    "false: BBSE",
    "alarms that began",
)
ALARMS: Final = ("began", "watch", "baseline → now", "found again", "ended")


def periods(case: Case, watch: Watch) -> Iterator[list[str]]:
    """A row for each: what the labels say, what is claimed without them, and how many alarms began."""
    for name in dict.fromkeys(case.period(each.day) for each in watch.seen):
        seen, audited = ([e for e in some if case.period(e.day) == name] for some in (watch.seen, watch.audited))
        reports = [each for each in watch.reports if case.period(_covered(each)) == name]
        yield [
            name,
            f"{len(seen):,}",
            _share(_errors(seen)[1], len(seen)),
            _share(*_errors(seen)),
            _with_interval(*_errors(audited)),
            _claimed(reports, "error", "CBPE"),
            _share(sum((each.p_real > 0.5) != (each.truth == "real") for each in seen), len(seen)),
            _claimed(reports, "error_forced", "CBPE"),
            _share(sum(each.truth == "false" for each in seen), len(seen)),
            _claimed(reports, "prevalence_false", "BBSE"),
            f"{sum(case.period(_began(each)) == name for each in watch.alarms)}",
        ]


def alarms(watch: Watch) -> Iterator[list[str]]:
    """A row for each, as they began."""
    for alarm in watch.alarms:
        found = [_found(report, alarm) for report in watch.reports if _covered(report) >= _began(alarm)]
        could = [each for each in found if each is not None and _has_tested(each)]
        words, name = explain(could[0], "en"), _named(alarm.watch, alarm.subject)
        yield [
            _day(_began(alarm)),
            f"**{name}**" if alarm.severity is Severity.CRITICAL else name,
            f"{words.baseline} → {words.current}",
            f"{sum(each.state is State.DRIFT for each in could) - 1} of {len(could) - 1}",
            "open" if alarm.ended_at is None else _day(alarm.ended_at.date() - ONE_DAY),
        ]


def _covered(report: Report) -> date:
    return report.until.date() - ONE_DAY


def _began(alarm: Alarm) -> date:
    return alarm.raised_at.date() - ONE_DAY


def _found(report: Report, alarm: Alarm) -> Finding | None:
    same = (each for each in report.findings if (each.watch, each.subject) == (alarm.watch, alarm.subject))
    return next(same, None)


def _has_tested(finding: Finding) -> bool:
    return finding.p is not None or (finding.evidence is not None and finding.texts > 0)


def _day(day: date) -> str:
    return f"{day:%Y-%m-%d}" if day < FIRST else f"day {(day - FIRST).days + 1}"


def detectors(watch: Watch) -> Iterator[str]:
    """Where the critical watches stand at the end."""
    for each in watch.reports[-1].findings:
        if each.evidence is not None:
            fired = "fired" if each.state is State.DRIFT else f"{each.evidence:.1g} of its limit"
            yield f"{_named(each.watch, each.subject)}: {fired} after {each.texts:,}"


def tell(case: Case, news: News, watch: Watch) -> str:
    """Markdown of a case."""
    tested = sum(any(each.p is not None for each in report.findings) for report in watch.reports)
    change = "" if news.change is None else f" The texts change on {_day(news.change)}."
    return "\n".join(
        [
            f"## {case.title}\n",
            f"Trained on {len(news.train):,} articles. Baseline: {watch.baseline}, wrong: {watch.error}. "
            f"{len(watch.reports)} looks, {tested} of them tested; {len(watch.audited):,} labels.{change} "
            f"Detectors at the end: {'; '.join(detectors(watch))}.\n",
            *_markdown(HEADINGS, periods(case, watch)),
            "",
            *(_markdown(ALARMS, alarms(watch)) if watch.alarms else ["No alarm."]),
            "",
        ]
    )


def _markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield from (f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *rows))


def draw(case: Case, news: News, watch: Watch) -> str:
    """Errors by all labels and as claimed without, and the share of false news, as SVG."""
    rows = [row for row in periods(case, watch) if "-" not in row[6:9]]
    names = [row[0] for row in rows]
    lines = [
        Line(name=name, values=[float(row[at].removesuffix(" %")) for row in rows])
        for name, at in (
            ("wrong at a half, by all labels", 6),
            ("the same, as claimed without labels", 7),
            ("false, by all labels", 8),
        )
    ]
    marks: dict[str, list[str]] = defaultdict(list)
    if news.change is not None:
        marks[case.period(news.change)].append("other texts")
    for alarm in [each for each in watch.alarms if each.severity is Severity.CRITICAL][:1]:
        marks[case.period(_began(alarm))].append(f"alarm: {alarm.watch}")
    figure = timeline(
        [name.removeprefix("days ") for name in names],
        lines,
        [(names.index(name), ", ".join(each)) for name, each in marks.items() if name in names],
        axes=Axes(across="when", up="% of texts"),
        numbers=table(case.title, HEADINGS, rows),
        title=case.title,
        description="; ".join(f"{row[0]}: {row[6]} wrong, {row[7]} claimed" for row in rows),
    )
    drawing = str(figure)[str(figure).index("<svg") : str(figure).index("</svg>")]
    head, rest = drawing.split(">", 1)
    return f"{head}>{STYLE}{rest}</svg>\n"


# --- all of it --------------------------------------------------------------------------------------------


def study(names: Sequence[str], corpora: Path, size: float, work: Path) -> Iterator[tuple[str, str, str]]:
    """Of each case its name, its Markdown and its chart."""
    for name in names:
        case, begin = CASES[name], time.monotonic()
        news = case.news(corpora, size)
        found = watch(case, news, work / name)
        print(f"benchmarks: {name}, {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        yield name, tell(case, news, found), draw(case, news, found)


def main() -> None:
    """Watch, and print."""
    parser = argparse.ArgumentParser(description="real news in the order of time, watched")
    parser.add_argument("--only", metavar="CASE,…", help=f"of {', '.join(CASES)}")
    parser.add_argument("--charts", metavar="FOLDER", help="where a chart of each case is written")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(CASES)
    if unknown := [name for name in names if name not in CASES]:
        sys.exit(f"benchmarks: there is no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    corpora = os.environ.get("FALSETRUE_CORPORA")
    if not corpora or not Path(corpora).is_dir():
        sys.exit("benchmarks: FALSETRUE_CORPORA does not name the folder of the labelled corpora")
    if options.charts:
        Path(options.charts).mkdir(parents=True, exist_ok=True)
    print(f"Seed {SEED}; {DAILY} labels a day; intervals are of 95 %.\n")
    with tempfile.TemporaryDirectory() as work:
        for name, told, chart in study(names, Path(corpora), 1.0, Path(work)):
            print(told, flush=True)
            if options.charts:
                Path(options.charts, f"case-{name}.svg").write_text(chart, encoding="utf-8")


if __name__ == "__main__":
    main()
