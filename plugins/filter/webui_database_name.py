# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: webui_database_name
short_description: The name of the database of a host that sets none
version_added: 0.1.0
description:
  - Hosts that share a server need a database each. Its name is derived from the host's name in the inventory and from nothing else, so that
    a later run finds the same one.
options:
  _input:
    description: The name of a host in the inventory.
    type: str
    required: true
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Say which database it is
  ansible.builtin.debug:
    msg: "{{ 'chat.example.org' | openwebui.postgres.webui_database_name }}"
"""

RETURN = r"""
_value:
  description: The name, for the database and for the role that owns it. PostgreSQL takes it without quotes.
  type: str
  sample: openwebui_chat_example_org
"""

from typing import Callable

from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.waves import database_name


class FilterModule:
    """The filter, by its name."""

    def filters(self) -> dict[str, Callable[..., str]]:
        return {"webui_database_name": database_name}
