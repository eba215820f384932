"""How leaks are told."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """What to do about a leak."""

    masks: tuple[str, ...] = ()  #: names of :data:`falsetrue.news.masking.CATALOGUE` that blank it
    filters: tuple[str, ...] = ()  #: names of :data:`falsetrue.news.filtering.CATALOGUE` that leave out what has it
    says: str  #: for people


@dataclass(frozen=True, kw_only=True)
class After:
    """The same thing once the masks and filters of a recipe are applied; shares and AUC as in the finding."""

    share_real: float
    share_false: float
    auc: float
    is_leak: bool  #: whether it would still be strong enough for a finding


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that gives the label away, replicated on articles that it was not searched for in."""

    corpus: str
    kind: str  #: ``wording``, ``family``, ``shape``, ``fact``, ``repeated``, ``sign_flip``
    where: str  #: ``text``, ``title``, or where in it: ``text opening``, ``title closing``, ...; ``article`` for facts
    name: str  #: the words, the family, the measure or the column
    direction: str  #: of which class it is a sign: ``real`` or ``false``
    share_real: float  #: share of the real articles that have it (that exceed the best threshold, for a measure)
    share_false: float
    auc: float  #: area under the ROC curve as the only feature, in [0.5, 1]; 0.5 gives nothing away
    p_value: float  #: of the replication, corrected for all candidates replicated
    examples: tuple[str, ...] = ()  #: the leak in brackets with at most 3 words on each side
    remedy: Remedy
    seen_by_default_features: bool  #: whether words and word pairs in lower case can show it to the model
    also: tuple[str, ...] = ()  #: other words that stand in the same articles
    after: After | None = None  #: ``None``: not looked at


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Copies and near copies: counted, not tested."""

    exact: int = 0  #: articles beyond the first of each set of copies, but for case and white space
    near: int = 0  #: articles beyond the first of each near-duplicate group, exact ones included
    conflicting_groups: int = 0  #: near-duplicate groups that hold both labels
    conflicting_articles: int = 0  #: articles in these
    largest_group: int = 0  #: articles in the largest group; 1 if all differ
    across_split: int | None = (
        None  #: articles whose group stands in several parts of the given split; ``None``: no split
    )


@dataclass(frozen=True, kw_only=True)
class DatesFound:
    """Dates of one corpus (:func:`falsetrue.news.dates.read_dates`)."""

    usable: int
    unreadable: int  #: of no known form
    ambiguous: int  #: as 3/4/2020 where nothing says which number is the month
    absurd: int  #: no day of the calendar, long ago, or in the future

    @property
    def unusable(self) -> int:
        """All that are there and say nothing."""
        return self.unreadable + self.ambiguous + self.absurd


@dataclass(frozen=True, kw_only=True)
class CorpusAudit:
    """What was looked at in one corpus."""

    corpus: str
    real: int
    false: int
    candidates: int  #: features tested
    discovered: int  #: of these, found on one half and tested again on the other
    duplicates: Duplicates
    no_article: dict[str, int] = field(default_factory=dict)  #: articles that a filter would leave out, by its name
    dates: DatesFound | None = None  #: ``None``: there is no date at all
    #: Share of the articles with a known source whose source (of at least 5 articles) has one label only.
    one_source_one_label: float | None = None
    note: str | None = None  #: why less was looked at than could be


@dataclass(frozen=True, kw_only=True)
class SharedArticles:
    """Articles of near-duplicate groups that stand in two corpora."""

    one: str
    other: str
    in_one: int
    in_other: int
    conflicting_groups: int  #: groups with a real article in one and a false one in the other


@dataclass(frozen=True, kw_only=True)
class Audit:
    """All that was found, the worst first."""

    findings: tuple[Finding, ...]
    corpora: tuple[CorpusAudit, ...]
    shared: tuple[SharedArticles, ...] = ()
    across_split: int | None = None  #: articles whose copies stand in several parts of the given split; ``None``: none
    seed: int = 0
    masks: tuple[str, ...] = ()  #: of the catalogue: those that remedy some finding
    filters: tuple[str, ...] = ()  #: of the catalogue: those that leave out some article
