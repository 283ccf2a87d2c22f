#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_container_info
short_description: Find the Docker containers that run Open WebUI
version_added: 0.1.0
description:
  - Tells what runs Open WebUI on a Docker host, with which image, data folder, database, ports and secret key.
  - Needs nothing but Python's standard library, and so works on a host on which nothing has been installed yet.
  - An image is taken for Open WebUI's when the last part of its repository is C(open-webui), whatever the registry and the tag,
    or when its labels say so.
  - Containers that M(openwebui.postgres.webui_container) has set aside (C(NAME-on-sqlite)) or not finished
    (C(NAME-on-postgresql)) are left out while C(NAME) is there. If a run was killed while no container had that name, the one to
    continue with is returned, with C(NAME) as its name and RV(containers[].unfinished) true.
options:
  name:
    description:
      - Name or full id of the container, whatever image it runs. Without it, all containers that run an Open WebUI image are
        looked for, also stopped ones.
    type: str
    default: ""
  secret_key:
    description:
      - Also return the secret key itself, as RV(secret_key), of the only container found. Give such a task C(no_log=true).
    type: bool
    default: false
  log_lines:
    description:
      - How many lines of each container's log to return. Of the last ones, those that hold an error come first, then the very last.
    type: int
    default: 0
  sqlite_path:
    description:
      - The file that is to be moved. Where the settings lead Open WebUI to another one, that is among the findings.
    type: str
    default: ""
extends_documentation_fragment:
  - openwebui.postgres.engine
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
notes:
  - With a rootless engine, or one in a virtual machine, paths on the host are those that the engine sees.
seealso:
  - module: openwebui.postgres.webui_container
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Find Open WebUI
  openwebui.postgres.webui_container_info:
  register: found

- name: Tell where its data is
  ansible.builtin.debug:
    msg: "{{ found.containers | map(attribute='data_dir') }}"

- name: Get the secret key of one container
  openwebui.postgres.webui_container_info:
    name: open-webui
    secret_key: true
  register: key
  no_log: true
"""

RETURN = r"""
containers:
  description: The containers, by name. Empty when there is none.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the container.
      type: str
      sample: 4f6c1d5b1e0a
    name:
      description:
        - The name it is known by. For one that was set aside by a run that did not finish, the name it had before; use
          RV(containers[].id) to address it.
      type: str
      sample: open-webui
    unfinished:
      description:
        - Whether a move was interrupted. M(openwebui.postgres.webui_container) brings it to an end with its state V(switched), or
          takes it back with V(restored).
      type: bool
    image:
      description: The image as the container names it.
      type: str
      sample: ghcr.io/open-webui/open-webui:main
    image_id:
      description: Id of the image that it runs.
      type: str
      sample: sha256:9d7a54b4d2b9
    image_digests:
      description: Digests of this image in the registries it came from. Empty for an image built on the host.
      type: list
      elements: str
      sample: ["ghcr.io/open-webui/open-webui@sha256:2d6a59f6a1c0"]
    image_present:
      description: Whether RV(containers[].image) still names the image that it runs. False after a newer one was pulled.
      type: bool
    version:
      description: Version of Open WebUI, from the image's labels or its tag. Empty when neither names one.
      type: str
      sample: 0.12.4
    running:
      description: Whether it is running.
      type: bool
    status:
      description: What the engine calls its state.
      type: str
      sample: running
    health:
      description: State of its health check; V(none) without one.
      type: str
      sample: healthy
    runtime:
      description: V(compose) when Docker Compose manages it, otherwise V(container).
      type: str
      sample: container
    compose:
      description: What Docker Compose wrote on it. Empty when Docker Compose does not manage it.
      type: dict
      contains:
        project:
          description: Name of the project.
          type: str
          sample: chat
        service:
          description: Name of the service.
          type: str
          sample: open-webui
        working_dir:
          description: Folder of the project.
          type: str
          sample: /srv/chat
        config_files:
          description: Its Compose files, in their order.
          type: list
          elements: str
          sample: ["/srv/chat/compose.yaml"]
        env_files:
          description: Files that its variables were taken from, where others than C(.env) were named.
          type: list
          elements: str
          sample: []
    restart_policy:
      description: Its restart policy; V(no) without one.
      type: str
      sample: always
    auto_remove:
      description: Whether it goes away when it is stopped (C(--rm)).
      type: bool
    network_mode:
      description: Its network mode.
      type: str
      sample: default
    networks:
      description: Names of its networks.
      type: list
      elements: str
      sample: ["bridge"]
    ports:
      description: Its published TCP ports.
      type: list
      elements: dict
      contains:
        container_port:
          description: Port in the container.
          type: int
          sample: 8080
        host_ip:
          description: Address on the host.
          type: str
          sample: 0.0.0.0
        host_port:
          description: Port on the host.
          type: int
          sample: 80
    health_url:
      description: Where its health can be asked for on this host. Empty when it cannot be reached from here.
      type: str
      sample: http://127.0.0.1:80/health
    data_dir:
      description: Its data folder on the host. Empty when RV(containers[].out_of_reach) says why.
      type: str
      sample: /srv/open-webui
    data_dir_inside:
      description: Its data folder in the container.
      type: str
      sample: /app/backend/data
    out_of_reach:
      description:
        - Why its data folder is nowhere on the host that stays when the container is stopped, and what to do; empty where it is. A folder
          in the container itself or in memory is not, and neither is a volume that is only mounted while a container uses it.
      type: str
      sample: ""
    sqlite_path:
      description:
        - The C(webui.db) on the host that is in use, or that was before PostgreSQL, without the container's links. Empty when it is
          nowhere on the host that stays.
      type: str
      sample: /srv/open-webui/webui.db
    sqlite_path_inside:
      description: The same in the container. Empty for a database in memory.
      type: str
      sample: /app/backend/data/webui.db
    database:
      description: What its environment says about its database.
      type: dict
      contains:
        kind:
          description: V(sqlite), V(postgresql) or V(other).
          type: str
          sample: sqlite
        where:
          description: The file, on the host if it is on a mount, or host:port/name. Never with credentials.
          type: str
          sample: /srv/open-webui/webui.db
        set_by:
          description: Names of the environment variables that say so. Empty for Open WebUI's default.
          type: list
          elements: str
          sample: []
    findings:
      description: Why the file to be moved is not the one that Open WebUI uses, one line each. Links and mounts are followed.
      type: list
      elements: str
      sample: []
    secret_key:
      description: Where the key comes from that signs sessions and encrypts tokens.
      type: dict
      contains:
        from:
          description: V(env), V(file) or V(none).
          type: str
          sample: file
        path:
          description: The file in the container.
          type: str
          sample: /app/backend/.webui_secret_key
        on_mount:
          description: Whether the file is on a mount. If not, it goes when the container is removed.
          type: bool
    kept:
      description: The container from before the move. Empty when there is none.
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
    made:
      description: Whether the roles of this collection made it where there was no container before.
      type: bool
    api_version:
      description: Version of the API that the engine speaks.
      type: str
      sample: "1.41"
    log:
      description:
        - What its log says last. Values of environment variables whose names suggest a secret, passwords in URLs and the secret
          key are masked. Empty without O(log_lines), or when its log driver keeps them elsewhere.
      type: list
      elements: str
      sample: ["INFO:     Started server process [1]"]
secret_key:
  description: The secret key itself. Empty when there is none.
  returned: with O(secret_key=true)
  type: str
problems:
  description:
    - Why nothing can be told. V(kind) is a word for programs, V(message) one line for people.
  returned: when the task is refused
  type: list
  elements: dict
  sample: [{"kind": "engine", "message": "…"}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.containers import info
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import DEFAULT_HOST, Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "docker_host": {"type": "str", "default": DEFAULT_HOST},
            "name": {"type": "str", "default": ""},
            # A flag, and no secret itself.
            "secret_key": {"type": "bool", "default": False, "no_log": False},
            "log_lines": {"type": "int", "default": 0},
            "sqlite_path": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        engine = Engine(options["docker_host"])
        result = info(engine, options["name"], options["secret_key"], options["log_lines"], options["sqlite_path"])
    except Refused as refused:
        module.fail_json(msg=str(refused), problems=[problem.as_result() for problem in refused.problems])
    module.exit_json(**result)


if __name__ == "__main__":
    main()
