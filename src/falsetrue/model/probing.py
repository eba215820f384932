"""Probes: short news written for this project and changed in one known way, and what came of asking them.

Whoever knows what was changed knows what a verdict ought to do. Ribeiro, Wu, Guestrin and Singh, "Beyond
Accuracy: Behavioral Testing of NLP Models with CheckList" (ACL 2020), call such tests directional and invariant.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from importlib.resources import files

import msgspec

from falsetrue.model.decision import Outcome
from falsetrue.model.figures import EstimateRecord, Record
from falsetrue.news.article import join_title_and_text


class Kind(StrEnum):
    """In which way a text was changed, or what it is."""

    NEGATION = "negation"  #: the central claim is negated by a word or two
    ONE_WORD = "one_word"  #: one name, number or place is another, and so is the fact
    QUOTE = "quote"  #: a false claim asserted; then quoted in a sober report that refutes it
    PARAPHRASE = "paraphrase"  #: the same facts in other words and another style
    SATIRE = "satire"  #: a satirical piece in the style of a news agency, alone
    STYLE_SWAP = "style_swap"  #: a likely fact in tabloid style; then a false claim in the style of an agency
    UPPER_CASE = "upper_case"  #: the title in capitals
    SOURCE_NAME = "source_name"  #: a well-known outlet is named in the text
    TYPOS = "typos"  #: half a dozen words are misspelt


class Expectation(StrEnum):
    """What a model that judged the facts would say."""

    CHANGE = "verdict should change"
    STAY = "verdict should stay"
    FALSE = "false"  #: what the changed, or only, text is; in a pair the original is the other
    REAL = "real"  #: the same


class ProbeText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An invented piece of news."""

    title: str
    text: str

    @property
    def content(self) -> str:
        """Title and text joined as everywhere."""
        return join_title_and_text(self.title, self.text)


class Probe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text, with its changed version unless it is of a kind that stands alone."""

    kind: Kind
    language: str  #: BCP 47
    original: ProbeText
    changed: ProbeText | None
    expect: Expectation

    @property
    def contents(self) -> tuple[str, ...]:
        """One text or two, the original first."""
        return tuple(text.content for text in (self.original, self.changed) if text is not None)


class ProbeRecord(Record, frozen=True, kw_only=True):
    """What came of the probes of one kind. Intervals cover 95 %."""

    kind: Kind
    probes: int
    verdicts: dict[str, int]  #: probes by what was said of their texts in order, as ``false`` or ``false, unsure``
    decided: int  #: probes whose texts were all decided
    as_expected: int  #: of the decided ones, those whose verdicts were what a judge of the facts would say
    share_as_expected: EstimateRecord | None  #: the same as a share; ``null``: none was decided
    as_expected_if_forced: int  #: of all probes, were every text called real above a half and else false
    share_as_expected_if_forced: EstimateRecord
    mean_change: EstimateRecord | None  #: mean |difference of ``p_real``| within a pair; ``null``: no pairs
    largest_change: float | None


@cache
def probes() -> tuple[Probe, ...]:
    """All probes of the package, kind by kind."""
    lines = files("falsetrue.model").joinpath("probes.jsonl").read_bytes().splitlines()
    return tuple(msgspec.json.decode(line, type=Probe) for line in lines)


def is_as_expected(expect: Expectation, said: Sequence[Outcome]) -> bool:
    """Whether verdicts, none of them *unsure*, on the texts of one probe are what a judge of the facts would say."""
    if expect in (Expectation.CHANGE, Expectation.STAY):
        return (len(set(said)) > 1) == (expect is Expectation.CHANGE)
    truth = Outcome(expect.value)
    return said[-1] is truth and all(outcome is not truth for outcome in said[:-1])


#: What went wrong in a pair whose verdicts changed, or stayed, against expectation.
_FAILURES = {
    Kind.NEGATION: "negating the central claim left the verdict as it was",
    Kind.ONE_WORD: "another name, number or place, and so another fact, left the verdict as it was",
    Kind.PARAPHRASE: "telling the same facts in other words and another style turned the verdict",
    Kind.UPPER_CASE: "writing the title in capitals turned the verdict",
    Kind.SOURCE_NAME: "naming a well-known news outlet in the text turned the verdict",
    Kind.TYPOS: "misspelling half a dozen words turned the verdict",
}
#: Where it is known what each text is: the wrong verdict on the texts of a probe, in order, and what it says of them.
_MISTAKES = {
    Kind.QUOTE: (
        (Outcome.REAL, "false claims were called real where they are asserted"),
        (Outcome.FALSE, "reports that quote such a claim to refute it were called false"),
    ),
    Kind.SATIRE: ((Outcome.REAL, "satirical pieces in sober style were called real"),),
    Kind.STYLE_SWAP: (
        (Outcome.FALSE, "likely facts in tabloid style were called false"),
        (Outcome.REAL, "false claims in sober style were called real"),
    ),
}


def describe(record: ProbeRecord) -> str:
    """One plain sentence: how often it went wrong, and how often it would have, had every text to be decided."""
    forced = f"{record.probes - record.as_expected_if_forced} of all {record.probes}"
    if record.kind in _MISTAKES:
        mistakes = (
            f"{_called(record, place, wrong)} of {record.probes} {what}"
            for place, (wrong, what) in enumerate(_MISTAKES[record.kind])
        )
        noun = "pairs" if len(_MISTAKES[record.kind]) > 1 else "pieces"
        return f"{' and '.join(mistakes)}; made to choose every time, the model is wrong in {forced} {noun}."
    failure = _FAILURES[record.kind]
    if not record.decided:
        return f"In no pair were both texts decided; made to choose every time, in {forced} pairs {failure}."
    failed = f"{record.decided - record.as_expected} of the {record.decided} pairs whose texts were both decided"
    return f"In {failed}, {failure}; made to choose every time, in {forced} pairs."


def _called(record: ProbeRecord, place: int, outcome: Outcome) -> int:
    return sum(count for said, count in record.verdicts.items() if said.split(", ")[place] == outcome)
