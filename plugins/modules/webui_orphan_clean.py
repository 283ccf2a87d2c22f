#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_orphan_clean
short_description: Remove orphaned rows from the SQLite database of an Open WebUI, or put them back
version_added: 0.1.0
description:
  - Removes rows whose parent is gone. Open WebUI never has SQLite enforce its foreign keys, so deleting a chat, a user or a
    file leaves such rows behind, and PostgreSQL takes none of them.
  - Every foreign key that the database declares is looked at. A row that is removed may leave orphans of its own, which are
    removed as well, until there are none.
  - Where a foreign key says C(ON DELETE SET NULL), the row stays and its reference becomes NULL. If its column cannot be NULL,
    the row is removed.
  - Before anything is changed, all of these rows are written as they are to a file in O(quarantine), which is then on the disk.
    With O(state=restored) that file puts them back, to the byte.
  - All changes are one transaction. Whatever happens on the way, either all of them were made or none.
  - The database must not be in use. Take a backup with M(openwebui.postgres.webui_sqlite_backup) first. This is the only module that
    changes a C(webui.db).
  - Needs nothing but Python's standard library.
options:
  state:
    description:
      - With V(cleaned), the database holds no row whose parent is gone.
      - With V(restored), it holds the rows of O(quarantine_file). A row that is there already with the same content is left
        alone. If one is there with another content, or cannot be put back for another reason, nothing is changed.
    type: str
    choices: [cleaned, restored]
    default: cleaned
  tables:
    description:
      - The tables to clean. Rows of other tables stay, also those that become orphans by this.
      - Without it, all tables are cleaned.
    type: list
    elements: str
  exclude_tables:
    description:
      - Tables not to clean, usually those that M(openwebui.postgres.webui_pg_migrate) is to leave out. Upper and lower case are the same.
    type: list
    elements: str
    default: []
  quarantine:
    description:
      - Folder for the file with the rows. Created with mode V(0700) where it is missing.
      - Required with O(state=cleaned).
    type: path
  quarantine_file:
    description:
      - The file with the rows to be put back.
      - Required with O(state=restored).
    type: path
extends_documentation_fragment:
  - openwebui.postgres.source
  - openwebui.postgres.attributes
attributes:
  check_mode:
    details:
      - Works out exactly what would be done, without a write to the file. A database in use is a warning then and not a failure,
        so that Open WebUI need not be stopped for it.
  diff_mode:
    details:
      - Shows the numbers of rows and of orphans per table, never the rows.
  idempotent:
    details:
      - A database without orphans is left as it is, and so is one that holds the rows to be put back.
notes:
  - The rows in quarantine are user data. The file can be read by its owner only.
  - References that are no foreign key of the database, such as C(chat.folder_id), are never touched.
seealso:
  - module: openwebui.postgres.webui_sqlite_backup
  - module: openwebui.postgres.webui_sqlite_check
  - module: openwebui.postgres.webui_pg_migrate
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Show what would be removed
  openwebui.postgres.webui_orphan_clean:
    path: /srv/open-webui/webui.db
    quarantine: /var/backups/open-webui/quarantine
  check_mode: true
  diff: true

- name: Remove orphaned rows
  openwebui.postgres.webui_orphan_clean:
    path: /srv/open-webui/webui.db
    quarantine: /var/backups/open-webui/quarantine
  register: cleaned

- name: Put them back
  openwebui.postgres.webui_orphan_clean:
    path: /srv/open-webui/webui.db
    state: restored
    quarantine_file: "{{ cleaned.quarantine_file }}"
"""

RETURN = r"""
removed:
  description: Rows that were removed, by table and by the table whose row they refer to in vain.
  returned: success, with O(state=cleaned)
  type: list
  elements: dict
  sample: [{"table": "chat_file", "parent": "chat", "rows": 12}]
nulled:
  description: Rows that stay, but whose reference is now NULL.
  returned: success, with O(state=cleaned)
  type: list
  elements: dict
  sample: [{"table": "knowledge_file", "parent": "knowledge_directory", "column": "directory_id", "rows": 1}]
restored:
  description: Rows that were put back, removed and nulled ones, by table.
  returned: success, with O(state=restored)
  type: list
  elements: dict
  sample: [{"table": "chat_file", "rows": 12}]
quarantine_file:
  description:
    - The file that holds the rows as they were, one JSON object a line. Null when nothing was removed, and in check mode.
    - With O(state=restored), the file that was read.
  returned: success
  type: str
  sample: /var/backups/open-webui/quarantine/orphans-20260501T030000.123456Z.jsonl
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
  sample: [{"kind": "restore", "message": "…", "table": "chat_file", "key": "6f1c"}]
problems_total:
  description: The number of problems, listed or not.
  returned: when the task is refused
  type: int
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.orphans import clean
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.restore import restore


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["cleaned", "restored"], "default": "cleaned"},
            "tables": {"type": "list", "elements": "str"},
            "exclude_tables": {"type": "list", "elements": "str", "default": []},
            "quarantine": {"type": "path"},
            "quarantine_file": {"type": "path"},
        },
        required_if=[("state", "cleaned", ("quarantine",)), ("state", "restored", ("quarantine_file",))],
        supports_check_mode=True,
    )
    options = module.params
    answer(module, lambda: _done(options, module.check_mode))


def _done(options: dict[str, Any], check: bool) -> dict[str, Any]:
    if options["state"] == "restored":
        return restore(options["path"], options["quarantine_file"], check)
    return clean(options["path"], options["tables"], options["quarantine"], check, options["exclude_tables"])


if __name__ == "__main__":
    main()
