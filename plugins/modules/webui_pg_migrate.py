#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_pg_migrate
short_description: Move the data of an Open WebUI from SQLite to PostgreSQL
version_added: 0.1.0
description:
  - Loads every row of a C(webui.db) into a PostgreSQL database in which Open WebUI has created its schema, reads everything
    back, compares it with what was read from SQLite, and only then commits. All of it is one transaction. Whatever happens
    on the way, the database is afterwards either as it was before, or holds every row of the source.
  - The source is only read. It must not be in use.
  - Everything that is known to be in the way is reported at once, before anything is written.
  - A database into which this very source has been moved before is recognised, also after people have worked with it, and
    left alone.
  - What Open WebUI's own start has put into the target (its default C(config)) is replaced. A target that holds anything
    else is refused, unless it holds what an earlier run loaded from the same file and nobody has touched since.
  - The tables C(alembic_version) and C(migratehistory) of the target stay as Open WebUI has made them.
  - Columns of types that Open WebUI itself never creates, as forks and plugins do, are filled without loss or refused by name, see
    the notes.
options:
  copy_of:
    description:
      - The C(webui.db) of which O(path) is a copy, made by M(openwebui.postgres.webui_sqlite_backup) and then upgraded to the
        revision of the target. The copy's manifest has to lie beside it still.
      - It is this file that later runs recognise, and that must not have been written to since it was copied. Neither file is
        changed.
    type: path
  snapshot:
    description:
      - A snapshot of O(path) that was loaded ahead with O(state=preloaded). Only the rows that differ between the two files are then
        removed and loaded, as RV(road) tells. The snapshot has to be as it was, in whatever place, and is only read.
      - Whenever that is not possible, everything is loaded as without it, and RV(road_reason) says why. The outcome is the same.
    type: path
  state:
    description:
      - With V(migrated), the target holds the data of the source.
      - With V(abandoned), the last run from this source into this target is marked as called off, because Open WebUI went
        back to SQLite. What it loaded may then be replaced by the next run, whatever became of it. No row is removed. What was loaded
        ahead stays as it is.
      - With V(preloaded), the target holds the data of O(path), a snapshot that M(openwebui.postgres.webui_sqlite_backup) made while
        Open WebUI is working, or a copy of it that was upgraded since, with the manifest beside it still. It is checked, loaded and read
        back as in a migration, and noted as loaded ahead. That is no migration, nothing takes it for one, and the next run completes or
        replaces it. A later snapshot is loaded on top of an earlier one by what differs, if the earlier one is still there.
    type: str
    choices: [migrated, abandoned, preloaded]
    default: migrated
  orphans:
    description:
      - What to do with rows whose parent is gone. With V(leave_out) they are left out on the way, or lose the reference where the foreign
        key says C(SET NULL), exactly as M(openwebui.postgres.webui_orphan_clean) would do it in the source, which is not written to.
      - The rows as they were are kept in a file in O(quarantine), RV(quarantine_file), which that module can put back. A snapshot that is
        loaded ahead holds them itself.
    type: str
    choices: [refuse, leave_out]
    default: refuse
  repair:
    description:
      - Repair values that PostgreSQL does not take and that can be repaired, and report each. The original is kept in a file
        in O(quarantine). With V(false), such values are a reason to refuse.
    type: bool
    default: true
  invalid_utf8:
    description:
      - What to do with text that is not UTF-8, and with BLOBs in text columns. With V(replace), bytes that are not UTF-8
        become U+FFFD, as a reported repair.
    type: str
    choices: [refuse, replace]
    default: refuse
  target_data:
    description:
      - What to do when the target holds data of its own. With V(replace) it is removed, in the same transaction.
    type: str
    choices: [refuse, replace]
    default: refuse
  exclude_tables:
    description:
      - Tables of the source that are not to be moved, such as those of a plugin. Upper and lower case are the same, and the name of a
        virtual table stands for its tables of content as well.
      - Each is told in RV(left_out) with the number of rows that stay behind, and in a warning. In the target such a table stays as it is.
      - A name that the source has no table of is refused, and so are C(alembic_version), which never moves, and a table that rows of
        others refer to by a foreign key.
    type: list
    elements: str
    default: []
  quarantine:
    description:
      - Folder for the originals of repaired values, and for orphaned rows. Without it they are found in the source only.
      - Required with O(orphans=leave_out).
    type: path
  live:
    description:
      - Tolerate that the source is in use. Has an effect in check mode only, where it allows for a rehearsal while Open WebUI
        is running.
    type: bool
    default: false
  rehearse:
    description:
      - How far check mode goes. With V(load), everything is loaded into the real tables, read back and compared, and then rolled
        back, so that whatever the server would refuse is found. With V(scan), values are only looked at, with the column types and
        unique indexes of the target; what only the server can tell, such as a text too long for an index, is not found.
      - A load costs the server what the migration will cost it, for as long as it lasts, namely the room for the new database and
        the volume of its write-ahead log. Both are given back afterwards, and no sequence, row or file of the target is another
        than before.
      - Tables that hold data are never locked while others are connected to the database, nor are tables waited for that others
        are using. Temporary copies of them, with all their indexes and constraints, then take the load, as RV(rehearsed) tells.
        Triggers are not tried there.
    type: str
    choices: [load, scan]
    default: load
  progress:
    description:
      - Show progress while the module runs, with several hosts at a time in shorter and fewer lines.
      - None is shown where E(OPENWEBUI_QUIET) is set to V(yes) for Ansible.
    type: bool
    default: true
  progress_file:
    description:
      - File that the module replaces about twice a second with its progress, as JSON. Set by the action plugin when it shows
        progress itself.
    type: path
extends_documentation_fragment:
  - openwebui.postgres.source
  - openwebui.postgres.connection
  - openwebui.postgres.attributes
attributes:
  check_mode:
    details:
      - Looks at every value of the source, then loads everything into the target, reads it back, and rolls back. The target is
        afterwards exactly as it was. See O(rehearse) for what that costs, and for less of it.
      - Orphaned rows are reported, and left out of what is loaded. With O(orphans=leave_out) they are no reason to refuse.
      - RV(road) is the one that a run would take now.
  diff_mode:
    support: none
    details:
      - The rows of a migration are not shown.
  idempotent:
    details:
      - A target into which the source has been moved is left as it is, and so is one that holds the snapshot that is to be loaded ahead.
notes:
  - Nothing that the module sets outlives its transactions, so it works through PgBouncer with C(pool_mode) V(session) and
    V(transaction). With V(statement) it is refused.
  - Settings of the role, the database or the server (such as C(statement_timeout), C(search_path), C(DateStyle),
    C(quote_all_identifiers) or C(default_transaction_read_only)) make no difference.
  - Text in the C(json) columns of Open WebUI is moved to the letter. PostgreSQL's own parser accepts it or the run is refused.
  - Besides the types of Open WebUI, columns of these can be filled, also through a domain - C(numeric), C(real), C(double precision),
    C(smallint), C(jsonb), C(uuid), C(timestamptz), C(time), C(timetz), C(bytea), C(char), C(citext), enums, and arrays of C(text) and
    C(varchar). A column of any other type that holds data is refused, in check mode as well.
  - Nothing is rounded. A number with more digits than a C(numeric) or C(real) keeps, a fraction of a second beyond the type's precision
    or blanks at the end of a C(char) are refused by name.
  - A C(jsonb) column keeps the last of keys of the same name, which is reported as a repair, and numbers by their value.
  - An array has to be a JSON array of texts in SQLite, as SQLAlchemy keeps it there. A moment without a zone is taken for UTC.
seealso:
  - module: openwebui.postgres.webui_sqlite_check
  - module: openwebui.postgres.webui_orphan_clean
  - module: openwebui.postgres.webui_sqlite_backup
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Rehearse the migration while Open WebUI is running
  openwebui.postgres.webui_pg_migrate:
    path: /srv/open-webui/webui.db
    live: true
    login_host: 127.0.0.1
    login_user: open_webui
    login_password: "{{ webui_database_password }}"
    login_db: open_webui
  check_mode: true
  register: rehearsal

- name: Migrate
  openwebui.postgres.webui_pg_migrate:
    path: /srv/open-webui/webui.db
    quarantine: /var/backups/open-webui/quarantine
    login_host: 127.0.0.1
    login_user: open_webui
    login_password: "{{ webui_database_password }}"
    login_db: open_webui
  register: migration

- name: Load a snapshot ahead while Open WebUI is working
  openwebui.postgres.webui_pg_migrate:
    path: "{{ snapshot.backup_file }}"
    state: preloaded
    orphans: leave_out
    quarantine: /var/backups/open-webui/quarantine
    login_host: 127.0.0.1
    login_user: open_webui
    login_password: "{{ webui_database_password }}"
    login_db: open_webui

- name: Migrate what has changed since, with Open WebUI stopped
  openwebui.postgres.webui_pg_migrate:
    path: /srv/open-webui/webui.db
    snapshot: "{{ snapshot.backup_file }}"
    orphans: leave_out
    quarantine: /var/backups/open-webui/quarantine
    login_host: 127.0.0.1
    login_user: open_webui
    login_password: "{{ webui_database_password }}"
    login_db: open_webui

- name: Migrate a copy that was upgraded
  openwebui.postgres.webui_pg_migrate:
    path: /var/lib/openwebui-postgres/open-webui/upgrade/webui-20260501T030000.123456Z.db
    copy_of: /srv/open-webui/webui.db
    login_host: 127.0.0.1
    login_user: open_webui
    login_password: "{{ webui_database_password }}"
    login_db: open_webui

- name: Migrate over the network, with the server's certificate verified
  openwebui.postgres.webui_pg_migrate:
    path: /srv/open-webui/webui.db
    login_host: db.example.com
    login_user: open_webui
    login_password: "{{ webui_database_password }}"
    login_db: open_webui
    ssl_mode: verify-full
    ca_cert: /etc/ssl/certs/ca-certificates.crt
"""

RETURN = r"""
road:
  description:
    - How the rows came into the target. V(full), all of them were loaded; V(differences), only those that differ from O(snapshot).
    - In check mode, the road that a run would take.
  returned: when a migration or a load ahead ran or was rehearsed
  type: str
  sample: differences
road_reason:
  description: Why it is that road, in words.
  returned: when a migration or a load ahead ran or was rehearsed
  type: str
  sample: the target holds the snapshot /var/backups/open-webui/webui-20260501T030000.123456Z.db
preload_id:
  description:
    - The row in C(webui_migration.preload) of the target that tells of what was loaded ahead. Null where nothing was.
  returned: when a migration or a load ahead ran
  type: str
  sample: 0d8b1c8e-4f5e-9c1b-6f0e-1c4d5e0f3a2b
removed:
  description: Rows that were left out because their parent is gone, by table and by the table whose row they refer to in vain.
  returned: with O(orphans=leave_out), when a migration or a load ahead ran or was rehearsed
  type: list
  elements: dict
  sample: [{"table": "chat_file", "parent": "chat", "rows": 12}]
nulled:
  description: Rows that were loaded with NULL as their reference, because its row is gone.
  returned: with O(orphans=leave_out), when a migration or a load ahead ran or was rehearsed
  type: list
  elements: dict
  sample: [{"table": "knowledge_file", "parent": "knowledge_directory", "column": "directory_id", "rows": 1}]
quarantine_file:
  description:
    - The file that holds these rows as they were, one JSON object a line. Null when there are none, in check mode, and with
      O(state=preloaded).
  returned: with O(orphans=leave_out), when a migration or a load ahead ran or was rehearsed
  type: str
  sample: /var/backups/open-webui/quarantine/orphans-20260501T030000.123456Z.jsonl
tables:
  description:
    - The tables in the order in which they were loaded. With O(rehearse=scan), only their names and numbers of rows.
  returned: success, unless O(state=abandoned)
  type: list
  elements: dict
  contains:
    name:
      description: The table.
      type: str
      sample: chat
    rows:
      description: Its rows.
      type: int
      sample: 1234
    bytes:
      description: What went through COPY.
      type: int
      sample: 81000000
    seconds:
      description: How long it took to load.
      type: float
      sample: 0.71
    digest:
      description: Digest of all its rows, whatever their order, equal on both sides.
      type: str
      sample: 5f0c0b6e8d1f0e35b7a9
    gone:
      description: With RV(road=differences), the rows that were removed because they are not in the source any more, or not as they were.
      type: int
      sample: 3
    come:
      description: With RV(road=differences), the rows that were loaded because the snapshot does not have them, or not as they are.
      type: int
      sample: 5
rows:
  description: Rows in all tables.
  returned: success, unless O(state=abandoned)
  type: int
  sample: 113001
bytes:
  description: Bytes that went through COPY.
  returned: success, unless O(state=abandoned)
  type: int
  sample: 508000000
seconds:
  description: Seconds by phase, V(plan), V(compare) where differences were looked for, V(load), V(prove), V(commit) and V(analyze);
      V(plan), V(scan), V(load) and V(prove) in check mode.
  returned: when a migration ran or was rehearsed
  type: dict
  sample: {"plan": 0.21, "load": 4.02, "prove": 0.83, "commit": 0.01, "analyze": 0.4, "total": 5.1}
repairs:
  description: Values that were repaired, or will be.
  returned: when a migration ran or was rehearsed
  type: dict
  contains:
    total:
      description: How many there are.
      type: int
      sample: 1
    listed:
      description: The first thousand of them, each with the rules by which it was repaired and never with its content.
      type: list
      elements: dict
      sample: [{"table": "chat", "key": "6f1c", "column": "chat", "rule": "json_escape"}]
    quarantine_file:
      description: The file with the originals. Null where nothing was repaired or O(quarantine) is not set.
      type: str
      sample: /var/backups/open-webui/quarantine/repaired-20260102T030405.000006Z.jsonl
left_out:
  description:
    - Tables and columns that did not move, and why. Nothing is lost by it, but for O(exclude_tables).
  returned: when a migration ran or was rehearsed
  type: list
  elements: dict
  contains:
    table:
      description: The table.
      type: str
      sample: plugin_cache
    column:
      description: The column. Null for a whole table.
      type: str
      sample: null
    why:
      description: The reason in words.
      type: str
      sample: left out by exclude_tables
    rows:
      description: How many rows stay behind, of a table in O(exclude_tables). Null for all others, and where SQLite cannot tell.
      type: int
      sample: 12
revision:
  description: The alembic revision of both sides.
  returned: success, unless O(state=abandoned)
  type: str
  sample: 0bd252b206fb
run_id:
  description:
    - The row in C(webui_migration.run) of the target that tells of this migration. Null in check mode, and for what is loaded ahead.
  returned: success
  type: str
  sample: 6d7f6f9e-6f0e-4f5e-9c1b-0f3a2b1c4d5e
rehearsed:
  description:
    - How far the rehearsal went. V(load) is into the real tables, V(copies) into temporary copies of them because others are using
      the target, V(scan) a look at every value.
  returned: in check mode, when a migration was rehearsed
  type: str
  sample: load
already_migrated:
  description: Whether the target holds this source already, so that nothing was done.
  returned: success, unless O(state=abandoned)
  type: bool
  sample: false
timing:
  description: When the module was at work, by the clock of the host, in seconds since 1970.
  returned: always
  type: dict
  sample: {"began_at": 1795000000.25, "ended_at": 1795000003.5}
problems:
  description:
    - Why the task was refused. At most a thousand are listed; RV(problems_total) counts them all.
  returned: when the task is refused
  type: list
  elements: dict
  contains:
    kind:
      description: A stable word for programs.
      returned: always
      type: str
    message:
      description: One line for people.
      returned: always
      type: str
    table:
      description: The table, where there is one to name.
      returned: where it applies
      type: str
    column:
      description: The column, where there is one to name.
      returned: where it applies
      type: str
    key:
      description: The primary key of the row, where there is one to name. Never the row itself.
      returned: where it applies
      type: str
    rule:
      description: What is special about the value, where it is about one.
      returned: where it applies
      type: str
  sample: [{"kind": "orphan", "message": "chat_file.chat_id: 12 rows refer to rows of chat that are gone", "table": "chat_file"}]
problems_total:
  description: The number of problems, listed or not.
  returned: when the task is refused
  type: int
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer, require_psycopg
from ansible_collections.openwebui.postgres.plugins.module_utils._move.migration import abandon, migrate
from ansible_collections.openwebui.postgres.plugins.module_utils._move.request import Request
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR, connection_argument_spec
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress


def argument_spec() -> dict:
    return {
        "path": {"type": "path", "required": True},
        "copy_of": {"type": "path"},
        "snapshot": {"type": "path"},
        "state": {"type": "str", "choices": ["migrated", "abandoned", "preloaded"], "default": "migrated"},
        "orphans": {"type": "str", "choices": ["refuse", "leave_out"], "default": "refuse"},
        "repair": {"type": "bool", "default": True},
        "invalid_utf8": {"type": "str", "choices": ["refuse", "replace"], "default": "refuse"},
        "target_data": {"type": "str", "choices": ["refuse", "replace"], "default": "refuse"},
        "exclude_tables": {"type": "list", "elements": "str", "default": []},
        "quarantine": {"type": "path"},
        "live": {"type": "bool", "default": False},
        "rehearse": {"type": "str", "choices": ["load", "scan"], "default": "load"},
        "progress": {"type": "bool", "default": True},
        "progress_file": {"type": "path"},
        **connection_argument_spec(),
    }


def request_from(params: dict) -> Request:
    return Request(
        path=params["path"],
        copy_of=params["copy_of"],
        connection=params,
        schema=params["schema"],
        repair=params["repair"],
        replace_invalid=params["invalid_utf8"] == "replace",
        replace_target=params["target_data"] == "replace",
        quarantine=params["quarantine"],
        live=params["live"],
        exclude_tables=tuple(params["exclude_tables"]),
        rehearse=params["rehearse"],
        leave_out_orphans=params["orphans"] == "leave_out",
        snapshot=params["snapshot"],
        ahead=params["state"] == "preloaded",
    )


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(),
        required_if=[("orphans", "leave_out", ("quarantine",))],
        supports_check_mode=True,
    )
    require_psycopg(module, PSYCOPG_IMPORT_ERROR)
    answer(module, lambda: _done(module.params, module.check_mode))


def _done(options: dict[str, Any], check: bool) -> dict[str, Any]:
    request = request_from(options)
    progress = Progress(options["progress_file"])
    try:
        return abandon(request, check) if options["state"] == "abandoned" else migrate(request, check, progress)
    finally:
        progress.end()


if __name__ == "__main__":
    main()
