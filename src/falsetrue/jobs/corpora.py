"""◆ The corpora of a training: read, cleaned, and without what they have in common."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from falsetrue.errors import InputError
from falsetrue.jobs.progress import Progress
from falsetrue.news.article import Article, Label
from falsetrue.news.cleaning import Dropped, clean, clean_as_deployed
from falsetrue.news.filtering import Filters
from falsetrue.news.labelled import Columns, corpus_names, read_labelled, read_one_class
from falsetrue.news.splitting import draw_rows


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Files of labelled news: each of ``files`` is a corpus, and ``real`` and ``fake`` together are one."""

    files: Sequence[str] = ()
    real: str | None = None  #: a file of real news only
    fake: str | None = None  #: a file of false news only
    columns: Columns
    filters: Sequence[str] = ()  #: names of filters; what one matches is left out, but for the deployed recipe
    rows: int | None = None  #: articles of a corpus at most, half of each class as far as there are; ``None``: all
    seed: int = 0  #: of the draw


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """One collection, read and cleaned."""

    name: str
    paths: Sequence[str]
    articles: list[Article]
    dropped: Dropped


_Prepare = Callable[[Iterable[Article], Dropped], list[Article]]


def read_corpora(sources: Sources, progress: Progress, *, as_deployed: bool = False) -> list[Corpus]:
    """Read and clean every corpus; of articles that stand in several, the first stays.

    Raises :class:`InputError` naming file, line and value where news cannot be used, and for a corpus without
    articles or of one class: what tells it from others would pass for the label.
    """
    corpora = [_checked(corpus) for corpus in _read_all(sources, progress, as_deployed=as_deployed)]
    if len(corpora) > 1 and not as_deployed:
        corpora = [_checked(corpus) for corpus in _without_shared(corpora)]
    return corpora if sources.rows is None else [_drawn(corpus, sources.rows, sources.seed) for corpus in corpora]


def _drawn(corpus: Corpus, rows: int, seed: int) -> Corpus:
    articles = draw_rows(corpus.articles, rows, seed)
    dropped = replace(corpus.dropped, not_drawn=len(corpus.articles) - len(articles))
    return replace(corpus, articles=articles, dropped=dropped)


def _read_all(sources: Sources, progress: Progress, *, as_deployed: bool) -> Iterator[Corpus]:
    prepare = clean_as_deployed if as_deployed else partial(clean, filters=Filters(sources.filters))
    if sources.real and sources.fake:
        name = f"{Path(sources.real).stem}+{Path(sources.fake).stem}"
        both = _both(sources.real, sources.fake, name, sources.columns, progress)
        yield _cleaned(name, [sources.real, sources.fake], both, Dropped(), prepare)
    for path, name in zip(sources.files, corpus_names(sources.files), strict=True):
        progress.phase(f"read {Path(path).name}")
        dropped = Dropped()
        articles = read_labelled(path, sources.columns, dropped)
        yield _cleaned(name, [path], articles, dropped, prepare)


def _both(real: str, fake: str, name: str, columns: Columns, progress: Progress) -> Iterator[Article]:
    for path, label in ((real, Label.REAL), (fake, Label.FALSE)):
        progress.phase(f"read {Path(path).name}")
        yield from read_one_class(path, label, name, columns)


def _cleaned(
    name: str, paths: Sequence[str], articles: Iterable[Article], dropped: Dropped, prepare: _Prepare
) -> Corpus:
    return Corpus(name=name, paths=paths, articles=prepare(articles, dropped), dropped=dropped)


def _checked(corpus: Corpus) -> Corpus:
    where = " and ".join(corpus.paths)
    left_out = ", ".join(f"{count} {reason}" for reason, count in corpus.dropped.reasons().items() if count)
    if not corpus.articles:
        raise InputError(f"{where}: no article is left to learn from ({left_out or 'the file has no rows'})")
    classes = {article.label for article in corpus.articles}
    if len(classes) == 1:
        only = "real" if Label.REAL in classes else "false"
        raise InputError(
            f"{where}: all {len(corpus.articles)} articles are {only}; both classes are needed"
            + (f" (left out: {left_out})" if left_out else "")
        )
    return corpus


def _without_shared(corpora: Sequence[Corpus]) -> list[Corpus]:
    """An article that stands in two corpora stays in the first; one that stands there under both labels goes."""
    labels: dict[bytes, set[Label]] = {}
    first: dict[bytes, str] = {}
    for corpus in corpora:
        for article in corpus.articles:
            key = article.content_hash
            labels.setdefault(key, set()).add(article.label)
            first.setdefault(key, corpus.name)
    return [_own(corpus, labels, first) for corpus in corpora]


def _own(corpus: Corpus, labels: Mapping[bytes, set[Label]], first: Mapping[bytes, str]) -> Corpus:
    dropped = replace(corpus.dropped)
    kept = []
    for article in corpus.articles:
        key = article.content_hash
        if len(labels[key]) > 1:
            dropped.conflicting += 1
        elif first[key] != corpus.name:
            dropped.duplicate += 1
        else:
            kept.append(article)
    return replace(corpus, articles=kept, dropped=dropped)
