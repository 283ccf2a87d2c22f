# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filling the tables of the target: emptied, what is better made afterwards set aside, the rows, and that made again.

Which tables these are is the target's business: Open WebUI's own, or copies of them.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import Callable, Iterator, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._move.constraints import SetAside
from ansible_collections.openwebui.postgres.plugins.module_utils._move.emptying import empty
from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.proof import Digest, columns_of
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import RowReader, TablePlan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.sequences import set_sequences
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._move.wire import Wire, wire_for
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress

if PSYCOPG_IMPORT_ERROR is None:
    from psycopg import sql

# How much is handed to libpq at once. One row can be more: it is never cut.
CHUNK = 1 << 17

# From so many rows of a table on, its indexes and foreign keys are made after them. Measured: to remove them, to try whether they come back
# as they were, and to make them again takes the server 30 ms for a table like chat, and it saves 2 to 5 microseconds a row.
WORTHWHILE = 10_000

ReadTable = Callable[[TablePlan], RowReader]


class Offended(Exception):
    """A value was met while loading that cannot be loaded. The findings of the reader tell which."""


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


class Chunk(NamedTuple):
    """Whole rows, ready to be sent."""

    content: bytes
    rows: int
    size: int


class Feed:
    """The rows of one table on their way: read, converted, taken into the digest, gathered.

    :ivar wire: the format that they are in.
    :ivar digest: of all that came out of :meth:`chunks`.
    """

    def __init__(self, reader: RowReader) -> None:
        self.reader = reader
        self.wire = wire_for(reader.table.columns)
        self.digest = Digest()

    def chunks(self) -> Iterator[Chunk]:
        """Everything, piece by piece, with what COPY wants before and behind it."""
        digest, make_comparable, make_row = self.digest, self.wire.comparable, self.wire.row
        pieces = [self.wire.opening]
        size = rows = 0
        for fields in self.reader.rows(self.wire):
            row = make_row(fields)
            digest.add(make_comparable(row) if make_comparable else row)
            pieces.append(row)
            size += len(row)
            if size >= CHUNK:
                yield Chunk(b"".join(pieces), digest.rows - rows, size)
                pieces, size, rows = [], 0, digest.rows
        pieces.append(self.wire.closing)
        yield Chunk(b"".join(pieces), digest.rows - rows, size)


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
        aside = self._set_aside(plan)
        for table in plan.tables:
            self.load(read(table))
        self.finish(plan, aside)

    def empty(self, plan: Plan) -> None:
        """Make the tables ready to take the rows of a source."""
        if self.target.can_compress_with_lz4():
            self.target.connection.execute("SET LOCAL default_toast_compression = 'lz4'")
        empty(self.target, [*plan.names, *self.target.present(plan.dependents)])

    def load(self, reader: RowReader) -> None:
        """Load what a reader yields into its table.

        :raises Offended: when the reader meets what cannot be loaded.
        """
        self.current = reader.table
        with self._clock.phase(reader.table.name):
            self.digests[reader.table.name] = self._copy(reader)

    def finish(self, plan: Plan, aside: SetAside | None = None) -> None:
        """What is left to do once all tables are loaded. Constraints that would speak up at the commit do so now.

        :param aside: what has to be made again.
        """
        self.current = None
        # No table with such a check to come can be altered.
        self.target.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        if aside is not None:
            self._make_again(plan, aside)
        set_sequences(self.target, plan.names)

    def _set_aside(self, plan: Plan) -> SetAside:
        """Foreign keys and indexes of the large tables. A trigger may count on them, whatever it is of."""
        large = [table.name for table in plan.tables if table.rows >= WORTHWHILE]
        aside = SetAside(self.target, [] if self.target.has_inserting_triggers(plan.names) else large, within=plan.names)
        aside.drop()
        return aside

    def _make_again(self, plan: Plan, aside: SetAside) -> None:
        tables = {table.name: table for table in plan.tables}
        try:
            aside.restore()
        finally:
            # Stays there when something cannot be made again.
            self.current = tables.get(aside.current or "")

    def _copy(self, reader: RowReader) -> Digest:
        feed = Feed(reader)
        with self.target.connection.cursor().copy(copy_in(self.target, reader.table, feed.wire)) as copy:
            for chunk in feed.chunks():
                copy.write(chunk.content)
                self.progress.advance(reader.table.name, chunk.rows, chunk.size)
            if reader.findings.total and not reader.thorough:
                raise Offended
        return feed.digest


def copy_in(target: Target, table: TablePlan, wire: Wire | None = None) -> sql.Composed:
    """The statement that takes the rows of a table, in COPY's text format where nothing is said."""
    wire = wire or Wire(table.columns)
    return sql.SQL("COPY {}{} ({}) FROM STDIN").format(sql.SQL(wire.keyword), target.name(table.name), columns_of(wire))
