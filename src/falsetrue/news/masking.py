"""Spans of a text that tell where it was published, not what it says; blanked alike in training and in serving.

A mask is called ``NAME@VERSION``. A pattern is never changed under its name: models that were
fitted with it must be served with it. A better one gets the next version, beside the older one.

Patterns look at the text alone, never at a label. What pages put around an article (datelines, bylines, credits,
buttons) is looked for where it stands: within so many code points of either end. Names of outlets,
addresses, handles and debris are looked for everywhere. Every pattern begins with a plain
character, so that one search for many of them skips to the few places where one can begin; what may
stand before such a place (a town before an agency in brackets) is looked for backwards from there.
Time is linear in the text: whatever repeats is bounded, or can end in one way only.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from falsetrue.errors import InputError
from falsetrue.news.openers import make_openers

#: Code points from either end within which the masks look that do not look everywhere.
EDGE = 400


#: How often in a text what belongs to a match is looked for before it: such a look takes some microseconds, and no
#: article has so many handles and addresses.
MOST_LOOKS = 500


@dataclass(frozen=True, kw_only=True)
class Mask:
    """One family of spans to be blanked."""

    name: str  #: with its version, as ``dateline@1``
    what: str  #: for people
    patterns: tuple[str, ...]  #: each begins with a plain character and has no capturing group
    everywhere: bool = False  #: else within ``EDGE`` of either end
    needles: tuple[str, ...] = ()  #: nothing matches unless one of these occurs; empty: not known
    before: str | None = None  #: a pattern of what belongs to a match and stands right before it
    reach: int = 80  #: code points before a match in which that is looked for
    needs_before: bool = False  #: without it there is nothing to be blanked
    at_start: str | None = None  #: a pattern that is looked for at the beginning of the text alone


class Masker:
    """Blanks what some masks of the catalogue find."""

    def __init__(self, references: Sequence[str]) -> None:
        """``references`` are names of the catalogue; raises :class:`InputError` naming one that is not there."""
        unknown = [name for name in references if name not in CATALOGUE]
        if unknown:
            raise InputError(f"there is no mask {unknown[0]!r}; there are {', '.join(CATALOGUE)}")
        # In the order of the catalogue, so that the order of the references does not matter.
        self.references = tuple(name for name in CATALOGUE if name in references)
        masks = [CATALOGUE[name] for name in self.references]
        self._starts = [(mask.name, _compiled(mask.at_start)) for mask in masks if mask.at_start]
        together = [mask for mask in masks if mask.everywhere and not mask.needles]
        alone = [mask for mask in masks if mask.everywhere and mask.needles]
        groups = [[mask for mask in masks if not mask.everywhere], together, *([mask] for mask in alone)]
        self._edges, *self._everywhere = [_Search(group) for group in groups]
        self._needles = [(), *(mask.needles for mask in alone)]
        self._openers = make_openers(
            [[pattern for mask in group for pattern in mask.patterns] for group in groups],
            at_edges=[True, *(False for _ in self._everywhere)],
            edge=EDGE,
        )

    def mask(self, text: str) -> str:
        """The text with spaces in the place of what is masked; exactly as many code points."""
        spans = self.spans(text)
        return _blanked(text, spans) if spans else text

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Half-open code-point ranges that are blanked; they may touch or overlap."""
        return [(start, end) for start, end, _ in self._found(text)]

    def found(self, text: str) -> frozenset[str]:
        """Names of the masks that blank something."""
        return frozenset(name for _, _, name in self._found(text))

    def _found(self, text: str) -> list[tuple[int, int, str]]:
        size = len(text)
        found = [(*match.span(), name) for name, start in self._starts if (match := start.match(text))]
        if self._openers:
            at_edges, *elsewhere = self._openers.find(text)
            for begin, stop in _edges(size) if at_edges else ():
                found += self._edges.spans(text, begin, stop, at_edges)
            for search, places in zip(self._everywhere, elsewhere, strict=True):
                if places:
                    found += search.spans(text, 0, size, places)
            return found
        for begin, stop in _edges(size):
            found += self._edges.spans(text, begin, stop)
        for search, needles in zip(self._everywhere, self._needles, strict=True):
            if not needles or any(needle in text for needle in needles):
                found += search.spans(text, 0, size)
        return found


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when it is first needed: all of them would take a service milliseconds before it is ready."""
    return re.compile(pattern)


def _edges(size: int) -> list[tuple[int, int]]:
    """Half-open ranges of a text of so many code points within which the masks look that do not look everywhere."""
    return [(0, size)] if size <= 2 * EDGE else [(0, EDGE), (size - EDGE, size)]


class _Search:
    """Some masks, searched for together."""

    def __init__(self, masks: Sequence[Mask]) -> None:
        self._together, self._mask_of_group = _together(masks)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self._together)

    def spans(
        self, text: str, begin: int, stop: int, places: Sequence[int] | None = None
    ) -> list[tuple[int, int, str]]:
        """Where the masks match from ``begin`` up to ``stop``, each with its mask's name.

        ``places``, ascending, are all those where one may begin; ``None``: anywhere.
        """
        found: list[tuple[int, int, str]] = []
        again: int | None = begin if self._together else None
        looks = iter(range(MOST_LOOKS))
        while again is not None:
            again = self._collect(self._matches(text, again, stop, places), text, found, looks)
        return found

    def _matches(self, text: str, begin: int, stop: int, places: Sequence[int] | None) -> Iterator[re.Match[str]]:
        """The matches, one behind another, as ``finditer`` gives them."""
        if places is None:
            yield from self._pattern.finditer(text, begin, stop)
            return
        for at in range(bisect_left(places, begin), bisect_left(places, stop)):
            if places[at] >= begin and (match := self._pattern.match(text, places[at], stop)):
                begin = match.end()
                yield match

    def _collect(
        self,
        matches: Iterator[re.Match[str]],
        text: str,
        found: list[tuple[int, int, str]],
        looks: Iterator[int],
    ) -> int | None:
        """Add matches to ``found``; where one is none after all, return where to go on: what it took is free again.

        ``looks`` is what is left of the :data:`MOST_LOOKS`.
        """
        for match in matches:
            start, end = match.span()
            if start and _inside_word(text[start - 1], text[start]):
                return start + 1
            mask = self._mask_of_group[match.lastindex or 0]
            if mask.before:
                behind = None
                if next(looks, None) is not None:
                    behind = _compiled(mask.before).search(text, max(start - mask.reach, 0), start)
                if behind is None and mask.needs_before:
                    return start + 1
                start = behind.start() if behind else start
            found.append((start, end, mask.name))
        return None


def _inside_word(before: str, first: str) -> bool:
    """Whether a letter is not the first of its word; a capital right after a digit or small letter is.

    Pages run together what stood in different places, as ``2017Featured image``.
    """
    return before.isalnum() and ("a" <= first <= "z" or ("A" <= first <= "Z" and before.isupper()))


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    parts, done = [], 0
    for start, end in sorted(spans):
        if end > done:
            parts += [text[done:start], " " * (end - max(start, done))]
            done = end
    return "".join([*parts, text[done:]])


def _together(masks: Sequence[Mask]) -> tuple[str, list[Mask]]:
    """One pattern for all masks, and the mask by the number of the (empty) group that ends each alternative.

    Branches begin with different characters: the engine of :mod:`re` then skips to these.
    """
    heads: dict[str, list[tuple[str, Mask]]] = {}
    for mask in masks:
        for pattern in mask.patterns:
            size = 2 if pattern[0] == "\\" else 1
            heads.setdefault(pattern[:size], []).append((pattern[size:], mask))
    order = [masks[0]] if masks else []  # group 0 is the whole match
    branches = []
    for head, rests in heads.items():
        branches.append(f"{head}(?:{'|'.join(f'{rest}()' for rest, _ in rests)})")
        order += [mask for _, mask in rests]
    return "|".join(branches), order


def _one_of(names: Iterable[str]) -> str:
    """One of some names, the longest first, so that none hides a longer one."""
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


def _by_first_letter(names: Iterable[str]) -> tuple[str, ...]:
    """Patterns for some names as whole words, one for each first letter."""
    letters: dict[str, list[str]] = {}
    for name in names:
        letters.setdefault(name[0], []).append(name[1:])
    return tuple(rf"{letter}(?:{_one_of(rest)})(?!\w)" for letter, rest in sorted(letters.items()))


# ruff: noqa: RUF001 - dashes and quotes as agencies write them
# --- where and by whom -----------------------------------------------------------------------------

_AGENCIES = (  # noqa: SIM905 - a line a name would be a page
    "Reuters|Thomson Reuters Foundation|AP|AFP|EFE|UPI|CNN|Xinhua|ANSA|DPA|dpa|TASS|KYODO|Bloomberg|Notimex|"
    "Europa Press|EUROPA PRESS|Agencias|Redacción|Lusa|Folhapress|Agência Brasil|Estadão Conteúdo|INTELLIHUB|"
    "ANTIMEDIA|CNSNews.com|RT|Sputnik|IANS|PTI|Télam|Associated Press|CBS|CNS News|VOA|Natural News|NaturalNews|"
    "Breitbart"
).split("|")
#: In English, Spanish and Portuguese.
_OUTLETS = (  # noqa: SIM905 - the same
    "Reuters|Associated Press|Agence France-Presse|AFP|Bloomberg|CNN|MSNBC|CNBC|NBC News|CBS News|ABC News|BBC|NPR|"
    "Fox News|FOX News|New York Times|NYT|Washington Post|Wall Street Journal|USA Today|USA TODAY|Los Angeles Times|"
    "New York Post|Daily Mail|DailyMail|Daily Mirror|The Guardian|The Atlantic|The Hill|National Review|Politico|"
    "POLITICO|Huffington Post|HuffPost|Breitbart|Daily Caller|Daily Beast|Daily Wire|Infowars|InfoWars|"
    "Gateway Pundit|Natural News|YourNewsWire|Your News Wire|Activist Post|Zero Hedge|ZeroHedge|21st Century Wire|"
    "21WIRE|Occupy Democrats|Addicting Info|Eagle Rising|Right Wing News|Freedom Daily|Counter Current News|"
    "Hollywood Reporter|HollywoodLife|Hollywood Life|HollywoodLifers|Entertainment Tonight|Entertainment Weekly|"
    "Us Weekly|PEOPLE|People Magazine|People magazine|E! News|TMZ|RadarOnline|Radar Online|Gossip Cop|In Touch|"
    "Life & Style|OK! Magazine|OK! magazine|National Enquirer|NW magazine|New Idea|WebMD|Healthline|"
    "Medical News Today|ScienceDaily|EFE|Europa Press|Notimex|El País|EL PAÍS|El Mundo|El Universal|EL UNIVERSAL|"
    "Excélsior|Milenio|La Jornada|El Dizque|El Ruinaversal|Infobae|Forbes México|G1|Estadão|Estado de S. Paulo|"
    "Folha de S.Paulo|Folha de S. Paulo|Folha de São Paulo|UOL|Agência Brasil|Agência Estado|Broadcast Político|"
    "Diário do Brasil|TV Globo|GloboNews"
).split("|")

#: A capital letter of the Latin script.
_CAPITAL = "[A-ZÀ-ÖØ-Þ]"
#: A capitalised word, a small word inside names, or a day of the month.
_PLACE_WORD = rf"(?:{_CAPITAL}[\w.'’/-]{{0,30}}|\d{{1,2}}|de|del|do|da|dos|of|the)"
_PLACE = rf"(?<![\w.'’/-]){_PLACE_WORD}(?:,? {_PLACE_WORD}){{0,6}},? ?\Z"
_MONTH = (
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|ene|feb|mar|abr|may|jun|jul|ago|sep|oct|nov|dic|"
    r"fev|mai|set|out|dez)[a-zç]{0,7}\.?"
)
_NAME = rf"{_CAPITAL}[\w.'’-]{{0,25}}"
_NAMES = rf"{_NAME}(?: (?:{_NAME}|de|del|da|van|von|and|y|e)){{0,4}}"
#: Up to the end of the sentence or line, but no more than this: a credit is short.
_REST = r"[^\n.!?]{0,80}"
#: A word in capitals, or initials: a full stop is part of initials only, so that there is one way to read it.
#: Possessive groups would do as well, but Python 3.11 reads them otherwise than later versions do.
_CAPITAL_PART = rf"(?:[A-ZÀ-ÖØ-Þ]{{2,20}}|(?:{_CAPITAL}\.){{1,4}}{_CAPITAL}?)"
_CAPITALS = rf"{_CAPITAL}{{3,20}}(?:[ .,]{{1,2}}{_CAPITAL_PART}){{0,3}}(?:, {_CAPITAL}[\w.]{{1,20}}){{0,2}}"
_PLACE_AND_DASH = rf"[ \t]{{0,4}}{_CAPITALS}(?: [-–—]{{1,2}} |[–—]|\.-)"

#: Marks of wrong decoding that stand alone: the replacement character, a byte order mark inside, and the C1 controls
#: that curly quotes and dashes of Windows-1252 become.
_WRONG = ("\ufffd", "\ufeff", *map(chr, (0x80, 0x85, 0x91, 0x92, 0x93, 0x94, 0x96, 0x97, 0x9C, 0x9D)))

# --- the catalogue -----------------------------------------------------------------------------------

_MASKS = (
    Mask(
        name="dateline@1",
        what="a place and an agency in brackets, as CITY (AGENCY) -",
        patterns=(
            rf"\((?:(?:{_one_of(_AGENCIES)})\)(?:\.? ?[-–—:]{{1,3}}|\.)?|[A-Z]{{2,8}}\)(?:\.? ?[-–—]{{1,3}} |\.-))",
        ),
        before=_PLACE,
    ),
    Mask(
        name="place@1",
        what="a place in capitals and a dash where the text begins, as CITY, Country —",
        # At the beginning of the text, of a line, or of the text that was joined to a title.
        patterns=(rf"\n{_PLACE_AND_DASH}", rf",(?<= ,) {_PLACE_AND_DASH}"),
        at_start=_PLACE_AND_DASH,
    ),
    Mask(
        name="outlet@1",
        what="the name of an agency or outlet",
        patterns=_by_first_letter(_OUTLETS),
        everywhere=True,
    ),
    Mask(
        name="byline@1",
        what="who wrote it and when it was posted, as By NAME, or NAME contributed to this report",
        patterns=(
            rf"contributed (?:to|reporting)\b{_REST}",
            rf"Additional reporting by {_REST}",
            rf"Reporting by {_REST}",
            rf"\([Ee]diting by {_REST}",
            rf";(?: [Ee])diting by {_REST}",
            rf"\n[Bb][Yy] {_NAMES}",
            rf",(?<= ,) [Bb][Yy] {_NAMES}",
            r"Posted (?:on|by|at|in) [^\n.!?]{0,50}",
            r"Publicado (?:en|em|por|el) [^\n.!?]{0,50}",
        ),
        at_start=rf"[Bb][Yy] {_NAMES}",
    ),
    Mask(
        name="credit@1",
        what="the credit of a picture, as Featured image via, Photo by, Getty Images",
        patterns=(
            rf"F(?:eatured?|EATURED?) (?:[Ii]mage|[Pp]hoto|IMAGE|PHOTO)\b{_REST}",
            rf"Images? ?(?:via|by|[Cc]redit|[Cc]ourtesy|from)\b{_REST}",
            rf"Photos? ?(?:via|by|[Cc]redit|[Cc]ourtesy|from)\b{_REST}",
            rf"Pictures? ?(?:via|by|[Cc]redit|[Cc]ourtesy|from)\b{_REST}",
            rf"Screen ?(?:shot|cap|grab)s? (?:via|by|from)\b{_REST}",
            rf"Video ?(?:via|by|[Cc]redit|[Cc]ourtesy)\b{_REST}",
            rf"Fotos? ?(?:de|por|[Dd]ivulgação|[Rr]eprodução)\b{_REST}",
            r"Getty(?: Images)?\b",
            r"Shutterstock\b",
            rf"H/T\b{_REST}",
        ),
        # The photographer, or who else is credited, stands before.
        before=rf"(?:{_NAME}(?: {_NAME}){{0,3}} ?/ ?){{1,3}}\Z",
    ),
    Mask(
        name="label@1",
        what="what a label and a colon announce: source, via, photo, read more, related",
        patterns=(r":[^\n.!?]{0,80}",),
        before=(
            r"(?i:\b(?:sources?|via|credits?|photos?|(?:featured )?images?|read (?:more|next|also)"
            r"|related(?: articles?)?|see also|fuentes?|créditos?|fotos?|leer más|lea también|lee también"
            r"|le puede interesar|te puede interesar|vía"
            r"|fontes?|leia mais|leia também|veja também|confira|h/t|filed under|tags|categories|share this|watch))"
            r"[ ]?\Z"
        ),
        reach=20,
        needs_before=True,
    ),
    # --- addresses -----------------------------------------------------------------------------------
    Mask(
        name="url@1",
        what="web addresses",
        patterns=(r":/[^\s\"'<>)]{1,300}",),
        everywhere=True,
        needles=(":/",),
        before=r"(?<![a-z])https?\Z",
        needs_before=True,
    ),
    Mask(
        name="domain@1",
        what="bare domains and picture links, as example.com or pic.twitter.com/x",
        patterns=(
            r"\.(?:com|org|net|info|gov|edu|co|us|tv|uk|es|mx|br|ar|ly|gl|be|me|news|press)"
            r"(?:\.[a-z]{2})?(?![\w-])(?:/[^\s\"'<>)]{0,300})?",
        ),
        everywhere=True,
        before=r"(?<![\w@.-])[\w-]{1,40}(?:\.[\w-]{1,40}){0,3}\Z",
        needs_before=True,
    ),
    Mask(
        name="handle@1",
        what="handles of social networks, mail addresses and signatures of quoted tweets",
        patterns=(rf"@\w[\w.-]{{0,60}}(?:\),?(?: {_MONTH} \d{{1,2}},? \d{{4}})?)?",),
        everywhere=True,
        needles=("@",),
        before=r"(?:[-–—]{1,2} ?[^\n()@–—]{1,50}\(|[\w.+-]{1,64}|\()\Z",
    ),
    # --- what the page said around the article -------------------------------------------------------
    Mask(
        name="wall@1",
        what="a wall in the article's place: bot checks, log in, cookies, archives, page not found",
        patterns=(
            r"Access [Dd]enied\b[^\n]{0,120}",
            r"Checking (?:if|your browser)\b[^\n]{0,120}",
            r"You are being redirected\b[^\n]{0,60}",
            r"Please (?:enable|turn on) (?:[Jj]ava[Ss]cript|[Cc]ookies|JS)\b[^\n]{0,120}",
            r"Log [Ii]n (?:or|to)\b[^\n]{0,60}",
            r"See more of [^\n]{0,80} on Facebook",
            r"404\b[^\n]{0,40}[Nn]ot [Ff]ound",
            r"Page [Nn]ot [Ff]ound",
            r"We use cookies\b[^\n]{0,160}",
            r"This (?:web)?site uses cookies\b[^\n]{0,160}",
            r"Utilizamos cookies\b[^\n]{0,160}",
            r"Usamos cookies\b[^\n]{0,160}",
            r"The Wayback Machine\b[^\n]{0,160}",
            r"Wayback Machine\b[^\n]{0,160}",
            r"Internet Archive\b[^\n]{0,120}",
            r"Cloudflare\b[^\n]{0,100}",
            r"Are you a robot\b[^\n]{0,80}",
        ),
        at_start=(
            r"(?is:[\s,\"]{0,3}(?:see more of [^\n]{0,80}facebook|you must log in|do you want to join facebook"
            r"|this website is using (?:a )?security service|log into facebook|checking your browser"
            r"|access (?:to this page has been )?denied).{0,1000})"
        ),
    ),
    Mask(
        name="share@1",
        what="buttons and invitations: share, follow, subscribe, newsletter, read more",
        patterns=(
            r"Click (?:to|here|below)\b[^\n.!?]{0,60}",
            r"CLICK (?:TO|HERE|BELOW)\b[^\n.!?]{0,60}",
            r"\(Opens in new window\)",
            r"Share (?:this|on|it|with|via|Tweet|Pin|Email|Facebook)\b[^\n.!?]{0,60}",
            r"SHARES?\b(?: (?:Share|Tweet|Pin|Email|Print)\b){0,4}",
            r"Tweet (?:this|Share|Pin|Email|Print)\b(?: (?:Share|Tweet|Pin|Pinterest|Email|Print)\b){0,6}",
            r"Email (?:this|Share|Tweet|Print)\b[^\n.!?]{0,40}",
            r"Print (?:this|Email|Share)\b[^\n.!?]{0,40}",
            r"Compart(?:e|ir|ilhe|ilhar) (?:en|no|na|esta|este|isto)\b[^\n.!?]{0,60}",
            r"Follow (?:us|me|him|her|them|[A-Z][\w ]{0,30}) on (?:Facebook|Twitter|Instagram)\b[^\n.!?]{0,60}",
            r"Like (?:us|this)\b[^\n.!?]{0,20} on (?:Facebook|Twitter)\b[^\n.!?]{0,60}",
            r"S(?:ubscribe|ign up|uscríb)[^\n.!?]{0,90}(?:[Nn]ewsletter|[Ee]mail|channel|canal)\b[^\n.!?]{0,60}",
            r"Inscreva[^\n.!?]{0,60}(?:[Nn]ewsletter|[Ee]mail|canal)\b[^\n.!?]{0,60}",
            r"READ MORE\b",
            r"Read [Mm]ore\b",
            r"The post [^\n]{1,160} appeared first on[^\n.]{0,60}",
        ),
    ),
    Mask(
        name="player@1",
        what="what a video player or a widget of the page said",
        patterns=(
            r"Chat with us in Facebook Messenger\b(?:\. Find out what's happening in the world as it unfolds)?",
            r"Replay Videos?\b",
            r"M(?:UST WATCH|ust [Ww]atch)\b",
            r"JUST WATCHED\b",
            r"Up Next\b",
            r"Autoplay\b",
            r"Play [Vv]ideo\b",
            r"Watch (?:[Ll]ater|[Vv]ideo)\b",
            r"自動播放[^\n]{0,60}",
            r"Your browser (?:does|is) not\b[^\n]{0,100}",
            r"About Trendolizer\b[^\n]{0,60}",
            r"Story highlights?\b",
            r"Close this (?:ad|video)\b",
            r"A(?:dvertisement|DVERTISEMENT)\b",
        ),
    ),
    Mask(
        name="verdict@1",
        what="what a fact-checker says of a claim, not the claim",
        patterns=(
            r"F(?:act[- ]?[Cc]heck(?:ed|er|ers|ing)?|ACT[- ]?CHECK)\b",
            r"Gossip Cop\b[^\n.!?]{0,80}",
            r"Snopes\b",
            r"PolitiFact\b",
            r"Poynter\b",
            r"HOAX\b",
            r"Rumou?r(?: (?:[Cc]heck|[Bb]ust\w{1,4}))?:",
            r"Newtral\b",
            r"Maldit[ao] (?:[Hh]emeroteca|[Bb]ulo)\b",
            r"Chequeado\b",
            r"AFP Factual\b",
            r"VERIFICADO\b",
            r"BULO\b",
            r"BOATO\b",
        ),
    ),
    # --- debris --------------------------------------------------------------------------------------
    Mask(
        name="mojibake@1",
        what="characters that were decoded wrongly",
        patterns=(
            'â€[\x80-\x9d™œž˜¦"“”]?',
            "Ã[\x80-\xbf]",
            "Â[\x80-\xbf]",
            "ï»¿",
            *_WRONG,
        ),
        everywhere=True,
        needles=("â", "Ã", "Â", "ï", *_WRONG),
    ),
    Mask(
        name="markup@1",
        what="tags, entities and scripts of the page",
        patterns=(
            r"</?[a-zA-Z][^<>\n]{0,300}>",
            r"&(?:amp|nbsp|quot|lt|gt|#\d{1,5}|[lr][sd]quo|[mn]dash|hellip);",
            r"\[/?(?:caption|embed|gallery|youtube|video)[^\]\n]{0,200}\]",
            r"\[(?:…|\.\.\.|&hellip;)\]",
            r"\{[^{}\n]{0,300}[:;][^{}\n]{0,300}\}",
        ),
        everywhere=True,
        needles=("<", "&", "[", "{"),
    ),
    Mask(
        name="placeholder@1",
        what="what a corpus puts in the place of numbers, addresses and names, as *NUMBER*",
        patterns=(r"\*[A-Z]{3,20}\*",),
        everywhere=True,
        needles=("*",),
    ),
)

#: Every mask by its name. What stands here once stays as it is.
CATALOGUE: Mapping[str, Mask] = {mask.name: mask for mask in _MASKS}
