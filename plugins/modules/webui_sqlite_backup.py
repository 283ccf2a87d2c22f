#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_sqlite_backup
short_description: Back up the SQLite database of an Open WebUI
version_added: 0.1.0
description:
  - Copies a C(webui.db) as it is at one moment, with the rows that are still in its write-ahead log, while Open WebUI is running
    or stopped. The source is not changed, and no writer waits for more than moments.
  - The copy is a single file that needs no C(-wal) beside it. It is opened, looked at with SQLite's C(integrity_check), and its
    rows are counted and compared with those of the source before it gets its name. File and folder are then on the disk.
  - Beside it lies a manifest, JSON in a file with the same name and C(.json) at the end. It names the source, its fingerprint and
    revision, and the size, SHA-256 and row counts of the copy.
  - To go back to a copy, stop Open WebUI, remove C(webui.db-wal) and C(webui.db-shm), and put the copy in the place of C(webui.db).
  - Needs nothing but Python's standard library.
options:
  dest:
    description:
      - Folder for the copies. Created with mode V(0700) where it is missing. The copies themselves have mode V(0600).
    type: path
    required: true
  keep:
    description:
      - How many copies of this database to keep, the new one included. Older ones are removed once the new one is there.
      - Only files beside a manifest of this module that names this database are ever removed.
    type: int
    default: 5
  room:
    description:
      - How many times the size of the database there has to be room for in O(dest). More than V(1) where the copy is to grow there,
        for example because it will be upgraded.
    type: int
    default: 1
extends_documentation_fragment:
  - openwebui.postgres.source
  - openwebui.postgres.attributes
attributes:
  check_mode:
    details:
      - Tells whether a copy would be made and which ones would be removed. Makes sure that there is room for it.
  diff_mode:
    support: none
    details:
      - The rows of a database are not shown.
  idempotent:
    details:
      - A database that has not been written to since it was copied is not copied again. The copy is read and its SHA-256 compared.
notes:
  - Only the database is copied. C(uploads), C(vector_db) and the secret key are other parts of the data folder.
  - A database that is not in WAL mode and written to all the time cannot be copied in passing. The task then fails, and the
    copies that are there stay.
seealso:
  - module: openwebui.postgres.webui_sqlite_check
  - module: openwebui.postgres.webui_orphan_clean
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Back up the database
  openwebui.postgres.webui_sqlite_backup:
    path: /srv/open-webui/webui.db
    dest: /var/backups/open-webui
  register: backup

- name: Keep the last two only
  openwebui.postgres.webui_sqlite_backup:
    path: /srv/open-webui/webui.db
    dest: /var/backups/open-webui
    keep: 2
"""

RETURN = r"""
backup_file:
  description: The copy. Null in check mode when it is yet to be made.
  returned: success
  type: str
  sample: /var/backups/open-webui/webui-20260501T030000.123456Z.db
manifest_file:
  description: Its manifest. Null in check mode when it is yet to be made.
  returned: success
  type: str
  sample: /var/backups/open-webui/webui-20260501T030000.123456Z.db.json
real_path:
  description: The file that O(path) leads to, without symbolic links. The write-ahead log is looked for beside it.
  returned: success
  type: str
  sample: /mnt/fast/webui.db
sha256:
  description: SHA-256 of the copy. Null in check mode when it is yet to be made.
  returned: success
  type: str
  sample: 5f0c6f1c9a3e
size_bytes:
  description: Size of the copy. In check mode, what it will need at most when it is yet to be made.
  returned: success
  type: int
tables:
  description: The tables and their numbers of rows.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "chat", "rows": 1234}]
removed:
  description: Older copies that were removed, each with its manifest.
  returned: success
  type: list
  elements: str
  sample: ["/var/backups/open-webui/webui-20260401T030000.123456Z.db"]
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
  sample: [{"kind": "backup", "message": "…"}]
problems_total:
  description: The number of problems, listed or not.
  returned: when the task is refused
  type: int
  sample: 1
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.backup import back_up


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "dest": {"type": "path", "required": True},
            "keep": {"type": "int", "default": 5},
            "room": {"type": "int", "default": 1},
        },
        supports_check_mode=True,
    )
    options = module.params
    answer(module, lambda: back_up(options["path"], options["dest"], options["keep"], module.check_mode, options["room"]))


if __name__ == "__main__":
    main()
