"""News that nobody wrote: made-up words in the proportions of a language, for machines without the corpora."""

import random
from itertools import accumulate

#: Words there are; the k-th is drawn with weight 1 / (k + 3).
VOCABULARY = 20_000
#: Share of an article's words that come from its own class's list.
TELLING = 0.1
_SYLLABLES = [consonant + vowel for consonant in "bcdfglmnprstvz" for vowel in ("a", "e", "i", "o", "u", "é", "ou")]


def make_news(articles: int, words: int, seed: int = 0) -> list[tuple[str, str, int]]:
    """``articles`` titles, texts of about ``words`` words, and labels, as many of each."""
    draw = random.Random(seed)  # noqa: S311 - reproducible, no secret
    vocabulary = sorted({_word(draw) for _ in range(VOCABULARY)})
    draw.shuffle(vocabulary)
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(vocabulary))))
    telling = vocabulary[:200], vocabulary[200:400]
    return [(*_article(draw, vocabulary, weights, telling[at % 2], words), at % 2) for at in range(articles)]


def _word(draw: random.Random) -> str:
    return "".join(draw.choices(_SYLLABLES, k=draw.randint(1, 4)))


def _article(
    draw: random.Random, vocabulary: list[str], weights: list[float], telling: list[str], words: int
) -> tuple[str, str]:
    length = draw.randint(words // 2, words * 3 // 2)
    chosen = draw.choices(vocabulary, cum_weights=weights, k=length)
    own = [draw.choice(telling) if draw.random() < TELLING else word for word in chosen]
    return " ".join(own[:8]).title(), ", ".join(own).capitalize() + "."
