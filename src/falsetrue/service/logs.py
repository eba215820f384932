"""◆ What the service logs, as lines of text or of JSON: its own and the server's, without what an error may repeat.

A record of :mod:`logging` may bring facts by :func:`as_extra`. An exception is described by its type and by where it
was raised, never by its message: that may hold news text.
"""

import asyncio
import json
import logging
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import msgspec

LogFormat = Literal["auto", "text", "json"]

#: Attribute of a record that holds its facts.
_FACTS = "facts"
#: Of an error, its cause, the cause's cause ...: so many are described.
_LONGEST_CHAIN = 10


def as_extra(**facts: Any) -> dict[str, Any]:
    """For the ``extra`` of a call of a logger: facts by name, which JSON can say."""
    return {_FACTS: facts}


def configure_logs(log_format: LogFormat, stream: TextIO | None = None) -> None:
    """Write what this package and the server log to a stream, and warnings of all others; to be called once.

    ``auto`` is text for a terminal, JSON for anything else. ``stream`` is standard error where nothing is said.
    """
    stream = sys.stderr if stream is None else stream
    as_text = log_format == "text" or (log_format == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(TextLines() if as_text else JsonLines())
    for name, level in {"": logging.WARNING, "falsetrue": logging.INFO, "uvicorn": logging.INFO}.items():
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.handlers = [] if name else [handler]
        logger.propagate = True


class JsonLines(logging.Formatter):
    """One JSON object a line: ``time``, ``level``, ``logger``, ``event``, the facts, and of an error what it was."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record down."""
        line = {
            "time": _time(record).replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **getattr(record, _FACTS, {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"], line["where"] = describe_error(record.exc_info[1])
        try:
            return msgspec.json.encode(line, enc_hook=str).decode()
        except UnicodeEncodeError:  # of a lone surrogate
            return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """For people: time, level and message, then the facts as ``name=value``."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record down."""
        facts = "".join(f" {name}={value}" for name, value in getattr(record, _FACTS, {}).items())
        line = f"{_time(record)[:19].replace('T', ' ')} {record.levelname:<8} {record.getMessage()}{facts}"
        if record.exc_info and record.exc_info[1] is not None:
            line += "\n{}\n{}".format(*describe_error(record.exc_info[1]))
        return line


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def describe_error(error: BaseException) -> tuple[str, str]:
    """What kind of error it was, with its causes, the latest first; and where it was raised, with lines of the code."""
    chain = list(_chain(error))
    where = "".join(traceback.format_tb(chain[0].__traceback__)).rstrip("\n")
    return " from ".join(map(_kind, chain)), where


def _chain(error: BaseException) -> Iterator[BaseException]:
    following: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if following is None:
            return
        yield following
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)


def _kind(error: BaseException) -> str:
    """The type's name; of an error of the operating system also what that says, which repeats nothing."""
    name = type(error).__name__
    return f"{name} ({error.strerror})" if isinstance(error, OSError) and error.strerror else name


def log_lost_errors(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's handler of errors that nobody awaits; its own would write their messages down."""
    error = context.get("exception")
    what = str(context.get("message", "an error")).partition("\n")[0]
    logging.getLogger("falsetrue").error("outside of any request: %s", what, exc_info=error)
