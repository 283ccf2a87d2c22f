#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_compose
short_description: Point the Open WebUI of a Docker Compose project at another database, and go back
version_added: 0.1.0
description:
  - Writes an override file beside the files of a Compose project, which puts its Open WebUI on PostgreSQL and changes nothing else. Or
    takes that back. The user's own files are never written to, and C(docker compose up -d), typed by the user, comes to the same result.
  - Which files Compose reads, what they come to and whether the container is what they describe is asked of Docker Compose itself,
    with and without the override file, before anything is written. Whatever would change besides the database is a reason to refuse.
  - The settings are in a file of their own with the mode V(0600), to which the override file refers. No secret is in a command line.
  - Other services of the project are left alone. One that was stopped stays so, and one that is not what its files describe any more
    is not made anew.
  - Needs Docker Compose 2.18 or newer on the host, and nothing but Python's standard library.
options:
  name:
    description:
      - Name of the container that Compose has made for Open WebUI.
    type: str
    required: true
  state:
    description:
      - With V(switched), the files put Open WebUI on PostgreSQL from the next start on. The container stays as it is. In check mode,
        this is the way to learn of everything that stands in the way.
      - With V(restored), the files put it on what it had before, from the next start on. A secret key that was in the layer of a
        container that is gone by now is all that stays in the settings then.
      - With V(started), the container is what its files describe, and runs. Docker Compose makes it anew where it is not. A
        project without an override file of this module is only started. Containers of the project that share its network are made
        anew with it, and those that depend on it with C(restart) set to true are restarted.
      - With V(finalized), nothing is kept for the way back alone. A Compose project keeps nothing, so this changes nothing.
    type: str
    choices: [switched, restored, started, finalized]
    required: true
  env:
    description:
      - Environment variables to set, by name. They must put Open WebUI on PostgreSQL.
      - A secret key that the image generated and keeps in the container alone is carried over without being named here.
      - Required with O(state=switched), and ignored otherwise.
    type: dict
  env_remove:
    description:
      - Names of environment variables that must not be set. Those that the project sets become empty.
    type: list
    elements: str
    default: []
  networks:
    description:
      - Names of existing networks that the container is to be connected to as well.
    type: list
    elements: str
    default: []
  image:
    description:
      - Another image for the service. Without it, the project's own.
    type: str
    default: ""
  fallback_secret_key:
    description:
      - The secret key of Open WebUI, used where none is in use so far.
    type: str
    default: ""
  override:
    description:
      - The override file to be written. By default the one that Docker Compose reads by itself.
      - Needed where the project has an override file already or names its files with E(COMPOSE_FILE) or C(-f). It has to be in that
        list then, as the last one, and to hold nothing of its own.
    type: path
    default: ""
  timeout:
    description:
      - How many seconds a container that depends on this one has for its end, where it is restarted.
    type: int
    default: 60
extends_documentation_fragment:
  - openwebui.postgres.engine
  - openwebui.postgres.attributes
attributes:
  check_mode:
    details:
      - Tells what would be done, and refuses whatever would be refused otherwise.
  diff_mode:
    details:
      - Shows which settings are in the file of settings, never a value.
  idempotent:
    details:
      - Files and container that are as asked for are left alone.
seealso:
  - module: openwebui.postgres.webui_container
  - module: openwebui.postgres.webui_info
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Learn what stands in the way
  openwebui.postgres.webui_compose:
    name: open-webui
    state: switched
    env:
      DATABASE_URL: "postgresql://openwebui:{{ vault_webui_password | urlencode }}@openwebui-postgres:5432/openwebui"
    networks: [openwebui-postgres]
  check_mode: true

- name: Put Open WebUI on PostgreSQL
  openwebui.postgres.webui_compose:
    name: open-webui
    state: switched
    env:
      DATABASE_URL: "postgresql://openwebui:{{ vault_webui_password | urlencode }}@openwebui-postgres:5432/openwebui"
    env_remove: [DATABASE_TYPE, DATABASE_USER, DATABASE_PASSWORD, DATABASE_HOST, DATABASE_PORT, DATABASE_NAME]
    networks: [openwebui-postgres]

- name: Start it
  openwebui.postgres.webui_compose:
    name: open-webui
    state: started

- name: Go back to SQLite
  openwebui.postgres.webui_compose:
    name: open-webui
    state: restored
"""

RETURN = r"""
id:
  description: Id of the container.
  returned: success
  type: str
  sample: 4f6c1d5b1e0a
name:
  description: Its name.
  returned: success
  type: str
  sample: open-webui
override:
  description: The override file, whether it is there or not.
  returned: success
  type: str
  sample: /srv/chat/compose.override.yaml
settings:
  description: The file with the settings, whether it is there or not.
  returned: success
  type: str
  sample: /srv/chat/openwebui-postgres.secret.yaml
changed_settings:
  description: Names of the environment variables that are set otherwise in the file of settings than before.
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
  sample: [{"kind": "compose", "message": "…"}]
problems_total:
  description: The number of problems, listed or not.
  returned: when the task is refused
  type: int
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.project import Project, Wish
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.switch import finalized, restored, started, switched
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import DEFAULT_HOST, Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer, without_secrets
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import secrets_in, texts


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "docker_host": {"type": "str", "default": DEFAULT_HOST},
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["switched", "restored", "started", "finalized"], "required": True},
            "env": {"type": "dict", "no_log": True},
            "env_remove": {"type": "list", "elements": "str", "default": []},
            "networks": {"type": "list", "elements": "str", "default": []},
            "image": {"type": "str", "default": ""},
            "fallback_secret_key": {"type": "str", "default": "", "no_log": True},
            "override": {"type": "path", "default": ""},
            "timeout": {"type": "int", "default": 60},
        },
        required_if=[("state", "switched", ("env",))],
        supports_check_mode=True,
    )
    options = module.params
    env = texts(options["env"])
    key = options["fallback_secret_key"]
    invocation = without_secrets(module, secrets_in(env, [key]), env=sorted(env), fallback_secret_key="given" if key else "")
    answer(module, lambda: _done(options, env, module.check_mode), invocation=invocation)


def _done(options: dict[str, Any], env: dict[str, str], check: bool) -> dict[str, Any]:
    project = Project(Engine(options["docker_host"]), options["name"], options["override"], check)
    if options["state"] == "switched":
        return switched(project, Wish(env, options["env_remove"], options["networks"], options["image"], options["fallback_secret_key"]))
    if options["state"] == "started":
        return started(project, options["timeout"])
    return restored(project) if options["state"] == "restored" else finalized(project)


if __name__ == "__main__":
    main()
