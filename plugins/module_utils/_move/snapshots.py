# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what a snapshot that was loaded ahead is known again, when it is compared with the file that it was taken from.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.backup import origin, sha256_of


def demand_origin(path: str) -> str:
    """The file that a snapshot was taken from.

    :raises Refused: when it does not tell.
    """
    found = origin(path)
    if found is None:
        raise refuse("source", f"{path}: has no manifest of webui_sqlite_backup beside it; preload a snapshot that this module has made")
    return found.source


def stamp(path: str) -> list[int]:
    """By what a file is taken for the same without a look into it; empty where there is none."""
    try:
        facts = os.stat(path)
    except OSError:
        return []
    return [facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns]


def describe(path: str) -> dict[str, Any]:
    """A snapshot, as the bookkeeping keeps it."""
    return {"path": os.path.realpath(path), "stamp": stamp(path), "sha256": sha256_of(path)}


def is_it(path: str, known: dict[str, Any]) -> bool:
    """Whether a file is this snapshot still, if perhaps in another place."""
    now = stamp(path)
    if not now or now[2] != known["stamp"][2]:
        return False
    return bool(now == known["stamp"] or sha256_of(path) == known["sha256"])
