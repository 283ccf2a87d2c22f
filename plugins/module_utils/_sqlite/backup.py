# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A consistent copy of a source, live or stopped: verified, described in a manifest beside it, and durable.

The manifest is put in place first and the copy last, so that a file with a backup's name is always a whole one.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from typing import Any, Iterator, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._files import create_folder, sync
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import FileState, Source, look, open_source

MADE_BY = "openwebui.postgres.webui_sqlite_backup"
MANIFEST = ".json"
INCOMPLETE = ".incomplete-"

# A writer in a rollback journal mode waits for one step of the copy at most, not for the whole.
PAGES_AT_ONCE = 1024

# Every commit of another process makes SQLite begin again, where the copy cannot hold a transaction open.
RESTARTS_AT_MOST = 20
WAITS_AT_MOST = 6
ATTEMPTS = 3

# SQLITE_BUSY and SQLITE_LOCKED, which Python names from 3.11 on.
_MUST_WAIT = (5, 6)


class Backup(NamedTuple):
    """A copy and its manifest.

    :ivar manifest: what the manifest says.
    """

    file: str
    manifest: dict[str, Any]

    @property
    def manifest_file(self) -> str:
        """The manifest's own path."""
        return self.file + MANIFEST


def back_up(path: str, dest: str, keep: int, check: bool, room: int = 1) -> dict[str, Any]:
    """Make sure that there is a verified copy of the source as it is now, and keep the newest ones only.

    :param dest: the folder for the copies of this source, and of others.
    :param keep: how many copies of this source to keep.
    :param check: only tell what would be done.
    :param room: how many times its size there has to be room for.
    :returns: what the module returns.
    :raises Refused: when no copy could be made; the older ones are then all still there.
    """
    if keep < 1:
        raise refuse("keep", f"keep is {keep}, but at least one backup has to be kept")
    state = look(path)
    try:
        if check:
            return _rehearse(state, dest, keep, room)
        create_folder(dest)
        with _alone_in(dest):
            older = backups(dest, path)
            current = _newest_of(older, look(path))
            backup = current or _take(path, dest, room)
            removed = _removable(older, backup, keep)
            for old in removed:
                os.unlink(old.file)
                os.unlink(old.manifest_file)
    except OSError as error:
        raise refuse("backup", f"{error.filename or dest}: the backup cannot be written ({error.strerror})") from None
    return _result(backup, removed, changed=current is None or bool(removed))


def _rehearse(state: FileState, dest: str, keep: int, room: int) -> dict[str, Any]:
    older = backups(dest, state.path)
    current = _newest_of(older, state)
    if current is None:
        _demand_room(state, dest, room)
        with open_source(state.path, live=True) as source:
            tables = _count(source)
    removed = _removable(older, current, keep)
    if current is not None:
        return _result(current, removed, changed=bool(removed))
    return {
        "changed": True,
        "backup_file": None,
        "manifest_file": None,
        "real_path": state.location.real,
        "sha256": None,
        "size_bytes": state.size + state.wal_size,
        "tables": tables,
        "removed": [old.file for old in removed],
    }


def _result(backup: Backup, removed: list[Backup], changed: bool) -> dict[str, Any]:
    return {
        "changed": changed,
        "backup_file": backup.file,
        "manifest_file": backup.manifest_file,
        "real_path": backup.manifest["source"],
        **{name: backup.manifest[name] for name in ("sha256", "size_bytes", "tables")},
        "removed": [old.file for old in removed],
    }


def backups(dest: str, path: str) -> list[Backup]:
    """The copies of a source in a folder, newest first. What has no manifest of ours is not ours."""
    try:
        names = sorted(os.listdir(dest))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise refuse("backup", f"{dest}: cannot be read ({error.strerror})") from None
    found = [_read_manifest(os.path.join(dest, name)) for name in names if name.endswith(MANIFEST)]
    ours = [backup for backup in found if backup and backup.manifest["source"] == os.path.realpath(path)]
    return sorted(ours, key=lambda backup: (backup.manifest["created_at"], backup.file), reverse=True)


def is_copy_of(file: str, path: str) -> bool:
    """Whether a file was copied from a source as it is now. What became of the copy since does not matter."""
    backup = _read_manifest(file + MANIFEST)
    if backup is None:
        return False
    return (backup.manifest["source"], backup.manifest["fingerprint"]) == (os.path.realpath(path), look(path).fingerprint)


class Origin(NamedTuple):
    """Where a copy comes from, by its manifest.

    :ivar sha256: of the copy when it was made.
    """

    source: str
    fingerprint: str
    sha256: str


def origin(file: str) -> Origin | None:
    """Which file a copy was made of; None where it has no manifest of ours beside it."""
    backup = _read_manifest(file + MANIFEST)
    return Origin(*(backup.manifest[name] for name in Origin._fields)) if backup else None


def sha256_of(path: str) -> str:
    """The digest of a whole file."""
    return _sha256(path)


def _read_manifest(manifest_file: str) -> Backup | None:
    """The copy that a manifest stands beside: never another one, whatever the manifest says."""
    file = manifest_file[: -len(MANIFEST)]
    try:
        with open(manifest_file, encoding="utf-8") as stream:
            manifest = json.load(stream)
        facts = {name: manifest[name] for name in ("source", "fingerprint", "sha256", "created_at")}
        whole = os.path.isfile(file) and not os.path.islink(file)
        ours = manifest["module"] == MADE_BY and isinstance(manifest["size_bytes"], int) and isinstance(manifest["tables"], list)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Backup(file, manifest) if whole and ours and all(isinstance(fact, str) for fact in facts.values()) else None


def _newest_of(older: list[Backup], state: FileState) -> Backup | None:
    """The newest copy of the source as it is now that is still what it was when it was made."""
    for backup in older:
        manifest = backup.manifest
        if (
            manifest["fingerprint"] == state.fingerprint
            and os.path.getsize(backup.file) == manifest["size_bytes"]
            and _sha256(backup.file) == manifest["sha256"]
        ):
            return backup
    return None


def _removable(older: list[Backup], current: Backup | None, keep: int) -> list[Backup]:
    """The copies that are too many. The current one is never among them; None stands for one that is yet to be made."""
    others = [backup for backup in older if current is None or backup.file != current.file]
    return others[keep - 1 :]


@contextmanager
def _alone_in(dest: str) -> Iterator[None]:
    """One backup at a time in a folder: the second waits, and then finds what the first has made."""
    descriptor = os.open(dest, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            # Some network file systems cannot lock a folder. Names are unique all the same; only remains cannot be told
            # from the work of others then.
            yield
            return
        for name in os.listdir(dest):
            if name.startswith(INCOMPLETE):
                shutil.rmtree(os.path.join(dest, name), ignore_errors=True)
        yield
    finally:
        os.close(descriptor)


def _demand_room(state: FileState, dest: str, room: int) -> None:
    """Find out about a full or a read-only disk before it costs time."""
    folder = os.path.abspath(dest)
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise refuse("backup", f"{folder}: is not a folder, so no backup can be put there")
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise refuse("backup", f"{folder}: cannot be written to, so no backup can be put there")
    needed = (state.size + state.wal_size) * room
    free = shutil.disk_usage(folder).free
    if free < needed:
        what = "backup" if room == 1 else "backup and what is to become of it"
        raise refuse("backup", f"{folder}: has room for {free >> 20} MB, and the {what} needs {-(-needed >> 20)} MB")


def _take(path: str, dest: str, room: int) -> Backup:
    with tempfile.TemporaryDirectory(prefix=INCOMPLETE, dir=dest) as scratch:
        copy = os.path.join(scratch, "copy")
        facts = _copy_consistently(path, dest, room, scratch, copy)
        _make_one_file(path, copy)
        tables = _verify(path, copy, facts.pop("tables"))
        created = datetime.datetime.now(datetime.timezone.utc)
        manifest = {
            "module": MADE_BY,
            "source": os.path.realpath(path),
            **facts,
            "sha256": _sha256(copy),
            "size_bytes": os.path.getsize(copy),
            "tables": tables,
            "created_at": created.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "sqlite_version": sqlite3.sqlite_version,
        }
        stem, extension = os.path.splitext(os.path.basename(path))
        backup = Backup(os.path.join(dest, f"{stem}-{created.strftime('%Y%m%dT%H%M%S.%fZ')}{extension}"), manifest)
        description = os.path.join(scratch, "manifest")
        with open(description, "x", encoding="utf-8", opener=_for_owner_only) as stream:
            json.dump(manifest, stream, indent=2)
        for written in (description, copy):
            sync(written)
        os.rename(description, backup.manifest_file)
        os.rename(copy, backup.file)
        sync(dest)
    return backup


def _for_owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _copy_consistently(path: str, dest: str, room: int, scratch: str, copy: str) -> dict[str, Any]:
    """Copy the source as it was at one moment.

    :returns: its fingerprint and revision, and the rows of its tables where these could be counted at the same moment.
    """
    for _attempt in range(ATTEMPTS):
        _demand_room(look(path), dest, room)
        with open_source(path, scratch=scratch) as source:
            stepwise = source.method == "shared" and source.state.journal_mode != "wal"
            if stepwise:
                # An open transaction would keep a writer from committing until the copy is made.
                source.execute("COMMIT")
            _copy(source, copy)
            facts = {
                "fingerprint": source.state.fingerprint,
                "revision": source.revision(),
                "tables": _count(source),
            }
            changed = source.changed()
        if not changed:
            return facts
        if source.method == "shared":
            # A copy of one moment all the same. Only what was counted in steps as well is of another.
            return {**facts, "tables": None} if stepwise else facts
    raise _too_busy(path)


def _too_busy(path: str) -> Refused:
    return refuse("in_use", f"{path} is being written to all the time; stop Open WebUI for the backup")


class _Patience:
    """Looks on while SQLite copies, and gives up when a writer keeps it from ever coming to an end."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.restarts = 0
        self.waits = 0
        self.remaining: int | None = None

    def __call__(self, status: int, remaining: int, total: int) -> None:
        if status in _MUST_WAIT:
            self.waits += 1
        else:
            self.waits = 0
            # Every step brings SQLite nearer to the end, unless it had to begin again.
            if self.remaining is not None and remaining >= self.remaining:
                self.restarts += 1
            self.remaining = remaining
        if self.restarts > RESTARTS_AT_MOST or self.waits > WAITS_AT_MOST:
            raise _too_busy(self.path)


def _copy(source: Source, copy: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(copy)
    os.close(_for_owner_only(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    try:
        with closing(sqlite3.connect(copy, isolation_level=None)) as target:
            # It is thrown away unless it is whole, and brought to the disk at the end.
            for setting in ("journal_mode = OFF", "synchronous = OFF"):
                target.execute(f"PRAGMA {setting}")
            source.connection.backup(target, pages=PAGES_AT_ONCE, progress=_Patience(source.path))
    except sqlite3.Error as error:
        raise _in_words(source.path, error) from None


def _in_words(path: str, error: sqlite3.Error) -> Refused:
    if "disk is full" in str(error):
        return refuse("backup", f"{path}: there is no room left for its backup; make room, or name another folder")
    return refuse("backup", f"{path}: cannot be backed up ({error})")


def _make_one_file(path: str, copy: str) -> None:
    """A copy of a file in WAL mode is one itself. Bring it to the mode in which it needs no companion."""
    try:
        with closing(sqlite3.connect(copy, isolation_level=None)) as target:
            target.execute("PRAGMA journal_mode = DELETE").fetchall()
    except sqlite3.Error as error:
        raise _in_words(path, error) from None


def _verify(path: str, copy: str, expected: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Open the copy, look at all of it, and count its rows.

    :param expected: the rows of the source; None where these are not known.
    """
    with open_source(copy) as source:
        errors = source.integrity()
        tables = [] if errors else _count(source)
    if errors:
        raise refuse("backup", f"{path}: its copy is damaged ({errors[0]}); examine the source with webui_sqlite_check")
    if expected is not None and tables != expected:
        raise refuse("backup", f"{path}: its copy does not hold the same rows; try again, and examine the disk")
    return tables


def _count(source: Source) -> list[dict[str, Any]]:
    return [{"name": table, "rows": source.count(table)} for table in source.tables()]


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
