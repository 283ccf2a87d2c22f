#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_info
short_description: Look at the Open WebUI of a host, and at all that stands in the way of moving it to PostgreSQL
version_added: 0.1.0
description:
  - Finds the Open WebUI of a host, whatever runs it, and tells how it runs, which database it uses, where its C(webui.db) is and whether it
    is that file that its processes have open. The answer holds no secret.
  - Fails when something stands in the way of handling it, with everything that does, each saying what to do. With O(refuse=false), that is
    returned only.
  - What the operator says in the options is never overridden by what is found.
  - Needs nothing but Python's standard library, and so works on a host on which nothing has been installed yet. Open WebUI itself is not
    imported, since that would upgrade its database.
  - An image is taken for Open WebUI's when the last part of its repository is C(open-webui), whatever the registry and the tag,
    or when its labels say so.
  - Containers that M(openwebui.postgres.webui_container) has set aside (C(NAME-on-sqlite)) or not finished
    (C(NAME-on-postgresql)) are left out while C(NAME) is there. If a run was killed while no container had that name, the one to
    continue with is returned, with C(NAME) as its name and RV(instance.unfinished) true.
  - Of a unit of systemd, what counts is what the next start will use, from the unit, its drop-ins and its env files, by systemd's own
    rules.
  - An env file is read as a shell reads it. The last line of a name counts, and C(export), quotes, line ends of Windows and comments are
    understood. What a line means is what it means to Open WebUI itself.
  - The C(webui.db) is compared, by device and inode, with what the processes of Open WebUI have open, seen through their own mounts. File,
    folder and name must be the same, since SQLite keeps its write-ahead log beside the name by which a file was opened. Where no process
    has a SQLite file open at the moment, the path that the settings name is followed as the process would. What cannot be seen is a
    problem, and never guessed.
options:
  database:
    description:
      - The new database, in the terms of the role variables C(webui_database_) and C(webui_postgres_). By it is told whether Open WebUI is
        there already.
    type: dict
    default: {}
    suboptions:
      mode:
        description: Where PostgreSQL comes from. With V(auto), V(compose) where Open WebUI runs in the host's Docker Engine.
        type: str
        choices: [auto, compose, external]
        default: auto
      delegated:
        description: Whether PostgreSQL is on another host than Open WebUI.
        type: bool
        default: false
      alias:
        description: The name of PostgreSQL in a network that it shares with Open WebUI.
        type: str
        default: openwebui-postgres
      network:
        description: That network.
        type: str
        default: openwebui-postgres
      host:
        description: The server's host, as this host reaches it.
        type: str
        default: 127.0.0.1
      port:
        description: The server's port, as this host reaches it.
        type: int
        default: 5432
      name:
        description: Name of the database.
        type: str
        default: openwebui
      user:
        description: The role that owns it.
        type: str
        default: openwebui
      schema:
        description: The schema of Open WebUI's tables.
        type: str
        default: public
      ssl_mode:
        description: How strictly the connection is encrypted.
        type: str
        default: prefer
      ca_cert:
        description: File with the certificate authorities that may vouch for the server.
        type: str
        default: ""
      ssl_cert:
        description: File with the client's certificate.
        type: str
        default: ""
      ssl_key:
        description: File with the client's private key.
        type: str
        default: ""
      url:
        description: All of E(DATABASE_URL), in the place of what it is composed of otherwise. Its password plays no part here.
        type: str
        default: ""
      url_scheme:
        description: The scheme of E(DATABASE_URL).
        type: str
        default: postgresql
      url_host:
        description: The server's host as Open WebUI reaches it. By default O(database.alias) or O(database.host).
        type: str
        default: ""
      url_port:
        description: The server's port as Open WebUI reaches it. By default V(5432) by O(database.alias), or else O(database.port).
        type: int
        default: 0
      pool_size:
        description: Size of Open WebUI's pool of connections. V(0) leaves it to Open WebUI.
        type: int
        default: 0
      pool_max_overflow:
        description: How many connections there may be besides those. V(0) leaves it to Open WebUI.
        type: int
        default: 0
      environment:
        description: Further settings of Open WebUI.
        type: dict
        default: {}
  container_options:
    description:
      - What a container gets that is still to be made, because none is left, of O(image) and O(data_dir).
    type: dict
    default: {}
    suboptions:
      network_mode:
        description: Its network mode.
        type: str
        default: bridge
      networks:
        description: Names of its networks.
        type: list
        elements: str
        default: []
      secret_key:
        description: Whether its own environment holds a secret key.
        type: bool
        default: false
  settle_timeout:
    description:
      - How many seconds a running Open WebUI has for its first healthy answer. One that is on the new database already is not asked.
    type: int
    default: 60
  state_dir:
    description:
      - Where this collection keeps its own things on the host. It has to be an absolute path.
    type: str
    default: ""
  log_lines:
    description:
      - How many lines of its log to return. Of the last ones, those that hold an error come first, then the very last.
    type: int
    default: 0
  refuse:
    description:
      - Whether the task fails when there is any problem.
    type: bool
    default: true
extends_documentation_fragment:
  - openwebui.postgres.instance
  - openwebui.postgres.attributes.info_module
notes:
  - Run it as root, or as the user that Open WebUI runs as. What processes of others have open is not shown by the kernel. A lock on the
    file is, as it has in WAL mode, and is enough where they have the same mounts as this module. Otherwise, that is a problem.
  - With a rootless engine, or one in a virtual machine, paths on the host are those that the engine sees.
  - Of O(commands), only C(probe) is run.
seealso:
  - module: openwebui.postgres.webui_container
  - module: openwebui.postgres.webui_compose
  - module: openwebui.postgres.webui_env_file
  - module: openwebui.postgres.webui_sqlite_check
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Make sure that the Open WebUI of this host can be moved
  openwebui.postgres.webui_info:
    database:
      host: db.example.com
  register: found

- name: Tell where its data is
  ansible.builtin.debug:
    msg: "{{ found.instance.name }} keeps {{ found.instance.sqlite_path }} ({{ found.instance.source.size }} bytes)"

- name: Learn of everything that stands in the way
  openwebui.postgres.webui_info:
    runtime: command
    env_file: /etc/open-webui.env
    commands:
      probe: [systemctl, is-active, --quiet, chat]
      stop: [systemctl, stop, chat]
      start: [systemctl, start, chat]
      bootstrap: [/usr/local/sbin/chat-bootstrap]
    refuse: false
  register: found
"""

RETURN = r"""
instance:
  description: The Open WebUI that was found. What is said of one runtime only is there for that one only.
  returned: when there is one, and one only
  type: dict
  contains:
    runtime:
      description: What runs it, V(container), V(compose), V(systemd) or V(command).
      type: str
      sample: container
    capabilities:
      description: What can be asked of that runtime.
      type: dict
      contains:
        has_engine:
          description: Whether it runs from an image in a Docker Engine.
          type: bool
        keeps_old:
          description: Whether a switch sets aside what ran on SQLite, until it is finalized.
          type: bool
        one_shot:
          description: Whether a command can be run once in its image.
          type: bool
        can_be_made:
          description: Whether one can be made where none is left.
          type: bool
        by_commands:
          description: Whether commands of the operator's handle it.
          type: bool
    name:
      description:
        - The container or the unit. For a container that was set aside by a run that did not finish, the name it had before. Empty with
          O(commands).
      type: str
      sample: open-webui
    running:
      description: Whether it runs. Of a unit, also whether it is being started or stopped.
      type: bool
    status:
      description: What the engine, or systemd, calls its state.
      type: str
      sample: running
    desired:
      description: What is wanted of it. Never with credentials.
      type: dict
      contains:
        mode:
          description: V(compose) or V(external).
          type: str
          sample: compose
        by_network:
          description: Whether it reaches PostgreSQL in a network that the two share.
          type: bool
        url_host:
          description: The server's host as Open WebUI reaches it.
          type: str
          sample: openwebui-postgres
        url_port:
          description: The server's port as Open WebUI reaches it.
          type: int
          sample: 5432
        place:
          description: The new database, as C(host:port/name).
          type: str
          sample: openwebui-postgres:5432/openwebui
        driver:
          description: The driver that Open WebUI needs.
          type: str
          sample: psycopg2
        settings:
          description: Names of the settings.
          type: list
          elements: str
          sample: ["DATABASE_URL"]
        removed:
          description: Names of settings that must not be there beside them.
          type: list
          elements: str
          sample: ["DATABASE_TYPE"]
        networks:
          description: Networks that it is to be connected to as well.
          type: list
          elements: str
          sample: ["openwebui-postgres"]
    database:
      description: The database that the next start will use.
      type: dict
      contains:
        kind:
          description: V(sqlite), V(postgresql) or V(other).
          type: str
          sample: sqlite
        where:
          description: The file, on the host if it is on a mount, or C(host:port/name). Never with credentials.
          type: str
          sample: /srv/open-webui/webui.db
        set_by:
          description: Names of the environment variables that say so. Empty for Open WebUI's default.
          type: list
          elements: str
          sample: []
        on_target:
          description: Whether it is the new database already.
          type: bool
    data_dir:
      description: The data folder on the host, O(data_dir) or the one that was found. Empty when nothing tells.
      type: str
      sample: /srv/open-webui
    sqlite_path:
      description:
        - The C(webui.db) on the host, O(sqlite_path) or the one that is in use, or that was before PostgreSQL. Empty when nothing tells.
      type: str
      sample: /srv/open-webui/webui.db
    health_url:
      description: Where its health can be asked for on this host, O(health_url) or the one that was found.
      type: str
      sample: http://127.0.0.1:80/health
    health:
      description: What it says itself.
      type: dict
      contains:
        healthy:
          description: Whether it answered with 200. Null where it was not asked, since it does not run or is on the new database.
          type: bool
        reason:
          description: Why it is not healthy, in a few words. Empty where it is.
          type: str
          sample: connection refused
    source:
      description: The C(webui.db) that is to be moved. Empty where that is not the database in use, and where the runtime lacks something.
      type: dict
      contains:
        exists:
          description: Whether there is such a file.
          type: bool
        real_path:
          description: The file that the path leads to, without symbolic links. Empty when it cannot be used.
          type: str
          sample: /mnt/fast/webui.db
        log_path:
          description: Where SQLite keeps its write-ahead log, whether there is one or not. Empty when the file cannot be used.
          type: str
          sample: /mnt/fast/webui.db-wal
        device:
          description: Number of the device that it is on.
          type: int
          sample: 65025
        inode:
          description: Its inode.
          type: int
          sample: 1835054
        size:
          description: Its size in bytes.
          type: int
          sample: 14680064
        uid:
          description: Number of the user that it belongs to. Null where there is no such file.
          type: int
          sample: 0
        gid:
          description: Number of the group that it belongs to. Null where there is no such file.
          type: int
          sample: 0
        in_use:
          description: Whether another process has it open for writing, or holds a lock on it.
          type: bool
        holders:
          description: These processes. V(pid) is null where the kernel does not tell.
          type: list
          elements: dict
          sample: [{"pid": 4711, "command": "open-webui"}]
        evidence:
          description:
            - How it is known that the running Open WebUI works with this file. V(open) when its processes have it open, V(path) when the
              path of its settings leads them to it, V(none) when Open WebUI does not run or RV(instance.source.findings) says why it is not
              known.
          type: str
          sample: open
        findings:
          description: What speaks against moving this file, one line each. They are among RV(problems).
          type: list
          elements: str
          sample: []
    findings:
      description:
        - Why the file to be moved is not the one that its settings name, one line each. Links and mounts are followed. They are among
          RV(problems).
      type: list
      elements: str
      sample: []
    log:
      description:
        - What its log says last. Values of environment variables whose names suggest a secret, passwords in URLs and the secret
          key are masked. Empty without O(log_lines), with O(commands), or when a container's log driver keeps them elsewhere.
      type: list
      elements: str
      sample: ["INFO:     Started server process [1]"]
    version:
      description: Version of Open WebUI, from its Python, or from the image's labels or tag. Empty when nothing names one.
      type: str
      sample: 0.12.4
    secret_key:
      description: Where the key comes from that signs sessions and encrypts tokens. Of a container or a unit.
      type: dict
      contains:
        from:
          description: V(env), V(file) or V(none). Of a container that is still to be made, V(declared) or V(none).
          type: str
          sample: file
        path:
          description: The file, in the container if it has one.
          type: str
          sample: /app/backend/.webui_secret_key
        on_mount:
          description: Whether a container's file is on a mount. If not, it goes when the container is removed.
          type: bool
    id:
      description: Id of the container.
      type: str
      sample: 4f6c1d5b1e0a
    missing:
      description: True where the container is still to be made. Not there otherwise.
      type: bool
    made:
      description: Whether the roles of this collection made the container where there was none before.
      type: bool
    unfinished:
      description:
        - Whether a move of the container was interrupted. M(openwebui.postgres.webui_container) brings it to an end with its state
          V(switched), or takes it back with V(restored).
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
    image:
      description: The image as the container names it.
      type: str
      sample: ghcr.io/open-webui/open-webui:main
    image_id:
      description: Id of the image that the container runs.
      type: str
      sample: sha256:9d7a54b4d2b9
    image_digests:
      description: Digests of this image in the registries it came from. Empty for an image built on the host.
      type: list
      elements: str
      sample: ["ghcr.io/open-webui/open-webui@sha256:2d6a59f6a1c0"]
    image_present:
      description: Whether RV(instance.image) still names the image that it runs. False after a newer one was pulled.
      type: bool
    image_to_run:
      description: The image that a container on PostgreSQL is made of, by its id where that is the one that runs.
      type: str
      sample: sha256:9d7a54b4d2b9
    compose:
      description: What Docker Compose wrote on the container. Empty when Docker Compose does not manage it.
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
      description: The container's restart policy; V(no) without one.
      type: str
      sample: always
    auto_remove:
      description: Whether the container goes away when it is stopped (C(--rm)).
      type: bool
    network_mode:
      description: The container's network mode.
      type: str
      sample: default
    networks:
      description: Names of the container's networks.
      type: list
      elements: str
      sample: ["bridge"]
    ports:
      description: The container's published TCP ports.
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
    data_dir_inside:
      description: The data folder in the container.
      type: str
      sample: /app/backend/data
    sqlite_path_inside:
      description: The C(webui.db) in the container. Empty for a database in memory.
      type: str
      sample: /app/backend/data/webui.db
    sqlite_exists:
      description: Whether RV(instance.sqlite_path) is there.
      type: bool
    free_bytes:
      description: How much space of this host is free for the user that looks.
      type: dict
      contains:
        data:
          description: Where RV(instance.sqlite_path) is. Null where nothing tells.
          type: int
          sample: 52428800000
        state:
          description: Where O(state_dir) is, or will be made, with the snapshot and the backups in it. Null without O(state_dir).
          type: int
          sample: 52428800000
    out_of_reach:
      description:
        - Why the container's data folder is nowhere on the host that stays when it is stopped, and what to do; empty where it is. A folder
          in the container itself or in memory is not, and neither is a volume that is only mounted while a container uses it.
      type: str
      sample: ""
    api_version:
      description: Version of the API that the engine speaks.
      type: str
      sample: "1.41"
    user:
      description: The user that the unit runs as.
      type: str
      sample: open-webui
    group:
      description: The group that the unit runs as. Empty for the user's own.
      type: str
      sample: ""
    working_directory:
      description: The unit's working directory.
      type: str
      sample: /var/lib/open-webui
    environment_files:
      description: The unit's env files that are there.
      type: list
      elements: str
      sample: ["/etc/open-webui.env"]
    exec:
      description: The program that the unit starts.
      type: str
      sample: /opt/open-webui/bin/open-webui
    python:
      description: The Python that has the unit's Open WebUI. Empty when it was not found.
      type: str
      sample: /opt/open-webui/bin/python
    package_dir:
      description: Folder of Open WebUI's package in that Python.
      type: str
      sample: /opt/open-webui/lib/python3.12/site-packages/open_webui
    drivers:
      description: The drivers for PostgreSQL that this Python has, of V(psycopg2) and V(psycopg).
      type: list
      elements: str
      sample: ["psycopg2"]
    dotenv:
      description: The file C(.env) that the unit's Open WebUI reads by itself, for what is not set otherwise.
      type: dict
      contains:
        path:
          description: The file, which need not be there.
          type: str
          sample: /opt/open-webui/lib/python3.12/.env
        sets:
          description: Names beginning with C(DATABASE_) that it sets.
          type: list
          elements: str
          sample: []
    path:
      description: The env file itself, where O(env_file) is a symbolic link.
      type: str
      sample: /etc/open-webui.env
    exists:
      description: Whether the env file is there.
      type: bool
    switched:
      description: Whether M(openwebui.postgres.webui_env_file) has put settings into the env file.
      type: bool
    no_way_back:
      description: Why an Open WebUI on PostgreSQL cannot be put back on SQLite, one line each.
      type: list
      elements: str
      sample: []
    cannot_write:
      description: Why the env file could not be replaced by another, one line each. They are among RV(problems).
      type: list
      elements: str
      sample: []
candidates:
  description: Names of the containers of which one has to be chosen. Empty where there is no such choice.
  returned: always
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
    - Everything that stands in the way, in the order in which it is best dealt with.
    - Where the runtime itself lacks something, only that is told; the rest is looked at once it is there.
  returned: always
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
  sample: [{"kind": "health", "message": "…"}]
problems_total:
  description: The number of problems, listed or not.
  returned: always
  type: int
  sample: 0
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._desired import DATABASE
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.asked import asked_argument_spec, asked_of
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.env_file import secrets_of
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.info import Wish, look
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer, without_secrets
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import masked, secrets_in, texts


def argument_spec() -> dict[str, Any]:
    kinds = {str: "str", int: "int", bool: "bool", dict: "dict"}
    database = {name: {"type": kinds[type(default)], "default": default} for name, default in DATABASE.items() if name != "password"}
    database["mode"]["choices"] = ["auto", "compose", "external"]
    # A file; and what may hold a password, which Ansible would write into the system's log otherwise.
    database["ssl_key"]["no_log"] = False
    database["url"]["no_log"] = True
    database["environment"]["no_log"] = True
    return {
        **asked_argument_spec(),
        "database": {"type": "dict", "default": {}, "options": database},
        "container_options": {
            "type": "dict",
            "default": {},
            "options": {
                "network_mode": {"type": "str", "default": "bridge"},
                "networks": {"type": "list", "elements": "str", "default": []},
                # A flag, and no secret itself.
                "secret_key": {"type": "bool", "default": False, "no_log": False},
            },
        },
        "settle_timeout": {"type": "int", "default": 60},
        "state_dir": {"type": "str", "default": ""},
        "log_lines": {"type": "int", "default": 0},
        "refuse": {"type": "bool", "default": True},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    options = module.params
    database, env_file = options["database"], options["env_file"]
    environment = texts(database.get("environment"))
    hidden = secrets_in({**environment, "DATABASE_URL": database.get("url") or ""}, [])
    # Commands are shown without what the env file holds.
    known = [*secrets_of(env_file, {}), *hidden] if env_file else hidden
    invocation = without_secrets(
        module,
        hidden,
        commands={name: [masked(word, known) for word in words] for name, words in options["commands"].items() if words},
        database={**database, "url": "given" if database.get("url") else "", "environment": sorted(environment)},
    )
    answer(module, lambda: _looked(options), invocation=invocation)


def _looked(options: dict[str, Any]) -> dict[str, Any]:
    found = look(asked_of(options), _wish(options))
    instance = {} if found.instance is None else {"instance": found.instance}
    return {
        "changed": False,
        **instance,
        "candidates": found.candidates,
        "problems": [problem.as_result() for problem in found.problems],
        "problems_total": len(found.problems),
        "warnings": found.warnings,
        "failure": "\n".join(problem.message for problem in found.problems) if options["refuse"] else "",
    }


def _wish(options: dict[str, Any]) -> Wish:
    return Wish(
        database=options["database"],
        container=options["container_options"],
        settle_timeout=options["settle_timeout"],
        validate_certs=options["validate_certs"],
        log_lines=options["log_lines"],
        state_dir=options["state_dir"],
    )


if __name__ == "__main__":
    main()
