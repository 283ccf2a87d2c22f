# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows whose parent is gone: found to a fixpoint, put into quarantine, and removed or nulled.

Which rows are to go is worked out with temporary tables, without a write to the source, so that a rehearsal and the real
run are the same code.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Iterable, Iterator, NamedTuple, Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import (
    ForeignKey,
    Source,
    Text,
    fold,
    holders,
    look,
    open_source,
    open_writable,
    quote,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.quarantine import Quarantine, freeze

REMOVED = "removed"
NULLED = "nulled"

# The fate of an orphan is to be removed, or to be nulled by the foreign key of that number (they count from 1).
_REMOVE = 0

# The temporary table in which they are noted.
_FOUND = "webui_orphan"

# Of a row that is to be nulled: it is not to be removed as well.
_STAYS = (
    "NOT EXISTS (SELECT 1 FROM temp.webui_orphan AS gone "
    f"WHERE gone.child = orphan.child AND gone.fate = {_REMOVE} AND gone.id = orphan.id)"
)


def clean(path: str, tables: list[str] | None, quarantine: str, check: bool, exclude: Sequence[str] = ()) -> dict[str, Any]:
    """Remove or null the rows whose parent is gone, until there are none.

    :param tables: the tables to look at, None for all. Rows of others stay, also those that become orphans by this.
    :param exclude: tables not to look at.
    :param quarantine: the folder for the file that holds the rows as they were.
    :param check: only tell what would be done.
    :returns: what the module returns.
    :raises Refused: when nothing was changed, with the reason.
    """
    warnings = in_use(path, check)
    with open_source(path, live=check) as source:
        orphans = Orphans(source, tables, exclude)
        if check or not orphans.total:
            if source.method == "lock-free" and source.changed():
                warnings.append(f"{path} was written to meanwhile, so the numbers may be off")
            return {**orphans.report(), "quarantine_file": None, "warnings": warnings}
    with open_writable(path) as source:
        orphans = Orphans(source, tables, exclude)
        report = orphans.report()
        kept = Quarantine(quarantine, "orphans")
        try:
            orphans.save(kept)
            # From here on the rows can be put back, whatever happens.
            kept.keep()
            orphans.apply()
        except BaseException:
            kept.discard()
            raise
        source.execute("COMMIT")
    return {**report, "quarantine_file": kept.path, "warnings": warnings}


def in_use(path: str, check: bool) -> list[str]:
    """Refuse a file that others could write to. A rehearsal only warns: Open WebUI need not be stopped for it."""
    users = holders(path) if look(path) else []
    if not users:
        return []
    who = ", ".join(f"{user.command} (pid {user.pid})" if user.pid else user.command for user in users)
    if not check:
        raise refuse("in_use", f"{path} is in use by {who}; stop Open WebUI first")
    return [f"{path} is in use by {who}; a real run refuses that"]


class Table(NamedTuple):
    """A table of the source.

    :ivar rowid: the name by which SQL reaches its rowid, where no column has taken that name.
    """

    name: str
    rowid: str
    columns: tuple[str, ...]

    @property
    def sql(self) -> str:
        """The table's name in SQL, beyond confusion with a temporary one."""
        return f"main.{quote(self.name)}"


def describe(source: Source, name: str) -> Table:
    """What has to be known of a table to take rows from it and to put them back.

    :raises Refused: when its rows have no numbers, or when triggers would do more than is asked.
    """
    columns = tuple(column.name for column in source.columns(name))
    taken = {column.lower() for column in columns}
    rowid = next((alias for alias in ("rowid", "_rowid_", "oid") if alias not in taken), None)
    table = Table(name, rowid or "", columns)
    if rowid is None or not _has_rowid(source, table):
        raise refuse("table", f"table {name} has no rowid, which Open WebUI never creates; leave it out with exclude_tables", table=name)
    if source.value("SELECT 1 FROM main.sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(?)", (name,)):
        raise refuse("table", f"table {name} has triggers, which Open WebUI never creates; drop them, or use exclude_tables", table=name)
    return table


def _has_rowid(source: Source, table: Table) -> bool:
    try:
        source.connection.execute(f"SELECT {table.rowid} FROM {table.sql} LIMIT 0")
    except sqlite3.OperationalError:
        return False
    return True


class _Link(NamedTuple):
    """A foreign key of a table that can lose rows.

    :ivar number: counts them, from 1.
    :ivar child: the number of its table in the list of tables.
    :ivar parent: the number of the table it refers to; None where that one cannot lose rows.
    :ivar fate: what becomes of a row whose parent is gone.
    :ivar lost_by: the fates by which a row of the parent stops being one: removed, or nulled in what this key refers to.
    """

    number: int
    key: ForeignKey
    child: int
    parent: int | None
    fate: int
    lost_by: tuple[int, ...]


class Omission(NamedTuple):
    """How a table reads as if its orphans had been dealt with already.

    :ivar stays: SQL condition for the rows that stay.
    :ivar nulled: by column, SQL condition for the rows in which it becomes NULL.
    """

    stays: str
    nulled: dict[str, str]


class Orphans:
    """The rows that have to go: all whose parent is gone, and all whose parent goes with them, and so on.

    They are found when an object is made. A row that has to be removed for one foreign key and to be nulled for another is
    removed, and counted for the first key that demands it. What SET NULL cannot null, because the column is NOT NULL or
    part of the primary key, is removed.

    :ivar total: their number.
    """

    def __init__(self, source: Source, tables: list[str] | None, exclude: Sequence[str] = ()) -> None:
        self.source = source
        source.connection.text_factory = Text
        names = self._names(tables, exclude)
        keys = [key for name in names for key in source.foreign_keys(name)]
        self.tables, untouchable = self._describe(dict.fromkeys(key.table for key in keys))
        self.links = self._links([key for key in keys if key.table not in untouchable])
        self._find()
        for key in keys:
            if key.table in untouchable:
                self._demand_none(key, untouchable[key.table])
        self._removed = self._count(f"orphan.fate = {_REMOVE}")
        self._nulled = self._count(f"orphan.fate <> {_REMOVE} AND {_STAYS}")
        self.total = sum(rows for _link, rows in (*self._removed, *self._nulled))

    def _names(self, wanted: list[str] | None, exclude: Sequence[str]) -> list[str]:
        known = self.source.tables()
        folded = {fold(name) for name in (*known, *self.source.views())}
        missing = [name for name in wanted or () if name not in known] + [name for name in exclude if fold(name) not in folded]
        if missing:
            raise refuse("table", f"{self.source.path}: has no table {', '.join(name.strip() or '(an empty name)' for name in missing)}")
        left_out = {fold(name) for name in exclude}
        return [name for name in known if fold(name) not in left_out and (wanted is None or name in wanted)]

    def _describe(self, names: Iterable[str]) -> tuple[list[Table], dict[str, Refused]]:
        """The tables, and why some of them cannot be cleaned. That matters only where there is something to clean."""
        tables, untouchable = [], {}
        for name in names:
            try:
                tables.append(describe(self.source, name))
            except Refused as refusal:
                untouchable[name] = refusal
        return tables, untouchable

    def _demand_none(self, key: ForeignKey, refusal: Refused) -> None:
        """:raises Refused: when a table that cannot be cleaned has orphans, or will have some."""
        positions = {table.name: position for position, table in enumerate(self.tables)}
        lost_by = (_REMOVE, *(link.fate for link in self.links if link.fate and _nulls_what(key, link.key)))
        link = _Link(0, key, -1, positions.get(key.parent), _REMOVE, lost_by)
        if self.source.value(f"SELECT 1 FROM main.{quote(key.table)} AS child WHERE {self._is_orphan(link)} LIMIT 1"):
            raise refusal

    def _links(self, keys: list[ForeignKey]) -> list[_Link]:
        positions = {table.name: position for position, table in enumerate(self.tables)}
        fates = [number if self._can_null(key) else _REMOVE for number, key in enumerate(keys, start=1)]
        return [
            _Link(
                number=number,
                key=key,
                child=positions[key.table],
                parent=positions.get(key.parent),
                fate=fate,
                lost_by=(_REMOVE, *(loss for loss, other in zip(fates, keys) if loss and _nulls_what(key, other))),
            )
            for number, (key, fate) in enumerate(zip(keys, fates), start=1)
        ]

    def _can_null(self, key: ForeignKey) -> bool:
        fixed = {column.name for column in self.source.columns(key.table) if column.not_null}
        fixed.update(self.source.primary_key(key.table))
        return key.on_delete == "SET NULL" and fixed.isdisjoint(key.columns)

    def _find(self) -> None:
        source = self.source
        for statement in (
            # What is open for reading only takes writes to temporary tables all the same, and these stay in memory.
            "PRAGMA query_only = OFF",
            "PRAGMA temp_store = MEMORY",
            "CREATE TEMP TABLE webui_orphan (child INTEGER, fate INTEGER, id INTEGER, link INTEGER, round INTEGER, "
            "PRIMARY KEY (child, fate, id)) WITHOUT ROWID",
            "CREATE INDEX temp.webui_orphan_round ON webui_orphan (round, child)",
        ):
            source.execute(statement)
        grown = {link.child for link in self.links if self._find_first(link)}
        linked: set[int] = set()
        number = 1
        while grown:
            number += 1
            concerned = [link for link in self.links if link.parent in grown]
            for link in concerned:
                if link.number not in linked:
                    self._note_references(link)
                    linked.add(link.number)
            grown = {link.child for link in concerned if self._find_next(link, number)}

    def _find_first(self, link: _Link) -> int:
        child = self.tables[link.child]
        return self.source.execute(
            f"INSERT OR IGNORE INTO temp.webui_orphan SELECT {link.child}, {link.fate}, child.{child.rowid}, {link.number}, 1 "
            f"FROM {child.sql} AS child WHERE {self._is_orphan(link)}"
        )

    def _note_references(self, link: _Link) -> None:
        """Who refers to whom, so that a long chain of rows does not mean to read the table once for each of its links."""
        if link.parent is None:
            raise AssertionError("one whose parent cannot lose rows has nothing to be told of")
        child, parent = self.tables[link.child], self.tables[link.parent]
        self.source.execute(
            f"CREATE TEMP TABLE webui_reference_{link.number} (parent INTEGER, child INTEGER, PRIMARY KEY (parent, child)) WITHOUT ROWID"
        )
        self.source.execute(
            f"INSERT INTO temp.webui_reference_{link.number} SELECT parent.{parent.rowid}, child.{child.rowid} "
            f"FROM {child.sql} AS child CROSS JOIN {parent.sql} AS parent WHERE {link.key.refers()}"
        )

    def _find_next(self, link: _Link, number: int) -> int:
        child = self.tables[link.child]
        return self.source.execute(
            f"INSERT OR IGNORE INTO temp.webui_orphan SELECT {link.child}, {link.fate}, child.{child.rowid}, {link.number}, ? "
            f"FROM temp.webui_orphan AS lost CROSS JOIN temp.webui_reference_{link.number} AS reference "
            f"CROSS JOIN {child.sql} AS child WHERE lost.round = ? AND lost.child = {link.parent} "
            f"AND lost.fate IN {_listed(link.lost_by)} AND reference.parent = lost.id "
            f"AND child.{child.rowid} = reference.child AND {self._is_orphan(link)}",
            (number, number - 1),
        )

    def _is_orphan(self, link: _Link) -> str:
        if link.parent is None:
            return link.key.is_violated()
        return link.key.is_violated(
            but_not=f"EXISTS (SELECT 1 FROM temp.webui_orphan AS gone WHERE gone.child = {link.parent} "
            f"AND gone.fate IN {_listed(link.lost_by)} AND gone.id = parent.{self.tables[link.parent].rowid})"
        )

    def _count(self, condition: str) -> list[tuple[_Link, int]]:
        rows = self.source.query(f"SELECT link, count(*) FROM temp.webui_orphan AS orphan WHERE {condition} GROUP BY link ORDER BY link")
        return [(self.links[number - 1], count) for number, count in rows]

    def report(self) -> dict[str, Any]:
        """The rows that have to go, counted as the module returns them, with the difference that they make."""
        removed: dict[tuple[str, str], int] = {}
        gone: dict[str, int] = {}
        for link, rows in self._removed:
            place = link.key.table, link.key.parent
            removed[place] = removed.get(place, 0) + rows
            gone[link.key.table] = gone.get(link.key.table, 0) + rows
        nulled: list[dict[str, Any]] = [
            {"table": link.key.table, "parent": link.key.parent, "column": ", ".join(link.key.columns), "rows": rows}
            for link, rows in self._nulled
        ]
        orphans = dict(gone)
        for item in nulled:
            orphans[item["table"]] = orphans.get(item["table"], 0) + item["rows"]
        before = {table: {"rows": self.source.count(table), "orphans": rows} for table, rows in orphans.items()}
        after = {table: {"rows": known["rows"] - gone.get(table, 0), "orphans": 0} for table, known in before.items()}
        return {
            "changed": bool(self.total),
            "removed": [{"table": table, "parent": parent, "rows": rows} for (table, parent), rows in removed.items()],
            "nulled": nulled,
            "diff": {"before": before, "after": after},
        }

    def omission(self, name: str, alias: str = "", found: str = _FOUND) -> Omission | None:
        """How to read a table without its orphans, as long as the source is open. None where it has none to lose.

        :param alias: what the table is called in the query, where it is one of several.
        :param found: the temporary table that tells of the orphans, where they are another source's (:meth:`tell`).
        """
        position = next((position for position, table in enumerate(self.tables) if fold(table.name) == fold(name)), None)
        if position is None:
            return None
        rowid = f"{alias}.{self.tables[position].rowid}" if alias else self.tables[position].rowid

        def meets(fate: int) -> str:
            return f"{rowid} IN (SELECT id FROM temp.{found} WHERE child = {position} AND fate = {fate})"

        nulled: dict[str, str] = {}
        for link in self.links:
            if link.child == position and link.fate != _REMOVE:
                for column in link.key.columns:
                    nulled[column] = " OR ".join(filter(None, (nulled.get(column), meets(link.fate))))
        return Omission(f"NOT {meets(_REMOVE)}", nulled)

    def tell(self, other: Source, found: str) -> None:
        """Note in a temporary table of another source which rows of this one are orphans, for :meth:`omission`."""
        other.execute(f"CREATE TEMP TABLE {found} (child INTEGER, fate INTEGER, id INTEGER, PRIMARY KEY (child, fate, id)) WITHOUT ROWID")
        for row in self.source.query(f"SELECT child, fate, id FROM temp.{_FOUND}"):
            other.execute(f"INSERT INTO temp.{found} VALUES (?, ?, ?)", row)

    def save(self, quarantine: Quarantine) -> None:
        """Write the rows as they are into quarantine."""
        for position, table in enumerate(self.tables):
            for row in self._rows(table, f"orphan.child = {position} AND orphan.fate = {_REMOVE}"):
                quarantine.write(_record(table, row, REMOVED, ()))
        for link, _rows in self._nulled:
            table = self.tables[link.child]
            for row in self._rows(table, f"orphan.child = {link.child} AND orphan.fate = {link.fate} AND {_STAYS}"):
                quarantine.write(_record(table, row, NULLED, link.key.columns))

    def _rows(self, table: Table, condition: str) -> Iterator[tuple[Any, ...]]:
        columns = ", ".join(f"child.{quote(column)}" for column in table.columns)
        return self.source.query(
            f"SELECT orphan.id, {columns} FROM temp.webui_orphan AS orphan CROSS JOIN {table.sql} AS child "
            f"WHERE {condition} AND child.{table.rowid} = orphan.id"
        )

    def apply(self) -> None:
        """Remove them, and null them."""
        changed = 0
        for position, table in enumerate(self.tables):
            changed += self.source.execute(
                f"DELETE FROM {table.sql} WHERE {table.rowid} IN "
                f"(SELECT id FROM temp.webui_orphan WHERE child = {position} AND fate = {_REMOVE})"
            )
        for link, _rows in self._nulled:
            table = self.tables[link.child]
            changes = ", ".join(f"{quote(column)} = NULL" for column in link.key.columns)
            changed += self.source.execute(
                f"UPDATE {table.sql} SET {changes} WHERE {table.rowid} IN "
                f"(SELECT id FROM temp.webui_orphan WHERE child = {link.child} AND fate = {link.fate})"
            )
        if changed != self.total:
            raise refuse("orphan", f"{self.source.path}: {self.total} orphans were found, but {changed} could be dealt with")


def _nulls_what(key: ForeignKey, other: ForeignKey) -> bool:
    """Whether nulling the columns of ``other`` takes something away that ``key`` refers to."""
    nulled = {column.lower() for column in other.columns}
    return other.table == key.parent and not nulled.isdisjoint(column.lower() for column in key.parent_columns)


def _listed(numbers: tuple[int, ...]) -> str:
    return f"({', '.join(str(number) for number in numbers)})"


def _record(table: Table, row: tuple[Any, ...], action: str, nulled: tuple[str, ...]) -> dict[str, Any]:
    rowid, *values = row
    return {
        "table": table.name,
        "rowid": rowid,
        "action": action,
        "nulled": list(nulled),
        "row": {column: freeze(value) for column, value in zip(table.columns, values)},
    }
