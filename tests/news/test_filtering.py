from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.errors import InputError
from falsetrue.news.article import join_title_and_text
from falsetrue.news.cleaning import Dropped
from falsetrue.news.filtering import CATALOGUE, LONGEST_NOTICE, LONGEST_PAGE, Filters
from falsetrue.news.labelled import Columns, read_labelled

EVERY = Filters(list(CATALOGUE))

#: Pages that stand in the place of articles, by the filter that must match them. Written for this test.
PAGES = {
    "bot_wall@1": [
        "This website is using a security service to protect itself from online attacks.",
        "Enter the characters you see below. Sorry, we need to make sure you're not a robot.",
        "Checking your browser before accessing example.org. Please allow up to 5 seconds.",
        "Example Daily\n\nYou need to enable JavaScript to run this app.",
        "Please verify you are a human. Access to this page needs a check.",
        "Comprobando su navegador antes de acceder a ejemplo.es",
        "Verifica que eres humano completando la siguiente acción.",
        "Este sitio web utiliza un servicio de seguridad para protegerse de ataques en línea.",
        "Para ver esta página debe habilitar JavaScript en su navegador.",
        "Verificando seu navegador antes de acessar exemplo.com.br",
        "Verifique se você é humano realizando a ação abaixo.",
        "Este site está usando um serviço de segurança para se proteger contra ataques online.",
    ],
    "login_wall@1": [
        "You must log in to continue.",
        "See more of Example Page on Facebook",
        "Example Times\n\nSubscribe to continue reading. Already a member? Log in.",
        "This article is only available to our subscribers.",
        "Ver más de Página de Ejemplo en Facebook",
        "Debes iniciar sesión para ver este contenido.",
        "Suscríbete para seguir leyendo",
        "Contenido exclusivo para suscriptores. Inicia sesión o regístrate.",
        "Conteúdo exclusivo para assinantes. Já é assinante? Entre.",
        "Faça login para continuar lendo esta reportagem.",
    ],
    "cookie_notice@1": [
        "We use cookies to ensure that we give you the best experience on our website.",
        "X\n\nPrivacy & Cookies: This site uses cookies. By continuing, you agree to their use.",
        "Utilizamos cookies propias y de terceros para mejorar nuestros servicios.",
        "Este sitio web utiliza cookies. Si continúa navegando, acepta su uso.",
        "Usamos cookies para melhorar a sua experiência em nosso portal.",
    ],
    "error_page@1": [
        "404 Not Found",
        "Error 403: Forbidden. You don't have permission to access this server.",
        "Page not found. It looks like nothing was found at this location.",
        "Sorry, the page you are looking for does not exist.",
        "Access denied: you do not have permission to view this page.",
        "Our European visitors are important to us. This site is currently unavailable in your region.",
        "Página no encontrada. Vuelva a la portada.",
        "Lo sentimos, la página que buscas no existe o ha cambiado de dirección.",
        "Acceso denegado. Usted no tiene permiso para ver esta página.",
        "Página não encontrada",
        "Desculpe, a página que você procura não foi encontrada.",
    ],
    "parked_page@1": [
        "The domain example.com may be for sale. Please click here to inquire",
        "This domain has expired. Is this your domain? Renew now!",
        "Este dominio está en venta.",
        "Este domínio está à venda. Faça uma oferta.",
    ],
    "site_notice@1": [
        "You will be redirected back to your article in seconds",
        "Thank you for subscribing! Please confirm your address.",
        "Suscríbete a nuestro boletín y recibe lo mejor de la semana.",
        "Você será redirecionado em instantes.",
    ],
    "debris@1": [
        "%PDF-1.4 %\x80\x81\x82 1 0 obj << /Type /Catalog >> endobj",
        "Ã¡Ã©Ã\xad a Ã³ÃºÃ± b Â¿Â¡ â€œ c â€\x9d",
        "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd of \ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd",
    ],
}
_CASES = [(name, page) for name, pages in PAGES.items() for page in pages]

#: News that speaks of the very things that filters look for. Written for this test.
NEWS = [
    "The ministry said its website had been down for hours, and that visitors were told that the page they wanted was "
    "not available. An official blamed a security service that took every reader for a robot.",
    "Access denied: reporters were kept out of the court room on Monday while the judge heard the minister's lawyers.",
    "404 people were hurt when two trains met near the border, the police said, not 44 as was reported at first.",
    "Bakers say we use cookies as a measure of the economy: when times are bad, fewer are sold before Christmas.",
    "The company that owned the domain sold it to its rival for two million, both said in a statement on Friday.",
    "Facebook said that users must log in again after the attack, and that no message had been read by anyone.",
    "El tribunal aceptó las cookies como prueba y pidió al portal que explique cómo las utiliza desde el año pasado.",
    "La página web del ayuntamiento no funcionó durante la mañana, según dijo el alcalde a los periodistas locales.",
    "O ministro disse que a página do governo não foi atacada e que os dados dos eleitores estão todos protegidos.",
    "Señor Muñoz cumplió años en São Tomé; niños y niñas cantaron «¡qué alegría!» — “así fue”, contó su tía Begoña.",
    "北京消息：政府星期二晚间宣布了新的经济措施，反对党说这些措施来得太晚。议会将于下周就此进行表决。",  # noqa: RUF001
]


@pytest.mark.parametrize(("name", "page"), _CASES)
def test_a_page_in_the_place_of_an_article_is_matched_with_and_without_a_title(name: str, page: str) -> None:
    assert EVERY.first(page) == name
    assert EVERY.first(join_title_and_text("Senate votes, at last, on the budget", page)) == name


@pytest.mark.parametrize(("name", "page"), _CASES)
def test_case_does_not_matter_but_for_debris(name: str, page: str) -> None:
    assert EVERY.first(page.upper()) == name or name == "debris@1"


@pytest.mark.parametrize("text", NEWS)
def test_news_about_such_pages_is_news(text: str) -> None:
    assert EVERY.first(text) is None
    assert EVERY.first(join_title_and_text("A headline", text)) is None


def test_every_filter_has_pages() -> None:
    assert set(PAGES) == set(CATALOGUE)


@pytest.mark.parametrize(("name", "page"), [case for case in _CASES if case[0] != "debris@1"])
def test_an_article_that_only_has_a_notice_is_kept(name: str, page: str) -> None:
    """Before, in and behind what is long enough to be an article."""
    article = " ".join(NEWS) * 2
    assert len(article) > LONGEST_PAGE
    for text in (f"{page} {article}", f"{article} {page}", f"{article[:500]} {page} {article[500:]}"):
        assert EVERY.first(text) is None, name


def test_what_stands_somewhere_in_more_than_a_notice_is_not_looked_for() -> None:
    lead = NEWS[0] * 2
    assert len(lead) > LONGEST_NOTICE
    assert EVERY.first(f"{lead} Subscribe to continue reading.") is None


def test_the_first_in_the_order_of_the_catalogue_tells_whatever_the_order_asked_for() -> None:
    both = "Are you a robot? You must log in to continue."
    for references in (["bot_wall@1", "login_wall@1"], ["login_wall@1", "bot_wall@1"]):
        assert Filters(references).references == ("bot_wall@1", "login_wall@1")
        assert Filters(references).first(both) == "bot_wall@1"
    assert Filters(["login_wall@1"]).first(both) == "login_wall@1"


def test_without_filters_everything_is_an_article() -> None:
    assert [Filters([]).first(page) for _, page in _CASES] == [None] * len(_CASES)


def test_an_unknown_filter_is_named() -> None:
    with pytest.raises(InputError, match="there is no filter 'wall@9'; there are bot_wall@1, "):
        Filters(["bot_wall@1", "wall@9"])


@given(st.text())
def test_any_text_gets_an_answer(text: str) -> None:
    assert EVERY.first(text) in {None, *CATALOGUE}


@given(st.text(st.characters(codec="ascii"), min_size=LONGEST_PAGE + 1, max_size=LONGEST_PAGE + 50))
def test_no_page_is_found_in_long_plain_texts(text: str) -> None:
    assert EVERY.first(text) in {None, "debris@1"}


@pytest.mark.corpora
@pytest.mark.parametrize(
    "name",
    ["isot_titles", "isot_partial_fulltext", "liar2", "covid19_fnir", "fakenewsamt", "fake_br", "cs216_outlets2017"],
)
def test_corpora_without_such_pages_lose_nothing(corpora: Path, name: str) -> None:
    articles = read_labelled(str(corpora / f"{name}.parquet"), Columns(), Dropped())
    assert [each.content for each in articles if EVERY.first(each.content)] == []
