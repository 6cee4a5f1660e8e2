"""Reads and writes links as CSV files; reading reports the errors of all lines."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, get_args

from ordergate.domain.link import Link, LinkKind
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.accounts.configuration import Configuration
from ordergate.gateway.links.links import link_errors
from ordergate.journal.records.links import StoredLink

COLUMNS = ("kind", "id", "account", "native")
_KINDS: tuple[str, ...] = get_args(LinkKind)
_FORMS = "kind,id,account,native, in any order; or kind,id and one column for each account"


class LineError(NamedTuple):
    """An error in one line of a file; `column` is None if the error concerns the whole line."""

    line: int
    column: str | None
    code: str
    detail: str


class _Row(NamedTuple):
    line: int
    cells: list[str]


class LinkFile:
    """A CSV file of links, read as a whole.

    Attributes:
        links: One for each row; if accounts have columns, one for each cell that is not empty.
        errors: The errors, by line.
    """

    def __init__(self, content: bytes) -> None:
        """Parse the content of a file: UTF-8 with or without a byte order mark, with any line ends."""
        self.links: list[Link] = []
        self.errors: list[LineError] = []
        self._lines: list[int] = []
        self._header: list[str] = []
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.errors.append(LineError(line, None, "invalid_encoding", "This is not UTF-8."))
            return
        self._read(self._rows(text))

    def judge(self, configuration: Configuration, caller: Caller, merchant: str) -> list[LineError]:
        """Return the errors of the file, in the order of lines."""
        errors = list(self.errors)
        unknown = set()
        for error in link_errors(configuration, caller, merchant, self.links):
            account = self.links[error.position].account
            line, column = self._lines[error.position], error.field
            if self._wide and error.field == "account":
                if (error.code, account) in unknown:
                    continue  # the header names it, once for all lines
                unknown.add((error.code, account))
                line, column = (1, account) if error.code == "unknown_account" else (line, account)
            elif self._wide and error.field == "native":
                column = account
            detail = error.detail
            if error.other is not None:
                detail = f"{detail} in line {self._lines[error.other]}."
            errors.append(LineError(line, column, error.code, detail))
        return sorted(errors, key=lambda error: error.line)

    @property
    def _wide(self) -> bool:
        """Return whether each account has its own column."""
        return bool(self._header) and not {"account", "native"} <= set(self._header)

    def _rows(self, text: str) -> Iterator[_Row]:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        line = 1
        try:
            for cells in reader:
                if any(cells):
                    yield _Row(line, cells)
                line = reader.line_num + 1
        except csv.Error as error:
            self.errors.append(LineError(line, None, "invalid_csv", f"This is not CSV: {error}."))

    def _read(self, rows: Iterator[_Row]) -> None:
        first = next(rows, _Row(1, []))
        header = [cell.strip() for cell in first.cells]
        problem = _header_problem(header)
        if problem is not None:
            if not self.errors:
                self.errors.append(LineError(first.line, None, "invalid_header", problem))
            return
        self._header = header
        for row in rows:
            if len(row.cells) != len(header):
                detail = f"{len(row.cells)} cells, but the header has {len(header)}."
                self.errors.append(LineError(row.line, None, "wrong_cells", detail))
            else:
                self._take(row.line, dict(zip(header, row.cells, strict=True)))

    def _take(self, line: int, cells: dict[str, str]) -> None:
        kind, identifier = cells["kind"], cells["id"]
        if kind not in _KINDS:
            detail = f"{kind!r} is none of {', '.join(_KINDS)}."
            self.errors.append(LineError(line, "kind", "invalid_value", detail))
            return
        given = [(cells["account"], cells["native"])] if not self._wide else self._filled(cells)
        for account, native in given:
            self.links.append(Link(kind=kind, id=identifier, account=account, native=native))  # type: ignore[arg-type]
            self._lines.append(line)

    def _filled(self, cells: dict[str, str]) -> list[tuple[str, str]]:
        return [(name, cells[name]) for name in self._header if name not in {"kind", "id"} and cells[name]]


def csv_lines(links: Iterable[StoredLink]) -> str:
    """Return links as lines of a file for an import."""
    return _csv((link.kind, link.id, link.account, link.native) for link in links)


def csv_header() -> str:
    """Return the first line of such a file."""
    return _csv([COLUMNS])


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    lines = io.StringIO(newline="")
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue()


def _header_problem(header: list[str]) -> str | None:
    names = set(header)
    if len(names) != len(header):
        return "A column occurs twice."
    if "" in names:
        return "A column has no name."
    if names == set(COLUMNS):
        return None
    if {"kind", "id"} < names and not names & {"account", "native"}:
        return None
    return f"The first line names the columns: {_FORMS}."
