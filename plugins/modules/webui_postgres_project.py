#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_postgres_project
short_description: The Compose project of a PostgreSQL for Open WebUI
version_added: 0.1.0
description:
  - Makes all that Docker Compose needs to start the server that the role P(openwebui.postgres.webui_postgres#role) deploys. The folders,
    the network, the passwords and the C(compose.yaml). Starts nothing.
  - A password is made up on the host, once, and kept in a file that only its owner can read. One that is there is never replaced.
    With O(state=present) none is in the result, and none passes through the controller.
  - The network is a bridge network that is made unless there is one of that name, whoever made it. Docker takes several networks of one
    name; of several runs at the same moment one makes it and the others wait.
  - Every file appears whole or not at all. A run that was killed is completed by the next one.
  - Needs nothing but Python's standard library.
options:
  project_dir:
    description:
      - Folder of the Compose project. It gets the mode V(0700), as does C(secrets) in it.
    type: path
    required: true
  owner:
    description:
      - Role that owns the database of Open WebUI. Its password is in C(secrets/owner-NAME).
    type: str
    required: true
  state:
    description:
      - V(present) makes what is missing.
      - V(passwords) reads the passwords that were made up, and changes nothing. Such a task needs C(no_log).
      - V(up) notes that the server was healthy and its superuser could log in, from when on its data is not taken for the remains of a
        first start.
    type: str
    choices:
      - present
      - passwords
      - up
    default: present
  data_dir:
    description:
      - Folder on the host for the data. One that is there is left as it is.
    type: path
  version:
    description:
      - Major version of PostgreSQL, which decides whether O(data_dir) or a folder in it becomes PostgreSQL's own.
    type: int
  network:
    description:
      - Name of the Docker network.
    type: str
  make_up_owner:
    description:
      - Whether the owner's password is made up, too.
    type: bool
    default: true
  content:
    description:
      - Content of the C(compose.yaml). It must not hold a secret, since it is shown as a difference.
    type: str
extends_documentation_fragment:
  - openwebui.postgres.engine
  - openwebui.postgres.attributes
attributes:
  diff_mode:
    details:
      - Shows the C(compose.yaml), and which folders, files and network are made. Secrets are not shown.
  idempotent:
    details:
      - What is there is left alone, but for the modes of folders and passwords, and a C(compose.yaml) that differs.
seealso:
  - module: openwebui.postgres.webui_postgres_preflight
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Make the project of the server
  openwebui.postgres.webui_postgres_project:
    project_dir: /opt/openwebui-postgres
    data_dir: /opt/openwebui-postgres/data
    version: 18
    network: openwebui-postgres
    owner: openwebui
    content: "{{ lookup('ansible.builtin.template', 'compose.yaml.j2') }}"

- name: Read the passwords
  openwebui.postgres.webui_postgres_project:
    project_dir: /opt/openwebui-postgres
    owner: openwebui
    state: passwords
  register: passwords
  no_log: true
"""

RETURN = r"""
passwords:
  description: Whether a password was made up, or would be.
  returned: success with O(state=present)
  type: bool
network_id:
  description: Id of the network. Null in check mode when it is yet to be made.
  returned: success with O(state=present)
  type: str
  sample: 3f0c6f1c9a3e
superuser_file:
  description: File of the superuser's password.
  returned: success with O(state=present)
  type: str
  sample: /opt/openwebui-postgres/secrets/superuser
owner_file:
  description: File of the owner's password, whether it is there or not.
  returned: success with O(state=present)
  type: str
  sample: /opt/openwebui-postgres/secrets/owner-openwebui
project_dir:
  description: The folder of the project.
  returned: success with O(state=passwords)
  type: str
owner:
  description: The owner role.
  returned: success with O(state=passwords)
  type: str
superuser_password:
  description: The superuser's password, empty where none was made up yet.
  returned: success with O(state=passwords)
  type: str
owner_password:
  description: The owner's password, empty where none was made up.
  returned: success with O(state=passwords)
  type: str
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
  sample: [{"kind": "secret", "message": "…"}]
problems_total:
  description: The number of problems, listed or not.
  returned: when the task is refused
  type: int
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.postgres_project import (
    Layout,
    Project,
    note_up,
    provide,
    read_passwords,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import DEFAULT_HOST, Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "docker_host": {"type": "str", "default": DEFAULT_HOST},
            "project_dir": {"type": "path", "required": True},
            "owner": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "passwords", "up"], "default": "present"},
            "data_dir": {"type": "path"},
            "version": {"type": "int"},
            "network": {"type": "str"},
            "make_up_owner": {"type": "bool", "default": True},
            "content": {"type": "str"},
        },
        required_if=[("state", "present", ("data_dir", "version", "network", "content"))],
        supports_check_mode=True,
    )
    answer(module, lambda: done(module.params, module.check_mode))


def done(options: dict[str, Any], check: bool) -> dict[str, Any]:
    """What the module returns."""
    layout = Layout(options["project_dir"], options["owner"])
    if options["state"] == "passwords":
        return {"changed": False, **read_passwords(layout)}
    if options["state"] == "up":
        return {"changed": note_up(layout.up_file, check)}
    project = Project(layout, options["data_dir"], options["version"], options["network"], options["make_up_owner"], options["content"])
    return provide(Engine(options["docker_host"]), project, check)


if __name__ == "__main__":
    main()
