#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_kept
short_description: Look whether an Open WebUI that was moved to PostgreSQL is still as it should be
version_added: 0.1.0
description:
  - Asks in one look whether the packages that this collection needs are installed for the Python that runs the module, whether the
    database can be used and holds what C(webui.db) holds, and whether Open WebUI is healthy and connected to it.
  - A no is no failure. It is told with its reasons, and whoever asks goes on to the modules that put it right.
  - Changes nothing, starts nothing, and waits for nobody.
extends_documentation_fragment:
  - openwebui.postgres.instance
  - openwebui.postgres.connection
  - openwebui.postgres.attributes.info_module
options:
  login_user:
    description:
      - Role that owns the database, and that Open WebUI connects as.
    type: str
    required: true
  instance:
    description:
      - The name of the Open WebUI that an earlier look has found, of the container or the unit. The same as O(container_name) with a
        container and O(unit) with a unit, and of no meaning with O(commands).
    type: str
    default: ""
  path:
    description:
      - The SQLite database whose rows have to be in the target database, as a move has put them there. Empty where it is there no more.
    type: path
    default: ""
  requirements:
    description:
      - What has to be installed for the Python that runs the module, in the words of pip. Without pip there, nothing is taken for
        installed.
    type: list
    elements: str
    default: []
  settle_timeout:
    description:
      - Of no meaning for a look. It is here because all modules that handle Open WebUI are told the same of it.
    type: int
    default: 60
notes:
  - Run it as the user that can see what the processes of Open WebUI have open, which is root as a rule.
seealso:
  - module: openwebui.postgres.webui_database
  - module: openwebui.postgres.webui_pg_migrate
  - module: openwebui.postgres.webui_state
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Look whether there is anything to do
  openwebui.postgres.webui_kept:
    runtime: container
    container_name: open-webui
    path: /srv/open-webui/webui.db
    login_host: 127.0.0.1
    login_user: openwebui
    login_password: "{{ webui_database_password }}"
    login_db: openwebui
  register: look
  vars:
    ansible_python_interpreter: /var/lib/openwebui-postgres/venv/bin/python

- name: Say what there is
  ansible.builtin.debug:
    var: look.amiss
  when: not look.kept
"""

RETURN = r"""
kept:
  description: Whether all is as it should be.
  returned: success
  type: bool
  sample: false
amiss:
  description: What is not, one line for each, for people. The look ends with the first step that says no.
  returned: success
  type: list
  elements: str
  sample: ["Open WebUI does not run"]
problems:
  description:
    - Why the task was refused. What the look has found is in RV(amiss).
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
  sample: [{"kind": "option", "message": "…"}]
problems_total:
  description: The number of problems, listed or not.
  returned: when the task is refused
  type: int
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.asked import asked_argument_spec, asked_of
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.env_file import secrets_of
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.kept import Kept, amiss
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.state import Service, named
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer, require_psycopg
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR, connection_argument_spec
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.database import Wanted
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import masked


def argument_spec() -> dict[str, Any]:
    return {
        **asked_argument_spec(),
        **connection_argument_spec(),
        "login_user": {"type": "str", "required": True},
        "instance": {"type": "str", "default": ""},
        "path": {"type": "path", "default": ""},
        "requirements": {"type": "list", "elements": "str", "default": []},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    options = module.params
    require_psycopg(module, PSYCOPG_IMPORT_ERROR)
    # A word of a command may be a secret that is in the env file as well.
    hidden = secrets_of(options["env_file"], {}) if options["env_file"] else []
    commands = {name: [masked(word, hidden) for word in words or []] for name, words in (options["commands"] or {}).items()}
    answer(module, lambda: _looked(options), invocation={"module_args": {**options, "commands": commands}})


def _looked(options: dict[str, Any]) -> dict[str, Any]:
    found = amiss(named(asked_of(options), options["instance"]), _wish(options))
    return {"changed": False, "kept": not found, "amiss": found}


def _wish(options: dict[str, Any]) -> Kept:
    host = options["login_unix_socket"] or options["login_host"] or "the local socket"
    return Kept(
        connection=options,
        wanted=Wanted(
            owner=options["login_user"],
            password=options["login_password"] or "",
            database=options["login_db"],
            schema=options["schema"],
            where=f"{host} port {options['login_port']}",
        ),
        service=Service(
            start=False,
            timeout=0,
            validate_certs=options["validate_certs"],
            connection=options,
            connect_timeout=0,
            log_lines=0,
        ),
        sqlite_path=options["path"],
        requirements=options["requirements"],
    )


if __name__ == "__main__":
    main()
