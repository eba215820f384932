"""One self-contained HTML page: readable on a screen, on paper and by a screen reader, with nothing fetched or run."""

import base64
import hashlib
from collections.abc import Collection, Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

#: What stands in a table where a figure is not defined.
NOTHING = "—"


#: What a page says beside what it is given, by language: the link past its head, and what may not be expected of it.
_FRAME = {
    "en": (
        "Skip to the content",
        "It compares texts with the false and the real news that it learnt from. It does not check facts.",
    ),
    "es": (
        "Saltar al contenido",
        "Compara los textos con las noticias falsas y reales de las que aprendió. No verifica hechos.",
    ),
}


def render(*, title: str, subtitle: str, body: Markup, generated: str, language: str = "en") -> str:
    """A whole page, ``en`` or ``es``.

    ``body`` is trusted markup (made with :class:`markupsafe.Markup` formatting or templates, which
    escape what they are given); the other texts are escaped here. ``generated`` says what made
    the page, from what and when. The page loads nothing and runs nothing: its content security
    policy allows its one style sheet, by digest, and that is all. So ``body`` may use classes of
    ``templates/report.css`` but no ``style`` attributes.
    """
    style = _style()
    skip, comparison = _FRAME[language]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        _environment()
        .get_template("report.html")
        .render(
            title=title,
            subtitle=subtitle,
            body=body,
            generated=generated,
            language=language,
            skip=skip,
            comparison=comparison,
            style=Markup(style),  # noqa: S704 - a file of this package
            policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        )
    )


def table(
    caption: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str | Markup]],
    *,
    text_columns: Collection[int] = (0,),
    first: bool = False,
) -> Markup:
    """A table whose first column heads its rows.

    Columns other than ``text_columns`` hold numbers and are set to the right. ``first`` makes the
    first row stand out. Cells are escaped unless they are markup already.
    """
    head = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(_align(at, text_columns), heading)
        if heading
        else Markup("<td></td>")
        for at, heading in enumerate(headings)
    )
    body = Markup("\n").join(_row(row, text_columns, stands_out=first and not at) for at, row in enumerate(rows))
    return Markup(
        '<div class="wide" role="group" aria-label="{caption}" tabindex="0"><table><caption>{caption}</caption>'
        "<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    ).format(caption=caption, head=head, body=body)


def note(*paragraphs: str) -> Markup:
    """A warning that stands out, in words and not by colour alone."""
    inside = Markup("").join(Markup("<p>{}</p>").format(each) for each in paragraphs)
    return Markup('<div class="note" role="note">{}</div>').format(inside)


def _row(row: Sequence[str | Markup], text_columns: Collection[int], *, stands_out: bool) -> Markup:
    cells = Markup("").join(
        Markup("<td{}>{}</td>").format(_align(at, text_columns), cell) for at, cell in enumerate(row) if at
    )
    begin = Markup('<tr class="first">' if stands_out else "<tr>")  # noqa: S704 - one of two constants
    return begin + Markup('<th scope="row">{}</th>').format(row[0]) + cells + Markup("</tr>")


def _align(column: int, text_columns: Collection[int]) -> Markup:
    return Markup("" if column in text_columns else ' class="number"')  # noqa: S704 - one of two constants


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("falsetrue.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _style() -> str:
    loader = _environment().loader
    assert loader is not None  # noqa: S101 - given above
    return loader.get_source(_environment(), "report.css")[0]
