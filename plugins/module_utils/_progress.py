# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of a long run, written by the module into a small file and read by the action plugin.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

INTERVAL = 0.5


class Progress:
    """What is done of what there is to do. Writes are atomic, so that a reader never sees half a state.

    The state holds C(phase) (C(plan), C(scan), C(compare), C(load), C(rehearse), C(prove) or C(commit)), C(table), C(rows) and C(bytes)
    done in this phase, C(rows_total), C(bytes_total) (an estimate; 0 where bytes are not counted), C(seconds).
    """

    def __init__(self, path: str | None) -> None:
        self.path = path
        self._state: dict[str, object] = {}
        self._started = self._written = 0.0
        self._rows = self._size = 0
        self.begin("plan")

    def begin(self, phase: str, rows_total: int = 0, size_total: int = 0) -> None:
        """Enter a phase in which so many rows, and about so many bytes, are to be done."""
        self._state = {"phase": phase, "table": "", "rows_total": rows_total, "bytes_total": size_total}
        self._rows = self._size = 0
        self._started = time.monotonic()
        self._write()

    def advance(self, table: str, rows: int, size: int) -> None:
        """So many more rows and bytes of a table are done."""
        self._state["table"] = table
        self._rows += rows
        self._size += size
        if time.monotonic() - self._written >= INTERVAL:
            self._write()

    def end(self) -> None:
        """Leave nothing behind."""
        if self.path:
            with contextlib.suppress(OSError):
                os.unlink(self.path)

    def _write(self) -> None:
        if not self.path:
            return
        self._written = time.monotonic()
        seconds = round(self._written - self._started, 3)
        state = {**self._state, "rows": self._rows, "bytes": self._size, "seconds": seconds}
        temporary = self.path + ".new"
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump(state, file)
            os.replace(temporary, self.path)
        except OSError:
            # Nobody's data depends on it: a full disk must not stop a migration here.
            self.path = None
