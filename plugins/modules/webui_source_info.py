#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_source_info
short_description: Tell whether a webui.db is the file that the running Open WebUI has open
version_added: 0.1.0
description:
  - Compares a C(webui.db), by device and inode, with what the processes of Open WebUI have open, seen through their own mounts. File,
    folder and name must be the same, since SQLite keeps its write-ahead log beside the name by which a file was opened.
  - Where no process has a SQLite file open at the moment, the path that the settings name is followed as the process would.
  - What cannot be seen is a finding, and never guessed. The module itself does not fail because of findings.
  - After a stop, tells whether the file is still the one that an earlier look has found.
  - Needs nothing but Python's standard library.
options:
  path:
    description:
      - The C(webui.db) that is to be moved, as this host names it.
    type: path
    required: true
  runtime:
    description:
      - What runs Open WebUI. A container of Docker Compose is a V(container).
      - With V(command), its processes are found by O(health_url), if that leads to a port of this host, and by O(path) itself.
    type: str
    choices: [container, systemd, command]
    required: true
  name:
    description:
      - The container's name or id, or the unit of systemd. Required for these.
    type: str
  running:
    description:
      - Whether Open WebUI runs. Asked for with O(runtime=command) only; the others know.
    type: bool
    default: false
  inside:
    description:
      - The path that Open WebUI's settings name, as Open WebUI sees it.
    type: str
    default: ""
  health_url:
    description:
      - Where Open WebUI answers.
    type: str
    default: ""
  noted:
    description:
      - What an earlier run of this module has returned, while Open WebUI still ran. The file has to be the same.
    type: dict
    suboptions:
      real_path:
        description: RV(real_path) of that time.
        type: str
        required: true
      device:
        description: RV(device) of that time.
        type: int
        required: true
      inode:
        description: RV(inode) of that time.
        type: int
        required: true
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
  - Run it as root, or as the user that Open WebUI runs as. What processes of others have open is not shown by the kernel. A lock on the
    file is, as it has in WAL mode, and is enough where they have the same mounts as this module. Otherwise, that is the finding.
seealso:
  - module: openwebui.postgres.webui_container_info
  - module: openwebui.postgres.webui_service_info
  - module: openwebui.postgres.webui_sqlite_check
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Make sure that this is the file in use
  openwebui.postgres.webui_source_info:
    path: /srv/open-webui/webui.db
    runtime: container
    name: open-webui
    inside: /app/backend/data/webui.db
  register: source
  failed_when: source.findings | length > 0

- name: Make sure that it is still there after the stop
  openwebui.postgres.webui_source_info:
    path: /srv/open-webui/webui.db
    runtime: container
    name: open-webui
    noted:
      real_path: "{{ source.real_path }}"
      device: "{{ source.device }}"
      inode: "{{ source.inode }}"
  register: after
  failed_when: after.findings | length > 0 or after.in_use
"""

RETURN = r"""
exists:
  description: Whether there is such a file.
  returned: success
  type: bool
real_path:
  description: The file that the path leads to, without symbolic links. Empty when it cannot be used.
  returned: success
  type: str
  sample: /mnt/fast/webui.db
log_path:
  description: Where SQLite keeps the write-ahead log of the file, whether there is one or not. Empty when the file cannot be used.
  returned: success
  type: str
  sample: /mnt/fast/webui.db-wal
device:
  description: Number of the device that it is on.
  returned: success
  type: int
  sample: 65025
inode:
  description: Its inode.
  returned: success
  type: int
  sample: 1835054
in_use:
  description: Whether another process has the file open for writing, or holds a lock on it.
  returned: success
  type: bool
holders:
  description: These processes. V(pid) is null where the kernel does not tell.
  returned: success
  type: list
  elements: dict
  sample: [{"pid": 4711, "command": "open-webui"}]
evidence:
  description:
    - How it is known that the running Open WebUI works with this file. V(open) when its processes have it open, V(path) when the path of
      its settings leads them to it, V(none) when Open WebUI does not run or RV(findings) says why it is not known.
  returned: success
  type: str
  sample: open
findings:
  description: What speaks against moving this file, one line each, with what to do.
  returned: success
  type: list
  elements: str
  sample: []
problems:
  description:
    - Why nothing can be told. V(kind) is a word for programs, V(message) one line for people.
  returned: when the task is refused
  type: list
  elements: dict
  sample: [{"kind": "engine", "message": "…"}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import DEFAULT_HOST, Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import (
    Noted,
    Service,
    of_commands,
    of_container,
    of_unit,
    report,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "runtime": {"type": "str", "required": True, "choices": ["container", "systemd", "command"]},
            "name": {"type": "str"},
            "running": {"type": "bool", "default": False},
            "inside": {"type": "str", "default": ""},
            "health_url": {"type": "str", "default": ""},
            "noted": {
                "type": "dict",
                "options": {
                    "real_path": {"type": "str", "required": True},
                    "device": {"type": "int", "required": True},
                    "inode": {"type": "int", "required": True},
                },
            },
            "docker_host": {"type": "str", "default": DEFAULT_HOST},
        },
        required_if=[("runtime", "container", ["name"]), ("runtime", "systemd", ["name"])],
        supports_check_mode=True,
    )
    options = module.params
    try:
        noted = Noted(**options["noted"]) if options["noted"] else None
        result = report(options["path"], _service(module), noted)
    except Refused as refused:
        module.fail_json(msg=str(refused), problems=[problem.as_result() for problem in refused.problems])
    module.exit_json(changed=False, **result)


def _service(module: AnsibleModule) -> Service:
    options = module.params

    def run(command: list[str]) -> tuple[int, str]:
        if module.get_bin_path(command[0]) is None:
            return 127, ""
        result = module.run_command(command, cwd="/", handle_exceptions=False)
        return result[0], result[1]

    if options["runtime"] == "container":
        return of_container(Engine(options["docker_host"]), options["name"], options["inside"])
    if options["runtime"] == "systemd":
        return of_unit(run, options["name"], options["inside"])
    return of_commands(options["running"], options["inside"], options["health_url"])


if __name__ == "__main__":
    main()
