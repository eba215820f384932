from dataclasses import replace
from html.parser import HTMLParser

from falsetrue.news.leaks.findings import (
    After,
    Audit,
    CorpusAudit,
    DatesFound,
    Duplicates,
    Finding,
    Remedy,
    SharedArticles,
)
from falsetrue.report.audit import KINDS, audit_page

HOSTILE = '<script>alert("x")</script> & <b>'


def finding(**said: object) -> Finding:
    values: dict[str, object] = {
        "corpus": "one",
        "kind": "wording",
        "where": "text",
        "name": HOSTILE,
        "direction": "false",
        "share_real": 0.01,
        "share_false": 0.62,
        "auc": 0.805,
        "p_value": 1e-12,
        "examples": (HOSTILE, "before [it] after"),
        "remedy": Remedy(says=f"block the term {HOSTILE}"),
        "seen_by_default_features": True,
        "also": (HOSTILE,),
    }
    return Finding(**(values | said))  # type: ignore[arg-type]


def corpus(name: str = "one", note: str | None = None) -> CorpusAudit:
    return CorpusAudit(
        corpus=name, real=1200, false=800, candidates=4321, discovered=9, duplicates=Duplicates(exact=7), note=note
    )


class Tags(HTMLParser):
    """Counts what a browser would see."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember it; nothing may be fetched."""
        self.seen.append(tag)
        assert not any(name in ("style", "src", "href") and not (value or "").startswith("#") for name, value in attrs)

    def handle_data(self, data: str) -> None:
        """Remember it."""
        self.text += data


def test_the_page_shows_findings_and_runs_nothing_that_texts_hold() -> None:
    page = Tags(audit_page(Audit(findings=(finding(),), corpora=(corpus(),)), "Made just now."))
    assert "script" not in page.seen
    assert "b" not in page.seen[page.seen.index("main") :]
    for said in ("0.805", "1.0%", "62.0%", "4,321", HOSTILE, "before [it] after", "Made just now.", "1,200 / 800"):
        assert said in page.text
    assert "svg" in page.seen


def test_the_page_says_what_masks_and_filters_leave_and_which_dates_are_of_no_use() -> None:
    after = After(share_real=0.0, share_false=0.123, auc=0.567, is_leak=False)
    dates = DatesFound(usable=90, unreadable=1, ambiguous=2, absurd=3)
    looked_at = replace(corpus(), dates=dates, no_article={"bot_wall@1": 77})
    page = Tags(audit_page(Audit(findings=(finding(after=after), finding()), corpora=(looked_at,)), ""))
    for said in ("0.567", "6 of 96 (unreadable 1, ambiguous 2, absurd 3)", "no article: bot_wall@1", "77"):
        assert said in page.text
    assert "that masks and filters take away1" in page.text


def test_of_a_sign_that_flips_no_share_is_shown_or_drawn() -> None:
    flip = finding(corpus="one, other", kind="sign_flip", name="length", share_real=0.4321, direction="real")
    page = Tags(audit_page(Audit(findings=(flip,), corpora=(corpus(), corpus("other"))), ""))
    assert "43.2%" not in page.text
    assert "svg" not in page.seen


def test_a_corpus_without_findings_says_so_and_shows_its_note() -> None:
    page = Tags(audit_page(Audit(findings=(), corpora=(corpus(note="too few"),)), ""))
    assert "Nothing was found." in page.text
    assert "too few" in page.text


def test_what_corpora_show_together_has_a_part_of_its_own() -> None:
    shared = SharedArticles(one="one", other="other", in_one=12, in_other=34, conflicting_groups=5)
    flip = finding(corpus="one, other", kind="sign_flip", name="length")
    audit = Audit(findings=(flip,), corpora=(corpus(), corpus("other")), shared=(shared,), across_split=77)
    page = Tags(audit_page(audit, ""))
    assert "Across corpora" in page.text
    for said in ("its sign flips between corpora", "12", "34", "77"):
        assert said in page.text


def test_every_kind_has_a_name() -> None:
    assert set(KINDS) == {"wording", "family", "shape", "fact", "repeated", "sign_flip"}
