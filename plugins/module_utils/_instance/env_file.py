# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An env file that puts Open WebUI on PostgreSQL, and the way back.

What is ours stands in a marked block at the beginning, and lines that would contradict it stay where they are, as comments::

    # BEGIN openwebui.postgres
    # Puts Open WebUI on PostgreSQL. The way back removes this block and uncomments the lines set aside below.
    DATABASE_URL=postgresql://…
    # END openwebui.postgres
    WEBUI_NAME=chat
    #openwebui.postgres# DATABASE_URL=sqlite:////srv/webui.db

So one atomic write is the whole switch and one the whole way back, to the byte, also after a kill and whatever somebody has changed
elsewhere in the file meanwhile. Bytes that are no UTF-8 and both kinds of line ends are kept.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import posixpath
import pwd
import re
import stat
from typing import Any, Iterator

from ansible_collections.openwebui.postgres.plugins.module_utils._files import AS_IT_IS, PRIVATE, Owner, clean, remove, replace
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import (
    DATABASE_FILE,
    Database,
    assignments,
    data_dir,
    database_of,
    other_file,
    secrets_in,
)

BEGIN = "# BEGIN openwebui.postgres"
NEW = " in a new file"
END = "# END openwebui.postgres"
PURPOSE = "# Puts Open WebUI on PostgreSQL. The way back removes this block and uncomments the lines set aside below."
ASIDE = "#openwebui.postgres# "
# What only the file's owner may know now, others may have been allowed to read before.
WAS = "# Before: mode {mode:04o}, owner {uid}, group {gid}"

BOOTSTRAP = ".bootstrap"

_BLOCK = re.compile(
    rf"^{re.escape(BEGIN)}(?P<new>{NEW})?[ \t]*\r?\n(?P<lines>(?:[^\n]*\n)*?){re.escape(END)}[ \t]*\r?(?:\n|\Z)", re.MULTILINE
)
_ASIDE = re.compile(rf"^{re.escape(ASIDE)}", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?:#[ \t]*)+", re.MULTILINE)
_WAS = re.compile(r"^# Before: mode (?P<mode>[0-7]{4}), owner (?P<uid>\d+), group (?P<gid>\d+)\r?$", re.MULTILINE)
_MARKER = re.compile(rf"^(?:{re.escape(BEGIN)}|{re.escape(END)})(?:{NEW})?[ \t]*\r?$", re.MULTILINE)
_LINE_START = re.compile(r"^(?=.)", re.MULTILINE | re.DOTALL)
_LOOKS_SET = re.compile(r"^[ \t]*(?:export[ \t]+)?(DATABASE_[A-Z_]+|DATA_DIR)[ \t]*=", re.MULTILINE)


class EnvFile:
    """An env file as it is.

    :ivar path: the file itself, where the path that was given is a symbolic link.
    :ivar text: all of it, None when there is no such file.
    :ivar switched: whether our block is in it.
    :ivar new: whether there was no file before the switch.
    :ivar before: its text without what is ours.
    :ivar was: whose it was before the switch, where that has changed.
    """

    def __init__(self, path: str) -> None:
        self.named = path
        self.path = os.path.realpath(path)
        self.text, self.owner = _read(self.path, path)
        text = self.text or ""
        blocks = list(_BLOCK.finditer(text))
        outside = _BLOCK.sub("", text)
        if len(blocks) > 1 or _MARKER.search(outside):
            raise refuse(
                "env_file",
                f"{path}: has {BEGIN!r} or {END!r} without the other, or twice; put right by hand what was changed there",
            )
        self.switched = bool(blocks)
        self.new = bool(blocks[0]["new"]) if blocks else self.text is None
        self.before = _ASIDE.sub("", outside) if blocks else text
        was = _WAS.search(blocks[0]["lines"]) if blocks else None
        self.was = Owner(int(was["mode"], 8), int(was["uid"]), int(was["gid"])) if was else AS_IT_IS

    @property
    def settings(self) -> dict[str, str]:
        """What it says now."""
        return settings_in(self.text or "")

    def refuse_riddles(self) -> None:
        """:raises Refused: when a quote reaches over a line that sets the database: a shell reads that otherwise than Docker does."""
        for found in assignments(self.before):
            second_line = self.before.find("\n", found.start, found.end) + 1
            hidden = _LOOKS_SET.search(self.before, second_line, found.end) if second_line else None
            if hidden:
                line = self.before.count("\n", 0, found.start) + 1
                raise refuse(
                    "env_file",
                    f"{self.named}: a quote that begins in line {line} ({found.name}) reaches over the line that sets {hidden[1]}, so "
                    "that a shell and Docker read different things; close that quote",
                )


def settings_in(text: str) -> dict[str, str]:
    """What an env file sets. The last line of a name wins, as it does for whoever reads it."""
    return {found.name: found.value for found in assignments(text)}


# -- looking --------------------------------------------------------------------------------------------------------------------


def look(path: str, data: str = "", sqlite_path: str = "", target: dict[str, str] | None = None) -> dict[str, Any]:
    """What an env file says about its Open WebUI, without a secret; with everything that stands in the way, one line each.

    :param data: the data folder, where the file does not name it.
    :param sqlite_path: the file that is to be moved, where somebody has said so.
    :param target: the settings that put it on the new database.
    :raises Refused: when the file cannot be read, or does not say the same to everybody.
    """
    file = EnvFile(path)
    # What is ours stands before any quote, and nothing may stand in the way of going back.
    if not file.switched:
        file.refuse_riddles()
    env = file.settings
    folder = _data_folder(env, data)
    database = database_of(env, "", folder)
    source = database if database.kind == "sqlite" else database_of(settings_in(file.before), "", folder)
    wanted = database_of(target or {}, "")
    return {
        "path": file.path,
        "exists": file.text is not None,
        "switched": file.switched,
        "no_way_back": _no_way_back(path, file.switched, source),
        "data_dir": folder if posixpath.isabs(folder) else "",
        "sqlite_path": _sqlite_path(source, folder),
        "database": {**database._asdict(), "on_target": database.kind == "postgresql" and database[:2] == wanted[:2]},
        "findings": _findings(path, database, folder, sqlite_path) if database.kind == "sqlite" else [],
        "cannot_write": _cannot_replace(file),
    }


def _data_folder(env: dict[str, str], told: str) -> str:
    """The data folder that the file names, or else the one that the operator does."""
    folder = data_dir(env, "", told)
    # Only the operator knows what a relative one is relative to.
    return told if not posixpath.isabs(folder) and f"{posixpath.normpath(told)}/".endswith(f"/{folder}/") else folder


def _sqlite_path(database: Database, folder: str) -> str:
    if database.kind != "sqlite":
        return posixpath.join(folder, DATABASE_FILE) if posixpath.isabs(folder) else ""
    return database.where if _known(database.where) else ""


def _known(path: str) -> bool:
    return posixpath.isabs(path) and "$" not in path


def _no_way_back(path: str, is_switched: bool, source: Database) -> list[str]:
    """Why taking back what is ours would not put Open WebUI on SQLite."""
    if source.kind == "sqlite":
        return []
    what = f"it led to {source.where} before" if is_switched else "it was not put on PostgreSQL by this collection, or that was made final"
    return [f"Nothing in {path} leads back to SQLite: {what}. To go back all the same, change the database there by hand."]


def _cannot_replace(file: EnvFile) -> list[str]:
    """Why the file could not be replaced by another."""
    folder = os.path.dirname(file.path)
    if not os.path.isdir(folder):
        return [f"There is no folder {folder} for webui_env_file. Create it, or correct webui_env_file."]
    if _is_mount(file.path):
        return [f"{file.named} is a mount of its own and so cannot be replaced. Mount its folder instead."]
    # Only root can give a file away.
    ours = file.owner.uid in (None, os.geteuid()) or os.geteuid() == 0
    if ours and os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        return []
    if os.geteuid() == 0:
        return [f"{file.named} cannot be replaced: nothing can be written to {folder}. Correct webui_env_file, or that folder."]
    return [f"{file.named} cannot be replaced by the user of the task (uid {os.geteuid()}). Set ansible_become to true."]


def _findings(path: str, database: Database, folder: str, wanted: str) -> list[str]:
    """Why the file that is to be moved is not the one that Open WebUI uses, or why that cannot be told."""
    where, said = database.where, ", ".join(database.set_by) or "DATA_DIR"
    if not where:
        return [f"{said} in {path} has Open WebUI keep its database in memory, so there is no file to move."]
    if not _known(where):
        if not folder and not database.set_by:
            # Nobody has said anything about any folder, which is found out elsewhere.
            return []
        # What the operator says himself is taken for it, where it may be that.
        chosen = wanted and wanted != posixpath.join(folder, DATABASE_FILE)
        if chosen and "$" not in where and posixpath.normpath(wanted).endswith(f"/{where.lstrip('./')}"):
            return []
        return [
            f"{said} in {path} comes to {where}, and which file that is depends on how Open WebUI is started. Write the whole path there "
            f"({'sqlite:////srv/open-webui/webui.db, with four slashes' if database.set_by else 'DATA_DIR=/srv/open-webui'})."
        ]
    if wanted and _unseen(where, wanted):
        return []
    return other_file(where, wanted) if wanted else []


def _unseen(where: str, wanted: str) -> bool:
    """Whether the path may be one in a container that the operator's commands start: then only the operator knows the file."""
    with contextlib.suppress(OSError):
        return not os.path.lexists(where) and posixpath.basename(where) == posixpath.basename(wanted) and os.path.exists(wanted)
    return False


def _is_mount(path: str, table: str = "/proc/self/mountinfo") -> bool:
    """Whether something is mounted at this very path."""
    with contextlib.suppress(OSError), open(table, encoding="utf-8", errors="surrogateescape") as stream:
        points = (line.split(" ")[4] for line in stream)
        return path in (re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), point) for point in points)
    return False


def secrets_of(path: str, env: dict[str, str]) -> list[str]:
    """What must not be shown of an env file, comments included, and of further settings."""
    text = ""
    # What is no path at all is refused where the file is needed.
    with contextlib.suppress(Refused, ValueError):
        text = _read(os.path.realpath(path), path)[0] or ""
    found = set(secrets_in(env, []))
    for line in (*assignments(text), *assignments(_COMMENT.sub("", _ASIDE.sub("", text)))):
        found.update(secrets_in({line.name: line.value}, []))
    return sorted(found, key=lambda secret: (-len(secret), secret))


# -- switching ------------------------------------------------------------------------------------------------------------------


def switched(path: str, env: dict[str, str], remove: list[str], owner: Owner, check: bool) -> dict[str, Any]:
    """The file puts Open WebUI on PostgreSQL. What it said before is kept in it, for the way back."""
    file = EnvFile(path)
    _refuse_settings(path, env)
    if not file.switched and file.text is not None and _as_wished(file.settings, env, remove):
        # It says so by itself, and what anybody has written is not ours to rewrite.
        return _done(file, file.text, Owner(None, owner.uid, owner.gid), check)
    file.refuse_riddles()
    text = after(file, env, remove, _was(file, owner))
    return _done(file, text, owner._replace(mode=PRIVATE), check)


def after(file: EnvFile, env: dict[str, str], remove: list[str], was: Owner = AS_IT_IS) -> str:
    """The text that puts Open WebUI on the new database. Ours comes first, so that the rest stays as it is to the last byte."""
    note = [WAS.format(mode=was.mode, uid=was.uid, gid=was.gid)] if was.mode is not None else []
    lines = [
        BEGIN + (NEW if file.new else ""),
        PURPOSE,
        *note,
        *(f"{name}={value}" for name, value in env.items()),
        END,
    ]
    return "\n".join(lines) + "\n" + set_aside(file.before, {*env, *remove})


def set_aside(text: str, names: set[str]) -> str:
    """The text with the lines commented out that set one of these names. A line that looks set aside already gets one more mark."""
    starts = {match.start() for match in _ASIDE.finditer(text)}
    for found in assignments(text):
        if found.name in names:
            starts.update(match.start() + found.start for match in _LINE_START.finditer(text[found.start : found.end]))
    pieces, at = [], 0
    for start in sorted(starts):
        pieces += [text[at:start], ASIDE]
        at = start
    return "".join(pieces) + text[at:]


def restored(path: str, owner: Owner, check: bool) -> dict[str, Any]:
    """The file is as it was before the switch, with what somebody has changed since, and gone if there was none."""
    file = EnvFile(path)
    if not file.switched:
        return _done(file, file.text, AS_IT_IS, check)
    gone = file.new and not file.before
    back = file.was if file.was.mode is not None else owner._replace(mode=PRIVATE)
    return _done(file, None if gone else file.before, back, check)


def finalized(path: str, check: bool) -> dict[str, Any]:
    """What is ours is part of the file like any other line, and what was set aside is gone. There is no way back any more."""
    file = EnvFile(path)
    block = _BLOCK.search(file.text or "")
    if file.text is None or block is None:
        return _done(file, file.text, AS_IT_IS, check)
    lines = [found for found in block["lines"].splitlines(keepends=True) if not found.startswith("#")]
    rest = _BLOCK.sub("", file.text)
    kept = [line for line in rest.splitlines(keepends=True) if not line.startswith(ASIDE)]
    return _done(file, "".join(lines + kept), Owner(PRIVATE), check)


def _as_wished(now: dict[str, str], env: dict[str, str], remove: list[str]) -> bool:
    return all(now.get(name) == value for name, value in env.items()) and not any(now.get(name) for name in remove if name not in env)


def _refuse_settings(path: str, env: dict[str, str]) -> None:
    broken = sorted(name for name, value in env.items() if re.search(r"[\r\n\0]", value) or not re.fullmatch(r"[A-Za-z_]\w*", name))
    if broken:
        raise refuse("env_file", f"{path}: cannot hold {', '.join(broken)}: a name has letters, digits and '_', a value is one line")
    if database_of(env).kind != "postgresql":
        raise refuse("env_file", f"{path}: with these settings Open WebUI would not use PostgreSQL; give DATABASE_URL in env")


def _was(file: EnvFile, owner: Owner) -> Owner:
    """What the way back has to know of the file's owner and mode; nothing where they stay the same."""
    if file.switched or file.text is None:
        return file.was
    wanted = owner._replace(mode=PRIVATE)
    return file.owner if any(new not in (None, old) for new, old in zip(wanted, file.owner)) else AS_IT_IS


# -- the file itself ------------------------------------------------------------------------------------------------------------


def _read(path: str, named: str) -> tuple[str | None, Owner]:
    try:
        with open(path, "rb", opener=_without_waiting) as stream:
            facts = os.fstat(stream.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise refuse("env_file", f"{named}: is no regular file; correct webui_env_file")
            text = stream.read().decode("utf-8", "surrogateescape")
            return text, Owner(stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid)
    except FileNotFoundError:
        return None, AS_IT_IS
    except IsADirectoryError:
        raise refuse("env_file", f"{named}: is a folder; correct webui_env_file") from None
    except OSError as error:
        may_not = error.errno in (errno.EACCES, errno.EPERM)
        advice = "set ansible_become to true, or connect as a user who may" if may_not else "correct webui_env_file"
        raise refuse("env_file", f"{named}: cannot be read ({error.strerror}); {advice}") from None


def _without_waiting(path: str, flags: int) -> int:
    """A pipe would have to be waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def _done(file: EnvFile, text: str | None, owner: Owner, check: bool) -> dict[str, Any]:
    """Write it if that is called for, and tell what has become of it."""
    changed = text != file.text or any(new not in (None, old) for new, old in zip(owner, file.owner) if text is not None)
    if changed and not check:
        if text is None:
            _remove(file)
        else:
            write(file.path, text, owner, file.named)
    old, new = settings_in(file.text or ""), settings_in(text or "")
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    database = database_of(new, "")
    return {
        "changed": changed,
        "path": file.path,
        "switched": bool(_BLOCK.search(text or "")),
        "database": database._asdict(),
        "changed_settings": names,
        "diff": {"before": _side(file.text, file.owner, old, names), "after": _side(text, owner.over(file.owner), new, names, old)},
    }


def owner_of(user: str, group: str) -> Owner:
    """Whose the file is to be, by names or numbers; empty for what is to stay as it is."""
    try:
        uid = None if not user else int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid
        gid = None if not group else int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise refuse("env_file", f"{error.args[0]!s}; correct webui_env_file_owner or webui_env_file_group") from None
    return Owner(None, uid, gid)


def _side(text: str | None, owner: Owner, env: dict[str, str], names: list[str], earlier: dict[str, str] | None = None) -> dict[str, Any]:
    """One side of a diff: whether a variable is set, never its value."""
    words = {}
    for name in names:
        again = earlier is not None and name in earlier
        words[name] = "not set" if name not in env else "set to another value" if again else "set"
    mode = "" if text is None or owner.mode is None else f"{owner.mode:04o}"
    return {"exists": text is not None, "env": words, "mode": mode, "owner": owner.uid, "group": owner.gid}


def write(path: str, text: str, owner: Owner, named: str) -> None:
    """Replace a file at once: whoever looks finds the old or the new one, whole, and never one that others can read.

    :param named: the path as the operator knows it, for messages.
    """
    try:
        _clean(path)
        replace(path, text.encode("utf-8", "surrogateescape"), owner)
    except OSError as error:
        mounted = error.errno == errno.EBUSY
        advice = "it is a mount of its own; mount its folder instead" if mounted else "look at its folder, or set ansible_become to true"
        raise refuse("env_file", f"{named}: cannot be written ({error.strerror}); {advice}") from None


def _clean(path: str) -> None:
    """Remove what a run that was killed has left beside the file: it holds the password."""
    clean(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path + BOOTSTRAP)


def _remove(file: EnvFile) -> None:
    try:
        _clean(file.path)
        remove(file.path)
    except OSError as error:
        raise refuse("env_file", f"{file.named}: cannot be removed ({error.strerror}); set ansible_become to true") from None


# -- the bootstrap --------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def beside(path: str, env: dict[str, str], remove: list[str], owner: Owner) -> Iterator[str]:
    """For a while, an env file beside this one that says the same but for the database."""
    file = EnvFile(path)
    _refuse_settings(path, env)
    file.refuse_riddles()
    other = file.path + BOOTSTRAP
    whose = owner.over(Owner(None, file.owner.uid, file.owner.gid))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(other)
    write(other, after(file, env, remove), whose._replace(mode=PRIVATE), other)
    try:
        yield other
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(other)
