"""◆ A file given to the page: checked, scored through temporary files, and given back; nothing is kept."""

import csv
import re
import shutil
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from falsetrue.errors import InputError, RowError
from falsetrue.jobs.classify import Classifier
from falsetrue.jobs.predict import VERDICT, Prediction, Summary, predict
from falsetrue.jobs.progress import Quiet
from falsetrue.news.reading import FORMATS, Table, open_table
from falsetrue.news.writing import CsvStyle
from falsetrue.service.language import Notice, mark

#: Columns looked for where the visitor names none; upper and lower case alike.
TEXT_COLUMNS = ("text", "texto", "cuerpo", "contenido", "body", "content", "noticia", "article")
TITLE_COLUMNS = ("title", "titulo", "título", "titular", "headline", "encabezado")
#: Bad rows named one by one; the rest are counted.
BAD_ROWS_SHOWN = 20
#: Rows of the result shown on the page, and characters shown of each one's title or text.
ROWS_SHOWN, LONGEST_PIECE = 20, 80
#: Columns named where one is missing, and characters shown of each one's name.
COLUMNS_SHOWN, LONGEST_NAME = 12, 40
#: Bytes that a Parquet file may hold once unpacked.
LARGEST_UNPACKED = 64 * 1024 * 1024


class FileProblem(Exception):  # noqa: N818 - it carries a problem in the sense of RFC 9457
    """A file that cannot be scored. ``code`` is for machines, ``notice`` for people."""

    def __init__(self, code: str, notice: Notice) -> None:
        super().__init__(code)
        self.code = code
        self.notice = notice


@dataclass(frozen=True, kw_only=True)
class GivenFile:
    """What the visitor gave."""

    name: str
    content: IO[bytes]
    text_column: str  #: empty: look for one of :data:`TEXT_COLUMNS`
    title_column: str  #: empty: look for one of :data:`TITLE_COLUMNS`


@dataclass(frozen=True, kw_only=True)
class ScoredRow:
    """A row of the result, as the page shows it."""

    line: int
    piece: str  #: the beginning of its title, or else of its text
    label: str  #: empty where it could not be classified
    p_real: float | None
    reason: str  #: the first one why there is no decision, if there is none


@dataclass(frozen=True, kw_only=True)
class ScoredFile:
    """What came of it."""

    name: str  #: for the download
    content: bytes  #: CSV
    summary: Summary
    bad_rows: list[tuple[int, Notice]] = field(default_factory=list)  #: line and problem of the first few
    rows: list[ScoredRow] = field(default_factory=list)  #: the first few
    is_utf8: bool = True  #: whether every row was


def score_file(given: GivenFile, classifier: Classifier, max_rows: int) -> ScoredFile:
    """Score every row with the default policy; raises :class:`FileProblem` where the file cannot be used."""
    suffix = Path(given.name).suffix.lower()
    if suffix not in FORMATS:
        raise FileProblem("unusable_file", _WORKBOOK if suffix in _WORKBOOKS else _UNKNOWN_FORMAT)
    if suffix != ".parquet":
        _check_beginning(given.content)
    with TemporaryDirectory(prefix="falsetrue-") as folder:
        source = Path(folder) / f"given{suffix}"
        with source.open("wb") as file:
            shutil.copyfileobj(given.content, file)
        try:
            return _score(given, str(source), classifier, max_rows)
        except RowError as error:
            if _NOT_UTF8.search(error.problem):
                raise FileProblem("unusable_file", _SAVE_AS_UTF8) from error
            raise FileProblem("unusable_file", in_row(error.line, explain(error.problem))) from error
        except InputError as error:
            problem = explain(str(error).removeprefix(str(source)))
            message = mark("The file cannot be used: %(problem)s.")
            raise FileProblem("unusable_file", Notice(message=message, values={"problem": problem})) from error


def _check_beginning(content: IO[bytes]) -> None:
    """Refuse what is no text in UTF-8, whatever its name says, with words that help."""
    first = content.read(8)
    content.seek(0)
    if first.startswith(_UTF16):
        raise FileProblem("unusable_file", _SAVE_AS_UTF8)
    if first.startswith(_NO_TEXT):
        raise FileProblem("unusable_file", _NOT_TEXT)


def _score(given: GivenFile, source: str, classifier: Classifier, max_rows: int) -> ScoredFile:
    if source.endswith(".parquet"):
        _check_parquet(source, max_rows)
    text, title, delimiter = _inspect(given, source, max_rows)
    destination = Path(source).with_name("scored.csv")
    # For spreadsheets: as the visitor's own file, known to be UTF-8, and with no cell that would be run.
    style = CsvStyle(delimiter=delimiter or ",", byte_order_mark=True, guard_formulas=True)
    prediction = Prediction(
        source=source, destination=str(destination), text=text, title=title, keep_text=True, style=style
    )
    bad_rows: list[tuple[int, Notice]] = []
    is_utf8 = True

    def report(line: int, problem: str) -> None:
        nonlocal is_utf8
        is_utf8 = is_utf8 and not _NOT_UTF8.search(problem)
        if len(bad_rows) < BAD_ROWS_SHOWN:
            bad_rows.append((line, explain(problem)))

    summary = predict(prediction, classifier, classifier.policies.default, progress=Quiet(), report=report)
    return ScoredFile(
        name=f"{_plain(Path(given.name).stem)}-scored{'.tsv' if source.endswith('.tsv') else '.csv'}",
        content=destination.read_bytes(),
        summary=summary,
        bad_rows=bad_rows,
        rows=_first_rows(destination, style.delimiter, text, title),
        is_utf8=is_utf8,
    )


def _first_rows(scored: Path, delimiter: str, text: str, title: str | None) -> list[ScoredRow]:
    with scored.open(newline="", encoding="utf-8-sig") as file:
        return [
            ScoredRow(
                line=int(row["line"]),
                piece=_piece(_kept(row, title) if title else "") or _piece(_kept(row, text)),
                label=row["label"],
                p_real=float(row["p_real"]) if row["p_real"] else None,
                reason=row["reasons"].partition(";")[0],
            )
            for row in islice(csv.DictReader(file, delimiter=delimiter), ROWS_SHOWN)
        ]


def _kept(row: dict[str, str], column: str) -> str:
    """What stood in a column of the file given, under the name that it has in the scored one."""
    renamed = f"input_{column}"
    return row[renamed] if column in ("line", *VERDICT) else row[column]


def _piece(value: str) -> str:
    return _shortened(" ".join(value[: 10 * LONGEST_PIECE].split()), LONGEST_PIECE)


def _shortened(value: str, longest: int) -> str:
    return value if len(value) <= longest else f"{value[: longest - 1].rstrip()}…"


def _plain(stem: str) -> str:
    """A name that is safe in a header and on any disk."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:60] or "news"


def _inspect(given: GivenFile, source: str, max_rows: int) -> tuple[str, str | None, str | None]:
    """The columns to use, and the delimiter of a CSV file; raises :class:`FileProblem` where it cannot be used."""
    with open_table(source) as table:
        text = _column(table, given.text_column, TEXT_COLUMNS)
        title = _column(table, given.title_column, TITLE_COLUMNS)
        rows = sum(1 for _ in islice(table.rows, max_rows + 1))
        if text is None:
            raise FileProblem("unusable_file", _no_column(table, given.text_column))
        if title is None and given.title_column:
            raise FileProblem("unusable_file", _no_column(table, given.title_column))
    if rows > max_rows:
        raise _too_many_rows(max_rows)
    if rows == 0:
        raise FileProblem("unusable_file", Notice(message=mark("The file has a header but no rows.")))
    return text, title, table.delimiter


def _too_many_rows(max_rows: int) -> FileProblem:
    message = mark(
        "The file has more than %(rows)s rows. Split it, or check it on your own computer with falsetrue predict."
    )
    return FileProblem("too_many_rows", Notice(message=message, values={"rows": max_rows}))


def _column(table: Table, named: str, usual: tuple[str, ...]) -> str | None:
    if named in table.columns:
        return named
    there = {column.lower(): column for column in reversed(table.columns)}
    return next((there[name] for name in ((named.lower(),) if named else usual) if name in there), None)


def _no_column(table: Table, column: str) -> Notice:
    columns = ", ".join(_shortened(each, LONGEST_NAME) for each in table.columns[:COLUMNS_SHOWN])
    if len(table.columns) > COLUMNS_SHOWN:
        columns += ", …"
    if column:
        message = mark("No column is called “%(column)s”. The columns are: %(columns)s")
        return Notice(message=message, values={"column": _shortened(column, LONGEST_NAME), "columns": columns})
    message = mark(
        "No column is called text or texto. Write in “Text column” the name of the column that holds the text. "
        "The columns are: %(columns)s"
    )
    return Notice(message=message, values={"columns": columns})


def _check_parquet(source: str, max_rows: int) -> None:
    """Refuse a Parquet file that is small but unpacks to a huge one.

    Only columns of plain values are let in, and text that is stored once and repeated by reference is
    counted as often as it is repeated. What the file says of its own sizes is believed only where
    that makes it larger.
    """
    import pyarrow  # noqa: PLC0415 - 0.1 s that only Parquet files should cost
    import pyarrow.parquet  # noqa: PLC0415

    try:
        file = pyarrow.parquet.ParquetFile(source)
    except (pyarrow.ArrowException, OSError):
        return  # open_table says what is wrong with it
    if file.metadata.num_rows > max_rows:
        raise _too_many_rows(max_rows)
    schema = file.schema_arrow
    texts = [column.name for column in schema if _is_text(column.type)]
    if not all(_is_text(column.type) or _is_plain(column.type) for column in schema):
        raise FileProblem("unusable_file", _TOO_COMPLEX)
    groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
    if (
        sum(group.total_byte_size for group in groups) > LARGEST_UNPACKED
        or _text_bytes(source, texts) > LARGEST_UNPACKED
    ):
        raise FileProblem("unusable_file", _TOO_COMPLEX)


def _is_text(kind: Any) -> bool:
    """A string, or a reference to one."""
    import pyarrow  # noqa: PLC0415

    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind))


def _is_plain(kind: Any) -> bool:
    """A value of a few bytes."""
    import pyarrow  # noqa: PLC0415

    kinds = pyarrow.types
    tests = (kinds.is_boolean, kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_temporal, kinds.is_null)
    return any(is_kind(kind) for is_kind in tests)


def _text_bytes(source: str, texts: list[str]) -> int:
    """Bytes of text once every reference is replaced by what it refers to."""
    import pyarrow  # noqa: PLC0415
    import pyarrow.compute  # noqa: PLC0415
    import pyarrow.parquet  # noqa: PLC0415

    try:
        table = pyarrow.parquet.ParquetFile(source, read_dictionary=texts).read(columns=texts)
    except (pyarrow.ArrowException, OSError):
        return 0  # the reader says what is wrong with it
    return sum(_chunk_bytes(chunk, pyarrow.compute) for column in table.columns for chunk in column.chunks)


def _chunk_bytes(chunk: Any, compute: Any) -> int:
    if not hasattr(chunk, "dictionary"):
        return compute.sum(compute.binary_length(chunk)).as_py() or 0
    return compute.sum(compute.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0


# --- what the readers say, as messages that can be translated ---------------------------------------

_UNKNOWN_FORMAT = Notice(message=mark("The file's name must end in .csv, .tsv, .jsonl, .ndjson or .parquet."))
_TOO_COMPLEX = Notice(
    message=mark("The Parquet file is too large once unpacked, or has nested columns. Save it as CSV or JSON Lines.")
)
_WORKBOOKS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
_WORKBOOK = Notice(
    message=mark("This is a spreadsheet, not a CSV file. In Excel: File → Save as → CSV UTF-8, and choose that file.")
)
_SAVE_AS_UTF8 = Notice(
    message=mark("The file is not UTF-8 text. Save it again as CSV UTF-8 (in Excel: File → Save as → CSV UTF-8).")
)
_NOT_TEXT = Notice(
    message=mark(
        "Whatever its name says, this is not a CSV text file. Open it in the program that made it and save it as "
        "CSV UTF-8 (in Excel: File → Save as → CSV UTF-8)."
    )
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
#: How PNG, JPEG, PDF, ZIP (and .xlsx), gzip and old .xls files begin.
_NO_TEXT = (b"\x89PNG", b"\xff\xd8\xff", b"%PDF", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")
_NOT_UTF8 = re.compile("is not UTF-8")
_COUNTS = ("found", "expected", "bytes")
_PROBLEMS = [
    (r"the text is empty", mark("the text is empty")),
    (
        r"(?P<found>\d+) fields where the header has (?P<expected>\d+)",
        mark("a different number of columns than the header (%(found)s instead of %(expected)s)"),
    ),
    (r"is not UTF-8", mark("some of its characters are not UTF-8")),
    (r"not readable as CSV", mark("not readable as CSV; look at its quotes")),
    (r"not a JSON object", mark("not a JSON object")),
    (r"column '(?P<column>.+)' holds \w+, not text", mark("column “%(column)s” holds something other than text")),
    (r"longer than (?P<bytes>\d+) bytes", mark("longer than %(bytes)s bytes")),
    (r"the file is empty", mark("the file is empty")),
    (r"the header is blank", mark("the header is blank")),
    (r"the column '(?P<column>.+)' stands twice", mark("the column “%(column)s” is in the header twice")),
    (r"not a Parquet file|not a readable file", mark("this is not a Parquet file, or a damaged one")),
    (r"the Parquet data cannot be read", mark("the Parquet data cannot be read from here on; the file is damaged")),
]


def explain(problem: str) -> Notice:
    """What the readers of files say in English, as a message that can be translated."""
    for pattern, message in _PROBLEMS:
        if found := re.search(pattern, problem):
            values = {name: int(value) if name in _COUNTS else value for name, value in found.groupdict().items()}
            return Notice(message=message, values=values)
    return Notice(message="%(problem)s", values={"problem": problem.lstrip(": ")})


def in_row(line: int, notice: Notice) -> Notice:
    """The same, naming the line; its own sentence is translated first."""
    return Notice(message=mark("Line %(line)s: %(problem)s."), values={"line": line, "problem": notice})
