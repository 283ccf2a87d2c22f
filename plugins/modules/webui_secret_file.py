#!/usr/bin/python
# -*- coding: utf-8 -*-

# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_secret_file
short_description: Make up a password once and keep it in a file
version_added: 0.1.0
description:
  - Makes up a random secret on the target host and writes it to a file that only its owner can read, unless the file is there. What
    is there is never replaced.
  - The secret is on no command line, in no option and in no return value. It does not pass through the controller.
  - The file appears whole or not at all. Of two tasks that run at the same time, one makes it and the other leaves it alone.
  - Needs nothing but Python's standard library.
options:
  path:
    description:
      - The file. Its folder has to be there.
    type: path
    required: true
  length:
    description:
      - How many characters a new secret has, letters and digits. The file ends with a line feed.
    type: int
    default: 40
attributes:
  check_mode:
    description: Tells whether a secret would be made up.
    support: full
  diff_mode:
    description: Secrets are not shown.
    support: none
  idempotent:
    description: A file that is there keeps its content. Its mode is corrected to V(0600).
    support: full
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Make up the password of the superuser
  openwebui.postgres.webui_secret_file:
    path: /opt/openwebui-postgres/secrets/superuser
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: /opt/openwebui-postgres/secrets/superuser
problems:
  description:
    - Why there is no secret. V(kind) is a word for programs, V(message) one line for people.
  returned: when the task is refused
  type: list
  elements: dict
  sample: [{"kind": "secret", "message": "…"}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._secret_file import provide

SHORTEST = 16


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "length": {"type": "int", "default": 40},
        },
        supports_check_mode=True,
    )
    path, length = module.params["path"], module.params["length"]
    if length < SHORTEST:
        module.fail_json(msg=f"length is {length}; a secret of less than {SHORTEST} characters can be guessed")
    try:
        changed = provide(path, length, module.check_mode)
    except Refused as refused:
        module.fail_json(msg=str(refused), problems=[problem.as_result() for problem in refused.problems])
    module.exit_json(changed=changed, path=path)


if __name__ == "__main__":
    main()
