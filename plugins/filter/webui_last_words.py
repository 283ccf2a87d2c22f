# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: webui_last_words
short_description: The lines of an output that say why a program failed
version_added: 0.1.0
description:
  - Chooses the lines that hold an error, such as the last line of a traceback, and the very last ones. Where none holds an error, the last
    ones.
  - Leaves out secrets, statements with their parameters, and what PostgreSQL says in C(DETAIL), since these hold values of rows.
positional: secrets
options:
  _input:
    description: What the program printed, as a text or as a list of lines.
    type: raw
    required: true
  secrets:
    description: What must not be shown. It is looked for also as a URL has it.
    type: list
    elements: str
    default: []
  rows:
    description:
      - Whether the program worked on rows that people wrote. Then only a database's own messages are shown, and the class of other errors.
    type: bool
    default: false
  most:
    description: How many lines to return at most.
    type: int
    default: 10
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Say why it failed
  ansible.builtin.fail:
    msg: "{{ run.stdout | openwebui.postgres.webui_last_words([webui_database_password]) | join(' / ') }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from typing import Any, Callable

from ansible_collections.openwebui.postgres.plugins.module_utils._last_words import MOST, last_words


def webui_last_words(output: Any, secrets: Any = (), rows: bool = False, most: int = MOST) -> list[str]:
    """The lines that say why a program failed."""
    text = "\n".join(map(str, output)) if isinstance(output, (list, tuple)) else str(output or "")
    return last_words(text, [str(secret) for secret in secrets], bool(rows), int(most))


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Callable]:
        return {"webui_last_words": webui_last_words}
