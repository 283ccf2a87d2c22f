# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a rehearsal loads: into Open WebUI's own tables, or into copies of them where somebody may be using those.

Whatever it does is rolled back.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from ansible_collections.openwebui.postgres.plugins.module_utils._move.loading import lock
from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.sequences import shelter_sequences
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR

if PSYCOPG_IMPORT_ERROR is None:
    import psycopg
    from psycopg import sql

# A queue behind a waiting rehearsal is not longer than this.
LOCK_TIMEOUT = "3s"

IN_PLACE = "load"
IN_COPIES = "copies"


class NoStage(Exception):
    """There is nowhere to load to without being in somebody's way."""


class Stage:
    """The tables that a rehearsal loads into.

    :ivar target: where they are.
    :ivar kind: which tables they are: C(load) or C(copies).
    :ivar why: why they are only copies, for a warning.
    """

    def __init__(self, target: Target, plan: Plan, occupied: bool) -> None:
        self._real = target
        self._plan = plan
        self.target = target
        self.kind = IN_PLACE
        self.why = ""
        self._in_use = ""
        if occupied and target.is_used_by_others():
            self._keep_to_copies("the target holds data, and others are connected to it")

    def set(self) -> Target:
        """Make the tables ready, in the transaction that is open, so that nobody else has to do with them.

        :raises NoStage: when that cannot be done. The reason is in :attr:`why`.
        """
        if self.kind == IN_PLACE and not self._take():
            self._keep_to_copies("others are using tables of the target")
        if self.kind == IN_COPIES:
            if not self._real.may_create_temporary():
                self.why = f"{self._in_use}, and the role may not create temporary tables, so values were only looked at, not loaded"
                raise NoStage
            self.target = self._copy()
        return self.target

    def _keep_to_copies(self, why: str) -> None:
        self.kind = IN_COPIES
        self._in_use = why
        self.why = f"{why}, so the rehearsal went into copies of the tables: triggers of the target were not tried"

    def _take(self) -> bool:
        connection = self._real.connection
        try:
            with connection.transaction():
                connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
                lock(self._real, self._plan.names)
                shelter_sequences(self._real)
        except psycopg.errors.LockNotAvailable:
            return False
        return True

    def _copy(self) -> Target:
        """Temporary tables like the real ones: what they hold goes into no log of the server."""
        connection = self._real.connection
        drawing = self._real.drawing_columns()
        for table in self._plan.tables:
            like = "CREATE TEMP TABLE {} (LIKE {} INCLUDING ALL EXCLUDING IDENTITY EXCLUDING COMMENTS)"
            connection.execute(sql.SQL(like).format(sql.Identifier(table.name), self._real.name(table.name)))
        copies = Target(self._real.session, self._real.temporary_schema())
        names = set(self._plan.names)
        for number, (name, column) in enumerate(drawing):
            if name in names:
                self._draw_elsewhere(copies, name, column, f"webui_rehearsal_{number}")
        return copies

    @staticmethod
    def _draw_elsewhere(copies: Target, table: str, column: str, name: str) -> None:
        """Let a column draw from a sequence of ours: what is drawn from the real one is gone, also after a rollback."""
        copies.connection.execute(sql.SQL("CREATE TEMP SEQUENCE {}").format(sql.Identifier(name)))
        sequence = sql.Identifier(copies.schema, name).as_string(copies.connection)
        copies.connection.execute(
            sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT nextval({})").format(
                copies.name(table), sql.Identifier(column), sql.Literal(sequence)
            )
        )
