"""◆ Which language a text is in: by its function words, and by its script where that is not Latin.

Function words (articles, pronouns, prepositions, conjunctions, auxiliaries) are a closed class, and in
every text, whatever it is about: some 150 of them make up 39 to 48 % of the English, Spanish and
Portuguese articles that this was measured on. Languages told by their commonest short words:
Grefenstette, "Comparing two language identification schemes", JADT 1995.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import repeat
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from falsetrue.features.words import words as words_of

#: The answer where no language is clear (BCP 47).
UNDETERMINED = "und"

#: Function words that the best language needs, whatever the text's length.
LEAST_COUNT = 3
#: The least of the best language's count plus its lead over the next one: this much ...
BASE_EVIDENCE = 3.0
#: ... and this much more for each word of the text.
EVIDENCE_PER_WORD = 0.15
#: The least share of a text's words that the best language must explain.
LEAST_SHARE = 0.1

#: Characters, spread evenly over a text, that tell its script.
SAMPLE = 500


@cache
def function_words() -> Mapping[str, frozenset[str]]:
    """The function words by language (BCP 47), each of at least two characters, lower case."""
    content = files("falsetrue.features").joinpath("function_words.json").read_text(encoding="utf-8")
    listed: dict[str, list[str]] = json.loads(content)
    return MappingProxyType({language: frozenset(" ".join(lines).split()) for language, lines in listed.items()})


class LanguageTable:
    """Which word is a function word of which of L languages."""

    def __init__(self) -> None:
        listed = function_words()
        #: BCP 47, in the order of the columns.
        self.languages: tuple[str, ...] = tuple(listed)
        #: Every function word once.
        self.words: tuple[str, ...] = tuple(dict.fromkeys(word for group in listed.values() for word in sorted(group)))
        self._number = {word: number for number, word in enumerate(self.words)}
        # The last row is for every other word, whose number is -1.
        self._bits = np.zeros((len(self.words) + 1, len(listed)), dtype=np.uint8)
        for column, group in enumerate(listed.values()):
            self._bits[[self._number[word] for word in group], column] = 1

    @property
    def bits(self) -> NDArray[np.uint8]:
        """Membership, 0 or 1, of :attr:`words`, shape (number of words, L)."""
        return self._bits[:-1]

    def bits_of(self, words: Iterable[str]) -> NDArray[np.uint8]:
        """Membership, 0 or 1, of lower-case words, shape (number of words, L)."""
        return self._bits[np.fromiter(map(self._number.get, words, repeat(-1)), dtype=np.int64)]


@cache
def language_table() -> LanguageTable:
    """The one table, made when first asked for."""
    return LanguageTable()


def judge_languages(counts: NDArray[np.int64], words: NDArray[np.int64]) -> list[str]:
    """Which language n texts are in, by function words alone.

    ``counts`` has shape (n, L): tokens that are function words of each language of
    :attr:`LanguageTable.languages`; ``words`` has shape (n,): tokens of any kind. The answer is BCP 47,
    or ``und`` where too few words speak for the best language or it leads by too little.
    """
    if not len(words):
        return []
    rows = np.arange(len(words))
    best = counts.argmax(axis=1)
    most = counts[rows, best]
    others = counts.copy()
    others[rows, best] = 0
    runner_up = others.max(axis=1)
    clear = (
        (most > runner_up)
        & (most >= np.maximum(LEAST_COUNT, LEAST_SHARE * words))
        & (2 * most - runner_up >= BASE_EVIDENCE + EVIDENCE_PER_WORD * words)
    )
    names = (*language_table().languages, UNDETERMINED)
    return [names[number] for number in np.where(clear, best, len(names) - 1).tolist()]


def _judge(counts: list[int], words: int) -> str:
    most = max(counts)
    if most < LEAST_COUNT or most < LEAST_SHARE * words:
        return UNDETERMINED
    best = counts.index(most)
    counts[best] = 0
    lead = most - max(counts)
    if lead == 0 or most + lead < BASE_EVIDENCE + EVIDENCE_PER_WORD * words:
        return UNDETERMINED
    return language_table().languages[best]


def languages_of(texts: Sequence[str], counts: NDArray[np.int64], words: NDArray[np.int64]) -> list[str]:
    """:func:`judge_languages`, but by script for the texts that are written in another than Latin."""
    judged = zip(texts, judge_languages(counts, words), strict=True)
    return [_by_script_too(text, language) for text, language in judged]


def judge_language(text: str, counts: list[int], words: int) -> str:
    """The same of one text, by its counts of function words, which are overwritten, and of words of any kind."""
    return _by_script_too(text, _judge(counts, words))


def _by_script_too(text: str, language: str) -> str:
    if language == UNDETERMINED or _is_mostly_not_western(text):
        return _by_script(text) or language
    return language


@cache
def known_languages() -> frozenset[str]:
    """Every code that a text can be found to be in, but for ``und``."""
    return frozenset(function_words()) | {language for written in _WRITTEN_IN.values() for language in written}


def language_of(text: str) -> str:
    """The language of one text, BCP 47, or ``und`` where none is clear."""
    tokens = words_of(text)
    counts = language_table().bits_of(tokens).sum(axis=0, dtype=np.int64)
    return languages_of([text], counts[np.newaxis], np.array([len(tokens)]))[0]


# --- scripts -----------------------------------------------------------------------------------

#: First code point of each run of characters of one script (ISO 15924); ``Zyyy`` is everything else.
#: Runs are whole Unicode blocks wherever that is good enough to tell what most letters of a text are.
_RUNS = (
    (0x00, "Zyyy"), (0x41, "Latn"), (0x5B, "Zyyy"), (0x61, "Latn"), (0x7B, "Zyyy"), (0xC0, "Latn"), (0xD7, "Zyyy"),
    (0xD8, "Latn"), (0xF7, "Zyyy"), (0xF8, "Latn"), (0x2B0, "Zyyy"), (0x370, "Grek"), (0x400, "Cyrl"),
    (0x530, "Armn"), (0x590, "Hebr"), (0x600, "Arab"), (0x700, "Zyyy"), (0x750, "Arab"), (0x780, "Zyyy"),
    (0x8A0, "Arab"), (0x900, "Deva"), (0x980, "Beng"), (0xA00, "Guru"), (0xA80, "Gujr"), (0xB00, "Orya"),
    (0xB80, "Taml"), (0xC00, "Telu"), (0xC80, "Knda"), (0xD00, "Mlym"), (0xD80, "Sinh"), (0xE00, "Thai"),
    (0xE80, "Laoo"), (0xF00, "Tibt"), (0x1000, "Mymr"), (0x10A0, "Geor"), (0x1100, "Hang"), (0x1200, "Ethi"),
    (0x13A0, "Zyyy"), (0x1780, "Khmr"), (0x1800, "Zyyy"), (0x1C80, "Cyrl"), (0x1C90, "Geor"), (0x1CC0, "Zyyy"),
    (0x1E00, "Latn"), (0x1F00, "Grek"), (0x2000, "Zyyy"), (0x3041, "Kana"), (0x3100, "Zyyy"), (0x3131, "Hang"),
    (0x3190, "Zyyy"), (0x3400, "Hani"), (0x4DC0, "Zyyy"), (0x4E00, "Hani"), (0xA000, "Zyyy"), (0xAC00, "Hang"),
    (0xD7B0, "Zyyy"), (0xF900, "Hani"), (0xFB00, "Latn"), (0xFB13, "Armn"), (0xFB1D, "Hebr"), (0xFB50, "Arab"),
    (0xFE00, "Zyyy"), (0xFE70, "Arab"), (0xFEFF, "Zyyy"), (0xFF21, "Latn"), (0xFF3B, "Zyyy"), (0xFF41, "Latn"),
    (0xFF5B, "Zyyy"), (0xFF66, "Kana"), (0xFFA0, "Hang"), (0xFFE0, "Zyyy"), (0x20000, "Hani"), (0x323B0, "Zyyy"),
)  # fmt: skip
_STARTS = np.array([start for start, _ in _RUNS], dtype=np.uint32)
_SCRIPTS = tuple(dict.fromkeys(script for _, script in _RUNS))
_SCRIPT_OF_RUN = np.array([_SCRIPTS.index(script) for _, script in _RUNS])

#: Share of kana among kana and Han characters from which a text is Japanese; Chinese has next to none.
_LEAST_KANA = 0.05

#: The languages of each script, each with letters that speak for it; the first where none do, or on a tie.
_WRITTEN_IN = {
    "Arab": {"ar": "ةىأإيك", "fa": "پچژگیک", "ur": "ٹڈڑںےہھیکگپچ"},
    "Armn": {"hy": ""},
    "Beng": {"bn": ""},
    "Cyrl": {"ru": "ыэё", "uk": "іїєґ", "be": "ўіыэё", "bg": "ъ", "sr": "јљњћђџ", "mk": "ѓќѕјљњџ", "kk": "әғқңөұүһіы"},
    "Deva": {"hi": "", "mr": "ळ"},
    "Ethi": {"am": ""},
    "Geor": {"ka": ""},
    "Grek": {"el": ""},
    "Gujr": {"gu": ""},
    "Guru": {"pa": ""},
    "Hang": {"ko": ""},
    "Hani": {"zh": ""},
    "Hebr": {"he": ""},
    "Jpan": {"ja": ""},
    "Khmr": {"km": ""},
    "Knda": {"kn": ""},
    "Laoo": {"lo": ""},
    "Mlym": {"ml": ""},
    "Mymr": {"my": ""},
    "Orya": {"or": ""},
    "Sinh": {"si": ""},
    "Taml": {"ta": ""},
    "Telu": {"te": ""},
    "Thai": {"th": ""},
    "Tibt": {"bo": ""},
}


def _sample(text: str) -> str:
    return text[:: len(text) // SAMPLE + 1]


def _is_mostly_not_western(text: str) -> bool:
    """Whether most characters lie outside Latin-1: a matter of a microsecond or two, and of none for ASCII."""
    # All of the text, not a sample: whoever knew what is sampled could choose it.
    return not text.isascii() and 2 * len(text.encode("latin-1", "ignore")) < len(text)


def dominant_script(text: str) -> str:
    """The script of most letters (ISO 15924): ``Jpan`` for Han with kana, ``Zyyy`` where there is no letter."""
    codes = np.frombuffer(_sample(text).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    runs = np.searchsorted(_STARTS, codes, side="right") - 1
    found = np.bincount(_SCRIPT_OF_RUN[runs], minlength=len(_SCRIPTS)).tolist()
    letters = dict(zip(_SCRIPTS, found, strict=True))
    del letters["Zyyy"]
    kana, han = letters.pop("Kana"), letters["Hani"]
    if kana and kana >= _LEAST_KANA * (kana + han):
        letters["Jpan"] = kana + letters.pop("Hani")
    script = max(letters, key=letters.__getitem__)
    return script if letters[script] else "Zyyy"


def _by_script(text: str) -> str | None:
    """The language that the script, and the letters of it that few languages use, speak for; None for Latin."""
    if text.isascii():
        return None
    languages = _WRITTEN_IN.get(dominant_script(text))
    if languages is None:
        return None
    sample = _sample(text).lower()
    return max(languages, key=lambda language: sum(map(sample.count, languages[language])))
