# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and folders that outlast a power cut, and how a small file is read.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import stat
import tempfile
from typing import NamedTuple

PRIVATE = 0o600


class Owner(NamedTuple):
    """Whose a file is and who may read it; None for what is to stay as it is."""

    mode: int | None = None
    uid: int | None = None
    gid: int | None = None

    def over(self, old: Owner) -> Owner:
        """What comes of it for a file that is as the other one says."""
        return Owner(*(later if later is not None else earlier for earlier, later in zip(old, self)))


AS_IT_IS = Owner()


def create_folder(folder: str) -> None:
    """Make a folder for its owner only, durably. One that is there stays as it is."""
    if not os.path.isdir(folder):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        sync(os.path.dirname(os.path.abspath(folder)))


def text_of(path: str) -> str | None:
    """The text of a small file; None where there is none that can be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def free_bytes(path: str) -> int | None:
    """The free space where something is, or would be made; None where nobody says where that is, or it cannot be asked."""
    while path and not os.path.exists(path):
        path = os.path.dirname(path)
    try:
        return shutil.disk_usage(path).free if path else None
    except OSError:
        return None


def sync(path: str) -> None:
    """Make a file's content durable, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: str, content: bytes, owner: Owner = AS_IT_IS) -> None:
    """Replace a file at once: whoever looks finds the old or the new one, whole, and never one that others can read.

    What the owner leaves open the new file has from the one that it replaces, labels of SELinux included. One that was not there is for
    its maker only.
    """
    folder, name = os.path.split(path)
    clean(path)
    descriptor, draft = tempfile.mkstemp(prefix=f".{name}.openwebui-postgres-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            _make_like(stream.fileno(), path, owner)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
    sync(folder)


def remove(path: str) -> None:
    """Remove a file, durably, with what a run that was killed has left beside it.

    :raises FileNotFoundError: when there is none.
    """
    clean(path)
    os.unlink(path)
    sync(os.path.dirname(path))


def clean(path: str) -> None:
    """Remove what a run that was killed has left beside the file: it may hold a password."""
    for draft in drafts(path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)


def drafts(path: str) -> list[str]:
    """What a run that was killed has left beside the file."""
    folder, name = os.path.split(path)
    return glob.glob(os.path.join(glob.escape(folder), f".{glob.escape(name)}.openwebui-postgres-*"))


def _make_like(descriptor: int, path: str, owner: Owner) -> None:
    """Give a draft what the file has that it is to replace, and then what is asked for."""
    with contextlib.suppress(FileNotFoundError):
        facts = os.stat(path)
        _copy_attributes(descriptor, path)
        owner = owner.over(Owner(stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid))
    now = os.fstat(descriptor)
    if owner.uid not in (None, now.st_uid):
        os.fchown(descriptor, owner.uid, -1)
    if owner.gid not in (None, now.st_gid):
        os.fchown(descriptor, -1, owner.gid)
    os.fchmod(descriptor, PRIVATE if owner.mode is None else owner.mode)


def _copy_attributes(descriptor: int, path: str) -> None:
    """Labels of SELinux, for example. Not every file system has such, and what only root may set stays behind."""
    with contextlib.suppress(OSError):
        for attribute in os.listxattr(path):
            with contextlib.suppress(OSError):
                os.setxattr(descriptor, attribute, os.getxattr(path, attribute))
