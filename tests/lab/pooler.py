# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PgBouncer in front of a lab server: one server connection, which all clients share."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

from .console import LabError

if TYPE_CHECKING:
    from .databases import Target
from .postgres import as_server_user, free_port, own
from .processes import stop_with_parent

START_SECONDS = 60


def program() -> str | None:
    """PgBouncer, where the distribution's package put it."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextlib.contextmanager
def pooled(target: Target, mode: str) -> Iterator[dict]:
    """The connection options of this target through a pooler of this mode, as long as the block lasts."""
    home = Path(tempfile.mkdtemp(prefix="webui-lab-pooler-"))
    port = free_port()
    password = target.login_password.replace('"', '""')
    (home / "users.txt").write_text(f'"{target.login_user}" "{password}"\n')
    (home / "pgbouncer.ini").write_text(
        "[databases]\n"
        f"{target.login_db} = host={target.login_host} port={target.login_port}\n"
        "[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {home}/users.txt\n"
        f"pool_mode = {mode}\ndefault_pool_size = 1\nlogfile = {home}/pooler.log\n"
    )
    for path in (home, *home.iterdir()):
        own(path)
    process = subprocess.Popen(
        [program(), "--quiet", home / "pgbouncer.ini"],
        stdin=subprocess.DEVNULL,
        cwd=home,
        preexec_fn=stop_with_parent,
        **as_server_user(),
    )
    try:
        _wait_until_it_listens(process, port, home)
        yield {**target.options, "login_port": port}
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def _wait_until_it_listens(process: subprocess.Popen, port: int, home: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    log = home / "pooler.log"
    raise LabError(f"PgBouncer did not start:\n{log.read_text() if log.exists() else ''}")
