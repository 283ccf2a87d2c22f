#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_service
short_description: Put an Open WebUI that systemd runs on PostgreSQL, and go back
version_added: 0.1.0
description:
  - Puts a service on PostgreSQL by two files, an env file in C(/etc/openwebui-postgres), which only root can read, and a drop-in that
    refers to it. Or removes both. The unit itself, its other drop-ins and its env files are never touched.
  - Each file is written at once, and in such an order that a run that was killed at any moment can be repeated or taken back, and that
    the service can be started in between.
  - Has systemd read its units again, and looks at what it makes of them. The service is neither stopped nor started.
  - Needs nothing but Python's standard library. Open WebUI itself is not imported, but for O(state=bootstrapped).
options:
  unit:
    description:
      - The unit, of the system's own systemd.
    type: str
    default: open-webui.service
  state:
    description:
      - With V(switched), the next start of the service uses PostgreSQL with the settings asked for. Fails if something that systemd reads
        later than the drop-in says otherwise.
      - With V(restored), none of the two files is there, nor their folders if nothing else is in them, and the next start uses what it
        used before.
      - With V(finalized), the way back is given up. For a service nothing is kept beside that could be removed, so nothing is done;
        the two files stay, since they are what puts it on PostgreSQL.
      - With V(bootstrapped), Open WebUI has created its schema in the new database, with the service's own user, Python, environment
        and working directory. The service itself is untouched. This is done each time.
    type: str
    choices: [switched, restored, finalized, bootstrapped]
    required: true
  env:
    description:
      - Environment variables to set, by name. They must put Open WebUI on PostgreSQL.
      - Required with O(state=switched) and O(state=bootstrapped), and ignored otherwise.
    type: dict
  env_remove:
    description:
      - Names of environment variables to unset.
    type: list
    elements: str
    default: []
  secret_key:
    description:
      - The secret key of Open WebUI, for one that is to have another than it has. By default it keeps its own, wherever that is.
      - Only for O(state=switched).
    type: str
    default: ""
  python:
    description:
      - The Python that Open WebUI is installed for. Found by itself where the unit starts a script of it or that Python.
    type: path
    default: ""
  data_dir:
    description:
      - The data folder, for O(state=bootstrapped). Found by itself where the unit or its Python tells.
    type: str
    default: ""
  timeout:
    description:
      - How many seconds the creation of the schema may take.
    type: int
    default: 3600
extends_documentation_fragment:
  - openwebui.postgres.attributes
attributes:
  check_mode:
    details:
      - Refuses what would be refused otherwise. The schema is not created.
  diff_mode:
    details:
      - Shows which environment variables are set, never a value.
  idempotent:
    support: partial
    details:
      - Nothing is done to files that are as asked for already. V(bootstrapped) always runs Open WebUI's migrations.
notes:
  - Run it as root. A service is root's.
seealso:
  - module: openwebui.postgres.webui_container
  - module: openwebui.postgres.webui_env_file
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Have Open WebUI create its schema in the new database
  openwebui.postgres.webui_service:
    unit: open-webui.service
    state: bootstrapped
    env:
      DATABASE_URL: "postgresql://openwebui:{{ vault_webui_password | urlencode }}@db.example.com:5432/openwebui"
  become: true

- name: Put Open WebUI on PostgreSQL
  openwebui.postgres.webui_service:
    unit: open-webui.service
    state: switched
    env:
      DATABASE_URL: "postgresql://openwebui:{{ vault_webui_password | urlencode }}@db.example.com:5432/openwebui"
    env_remove: [DATABASE_TYPE, DATABASE_USER, DATABASE_PASSWORD, DATABASE_HOST, DATABASE_PORT, DATABASE_NAME]
  become: true

- name: Go back to SQLite
  openwebui.postgres.webui_service:
    unit: open-webui.service
    state: restored
  become: true
"""

RETURN = r"""
name:
  description: The unit's full name.
  returned: success
  type: str
  sample: open-webui.service
switched:
  description: Whether both files are there.
  returned: success
  type: bool
stale:
  description:
    - Whether the service runs and was started with other settings than those that are written now, be it that this run has written
      them or an earlier one that was killed. It has to be restarted then.
  returned: with O(state=switched)
  type: bool
settings:
  description: The env file with the settings, whether it is there or not.
  returned: success
  type: str
  sample: /etc/openwebui-postgres/open-webui.service.env
drop_in:
  description: The drop-in, whether it is there or not.
  returned: success
  type: str
  sample: /etc/systemd/system/open-webui.service.d/zz-openwebui-postgres.conf
database:
  description: The database that the next start will use.
  returned: success
  type: dict
  contains:
    kind:
      description: V(sqlite), V(postgresql) or V(other).
      type: str
      sample: postgresql
    where:
      description: The file, or C(host:port/name). Never with credentials. Empty where it cannot be told.
      type: str
      sample: db.example.com:5432/openwebui
    set_by:
      description: Names of the environment variables that say so. None for Open WebUI's default.
      type: list
      elements: str
      sample: ["DATABASE_URL"]
changed_settings:
  description: Names of the environment variables that the next start will have another value of than it would have had before.
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
  sample: [{"kind": "service", "message": "…"}]
problems_total:
  description: The number of problems, listed or not.
  returned: when the task is refused
  type: int
  sample: 1
"""

import os
import pwd
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.service_switch import (
    KEY,
    OUR_FOLDER,
    UNITS,
    Service,
    Wish,
    bootstrapped,
    finalized,
    restored,
    switched,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer, without_secrets
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import secrets_in, texts


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "default": "open-webui.service"},
            "state": {"type": "str", "choices": ["switched", "restored", "finalized", "bootstrapped"], "required": True},
            "env": {"type": "dict", "no_log": True},
            "env_remove": {"type": "list", "elements": "str", "default": []},
            "secret_key": {"type": "str", "default": "", "no_log": True},
            "python": {"type": "path", "default": ""},
            "data_dir": {"type": "str", "default": ""},
            "timeout": {"type": "int", "default": 3600},
        },
        required_if=[("state", "switched", ("env",)), ("state", "bootstrapped", ("env",))],
        supports_check_mode=True,
    )

    def run(command: list[str], user: str = "", environment: dict[str, str] | None = None) -> tuple[int, str]:
        """Run a command; as that user, since root should run no code that is somebody else's."""
        if user not in ("", "root") and os.geteuid() == 0:
            command = ["runuser", "-u", _name_of(user), "--", *command]
        if module.get_bin_path(command[0]) is None:
            return 127, ""
        code, said, complained = module.run_command(command, cwd="/", environ_update=environment or {}, handle_exceptions=False)
        return code, said if code == 0 else said + complained

    options = module.params
    env = texts(options["env"])
    told = {"env": sorted(env), "secret_key": "given" if options["secret_key"] else ""}
    invocation = without_secrets(module, secrets_in(env, [options["secret_key"]]), **told)
    answer(module, lambda: _done(run, options, env, module.check_mode), invocation=invocation)


def _done(run: Any, options: dict[str, Any], env: dict[str, str], check: bool) -> dict[str, Any]:
    service = Service(run, options["unit"], options["python"], check, UNITS, OUR_FOLDER)
    if options["state"] == "switched":
        key = {KEY: options["secret_key"]} if options["secret_key"] else {}
        return switched(service, Wish({**env, **key}, options["env_remove"]))
    if options["state"] == "bootstrapped":
        return bootstrapped(service, Wish(env, options["env_remove"]), options["data_dir"], options["timeout"])
    return restored(service) if options["state"] == "restored" else finalized(service)


def _name_of(user: str) -> str:
    """A unit may name its user by number, or one that systemd makes up when it starts it."""
    try:
        return pwd.getpwuid(int(user)).pw_name if user.isdigit() else pwd.getpwnam(user).pw_name
    except KeyError:
        return "nobody"


if __name__ == "__main__":
    main()
