# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filling the tables of the target, and reading them back. Both go by digests, which do not depend on the order of rows.

Which tables these are is the target's business: Open WebUI's own, or copies of them.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import hashlib
import re
import time
from contextlib import contextmanager
from typing import Callable, Iterator

from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import RowReader, TablePlan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import DrawnSequence, Target
from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import comparable
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR, only_row
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import guard, in_words, is_row_fault
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings, Refused, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress

if PSYCOPG_IMPORT_ERROR is None:
    import psycopg
    from psycopg import sql

# How much is handed to libpq at once. One row can be more: it is never cut.
CHUNK = 1 << 17

ReadTable = Callable[[TablePlan], RowReader]


class Offended(Exception):
    """A value was met while loading that cannot be loaded. The findings of the reader tell which."""


class Digest:
    """A digest of a set of rows, whatever their order: the sum of the digests of the rows.

    A row is a line of COPY's text format, so a change to any value of any column changes it.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.size = 0
        self._sum = 0

    def add(self, line: bytes | bytearray | memoryview[int]) -> None:
        """Take in one more row."""
        self.rows += 1
        self.size += len(line)
        self._sum += int.from_bytes(hashlib.sha256(line).digest(), "big")

    def __str__(self) -> str:
        return f"{self._sum % (1 << 256):064x}"


class Clock:
    """How long each phase took, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what is inside the block."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - started, 3)


def lock(target: Target, names: list[str]) -> None:
    """Keep everybody else out of the tables until the transaction ends. Waits as long as the session's C(lock_timeout)."""
    tables = sql.SQL(", ").join(target.name(name) for name in names)
    target.connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(tables))


def shelter_sequences(target: Target) -> None:
    """Give the sequences new storage, so that a rollback undoes also what is drawn from them. By itself it would not."""
    for schema, name, cache in target.drawn_sequences():
        statement = sql.SQL("ALTER SEQUENCE {} CACHE {}").format(sql.Identifier(schema, name), sql.Literal(cache))
        target.connection.execute(statement)


class Loader:
    """Fills the tables of a target, in the transaction that is open.

    :ivar digests: of what was loaded, by table.
    :ivar current: the table that is being loaded, None before and after.
    """

    def __init__(self, target: Target, progress: Progress) -> None:
        self.target = target
        self.progress = progress
        self.digests: dict[str, Digest] = {}
        self.current: TablePlan | None = None
        self._clock = Clock()

    @property
    def seconds(self) -> dict[str, float]:
        """How long it took, by table."""
        return self._clock.seconds

    @property
    def doing(self) -> str:
        """What is being done, for a message."""
        return f"loading {self.current.name}" if self.current else "checking what was loaded"

    def fill(self, plan: Plan, read: ReadTable) -> None:
        """Empty the tables, load them all, and check what is checked at the end.

        :param read: makes the reader of a table.
        :raises Offended: when a reader meets what cannot be loaded.
        """
        self.empty(plan)
        for table in plan.tables:
            self.load(read(table))
        self.finish(plan)

    def empty(self, plan: Plan) -> None:
        """Make the tables ready to take the rows of a source. TRUNCATE leaves nothing to be cleaned up, also undone."""
        if self.target.can_compress_with_lz4():
            self.target.connection.execute("SET LOCAL default_toast_compression = 'lz4'")
        names = [*plan.names, *self.target.present(plan.dependents)]
        statement = sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(self.target.name(name) for name in names))
        try:
            with self.target.connection.transaction():
                self.target.connection.execute(statement)
        except psycopg.Error as error:
            if not is_row_fault(error):
                raise
            raise self._not_emptied(names, error) from None

    def _not_emptied(self, names: list[str], error: psycopg.Error) -> Refused:
        """The server names a function at best. By that, find the trigger and the table that it is on."""
        triggers = self.target.emptying_triggers(names)
        context = error.diag.context or ""
        guilty = [trigger for trigger in triggers if re.search(rf"\b{re.escape(trigger[2])}\b", context)] or triggers
        tables = sorted({table for table, _name, _function in guilty})
        problem = in_words(error, f"emptying {', '.join(tables) or 'the tables'}")
        advice = ", ".join(f"{name} on {table}" for table, name, _function in guilty)
        if guilty:
            problem = problem._replace(message=f"{problem.message}; drop or disable for the migration: trigger {advice}", table=tables[0])
        return Refused([problem])

    def load(self, reader: RowReader) -> None:
        """Load what a reader yields into its table.

        :raises Offended: when the reader meets what cannot be loaded.
        """
        self.current = reader.table
        with self._clock.phase(reader.table.name):
            self.digests[reader.table.name] = self._copy(reader)

    def _copy(self, reader: RowReader) -> Digest:
        table = reader.table
        digest = Digest()
        make_comparable = comparable(table.columns)
        chunk: list[bytes] = []
        flushed = rows = 0
        with self.target.connection.cursor().copy(copy_in(self.target, table)) as copy:
            for fields in reader.rows():
                line = b"\t".join(fields) + b"\n"
                digest.add(make_comparable(line) if make_comparable else line)
                chunk.append(line)
                if digest.size - flushed >= CHUNK:
                    copy.write(b"".join(chunk))
                    self.progress.advance(table.name, digest.rows - rows, digest.size - flushed)
                    flushed, rows = digest.size, digest.rows
                    chunk.clear()
            if reader.findings.total and not reader.thorough:
                raise Offended
            copy.write(b"".join(chunk))
        self.progress.advance(table.name, digest.rows - rows, digest.size - flushed)
        return digest

    def finish(self, plan: Plan) -> None:
        """What is left to do once all tables are loaded. Constraints that would speak up at the commit do so now."""
        self.current = None
        self.target.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        self._set_sequences(plan)

    def _set_sequences(self, plan: Plan) -> None:
        """Let each sequence go on after what the rows have. RESTART is undone by a rollback, setval is not."""
        names = set(plan.names)
        following: dict[str, int] = {}
        for sequence in self.target.sequences():
            value = self._following(sequence) if sequence.table in names else None
            if value is not None:
                further = max if sequence.step > 0 else min
                following[sequence.name] = further(value, following.get(sequence.name, value))
        for name, value in following.items():
            restart = sql.SQL("ALTER SEQUENCE {} RESTART WITH {}")
            self.target.connection.execute(restart.format(sql.SQL(name), sql.Literal(value)))

    def _following(self, sequence: DrawnSequence) -> int | None:
        """What a sequence has to give next, as far as one column goes; None where it may stay.

        Numbers that it cannot give do not matter: it never meets them.
        """
        rising = sequence.step > 0
        column = sql.SQL("{}::numeric").format(sql.Identifier(sequence.column))
        query = sql.SQL("SELECT {} FROM {} WHERE {} BETWEEN {} AND {}").format(
            sql.SQL("floor(max({}))" if rising else "ceil(min({}))").format(column),
            self.target.name(sequence.table),
            column,
            sql.Literal(sequence.first),
            sql.Literal(sequence.last),
        )
        (reached,) = only_row(self.target.connection.execute(query))
        if reached is None:
            return None
        following = int(reached) + (1 if rising else -1)
        if not sequence.is_own:
            # Others may have drawn from it, and must not meet what they have.
            (drawn,) = only_row(self.target.connection.execute(sql.SQL("SELECT last_value FROM {}").format(sql.SQL(sequence.name))))
            if (drawn >= following) if rising else (drawn <= following):
                return None
        place = f"{sequence.table}.{sequence.column}"
        if not sequence.owned:
            raise refuse(
                "privilege",
                f"{place} draws from the sequence {sequence.name}, which belongs to {sequence.owner} and has to go on after what is loaded;"
                " connect as its owner",
                table=sequence.table,
                column=sequence.column,
            )
        if not sequence.first <= following <= sequence.last:
            raise refuse(
                "sequence",
                f"{place}: a row has the last number that the sequence {sequence.name} can give, so that none could be added any more;"
                " give that row another number",
                table=sequence.table,
                column=sequence.column,
            )
        return following


def copy_in(target: Target, table: TablePlan) -> sql.Composed:
    """The statement that takes the rows of a table."""
    return sql.SQL("COPY {} ({}) FROM STDIN").format(target.name(table.name), _columns(table))


def _columns(table: TablePlan) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)


def read_back(target: Target, table: TablePlan, where: sql.Composable | None = None) -> Digest:
    """The digest of what a table holds.

    :param where: SQL condition for the rows that are wanted, where not all are.
    """
    digest = Digest()
    make_comparable = comparable(table.columns)
    # The rows of a partitioned table can only be copied by a query.
    whole = "COPY (SELECT {1} FROM {0}) TO STDOUT" if target.is_partitioned(table.name) else "COPY {0} ({1}) TO STDOUT"
    statement = sql.SQL(whole).format(target.name(table.name), _columns(table))
    if where is not None:
        statement = sql.SQL("COPY (SELECT {1} FROM {0} WHERE {2}) TO STDOUT").format(target.name(table.name), _columns(table), where)
    with target.connection.cursor().copy(statement) as copy:
        for line in copy:
            digest.add(make_comparable(bytes(line)) if make_comparable else line)
    return digest


def prove(target: Target, plan: Plan, expected: dict[str, Digest], findings: Findings, progress: Progress) -> None:
    """Read everything back, inside the transaction that loaded it, and compare. What differs is in the findings."""
    progress.begin("prove", plan.rows, sum(digest.size for digest in expected.values()))
    for table in plan.tables:
        with guard(f"reading {table.name} back"):
            found = read_back(target, table)
        wanted = expected[table.name]
        if (found.rows, str(found)) != (wanted.rows, str(wanted)):
            findings.add(
                "proof",
                f"{table.name}: what PostgreSQL holds ({found.rows} rows) is not what was read from SQLite "
                f"({wanted.rows} rows); a trigger or rule on the table may change rows",
                table=table.name,
            )
        progress.advance(table.name, found.rows, found.size)
