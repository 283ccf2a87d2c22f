# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator says of an Open WebUI, as options of a module. The doc fragment C(instance) describes them.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.openwebui.postgres.plugins.module_utils._instance.registry import RUNTIMES
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Asked
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.command import COMMANDS

_WORDS = {"type": "list", "elements": "str", "default": []}
_PATHS = ("python", "env_file", "compose_override")


def asked_argument_spec() -> dict[str, Any]:
    """The options, for the argument_spec of a module."""
    kinds = {str: "str", int: "int", bool: "bool"}
    spec = {
        name: {"type": "path" if name in _PATHS else kinds[type(default)], "default": default}
        for name, default in Asked._field_defaults.items()
        if name != "commands"
    }
    # A flag, and no secret itself.
    spec["secret_key_declared"]["no_log"] = False
    return {
        **spec,
        "runtime": {"type": "str", "choices": ["auto", *RUNTIMES], "default": "auto"},
        "commands": {"type": "dict", "default": {}, "options": dict.fromkeys(COMMANDS, _WORDS)},
        "validate_certs": {"type": "bool", "default": True},
    }


def asked_of(options: dict[str, Any]) -> Asked:
    """What these options say. Those that a module has besides are left out."""
    return Asked(**{name: options[name] for name in Asked._fields})
