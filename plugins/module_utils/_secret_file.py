# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret that is made up once, on the host that keeps it, and never leaves this file as a return value.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import os
import secrets
import stat
import string
import tempfile

from ansible_collections.openwebui.postgres.plugins.module_utils._files import sync
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse

# Nothing that a URL, a shell, an env file or YAML reads in a way of its own.
ALPHABET = string.ascii_letters + string.digits
PRIVATE = 0o600


def provide(path: str, length: int, check: bool) -> bool:
    """Make sure that the file holds a secret that its owner alone can read. What it holds already is kept.

    :param check: only tell what would be done.
    :returns: whether anything was, or would be, changed.
    :raises Refused: when there is something in its place that is no secret, or it cannot be written.
    """
    try:
        if os.path.lexists(path):
            return _keep(path, check)
        if not check:
            _create(path, length)
        return True
    except OSError as error:
        raise refuse("secret", f"{path}: cannot be made ({error.strerror}); look at its folder, or run as root") from None


def _keep(path: str, check: bool) -> bool:
    state = os.lstat(path)
    if not stat.S_ISREG(state.st_mode):
        raise refuse("secret", f"{path}: is no regular file; move it away and put one with the secret in its place")
    if state.st_size == 0:
        raise refuse("secret", f"{path}: is empty; put the secret into it, or remove it if it is not in use yet")
    open_to_others = stat.S_IMODE(state.st_mode) & 0o077 != 0
    if open_to_others and not check:
        os.chmod(path, PRIVATE)
    return open_to_others


def _create(path: str, length: int) -> None:
    """Whole or not at all: the name appears when the content is on the disk, and never in the place of another's."""
    folder = os.path.dirname(os.path.abspath(path))
    descriptor, draft = tempfile.mkstemp(prefix=".secret-", dir=folder)
    try:
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(file.fileno(), PRIVATE)
            file.write("".join(secrets.choice(ALPHABET) for _position in range(length)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            # Another run was a moment earlier, and what it made up may be in use already.
            return
    finally:
        os.unlink(draft)
    sync(folder)
