#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_service_info
short_description: Look at an Open WebUI that systemd runs
version_added: 0.1.0
description:
  - Tells what a unit of systemd runs, for an Open WebUI that was installed with pip or uv. The answer holds its Python, data folder,
    database, user and health address, and no secret.
  - What counts is what the next start will use, from the unit, its drop-ins and its env files, by systemd's own rules.
  - Needs nothing but Python's standard library. Open WebUI itself is not imported, since that would upgrade its database.
options:
  unit:
    description:
      - The unit, of the system's own systemd.
    type: str
    default: open-webui.service
  python:
    description:
      - The Python that Open WebUI is installed for. Found by itself where the unit starts a script of it or that Python. It is not for
        C(uvx) and for scripts of your own.
    type: path
    default: ""
  environment:
    description:
      - Also return the environment itself, as RV(environment). It holds secrets; give such a task C(no_log=true).
    type: bool
    default: false
  log_lines:
    description:
      - How many lines of its log to return. Of the last ones, those that hold an error come first, then the very last.
    type: int
    default: 0
  sqlite_path:
    description:
      - The file that is to be moved. Where the settings lead Open WebUI to another one, that is among the findings.
    type: str
    default: ""
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
  - Run it as root. Env files may not be readable otherwise.
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Look at Open WebUI
  openwebui.postgres.webui_service_info:
  register: found
  become: true

- name: Tell which database it uses
  ansible.builtin.debug:
    msg: "{{ found.service.database.where }}"
"""

RETURN = r"""
service:
  description: What the unit runs. Empty when there is no such unit, or no systemd.
  returned: success
  type: dict
  contains:
    name:
      description: The unit's full name.
      type: str
      sample: open-webui.service
    runtime:
      description: V(systemd).
      type: str
      sample: systemd
    running:
      description: Whether it runs, is being started or is being stopped.
      type: bool
    status:
      description: What systemd calls its state.
      type: str
      sample: active
    user:
      description: The user it runs as.
      type: str
      sample: open-webui
    group:
      description: The group it runs as. Empty for the user's own.
      type: str
      sample: ""
    working_directory:
      description: Its working directory.
      type: str
      sample: /var/lib/open-webui
    environment_files:
      description: Its env files that are there.
      type: list
      elements: str
      sample: ["/etc/open-webui.env"]
    exec:
      description: The program that it starts.
      type: str
      sample: /opt/open-webui/bin/open-webui
    python:
      description: The Python that has Open WebUI. Empty when it was not found.
      type: str
      sample: /opt/open-webui/bin/python
    package_dir:
      description: Folder of Open WebUI's package.
      type: str
      sample: /opt/open-webui/lib/python3.12/site-packages/open_webui
    version:
      description: Its version.
      type: str
      sample: 0.12.4
    drivers:
      description: The drivers for PostgreSQL that this Python has, of V(psycopg2) and V(psycopg).
      type: list
      elements: str
      sample: ["psycopg2"]
    dotenv:
      description: The file C(.env) that Open WebUI reads by itself, for what is not set otherwise.
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
    data_dir:
      description: Its data folder. Empty when neither the unit nor its Python tells.
      type: str
      sample: /var/lib/open-webui
    sqlite_path:
      description: The SQLite database that it uses, or has used before PostgreSQL.
      type: str
      sample: /var/lib/open-webui/webui.db
    health_url:
      description: Where its health can be asked for on this host.
      type: str
      sample: http://127.0.0.1:8080/health
    database:
      description: The database that it will use.
      type: dict
      contains:
        kind:
          description: V(sqlite), V(postgresql) or V(other).
          type: str
          sample: sqlite
        where:
          description: The file, or C(host:port/name). Never with credentials.
          type: str
          sample: /var/lib/open-webui/webui.db
        set_by:
          description: Names of the environment variables that say so. None for Open WebUI's default.
          type: list
          elements: str
          sample: []
    findings:
      description: Why the file to be moved is not the one that Open WebUI uses, one line each. Links and mounts are followed.
      type: list
      elements: str
      sample: []
    secret_key:
      description: Where its secret key is.
      type: dict
      contains:
        from:
          description: V(env) for the environment, V(file) for the file that Open WebUI has made, V(none) when there is none yet.
          type: str
          sample: file
        path:
          description: That file.
          type: str
          sample: /var/lib/open-webui/.webui_secret_key
    log:
      description: What its log says last, with secrets masked. Empty without O(log_lines).
      type: list
      elements: str
      sample: ["INFO:     Started server process [1]"]
environment:
  description: The environment that the unit gives to what it starts.
  returned: with O(environment=true), when there is such a unit
  type: dict
  sample: {"DATA_DIR": "/var/lib/open-webui"}
"""

import os
import pwd

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.service import info


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "unit": {"type": "str", "default": "open-webui.service"},
            "python": {"type": "path", "default": ""},
            "environment": {"type": "bool", "default": False},
            "log_lines": {"type": "int", "default": 0},
            "sqlite_path": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )

    def run(command: list[str], user: str = "", environment: dict[str, str] | None = None) -> tuple[int, str]:
        """Run a command; as that user, since root should run no code that is somebody else's."""
        if user not in ("", "root") and os.geteuid() == 0:
            command = ["runuser", "-u", _name_of(user), "--", *command]
        if module.get_bin_path(command[0]) is None:
            return 127, ""
        result = module.run_command(command, cwd="/", environ_update=environment or {}, handle_exceptions=False)
        return result[0], result[1]

    options = module.params
    module.exit_json(**info(run, options["unit"], options["python"], options["environment"], options["log_lines"], options["sqlite_path"]))


def _name_of(user: str) -> str:
    """A unit may name its user by number, or one that systemd makes up when it starts it."""
    try:
        return pwd.getpwuid(int(user)).pw_name if user.isdigit() else pwd.getpwnam(user).pw_name
    except KeyError:
        return "nobody"


if __name__ == "__main__":
    main()
