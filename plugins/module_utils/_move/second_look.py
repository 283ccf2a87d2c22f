# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second, careful look: which rows does the server refuse, and why, when a load was refused or may be.

Two ways. *Probing* loads a table into a temporary one without constraints and asks which rows would violate them: it names
both of two rows that collide. *Sifting* loads everything once more, in small lots, and halves each lot that is refused until
the rows are found: it needs no idea of what a server may refuse a row for.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._move.loading import CHUNK, ReadTable, copy_in
from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import TablePlan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import ForeignKey, Target, UniqueIndex
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import (
    concerns_an_index,
    guard,
    in_words,
    index_of,
    is_row_fault,
    reason,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import (
    LISTED_AT_MOST,
    Findings,
    Problem,
    key_text,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Source

if PSYCOPG_IMPORT_ERROR is None:
    import psycopg
    from psycopg import sql

# Rows that are tried together: few enough that halving them is quick, enough that a table without offenders is, too.
LOT = 1000

# What the probe names better, because it names both rows, or all.
_PROBED = {"23505": "unique", "23514": "check"}


class _Row(NamedTuple):
    """:ivar number: of the row among those that the reader yields, from 1."""

    number: int
    line: bytes


class _Offence(NamedTuple):
    """:ivar name: of the index that did not take the row, where it is one."""

    error: psycopg.Error
    name: str | None

    @property
    def kind(self) -> str | None:
        """The kind of finding by which the probe names it."""
        return _PROBED.get(self.error.sqlstate or "")


def _remedy(error: psycopg.Error) -> str:
    """What to do about a row that is refused. For what is missing or out of place in the target, no row is to blame."""
    if (error.sqlstate or "").startswith("42"):
        return "mend it in the target, or drop it for the migration"
    return "shorten, change or remove it"


class SecondLook:
    """Looks for offenders, in the transaction that is open. It has to be rolled back afterwards.

    :param target: the tables that would be loaded.
    :param read: makes a reader of a table that notes nothing, and leaves out what cannot be loaded.
    :param probed: the names of the tables that have been probed; others are added as they are.
    """

    def __init__(self, source: Source, target: Target, plan: Plan, findings: Findings, read: ReadTable, probed: set[str]) -> None:
        self.source = source
        self.target = target
        self.plan = plan
        self.findings = findings
        self.read = read
        self.probed = probed

    # Probing

    def probe_uncertain(self) -> None:
        """Try the unique indexes that SQLite does not keep itself, without writing to the target."""
        uncertain = set()
        for index in self.target.unique_indexes():
            known = self.source.unique_keys(index.table) if index.table in self.plan.names else set()
            if index.table in self.plan.names and frozenset(index.columns) not in known:
                uncertain.add(index.table)
        for table in self.plan.tables:
            if table.name in uncertain:
                with guard(f"trying the unique indexes of {table.name}"):
                    self.probe(table)

    def probe(self, table: TablePlan) -> None:
        """Load a table into a temporary one without constraints, and ask which rows would violate them."""
        if table.name in self.probed or not self.target.may_create_temporary():
            return
        self.probed.add(table.name)
        connection = self.target.connection
        # JSON has no equality, so no unique index has it, and it is most of the volume.
        columns = tuple(column for column in table.columns if column.type != "json")
        names = [sql.Identifier(column.name) for column in columns]
        clone = sql.Identifier("pg_temp", f"webui_probe_{table.name}"[:63])
        key = sql.SQL(", ").join(sql.Identifier(name) for name in table.key) or sql.SQL("ctid")
        connection.execute(
            sql.SQL("CREATE TEMP TABLE {} AS SELECT {} FROM {} WITH NO DATA").format(
                sql.Identifier(f"webui_probe_{table.name}"[:63]), sql.SQL(", ").join(names), self.target.name(table.name)
            )
        )
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(clone, sql.SQL(", ").join(names))
        try:
            with connection.transaction(), connection.cursor().copy(statement) as copy:
                for fields in self.read(table._replace(columns=columns)).rows():
                    copy.write(b"\t".join(fields) + b"\n")
        except psycopg.Error as error:
            if not is_row_fault(error):
                raise
            # The type of a column, such as a domain, refuses a row. Which one is found by the load.
            return
        key = sql.SQL("concat_ws(', ', {})").format(key)
        for index in self.target.unique_indexes():
            if index.table == table.name:
                self._report_collisions(clone, key, table, index)
        for name, expression in self.target.checks(table.name):
            self._report_violations(clone, key, table, name, expression)

    def _report_collisions(self, clone: sql.Identifier, key: sql.Composed, table: TablePlan, index: UniqueIndex) -> None:
        parts = sql.SQL(", ").join(sql.SQL(f"({expression})") for expression in index.expressions)
        filled = sql.SQL(" AND ").join(sql.SQL(f"({expression}) IS NOT NULL") for expression in index.expressions)
        query = sql.SQL("SELECT array_agg({} ORDER BY {}) FROM {} WHERE {} AND {} GROUP BY {} HAVING count(*) > 1").format(
            key, key, clone, filled, sql.SQL(index.predicate or "true"), parts
        )
        for (keys,) in self._ask(query):
            shown = [key_text((text,)) for text in keys]
            self.findings.add(
                "unique",
                f"{table.name}: {' and '.join(shown)} are equal for the unique index {index.name}; change or remove one",
                table=table.name,
                key=shown[0],
                column=", ".join(index.expressions),
            )

    def _report_violations(self, clone: sql.Identifier, key: sql.Composed, table: TablePlan, name: str, expression: str) -> None:
        query = sql.SQL("SELECT {} FROM {} WHERE NOT ({})").format(key, clone, sql.SQL(expression))
        for (text,) in self._ask(query):
            row_key = key_text((text,))
            self.findings.add("check", f"{table.name} {row_key}: violates the check constraint {name}", table=table.name, key=row_key)

    def _ask(self, query: sql.Composed) -> list[tuple[Any, ...]]:
        """Rows of a query on the temporary table. An expression may look at JSON, which is not in it, or fail on some row."""
        limited = query + sql.SQL(" LIMIT {}").format(sql.Literal(LISTED_AT_MOST))
        try:
            with self.target.connection.transaction():
                return self.target.connection.execute(limited).fetchall()
        except psycopg.Error as error:
            if not is_row_fault(error):
                raise
            # Whether the real index or constraint takes all rows is found by the load.
            return []

    # Sifting

    def sift(self) -> None:
        """Load everything into the tables, which are locked and empty, and name each row that the server refuses."""
        with guard("looking for the rows that are refused"):
            self._drop_foreign_keys()
            for table in self.plan.tables:
                self._sift(table)

    def _drop_foreign_keys(self) -> None:
        """They have been looked at before, and in lots a row may come before the one it refers to."""
        names = set(self.plan.names)
        for key in self.target.foreign_keys():
            if key.table in names:
                statement = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
                self.target.connection.execute(statement.format(self.target.name(key.table), sql.Identifier(key.name)))

    def _sift(self, table: TablePlan) -> None:
        error = self._refusal(table, [])
        if error is not None:
            # A trigger for the statement, or a privilege: no row is to blame.
            self.findings.extend([in_words(error, f"loading {table.name}")._replace(table=table.name)])
            return
        offenders: dict[int, _Offence] = {}
        lot: list[_Row] = []
        size = 0
        reader = self.read(table)
        for number, fields in enumerate(reader.rows(), start=1):
            lot.append(_Row(number, b"\t".join(fields) + b"\n"))
            size += len(lot[-1].line)
            if len(lot) >= LOT or size >= CHUNK:
                self._try(table, lot, offenders)
                lot, size = [], 0
            if len(offenders) >= LISTED_AT_MOST:
                break
        self._try(table, lot, offenders)
        self._report(table, offenders)

    def _try(self, table: TablePlan, rows: list[_Row], offenders: dict[int, _Offence]) -> None:
        if not rows or len(offenders) >= LISTED_AT_MOST:
            return
        error = self._refusal(table, rows)
        if error is None:
            return
        if len(rows) == 1:
            index = self._longest(table, rows[0]) if concerns_an_index(error) else index_of(error)
            offenders[rows[0].number] = _Offence(error, index)
            return
        middle = len(rows) // 2
        self._try(table, rows[:middle], offenders)
        self._try(table, rows[middle:], offenders)

    def _refusal(self, table: TablePlan, rows: list[_Row]) -> psycopg.Error | None:
        """Why the server does not take these rows; None when it does."""
        connection = self.target.connection
        try:
            with connection.transaction():
                with connection.cursor().copy(copy_in(self.target, table)) as copy:
                    for row in rows:
                        copy.write(row.line)
                connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.Error as error:
            if not is_row_fault(error):
                raise
            return error
        return None

    def _report(self, table: TablePlan, offenders: dict[int, _Offence]) -> None:
        if any(offence.kind for offence in offenders.values()):
            # Whichever table spoke up first.
            self.probe(table)
        told = {number: offence for number, offence in offenders.items() if not self._names(table, offence.kind)}
        if not told:
            return
        keys = self.read(table).keys_of(set(told))
        indexes = self.target.indexes()
        for number, (error, name) in told.items():
            index = indexes.get(name or "")
            parts = ", ".join(index.expressions) if index is not None else ""
            place = f"{index.name} on {parts}" if index is not None else name
            key = keys.get(number, "")
            self.findings.add(
                "server",
                f"{table.name} {key}: {reason(error, place)} (SQLSTATE {error.sqlstate}); {_remedy(error)}",
                table=table.name,
                column=parts or error.diag.column_name,
                key=key,
            )

    def _longest(self, table: TablePlan, row: _Row) -> str | None:
        """The index into which most of a row would go. Not every access method tells which one has complained."""
        if not self.target.may_create_temporary():
            return None
        connection = self.target.connection
        name = "webui_row"
        indexes = [index for index in self.target.indexes().values() if index.table == table.name]
        lengths = {}
        with connection.transaction(force_rollback=True):
            like = sql.SQL("CREATE TEMP TABLE {} (LIKE {})").format(sql.Identifier(name), self.target.name(table.name))
            connection.execute(like)
            temporary = Target(self.target.session, self.target.temporary_schema())
            with connection.cursor().copy(copy_in(temporary, table._replace(name=name))) as copy:
                copy.write(row.line)
            for index in indexes:
                total = " + ".join(f"coalesce(octet_length(({expression})::text), 0)" for expression in index.expressions)
                query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(total), temporary.name(name))
                for (length,) in self._ask(query):
                    lengths[length] = index.name
        return lengths[max(lengths)] if lengths else None

    def explain(self, table: TablePlan | None, doing: str, error: psycopg.Error, known: int) -> None:
        """Put a refused load into findings that name rows, as far as rows are to blame.

        :param table: the table that was being loaded.
        :param known: so many of the findings have nothing to do with it: they did not take part in the load.
        """
        names = self.plan.names
        culprit = error.diag.table_name
        if culprit in names:
            # A constraint or trigger that is asked at the end, or one of another table.
            table = self.plan.tables[names.index(culprit)]
        if table is not None and isinstance(error, psycopg.errors.IntegrityError):
            with guard(f"trying the constraints of {table.name}"):
                self.probe(table)
        keys = self.target.foreign_keys()
        self.sift()
        if isinstance(error, psycopg.errors.ForeignKeyViolation):
            with guard("looking for the rows whose parent is missing"):
                for key in keys:
                    if (key.table, key.name) == (culprit, error.diag.constraint_name):
                        self._report_forlorn(key, known)
        found = self.findings.problems[known:]
        if not any(table is None or problem.table == table.name for problem in found) and not (
            table and self._names(table, _PROBED.get(error.sqlstate or ""))
        ):
            self.findings.extend([self._as_told(table, doing, error)])

    def _report_forlorn(self, key: ForeignKey, known: int) -> None:
        """Rows that a foreign key refuses though the source has a parent for them. After the sifting everything is there, without keys."""
        table = next((table for table in self.plan.tables if table.name == key.table), None)
        # Where the parent itself was refused, that is what there is to tell.
        if table is None or not table.key or any(problem.table == key.parent for problem in self.findings.problems[known:]):
            return
        row = sql.SQL("concat_ws(', ', {})").format(sql.SQL(", ").join(sql.Identifier("child", name) for name in table.key))
        filled = sql.SQL(" AND ").join(sql.SQL("{} IS NOT NULL").format(sql.Identifier("child", name)) for name in key.columns)
        equal = sql.SQL(" AND ").join(
            sql.SQL("{} = {}").format(sql.Identifier("parent", theirs), sql.Identifier("child", ours))
            for ours, theirs in zip(key.columns, key.parent_columns)
        )
        query = sql.SQL("SELECT {} FROM {} AS child WHERE {} AND NOT EXISTS (SELECT FROM {} AS parent WHERE {}) ORDER BY 1").format(
            row, self.target.name(key.table), filled, self.target.name(key.parent), equal
        )
        for (text,) in self._ask(query):
            shown = key_text((text,))
            self.findings.add(
                "server",
                f"{table.name} {shown}: a foreign key is violated ({key.name}), since the target would not have the row of {key.parent}"
                " that it refers to (SQLSTATE 23503); change or remove it, or drop the foreign key for the migration",
                table=table.name,
                column=", ".join(key.columns),
                key=shown,
            )

    def _names(self, table: TablePlan, kind: str | None) -> bool:
        return any((problem.table, problem.kind) == (table.name, kind) for problem in self.findings.problems)

    def _as_told(self, table: TablePlan | None, doing: str, error: psycopg.Error) -> Problem:
        """PostgreSQL's own complaint, for what our own look did not find: it names the line of the COPY."""
        problem = in_words(error, doing)
        if table is None:
            return problem
        place = re.search(r"^COPY [^,]+, \w+ (\d+)", error.diag.context or "", re.MULTILINE)
        number = int(place.group(1)) if place else 0
        key = self.read(table).keys_of({number}).get(number) if number else None
        if key is None:
            return problem._replace(table=table.name)
        return problem._replace(table=table.name, key=key, message=f"{table.name} {key}: {problem.message}")
