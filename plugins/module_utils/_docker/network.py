# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker network that exists once.

Docker's names of networks are not unique, and Docker Compose does not look twice: two runs at the same moment make two networks
of one name, and from then on nothing that goes by the name works.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import Any, Iterator

from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine, EngineError
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse

LABELS = {"made-by": "openwebui.postgres"}


def provide(engine: Engine, name: str, lock_dir: str, check: bool) -> tuple[bool, str | None]:
    """Make sure that there is one network of that name.

    :param lock_dir: a folder that all runs for this network have in common.
    :returns: whether it was, or would be, made; its id.
    :raises Refused: when there are several, or none can be made.
    """
    found = _find(engine, name)
    if found is not None or check:
        return found is None, found
    with alone(lock_dir):
        found = _find(engine, name)
        if found is not None:
            return False, found
        return True, _create(engine, name)


def _find(engine: Engine, name: str) -> str | None:
    found = [network["Id"] for network in engine.get("/networks") if network["Name"] == name]
    if len(found) > 1:
        raise refuse(
            "network",
            f"there are {len(found)} Docker networks called {name}; remove all but the one in use with docker network rm",
        )
    return found[0] if found else None


def _create(engine: Engine, name: str) -> str:
    body: dict[str, Any] = {"Name": name, "CheckDuplicate": True, "Driver": "bridge", "Labels": LABELS}
    try:
        return str(engine.post("/networks/create", body)["Id"])
    except EngineError as error:
        # Somebody else has been quicker.
        found = _find(engine, name) if error.status == 409 else None
        if found is None:
            raise
        return found


@contextmanager
def alone(folder: str) -> Iterator[None]:
    """Wait for other runs that work in this folder. The lock ends with the process, whatever becomes of it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise refuse("network", f"{folder}: cannot be locked ({error.strerror})") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
