# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a move has been done already, by the books in the target. Apart from the move itself, since it is asked on every host of a fleet.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import os
import zlib
from typing import NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._move.bookkeeping import Preload, Run, last_preload, last_run
from ansible_collections.openwebui.postgres.plugins.module_utils._move.request import Request
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import connect
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import guard
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import look

# The first half of the advisory lock's key; the second is made of the schema's name.
_LOCK = 0x57454255


class Known(NamedTuple):
    """What the bookkeeping of the target tells.

    :ivar run: the last move.
    :ivar preload: what was loaded ahead since, where that has not become a move.
    """

    run: Run | None
    preload: Preload | None


def is_moved(request: Request) -> bool:
    """Whether the target holds what the source holds. Looks at the books alone.

    :raises Refused: when either cannot be asked.
    """
    with connect(request.connection) as session, guard("looking at what was moved"):
        target = Target(session, request.schema)
        demand_schema(target)
        return is_done(request, read(target))


def demand_schema(target: Target) -> None:
    """:raises Refused: when there is no schema of that name."""
    if not target.exists():
        raise refuse("bootstrap", f"the target has no schema {target.schema}; let Open WebUI create its schema there first")


def read(target: Target) -> Known:
    """What is noted, with the lock that keeps other migrations away until the transaction ends."""
    lock(target)
    return Known(last_run(target), last_preload(target))


def lock(target: Target) -> None:
    """:raises Refused: when another migration has it."""
    key = zlib.crc32(target.schema.encode()) - (1 << 31)
    if not target.rows("SELECT pg_try_advisory_xact_lock(%s, %s)", _LOCK, key)[0][0]:
        raise refuse("busy", "another migration into this database is running; wait for it to end")


def is_done(request: Request, known: Known) -> bool:
    """Whether the target holds the source as it is now. What was loaded ahead is no move, whatever it holds."""
    if known.run is None or known.run.abandoned or known.preload is not None:
        if not request.ahead:
            look(request.original)
        return False
    if request.ahead and not os.path.exists(request.original):
        return False
    return known.run.fingerprint == look(request.original).fingerprint
