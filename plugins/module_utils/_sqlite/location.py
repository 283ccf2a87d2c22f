# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a SQLite file really lies. Its log and its journal lie beside that, and not beside the path that leads there.

SQLite follows symbolic links of a database before it names its companions, so a path's text says nothing about them. Hard links it
cannot follow: there the log lies beside the name by which the file was opened, and nothing on the disk tells which one that was.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, refuse

# What SQLite puts rows into.
LOGS = ("-wal", "-journal")


class Location(NamedTuple):
    """A file, by what cannot be said in two ways.

    :ivar path: as it was named, for messages.
    :ivar real: the same without any link. What SQLite keeps beside the file begins with it.
    """

    path: str
    real: str
    device: int
    inode: int

    @property
    def identity(self) -> tuple[int, int]:
        """What the file is, whatever its names."""
        return self.device, self.inode

    @property
    def wal(self) -> str:
        """The write-ahead log."""
        return f"{self.real}-wal"

    @property
    def journal(self) -> str:
        """The rollback journal."""
        return f"{self.real}-journal"

    @property
    def shm(self) -> str:
        """The index of the log."""
        return f"{self.real}-shm"

    def __str__(self) -> str:
        """For messages: as it was named, and what that leads to where it is another."""
        return self.path if os.path.abspath(self.path) == self.real else f"{self.path} (a link to {self.real})"


def locate(path: str) -> Location:
    """Follow a path to the file that it leads to.

    :raises Refused: when there is no such file, or when it cannot be told where its log lies.
    """
    real = os.path.realpath(path)
    try:
        facts = os.stat(real)
    except OSError as error:
        raise _no_file(path, real, error) from None
    if stat.S_ISDIR(facts.st_mode):
        raise refuse("source", f"{path}: is a folder; name the file in it, usually webui.db")
    if not stat.S_ISREG(facts.st_mode):
        raise refuse("source", f"{path}: is not a regular file")
    location = Location(path, real, facts.st_dev, facts.st_ino)
    if facts.st_nlink > 1:
        _demand_one_log(location, facts.st_nlink)
    return location


def _no_file(path: str, real: str, error: OSError) -> Refused:
    if error.errno == errno.ELOOP:
        return refuse("source", f"{path}: is a symbolic link that leads round in a circle; make it lead to the file")
    if error.errno == errno.ENOENT:
        if real != os.path.abspath(path):
            return refuse("source", f"{path}: is a symbolic link to {real}, which is not there; mount what it is on, or correct the link")
        return refuse("source", f"{path}: there is no such file; check the data folder of Open WebUI")
    return refuse("source", f"{path}: cannot be reached ({error.strerror})")


def _demand_one_log(location: Location, names: int) -> None:
    """Of a file with several names, be sure that only the one at hand can have a log beside it."""
    others = [name for name in _names_beside(location) if name != location.real]
    stray = next((name + log for name in others for log in LOGS if _holds_something(name + log)), "")
    if stray or len(others) + 1 < names:
        where = f"; {stray} is such a log" if stray else ""
        raise refuse(
            "source",
            f"{location.path}: the file has {names} names (hard links), and SQLite keeps its log beside the one by which it was opened"
            f"{where}; stop Open WebUI and make copies of the others, so that this is its only name "
            f"(find -samefile {location.real} lists them)",
        )


def _names_beside(location: Location) -> list[str]:
    """The names of the file in its own folder."""
    folder = os.path.dirname(location.real)
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.is_file(follow_symlinks=False) and _is(entry.path, location.identity)]
    except OSError:
        return []


def _is(path: str, identity: tuple[int, int]) -> bool:
    try:
        facts = os.lstat(path)
    except OSError:
        return False
    return (facts.st_dev, facts.st_ino) == identity


def _holds_something(path: str) -> bool:
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False
