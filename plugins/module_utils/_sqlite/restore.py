# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting back what the removal of orphans has put into quarantine: every row to the byte, or nothing at all.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings, key_text, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import (
    Source,
    Text,
    open_source,
    open_writable,
    quote,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.orphans import (
    NULLED,
    REMOVED,
    Table,
    describe,
    in_use,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.quarantine import freeze, read, thaw

_INTEGERS = range(-(1 << 63), 1 << 63)


def restore(path: str, quarantine_file: str, check: bool) -> dict[str, Any]:
    """Put the rows of a quarantine file back: insert those that were removed, set what was nulled. All of them or none.

    :param check: only tell what would be done.
    :returns: what the module returns.
    :raises Refused: when nothing was changed, with all reasons.
    """
    warnings = in_use(path, check)
    with open_source(path, live=check) as source:
        restored = Restoring(source, quarantine_file, write=False).run()
    if restored and not check:
        with open_writable(path) as source:
            restored = Restoring(source, quarantine_file, write=True).run()
            source.execute("COMMIT")
    return {
        "changed": bool(restored),
        "restored": [{"table": table, "rows": rows} for table, rows in restored.items()],
        "quarantine_file": quarantine_file,
        "warnings": warnings,
        "diff": {
            "before": {table: {"restored": 0} for table in restored},
            "after": {table: {"restored": rows} for table, rows in restored.items()},
        },
    }


class Record(NamedTuple):
    """One line of a quarantine file.

    :ivar nulled: the columns that were nulled; none for a row that was removed.
    :ivar row: all columns as they were, each through :func:`freeze`.
    :ivar values: the same as SQLite has them.
    """

    table: str
    rowid: int
    nulled: tuple[str, ...]
    row: dict[str, Any]
    values: dict[str, object]


def records(path: str) -> Iterator[Record]:
    """The rows of a quarantine file, one by one.

    :raises Refused: when it is not a file that :func:`clean` has written.
    """
    for number, content in enumerate(read(path), start=1):
        try:
            record = _parse(content)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise refuse("quarantine", f"{path}: line {number} is not a row that webui_orphan_clean has removed") from None
        yield record


def _parse(content: Any) -> Record:
    rowid, row, nulled = content["rowid"], content["row"], tuple(content["nulled"])
    values = {column: thaw(value) for column, value in row.items()}
    integers = [rowid, *(value for value in values.values() if isinstance(value, int))]
    if not all(isinstance(integer, int) and not isinstance(integer, bool) and integer in _INTEGERS for integer in integers):
        raise ValueError("an integer that SQLite cannot hold")
    if content["action"] != (NULLED if nulled else REMOVED) or not values.keys() >= set(nulled):
        raise ValueError("an action that is not known")
    return Record(content["table"], rowid, nulled, row, values)


class Home(NamedTuple):
    """A table that rows of a quarantine file belong to.

    :ivar identity: the columns by which a row is told from others; none where only the rowid can.
    :ivar unique: the other sets of columns of which no two rows may be equal.
    :ivar keeps_rowid: whether a rowid can be given beside the columns, because none of them is the rowid itself.
    """

    table: Table
    identity: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...]
    keeps_rowid: bool


class Restoring:
    """Putting rows back, or finding out whether that can be done.

    A row that is there already with the same content is left alone, so that a second run changes nothing.
    """

    def __init__(self, source: Source, quarantine_file: str, write: bool) -> None:
        self.source = source
        self.quarantine_file = quarantine_file
        self.write = write
        self.findings = Findings()
        self._homes: dict[str, Home | None] = {}
        source.connection.text_factory = Text

    def run(self) -> dict[str, int]:
        """:returns: how many rows of which table are put back.

        :raises Refused: with all rows that cannot be put back.
        """
        restored: dict[str, int] = {}
        for record in records(self.quarantine_file):
            home = self._home(record.table)
            if home is None or not self._fits(home, record):
                continue
            step = self._set_again if record.nulled else self._insert_again
            if step(home, record):
                restored[record.table] = restored.get(record.table, 0) + 1
        self.findings.refuse_if_any()
        return restored

    def _home(self, name: str) -> Home | None:
        if name not in self._homes:
            self._homes[name] = self._find_home(name)
        return self._homes[name]

    def _find_home(self, name: str) -> Home | None:
        if name not in self.source.tables():
            self.findings.add("table", f"{self.source.path}: has no table {name} any more", table=name)
            return None
        table = describe(self.source, name)
        columns = {column.name: column for column in self.source.columns(name)}
        primary = tuple(self.source.primary_key(name))
        unique = sorted(tuple(sorted(key)) for key in self.source.unique_keys(name) if key and key != set(primary))
        identity = primary or next((key for key in unique if all(columns[part].not_null for part in key)), ())
        is_rowid = len(primary) == 1 and columns[primary[0]].declared.upper() == "INTEGER"
        return Home(table, identity, tuple(key for key in unique if key != identity), not is_rowid)

    def _fits(self, home: Home, record: Record) -> bool:
        missing = sorted(set(record.row).difference(home.table.columns))
        lacking = sorted(set(home.identity).difference(record.row))
        for column in missing:
            self._refuse(home, record, f"the table has no column {column} any more", column)
        for column in lacking:
            self._refuse(home, record, f"its column {column} is not in the quarantine", column)
        return not missing and not lacking

    def _insert_again(self, home: Home, record: Record) -> bool:
        there = self._look_up(home, record, home.identity)
        if there is not None:
            if there != record.row:
                self._refuse(home, record, "a row with this key is there, and differs from the one in quarantine")
            return False
        for key in home.unique:
            if self._is_taken(home, record, key):
                self._refuse(home, record, f"another row has the same {', '.join(key)} by now", ", ".join(key))
                return False
        if self.write:
            self._insert(home, record)
        return True

    def _insert(self, home: Home, record: Record) -> None:
        table = home.table
        values = {quote(column): value for column, value in record.values.items()}
        if home.keeps_rowid and not self._is_there(table, record.rowid):
            values[table.rowid] = record.rowid
        places, parameters = _bound(tuple(values.values()))
        self.source.execute(f"INSERT INTO {table.sql} ({', '.join(values)}) VALUES ({', '.join(places)})", parameters)
        rowid: int = self.source.value("SELECT last_insert_rowid()")
        if self._look_up(home._replace(identity=()), record._replace(rowid=rowid), ()) != record.row:
            self._refuse(home, record, "SQLite does not store it as it was")

    def _is_there(self, table: Table, rowid: int) -> bool:
        return self.source.value(f"SELECT 1 FROM {table.sql} WHERE {table.rowid} = ?", (rowid,)) is not None

    def _set_again(self, home: Home, record: Record) -> bool:
        there = self._look_up(home, record, home.identity)
        if there is None:
            self._refuse(home, record, "the row is gone, so its columns cannot be set again")
            return False
        if any(there[column] not in (None, record.row[column]) for column in record.nulled):
            self._refuse(home, record, f"{', '.join(record.nulled)} has another value by now", ", ".join(record.nulled))
            return False
        if all(there[column] == record.row[column] for column in record.nulled):
            return False
        if self.write:
            self._set(home, record)
        return True

    def _set(self, home: Home, record: Record) -> None:
        places, parameters = _bound(tuple(record.values[column] for column in record.nulled))
        changes = ", ".join(f"{quote(column)} = {place}" for column, place in zip(record.nulled, places))
        condition, key = self._where(home, record, home.identity)
        self.source.execute(f"UPDATE {home.table.sql} SET {changes} WHERE {condition}", (*parameters, *key))

    def _look_up(self, home: Home, record: Record, key: tuple[str, ...]) -> dict[str, Any] | None:
        """The row that is told from others by these columns, or by its rowid, as the quarantine would have it."""
        condition, parameters = self._where(home, record, key)
        columns = ", ".join(quote(column) for column in record.row)
        for row in self.source.query(f"SELECT {columns} FROM {home.table.sql} WHERE {condition}", parameters):
            return {column: freeze(value) for column, value in zip(record.row, row)}
        return None

    def _is_taken(self, home: Home, record: Record, key: tuple[str, ...]) -> bool:
        # NULL is never equal to anything.
        if any(record.row.get(column) is None for column in key):
            return False
        condition, parameters = self._where(home, record, key)
        return self.source.value(f"SELECT 1 FROM {home.table.sql} WHERE {condition}", parameters) is not None

    def _where(self, home: Home, record: Record, key: tuple[str, ...]) -> tuple[str, tuple[object, ...]]:
        if not key:
            return f"{home.table.rowid} = ?", (record.rowid,)
        places, parameters = _bound(tuple(record.values[column] for column in key))
        return " AND ".join(f"{quote(column)} IS {place}" for column, place in zip(key, places)), parameters

    def _refuse(self, home: Home, record: Record, why: str, column: str | None = None) -> None:
        values = tuple(record.values.get(part) for part in home.identity)
        key = key_text(values) if values else f"rowid {record.rowid}"
        name = home.table.name
        self.findings.add("restore", f"{name} {key}: {why}", table=name, key=key, column=column)


def _bound(values: tuple[object, ...]) -> tuple[list[str], tuple[object, ...]]:
    """How each value is handed to SQLite: what stands for it in the statement, and the parameters."""
    bound = [_bind(value) for value in values]
    return [place for place, _parameter in bound], tuple(parameter for _place, parameter in bound)


def _bind(value: object) -> tuple[str, object]:
    if not isinstance(value, Text):
        return "?", value
    try:
        return "?", value.decode()
    except UnicodeDecodeError:
        return "CAST(? AS TEXT)", bytes(value)
