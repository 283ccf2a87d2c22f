#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_postgres_preflight
short_description: Find out what stands in the way of a PostgreSQL by Docker Compose
version_added: 0.1.0
description:
  - Looks whether a host can run the server that the role P(openwebui.postgres.webui_postgres#role) deploys, before anything is made.
    Docker and its Compose plugin, names, port, image, the project folder, the data folder, free space.
  - Names all that stands in the way at once, each with what to do. Changes nothing, and starts nothing.
  - Needs nothing but Python's standard library, and the C(docker) command.
options:
  project_dir:
    description:
      - Folder of the Compose project.
    type: path
    required: true
  data_dir:
    description:
      - Folder on the host for the data.
    type: path
    required: true
  project:
    description:
      - Name of the Compose project.
    type: str
    required: true
  container_name:
    description:
      - Name of the container.
    type: str
    required: true
  image:
    description:
      - The image to run.
    type: str
    required: true
  pull:
    description:
      - When the image is pulled.
    type: str
    choices:
      - missing
      - always
      - never
    default: missing
  version:
    description:
      - Major version of PostgreSQL, which decides where its image keeps its data.
    type: int
    required: true
  listen:
    description:
      - Addresses of the host to publish the port at.
    type: list
    elements: str
    default:
      - 127.0.0.1
  port:
    description:
      - The port to publish.
    type: int
    required: true
  owner:
    description:
      - Role that is to own the database of Open WebUI.
    type: str
    required: true
  compose_later:
    description:
      - The Compose plugin is put in place later, so that it is not asked for.
    type: bool
    default: false
  room_mb:
    description:
      - How much space the new database may need, in MB. With V(0), none.
    type: int
    default: 0
extends_documentation_fragment:
  - openwebui.postgres.engine
  - openwebui.postgres.attributes.info_module
notes:
  - An image that is not there is asked for at its registry, without credentials. A registry that wants some is taken at its word.
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Find out what stands in the way of the server
  openwebui.postgres.webui_postgres_preflight:
    project_dir: /opt/openwebui-postgres
    data_dir: /opt/openwebui-postgres/data
    project: openwebui-postgres
    container_name: openwebui-postgres
    image: postgres:18-alpine
    version: 18
    port: 5432
    owner: openwebui
    room_mb: 2000
"""

RETURN = r"""
project_dir:
  description: The folder that was looked at.
  returned: success
  type: str
cluster_dir:
  description: Where on the host the image keeps the data, below O(data_dir).
  returned: success
  type: str
  sample: /opt/openwebui-postgres/data/18/docker
image_present:
  description: Whether the image is there. If not, it can be pulled.
  returned: success
  type: bool
running:
  description: Whether the server runs at that port.
  returned: success
  type: bool
has_data:
  description: Whether the data folder holds data of this server.
  returned: success
  type: bool
data_dir_exists:
  description: Whether the data folder is there.
  returned: success
  type: bool
compose_file_exists:
  description: Whether the project has its C(compose.yaml).
  returned: success
  type: bool
was_up:
  description: Whether the server was up at some time.
  returned: success
  type: bool
memory_mb:
  description: Memory of the host.
  returned: success
  type: int
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
  sample: [{"kind": "port", "message": "…"}]
problems_total:
  description: The number of problems, listed or not.
  returned: when the task is refused
  type: int
  sample: 1
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.postgres_preflight import Plan, examine
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import DEFAULT_HOST, Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer


def main() -> None:
    required = {"required": True}
    module = AnsibleModule(
        argument_spec={
            "docker_host": {"type": "str", "default": DEFAULT_HOST},
            "project_dir": {"type": "path", **required},
            "data_dir": {"type": "path", **required},
            "project": {"type": "str", **required},
            "container_name": {"type": "str", **required},
            "image": {"type": "str", **required},
            "pull": {"type": "str", "choices": ["missing", "always", "never"], "default": "missing"},
            "version": {"type": "int", **required},
            "listen": {"type": "list", "elements": "str", "default": ["127.0.0.1"]},
            "port": {"type": "int", **required},
            "owner": {"type": "str", **required},
            "compose_later": {"type": "bool", "default": False},
            "room_mb": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    options = dict(module.params)
    engine = options.pop("docker_host")
    says = None if options.pop("compose_later") else compose_version(module)
    plan = Plan(**options)
    answer(module, lambda: {"changed": False, **examine(Engine(engine), plan, says)})


def compose_version(module: AnsibleModule) -> str:
    """What the Compose plugin says of itself, or the docker command, or the system, if there is none."""
    docker = module.get_bin_path("docker")
    if docker is None:
        return "no docker command found"
    _code, output, complaint = module.run_command([docker, "compose", "version", "--short"])
    return (output.strip() or complaint.strip()).split("\n")[0]


if __name__ == "__main__":
    main()
