# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until PostgreSQL sees the connections of an Open WebUI that answers. Apart from C(health.py), which needs no psycopg.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import time
from typing import Any, Callable, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._instance.health import PAUSE, Answer
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import connect, only_row
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import guard


class Connected(NamedTuple):
    """What the server says of Open WebUI.

    :ivar connections: how many it has that were made or used since the moment that was asked about.
    :ivar revision: the alembic revision of the schema; None where there is none, or more than one.
    """

    connections: int
    revision: str | None


def wait_connected(options: dict[str, Any], ask: Callable[[], Answer], since: float | None, timeout: float) -> Connected:
    """Wait until the server sees a connection of this role to this database, other than ours.

    :param options: the connection options of a module, with C(schema).
    :param ask: asks Open WebUI, so that it may use its database while we look. A pooler may have lent us its connection before.
    :param since: only connections made or used after this moment count, as :func:`time.monotonic` tells it; None for any. The server is
        asked for their age, because the clocks of two hosts differ.
    :param timeout: in seconds.
    :raises Refused: when the server cannot be asked.
    """
    asked = time.monotonic()
    with connect(options) as session, guard("looking for connections of Open WebUI"):
        while True:
            # The server shows the same picture until the transaction ends.
            session.begin()
            ask()
            age = None if since is None else time.monotonic() - since
            (found,) = only_row(session.connection.execute(_CONNECTIONS, {"age": age}))
            if found or time.monotonic() - asked >= timeout:
                return Connected(found, _revision(Target(session, options["schema"])))
            time.sleep(PAUSE)


def _revision(target: Target) -> str | None:
    revisions = target.revisions() if target.present(["alembic_version"]) else []
    return revisions[0] if len(revisions) == 1 else None


_CONNECTIONS = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid()
       AND (%(age)s::float8 IS NULL
            OR greatest(backend_start, query_start) >= clock_timestamp() - make_interval(secs => %(age)s::float8))"""
