#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_env_file_info
short_description: Look at an env file of Open WebUI
version_added: 0.1.0
description:
  - Tells which database an env file leads Open WebUI to, and which SQLite database it had before M(openwebui.postgres.webui_env_file) put
    it on PostgreSQL. The answer holds no secret.
  - The file is read as a shell reads it. The last line of a name counts, and C(export), quotes, line ends of Windows and comments are
    understood. What a line means is what it means to Open WebUI itself.
  - Needs nothing but Python's standard library.
options:
  path:
    description:
      - The env file. It need not be there.
    type: path
    required: true
  data_dir:
    description:
      - Open WebUI's data folder, for an env file that does not set E(DATA_DIR).
    type: str
    default: ""
  sqlite_path:
    description:
      - The file that is to be moved. Where the env file leads Open WebUI to another one, that is among the findings.
    type: str
    default: ""
  env:
    description:
      - The settings that put Open WebUI on the new database, by name, to be told whether it is there already.
    type: dict
attributes:
  check_mode:
    description: Changes nothing in either mode.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
seealso:
  - module: openwebui.postgres.webui_env_file
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Look at the env file
  openwebui.postgres.webui_env_file_info:
    path: /etc/open-webui.env
    data_dir: /var/lib/open-webui
  register: found

- name: Tell which database it names
  ansible.builtin.debug:
    msg: "{{ found.env_file.database.where }}"
"""

RETURN = r"""
env_file:
  description: What the env file says.
  returned: success
  type: dict
  contains:
    path:
      description: The file itself, where O(path) is a symbolic link.
      type: str
      sample: /etc/open-webui.env
    exists:
      description: Whether it is there.
      type: bool
    switched:
      description: Whether M(openwebui.postgres.webui_env_file) has put settings into it.
      type: bool
    no_way_back:
      description: Why it would not lead Open WebUI to SQLite without these settings, one line.
      type: list
      elements: str
      sample: []
    data_dir:
      description: The data folder, from the file or from O(data_dir). Empty when neither tells.
      type: str
      sample: /var/lib/open-webui
    sqlite_path:
      description: The SQLite database that it leads to, or has led to before PostgreSQL. Empty when that cannot be told.
      type: str
      sample: /var/lib/open-webui/webui.db
    database:
      description: The database that the next start will use.
      type: dict
      contains:
        kind:
          description: V(sqlite), V(postgresql) or V(other).
          type: str
          sample: sqlite
        where:
          description: The file, or C(host:port/name). Never with credentials.
          type: str
          sample: /var/lib/open-webui/webui.db
        set_by:
          description: Names of the variables that say so. None for Open WebUI's default.
          type: list
          elements: str
          sample: []
        on_target:
          description: Whether it is the one that O(env) names.
          type: bool
    findings:
      description: Why the file to be moved is not the one in use, or why that cannot be told, one line each. Links and mounts are followed.
      type: list
      elements: str
      sample: []
    cannot_write:
      description: Why the env file could not be replaced by another, one line each.
      type: list
      elements: str
      sample: []
problems:
  description:
    - Why nothing can be told. V(kind) is a word for programs, V(message) one line for people.
  returned: when the task is refused
  type: list
  elements: dict
  sample: [{"kind": "env_file", "message": "…"}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.env_file import look, texts
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import secrets_in


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "data_dir": {"type": "str", "default": ""},
            "sqlite_path": {"type": "str", "default": ""},
            "env": {"type": "dict", "no_log": True},
        },
        supports_check_mode=True,
    )
    options = module.params
    env = texts(options["env"])
    # Ansible takes every value for a secret, also a pool size of 15, and would blank it out wherever it is part of a path.
    module.no_log_values = set(secrets_in(env, []))
    invocation = {"module_args": {**options, "env": sorted(env)}}
    try:
        found = look(options["path"], options["data_dir"], options["sqlite_path"], env)
    except Refused as refused:
        problems = [problem.as_result() for problem in refused.problems]
        module.fail_json(msg=str(refused), problems=problems, invocation=invocation)
    module.exit_json(env_file=found, invocation=invocation)


if __name__ == "__main__":
    main()
