# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What processes have open, and what paths mean to them, as /proc tells it. They may live in a container, with mounts of their own.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
from typing import Iterator, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._files import text_of
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import MAGIC

PROC = "/proc"
LINKS_AT_MOST = 40
DELETED = " (deleted)"
_LISTENS = "0A"

# Device and inode.
Identity = tuple[int, int]


class Hidden(Exception):
    """The kernel does not show this process to whom we are."""


class Open(NamedTuple):
    """A SQLite file that a process has open.

    :ivar name: its path as the process sees it.
    :ivar deleted: the file has no name any more, or another has taken its place.
    """

    pid: int
    name: str
    identity: Identity
    deleted: bool


class Seen(NamedTuple):
    """A path as a process sees it.

    :ivar path: without links.
    :ivar identity: of the file, None where there is none.
    :ivar folder: of the folder that it is in, None where there is none.
    """

    path: str
    identity: Identity | None
    folder: Identity | None


def identity_of(path: str) -> Identity | None:
    """Device and inode of what is at a path; None where nothing is."""
    try:
        facts = os.stat(path)
    except PermissionError:
        raise Hidden(path) from None
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def databases(pid: int, named: str = "") -> list[Open]:
    """The SQLite files that a process has open, one entry for each, without their logs.

    They are opened for a look at their first bytes, and closed again, which drops this process's own locks on them.

    :param named: only files of this name, whatever their folder.
    :raises Hidden: when the kernel does not show it.
    """
    folder = f"{PROC}/{pid}/fd"
    try:
        descriptors = sorted(os.listdir(folder))
    except PermissionError:
        raise Hidden(f"process {pid}") from None
    except OSError:
        return []
    found = (_database(pid, f"{folder}/{descriptor}", named) for descriptor in descriptors)
    return sorted({entry for entry in found if entry is not None})


def _database(pid: int, descriptor: str, named: str) -> Open | None:
    """Processes come and go while we look, and so do their descriptors."""
    try:
        name, facts = os.readlink(descriptor), os.stat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or name.endswith(("-wal", "-shm", "-journal")):
            return None
        deleted = facts.st_nlink == 0 or name.endswith(DELETED)
        name = name[: -len(DELETED)] if name.endswith(DELETED) else name
        if named and posixpath.basename(name) != named:
            return None
        with open(descriptor, "rb") as file:
            return Open(pid, name, (facts.st_dev, facts.st_ino), deleted) if file.read(len(MAGIC)) == MAGIC else None
    except OSError:
        return None


def see(pid: int, path: str) -> Seen:
    """Follow a path as a process would, with its own root and mounts.

    :raises Hidden: when the kernel does not show it.
    """
    root = f"{PROC}/{pid}/root"
    done, rest = "/", [part for part in path.split("/") if part not in ("", ".")]
    links = 0
    while rest:
        part = rest.pop(0)
        here = posixpath.normpath(posixpath.join(done, part))
        target = _link(root + here) if links < LINKS_AT_MOST else ""
        if target:
            links += 1
            rest = [*[step for step in target.split("/") if step not in ("", ".")], *rest]
            done = "/" if target.startswith("/") else done
        else:
            done = here
    return Seen(done, identity_of(root + done), identity_of(root + posixpath.dirname(done)))


def _link(path: str) -> str:
    """Where a link leads; empty for what is none."""
    try:
        return os.readlink(path)
    except PermissionError:
        raise Hidden(path) from None
    except OSError:
        return ""


def processes() -> list[int]:
    """All that can be seen, without this one."""
    try:
        entries = os.listdir(PROC)
    except OSError:
        return []
    return sorted(int(entry) for entry in entries if entry.isdigit() and int(entry) != os.getpid())


def with_mounts_of(pid: int) -> list[int]:
    """The processes that share a process's view of the file system, such as all of one container; itself first."""
    try:
        space = os.readlink(f"{PROC}/{pid}/ns/mnt")
    except PermissionError:
        raise Hidden(f"process {pid}") from None
    except OSError:
        return [pid]
    return [pid, *(other for other in processes() if other != pid and _reads(f"{PROC}/{other}/ns/mnt") == space)]


def _reads(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def in_control_group(path: str) -> list[int]:
    """The processes of a control group, such as all of one service, and of the groups below it."""
    return [pid for pid in processes() if any(group == path or group.startswith(path + "/") for group in _groups(pid))]


def _groups(pid: int) -> list[str]:
    return [line.split(":", 2)[2] for line in _text(f"{PROC}/{pid}/cgroup").splitlines() if line.count(":") >= 2]


def is_of_container(pid: int, identifier: str) -> bool:
    """Whether a process is one of this container: an engine in a virtual machine counts its own processes, not ours."""
    return identifier in _text(f"{PROC}/{pid}/cgroup") or identifier in _text(f"{PROC}/{pid}/mountinfo")


def has_mounts_as_here(pid: int, path: str) -> bool:
    """Whether a process, of which everybody may know that, sees the same mounts as this one, and the file at the path is none of them."""
    mounts = _text(f"{PROC}/self/mountinfo")
    points = {re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), line.split()[4]) for line in mounts.splitlines()}
    return bool(mounts) and _text(f"{PROC}/{pid}/mountinfo") == mounts and path not in points


def _text(path: str) -> str:
    return text_of(path) or ""


def command(pid: int) -> str:
    """The name of a process."""
    return _text(f"{PROC}/{pid}/comm").strip() or "unknown"


def listening_at(port: int) -> list[int]:
    """The processes that wait for connections to a TCP port of this host, as far as they can be seen."""
    sockets = set(_sockets_at(port))
    return [pid for pid in processes() if sockets and not sockets.isdisjoint(_sockets_of(pid))]


def _sockets_at(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        for line in _text(f"{PROC}/net/{table}").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"


def _sockets_of(pid: int) -> set[str]:
    folder = f"{PROC}/{pid}/fd"
    try:
        return {_reads(f"{folder}/{descriptor}") for descriptor in os.listdir(folder)}
    except OSError:
        return set()
