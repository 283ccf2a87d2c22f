#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_command
short_description: Run a command that handles an Open WebUI with an env file
version_added: 0.1.0
description:
  - Runs one of the operator's commands that start, stop, probe or bootstrap Open WebUI, without a shell, with E(WEBUI_ENV_FILE) set to the
    path of an env file.
  - What the command prints is shown only where it fails, and then its last lines, without any secret of the env file, in whatever form
    the command has printed it.
  - Needs nothing but Python's standard library.
options:
  argv:
    description:
      - The command, as a list of words. Variables of the environment and a C(~) at the beginning of a word are expanded.
    type: list
    elements: str
    required: true
  env_file:
    description:
      - The env file. With O(env), the command is given another one in its place.
    type: path
    required: true
  env:
    description:
      - Settings that put Open WebUI on PostgreSQL, by name. The command is given an env file with these in effect and everything else as in
        O(env_file). It lies beside that, with C(.bootstrap) behind its name, only for its owner to read, and is removed when the command
        has ended. O(env_file) itself is not touched.
    type: dict
  env_remove:
    description:
      - Names of environment variables that must not be set beside O(env).
    type: list
    elements: str
    default: []
  owner:
    description:
      - Whose the env file is that is made for O(env), by name or number. By default the owner of O(env_file).
    type: str
    default: ""
  group:
    description:
      - Its group, by name or number. By default the group of O(env_file).
    type: str
    default: ""
  timeout:
    description:
      - Seconds after which the command, with what it waits for, is ended.
    type: int
    default: 300
  fail_msg:
    description:
      - What is said of a command that has failed, before its last words. By default the command itself and its return code.
    type: str
    default: ""
  probe:
    description:
      - The command changes nothing, and its return code is the answer to a question. It is run in check mode as well. The task fails only
        where the command could not be run (124 to 127, as for C(timeout) and a shell).
    type: bool
    default: false
  until_stopped:
    description:
      - A command that returns 0 while Open WebUI runs, as a list of words. After O(argv) has ended, it is asked until it returns something
        else.
    type: list
    elements: str
    default: []
  settle_timeout:
    description:
      - Seconds after which the task fails if O(until_stopped) still returns 0.
    type: int
    default: 60
extends_documentation_fragment:
  - openwebui.postgres.attributes
attributes:
  check_mode:
    details:
      - The command is run with O(probe=true) only.
  diff_mode:
    support: none
    details:
      - What a command changes is not known.
  idempotent:
    support: partial
    details:
      - A command is run each time. With O(probe=true) it changes nothing.
notes:
  - What the command leaves running in the background is not waited for. It should have an output of its own.
seealso:
  - module: openwebui.postgres.webui_env_file
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Ask whether Open WebUI runs
  openwebui.postgres.webui_command:
    argv: [systemctl, is-active, --quiet, open-webui]
    env_file: /etc/open-webui.env
    probe: true
  register: asked

- name: Stop it and wait until it has stopped
  openwebui.postgres.webui_command:
    argv: [systemctl, stop, open-webui]
    env_file: /etc/open-webui.env
    until_stopped: [systemctl, is-active, --quiet, open-webui]

- name: Have it create its schema in another database
  openwebui.postgres.webui_command:
    argv: [/usr/local/sbin/open-webui-bootstrap]
    env_file: /etc/open-webui.env
    env:
      DATABASE_URL: "postgresql://openwebui:{{ vault_webui_password | urlencode }}@db.example.com:5432/openwebui"
"""

RETURN = r"""
return_code:
  description: The return code of the command. Null in check mode, where it is not run.
  returned: success
  type: int
  sample: 0
last_words:
  description: The last lines that it printed, errors last, without secrets.
  returned: with O(probe=true)
  type: list
  elements: str
  sample: ["inactive"]
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
  sample: [{"kind": "command", "message": "…"}]
problems_total:
  description: The number of problems, listed or not.
  returned: when the task is refused
  type: int
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.command import ask, insist, last_words, run, wait_until_stopped
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.env_file import beside, owner_of, secrets_of
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer, without_secrets
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import masked, secrets_in, texts


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "argv": {"type": "list", "elements": "str", "required": True},
            "env_file": {"type": "path", "required": True},
            "env": {"type": "dict", "no_log": True},
            "env_remove": {"type": "list", "elements": "str", "default": []},
            "owner": {"type": "str", "default": ""},
            "group": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 300},
            "fail_msg": {"type": "str", "default": ""},
            "probe": {"type": "bool", "default": False},
            "until_stopped": {"type": "list", "elements": "str", "default": []},
            "settle_timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    options = module.params
    env = texts(options["env"])
    hidden = secrets_of(options["env_file"], env)
    argv = [masked(word, hidden) for word in options["argv"]]
    invocation = without_secrets(module, secrets_in(env, []), argv=argv, env=sorted(env))
    answer(module, lambda: _done(options, env, hidden, module.check_mode), invocation=invocation)


def _done(options: dict[str, Any], env: dict[str, str], hidden: list[str], check: bool) -> dict[str, Any]:
    argv, timeout = options["argv"], options["timeout"]
    if options["probe"]:
        # Not as "rc", since Ansible takes a task that returns one other than 0 for failed.
        outcome = ask(argv, options["env_file"], timeout, hidden)
        return {"changed": False, "return_code": outcome.code, "last_words": last_words(outcome, hidden)}
    if check:
        return {"changed": True, "return_code": None}
    if env:
        with beside(options["env_file"], env, options["env_remove"], owner_of(options["owner"], options["group"])) as path:
            outcome = run(argv, path, timeout)
    else:
        outcome = run(argv, options["env_file"], timeout)
    insist(argv, outcome, timeout, hidden, options["fail_msg"])
    if options["until_stopped"]:
        wait_until_stopped(options["until_stopped"], options["env_file"], timeout, options["settle_timeout"], hidden)
    return {"changed": True, "return_code": outcome.code}


if __name__ == "__main__":
    main()
