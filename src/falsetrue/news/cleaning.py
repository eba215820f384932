"""Which articles are fit to learn from. Every drop is counted and reported."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from falsetrue.news.article import Article, Label
from falsetrue.news.filtering import Filters

#: An article with fewer characters than this, title and text joined, says too little.
MINIMUM_CHARACTERS = 50


@dataclass(kw_only=True)
class Dropped:
    """How many rows were left out, and why."""

    no_label: int = 0
    empty_text: int = 0
    too_short: int = 0
    duplicate: int = 0  #: same content and label as an earlier row
    conflicting: int = 0  #: same content as an earlier row of the other class; both are left out
    not_drawn: int = 0  #: fit to learn from, but more than were asked for
    no_article: Counter[str] = field(default_factory=Counter)  #: by the name of the filter that said so

    def reasons(self) -> dict[str, int]:
        """Count by reason, reasons that did not occur included; filters that matched something by their names."""
        counts = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "no_article"}
        return counts | dict(sorted(self.no_article.items()))

    def total(self) -> int:
        """All rows left out."""
        return sum(self.reasons().values())


def clean(articles: Iterable[Article], dropped: Dropped, filters: Filters | None = None) -> list[Article]:
    """Keep articles with enough text, once each; what is left out is counted in ``dropped``.

    What ``filters`` match is no article. Articles whose content stands under both labels are left out
    altogether: keeping either would be a guess.
    """
    kept: dict[bytes, Article | None] = {}
    for article in articles:
        if not article.text.strip():
            dropped.empty_text += 1
        elif len(article.content.strip()) < MINIMUM_CHARACTERS:
            dropped.too_short += 1
        elif filters and (name := filters.first(article.content)):
            dropped.no_article[name] += 1
        else:
            _keep_once(kept, article, dropped)
    return [article for article in kept.values() if article is not None]


def _keep_once(kept: dict[bytes, Article | None], article: Article, dropped: Dropped) -> None:
    key = article.content_hash
    if key not in kept:
        kept[key] = article
        return
    earlier = kept[key]
    if earlier is None:
        dropped.conflicting += 1
    elif earlier.label == article.label:
        dropped.duplicate += 1
    else:
        kept[key] = None
        dropped.conflicting += 2


def clean_as_deployed(articles: Iterable[Article], dropped: Dropped) -> list[Article]:
    """The preparation of the deployed model, as its project describes it.

    Rows with empty text go, and *false* rows whose text has 50 characters or fewer. That the
    second rule looks at one class only is a leak of its own; it is kept here because the
    ``deployed`` recipe exists to be compared with.
    """
    kept = []
    for article in articles:
        if not article.text.strip():
            dropped.empty_text += 1
        elif article.label is Label.FALSE and len(article.text) <= MINIMUM_CHARACTERS:
            dropped.too_short += 1
        else:
            kept.append(article)
    return kept
