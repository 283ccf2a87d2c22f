#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_state
short_description: Stop Open WebUI until its SQLite file is at rest, or start it until it serves
version_added: 0.1.0
description:
  - Stops an Open WebUI and waits until nothing holds its C(webui.db) open, or starts it and waits until it is healthy and, where the
    connection options are given, until PostgreSQL sees its connections. Each is one task, whatever runs Open WebUI.
  - Looks several times a second, and ends early, with the last lines of the log, when what was started has ended again or keeps
    restarting.
  - Writes nothing. A task that is killed while it waits can be repeated, and goes on from where that was.
  - Needs psycopg with O(login_db), and nothing but Python's standard library without. A container of Docker Compose is started by
    Compose, where its files describe another one by now.
extends_documentation_fragment:
  - openwebui.postgres.instance
  - openwebui.postgres.connection
  - openwebui.postgres.attributes
options:
  state:
    description:
      - V(at_rest) stops Open WebUI where it runs. When the task is done nothing has the C(webui.db) open, and it is still the file that
        Open WebUI had open before.
      - V(serving) starts Open WebUI where it does not run. When the task is done it is healthy, and connected if O(login_db) is given.
    type: str
    choices: [at_rest, serving]
    required: true
  instance:
    description:
      - The name of the Open WebUI that an earlier look has found, of the container or the unit. The same as O(container_name) with a
        container and O(unit) with a unit, and of no meaning with O(commands).
    type: str
    default: ""
  noted:
    description:
      - With O(state=at_rest), the file as an earlier look has found it while Open WebUI ran on it. It has to be the same after the stop.
      - Without it, an Open WebUI that runs on SQLite is asked for its file before it is stopped.
    type: dict
    suboptions:
      real_path:
        description: The file, without symbolic links.
        type: str
        required: true
      device:
        description: Number of the device that it is on.
        type: int
        required: true
      inode:
        description: Its inode.
        type: int
        required: true
  settle_timeout:
    description:
      - With O(state=at_rest), for how many seconds after the stop others may have the file open, and O(commands) may take to have Open
        WebUI end.
    type: int
    default: 60
  start:
    description:
      - With O(state=serving), whether Open WebUI is started where it does not run. With V(false) it is only waited for.
    type: bool
    default: true
  timeout:
    description:
      - With O(state=serving), how many seconds to wait until Open WebUI is healthy. V(0) asks once.
    type: int
    default: 180
  connect_timeout:
    description:
      - With O(state=serving), how many seconds to wait for a connection of an Open WebUI that is healthy.
    type: int
    default: 60
  login_db:
    description:
      - Name of the target database. With O(state=serving), PostgreSQL is asked for connections of Open WebUI if this is given. Those from
        before the start do not count; where nothing was started, any will do.
    type: str
    required: false
  expected_revision:
    description:
      - With O(state=serving), the alembic revision that the target database has to have. Needs O(login_db).
    type: str
    default: ""
  log_lines:
    description:
      - How many of the last lines of its log to tell of an Open WebUI that does not come. V(0) for none. Secrets are masked.
    type: int
    default: 20
attributes:
  check_mode:
    details:
      - Stops and starts nothing, asks the health address once, and does not ask PostgreSQL.
  diff_mode:
    support: none
    details:
      - Nothing is written that a difference could be shown of.
  idempotent:
    details:
      - What is at rest or in service already is left as it is.
notes:
  - Run it as the user that can stop and start Open WebUI, and see what its processes have open, which is root as a rule.
seealso:
  - module: openwebui.postgres.webui_info
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Stop Open WebUI until nothing writes to its database
  openwebui.postgres.webui_state:
    state: at_rest
    runtime: container
    container_name: open-webui
  register: rest

- name: Start it again until it is healthy
  openwebui.postgres.webui_state:
    state: serving
    runtime: container
    container_name: open-webui

- name: Start a service until it works on PostgreSQL
  openwebui.postgres.webui_state:
    state: serving
    runtime: systemd
    unit: open-webui.service
    login_host: 127.0.0.1
    login_user: openwebui
    login_password: "{{ webui_database_password }}"
    login_db: openwebui
    expected_revision: 0bd252b206fb
  become: true

- name: Stop one that your own commands handle
  openwebui.postgres.webui_state:
    state: at_rest
    runtime: command
    env_file: /etc/open-webui.env
    data_dir: /srv/open-webui
    commands:
      probe: [pgrep, --full, open-webui]
      stop: [supervisorctl, stop, open-webui]
      start: [supervisorctl, start, open-webui]
"""

RETURN = r"""
changed:
  description: Whether Open WebUI was stopped or started, or would have been in check mode.
  returned: always
  type: bool
was_running:
  description: Whether it ran before.
  returned: with O(state=at_rest)
  type: bool
stopped_at:
  description: When its stop began, in seconds since 1970. Null where it did not run.
  returned: with O(state=at_rest)
  type: float
  sample: 1795000000.25
at_rest_at:
  description: Since when nothing holds its file open, in seconds since 1970. Null where that is not so, and in check mode.
  returned: with O(state=at_rest)
  type: float
  sample: 1795000003.5
source:
  description:
    - What RV(openwebui.postgres.webui_info#module:instance.source) tells of its C(webui.db). Empty where nothing says where that is.
  returned: with O(state=at_rest)
  type: dict
  sample:
    exists: true
    real_path: /srv/open-webui/webui.db
    log_path: /srv/open-webui/webui.db-wal
    device: 65025
    inode: 1835054
    in_use: false
    holders: []
    evidence: none
    findings: []
started:
  description: Whether this task has started it.
  returned: with O(state=serving)
  type: bool
running:
  description: Whether it runs.
  returned: with O(state=serving)
  type: bool
health:
  description: The last answer of its health address.
  returned: with O(state=serving)
  type: dict
  contains:
    url:
      description: The address. Empty where it was not asked.
      type: str
      sample: http://127.0.0.1:8080/health
    healthy:
      description: Whether it answered with 200.
      type: bool
      sample: true
    status:
      description: The HTTP status, V(0) where there was no answer.
      type: int
      sample: 200
    reason:
      description: Why it is not healthy, in a few words. Empty where it is.
      type: str
      sample: connection refused
connections:
  description: How many connections of Open WebUI the server sees. Null where it was not asked.
  returned: with O(state=serving)
  type: int
  sample: 1
revision:
  description: The alembic revision of the target database. Null where the server was not asked, or does not tell one.
  returned: with O(state=serving)
  type: str
  sample: 0bd252b206fb
started_at:
  description: When its start began, in seconds since 1970. Null where it was not started.
  returned: with O(state=serving)
  type: float
  sample: 1795000030.5
serving_at:
  description: Since when it serves, in seconds since 1970. Null where it does not, and in check mode.
  returned: with O(state=serving)
  type: float
  sample: 1795000042.0
timing:
  description: When the module was at work, by the clock of the host, in seconds since 1970.
  returned: always
  type: dict
  sample: {"began_at": 1795000000.25, "ended_at": 1795000003.5}
problems:
  description:
    - What is wrong. Lines of the log follow, with the kind V(log).
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
  sample: [{"kind": "in_use", "message": "…"}]
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
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.info import path_of
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import Noted
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.state import (
    Rest,
    Service,
    at_rest,
    looker,
    named,
    serving,
    the_one,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer, require_psycopg
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR, connection_argument_spec
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import masked


def argument_spec() -> dict[str, Any]:
    return {
        **asked_argument_spec(),
        **connection_argument_spec(),
        "login_db": {"type": "str"},
        "state": {"type": "str", "choices": ["at_rest", "serving"], "required": True},
        "instance": {"type": "str", "default": ""},
        "noted": {
            "type": "dict",
            "options": {
                "real_path": {"type": "str", "required": True},
                "device": {"type": "int", "required": True},
                "inode": {"type": "int", "required": True},
            },
        },
        "start": {"type": "bool", "default": True},
        "timeout": {"type": "int", "default": 180},
        "connect_timeout": {"type": "int", "default": 60},
        "expected_revision": {"type": "str", "default": ""},
        "log_lines": {"type": "int", "default": 20},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    options = module.params
    if options["expected_revision"] and not options["login_db"]:
        module.fail_json(msg="expected_revision is a revision of the target database: give login_db and what else reaches it")
    if options["state"] == "serving" and options["login_db"] and not module.check_mode:
        require_psycopg(module, PSYCOPG_IMPORT_ERROR)
    # A word of a command may be a secret that is in the env file as well.
    hidden = secrets_of(options["env_file"], {}) if options["env_file"] else []
    commands = {name: [masked(word, hidden) for word in words or []] for name, words in (options["commands"] or {}).items()}
    so_far: dict[str, Any] = {"changed": False}
    answer(
        module,
        lambda: _done(options, module.check_mode, so_far),
        if_refused=so_far,
        invocation={"module_args": {**options, "commands": commands}},
    )


def _done(options: dict[str, Any], check: bool, so_far: dict[str, Any]) -> dict[str, Any]:
    asked = named(asked_of(options), options["instance"])
    runtime, instance = the_one(asked)
    path = path_of(asked, instance)
    if options["state"] == "at_rest":
        noted = Noted(**options["noted"]) if options["noted"] else None
        rest = Rest(path, noted, options["settle_timeout"])
        return at_rest(runtime, instance, rest, looker(runtime, instance, path), check, so_far)
    service = Service(
        start=options["start"],
        timeout=options["timeout"],
        validate_certs=options["validate_certs"],
        connection=options if options["login_db"] else None,
        expected_revision=options["expected_revision"],
        connect_timeout=options["connect_timeout"],
        log_lines=options["log_lines"],
        sqlite_path=path,
    )
    return serving(runtime, instance, service, check, so_far)


if __name__ == "__main__":
    main()
