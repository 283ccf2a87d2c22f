# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The move itself: plan, load, prove, commit. All of it happens in one transaction of the target, or not at all.

A rehearsal goes the same way and turns back before the commit.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import zlib
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._move import bookkeeping as _bookkeeping
from ansible_collections.openwebui.postgres.plugins.module_utils._move.loading import (
    Clock,
    Loader,
    Offended,
    lock,
    prove,
    read_back,
    shelter_sequences,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Plan, make_plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.rehearsal import NoStage, Stage
from ansible_collections.openwebui.postgres.plugins.module_utils._move.revisions import is_known_table
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import Repairs, RowReader, TablePlan, scan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.second_look import SecondLook
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._openwebui import BOOTSTRAP_TABLES
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR, connect
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import guard, in_words, is_row_fault
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings, Refused, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.backup import is_copy_of
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Source, holders, look, open_source
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.orphans import Omission, Orphans
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.quarantine import Quarantine

if PSYCOPG_IMPORT_ERROR is None:
    import psycopg
    from psycopg import sql

# The first half of the advisory lock's key; the second is made of the schema's name.
_LOCK = 0x57454255

# How far a rehearsal goes.
LOAD = "load"
SCAN = "scan"


class Request(NamedTuple):
    """What the operator asks for.

    :ivar connection: the connection options of the module.
    :ivar live: the source may be in use. Only where nothing is written.
    :ivar quarantine: the folder for originals of repaired values, None for no such file.
    :ivar rehearse: how far check mode goes: C(load) everything and undo it, or only C(scan) the values.
    :ivar exclude_tables: tables of the source that stay behind.
    :ivar copy_of: the file of which the source is an upgraded copy, None where it is the original itself.
    """

    path: str
    connection: dict[str, Any]
    schema: str = "public"
    repair: bool = True
    replace_invalid: bool = False
    replace_target: bool = False
    quarantine: str | None = None
    live: bool = False
    rehearse: str = LOAD
    copy_of: str | None = None
    exclude_tables: tuple[str, ...] = ()

    @property
    def original(self) -> str:
        """The file that Open WebUI works with, which later runs recognise."""
        return self.copy_of or self.path


def migrate(request: Request, check: bool, progress: Progress) -> dict[str, Any]:
    """Move the source into the target, or find out whether that can be done.

    :param check: rehearse: look at every value, load everything, prove it, and roll back.
    :returns: what the module returns, see its documentation.
    :raises Refused: when nothing was done, with all reasons that are known.
    """
    with connect(request.connection) as session, guard("preparing the migration"):
        target = Target(session, request.schema)
        _demand_schema(target)
        _lock(target)
        last = _bookkeeping.last_run(target)
        state = look(request.original)
        if last and not last.abandoned and last.fingerprint == state.fingerprint:
            return _already(last)
        run = _Rehearsal if check else _Migration
        return run(request, target, last, progress).run()


def abandon(request: Request, check: bool) -> dict[str, Any]:
    """Note that the cutover after the last run was called off, so that the next run may replace what it loaded."""
    with connect(request.connection) as session, guard("calling the migration off"):
        target = Target(session, request.schema)
        last = _bookkeeping.last_run(target)
        if last is None or last.abandoned or not last.is_from(request.original):
            return {"changed": False, "run_id": None}
        if not check:
            _lock(target)
            _bookkeeping.abandon(target, last)
            session.commit()
        return {"changed": True, "run_id": last.run_id}


def _already(run: _bookkeeping.Run) -> dict[str, Any]:
    return {
        "changed": False,
        "already_migrated": True,
        "run_id": run.run_id,
        "revision": run.revision,
        "tables": run.tables,
        "rows": sum(table["rows"] for table in run.tables),
        "bytes": sum(table["bytes"] for table in run.tables),
    }


def _demand_schema(target: Target) -> None:
    if not target.exists():
        raise refuse("bootstrap", f"the target has no schema {target.schema}; let Open WebUI create its schema there first")


def _lock(target: Target) -> None:
    key = zlib.crc32(target.schema.encode()) - (1 << 31)
    if not target.rows("SELECT pg_try_advisory_xact_lock(%s, %s)", _LOCK, key)[0][0]:
        raise refuse("busy", "another migration into this database is running; wait for it to end")


class _Preparation:
    """What a migration and its rehearsal have in common: what is demanded of both sides, and the plan."""

    def __init__(self, request: Request, target: Target, last: _bookkeeping.Run | None, progress: Progress) -> None:
        self.request = request
        self.target = target
        self.last = last
        self.progress = progress
        self.clock = Clock()
        self.findings = Findings()
        self.warnings: list[str] = []
        self.occupied: list[str] = []

    def demand_stopped(self) -> None:
        """Nobody may write to the source: what came after our reading would be lost."""
        for path in dict.fromkeys((self.request.path, self.request.original)):
            users = holders(path)
            if users:
                who = ", ".join(f"{user.command} (pid {user.pid})" if user.pid else user.command for user in users)
                raise refuse("in_use", f"{path} is in use by {who}; stop Open WebUI first")
        self.demand_copy()

    def demand_copy(self) -> None:
        """What was written to the original after it was copied would be lost."""
        if self.request.copy_of and not is_copy_of(self.request.path, self.request.copy_of):
            raise refuse(
                "in_use",
                f"{self.request.path} is no copy of {self.request.copy_of} as it is now; take a new one with webui_sqlite_backup",
            )

    def repairs(self, quarantine: Quarantine | None = None) -> Repairs:
        """Repairs as the operator allows them."""
        return Repairs(self.request.repair, self.request.replace_invalid, quarantine)

    def plan(self, source: Source) -> Plan:
        """Compare both sides. What is in the way is in the findings.

        :raises Refused: when no plan can be made.
        """
        self.progress.begin("plan")
        self._demand_all_rows(source)
        plan = make_plan(source, self.target, self.findings, self.request.exclude_tables)
        if plan is None:
            raise self.findings.refusal()
        if not _bookkeeping.can_be_written(self.target):
            self.findings.add(
                "privilege",
                f"role {self.target.role()} may not write to the schema {_bookkeeping.SCHEMA} in this database, or create it; "
                "GRANT CREATE ON DATABASE to it",
            )
        self.lock(plan)
        self._demand_free_target(plan)
        self._warn_of_unlogged(plan)
        return plan

    def lock(self, plan: Plan) -> None:
        """Keep others from the tables from now on, where that is wanted."""

    def _warn_of_unlogged(self, plan: Plan) -> None:
        """PostgreSQL empties such tables when it starts after a crash, and no standby or physical backup has their rows."""
        for table, name, kind in self.target.unlogged():
            if table in plan.names or table == "alembic_version" or is_known_table(table, plan.revision):
                what = name if kind == "TABLE" else f"{name}, which {table} draws from,"
                self.warnings.append(
                    f"{kind.lower()} {what} is UNLOGGED in the target, so PostgreSQL forgets what it holds after a crash;"
                    f" ALTER {kind} {name} SET LOGGED"
                )

    def _demand_all_rows(self, source: Source) -> None:
        """Policies that bind the role would hide rows from it, or keep it from writing them."""
        for table, is_owner in self.target.secured([*source.tables(), "alembic_version"]):
            name = self.target.name(table).as_string(self.target.connection)
            why = (
                f"its policies bind its owner as well; ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY for the migration"
                if is_owner
                else f"its policies bind the role {self.target.role()}{self.target.acting()}; connect as the table's owner"
            )
            self.findings.add("privilege", f"table {table} of the target has row-level security: {why}", table=table)
        self.findings.refuse_if_any()

    def _demand_free_target(self, plan: Plan) -> None:
        """Live data is never overwritten, unless the operator says so or it is our own and nobody has touched it."""
        for table, parent in self.target.referring_from_outside([*plan.names, *plan.dependents]):
            self.findings.add("table", f"table {table} of the target refers to {parent} and is not Open WebUI's; move it elsewhere")
        for table in self.target.holding_rows(list(plan.dependents)):
            self.findings.add(
                "target_data",
                f"table {table} of the target holds rows that refer to others, and nothing from the source takes their place; empty it, or"
                " move it elsewhere",
                table=table,
            )
        self.occupied = self.target.holding_rows([name for name in plan.names if name not in BOOTSTRAP_TABLES])
        if self.request.replace_target or not self.occupied or self._is_ours_untouched(plan):
            return
        since = ""
        if self.last is not None:
            whose = "this source" if self.last.is_from(self.request.original) else "another source"
            since = f" (a migration of {whose} ended {self.last.finished_at})"
        self.findings.add(
            "target_data",
            f"the target holds data in {len(self.occupied)} tables, such as {', '.join(self.occupied[:3])}{since}; "
            "target_data: replace overwrites it",
        )

    def _is_ours_untouched(self, plan: Plan) -> bool:
        """Whether the target holds what an earlier run from this very file loaded, and the service never moved there."""
        if self.last is None or not self.last.is_from(self.request.original):
            return False
        if self.last.abandoned:
            return True
        known = {table["name"]: table["digest"] for table in self.last.tables}
        return set(known) == set(plan.names) and all(str(read_back(self.target, table)) == known[table.name] for table in plan.tables)

    def loaded(self, plan: Plan, loader: Loader) -> list[dict[str, Any]]:
        """What was loaded, as it is returned and recorded."""
        return [
            {
                "name": table.name,
                "rows": loader.digests[table.name].rows,
                "bytes": loader.digests[table.name].size,
                "seconds": loader.seconds[table.name],
                "digest": str(loader.digests[table.name]),
            }
            for table in plan.tables
        ]

    def answer(self, plan: Plan, loaded: list[dict[str, Any]], repairs: Repairs, run_id: str | None) -> dict[str, Any]:
        """What the module returns."""
        return {
            "changed": True,
            "already_migrated": False,
            "run_id": run_id,
            "revision": plan.revision,
            "tables": loaded,
            "rows": plan.rows,
            "bytes": sum(table.get("bytes", 0) for table in loaded),
            "seconds": self.clock.seconds,
            "repairs": {"total": repairs.total, "listed": repairs.listed, "quarantine_file": repairs.quarantine.path},
            "left_out": [item._asdict() for item in plan.left_out],
            "warnings": plan.warnings + self.warnings,
        }


class _Migration(_Preparation):
    """The move: plan, load, prove, commit."""

    def run(self) -> dict[str, Any]:
        """Move everything, or raise."""
        self.demand_stopped()
        with self.clock.phase("total"), open_source(self.request.path) as source:
            with self.clock.phase("plan"):
                plan = self.plan(source)
            self.findings.refuse_if_any()
            repairs = self.repairs(Quarantine(self.request.quarantine, "repaired"))
            try:
                loaded, run_id = self._write(source, plan, repairs)
                repairs.quarantine.keep()
            except BaseException:
                repairs.quarantine.discard()
                raise
            self._make_it_last(plan)
        return self.answer(plan, loaded, repairs, run_id)

    def lock(self, plan: Plan) -> None:
        if not self.findings.total:
            lock(self.target, plan.names)

    def _write(self, source: Source, plan: Plan, repairs: Repairs) -> tuple[list[dict[str, Any]], str]:
        loader = Loader(self.target, self.progress)
        with self.clock.phase("load"):
            self.progress.begin("load", plan.rows, source.state.size + source.state.wal_size)
            self._fill(source, plan, loader, repairs)
        with self.clock.phase("prove"):
            prove(self.target, plan, loader.digests, self.findings, self.progress)
            self.findings.refuse_if_any()
        if source.changed():
            raise refuse("in_use", f"{source.path} was written to during the migration; stop what uses it")
        self.demand_copy()
        loaded = self.loaded(plan, loader)
        state = look(self.request.copy_of) if self.request.copy_of else source.state
        return loaded, _bookkeeping.record(self.target, self.request.original, state.fingerprint, plan.revision, loaded)

    def _fill(self, source: Source, plan: Plan, loader: Loader, repairs: Repairs) -> None:
        def read(table: TablePlan) -> RowReader:
            return RowReader(source, table, repairs, self.findings, thorough=False)

        try:
            shelter_sequences(self.target)
            loader.fill(plan, read)
        except Offended:
            self._explain(source, plan, loader, None)
        except psycopg.Error as error:
            if is_row_fault(error):
                self._explain(source, plan, loader, error)
            raise Refused([in_words(error, loader.doing)]) from None

    def _explain(self, source: Source, plan: Plan, loader: Loader, error: psycopg.Error | None) -> None:
        """Something could not be loaded. Undo all, look at everything once more, carefully, and refuse with all of it.

        :raises Refused: always.
        """
        self.target.session.rollback()
        findings = Findings()
        self.progress.begin("scan", plan.rows)
        scan(source, plan.tables, self.repairs(), findings, self.progress)

        def read(table: TablePlan) -> RowReader:
            return RowReader(source, table, self.repairs(), Findings(), thorough=True)

        if error is not None:
            with guard("looking for what was refused"):
                lock(self.target, plan.names)
                shelter_sequences(self.target)
                loader.empty(plan)
                look_again = SecondLook(source, self.target, plan, findings, read, set())
                look_again.explain(loader.current, loader.doing, error, known=0)
        self.target.session.rollback()
        raise Refused(findings.problems, findings.total)

    def _make_it_last(self, plan: Plan) -> None:
        with self.clock.phase("commit"):
            self.progress.begin("commit")
            self._commit()
        with self.clock.phase("analyze"):
            self._analyze(plan)

    def _commit(self) -> None:
        try:
            self.target.session.commit()
        except psycopg.Error as error:
            problem = in_words(error, "committing")
            hint = "it may or may not have happened: run this again, which finds out"
            raise Refused([problem._replace(message=f"{problem.message}; {hint}")]) from None

    def _analyze(self, plan: Plan) -> None:
        names = sql.SQL(", ").join(self.target.name(name) for name in plan.names)
        try:
            self.target.session.begin()
            self.target.connection.execute(sql.SQL("ANALYZE {}").format(names))
            self.target.session.commit()
        except psycopg.Error as error:
            # The data is there and committed; the server's autovacuum makes up for this.
            self.warnings.append(in_words(error, "analysing the loaded tables").message)


class _Rehearsal(_Preparation):
    """All that the move does, short of the commit, and while Open WebUI works if need be.

    Values are looked at first, so that all that are to be refused are named at once. Then everything else is really loaded, and rolled
    back: the server itself has the last word on what it takes. Orphans are found, and left out from then on, because they will have been
    dealt with before the move.
    """

    def __init__(self, request: Request, target: Target, last: _bookkeeping.Run | None, progress: Progress) -> None:
        super().__init__(request, target, last, progress)
        self.probed: set[str] = set()

    def run(self) -> dict[str, Any]:
        """Find out whether everything can be moved, or raise."""
        if not self.request.live:
            self.demand_stopped()
        with self.clock.phase("total"), open_source(self.request.path, live=True) as source:
            with self.clock.phase("plan"):
                plan = self.plan(source)
            omissions = self._omissions(source, plan)
            fits = all(problem.kind == "orphan" for problem in self.findings.problems)
            repairs = self.repairs()
            with self.clock.phase("scan"):
                self._scan(source, plan, repairs, omissions)
            loaded, rehearsed = self._looked_at(plan), SCAN
            if fits and self.request.rehearse == LOAD:
                loaded, rehearsed = self._load(source, plan, omissions)
            self._refuse_what_was_found(source)
            if source.method == "lock-free" and source.changed():
                self.warnings.append(f"{source.path} was written to meanwhile, so what was rehearsed may be neither old nor new")
        return {**self.answer(plan, loaded, repairs, None), "rehearsed": rehearsed}

    @staticmethod
    def _looked_at(plan: Plan) -> list[dict[str, Any]]:
        return [{"name": table.name, "rows": table.rows} for table in plan.tables]

    def _omissions(self, source: Source, plan: Plan) -> dict[str, Omission]:
        """The orphans that will be removed or nulled before the move, by table."""
        if not any(problem.kind == "orphan" for problem in self.findings.problems):
            return {}
        try:
            orphans = Orphans(source, None, self.request.exclude_tables)
        except Refused as refused:
            self.findings.extend(refused.problems)
            return {}
        finally:
            source.connection.text_factory = bytes
        found = {name: orphans.omission(name) for name in plan.names}
        return {name: omission for name, omission in found.items() if omission is not None}

    def _scan(self, source: Source, plan: Plan, repairs: Repairs, omissions: dict[str, Omission]) -> None:
        self.progress.begin("scan", plan.rows)
        scan(source, plan.tables, repairs, self.findings, self.progress, omissions)
        with self._undone():
            self._second_look(source, plan, omissions, self.target).probe_uncertain()

    def _undone(self) -> AbstractContextManager[object]:
        """What is done inside the block is undone at its end. The transaction, with its lock, goes on."""
        return self.target.connection.transaction(force_rollback=True)

    def _second_look(self, source: Source, plan: Plan, omissions: dict[str, Omission], target: Target) -> SecondLook:
        def read(table: TablePlan) -> RowReader:
            return RowReader(source, table, self.repairs(), Findings(), thorough=True, omission=omissions.get(table.name))

        return SecondLook(source, target, plan, self.findings, read, self.probed)

    def _load(self, source: Source, plan: Plan, omissions: dict[str, Omission]) -> tuple[list[dict[str, Any]], str]:
        """Load into the real tables, or copies where somebody could be held up, and undo it."""
        stage = Stage(self.target, plan, bool(self.occupied))
        loader = Loader(self.target, self.progress)
        try:
            with self._undone():
                with self.clock.phase("load"):
                    self.progress.begin("rehearse", plan.rows, source.state.size + source.state.wal_size)
                    loader.target = stage.set()
                    loader.fill(plan, self._second_look(source, plan, omissions, stage.target).read)
                with self.clock.phase("prove"):
                    prove(stage.target, plan, loader.digests, self.findings, self.progress)
                loaded = self.loaded(plan, loader)
                _bookkeeping.record(self.target, self.request.original, source.state.fingerprint, plan.revision, loaded)
        except NoStage:
            self.warnings.append(stage.why)
            return self._looked_at(plan), SCAN
        except Refused as refused:
            loaded = []
            self.findings.extend(refused.problems)
        except psycopg.Error as error:
            loaded = []
            if not is_row_fault(error):
                self.findings.extend([in_words(error, f"rehearsing, {loader.doing}")])
            else:
                self._explain(source, plan, omissions, stage, loader, error)
        if stage.why:
            self.warnings.append(stage.why)
        return loaded, stage.kind

    def _explain(
        self,
        source: Source,
        plan: Plan,
        omissions: dict[str, Omission],
        stage: Stage,
        loader: Loader,
        error: psycopg.Error,
    ) -> None:
        with guard("looking for what was refused"), self._undone():
            loader.target = stage.set()
            loader.empty(plan)
            look_again = self._second_look(source, plan, omissions, stage.target)
            look_again.explain(loader.current, loader.doing, error, known=len(self.findings.problems))

    def _refuse_what_was_found(self, source: Source) -> None:
        if self.findings.total and source.method == "lock-free" and source.changed():
            self.findings.add("in_use", f"{source.path} was written to meanwhile, so some of this may not be so; try again")
        self.findings.refuse_if_any()
