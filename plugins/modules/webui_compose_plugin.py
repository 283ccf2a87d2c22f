#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_compose_plugin
short_description: Put the Compose plugin of the docker command in place
version_added: 0.1.0
description:
  - Copies a plugin binary from the controller to where the docker command looks for it, for systems that have no package of it, such as
    Amazon Linux 2023.
  - The file has to show on the target that it is the Compose plugin, 2.18 or newer, before it takes the place of what is there.
  - Needs nothing but Python's standard library on the target.
options:
  src:
    description:
      - The plugin binary, on the controller. It is a file C(docker-compose-linux-MACHINE) of Docker Compose's releases.
    type: str
    required: true
  path:
    description:
      - Where to put it.
    type: path
    default: /usr/local/lib/docker/cli-plugins/docker-compose
  checksum:
    description:
      - SHA-1 of O(src). Set by the action plugin.
    type: str
  head:
    description:
      - The first bytes of O(src), in hexadecimal. Set by the action plugin.
    type: str
    default: ""
  uploaded:
    description:
      - Where on the target O(src) has been copied to. Set by the action plugin.
    type: path
extends_documentation_fragment:
  - openwebui.postgres.attributes
attributes:
  check_mode:
    details:
      - Says whether the file would be put in place. It is not run for that; for which machine it is, is looked at.
  diff_mode:
    support: none
    details:
      - A binary is not shown.
  idempotent:
    details:
      - A file with this content is left alone.
seealso:
  - module: openwebui.postgres.webui_postgres_preflight
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Put the Compose plugin in place
  openwebui.postgres.webui_compose_plugin:
    src: /srv/files/docker-compose-linux-x86_64
"""

RETURN = r"""
path:
  description: Where the plugin is.
  returned: success
  type: str
  sample: /usr/local/lib/docker/cli-plugins/docker-compose
version:
  description: What the plugin says of itself. Empty in check mode where it is not in place yet.
  returned: success
  type: str
  sample: v2.40.3
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
  sample: [{"kind": "compose", "message": "…"}]
problems_total:
  description: The number of problems, listed or not.
  returned: when the task is refused
  type: int
  sample: 1
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._compose import plugin
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "str", "required": True},
            "path": {"type": "path", "default": plugin.PLACE},
            "checksum": {"type": "str"},
            "head": {"type": "str", "default": ""},
            "uploaded": {"type": "path"},
        },
        supports_check_mode=True,
    )
    answer(module, lambda: {"path": module.params["path"], **place(module.params, module.check_mode)})


def place(options: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Put the file there if it is not. Without an upload, say that one is needed."""
    source, path = options["src"], options["path"]
    plugin.demand_machine(source, bytes.fromhex(options["head"]))
    found = plugin.look(path, options["checksum"])
    if found["same"]:
        if found["mode_differs"] and not check_mode:
            plugin.set_mode(path)
        usable = not (found["mode_differs"] and check_mode)
        return {"changed": found["mode_differs"], "version": plugin.ask(path, source) if usable else ""}
    if check_mode or options["uploaded"] is None:
        return {"changed": True, "version": "", "needs_upload": True}
    return {"changed": True, "version": plugin.put(options["uploaded"], source, path)}


if __name__ == "__main__":
    main()
