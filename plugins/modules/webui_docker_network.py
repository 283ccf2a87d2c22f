#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_docker_network
short_description: Make a Docker network that exists once
version_added: 0.1.0
description:
  - Makes a bridge network for PostgreSQL and the containers of Open WebUI, unless there is one of that name. A network that is there
    stays as it is, whoever made it.
  - Docker takes several networks of one name, and two runs that come at the same moment would make two. With this module one of them
    waits for the other.
  - Needs nothing but Python's standard library.
options:
  name:
    description:
      - Name of the network.
    type: str
    required: true
  lock_dir:
    description:
      - A folder that is there and that all who make this network name. It is locked for moments.
    type: path
    required: true
extends_documentation_fragment:
  - openwebui.postgres.engine
attributes:
  check_mode:
    description: Tells whether a network would be made.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  idempotent:
    description: A network that is there is left alone.
    support: full
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Make the network
  openwebui.postgres.webui_docker_network:
    name: openwebui-postgres
    lock_dir: /opt/openwebui-postgres
"""

RETURN = r"""
id:
  description: Id of the network. Null in check mode when it is yet to be made.
  returned: success
  type: str
  sample: 3f0c6f1c9a3e
problems:
  description:
    - Why there is no such network. V(kind) is a word for programs, V(message) one line for people.
  returned: when the task is refused
  type: list
  elements: dict
  sample: [{"kind": "network", "message": "…"}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import DEFAULT_HOST, Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.network import provide
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "docker_host": {"type": "str", "default": DEFAULT_HOST},
            "name": {"type": "str", "required": True},
            "lock_dir": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        changed, identity = provide(Engine(options["docker_host"]), options["name"], options["lock_dir"], module.check_mode)
    except Refused as refused:
        module.fail_json(msg=str(refused), problems=[problem.as_result() for problem in refused.problems])
    module.exit_json(changed=changed, id=identity)


if __name__ == "__main__":
    main()
