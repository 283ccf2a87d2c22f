# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration leaves behind in the target about itself: it is how a later run knows what it finds there.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import json
import os
import platform
import uuid
from typing import Any, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target

SCHEMA = "webui_migration"

_CREATE = f"""
    CREATE TABLE {SCHEMA}.run (
        run_id uuid PRIMARY KEY,
        target_schema text NOT NULL,
        source_host text NOT NULL,
        source_path text NOT NULL,
        source_fingerprint text NOT NULL,
        revision text NOT NULL,
        finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        loaded_by text NOT NULL DEFAULT current_user,
        tables json NOT NULL,
        abandoned_at timestamptz
    )"""


class Run(NamedTuple):
    """A finished migration into one schema of the target.

    :ivar tables: what was loaded: name, rows, bytes, seconds and digest of each table.
    :ivar abandoned: the cutover was called off after it, so nobody has worked with what it loaded.
    """

    run_id: str
    source_host: str
    source_path: str
    fingerprint: str
    revision: str
    finished_at: str
    tables: list[dict[str, Any]]
    abandoned: bool

    def is_from(self, path: str) -> bool:
        """Whether it moved the file at this path on this host."""
        return (self.source_host, self.source_path) == (platform.node(), os.path.realpath(path))


def last_run(target: Target) -> Run | None:
    """The newest migration into the target's schema, or None where there never was one."""
    if not _is_there(target):
        return None
    rows = target.rows(
        "SELECT run_id::text, source_host, source_path, source_fingerprint, revision,"
        " to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), tables, abandoned_at IS NOT NULL"
        f" FROM {SCHEMA}.run WHERE target_schema = %s ORDER BY finished_at DESC LIMIT 1",
        target.schema,
    )
    return Run(*rows[0]) if rows else None


def _is_there(target: Target) -> bool:
    return bool(
        target.rows(
            "SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = 'run'",
            SCHEMA,
        )
    )


def can_be_written(target: Target) -> bool:
    """Whether the role may leave a row here: in the schema if it is there, by creating it otherwise."""
    schema = target.rows(
        "SELECT has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = %s",
        SCHEMA,
    )
    if not schema:
        return target.may_create_schema()
    may_use, may_create = schema[0]
    if not _is_there(target):
        return bool(may_use and may_create)
    # Several privileges in one question mean any of them.
    privileges = "has_table_privilege(%s, 'SELECT'), has_table_privilege(%s, 'INSERT'), has_table_privilege(%s, 'UPDATE')"
    return bool(may_use) and all(target.rows(f"SELECT {privileges}", *[f"{SCHEMA}.run"] * 3)[0])


def record(target: Target, path: str, fingerprint: str, revision: str, tables: list[dict[str, Any]]) -> str:
    """Write the row of this run, in the transaction that loaded it. Returns its id."""
    run_id = str(uuid.uuid4())
    if not target.rows("SELECT 1 FROM pg_namespace WHERE nspname = %s", SCHEMA):
        target.connection.execute(f"CREATE SCHEMA {SCHEMA}")
    if not _is_there(target):
        target.connection.execute(_CREATE)
    target.connection.execute(
        f"INSERT INTO {SCHEMA}.run (run_id, target_schema, source_host, source_path, source_fingerprint, revision, tables)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s::json)",
        (run_id, target.schema, platform.node(), os.path.realpath(path), fingerprint, revision, json.dumps(tables)),
    )
    return run_id


def abandon(target: Target, run: Run) -> None:
    """Note that the cutover that this run belonged to was called off."""
    target.connection.execute(f"UPDATE {SCHEMA}.run SET abandoned_at = clock_timestamp() WHERE run_id = %s", (run.run_id,))
