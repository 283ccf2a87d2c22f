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


# A preload is no run: whoever looks for a finished move must not find one. It counts until it is spent.
_CREATE_PRELOAD = f"""
    CREATE TABLE {SCHEMA}.preload (
        preload_id uuid PRIMARY KEY,
        target_schema text NOT NULL,
        source_host text NOT NULL,
        source_path text NOT NULL,
        snapshot json NOT NULL,
        revision text NOT NULL,
        terms json NOT NULL,
        tables json NOT NULL,
        transactions json NOT NULL,
        finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        loaded_by text NOT NULL DEFAULT current_user,
        spent_at timestamptz
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


class Preload(NamedTuple):
    """What was loaded ahead of a move, from a snapshot, and nobody works with.

    :ivar snapshot: the snapshot, as :mod:`.snapshots` describes it.
    :ivar terms: what else the outcome depends on: options, columns, software.
    :ivar tables: what was loaded, as in :class:`Run`.
    :ivar transactions: the server's numbers of all transactions that rows of it come from.
    """

    preload_id: str
    source_host: str
    source_path: str
    snapshot: dict[str, Any]
    revision: str
    terms: dict[str, Any]
    tables: list[dict[str, Any]]
    transactions: list[int]
    finished_at: str

    def is_from(self, path: str) -> bool:
        """Whether it was loaded from a snapshot of the file at this path on this host."""
        return (self.source_host, self.source_path) == (platform.node(), os.path.realpath(path))


def last_run(target: Target) -> Run | None:
    """The newest migration into the target's schema, or None where there never was one."""
    if not _is_there(target, "run"):
        return None
    rows = target.rows(
        "SELECT run_id::text, source_host, source_path, source_fingerprint, revision,"
        " to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), tables, abandoned_at IS NOT NULL"
        f" FROM {SCHEMA}.run WHERE target_schema = %s ORDER BY finished_at DESC LIMIT 1",
        target.schema,
    )
    return Run(*rows[0]) if rows else None


def last_preload(target: Target) -> Preload | None:
    """What was loaded ahead into the target's schema and has not been made a move of, or been replaced."""
    if not _is_there(target, "preload") or not target.rows("SELECT has_table_privilege(%s, 'SELECT')", f"{SCHEMA}.preload")[0][0]:
        return None
    rows = target.rows(
        "SELECT preload_id::text, source_host, source_path, snapshot, revision, terms, tables, transactions,"
        " to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        f" FROM {SCHEMA}.preload WHERE target_schema = %s AND spent_at IS NULL ORDER BY finished_at DESC LIMIT 1",
        target.schema,
    )
    return Preload(*rows[0]) if rows else None


def _is_there(target: Target, table: str) -> bool:
    return bool(
        target.rows(
            "SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s",
            SCHEMA,
            table,
        )
    )


def can_be_written(target: Target, table: str = "run") -> bool:
    """Whether the role may leave a row here: in the schema if it is there, by creating it otherwise."""
    schema = target.rows(
        "SELECT has_schema_privilege(oid, 'USAGE'), has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = %s",
        SCHEMA,
    )
    if not schema:
        return target.may_create_schema()
    may_use, may_create = schema[0]
    if not _is_there(target, table):
        return bool(may_use and may_create)
    # Several privileges in one question mean any of them.
    privileges = "has_table_privilege(%s, 'SELECT'), has_table_privilege(%s, 'INSERT'), has_table_privilege(%s, 'UPDATE')"
    return bool(may_use) and all(target.rows(f"SELECT {privileges}", *[f"{SCHEMA}.{table}"] * 3)[0])


def record(target: Target, path: str, fingerprint: str, revision: str, tables: list[dict[str, Any]]) -> str:
    """Write the row of this run, in the transaction that loaded it. Returns its id."""
    run_id = str(uuid.uuid4())
    _make(target, "run", _CREATE)
    target.connection.execute(
        f"INSERT INTO {SCHEMA}.run (run_id, target_schema, source_host, source_path, source_fingerprint, revision, tables)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s::json)",
        (run_id, target.schema, platform.node(), os.path.realpath(path), fingerprint, revision, json.dumps(tables)),
    )
    return run_id


def _make(target: Target, table: str, definition: str) -> None:
    if not target.rows("SELECT 1 FROM pg_namespace WHERE nspname = %s", SCHEMA):
        target.connection.execute(f"CREATE SCHEMA {SCHEMA}")
    if not _is_there(target, table):
        target.connection.execute(definition)


def record_preload(
    target: Target,
    path: str,
    snapshot: dict[str, Any],
    revision: str,
    terms: dict[str, Any],
    tables: list[dict[str, Any]],
    transactions: list[int],
) -> str:
    """Write the row of a preload, in the transaction that loaded it. Returns its id."""
    preload_id = str(uuid.uuid4())
    _make(target, "preload", _CREATE_PRELOAD)
    target.connection.execute(
        f"INSERT INTO {SCHEMA}.preload"
        " (preload_id, target_schema, source_host, source_path, snapshot, revision, terms, tables, transactions)"
        " VALUES (%s, %s, %s, %s, %s::json, %s, %s::json, %s::json, %s::json)",
        (
            preload_id,
            target.schema,
            platform.node(),
            os.path.realpath(path),
            json.dumps(snapshot),
            revision,
            json.dumps(terms),
            json.dumps(tables),
            json.dumps(transactions),
        ),
    )
    return preload_id


def spend(target: Target, preload: Preload) -> None:
    """Note that a preload is none any more: a move or another preload has taken its place."""
    target.connection.execute(f"UPDATE {SCHEMA}.preload SET spent_at = clock_timestamp() WHERE preload_id = %s", (preload.preload_id,))


def abandon(target: Target, run: Run) -> None:
    """Note that the cutover that this run belonged to was called off."""
    target.connection.execute(f"UPDATE {SCHEMA}.run SET abandoned_at = clock_timestamp() WHERE run_id = %s", (run.run_id,))
