#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_env_file
short_description: Put Open WebUI on PostgreSQL by its env file, and go back
version_added: 0.1.0
description:
  - Puts the settings for PostgreSQL into an env file, in a marked block at its beginning. Lines that would contradict them stay where
    they are, as comments. Or takes both back, so that the file is what it was before, to the byte, with what somebody has changed in it
    since.
  - The switch is one atomic write, and so is the way back. Whoever looks finds the old or the new file, whole, also when the task is
    killed.
  - Takes effect with the next start of Open WebUI.
  - Needs nothing but Python's standard library.
options:
  path:
    description:
      - The env file. It need not be there; its folder has to be. If it is a symbolic link, the file that it leads to is changed.
    type: path
    required: true
  state:
    description:
      - With V(switched), the file puts Open WebUI on PostgreSQL with the settings asked for, and only its owner can read it. A file that
        says all of that by itself is left alone, but for its owner and group where these are given.
      - With V(restored), the file is as it was before, with its mode, owner and group, or gone if there was none. A file that was not
        switched is left alone.
      - With V(finalized), the settings stay and are like any other line, and the lines that were set aside are gone. There is no way back
        then.
    type: str
    choices: [switched, restored, finalized]
    required: true
  env:
    description:
      - Environment variables to set, by name. They must put Open WebUI on PostgreSQL. A value is one line and is written as it is, without
        quotes, since not everything that reads env files knows of quotes.
      - Required with O(state=switched), and ignored otherwise.
    type: dict
  env_remove:
    description:
      - Names of environment variables to set aside.
    type: list
    elements: str
    default: []
  owner:
    description:
      - Whose the file is, by name or number. By default it stays whose it is; a new one is the user's of the task.
    type: str
    default: ""
  group:
    description:
      - Its group, by name or number. By default it stays as it is.
    type: str
    default: ""
extends_documentation_fragment:
  - openwebui.postgres.attributes
attributes:
  check_mode:
    details:
      - Tells what would be done.
  diff_mode:
    details:
      - Shows which variables are set, and mode and owner, never a value and never any other line of the file.
  idempotent:
    details:
      - Nothing is done to a file that is as asked for already.
seealso:
  - module: openwebui.postgres.webui_info
  - module: openwebui.postgres.webui_command
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Put Open WebUI on PostgreSQL
  openwebui.postgres.webui_env_file:
    path: /etc/open-webui.env
    state: switched
    env:
      DATABASE_URL: "postgresql://openwebui:{{ vault_webui_password | urlencode }}@db.example.com:5432/openwebui"
    env_remove: [DATABASE_TYPE, DATABASE_USER, DATABASE_PASSWORD, DATABASE_HOST, DATABASE_PORT, DATABASE_NAME]

- name: Go back to SQLite
  openwebui.postgres.webui_env_file:
    path: /etc/open-webui.env
    state: restored

- name: Give up the way back
  openwebui.postgres.webui_env_file:
    path: /etc/open-webui.env
    state: finalized
"""

RETURN = r"""
path:
  description: The file itself, where O(path) is a symbolic link.
  returned: success
  type: str
  sample: /etc/open-webui.env
switched:
  description: Whether the settings are in it, with a way back.
  returned: success
  type: bool
database:
  description: The database that the next start will use.
  returned: success
  type: dict
  contains:
    kind:
      description: V(sqlite), V(postgresql) or V(other).
      type: str
      sample: postgresql
    where:
      description: The file, or C(host:port/name). Never with credentials.
      type: str
      sample: db.example.com:5432/openwebui
    set_by:
      description: Names of the variables that say so. None for Open WebUI's default.
      type: list
      elements: str
      sample: ["DATABASE_URL"]
changed_settings:
  description: Names of the variables that have another value now than before.
  returned: success
  type: list
  elements: str
  sample: ["DATABASE_URL"]
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
  sample: [{"kind": "env_file", "message": "…"}]
problems_total:
  description: The number of problems, listed or not.
  returned: when the task is refused
  type: int
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.env_file import finalized, owner_of, restored, switched
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer, without_secrets
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import secrets_in, texts


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["switched", "restored", "finalized"], "required": True},
            "env": {"type": "dict", "no_log": True},
            "env_remove": {"type": "list", "elements": "str", "default": []},
            "owner": {"type": "str", "default": ""},
            "group": {"type": "str", "default": ""},
        },
        required_if=[("state", "switched", ("env",))],
        supports_check_mode=True,
    )
    options = module.params
    env = texts(options["env"])
    invocation = without_secrets(module, secrets_in(env, []), env=sorted(env))
    answer(module, lambda: _done(options, env, module.check_mode), invocation=invocation)


def _done(options: dict[str, Any], env: dict[str, str], check: bool) -> dict[str, Any]:
    owner = owner_of(options["owner"], options["group"])
    if options["state"] == "switched":
        return switched(options["path"], env, options["env_remove"], owner, check)
    if options["state"] == "restored":
        return restored(options["path"], owner, check)
    return finalized(options["path"], check)


if __name__ == "__main__":
    main()
