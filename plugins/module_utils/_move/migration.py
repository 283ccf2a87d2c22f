# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The move itself: plan, load, prove, commit. All of it happens in one transaction of the target, or not at all.

Its phases are in files of their own: :mod:`.preparation` (what is demanded, and the plan), :mod:`.road` (all rows, or differences),
:mod:`.full_load` or :mod:`.catch_up` (load and proof), :mod:`.bookkeeping` (the note). A rehearsal, :mod:`.trial`, goes the same way and
turns back before the commit. A snapshot is loaded ahead of the move in the same way too, and noted as what it is.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import os
from typing import Any, Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils._move import bookkeeping as _bookkeeping
from ansible_collections.openwebui.postgres.plugins.module_utils._move import books
from ansible_collections.openwebui.postgres.plugins.module_utils._move import traces as _traces
from ansible_collections.openwebui.postgres.plugins.module_utils._move.books import Known
from ansible_collections.openwebui.postgres.plugins.module_utils._move.catch_up import CannotApply, CatchUp
from ansible_collections.openwebui.postgres.plugins.module_utils._move.differences import Differences
from ansible_collections.openwebui.postgres.plugins.module_utils._move.full_load import FullLoad
from ansible_collections.openwebui.postgres.plugins.module_utils._move.loading import lock
from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Omit, Plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.preparation import Preparation
from ansible_collections.openwebui.postgres.plugins.module_utils._move.rehearsal import Rehearsal
from ansible_collections.openwebui.postgres.plugins.module_utils._move.request import Request
from ansible_collections.openwebui.postgres.plugins.module_utils._move.road import DIFFERENCES, FULL, Road, choose, snapshot_of, terms
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import Repairs
from ansible_collections.openwebui.postgres.plugins.module_utils._move.snapshots import demand_origin, describe, is_it, stamp
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR, connect
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import guard, in_words
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Source, Text, look, open_source
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.orphans import Orphans
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.quarantine import Quarantine

if PSYCOPG_IMPORT_ERROR is None:
    import psycopg
    from psycopg import sql

# What the orphans of a snapshot are noted in, for a comparison.
_ORPHANS_BEFORE = "webui_orphan_before"


def migrate(request: Request, check: bool, progress: Progress) -> dict[str, Any]:
    """Move the source into the target, or load a snapshot of it ahead, or find out whether that can be done.

    :param check: rehearse: look at every value, load everything, prove it, and roll back.
    :returns: what the module returns, see its documentation.
    :raises Refused: when nothing was done, with all reasons that are known.
    """
    if request.ahead:
        request = _from_snapshot(request)
    with connect(request.connection) as session, guard("preparing the migration"):
        target = Target(session, request.schema)
        books.demand_schema(target)
        instead: str | None = None
        while True:
            known = books.read(target)
            if books.is_done(request, known):
                return _already(known.run)
            if check:
                return Rehearsal(request, target, known, progress).run()
            try:
                return _Migration(request, target, known, progress, instead).run()
            except CannotApply as cannot:
                # Whatever it was, a full load needs nothing of what is there, and names what would stop it as well.
                instead = str(cannot)
                session.rollback()


def _from_snapshot(request: Request) -> Request:
    """The request, with the file that the snapshot was taken from."""
    source = demand_origin(request.path)
    if request.copy_of and os.path.realpath(request.copy_of) != source:
        raise refuse("source", f"{request.path} is a copy of {source}, and not of {request.copy_of}")
    return request._replace(copy_of=request.copy_of or source)


def abandon(request: Request, check: bool) -> dict[str, Any]:
    """Note that the cutover after the last run was called off, so that the next run may replace what it loaded.

    What was loaded ahead of a move is left as it is: Open WebUI never was on it.
    """
    with connect(request.connection) as session, guard("calling the migration off"):
        target = Target(session, request.schema)
        last = _bookkeeping.last_run(target)
        if last is None or last.abandoned or not last.is_from(request.original) or _bookkeeping.last_preload(target):
            return {"changed": False, "run_id": None}
        if not check:
            books.lock(target)
            _bookkeeping.abandon(target, last)
            session.commit()
        return {"changed": True, "run_id": last.run_id}


def _already(run: _bookkeeping.Run | None) -> dict[str, Any]:
    if run is None:
        raise AssertionError("what is done has been noted")
    return {
        "changed": False,
        "already_migrated": True,
        "run_id": run.run_id,
        "revision": run.revision,
        "tables": run.tables,
        "rows": sum(table["rows"] for table in run.tables),
        "bytes": sum(table["bytes"] for table in run.tables),
    }


class _Migration(Preparation):
    """The move, or the load of a snapshot ahead of it: plan, load, prove, note, commit.

    :param instead: why the differences cannot be applied, where that was tried already.
    """

    def __init__(self, request: Request, target: Target, known: Known, progress: Progress, instead: str | None) -> None:
        super().__init__(request, target, known, progress)
        self._instead = instead
        self._orphans_file: str | None = None

    def run(self) -> dict[str, Any]:
        """Move everything, or raise."""
        self.demand_stopped()
        with self.clock.phase("total"), open_source(self.request.path) as source:
            with self.clock.phase("plan"):
                plan = self.plan(source)
                self.findings.refuse_if_any()
                if self._is_loaded(plan):
                    return self._already_preloaded(plan)
                road = self._choose(source, plan)
            repairs = self.repairs(Quarantine(self.request.quarantine, "repaired"))
            orphans = Quarantine(self.request.quarantine, "orphans")
            try:
                loaded, much_changed = self._write(source, plan, road, repairs)
                self._save_orphans(source, orphans)
                run_id = self._note(source, plan, loaded)
                repairs.quarantine.keep()
                orphans.keep()
            except BaseException:
                repairs.quarantine.discard()
                orphans.discard()
                raise
            self._orphans_file = orphans.path
            self._make_it_last(much_changed)
        return {**self.answer(plan, loaded, repairs, run_id), **road.as_result(), **self._preload_of(run_id)}

    def lock(self, plan: Plan) -> None:
        if not self.findings.total:
            ahead = [table["name"] for table in self.preload.tables] if self.preload else []
            lock(self.target, list(dict.fromkeys([*plan.names, *self.target.present(ahead)])))

    def _is_loaded(self, plan: Plan) -> bool:
        """Whether the snapshot that is to be loaded ahead has been, by the same terms."""
        return (
            self.request.ahead
            and self.preload is not None
            and self.is_preload_untouched
            and self.preload.terms == terms(self.request, plan)
            and is_it(self.request.path, self.preload.snapshot)
        )

    def _already_preloaded(self, plan: Plan) -> dict[str, Any]:
        if self.preload is None:
            raise AssertionError("what is loaded has been noted")
        return {
            **self.answer(plan, self.preload.tables, self.repairs(), None),
            "changed": False,
            **self._preload_of(None),
        }

    def _preload_of(self, run_id: str | None) -> dict[str, Any]:
        """What was loaded ahead, and is there now or has been made a move of."""
        if self.request.ahead and run_id is not None:
            return {"run_id": None, "preload_id": run_id}
        return {"preload_id": self.preload.preload_id if self.preload else None}

    def _choose(self, source: Source, plan: Plan) -> Road:
        if self._instead is not None:
            return Road(FULL, self._instead)
        return choose(self.request, self.target, source, plan, self.preload, self.is_preload_untouched)

    def _write(self, source: Source, plan: Plan, road: Road, repairs: Repairs) -> tuple[list[dict[str, Any]], Sequence[str]]:
        """Bring the rows into the target and prove it. Returns what it holds, and the tables that the server should look at anew."""
        if road.kind == DIFFERENCES and self.preload is not None and self.traces is not None:
            snapshot = snapshot_of(self.request, self.preload) or ""
            before = stamp(snapshot)
            found = Differences(source, self._omit_before(source, snapshot), self.omit)
            catch_up = CatchUp(self.target, plan, found, self.preload.tables, self.traces, self.progress, self.clock)
            loaded = catch_up.run(repairs)
            if stamp(snapshot) != before:
                raise CannotApply(f"{snapshot} was written to meanwhile")
            much_changed: Sequence[str] = catch_up.much_changed
        else:
            loaded = FullLoad(source, self.target, plan, self.omit, self.progress, self.clock).run(repairs)
            much_changed = plan.names
        if source.changed():
            raise refuse("in_use", f"{source.path} was written to during the migration; stop what uses it")
        if not self.request.ahead:
            self.demand_copy()
        return loaded, much_changed

    def _omit_before(self, source: Source, snapshot: str) -> Omit:
        """Which orphans were left out of the snapshot. They are found in it again, and told to the source's connection."""
        if not self.request.leave_out_orphans:
            return lambda _table, _alias: None
        with open_source(snapshot) as before:
            orphans = Orphans(before, None, self.excluded(before))
            orphans.tell(source, _ORPHANS_BEFORE)
        return lambda table, alias: orphans.omission(table, alias, _ORPHANS_BEFORE)

    def _save_orphans(self, source: Source, quarantine: Quarantine) -> None:
        """Keep the rows that were left out. Those of a snapshot are in the snapshot."""
        if self.orphans is None or not self.orphans.total or self.request.ahead:
            return
        source.connection.text_factory = Text
        try:
            self.orphans.save(quarantine)
        finally:
            source.connection.text_factory = bytes

    def _note(self, source: Source, plan: Plan, loaded: list[dict[str, Any]]) -> str:
        if self.preload is not None:
            _bookkeeping.spend(self.target, self.preload)
        original = self.request.original
        if self.request.ahead:
            now = _traces.current(self.target)
            earlier = {number % (1 << 32): number for number in self.preload.transactions} if self.preload else {}
            writers = _traces.look(self.target, plan.names).writers
            transactions = [earlier[writer] for writer in writers if writer in earlier]
            transactions += _traces.in_full(now, writers - set(earlier))
            snapshot = describe(self.request.path)
            return _bookkeeping.record_preload(
                self.target, original, snapshot, plan.revision, terms(self.request, plan), loaded, sorted(transactions)
            )
        state = look(self.request.copy_of) if self.request.copy_of else source.state
        return _bookkeeping.record(self.target, original, state.fingerprint, plan.revision, loaded)

    def answer(self, plan: Plan, loaded: list[dict[str, Any]], repairs: Repairs, run_id: str | None) -> dict[str, Any]:
        answer = super().answer(plan, loaded, repairs, run_id)
        return {**answer, "quarantine_file": self._orphans_file} if "quarantine_file" in answer else answer

    def _make_it_last(self, much_changed: Sequence[str]) -> None:
        with self.clock.phase("commit"):
            self.progress.begin("commit")
            self._commit()
        with self.clock.phase("analyze"):
            self._analyze(much_changed)

    def _commit(self) -> None:
        try:
            self.target.session.commit()
        except psycopg.Error as error:
            problem = in_words(error, "committing")
            hint = "it may or may not have happened: run this again, which finds out"
            raise Refused([problem._replace(message=f"{problem.message}; {hint}")]) from None

    def _analyze(self, tables: Sequence[str]) -> None:
        if not tables:
            return
        names = sql.SQL(", ").join(self.target.name(name) for name in tables)
        try:
            self.target.session.begin()
            self.target.connection.execute(sql.SQL("ANALYZE {}").format(names))
            self.target.session.commit()
        except psycopg.Error as error:
            # The data is there and committed; the server's autovacuum makes up for this.
            self.warnings.append(in_words(error, "analysing the loaded tables").message)
