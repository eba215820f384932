"""What ``falsetrue evaluate`` finds, as it is written down: the schema of its JSON.

``null`` stands for what is not defined; no number is ever NaN. A change of the schema raises
:data:`FORMAT`.
"""

from falsetrue.model.figures import EstimateRecord, FiguresRecord, PolicyFiguresRecord, Record

#: Format of the JSON.
FORMAT = 1


class DatesRecord(Record, frozen=True, kw_only=True):
    """What came of the dates of a file."""

    dated: int  #: rows with a day that can be used
    unreadable: int  #: dates of no known form
    ambiguous: int  #: day or month first? the file does not say
    absurd: int  #: no day of the calendar, before 1900, or in the future


class FileFactsRecord(Record, frozen=True, kw_only=True):
    """One labelled file: one corpus."""

    corpus: str
    path: str  #: as it was named
    sha256: str
    real: int  #: articles judged or fitted on
    false: int
    dropped: dict[str, int]  #: rows left out, by reason
    sources: dict[str, int]  #: distinct sources by class, ``real`` and ``false``
    sources_apart: bool  #: whether no source stands on both sides of a split, and intervals are clustered by source
    titles: int  #: articles that have a title
    dates: DatesRecord
    languages: dict[str, int]  #: articles by language as the file writes it; ``unknown`` where it does not


class SideRecord(Record, frozen=True, kw_only=True):
    """How one corpus was split."""

    fitted: int  #: articles that the model judged on this corpus was fitted on, of any corpus
    judged: int
    removed: int = 0  #: left out as near duplicates of what is on the other side
    first_day: str | None = None  #: ISO 8601; the first day that is judged
    left_with: list[str]  #: corpora that left together with it


class RowRecord(Record, frozen=True, kw_only=True):
    """One row: a corpus, a language, or everything."""

    name: str
    model: FiguresRecord
    references: dict[str, FiguresRecord]  #: by name of the reference row
    other: FiguresRecord | None = None  #: of the model or recipe it is compared with
    difference: dict[str, EstimateRecord | None]  #: empty without another; model less other, paired on the same texts
    policy: PolicyFiguresRecord | None = None  #: of a saved model
    other_policy: PolicyFiguresRecord | None = None


class ProtocolRecord(Record, frozen=True, kw_only=True):
    """One way of keeping news aside, and what was found."""

    name: str  #: ``grouped``, ``later_in_time``, ``leave_one_corpus_out`` or ``as_saved``
    explanation: str
    corpora: dict[str, SideRecord]
    skipped: dict[str, str]  #: corpora that took no part, and why
    pooled: RowRecord
    #: Mean over corpora, each counting the same, by row (``model``, ``other``, ``difference``, the reference rows)
    #: and figure; ``null`` where a corpus lacks it
    macro_mean: dict[str, dict[str, EstimateRecord | None]]
    by_corpus: list[RowRecord]  #: the worst AUC first
    by_language: list[RowRecord]  #: empty where there is one language only


class EvaluationReport(Record, frozen=True, kw_only=True):
    """Everything that one run found."""

    format: int = FORMAT
    judged: str  #: the recipe, or the model's name and version
    kind: str  #: ``recipe`` (fitted afresh) or ``model`` (as saved)
    compared_with: str | None
    seed: int
    rows: int | None  #: articles of a corpus at most
    deployed_rows: int  #: articles that the deployed recipe is fitted on at most
    prevalence: float | None = None  #: share of false news for which probabilities were re-derived
    warnings: list[str]
    files: list[FileFactsRecord]
    protocols: list[ProtocolRecord]
    not_run: dict[str, str]  #: protocols that could not be run, and why
