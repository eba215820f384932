"""Texts that are no article at all: what a page said in the place of one; left out in training, undecided in serving.

A filter is called ``NAME@VERSION``, as a mask is, and is never changed under its name: models that were fitted
without what it matches must be served with it. It looks at the text alone, never at a label: title and text
joined, as they came, before any mask (a mask blanks part of what tells such a page).

Filters are for what is certain. All but one look at short texts only: an article that merely *has* such a notice
is longer, and the masks take care of it. So an ordinary article costs the comparison of its length.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from falsetrue.errors import InputError

#: Code points, at most, of a page that opens with what it is.
LONGEST_PAGE = 1000
#: Code points, at most, of one that says so somewhere: of more, the rest may be an article.
LONGEST_NOTICE = 300
#: Code points from the beginning in which debris is counted, and the share of them that must be debris.
_LOOKED_AT, _MOSTLY_DEBRIS = 1000, 0.2


@dataclass(frozen=True, kw_only=True)
class Filter:
    """One kind of text that is no article."""

    name: str  #: with its version, as ``bot_wall@1``
    what: str  #: for people
    matches: Callable[[str], bool]  #: of a title and text, joined


class Filters:
    """Some filters of the catalogue."""

    def __init__(self, references: Sequence[str]) -> None:
        """``references`` are names of the catalogue; raises :class:`InputError` naming one that is not there."""
        unknown = [name for name in references if name not in CATALOGUE]
        if unknown:
            raise InputError(f"there is no filter {unknown[0]!r}; there are {', '.join(CATALOGUE)}")
        # In the order of the catalogue, so that the order of the references does not matter.
        self.references = tuple(name for name in CATALOGUE if name in references)
        self._filters = [CATALOGUE[name] for name in self.references]

    def first(self, content: str) -> str | None:
        """The name of the first filter that says of a title and text, joined, that they are no article."""
        for each in self._filters:
            if each.matches(content):
                return each.name
        return None


class _Page:
    """A text of at most ``longest`` code points that opens with one phrase, or a notice that holds another.

    Phrases are in lower case. A text opens where it begins and behind each comma that may join it to a title.
    No phrase for ``anywhere`` matches unless one of the ``needles`` occurs. Patterns are compiled for the first
    text that is short enough: all of them would take a service milliseconds before it is ready.
    """

    def __init__(
        self,
        *,
        opening: Sequence[str] = (),
        anywhere: Sequence[str] = (),
        needles: Sequence[str] = (),
        longest: int = LONGEST_PAGE,
    ) -> None:
        self._opening, self._anywhere, self._needles, self._longest = opening, anywhere, needles, longest

    @cached_property
    def _opens(self) -> Callable[..., re.Match[str] | None]:
        return re.compile(rf"[\W_]{{0,10}}(?:{'|'.join((*self._opening, *self._anywhere))})").match

    @cached_property
    def _holds(self) -> Callable[..., re.Match[str] | None]:
        return re.compile("|".join(self._anywhere)).search

    def __call__(self, content: str) -> bool:
        if len(content) > self._longest:
            return False
        lowered = content.lower()
        if self._opens(lowered):
            return True
        at = lowered.find(" , ")
        while at >= 0:
            if self._opens(lowered, at + 3):
                return True
            at = lowered.find(" , ", at + 3)
        is_notice = len(content) <= LONGEST_NOTICE and any(needle in lowered for needle in self._needles)
        return is_notice and bool(self._holds(lowered))


#: What UTF-8 becomes when it is read as Windows-1252 or Latin-1, controls, and marks of lost characters.
_WRONG = re.compile("â€.?|[ÂÃÐÑ][\x80-\xbf]|ï»¿|[\x80-\x9f\ufffd\ufeff]")


def _is_debris(content: str) -> bool:
    if "%PDF-1." in content[:LONGEST_NOTICE]:
        return True
    head = content[:_LOOKED_AT]
    # Nearly all debris is beyond ASCII, which most writing is not.
    if content.isascii() or len(head.encode("utf-8", "surrogatepass")) < (1 + _MOSTLY_DEBRIS / 2) * len(head):
        return False
    return len(head) - len(_WRONG.sub("", head)) >= _MOSTLY_DEBRIS * len(head)


# --- the catalogue, in English, Spanish and Portuguese ------------------------------------------------

_FILTERS = (
    Filter(
        name="bot_wall@1",
        what="a check that the reader is no robot, or that the browser runs scripts",
        matches=_Page(
            needles=(
                "robot",
                "human",
                "javascript",
                "js",
                "cookies",
                "security",
                "captcha",
                "browser",
                "traffic",
                "characters you see",
                "servicio",
                "navegador",
                "serviço",
                "robô",
            ),
            opening=(r"are you a robot", r"robot check\b", r"just a moment\.\.\."),
            anywhere=(
                r"website is using (?:a )?security service to protect itself",
                r"enter the characters you see below",
                r"make sure you.{0,2}re not a robot",
                r"checking (?:your browser before|if the site connection is secure)",
                r"(?:verify(?:ing)?|confirm) (?:that )?you are (?:a )?(?:human|not a robot)",
                r"complete the (?:captcha|security check)",
                r"unusual traffic from your (?:computer )?network",
                r"(?:please|must|need to|have to|necessary to|unless you) (?:enable|turn on)"
                r" (?:javascript|js|cookies)\b",
                r"we.{0,3}ve detected that javascript is disabled",
                r"(?:you have javascript disabled|make sure your browser supports javascript)",
                r"set your browser to accept cookies",
                r"this browser is no longer supported",
                r"sitio (?:web )?utiliza un servicio de seguridad para protegerse",
                r"comprobando (?:su|tu) navegador antes",
                r"(?:verifi(?:ca|que)|confirm[ae]) que (?:no )?(?:eres|es) (?:un )?(?:ser )?(?:humano|robot)",
                r"(?:debes?|para|favor,?) (?:activ|habilit)(?:ar?|e) (?:el )?javascript",
                r"site (?:está usando|usa) um serviço de segurança para se proteger",
                r"verificando (?:o )?seu navegador antes",
                r"(?:verifique|confirme) (?:que|se) (?:você )?(?:não )?é (?:um )?(?:ser )?(?:humano|robô)",
                r"(?:deve|precisa|para|favor,?) (?:ativ|habilit)(?:ar?|e) (?:o )?javascript",
            ),
        ),
    ),
    Filter(
        name="login_wall@1",
        what="a demand to log in, register or subscribe before anything can be read",
        matches=_Page(
            needles=(
                "log in",
                "login",
                "logged",
                "sign",
                "granted you",
                "subscri",
                "suscri",
                "suscrí",
                "regíst",
                "register",
                "sesión",
                "logado",
                "sessão",
                "assin",
            ),
            opening=(
                r"see more of [^\n]{1,80} on facebook",
                r"ver más de [^\n]{1,80} en facebook",
                r"(?:ver|veja) mais de [^\n]{1,80} no facebook",
                r"do you want to join facebook",
                r"please (?:log|sign) in to your\b",
            ),
            anywhere=(
                r"you must (?:log ?in|sign in|be (?:logged|signed) in) to (?:continue|view|read|access)",
                r"(?:log ?in|sign in) to (?:continue reading|view this|read (?:the|this) (?:full )?(?:article|story))",
                r"if the owner of this video has granted you access",
                r"subscribe (?:now )?to (?:continue|keep) reading",
                r"to (?:continue|keep) reading,? (?:please )?(?:subscribe|log ?in|sign in|register)",
                r"(?:content|article|story) is (?:only )?(?:for|available to|reserved for|exclusive to)"
                r" (?:our )?subscribers",
                r"(?:debes?|tienes? que|necesitas?) (?:iniciar sesión|registrar[ts]e|suscribir[ts]e) para",
                r"inici(?:a|e|ar) sesión para (?:continuar|seguir|ver|leer)",
                r"(?:suscríbete|suscríbase|regístrate|regístrese) para (?:continuar|seguir) leyendo",
                r"para (?:continuar|seguir) leyendo,? (?:suscr|regístr|inici)",
                r"(?:contenido|artículo) (?:exclusivo|solo|reservado) para (?:nuestros )?suscriptores",
                r"(?:precisa|deve) (?:estar logado|fazer login|iniciar sessão) para",
                r"fa(?:ça|zer) (?:o )?login para (?:continuar|ler|ver)",
                r"assine para continuar (?:a ler|lendo)",
                r"para continuar lendo,? (?:assine|faça|cadastre)",
                r"conteúdo exclusivo para assinantes",
            ),
        ),
    ),
    Filter(
        name="cookie_notice@1",
        what="a notice of cookies in the article's place",
        matches=_Page(
            longest=500,
            opening=(
                r"(?:x\W+)?(?:privacy (?:&|and) cookies\W+|cookie policy\W+)?"
                r"(?:this (?:web)?site|(?:[^\s,]+ ){1,2}uses|we(?: and our partners)?|we have placed)"
                r" (?:uses? |saves )?(?:technologies, such as )?cookies (?:and|for|in|on|so|to)\b",
                r"(?:x\W+)?privacy (?:&|and) cookies\W+this (?:web)?site uses cookies",
                r"(?:nosotros )?(?:utilizamos|usamos) cookies (?:propias|de|para|y|en)\b",
                r"(?:este sitio|esta página|esta)(?: web)? (?:utiliza|usa) cookies",
                r"(?:nós )?(?:utilizamos|usamos) cookies (?:e|em|para|próprios|no)\b",
                r"(?:este|nosso) (?:web)?site (?:utiliza|usa) cookies",
            ),
        ),
    ),
    Filter(
        name="error_page@1",
        what="an error in the article's place: not found, denied, moved, out of order",
        matches=_Page(
            opening=(
                r"(?:error )?(?:40[0134]|410|451|50[0234])\W{1,4}(?:error|not found|forbidden|bad|gone|internal|page"
                r"|service|something|unavailable|we\b)",
                r"page not found\b",
                r"(?:sorry\W+)?(?:the )?page (?:that )?you(?:.{0,3}re| are| were)? (?:looking for|requested|tried)"
                r"[^\n]{0,60}(?:\bnot|n.?t|no longer|moved|unavailable)\b",
                r"(?:sorry|oops|uh-oh|we.{0,2}re sorry)\W{1,4}(?:(?:it )?looks like )?(?:the|this|that) page\b",
                r"this is not the page you",
                r"we ca.{0,2}n.?t (?:seem to )?find the page",
                r"access denied\W{1,4}(?:you do|error|reference|www)",
                r"access to this page has been denied",
                r"you do.?n.?t have permission to access",
                r"resource not available",
                r"this (?:article|content|page|video) (?:is (?:not|no longer|currently not) available|is private|is"
                r" unavailable|isn.?t available)",
                r"[^\n]{0,60}requested resource (?:could|is|was) not",
                r"there is an unknown connection issue between cloudflare",
                r"you.{0,3}ve requested a page on a website [^\n]{0,80}cloudflare",
                r"our european visitors are important to us",
                r"unfortunately,? our website is currently unavailable in most european countries",
                r"p[áa]gina no encontrada",
                r"(?:lo sentimos\W+)?(?:la|esta) página (?:que [^\n]{0,60})?no (?:existe|está disponible|se encuentra"
                r"|se ha encontrado|ha sido encontrada|fue encontrada)",
                r"no (?:se ha encontrado|se encuentra|hemos encontrado|encontramos|pudimos encontrar) la página",
                r"acceso denegado\W{1,4}(?:usted|no tienes?|error)",
                r"no tienes? permisos? para acceder",
                r"este (?:contenido|artículo|v[ií]deo) (?:ya )?no está disponible",
                r"p[áa]gina n[ãa]o encontrada",
                r"(?:desculpe\W+)?(?:a|esta) página (?:que [^\n]{0,60}|solicitada )?não (?:existe|está disponível"
                r"|foi encontrada)",
                r"não (?:encontramos|foi possível encontrar|conseguimos encontrar) a página",
                r"acesso negado\W{1,4}(?:você|erro)",
                r"você não tem permissão para acessar",
                r"est[ea] (?:conteúdo|artigo|vídeo) não está (?:mais )?disponível",
            ),
        ),
    ),
    Filter(
        name="parked_page@1",
        what="a domain that is for sale or has expired",
        matches=_Page(
            needles=("domain", "domínio", "dominio"),
            opening=(r"domain sale\b", r"dominio en venta\b", r"[^\s]{3,60}\.[a-z]{2,6} is for sale!"),
            anywhere=(
                r"the domain [^\s]{3,60} (?:may be|is) for sale",
                r"this domain (?:name )?(?:is for sale|may be for sale|has expired)",
                r"este dominio (?:está en venta|ha (?:caducado|expirado))",
                r"este domínio (?:está à venda|expirou)",
            ),
        ),
    ),
    Filter(
        name="site_notice@1",
        what="what a site says of itself in the article's place: redirection, newsletter, comments",
        matches=_Page(
            needles=("redir", "subscri", "suscri", "suscrí", "messenger", "newsletter"),
            opening=(
                r"about trendolizer",
                r"join the conversation\W+you can post now and register later",
                r"enter your email address to follow this blog",
            ),
            anywhere=(
                r"you (?:will be|are being) redirected (?:back )?to",
                r"thank you for subscribing",
                r"subscribe to our (?:daily |weekly )?newsletter",
                r"chat with us in facebook messenger",
                r"(?:será|serás) redirigido a",
                r"gracias por suscribir[ts]e",
                r"suscríbe(?:te|se) a nuestr[oa] (?:boletín|newsletter)",
                r"você será redirecionado",
                r"(?:assine|inscreva-se (?:em|na)) (?:a )?nossa newsletter",
            ),
        ),
    ),
    Filter(name="debris@1", what="a file that is no text, or text that was mostly decoded wrongly", matches=_is_debris),
)

#: Every filter by its name. What stands here once stays as it is.
CATALOGUE: Mapping[str, Filter] = {each.name: each for each in _FILTERS}
