# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes before a move and its rehearsal: what is demanded of both sides, and the plan.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.openwebui.postgres.plugins.module_utils._move import bookkeeping as _bookkeeping
from ansible_collections.openwebui.postgres.plugins.module_utils._move import traces as _traces
from ansible_collections.openwebui.postgres.plugins.module_utils._move.books import Known
from ansible_collections.openwebui.postgres.plugins.module_utils._move.loading import Clock
from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Plan, make_plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.proof import holds
from ansible_collections.openwebui.postgres.plugins.module_utils._move.request import Request
from ansible_collections.openwebui.postgres.plugins.module_utils._move.revisions import is_known_table
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import Repairs
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._openwebui import BOOTSTRAP_TABLES
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings, Refused, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.backup import is_copy_of
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Source, fold, holders
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.orphans import Omission, Orphans
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.quarantine import Quarantine


class Preparation:
    """What a migration and its rehearsal have in common: what is demanded of both sides, and the plan."""

    def __init__(self, request: Request, target: Target, known: Known, progress: Progress) -> None:
        self.request = request
        self.target = target
        self.last = known.run
        self.preload = known.preload
        self.progress = progress
        self.orphans: Orphans | None = None
        self._report: dict[str, Any] = {"removed": [], "nulled": []}
        self.is_preload_untouched = False
        self.traces: _traces.Traces | None = None
        self.clock = Clock()
        self.findings = Findings()
        self.warnings: list[str] = []
        self.occupied: list[str] = []

    def demand_stopped(self) -> None:
        """Nobody may write to the source: what came after our reading would be lost."""
        ahead = self.request.ahead
        for path in (self.request.path,) if ahead else dict.fromkeys((self.request.path, self.request.original)):
            users = holders(path)
            if users:
                who = ", ".join(f"{user.command} (pid {user.pid})" if user.pid else user.command for user in users)
                raise refuse("in_use", f"{path} is in use by {who}; {'name a snapshot of it' if ahead else 'stop Open WebUI first'}")
        if not ahead:
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
        self._find_orphans(source)
        plan = make_plan(source, self.target, self.findings, self.request.exclude_tables, self.omit)
        if plan is None:
            raise self.findings.refusal()
        if not all(_bookkeeping.can_be_written(self.target, table) for table in self._tables_of_record()):
            self.findings.add(
                "privilege",
                f"role {self.target.role()} may not write to the schema {_bookkeeping.SCHEMA} in this database, or create it; "
                "GRANT CREATE ON DATABASE to it",
            )
        self.lock(plan)
        self._demand_free_target(plan)
        self._warn_of_unlogged(plan)
        return plan._replace(dependents=[*plan.dependents, *self._stale(plan)])

    def omit(self, table: str, alias: str) -> Omission | None:
        """How to read a table, called so in the query, without the orphans that are left out."""
        return self.orphans.omission(table, alias) if self.orphans else None

    def excluded(self, source: Source) -> list[str]:
        """The tables of a source that are not to move. Names that mean none are the plan's business."""
        known = {fold(name) for name in (*source.tables(), *source.views())}
        return [name for name in self.request.exclude_tables if fold(name) in known]

    def _find_orphans(self, source: Source) -> None:
        if not self.request.leave_out_orphans:
            return
        try:
            self.orphans = Orphans(source, None, self.excluded(source))
            self._report = self.orphans.report()
        except Refused as refused:
            self.findings.extend(refused.problems)
        finally:
            source.connection.text_factory = bytes

    def _tables_of_record(self) -> list[str]:
        """The tables of the bookkeeping that are written to."""
        if self.request.ahead:
            return ["preload"]
        return ["run", "preload"] if self.preload else ["run"]

    def _stale(self, plan: Plan) -> list[str]:
        """Tables that were loaded ahead and are not to move any more, so that they have to be emptied again."""
        if self.preload is None or not self.is_preload_untouched:
            return []
        loaded = [table["name"] for table in self.preload.tables if table["name"] not in plan.names]
        return [name for name in self.target.present(loaded) if name not in plan.dependents]

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
        self.is_preload_untouched = self.preload is not None and self._nobody_wrote_since(self.preload, plan)
        if self.request.replace_target or not self.occupied or self._is_ours_untouched(plan):
            return
        since = ""
        if self.preload is not None:
            whose = "this source" if self.preload.is_from(self.request.original) else "another source"
            since = f" (a snapshot of {whose} was loaded ahead at {self.preload.finished_at}, and it is not what is there now)"
            if whose != "this source":
                since = f" (a snapshot of {whose} was loaded ahead at {self.preload.finished_at})"
        elif self.last is not None:
            whose = "this source" if self.last.is_from(self.request.original) else "another source"
            since = f" (a migration of {whose} ended {self.last.finished_at})"
        self.findings.add(
            "target_data",
            f"the target holds data in {len(self.occupied)} tables, such as {', '.join(self.occupied[:3])}{since}; "
            "target_data: replace overwrites it",
        )

    def _is_ours_untouched(self, plan: Plan) -> bool:
        """Whether the target holds what an earlier run from this very file loaded, and the service never moved there."""
        if self.preload is not None:
            return self.is_preload_untouched
        if self.last is None or not self.last.is_from(self.request.original):
            return False
        if self.last.abandoned:
            return True
        known = {table["name"]: table["digest"] for table in self.last.tables}
        return set(known) == set(plan.names) and all(holds(self.target, table, known[table.name]) for table in plan.tables)

    def _nobody_wrote_since(self, preload: _bookkeeping.Preload, plan: Plan) -> bool:
        """Whether the target holds what was loaded ahead from a snapshot of this source, and nothing else."""
        if not preload.is_from(self.request.original):
            return False
        known = {table["name"]: table for table in preload.tables}
        if not set(self.occupied) <= set(known):
            return False
        self.traces = found = _traces.look(self.target, self.target.present(list(known)))
        writers = _traces.in_rows(preload.transactions)
        by_us = _traces.say_something(_traces.current(self.target), preload.transactions) and found.writers <= writers
        if by_us and all(found.count(name) == known[name]["rows"] for name in found.rows):
            return True
        # As after a restore of the target: other numbers, and yet the same rows.
        return set(known) == set(plan.names) and all(holds(self.target, table, known[table.name]["digest"]) for table in plan.tables)

    def answer(self, plan: Plan, loaded: list[dict[str, Any]], repairs: Repairs, run_id: str | None) -> dict[str, Any]:
        """What the module returns."""
        return {
            "changed": True,
            "already_migrated": False,
            "run_id": run_id,
            "revision": plan.revision,
            "tables": loaded,
            "rows": sum(table["rows"] for table in loaded),
            "bytes": sum(table.get("bytes", 0) for table in loaded),
            "seconds": self.clock.seconds,
            "repairs": {"total": repairs.total, "listed": repairs.listed, "quarantine_file": repairs.quarantine.path},
            "left_out": [item._asdict() for item in plan.left_out],
            "warnings": plan.warnings + self.warnings,
            **self._orphans_left_out(),
        }

    def _orphans_left_out(self) -> dict[str, Any]:
        """What webui_orphan_clean would tell, where orphans are left out instead."""
        if not self.request.leave_out_orphans:
            return {}
        return {"removed": self._report["removed"], "nulled": self._report["nulled"], "quarantine_file": None}
