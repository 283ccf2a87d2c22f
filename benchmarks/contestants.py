# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who takes part: how each is installed, and how it is told what to do without anybody at the keyboard."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lab import modules, paths
from lab.console import LabError, say
from lab.databases import Target
from lab.steps import run

BENCH = paths.LAB / "bench"


@dataclass(frozen=True)
class Command:
    """A command line, what it reads from standard input, and what is added to its environment."""

    argv: list[str | Path]
    stdin: str = ""
    env: dict[str, str] = field(default_factory=dict)


class Contestant:
    """Brings the content of a source into a freshly bootstrapped database.

    :cvar name: what it is called on the command line.
    :cvar note: what has to be known to read its figures.
    """

    name = ""
    note = ""

    def install(self) -> None:
        """Make it ready to run.

        :raises LabError: when it cannot take part here, with the reason.
        """

    def command(self, target: Target, source: Path, scratch: Path) -> Command:
        """The command that does it."""
        raise NotImplementedError

    def details(self, output: str) -> dict[str, Any]:
        """What its output tells that belongs to the figures."""
        return {}


class Module(Contestant):
    """This collection's module, in a process of its own, as Ansible runs it on a target. The proof is part of it."""

    name = "webui_pg_migrate"
    note = "plain owner of the database; reads everything back and compares before it commits"

    def command(self, target: Target, source: Path, scratch: Path) -> Command:
        arguments = {
            "path": str(source),
            **target.options,
            "_ansible_module_name": f"openwebui.postgres.{self.name}",
            "_ansible_remote_tmp": str(scratch),
        }
        return Command(
            [paths.PYTHON, "-m", f"{modules.PACKAGE}.{self.name}"],
            stdin=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
            env={"PYTHONPATH": os.pathsep.join([str(paths.MODULE_PATH), str(paths.COLLECTIONS)])},
        )

    def details(self, output: str) -> dict[str, Any]:
        lines = [line for line in output.splitlines() if line.startswith("{")]
        answer = json.loads(lines[-1]) if lines else {"msg": "gave no answer"}
        return {"phases": answer.get("seconds", {}), "message": answer.get("msg", "")}


class PgRestore(Contestant):
    """The yardstick: what PostgreSQL's own tools need for the same content, once it is in their format."""

    name = "pg_restore"
    note = "the yardstick: --data-only -1 of a pg_dump -Fc of the same content"

    def __init__(self) -> None:
        self.dump = BENCH / "content.dump"

    def dump_from(self, migrated: Target) -> None:
        """Take the content out of a database that the module filled, without its bookkeeping."""
        options = ("--format=custom", "--data-only", "--schema=public", "--exclude-table-data=alembic_version")
        argv = [migrated.cluster.program("pg_dump"), *options, *_libpq_options(migrated), "--file", self.dump]
        run("bench", *argv, env=_libpq_environment(migrated))

    def command(self, target: Target, source: Path, scratch: Path) -> Command:
        options = ("--data-only", "--single-transaction", "--exit-on-error")
        argv = [target.cluster.program("pg_restore"), *options, *_libpq_options(target), self.dump]
        return Command(argv, env=_libpq_environment(target))


class FromPyPI(Contestant):
    """A published tool in a virtual environment of its own."""

    version = ""
    script = ""

    @property
    def _venv(self) -> Path:
        return BENCH / "peers" / f"{self.name}-{self.version}"

    def install(self) -> None:
        if (self._venv / "bin" / self.script).exists():
            return
        say(f"installing {self.name} {self.version}")
        try:
            run("bench", sys.executable, "-m", "venv", "--clear", self._venv)
            run("bench", self._venv / "bin" / "python", "-m", "pip", "install", f"{self.name}=={self.version}")
        except LabError:
            shutil.rmtree(self._venv, ignore_errors=True)
            raise LabError(f"could not be installed, see {paths.LOGS / 'bench.log'}") from None


class PostgresMigration(FromPyPI):
    """Asks its questions on the terminal; without one it takes the answers from standard input."""

    name = "open-webui-postgres-migration"
    version = "1.1.0"
    script = "open-webui-postgres-migration"
    note = "one INSERT and two savepoint commands a row; batches of 500, its own proposal"

    def command(self, target: Target, source: Path, scratch: Path) -> Command:
        batch_size, proceed = "", "y"
        answers = (
            source,
            target.login_host,
            target.login_port,
            target.login_db,
            target.login_user,
            target.login_password,
            proceed,
            batch_size,
        )
        return Command([self._venv / "bin" / self.script], stdin="".join(f"{answer}\n" for answer in answers))


class SqliteMigration(FromPyPI):
    """Sets session_replication_role, which is for superusers only, so it gets one."""

    name = "open-webui-sqlite-migration"
    version = "0.1.22"
    script = "open-webui-migrate-sqlite"
    note = "connects as superuser, because it switches foreign keys off; copies the SQLite file first"

    def command(self, target: Target, source: Path, scratch: Path) -> Command:
        url = _url(target, target.cluster.superuser, target.cluster.password)
        environment = {"SQLITE_DB_PATH": str(source), "MIGRATE_DATABASE_URL": url, "TMPDIR": str(scratch)}
        return Command([self._venv / "bin" / self.script], env=environment)


class PgLoader(Contestant):
    """From the distribution's package."""

    name = "pgloader"
    note = "data only, truncate, quote identifiers; otherwise as it comes"

    def install(self) -> None:
        if shutil.which("pgloader"):
            return
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise LabError("is not installed; on Debian: apt-get install pgloader")
        say("installing the Debian package pgloader")
        quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        run("bench", "apt-get", "install", "--yes", "--no-install-recommends", "pgloader", env=quiet)

    def command(self, target: Target, source: Path, scratch: Path) -> Command:
        instructions = scratch / "pgloader.load"
        instructions.touch(0o600)
        instructions.write_text(
            f"LOAD DATABASE FROM sqlite://{source} INTO {target.url}\n"
            " WITH data only, truncate, quote identifiers\n"
            " EXCLUDING TABLE NAMES LIKE 'alembic_version';\n"
        )
        return Command(["pgloader", "--root-dir", scratch, instructions])


def _libpq_options(target: Target) -> list[str]:
    return ["--host", target.login_host, "--port", str(target.login_port), "--username", target.login_user, "--dbname", target.login_db]


def _libpq_environment(target: Target) -> dict[str, str]:
    return dict(os.environ, PGPASSWORD=target.login_password)


def _url(target: Target, user: str, password: str) -> str:
    return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@{target.login_host}:{target.login_port}/{target.login_db}"


def versions(names: list[str]) -> dict[str, str]:
    """Who took part in which version, as far as each tells."""
    known = {peer.name: peer.version for peer in (PostgresMigration, SqliteMigration)}
    if "pgloader" in names and shutil.which("pgloader"):
        answer = subprocess.run(["pgloader", "--version"], capture_output=True, text=True, check=False)
        known["pgloader"] = answer.stdout.split("\n")[0].strip()
    return {name: known[name] for name in names if name in known}


PEERS: tuple[type[Contestant], ...] = (PgRestore, PostgresMigration, SqliteMigration, PgLoader)
