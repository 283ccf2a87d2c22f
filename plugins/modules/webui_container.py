#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_container
short_description: Replace the Docker container of an Open WebUI by one with other database settings, and go back
version_added: 0.1.0
description:
  - Makes a container like the one that runs Open WebUI, with other environment and nothing else changed, and sets the old one aside.
    Or puts the old one back into its place.
  - What the engine reports of the container is handed back to it word for word. Image, command, mounts, volumes without a name,
    ports, networks with aliases and addresses, labels, limits, devices and GPU requests, log options, health check, restart policy
    and whatever else there may be stay as they are.
  - A container is never started by this module. It is stopped only where it is replaced.
  - The steps are taken in such an order that a run that was killed at any moment can be repeated or taken back.
  - A container is removed only if it has the name that is due to it here, uses PostgreSQL, and has the mounts, the ports and the kind
    of network of the one that it stands for. Volumes are never removed.
  - Needs nothing but Python's standard library.
options:
  name:
    description:
      - Name of the container, not its id.
    type: str
    required: true
  state:
    description:
      - With V(switched), the container called O(name) uses PostgreSQL, with the settings asked for. The one from before is stopped, is
        never restarted by itself, and is called O(name) with C(-on-sqlite) behind it. If there is one of that name from an earlier move
        already, nothing is done.
      - A container that was switched before and has other settings than those now asked for is replaced once more. The one set aside
        stays.
      - With V(restored), it is the one from before the move again, with its restart policy, and the one on PostgreSQL is removed. One
        that was made where there was none before, which has the label C(openwebui.postgres.made), is removed as well.
      - With V(finalized), the one that was set aside is removed, provided that the present one uses PostgreSQL in its place.
    type: str
    choices: [switched, restored, finalized]
    required: true
  env:
    description:
      - Environment variables to set, by name. They must put Open WebUI on PostgreSQL.
      - A secret key that the image generated need not be among them. It is read from the container and set as E(WEBUI_SECRET_KEY),
        since the new container would not have the file.
      - Required with O(state=switched), and ignored otherwise.
    type: dict
  env_remove:
    description:
      - Names of environment variables to unset. Those that the image sets become empty.
    type: list
    elements: str
    default: []
  networks:
    description:
      - Names of networks that the new container is to be connected to as well. Ignored for a container in the host's network.
    type: list
    elements: str
    default: []
  image:
    description:
      - Another image for the new container, which must be on the host. What the old container has from its image, the new one has
        from its own.
      - Without it, the image stays the same, to the digest.
    type: str
    default: ""
  fallback_secret_key:
    description:
      - The secret key of Open WebUI, used where none is in use so far. A key that is in use wins over it.
    type: str
    default: ""
  adopt:
    description:
      - Take a container that Docker Compose has made as well, labels and all, though the next deploy of its project may undo the change.
        For projects whose files are not on this host, such as the stacks of Portainer. What their owner has to change is returned as
        RV(advice), and a warning.
    type: bool
    default: false
  timeout:
    description:
      - How many seconds a container has for its end before it is killed. A longer time of the container's own is kept.
    type: int
    default: 60
extends_documentation_fragment:
  - openwebui.postgres.engine
  - openwebui.postgres.attributes
attributes:
  check_mode:
    details:
      - Tells what would be done, having tried all that can be tried without a change.
  diff_mode:
    details:
      - Shows which environment variables are set and which networks are connected to, never a value.
  idempotent:
    details:
      - Nothing is done to a container that is as asked for already.
notes:
  - A container that Docker Compose or Swarm manages is refused, since they would undo the change. For Compose, there is
    M(openwebui.postgres.webui_compose), and O(adopt).
  - A container that was started with C(--rm) is refused, since there would be no way back.
  - Changes made to files in the container, outside of all mounts, are not in the new one. They are in the one that was set aside.
  - Containers that reach this one by the outdated option C(--link) have to be made again.
seealso:
  - module: openwebui.postgres.webui_compose
  - module: openwebui.postgres.webui_info
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Put Open WebUI on PostgreSQL
  openwebui.postgres.webui_container:
    name: open-webui
    state: switched
    env:
      DATABASE_URL: "postgresql://openwebui:{{ vault_webui_password | urlencode }}@openwebui-postgres:5432/openwebui"
    env_remove: [DATABASE_TYPE, DATABASE_USER, DATABASE_PASSWORD, DATABASE_HOST, DATABASE_PORT, DATABASE_NAME]
    networks: [openwebui-postgres]
  register: switched

- name: Go back to SQLite
  openwebui.postgres.webui_container:
    name: open-webui
    state: restored

- name: Remove the container from before the move
  openwebui.postgres.webui_container:
    name: open-webui
    state: finalized
"""

RETURN = r"""
id:
  description: Id of the container that has the name now. Null in check mode when it is yet to be made, and when none is left.
  returned: success
  type: str
  sample: 4f6c1d5b1e0a
name:
  description: Its name.
  returned: success
  type: str
  sample: open-webui
kept:
  description: The container that is set aside. Empty when there is none.
  returned: success
  type: dict
  contains:
    id:
      description: Its id.
      type: str
      sample: 0c1a8b6f2d3e
    name:
      description: Its name.
      type: str
      sample: open-webui-on-sqlite
changed_settings:
  description: Names of the environment variables in which the container that has the name now differs from the one that had it before.
  returned: success
  type: list
  elements: str
  sample: ["DATABASE_URL"]
advice:
  description:
    - What the owner of the Compose project has to change in it, one line each, so that its next deploy keeps Open WebUI on PostgreSQL.
      Names only, no values.
  returned: success
  type: list
  elements: str
  sample: []
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
  sample: [{"kind": "container", "message": "…"}]
problems_total:
  description: The number of problems, listed or not.
  returned: when the task is refused
  type: int
  sample: 1
"""

from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.clone import Wish
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import DEFAULT_HOST, Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.replace import finalized, restored, switched
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer, without_secrets
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import secrets_in, texts


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "docker_host": {"type": "str", "default": DEFAULT_HOST},
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["switched", "restored", "finalized"], "required": True},
            "env": {"type": "dict", "no_log": True},
            "env_remove": {"type": "list", "elements": "str", "default": []},
            "networks": {"type": "list", "elements": "str", "default": []},
            "image": {"type": "str", "default": ""},
            "fallback_secret_key": {"type": "str", "default": "", "no_log": True},
            "adopt": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 60},
        },
        required_if=[("state", "switched", ("env",))],
        supports_check_mode=True,
    )
    options = module.params
    env = texts(options["env"])
    secret_key = options["fallback_secret_key"]
    shown = {"env": sorted(env), "fallback_secret_key": "given" if secret_key else ""}
    invocation = without_secrets(module, secrets_in(env, [secret_key]), **shown)
    answer(module, lambda: _advised(_done(options, env, module.check_mode, module.no_log_values.update)), invocation=invocation)


def _done(options: dict[str, Any], env: dict[str, str], check: bool, hide: Callable[[list[str]], None]) -> dict[str, Any]:
    engine = Engine(options["docker_host"])
    if options["state"] == "switched":
        wish = Wish(env, options["env_remove"], options["networks"], options["image"], options["fallback_secret_key"])
        return switched(engine, options["name"], wish, options["timeout"], check, options["adopt"], hide)
    do = restored if options["state"] == "restored" else finalized
    return do(engine, options["name"], options["timeout"], check, options["adopt"])


def _advised(result: dict[str, Any]) -> dict[str, Any]:
    """With what the owner of the project has to change among the warnings."""
    return {**result, "warnings": result["warnings"] + result["advice"]}


if __name__ == "__main__":
    main()
