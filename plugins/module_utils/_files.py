# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders that outlast a power cut.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import os


def create_folder(folder: str) -> None:
    """Make a folder for its owner only, durably. One that is there stays as it is."""
    if not os.path.isdir(folder):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        sync(os.path.dirname(os.path.abspath(folder)))


def sync(path: str) -> None:
    """Make a file's content durable, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
