# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until a server answers at all, before anybody logs in.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import socket
import time

from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse

# What an address that swallows packets is given, where there is that much time left.
ATTEMPT = 5.0
PAUSE = 0.2


def wait_for(host: str, port: int, seconds: float) -> None:
    """Return as soon as something listens there. A socket in a folder is not waited for.

    :raises Refused: when nothing does in that time.
    """
    if seconds <= 0 or not host or host.startswith("/"):
        return
    end = time.monotonic() + seconds
    while True:
        left = end - time.monotonic()
        if left <= 0:
            raise refuse(
                "connection",
                f"Nothing answers at {host} port {port} from the target host. Start PostgreSQL, let the target host through its firewall, "
                "or correct webui_database_host and webui_database_port.",
            )
        if _answers(host, port, min(ATTEMPT, left)):
            return
        time.sleep(PAUSE)


def _answers(host: str, port: int, seconds: float) -> bool:
    try:
        with socket.create_connection((host, port), seconds):
            return True
    except OSError:
        return False
