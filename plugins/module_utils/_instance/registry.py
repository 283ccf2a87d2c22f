# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtimes that there are.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Asked, Runtime
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.command import Command
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.compose import Compose
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.container import Container
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.systemd import Systemd

# In the order in which "auto" looks: commands are there only where the operator has written some, and a container goes before a unit.
RUNTIMES: dict[str, type[Runtime]] = {runtime.name: runtime for runtime in (Command, Container, Compose, Systemd)}


def runtime_of(asked: Asked, name: str) -> Runtime:
    """The runtime of this name, as one that is asked for by it."""
    return RUNTIMES[name](asked)
