# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quarantine: JSON Lines that hold what was removed or repaired, to the byte, so that it can be put back.

A value is C(null), or an object that names SQLite's storage class: C({"integer": 1}), C({"real": "0.5"}),
C({"text": "…"}), C({"text_base64": "…"}) for text that is not UTF-8, or C({"blob": "…"}) in base64.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import os
from typing import Any, Callable, Iterator, TextIO

from ansible_collections.openwebui.postgres.plugins.module_utils._files import create_folder, sync
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Text


def freeze(value: object) -> Any:
    """A value of SQLite as JSON, without loss. Text has to come as :class:`Text`."""
    if value is None:
        return None
    if isinstance(value, Text):
        try:
            return {"text": value.decode()}
        except UnicodeDecodeError:
            return {"text_base64": base64.b64encode(value).decode()}
    if isinstance(value, bytes):
        return {"blob": base64.b64encode(value).decode()}
    return {"real": repr(value)} if isinstance(value, float) else {"integer": value}


_DECODERS: dict[str, Callable[[Any], object]] = {
    "text": lambda value: Text(value.encode()),
    "text_base64": lambda value: Text(base64.b64decode(value, validate=True)),
    "blob": lambda value: base64.b64decode(value, validate=True),
    "real": float,
    "integer": int,
}


def thaw(frozen: Any) -> object:
    """The value that :func:`freeze` was given."""
    if frozen is None:
        return None
    ((kind, value),) = frozen.items()
    return _DECODERS[kind](value)


class Quarantine:
    """A quarantine file, created when the first record is written, readable by its owner only.

    :ivar path: the file, or None while nothing was written.
    """

    def __init__(self, folder: str | None, name: str) -> None:
        self.folder = folder
        self.name = name
        self.path: str | None = None
        self._file: TextIO | None = None

    def write(self, record: dict[str, Any]) -> None:
        """Append a record. Without a folder nothing is kept."""
        if self.folder is None:
            return
        try:
            if self._file is None:
                self._file = self._open(self.folder)
            # Not json.dump, which goes through every character in Python.
            self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
        except OSError as error:
            raise self._in_words(error) from None

    def _open(self, folder: str) -> TextIO:
        create_folder(folder)
        stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%S.%fZ")
        path = os.path.join(folder, f"{self.name}-{stamp}.jsonl")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        file = os.fdopen(descriptor, "w", encoding="utf-8", newline="\n")
        self.path = path
        return file

    def keep(self) -> None:
        """Make sure that everything written is on the disk, and close the file."""
        if self._file is None or self.folder is None:
            return
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            sync(self.folder)
        except OSError as error:
            raise self._in_words(error) from None
        self._file = None

    def discard(self) -> None:
        """Remove the file: what it tells of did not happen. After :meth:`keep` has closed it, remove it all the same."""
        # Closing writes what is still in memory: on a full disk it fails, and so it may.
        with contextlib.suppress(OSError):
            if self._file is not None:
                self._file.close()
        self._file = None
        with contextlib.suppress(OSError):
            if self.path is not None:
                os.unlink(self.path)
        self.path = None

    def _in_words(self, error: OSError) -> Exception:
        return refuse("quarantine", f"{self.path or self.folder}: the quarantine cannot be written ({error.strerror})")


def read(path: str) -> Iterator[dict[str, Any]]:
    """The records of a quarantine file, one by one.

    :raises Refused: when it cannot be read, or is none.
    """
    try:
        with open(path, encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):
                    raise refuse("quarantine", f"{path}: line {number} is not a record of a quarantine") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise refuse("quarantine", f"{path}: the quarantine cannot be read ({reason})") from None
