#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_sqlite_check
short_description: Examine the SQLite database of an Open WebUI
version_added: 0.1.0
description:
  - Examines a C(webui.db) and says whether it can be moved to PostgreSQL. Nothing is changed, not a byte of the file, its
    write-ahead log or the folder around it.
  - Works while Open WebUI is running. A file in WAL mode is read in a transaction of its own, which makes no writer wait.
    A file in another journal mode is read without a lock while it is in use; when it was written to meanwhile and something
    seems to be wrong, it is looked at up to three times.
  - Needs nothing but Python's standard library.
options:
  checks:
    description:
      - What to look at.
      - V(integrity) is SQLite's C(integrity_check), V(quick) its C(quick_check), which leaves out the indexes.
      - V(foreign_keys) finds rows whose parent is gone.
      - V(values) finds values that PostgreSQL will not take or that have to be repaired, by the types that PostgreSQL will
        most likely have. M(openwebui.postgres.webui_pg_migrate) in check mode asks the live target instead.
      - V(schema) compares the revision with those of known releases and the tables and columns with those of the revision, and finds
        remnants of failed upgrades.
    type: list
    elements: str
    choices: [integrity, quick, foreign_keys, values, schema]
    default: [integrity, foreign_keys, values, schema]
  fail_on:
    description:
      - Which findings fail the task. All others are only reported.
      - V(quick) findings belong to V(integrity). V(values) means values that will be refused; repairs never fail.
      - V(schema) means a revision that cannot be moved, and tables or columns that the revision has, but the file lacks, where no default
        makes up for them.
      - V(tables) means tables and columns that are not Open WebUI's and hold data. They move only where the new database has them too,
        which M(openwebui.postgres.webui_pg_migrate) in check mode can tell. So do names in O(exclude_tables) that mean no table.
      - V(upgrade) means a file that is not at the revision O(upgrade_to), or is so by name only, or where an upgrade has stopped.
    type: list
    elements: str
    choices: [integrity, foreign_keys, values, schema, tables, upgrade, in_use]
    default: [integrity, schema]
  upgrade_to:
    description:
      - The alembic revision that the file has to be at in the end, usually that of the new database.
      - The file is compared with it. Where it is older, those steps of Open WebUI's own upgrade that are known to fail on some files
        are looked for beforehand. Where it is equal, it is made sure that no failed upgrade has left it so by name only.
    type: str
  new_database:
    description:
      - Where the file is to be moved to, and the release of Open WebUI that will run, as far as they are known. With it,
        RV(obstacles) says whether the three belong together. O(upgrade_to) is the revision that was found in the new database, empty where
        there is no schema.
    type: dict
    suboptions:
      name:
        description:
          - Name of the database, for messages.
        type: str
        required: true
      image:
        description:
          - The image that will run, for messages.
        type: str
        default: ""
      image_revision:
        description:
          - The revision that this image works with, empty where it was not asked.
        type: str
        default: ""
      can_upgrade:
        description:
          - Whether the release that will run can be had to upgrade a copy of the file.
        type: bool
        default: false
      is_pinned:
        description:
          - Whether the operator names the image.
        type: bool
        default: false
      made_by:
        description:
          - Who creates the schema. V(collection), a V(command) of the operator's, or V(nobody) but the operator.
        type: str
        choices:
          - collection
          - command
          - nobody
        default: collection
  upgraded_from:
    description:
      - The file that O(path) is a copy of, which was upgraded to O(upgrade_to). With it, RV(obstacles) says what shows that the copy is not
        what the release would have made of that file.
    type: path
  exclude_tables:
    description:
      - Tables that will be left out of a migration, see M(openwebui.postgres.webui_pg_migrate). What they hold does not matter then.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - openwebui.postgres.source
  - openwebui.postgres.attributes.info_module
seealso:
  - module: openwebui.postgres.webui_orphan_clean
  - module: openwebui.postgres.webui_pg_migrate
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: See whether this Open WebUI can be moved
  openwebui.postgres.webui_sqlite_check:
    path: /srv/open-webui/webui.db
  register: source

- name: Refuse to go on with orphans, or while anything has the file open
  openwebui.postgres.webui_sqlite_check:
    path: /srv/open-webui/webui.db
    fail_on: [integrity, schema, foreign_keys, in_use]

- name: See whether the release that will run can upgrade this file
  openwebui.postgres.webui_sqlite_check:
    path: /srv/open-webui/webui.db
    upgrade_to: 0bd252b206fb
    fail_on: []
  register: source

- name: A fast look at the file alone
  openwebui.postgres.webui_sqlite_check:
    path: /srv/open-webui/webui.db
    checks: [quick]
"""

RETURN = r"""
ready:
  description: Whether the file can be moved as it is. Orphans and a running Open WebUI are in the way, repairs are not.
  returned: always
  type: bool
timing:
  description:
    - When the module was at work, by the clock of the host, in seconds since 1970. With all O(checks), it has read the whole file twice in
      that time, once by SQLite and once value by value, so it tells how fast this host is.
  returned: always
  type: dict
  sample: {"began_at": 1795000000.25, "ended_at": 1795000003.5}
problems:
  description:
    - Everything that was found. At most a thousand are listed; RV(problems_total) counts them all.
    - Where rows are concerned, RV(orphans), RV(value_findings) and RV(upgrade) tell of them by table and column.
  returned: always
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
  sample:
    - kind: foreign_keys
      message: "chat_file.chat_id: 12 rows refer to rows of chat that are gone"
      table: chat_file
      column: chat_id
problems_total:
  description: The number of problems, listed or not.
  returned: always
  type: int
  sample: 1
real_path:
  description: The file that O(path) leads to, without symbolic links.
  returned: always
  type: str
  sample: /mnt/fast/webui.db
log_path:
  description: Where SQLite keeps the write-ahead log of that file, whether there is one or not.
  returned: always
  type: str
  sample: /mnt/fast/webui.db-wal
sqlite_version:
  description: Version of the SQLite library that read the file.
  returned: always
  type: str
  sample: 3.40.1
size_bytes:
  description: Size of the file, without its write-ahead log.
  returned: always
  type: int
journal_mode:
  description: V(wal), or V(delete) for any of the rollback journal modes.
  returned: always
  type: str
wal_bytes:
  description: Size of the write-ahead log.
  returned: always
  type: int
revision:
  description: Alembic revision of the schema.
  returned: always
  type: str
  sample: 0bd252b206fb
webui_versions:
  description: The first and the last known release of Open WebUI with this revision; empty where it is not known.
  returned: always
  type: dict
  sample: {"first": "0.12.1", "last": "0.12.4"}
tables:
  description:
    - The tables and their numbers of rows. Null for a table that cannot be counted, because the file is damaged, or because it is a
      virtual table of a module that is not there.
  returned: always
  type: list
  elements: dict
  sample: [{"name": "chat", "rows": 1234}]
integrity:
  description: What SQLite says of the file.
  returned: when V(integrity) or V(quick) is among O(checks)
  type: dict
  contains:
    ok:
      description: Whether all is well. Null when the file was written to all the time, so that it cannot be told.
      returned: always
      type: bool
    errors:
      description: What is not, one line each and at most a hundred.
      returned: always
      type: list
      elements: str
  sample: {"ok": true, "errors": []}
left_out:
  description:
    - Tables and columns that will not move, as far as can be told without a target, and why, as M(openwebui.postgres.webui_pg_migrate)
      returns them.
  returned: always
  type: list
  elements: dict
  sample: [{"table": "plugin_cache", "column": null, "why": "left out by exclude_tables", "rows": 12}]
orphans:
  description: Rows whose parent is gone, counted by foreign key.
  returned: when V(foreign_keys) is among O(checks), and the file is sound
  type: list
  elements: dict
  sample: [{"table": "chat_file", "parent": "chat", "column": "chat_id", "rows": 12, "on_delete": "CASCADE"}]
value_findings:
  description: Values that need attention, counted by table, column and rule.
  returned: when V(values) is among O(checks), and the file is sound
  type: list
  elements: dict
  contains:
    table:
      description: The table.
      returned: always
      type: str
    column:
      description: The column.
      returned: always
      type: str
    rule:
      description: What is special about the values.
      returned: always
      type: str
    refused:
      description: Whether PostgreSQL has no place for them; otherwise they are repaired on the way.
      returned: always
      type: bool
    rows:
      description: The number of values.
      returned: always
      type: int
    sample_keys:
      description: Primary keys of the first ones, never a value itself.
      returned: always
      type: list
      elements: str
  sample: [{"table": "chat", "column": "chat", "rule": "json_escape", "refused": false, "rows": 2, "sample_keys": ["6f1c"]}]
upgrade:
  description: How the file stands to O(upgrade_to).
  returned: when O(upgrade_to) is set, and the file is sound
  type: dict
  contains:
    needed:
      description: Whether the file is not at the revision.
      returned: always
      type: bool
    state:
      description:
        - V(equal), V(older) or V(newer); V(unknown) where this collection does not know the revision of the file.
        - A file of a known release is V(older) than any revision that this collection does not know.
      returned: always
      type: str
    from:
      description: The revision of the file; null where it has none.
      returned: always
      type: str
    to:
      description: O(upgrade_to).
      returned: always
      type: str
    possible:
      description: Whether nothing is known that is in the way.
      returned: always
      type: bool
    obstacles:
      description: What is in the way.
      returned: always
      type: list
      elements: dict
      contains:
        message:
          description: One line for people, with what to do.
          returned: always
          type: str
        table:
          description: The table; null where it is none in particular.
          returned: always
          type: str
        revision:
          description: The step of Open WebUI's own migrations that fails, or has failed; null where it is none in particular.
          returned: always
          type: str
        rows:
          description: The number of rows that are in the way; null where rows are not.
          returned: always
          type: int
        sample_keys:
          description: Primary keys of the first ones.
          returned: always
          type: list
          elements: str
    remnants:
      description: Tables that an interrupted upgrade has left.
      returned: always
      type: list
      elements: str
  sample:
    needed: true
    state: older
    from: a5c220713937
    to: 0bd252b206fb
    possible: true
    obstacles: []
    remnants: []
obstacles:
  description:
    - What stands in the way of a move, one line each with what to do. In check mode a schema that is not there yet does not.
  returned: when O(new_database) or O(upgraded_from) is given
  type: list
  elements: str
  sample: []
in_use:
  description: Whether another process has the file open for writing, or holds a lock on it.
  returned: always
  type: bool
holders:
  description: These processes. V(pid) is null where the kernel does not tell. Without root, processes of others are not seen.
  returned: always
  type: list
  elements: dict
  sample: [{"pid": 4711, "command": "open-webui"}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer
from ansible_collections.openwebui.postgres.plugins.module_utils._move.check import CHECKS, FAILURES, examine
from ansible_collections.openwebui.postgres.plugins.module_utils._move.verdict import Schema, faults, obstacles


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "checks": {
                "type": "list",
                "elements": "str",
                "choices": ["integrity", "quick", "foreign_keys", "values", "schema"],
                "default": list(CHECKS),
            },
            "fail_on": {
                "type": "list",
                "elements": "str",
                "choices": ["integrity", "foreign_keys", "values", "schema", "tables", "upgrade", "in_use"],
                "default": list(FAILURES),
            },
            "upgrade_to": {"type": "str"},
            "new_database": {
                "type": "dict",
                "options": {
                    "name": {"type": "str", "required": True},
                    "image": {"type": "str", "default": ""},
                    "image_revision": {"type": "str", "default": ""},
                    "can_upgrade": {"type": "bool", "default": False},
                    "is_pinned": {"type": "bool", "default": False},
                    "made_by": {"type": "str", "choices": ["collection", "command", "nobody"], "default": "collection"},
                },
            },
            "upgraded_from": {"type": "path"},
            "exclude_tables": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    answer(module, lambda: examined(module.params, module.check_mode), if_refused={"ready": False})


def examined(options: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """What the module returns."""
    report, failure = examine(options["path"], options["checks"], options["fail_on"], options["upgrade_to"], options["exclude_tables"])
    return {**report, **held_against(options, report, check_mode), "changed": False, "failure": failure}


def held_against(options: dict[str, Any], report: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """What stands in the way, as far as there is something to hold the file against."""
    revision = options["upgrade_to"] or ""
    if options["upgraded_from"] is not None:
        return {"obstacles": faults(options["upgraded_from"], report, revision)}
    if options["new_database"] is None:
        return {}
    if check_mode and not revision:
        # A run that may write has it created first.
        return {"obstacles": []}
    facts = dict(options["new_database"])
    return {"obstacles": obstacles(options["path"], report, Schema(facts.pop("name"), revision, **facts))}


if __name__ == "__main__":
    main()
