# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which road a move takes: all rows, or only those that differ from a snapshot that was loaded ahead.

Whatever is not certain means all rows. Why that is so, is told.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import hashlib
import platform
import sqlite3
from typing import Any, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._move import traces as _traces
from ansible_collections.openwebui.postgres.plugins.module_utils._move.bookkeeping import Preload
from ansible_collections.openwebui.postgres.plugins.module_utils._move.differences import Unfit, attach, changed_schema
from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.request import Request
from ansible_collections.openwebui.postgres.plugins.module_utils._move.snapshots import is_it
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Source, fold

FULL = "full"
DIFFERENCES = "differences"

# To be raised whenever values are converted otherwise than before: what was loaded by the older rules is then loaded again.
RULES = 1


class Road(NamedTuple):
    """The road, and why it is that one, in words."""

    kind: str
    reason: str

    def as_result(self) -> dict[str, str]:
        """As the module returns it."""
        return {"road": self.kind, "road_reason": self.reason}


def terms(request: Request, plan: Plan) -> dict[str, Any]:
    """What the rows of the target depend on, beside those of the source."""
    return {
        "options": {
            "repair": request.repair,
            "invalid_utf8": request.replace_invalid,
            "exclude_tables": sorted({fold(name) for name in request.exclude_tables}),
            "orphans": request.leave_out_orphans,
        },
        # Both have a say in how numbers are written and what JSON is.
        "software": f"rules {RULES}, SQLite {sqlite3.sqlite_version}, Python {platform.python_version()}",
        "columns": {table.name: hashlib.sha256(repr((table.columns, table.key)).encode()).hexdigest() for table in plan.tables},
    }


def snapshot_of(request: Request, preload: Preload | None) -> str | None:
    """The snapshot to compare with. A later one is loaded on top of that which the bookkeeping names."""
    if request.snapshot is None and request.ahead and preload is not None:
        return str(preload.snapshot["path"])
    return request.snapshot


def choose(request: Request, target: Target, source: Source, plan: Plan, preload: Preload | None, is_untouched: bool) -> Road:
    """The road of a run. Where it is that of the differences, the snapshot is attached to the source afterwards."""
    snapshot = snapshot_of(request, preload)
    why = _why_not(request, target, plan, preload, is_untouched, snapshot)
    if why is None and snapshot is not None:
        why = _why_not_comparable(source, snapshot)
    if why is not None:
        return Road(FULL, why)
    return Road(DIFFERENCES, f"the target holds the snapshot {snapshot}")


def _why_not(request: Request, target: Target, plan: Plan, preload: Preload | None, is_untouched: bool, snapshot: str | None) -> str | None:
    if preload is None:
        return "no snapshot was loaded ahead"
    if snapshot is None:
        return "no snapshot was named"
    if not preload.is_from(request.original):
        return "what was loaded ahead is from another source"
    if not is_untouched:
        return "somebody has written to the target since the snapshot was loaded"
    if not is_it(snapshot, preload.snapshot):
        return f"{snapshot} is not there any more, or not the snapshot that was loaded"
    other = _other_terms(request, plan, preload)
    if other is not None:
        return other
    if not target.may_create_temporary():
        return "the role may not create temporary tables in this database"
    for table, what in _traces.watched(target, plan.names):
        return f"{what} on table {table} of the target would fire for every row that is removed"
    return None


def _other_terms(request: Request, plan: Plan, preload: Preload) -> str | None:
    if preload.revision != plan.revision:
        return f"the snapshot was loaded at revision {preload.revision}"
    wanted = terms(request, plan)
    if preload.terms.get("software") != wanted["software"]:
        return "the snapshot was loaded by other releases of this collection, SQLite or Python"
    if preload.terms.get("options") != wanted["options"]:
        names = [name for name, value in wanted["options"].items() if preload.terms.get("options", {}).get(name) != value]
        return f"the snapshot was loaded with other options ({', '.join(names)})"
    if preload.terms.get("columns") != wanted["columns"]:
        return "tables or columns of the target have changed since the snapshot was loaded"
    return None


def _why_not_comparable(source: Source, snapshot: str) -> str | None:
    try:
        attach(source, snapshot)
        table = changed_schema(source)
    except Unfit as unfit:
        return str(unfit)
    except Refused as refused:
        return refused.problems[0].message
    return None if table is None else f"the schema of table {table} has changed since the snapshot was taken"
