"""What browsers send of forms."""

import re

from starlette.datastructures import FormData
from starlette.requests import Request

from falsetrue.service.problems import RequestProblem

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\"';\s]+)", re.IGNORECASE)


def check_charset(request: Request) -> None:
    """Refuse a form in any encoding but UTF-8, which is what browsers send.

    Form parsers take any codec of Python's that a client names, and some of these take time that grows with the square
    of the text.
    """
    named = _CHARSET.search(request.headers.get("content-type", ""))
    if named and named[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise RequestProblem("unsupported_media_type", "send the form in UTF-8")


def field(sent: FormData, name: str) -> str:
    """The text of a field; empty where there is none."""
    value = sent.get(name)
    return value if isinstance(value, str) else ""
