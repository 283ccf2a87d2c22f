# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of a long run, written by the module into a small file and read by the action plugin.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import json
import os
import time

INTERVAL = 0.5


class Progress:
    """What is done of what there is to do. Writes are atomic, so that a reader never sees half a state.

    :ivar phase: C(plan), C(load), C(prove) or C(commit).
    :ivar rows: rows done, in this phase.
    :ivar size: bytes done, in this phase.
    """

    def __init__(self, path: str | None) -> None:
        self.path = path
        self.phase = "plan"
        self.table = ""
        self.rows = 0
        self.rows_total = 0
        self.size = 0
        self._started = time.monotonic()
        self._written = 0.0

    def begin(self, phase: str, rows_total: int = 0) -> None:
        """Enter a phase in which so many rows are to be done."""
        self.phase, self.table, self.rows, self.size, self.rows_total = phase, "", 0, 0, rows_total
        self._started = time.monotonic()
        self._write()

    def advance(self, table: str, rows: int, size: int) -> None:
        """So many more rows and bytes of a table are done."""
        self.table = table
        self.rows += rows
        self.size += size
        if time.monotonic() - self._written >= INTERVAL:
            self._write()

    def _write(self) -> None:
        if not self.path:
            return
        self._written = time.monotonic()
        state = {
            "phase": self.phase,
            "table": self.table,
            "rows": self.rows,
            "rows_total": self.rows_total,
            "bytes": self.size,
            "seconds": round(self._written - self._started, 3),
        }
        temporary = self.path + ".new"
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump(state, file)
            os.replace(temporary, self.path)
        except OSError:
            # Nobody's data depends on it: a full disk must not stop a migration here.
            self.path = None
