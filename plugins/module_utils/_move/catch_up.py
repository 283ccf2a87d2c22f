# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The short road: the target holds a snapshot, and only the rows that differ from it are removed and loaded.

The proof is as strong as that of a full load. A digest of a table is the sum of the digests of its rows, so that of the outcome follows
from the snapshot's, which was read back in full: less the rows that went, plus those that came. What goes is read back before it is
removed, what has come afterwards. And each row tells which transaction wrote it, so that nothing else can have changed.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Any, Iterable

from ansible_collections.openwebui.postgres.plugins.module_utils._move import traces as _traces
from ansible_collections.openwebui.postgres.plugins.module_utils._move.constraints import SetAside
from ansible_collections.openwebui.postgres.plugins.module_utils._move.differences import Difference, Differences
from ansible_collections.openwebui.postgres.plugins.module_utils._move.full_load import as_loaded
from ansible_collections.openwebui.postgres.plugins.module_utils._move.loading import Clock, Loader, Offended
from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.proof import Digest, read_back
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import Repairs, TablePlan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.sequences import shelter_sequences
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import in_words, is_row_fault
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings, Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress

if PSYCOPG_IMPORT_ERROR is None:
    import psycopg
    from psycopg import sql

_MODULUS = 1 << 256


class CannotApply(Exception):
    """The differences do not lead to what is wanted, with the reason in words. Everything has to be undone, and loaded in full."""


class CatchUp:
    """Applies the differences to a target that holds a snapshot and nothing else, in the transaction that is open.

    Nobody else may use the tables meanwhile: lock them first.

    :param held: the tables of the snapshot, as they were recorded.
    :param before: who has written their rows.
    :ivar differences: what was found, by table. Empty before :meth:`run`.
    """

    def __init__(
        self,
        target: Target,
        plan: Plan,
        found: Differences,
        held: Iterable[dict[str, Any]],
        before: _traces.Traces,
        progress: Progress,
        clock: Clock,
    ) -> None:
        self.target = target
        self.plan = plan
        self.progress = progress
        self.clock = clock
        self.differences: dict[str, Difference] = {}
        self._found = found
        self._before = before
        self._held = {table["name"]: table for table in held}
        self._findings = Findings()
        self._loader = Loader(target, progress)
        self._gone: dict[str, Digest] = {}

    def run(self, repairs: Repairs) -> list[dict[str, Any]]:
        """Find, apply and prove.

        :returns: what the target holds then, as it is returned and recorded.
        :raises CannotApply: when a full load has to do it instead.
        :raises Refused: when that would not help either.
        """
        try:
            with self.clock.phase("compare"):
                self._compare()
            with self.clock.phase("load"):
                self.progress.begin("load", sum(difference.come for difference in self.differences.values()))
                self._apply(repairs)
            with self.clock.phase("prove"):
                self.progress.begin("prove")
                return self._prove()
        except Offended:
            raise CannotApply(self._findings.refusal().problems[0].message) from None
        except psycopg.Error as error:
            if is_row_fault(error):
                raise CannotApply(in_words(error, "applying the differences").message) from None
            raise Refused([in_words(error, "applying the differences")]) from None

    @property
    def much_changed(self) -> list[str]:
        """The tables of which so much has changed that the server should look at them anew."""
        return [
            difference.table.name
            for difference in self.differences.values()
            if difference.whole or 10 * (difference.gone + difference.come) > difference.table.rows
        ]

    def _compare(self) -> None:
        self.progress.begin("compare", self.plan.rows)
        keys = {name: table.primary_key for name, table in self.target.tables().items()}
        for table in self.plan.tables:
            key = keys[table.name]
            self.differences[table.name] = self._found.find(table, bool(key) and key == table.key)
            self.progress.advance(table.name, table.rows, 0)

    def _apply(self, repairs: Repairs) -> None:
        touched = [name for name, difference in self.differences.items() if difference.is_any]
        aside = SetAside(self.target, touched, indexes=False)
        shelter_sequences(self.target)
        aside.drop(trial=False)
        self._demand_no_keys(touched)
        if self.target.can_compress_with_lz4():
            self.target.connection.execute("SET LOCAL default_toast_compression = 'lz4'")
        anew = [difference.table for difference in self.differences.values() if difference.whole]
        if anew:
            self._loader.empty(self.plan._replace(tables=anew, dependents=()))
        # Everything goes before anything comes, so that rows may have exchanged what is unique.
        for difference in self.differences.values():
            if difference.gone:
                self._gone[difference.table.name] = self._remove(difference)
        for difference in self.differences.values():
            if difference.whole:
                self._loader.load(self._found.whole(difference.table, repairs, self._findings))
            elif difference.come:
                self._loader.load(self._found.come(difference.table, repairs, self._findings))
        try:
            self._loader.finish(self.plan, aside)
        except Refused as refused:
            raise CannotApply(refused.problems[0].message) from None

    def _demand_no_keys(self, touched: list[str]) -> None:
        """A foreign key that could not be set aside would take rows with it, or set their columns to NULL."""
        names = set(touched)
        left = [key for key in self.target.foreign_keys() if key.table in names or key.parent in names]
        if left:
            raise CannotApply(f"the foreign key {left[0].name} of table {left[0].table} cannot be set aside")

    def _remove(self, difference: Difference) -> Digest:
        """Remove the rows that have gone, once it is sure that they are what the snapshot has."""
        table = difference.table
        copies = self._copies(table)
        keys = sql.SQL(", ").join(sql.Identifier(name) for name in table.key)
        copy = copies.name(table.name)
        loader = Loader(copies, self.progress)
        loader.load(self._found.gone(table, Repairs(True, True), self._findings))
        wanted = loader.digests[table.name]
        where = sql.SQL("({0}) IN (SELECT {0} FROM {1})").format(keys, copy)
        _demand_same(table, read_back(self.target, table, where), wanted, "holds other rows than the snapshot")
        deleted = self.target.connection.execute(sql.SQL("DELETE FROM {} WHERE {}").format(self.target.name(table.name), where)).rowcount
        if not deleted == wanted.rows == difference.gone:
            raise CannotApply(f"{table.name}: {deleted} rows of {difference.gone} could be removed")
        self.target.connection.execute(sql.SQL("DROP TABLE {}").format(copy))
        return wanted

    def _copies(self, table: TablePlan) -> Target:
        """Where a temporary table of the same name and columns is, with nothing that could keep rows from it."""
        columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
        self.target.connection.execute(
            sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                sql.Identifier(table.name), columns, self.target.name(table.name)
            )
        )
        return Target(self.target.session, self.target.temporary_schema())

    def _prove(self) -> list[dict[str, Any]]:
        after = _traces.look(self.target, self.plan.names)
        if _traces.in_rows([_traces.current(self.target)]) & self._before.writers:
            raise CannotApply("numbers of transactions are used again, so that rows cannot be told apart by them")
        return [self._prove_table(self.differences[table.name], after) for table in self.plan.tables]

    def _prove_table(self, difference: Difference, after: _traces.Traces) -> dict[str, Any]:
        table = difference.table
        held = self._held[table.name]
        rows = after.count(table.name)
        if rows != self._found.rows(table):
            raise CannotApply(f"{table.name}: {rows} rows are there, and not as many as in the source")
        new = after.not_by(self._before.writers, table.name)
        seconds = self._loader.seconds.get(table.name, 0.0)
        come = self._loader.digests.get(table.name, Digest())
        if difference.whole:
            _demand_same(table, read_back(self.target, table), come, "does not hold what was read from SQLite")
            return {**as_loaded(table.name, come, seconds), "gone": int(held["rows"]), "come": come.rows}
        gone = self._gone.get(table.name, Digest())
        if new != come.rows or rows != held["rows"] - gone.rows + come.rows:
            raise CannotApply(f"{table.name}: {new} rows were written, and {come.rows} were meant to be")
        if come.rows:
            writers = [sql.Literal(str(writer)) for writer in sorted(self._before.writers)] or [sql.Literal("0")]
            where = sql.SQL("xmin::text NOT IN ({})").format(sql.SQL(", ").join(writers))
            _demand_same(table, read_back(self.target, table, where), come, "does not hold what was read from SQLite")
            self.progress.advance(table.name, come.rows, come.size)
        return {
            "name": table.name,
            "rows": rows,
            "bytes": held["bytes"] - gone.size + come.size,
            "seconds": seconds,
            "digest": f"{(int(held['digest'], 16) - int(str(gone), 16) + int(str(come), 16)) % _MODULUS:064x}",
            "gone": gone.rows,
            "come": come.rows,
        }


def _demand_same(table: TablePlan, found: Digest, wanted: Digest, otherwise: str) -> None:
    if (found.rows, str(found)) != (wanted.rows, str(wanted)):
        raise CannotApply(f"{table.name} {otherwise}")
