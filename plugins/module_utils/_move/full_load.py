# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The long road: the tables are emptied, all rows are loaded and read back. Nothing needs to be known of what was there.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.openwebui.postgres.plugins.module_utils._move.loading import Clock, Loader, Offended, lock
from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Omit, Plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.proof import Digest, prove
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import Repairs, RowReader, TablePlan, scan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.second_look import SecondLook
from ansible_collections.openwebui.postgres.plugins.module_utils._move.sequences import shelter_sequences
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import guard, in_words, is_row_fault
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings, Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Source
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.orphans import Omission

if PSYCOPG_IMPORT_ERROR is None:
    import psycopg


class FullLoad:
    """Loads all rows of a plan, and proves it, in the transaction that is open.

    :param omit: tells which orphans are left out.
    """

    def __init__(self, source: Source, target: Target, plan: Plan, omit: Omit, progress: Progress, clock: Clock) -> None:
        self.source = source
        self.target = target
        self.plan = plan
        self.progress = progress
        self.clock = clock
        self._omissions: dict[str, Omission] = {}
        for name in plan.names:
            omission = omit(name, "")
            if omission is not None:
                self._omissions[name] = omission
        self._loader = Loader(target, progress)
        self._findings = Findings()

    def run(self, repairs: Repairs) -> list[dict[str, Any]]:
        """Load and prove.

        :returns: what was loaded, as it is returned and recorded.
        :raises Refused: when that cannot be done, with all that is in the way.
        """
        with self.clock.phase("load"):
            state = self.source.state
            self.progress.begin("load", self.plan.rows, state.size + state.wal_size)
            self._fill(repairs)
        with self.clock.phase("prove"):
            prove(self.target, self.plan, self._loader.digests, self._findings, self.progress)
            self._findings.refuse_if_any()
        return loaded(self.plan, self._loader)

    def _fill(self, repairs: Repairs) -> None:
        def read(table: TablePlan) -> RowReader:
            return self._reader(table, repairs, self._findings, thorough=False)

        try:
            shelter_sequences(self.target)
            self._loader.fill(self.plan, read)
        except Offended:
            self._explain(repairs, None)
        except psycopg.Error as error:
            if is_row_fault(error):
                self._explain(repairs, error)
            raise Refused([in_words(error, self._loader.doing)]) from None

    def _reader(self, table: TablePlan, repairs: Repairs, findings: Findings, thorough: bool) -> RowReader:
        return RowReader(self.source, table, repairs, findings, thorough, self._omissions.get(table.name))

    def _explain(self, repairs: Repairs, error: psycopg.Error | None) -> None:
        """Something could not be loaded. Undo all, look at everything once more, carefully, and refuse with all of it.

        :raises Refused: always.
        """
        self.target.session.rollback()
        findings = Findings()
        self.progress.begin("scan", self.plan.rows)
        scan(self.source, self.plan.tables, _unnoted(repairs), findings, self.progress, self._omissions)

        def read(table: TablePlan) -> RowReader:
            return self._reader(table, _unnoted(repairs), Findings(), thorough=True)

        if error is not None:
            with guard("looking for what was refused"):
                lock(self.target, self.plan.names)
                shelter_sequences(self.target)
                self._loader.empty(self.plan)
                look_again = SecondLook(self.source, self.target, self.plan, findings, read, set())
                look_again.explain(self._loader.current, self._loader.doing, error, known=0)
        self.target.session.rollback()
        raise Refused(findings.problems, findings.total)


def loaded(plan: Plan, loader: Loader) -> list[dict[str, Any]]:
    """What was loaded, as it is returned and recorded."""
    return [as_loaded(table.name, loader.digests[table.name], loader.seconds[table.name]) for table in plan.tables]


def as_loaded(name: str, digest: Digest, seconds: float) -> dict[str, Any]:
    """One table of what was loaded."""
    return {"name": name, "rows": digest.rows, "bytes": digest.size, "seconds": seconds, "digest": str(digest)}


def _unnoted(repairs: Repairs) -> Repairs:
    """The same repairs, of which nobody hears."""
    return Repairs(repairs.allowed, repairs.replace_invalid)
