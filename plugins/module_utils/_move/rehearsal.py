# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rehearsal of a move: all that it does, short of the commit, and while Open WebUI works if need be.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from ansible_collections.openwebui.postgres.plugins.module_utils._move import bookkeeping as _bookkeeping
from ansible_collections.openwebui.postgres.plugins.module_utils._move.books import Known
from ansible_collections.openwebui.postgres.plugins.module_utils._move.full_load import loaded as as_recorded
from ansible_collections.openwebui.postgres.plugins.module_utils._move.loading import Loader
from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.preparation import Preparation
from ansible_collections.openwebui.postgres.plugins.module_utils._move.proof import prove
from ansible_collections.openwebui.postgres.plugins.module_utils._move.request import LOAD, SCAN, Request
from ansible_collections.openwebui.postgres.plugins.module_utils._move.road import choose
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import Repairs, RowReader, TablePlan, scan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.second_look import SecondLook
from ansible_collections.openwebui.postgres.plugins.module_utils._move.stage import NoStage, Stage
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import guard, in_words, is_row_fault
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings, Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Source, open_source
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.orphans import Omission, Orphans

if PSYCOPG_IMPORT_ERROR is None:
    import psycopg


class Rehearsal(Preparation):
    """All that the move does, short of the commit, and while Open WebUI works if need be.

    Values are looked at first, so that all that are to be refused are named at once. Then everything else is loaded for a
    trial: the server itself has the last word on what it takes. Orphans are found, and left out from then on, because they
    will have been dealt with before the move.
    """

    def __init__(self, request: Request, target: Target, known: Known, progress: Progress) -> None:
        super().__init__(request, target, known, progress)
        self.probed: set[str] = set()

    def run(self) -> dict[str, Any]:
        """Find out whether everything can be moved, or raise."""
        if not self.request.live:
            self.demand_stopped()
        with self.clock.phase("total"), open_source(self.request.path, live=True) as source:
            with self.clock.phase("plan"):
                plan = self.plan(source)
            road = choose(self.request, self.target, source, plan, self.preload, self.is_preload_untouched)
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
        return {**self.answer(plan, loaded, repairs, None), **road.as_result(), "rehearsed": rehearsed}

    @staticmethod
    def _looked_at(plan: Plan) -> list[dict[str, Any]]:
        return [{"name": table.name, "rows": table.rows} for table in plan.tables]

    def _omissions(self, source: Source, plan: Plan) -> dict[str, Omission]:
        """The orphans that will be removed or nulled before the move, by table."""
        if not self.orphans and not any(problem.kind == "orphan" for problem in self.findings.problems):
            return {}
        try:
            orphans = self.orphans or Orphans(source, None, self.request.exclude_tables)
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
                loaded = as_recorded(plan, loader)
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
