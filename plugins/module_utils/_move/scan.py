# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going through the rows of the source: the fields of each for COPY, and what had to be repaired or refused.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from sys import getsizeof
from typing import Any, Iterator, NamedTuple, Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import (
    EMPTY,
    REFUSALS,
    ColumnEncoder,
    TargetColumn,
    Unacceptable,
    Unclean,
    is_json,
    mend,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._move.wire import Wire, wire_to_look
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import (
    LISTED_AT_MOST,
    Findings,
    Tally,
    key_text,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Source, Text, fold, quote
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.orphans import Omission
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.quarantine import Quarantine, freeze

# Rows that are looked at together, and bytes of them: enough that what is done for each lot does not matter.
LOT_ROWS = 256
LOT_SIZE = 1 << 16


class TablePlan(NamedTuple):
    """A table to be moved.

    :ivar columns: the columns that both sides have, as the target has them.
    :ivar key: the columns that name a row in reports; empty where only SQLite's rowid can.
    :ivar rows: how many rows the source has.
    """

    name: str
    columns: tuple[TargetColumn, ...]
    key: tuple[str, ...]
    rows: int


class Repairs:
    """The repairs of one run: all counted, the first ones listed, the originals in quarantine.

    :ivar allowed: whether values are repaired at all; otherwise each is a reason to refuse.
    :ivar replace_invalid: see :func:`mend`.
    """

    def __init__(self, allowed: bool = True, replace_invalid: bool = False, quarantine: Quarantine | None = None) -> None:
        self.allowed = allowed
        self.replace_invalid = replace_invalid
        self.quarantine = quarantine or Quarantine(None, "")
        self.total = 0
        self.listed: list[dict[str, str]] = []
        self.values = Tally()

    def note(self, table: str, key: str, column: str, rules: tuple[str, ...], original: object) -> None:
        """A value was repaired, by these rules."""
        self.total += 1
        rule = "+".join(rules)
        place = {"table": table, "key": key, "column": column, "rule": rule}
        if len(self.listed) < LISTED_AT_MOST:
            self.listed.append(place)
        self.values.add(table, column, rule, key)
        self.quarantine.write({**place, "original": freeze(original)})


class RowReader:
    """Reads one table of the source and turns each row into fields for COPY.

    :param thorough: look at every row and ask SQLite about every JSON value, to list all that PostgreSQL would refuse.
        Otherwise stop at the first refusal and leave JSON to PostgreSQL, which parses it anyway.
    :param omission: the orphans that are left out, if any are.
    :param database: where the table is, as SQL: the source itself, or another file that is attached to it.
    :param only: SQL condition for the rows that are wanted, where not all are.
    """

    def __init__(
        self,
        source: Source,
        table: TablePlan,
        repairs: Repairs,
        findings: Findings,
        thorough: bool,
        omission: Omission | None = None,
        database: str = "main",
        only: str | None = None,
    ) -> None:
        self.source = source
        self.table = table
        self.database = database
        self.only = only
        self.repairs = repairs
        self.findings = findings
        self.thorough = thorough
        self.omission = omission
        self._nulled = {fold(name): condition for name, condition in omission.nulled.items()} if omission else {}
        self._current: tuple[Any, ...] = ()
        names = [column.name for column in table.columns]
        self._key_positions = [names.index(name) for name in table.key]
        # What names a row that has no key in the target. A table without a rowid has a primary key in any case.
        self._rowid = None if table.key else source.rowid(table.name)
        self._names_of_row = [] if table.key else [self._rowid] if self._rowid else [quote(name) for name in source.primary_key(table.name)]

    def rows(self, wire: Wire | None = None) -> Iterator[Sequence[bytes]]:
        """The fields of each row that PostgreSQL can take. What cannot be taken is in the findings.

        :param wire: the format that they are for, COPY's text format where nothing is said.
        """
        wire = wire or Wire(self.table.columns)
        encoders = [wire.encoder(column) for column in self.table.columns]
        width = len(encoders)
        if self.thorough:
            self.source.offer_json_valid(is_json)
        column_encoders = wire.column_encoders()
        for rows in self._lots(bool(column_encoders)):
            together = self._together(rows, column_encoders)
            if together is not None:
                yield from together
                continue
            for row in rows:
                self._current = row
                if row[width] is None and not row[width + 1]:
                    try:
                        # The row is longer than the list of encoders: what follows the columns is for us.
                        yield [encode(value) for encode, value in zip(encoders, row)]
                        continue
                    except Unclean:
                        pass
                fields = self._carefully(row, wire)
                if fields is not None:
                    yield fields
                elif not self.thorough:
                    return

    def _lots(self, several: bool) -> Iterator[list[tuple[Any, ...]]]:
        """Rows to be looked at together: not many more bytes than the last of them has."""
        lot: list[tuple[Any, ...]] = []
        size = 0
        for row in self.source.query(self._query()):
            lot.append(row)
            size += sum(map(getsizeof, row))
            if not several or size >= LOT_SIZE or len(lot) >= LOT_ROWS:
                yield lot
                lot, size = [], 0
        if lot:
            yield lot

    def _together(self, rows: list[tuple[Any, ...]], encoders: Sequence[ColumnEncoder]) -> Iterator[Sequence[bytes]] | None:
        """The fields of rows of which none is special; None where one may be."""
        if not encoders:
            return None
        width = len(encoders)
        columns = list(zip(*rows))
        if columns[width].count(None) < len(rows) or any(columns[width + 1]):
            return None
        try:
            return zip(*[encode(values) for encode, values in zip(encoders, columns)])
        except Unclean:
            return None

    def keys_of(self, numbers: set[int]) -> dict[int, str]:
        """The keys of the rows that :meth:`rows` yields as number so-and-so, from 1. Reads the table once more."""
        last = max(numbers, default=0)
        keys = {}
        for number, _fields in enumerate(self.rows(), start=1):
            if number in numbers:
                keys[number] = self._key(self._current)
            if number >= last:
                break
        return keys

    def _query(self) -> str:
        """The columns, and behind them: which of them are BLOBs, whether some JSON is invalid, and a rowid if needed."""
        names = [self._value_of(column) for column in self.table.columns]
        blobs = [f"typeof({name}) = 'blob'" for name in names]
        flags = f"CASE WHEN {joined(blobs, 'OR')} THEN {joined(blobs, '||')} END" if blobs else "NULL"
        documents = [self._value_of(column) for column in self.table.columns if column.type in ("json", "jsonb")]
        judged = [f"(typeof({name}) = 'text' AND NOT json_valid({name}))" for name in documents]
        invalid = joined(judged, "OR") if self.thorough and judged else "0"
        conditions = list(filter(None, (self.only, self.omission.stays if self.omission else None)))
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"SELECT {', '.join([*names, flags, invalid, *self._names_of_row])} FROM {self.database}.{quote(self.table.name)}{where}"

    def _value_of(self, column: TargetColumn) -> str:
        name = quote(column.name)
        lost = self._nulled.get(fold(column.name))
        return f"CASE WHEN NOT ({lost}) THEN {name} END" if lost else name

    def _key(self, row: tuple[Any, ...]) -> str:
        if not self.table.key:
            named = row[len(self.table.columns) + 2 :]
            if self._rowid:
                return f"rowid {named[0]}"
            return key_text(named) if named else "(a row without a key)"
        return key_text(tuple(row[position] for position in self._key_positions))

    def _carefully(self, row: tuple[Any, ...], wire: Wire) -> list[bytes] | None:
        """The fields of a row that has something special about it; None when it has to be refused."""
        width = len(self.table.columns)
        blobs = row[width] or b"0" * width
        fields = []
        refused = False
        for position, column in enumerate(self.table.columns):
            value = row[position]
            if isinstance(value, bytes) and blobs[position : position + 1] == b"0":
                value = Text(value)
            try:
                mended = mend(value, column, self.repairs.replace_invalid)
            except Unacceptable as problem:
                refused = True
                self._refuse(row, column, problem.rule)
                continue
            if mended.rules:
                refused = not self._repair(row, column, mended.rules, value) or refused
            fields.append(wire.field(column, mended.field))
        return None if refused else fields

    def _repair(self, row: tuple[Any, ...], column: TargetColumn, rules: tuple[str, ...], value: object) -> bool:
        if not self.repairs.allowed:
            self._refuse(row, column, rules[0])
            return False
        self.repairs.note(self.table.name, self._key(row), column.name, rules, value)
        return True

    def _refuse(self, row: tuple[Any, ...], column: TargetColumn, rule: str) -> None:
        key = self._key(row)
        # Where NULL can stand for it, it is refused only because repairs are not wanted.
        why = "is empty" if rule == EMPTY and not column.not_null else REFUSALS[rule]
        self.findings.add(
            "value",
            f"{self.table.name} {key}: {column.name} {why}",
            table=self.table.name,
            column=column.name,
            key=key,
            rule=rule,
        )


def joined(parts: list[str], operator: str) -> str:
    """SQL expressions, joined as flat as can be: SQLite takes no chain of a thousand."""
    if len(parts) == 1:
        return f"({parts[0]})"
    middle = len(parts) // 2
    return f"({joined(parts[:middle], operator)} {operator} {joined(parts[middle:], operator)})"


def scan(
    source: Source,
    tables: list[TablePlan],
    repairs: Repairs,
    findings: Findings,
    progress: Progress,
    omissions: dict[str, Omission] | None = None,
) -> None:
    """Look at every value, without a target: all that would be refused is in the findings, all repairs are counted.

    :param omissions: by table, the orphans that are left out.
    """
    for table in tables:
        done = 0
        omission = (omissions or {}).get(table.name)
        reader = RowReader(source, table, repairs, findings, thorough=True, omission=omission)
        for _fields in reader.rows(wire_to_look(table.columns)):
            done += 1
            if done % 1000 == 0:
                progress.advance(table.name, 1000, 0)
        progress.advance(table.name, done % 1000, 0)
