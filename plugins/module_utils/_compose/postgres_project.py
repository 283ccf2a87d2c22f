# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose project of a PostgreSQL server: where everything in it is, and all that has to be there before it can be started.

Every step looks first and makes only what is missing, so that a run that was killed at any of them is completed by the next.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import quote

from ansible_collections.openwebui.postgres.plugins.module_utils import _secret_file
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.files import DRAFT, is_as, write
from ansible_collections.openwebui.postgres.plugins.module_utils._docker import network
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._files import sync
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse

# What the compose.yaml of every project that the role has made says of itself.
MARK = "Made by the role openwebui.postgres.webui_postgres."
UP = "Written by the role openwebui.postgres.webui_postgres when the server was healthy and its superuser could log in.\n"
# The published image keeps its data in another place from this one on, below what is mounted.
FIRST_MOVED = 18
SECRET_LENGTH = 40
PRIVATE, OPEN, READABLE = 0o700, 0o755, 0o644


class Layout(NamedTuple):
    """Where things are in a project.

    :ivar owner: the role that owns the database of an Open WebUI. Two instances that share it share its password.
    """

    project_dir: str
    owner: str = ""

    @property
    def compose_file(self) -> str:
        """What Docker Compose reads. No secret is in it."""
        return os.path.join(self.project_dir, "compose.yaml")

    @property
    def secrets(self) -> str:
        """The folder of the passwords."""
        return os.path.join(self.project_dir, "secrets")

    @property
    def superuser_file(self) -> str:
        """The superuser's password."""
        return os.path.join(self.secrets, "superuser")

    @property
    def owner_file(self) -> str:
        """The owner's password, if it is made up. Named after the role, whatever that is called."""
        return os.path.join(self.secrets, f"owner-{quote(self.owner, safe='')}")

    @property
    def up_file(self) -> str:
        """Is there once the server was healthy and its superuser could log in."""
        return os.path.join(self.project_dir, "initialised")


class Project(NamedTuple):
    """What is to be there.

    :ivar version: major version of PostgreSQL.
    :ivar network: name of the network that containers of Open WebUI share with the server.
    :ivar makes_up_owner: whether the owner's password is made up, too.
    :ivar content: of the compose.yaml.
    """

    layout: Layout
    data_dir: str
    version: int
    network: str
    makes_up_owner: bool
    content: str


def provide(engine: Engine, project: Project, check: bool) -> dict[str, Any]:
    """Have folders, network, passwords and compose.yaml there.

    :param check: only tell what would be done.
    :returns: what the module returns. No secret is in it.
    :raises Refused: when something of it cannot be made.
    """
    layout = project.layout
    changes: dict[str, tuple[str, str]] = {}
    for folder in (layout.project_dir, layout.secrets):
        _note(changes, folder, _folder(folder, PRIVATE, check))
    if not os.path.isdir(project.data_dir):
        # PostgreSQL makes it its own when it is its data folder itself; otherwise PostgreSQL must be able to pass through it.
        _note(changes, project.data_dir, _folder(project.data_dir, OPEN if project.version >= FIRST_MOVED else PRIVATE, check))
    made_network, network_id = network.provide(engine, project.network, layout.project_dir, check)
    _note(changes, f"network {project.network}", ("absent", "there") if made_network else None)
    passwords = False
    for path in (layout.superuser_file, *([layout.owner_file] if project.makes_up_owner else [])):
        change = _password(path, check)
        passwords = passwords or change == ("absent", "made up")
        _note(changes, path, change)
    before = _write(layout.compose_file, project.content, check)
    after = project.content
    return {
        "changed": bool(changes) or before is not None,
        "passwords": passwords,
        "network_id": network_id,
        "superuser_file": layout.superuser_file,
        "owner_file": layout.owner_file,
        "diff": [
            {
                "before": {what: old for what, (old, _new) in changes.items()},
                "after": {what: new for what, (_old, new) in changes.items()},
            },
            {
                "before_header": layout.compose_file,
                "after_header": layout.compose_file,
                "before": after if before is None else before,
                "after": after,
            },
        ],
    }


def read_passwords(layout: Layout) -> dict[str, str]:
    """The passwords that were made up, each empty as long as it was not.

    :raises Refused: when there is one that cannot be read.
    """
    return {
        "project_dir": layout.project_dir,
        "owner": layout.owner,
        "superuser_password": _secret(layout.superuser_file),
        "owner_password": _secret(layout.owner_file),
    }


def note_up(path: str, check: bool) -> bool:
    """Note that the server works.

    :returns: whether that is news.
    :raises Refused: when it cannot be written.
    """
    if os.path.exists(path):
        return False
    if not check:
        _replace(path, UP)
    return True


def _note(changes: dict[str, tuple[str, str]], what: str, change: tuple[str, str] | None) -> None:
    if change is not None:
        changes[what] = change


def _folder(path: str, mode: int, check: bool) -> tuple[str, str] | None:
    """Have a folder of this mode there, and those above it that are missing likewise.

    :returns: how it was, and how it is now; None if that is the same.
    """
    try:
        if os.path.isdir(path):
            found = stat.S_IMODE(os.stat(path).st_mode)
            if found == mode:
                return None
            if not check:
                os.chmod(path, mode)
            return f"mode {found:04o}", f"mode {mode:04o}"
        # In this order, since another run for the same server may make it between two looks.
        if os.path.lexists(path) and not os.path.isdir(path):
            raise refuse("folder", f"{path}: is no folder; move it away, or correct webui_postgres_dir and webui_postgres_data_dir")
        if not check:
            _make_folder(path, mode)
        return "absent", f"folder, mode {mode:04o}"
    except OSError as error:
        raise refuse("folder", f"{path}: cannot be made ({error.strerror}); look at the folder above it, or run as root") from None


def _make_folder(path: str, mode: int) -> None:
    above = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(above):
        _make_folder(above, mode)
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        # Another run for the same server may be a moment earlier. What is no folder is left alone.
        if not os.path.isdir(path):
            raise
    # The umask had its say.
    os.chmod(path, mode)
    sync(above)


def _password(path: str, check: bool) -> tuple[str, str] | None:
    was_there = os.path.lexists(path)
    if not _secret_file.provide(path, SECRET_LENGTH, check):
        return None
    return ("open to others", "mode 0600") if was_there else ("absent", "made up")


def _secret(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise refuse("secret", f"{path}: cannot be read ({reason}); run as root") from None


def _write(path: str, content: str, check: bool) -> str | None:
    """:returns: what was there before; None where it is as wanted."""
    before = _text(path)
    if before is not None and is_as(path, content, READABLE, os.stat(path)):
        return None
    if not check:
        _replace(path, content)
    return before or ""


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refuse("folder", f"{path}: cannot be read ({error.strerror}); run as root") from None


def _replace(path: str, content: str) -> None:
    folder = os.path.dirname(path)
    with network.alone(folder):
        _clean(folder)
        write(path, content, READABLE, os.stat(path if os.path.exists(path) else folder))


def _clean(folder: str) -> None:
    """Remove what a run that was killed has left."""
    with suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(DRAFT):
                os.unlink(os.path.join(folder, name))
