# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of reports on the controller: one folder a run, in it one file a host, written as the run goes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any, Iterable, Iterator
from urllib.parse import quote

RUNS = "runs"
# File systems take 255 bytes, with what a file that is being written has around its name.
LONGEST_NAME = 200


class Run:
    """One run, as far as it is on disk.

    :arg folder: its folder, which need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def begin(cls, reports: Path, told: dict[str, Any]) -> Run:
        """Make the folder of a new run.

        :arg told: what is known of the run before any host is; C(playbook) and C(hosts) among it.
        :raises OSError: when it cannot be made.
        """
        now = time.time()
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        for suffix in ("", *(f"-{secrets.token_hex(2)}" for _attempt in range(5))):
            run = cls(reports / RUNS / f"{stamp}-{told['playbook']}{suffix}")
            with contextlib.suppress(FileExistsError):
                _make_private(run.folder)
                break
        (run.folder / "hosts").mkdir(mode=0o700)
        write(run.folder / "run.json", _text({"id": run.folder.name, "started_at": now, "ended_at": None, "waves": [], **told}))
        return run

    def note(self, record: dict[str, Any]) -> None:
        """Keep what came of a host.

        :raises OSError: when it cannot be written.
        """
        write(self._file_of(record["host"]), _text(record))

    def _file_of(self, host: str) -> Path:
        name = quote(host, safe="")
        if len(name) > LONGEST_NAME:
            name = f"{name[:LONGEST_NAME]}-{hashlib.sha256(host.encode()).hexdigest()[:8]}"
        return self.folder / "hosts" / f"{name}.json"

    def told(self) -> dict[str, Any]:
        """What is known of the run itself.

        :raises OSError: when it cannot be read.
        :raises ValueError: when it is not what was written.
        """
        return _read(self.folder / "run.json")

    def records(self, hosts: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What has come of these hosts, of those that have come to an end."""
        found = {}
        for host in hosts:
            with contextlib.suppress(OSError, ValueError):
                found[host] = _read(self._file_of(host))
        return found

    def keep(self, told: dict[str, Any]) -> None:
        """Keep what is known of the run itself now."""
        write(self.folder / "run.json", _text(told))


def earlier_runs(reports: Path) -> Iterator[Run]:
    """The runs of a folder of reports, the newest first."""
    with contextlib.suppress(OSError):
        for folder in sorted((reports / RUNS).iterdir(), reverse=True):
            yield Run(folder)


def past(reports: Path, hosts: Iterable[str], runs: int = 20) -> dict[str, dict[str, Any]]:
    """What the newest run that knows a host has noted of it.

    :arg runs: how many runs are looked into.
    """
    missing, found = set(hosts), {}
    for _number, run in zip(range(runs), earlier_runs(reports)):
        if not missing:
            break
        there = run.records(missing)
        found.update(there)
        missing -= set(there)
    return found


def moves(reports: Path, enough: int = 200) -> Iterator[dict[str, Any]]:
    """What moves have noted of their hosts, the newest first."""
    for run in earlier_runs(reports):
        # One that began in the same second as another has more at the end of its name.
        if "-migrate" not in run.folder.name:
            continue
        for path in sorted((run.folder / "hosts").glob("*.json")):
            with contextlib.suppress(OSError, ValueError):
                yield _read(path)
                enough -= 1
            if enough == 0:
                return


def write(path: Path, text: str) -> None:
    """Replace a file, so that nobody ever reads half of one. Only its owner may."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def _make_private(folder: Path) -> None:
    # Of folders that are made on the way, the mode is what others may see.
    folder.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700)


def _read(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path} does not hold an object")
    return content


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, default=str) + "\n"
