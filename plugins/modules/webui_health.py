#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_health
short_description: Wait until Open WebUI is healthy and connected to its database
version_added: 0.1.0
description:
  - Asks Open WebUI's health address several times a second until it answers with 200.
  - With O(connected), then waits until PostgreSQL sees a connection of Open WebUI to this database, and tells the revision of its schema. A
    healthy Open WebUI may be on any database.
  - Changes nothing. Needs psycopg with O(connected), and nothing but Python's standard library without.
extends_documentation_fragment:
  - openwebui.postgres.connection
options:
  url:
    description:
      - The address. C(/ready), from Open WebUI 0.8.12 on, covers start-up and database; C(/health) is there in all releases.
    type: str
    required: true
  validate_certs:
    description:
      - Whether a certificate that is not trusted counts as no answer.
    type: bool
    default: true
  timeout:
    description:
      - How many seconds to wait for it. V(0) asks once.
    type: int
    default: 180
  connected:
    description:
      - Whether PostgreSQL is asked, too, by the connection options.
    type: bool
    default: false
  connected_since:
    description:
      - How many seconds before this task Open WebUI was started. Connections that are older, and were
        not used since, are not its own. Without it any connection will do.
    type: float
  connection_timeout:
    description:
      - How many seconds to wait for a connection of an Open WebUI that is healthy.
    type: int
    default: 60
  login_db:
    description:
      - Name of the target database. Required with O(connected).
    type: str
    required: false
attributes:
  check_mode:
    description: Asks once and does not fail.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
  idempotent:
    description: Only looks.
    support: full
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Wait until Open WebUI answers
  openwebui.postgres.webui_health:
    url: http://127.0.0.1:8080/health

- name: Wait until it works on PostgreSQL
  openwebui.postgres.webui_health:
    url: http://127.0.0.1:8080/health
    connected: true
    connected_since: 12.5
    login_host: 127.0.0.1
    login_user: openwebui
    login_password: "{{ webui_database_password }}"
    login_db: openwebui
"""

RETURN = r"""
healthy:
  description: Whether it answered with 200.
  returned: always
  type: bool
  sample: true
status:
  description: The HTTP status of the last answer, V(0) where there was none.
  returned: always
  type: int
  sample: 200
reason:
  description: Why it is not healthy, in a few words. Empty where it is.
  returned: always
  type: str
  sample: connection refused
seconds:
  description: How long it took.
  returned: always
  type: float
  sample: 7.2
connections:
  description: How many connections of Open WebUI the server sees.
  returned: with O(connected), when it is healthy
  type: int
  sample: 1
revision:
  description: The alembic revision of the database.
  returned: with O(connected), when it is healthy
  type: str
  sample: 0bd252b206fb
problems:
  description: What is wrong. V(kind) is a word for programs, V(message) one line for people.
  returned: when the task fails
  type: list
  elements: dict
  sample: [{"kind": "health", "message": "…"}]
problems_total:
  description: The number of problems.
  returned: when the task fails
  type: int
  sample: 1
"""

import time

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.health import asker, wait, wait_connected
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import (
    PSYCOPG_IMPORT_ERROR,
    connection_argument_spec,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, refuse


def argument_spec() -> dict:
    return {
        "url": {"type": "str", "required": True},
        "validate_certs": {"type": "bool", "default": True},
        "timeout": {"type": "int", "default": 180},
        "connected": {"type": "bool", "default": False},
        "connected_since": {"type": "float"},
        "connection_timeout": {"type": "int", "default": 60},
        **connection_argument_spec(),
        "login_db": {"type": "str"},
    }


def look(params: dict, check: bool, begun: float, result: dict) -> None:
    """Fill in what is found.

    :param begun: when this task began, from which the options count.
    :raises Refused: when it is not well in time.
    """
    ask = asker(params["url"], params["validate_certs"])
    answer = wait(ask, 0 if check else params["timeout"])
    result.update(healthy=answer.healthy, status=answer.status, reason=answer.reason)
    if not answer.healthy:
        raise refuse("health", f"{params['url']} did not answer with 200 within {params['timeout']} seconds ({answer.reason})")
    if params["connected"]:
        ago = params["connected_since"]
        since = None if ago is None else begun - ago
        found = wait_connected(params, ask, since, 0 if check else params["connection_timeout"])
        result.update(found._asdict())
        if not found.connections:
            who = f"{params['login_user']} to {params['login_db']}"
            raise refuse("connected", f"the server sees no connection of {who}, though {params['url']} answers")


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(),
        required_if=[("connected", True, ["login_db"])],
        supports_check_mode=True,
    )
    if module.params["connected"] and PSYCOPG_IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("psycopg"), exception=PSYCOPG_IMPORT_ERROR)
    result: dict = {"healthy": False, "status": 0, "reason": ""}
    started = time.monotonic()
    refused = None
    try:
        look(module.params, module.check_mode, started, result)
    except Refused as error:
        refused = error
    result["seconds"] = round(time.monotonic() - started, 1)
    if refused is not None and not module.check_mode:
        problems = [problem.as_result() for problem in refused.problems]
        module.fail_json(msg=str(refused), problems=problems, problems_total=refused.total, **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
