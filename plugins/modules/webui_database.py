#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_database
short_description: A database for Open WebUI and the role that owns it
version_added: 0.1.0
description:
  - Connects as the role O(login_user) to O(login_db) and names everything that the role lacks there, each with the statement to run.
    Rights are asked for one by one.
  - With O(admin_user), creates what is missing first. The role, its password, the database (UTF8, from C(template0)) and the schema.
  - What is there is left as it is. A database of another role is not taken over, and no right is granted in it.
  - The administrator needs no superuser rights. What it may not do is named before anything is made.
options:
  login_user:
    description:
      - Role to connect as, which is to own the database.
    type: str
    required: true
  admin_user:
    description:
      - Role that may create roles and databases. Without it, nothing is created.
    type: str
  admin_password:
    description:
      - Password of O(admin_user).
    type: str
  admin_db:
    description:
      - Database that O(admin_user) connects to.
    type: str
    default: postgres
  admin_help:
    description:
      - What to do if O(admin_user) cannot connect, as the end of that message.
    type: str
    default: ""
  password_file:
    description:
      - File that O(login_password) is kept in, if it was made up. Then it is not set in place of a password that the role has already.
        The file is not read.
    type: path
  wait:
    description:
      - How many seconds to wait until something answers at O(login_host) and O(login_port), also in check mode. With V(0), and for a
        socket, there is no waiting.
    type: int
    default: 0
  up_file:
    description:
      - File to make once the database can be used, which notes that its server was up. See the state V(up) of
        M(openwebui.postgres.webui_postgres_project).
    type: path
extends_documentation_fragment:
  - openwebui.postgres.connection
  - openwebui.postgres.attributes
attributes:
  check_mode:
    details:
      - Says what would be created. What is there is looked at.
  diff_mode:
    details:
      - Shows what is created, by name.
  idempotent:
    details:
      - What is there is left as it is. A password that works is not set.
notes:
  - A password reaches the server as the verifier that it stores, never in clear text.
seealso:
  - module: openwebui.postgres.webui_pg_migrate
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Find out whether the database can be used
  openwebui.postgres.webui_database:
    login_host: db.example.com
    login_user: openwebui
    login_password: "{{ webui_database_password }}"
    login_db: openwebui

- name: Create what is missing
  openwebui.postgres.webui_database:
    login_host: db.example.com
    login_user: openwebui
    login_password: "{{ webui_database_password }}"
    login_db: openwebui
    admin_user: postgres
    admin_password: "{{ vault_postgres_password }}"
"""

RETURN = r"""
ready:
  description: Whether the role can use the database. Always true but in check mode, where something is still to be created.
  returned: success
  type: bool
  sample: true
revision:
  description:
    - The alembic revision of Open WebUI's schema in the database, empty where there is none. Where several are noted, which a sound schema
      never has, they are joined by a comma and a space.
  returned: success
  type: str
  sample: 0bd252b206fb
made:
  description:
    - What was created, or would be. V(role), V(login) (the role may log in now), V(password), V(membership) (the administrator may act for
      the role now), V(database), V(schema).
  returned: success
  type: list
  elements: str
  sample: [role, database]
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
  sample: [{"kind": "privilege", "message": "…"}]
problems_total:
  description: The number of problems, listed or not.
  returned: when the task is refused
  type: int
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.postgres_project import note_up
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer, require_psycopg
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR, connection_argument_spec
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.database import Wanted, provide
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.waiting import wait_for
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "admin_user": {"type": "str"},
            "admin_password": {"type": "str", "no_log": True},
            "admin_db": {"type": "str", "default": "postgres"},
            "admin_help": {"type": "str", "default": ""},
            # A path, and no password.
            "password_file": {"type": "path", "no_log": False},
            "wait": {"type": "int", "default": 0},
            "up_file": {"type": "path"},
            **connection_argument_spec(),
            "login_user": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    require_psycopg(module, PSYCOPG_IMPORT_ERROR)
    answer(module, lambda: provided(module.params, module.check_mode), told=line_by_line)


def provided(options: dict, check_mode: bool) -> dict[str, Any]:
    """What the module returns."""
    wait_for(options["login_unix_socket"] or options["login_host"], options["login_port"], options["wait"])
    result = provide(options, admin_options(options), wanted_from(options), check_mode)
    noted = bool(options["up_file"]) and result["ready"] and note_up(options["up_file"], check_mode)
    names = {"role": options["login_user"], "database": options["login_db"], "schema": options["schema"]}
    after = {what: names.get(what, names["role"]) for what in result["made"]}
    return {"changed": bool(after) or noted, "diff": {"before": {}, "after": after}, **result}


def line_by_line(refused: Refused) -> str:
    """Every reason: each comes with a statement to run, so none may be left out."""
    return "\n".join(problem.message for problem in refused.problems)


def admin_options(options: dict) -> dict | None:
    """The connection of the administrator, if there is one."""
    if not options["admin_user"]:
        return None
    named = {"login_user": options["admin_user"], "login_password": options["admin_password"], "login_db": options["admin_db"]}
    return {**options, **named}


def wanted_from(options: dict) -> Wanted:
    host = options["login_unix_socket"] or options["login_host"] or "the local socket"
    return Wanted(
        owner=options["login_user"],
        password=options["login_password"] or "",
        database=options["login_db"],
        schema=options["schema"],
        where=f"{host} port {options['login_port']}",
        password_file=options["password_file"] or "",
        admin_help=options["admin_help"],
    )


if __name__ == "__main__":
    main()
