# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between a source and an earlier snapshot of it: which rows have gone since, and which have come.

A row that was changed counts as both. SQLite itself compares, with both files in one connection, and only notes row numbers.

It is compared what the target is to hold, so rows are read without orphans on either side where these are left out. Equal is what is equal
to the byte and of the same type: C(1) is not C(1.0), and C(0.0) not C(-0.0), whatever the column's collation and affinity.

How rows of both files are paired does not matter for the outcome: rows that are not found to be pairs go and come. It is by the
primary key, which stays when a VACUUM or a reload of the file gives rows other numbers.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from typing import NamedTuple
from urllib.parse import quote as url_quote

from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Omit, omit_nothing
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import Repairs, RowReader, TablePlan, joined
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Source, fold, look, quote, text
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.orphans import Omission

# The snapshot's name in the connection.
SNAPSHOT = "webui_snapshot"

# A table with more differences than rows is loaded anew as a whole, which is quicker then, if there are so many that it matters.
FEW = 1000

NO_KEY = "the target has no primary key for it"
NO_ROWID = "its rows have no numbers in SQLite"
MUCH_CHANGED = "much of it has changed"


class Unfit(Exception):
    """The two files cannot be compared, with the reason in words."""


class Difference(NamedTuple):
    """What has become of a table since the snapshot.

    :ivar whole: why the table has to be loaded anew, None where the rows that differ will do. Then the numbers are not known.
    :ivar gone: how many rows have gone; those that were changed are among them.
    :ivar come: how many rows have come; those that were changed are among them.
    """

    table: TablePlan
    whole: str | None
    gone: int = 0
    come: int = 0

    @property
    def is_any(self) -> bool:
        """Whether anything has to be done about the table."""
        return self.whole is not None or bool(self.gone or self.come)


def attach(source: Source, snapshot: str) -> None:
    """Have a snapshot at hand in the connection of a source, under the name :data:`SNAPSHOT`. Neither file is changed.

    It stays until the source is closed: SQLite detaches nothing inside a transaction.

    :raises Unfit: when they do not go together.
    """
    state = look(snapshot)
    if state.wal_size or state.hot_journal:
        raise Unfit(f"{snapshot} has changes pending in its -wal or -journal")
    address = f"file:{url_quote(os.path.abspath(state.location.real))}?immutable=1"
    # Only temporary tables are written to, in memory; both files are open for reading alone.
    for statement in ("PRAGMA query_only = OFF", "PRAGMA temp_store = MEMORY"):
        source.execute(statement)
    try:
        source.connection.execute(f"ATTACH DATABASE ? AS {SNAPSHOT}", (address,))
    except sqlite3.Error as error:
        # Such as another encoding of texts.
        raise Unfit(f"{snapshot} and {source.path} cannot be opened together ({error})") from None
    source.connection.create_function("webui_bits", 1, lambda value: struct.pack("<d", value))


def changed_schema(source: Source) -> str | None:
    """A table that the source and its snapshot do not both have in the same form, or None."""
    tables = "SELECT name, sql FROM {0}.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    ours, theirs = tables.format("main"), tables.format(SNAPSHOT)
    for one, other in ((ours, theirs), (theirs, ours)):
        for name, _sql in source.query(f"{one} EXCEPT {other} ORDER BY 1 LIMIT 1"):
            return text(name)
    return None


class Differences:
    """Finds what differs, table by table, between a source and the snapshot that is attached to it.

    :param before: tells which orphans of the snapshot were left out.
    :param after: tells which orphans of the source are left out.
    """

    def __init__(self, source: Source, before: Omit = omit_nothing, after: Omit = omit_nothing) -> None:
        self.source = source
        self._before = before
        self._after = after
        self._numbers: dict[str, int] = {}

    def find(self, table: TablePlan, has_key: bool) -> Difference:
        """What has become of a table.

        :param has_key: whether the target has a primary key for it, by which rows can be removed there.
        """
        rowid = self.source.rowid(table.name)
        if not has_key:
            return Difference(table, NO_KEY)
        if rowid is None:
            return Difference(table, NO_ROWID)
        self._note(table, rowid)
        marks = self._marks(table)
        gone, come = next(self.source.query(f"SELECT count(gone), count(come) FROM {marks}"))
        if gone + come > max(table.rows, FEW):
            self.source.execute(f"DROP TABLE {marks}")
            return Difference(table, MUCH_CHANGED)
        return Difference(table, None, gone, come)

    def gone(self, table: TablePlan, repairs: Repairs, findings: Findings) -> RowReader:
        """Reads the rows that have gone, as they were in the snapshot."""
        return self._reader(table, repairs, findings, SNAPSHOT, self._before(table.name, ""), "gone")

    def come(self, table: TablePlan, repairs: Repairs, findings: Findings) -> RowReader:
        """Reads the rows that have come, as they are in the source."""
        return self._reader(table, repairs, findings, "main", self._after(table.name, ""), "come")

    def whole(self, table: TablePlan, repairs: Repairs, findings: Findings) -> RowReader:
        """Reads all rows of the source."""
        return RowReader(self.source, table, repairs, findings, thorough=False, omission=self._after(table.name, ""))

    def rows(self, table: TablePlan) -> int:
        """How many rows the source has, without those that are left out."""
        omission = self._after(table.name, "")
        if omission is None:
            return table.rows
        return int(self.source.value(f"SELECT count(*) FROM main.{quote(table.name)} WHERE {omission.stays}"))

    def _reader(
        self, table: TablePlan, repairs: Repairs, findings: Findings, database: str, omission: Omission | None, column: str
    ) -> RowReader:
        only = f"{self.source.rowid(table.name)} IN (SELECT {column} FROM {self._marks(table)} WHERE {column} IS NOT NULL)"
        return RowReader(self.source, table, repairs, findings, False, omission, database, only)

    def _marks(self, table: TablePlan) -> str:
        """The temporary table for the numbers of the rows that differ."""
        return f"temp.webui_difference_{self._numbers.setdefault(table.name, len(self._numbers) + 1)}"

    def _note(self, table: TablePlan, rowid: str) -> None:
        marks = self._marks(table)
        new, old = _Side("new", rowid, self._after(table.name, "new")), _Side("old", rowid, self._before(table.name, "old"))
        pair = _pair(self.source.primary_key(table.name) or [rowid])
        same = joined([_is_same(new.value(column.name), old.value(column.name)) for column in table.columns], "AND")
        name = quote(table.name)
        self.source.execute(f"CREATE TEMP TABLE {marks[5:]} (gone INTEGER, come INTEGER)")
        self.source.execute(
            f"INSERT INTO {marks} SELECT CASE WHEN {old.stays} THEN old.{rowid} END, CASE WHEN {new.stays} THEN new.{rowid} END "
            f"FROM main.{name} AS new LEFT JOIN {SNAPSHOT}.{name} AS old ON {pair} "
            f"WHERE ({new.stays} OR {old.stays}) AND NOT ({new.stays} AND {old.stays} AND {same})"
        )
        self.source.execute(
            f"INSERT INTO {marks} SELECT old.{rowid}, NULL FROM {SNAPSHOT}.{name} AS old "
            f"WHERE {old.stays} AND NOT EXISTS (SELECT 1 FROM main.{name} AS new WHERE {pair})"
        )


class _Side:
    """One of the two tables in a query.

    :ivar stays: SQL condition for a row that is there and is not left out.
    """

    def __init__(self, alias: str, rowid: str, omission: Omission | None) -> None:
        self._alias = alias
        self._nulled = {fold(name): condition for name, condition in omission.nulled.items()} if omission else {}
        there = f"{alias}.{rowid} IS NOT NULL"
        self.stays = f"({there} AND {omission.stays})" if omission else f"({there})"

    def value(self, column: str) -> str:
        """What the target is to hold of a column, as SQL. Without an affinity, by which SQLite would compare other values."""
        name = f"+{self._alias}.{quote(column)}"
        lost = self._nulled.get(fold(column))
        return f"(CASE WHEN NOT ({lost}) THEN {name} END)" if lost else f"({name})"


def _pair(columns: list[str]) -> str:
    """SQL condition by which a row of each file are the same one. The plain comparison is there for the sake of an index."""
    parts = []
    for column in columns:
        name = column if column in ("rowid", "_rowid_", "oid") else quote(column)
        new, old = f"new.{name}", f"old.{name}"
        parts += [f"{new} = {old}", f"typeof({new}) = typeof({old})", f"(+{new}) COLLATE BINARY = (+{old})"]
    return " AND ".join(parts)


def _is_same(new: str, old: str) -> str:
    """SQL condition by which two values are the same in every bit: SQLite takes numbers of two types, and both zeros, for equal."""
    return (
        f"(typeof({new}) = typeof({old}) AND {new} COLLATE BINARY IS {old}"
        f" AND (typeof({new}) <> 'real' OR {new} <> 0.0 OR webui_bits({new}) = webui_bits({old})))"
    )
