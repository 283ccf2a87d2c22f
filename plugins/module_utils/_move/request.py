# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator asks of a move.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

# How far a rehearsal goes.
LOAD = "load"
SCAN = "scan"


class Request(NamedTuple):
    """What the operator asks for.

    :ivar connection: the connection options of the module.
    :ivar live: the source may be in use. Only where nothing is written.
    :ivar quarantine: the folder for originals of repaired values and for orphans, None for no such files.
    :ivar rehearse: how far check mode goes: C(load) everything and undo it, or only C(scan) the values.
    :ivar exclude_tables: tables of the source that stay behind.
    :ivar copy_of: the file of which the source is an upgraded copy or a snapshot, None where it is the original itself.
    :ivar leave_out_orphans: leave rows whose parent is gone out on the way, instead of refusing them.
    :ivar snapshot: an earlier snapshot of the original, which may have been loaded ahead.
    :ivar ahead: load a snapshot ahead of the move, while the original is in use.
    """

    path: str
    connection: dict[str, Any]
    schema: str = "public"
    repair: bool = True
    replace_invalid: bool = False
    replace_target: bool = False
    quarantine: str | None = None
    live: bool = False
    rehearse: str = LOAD
    copy_of: str | None = None
    exclude_tables: tuple[str, ...] = ()
    leave_out_orphans: bool = False
    snapshot: str | None = None
    ahead: bool = False

    @property
    def original(self) -> str:
        """The file that Open WebUI works with, which later runs recognise."""
        return self.copy_of or self.path
