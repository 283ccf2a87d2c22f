# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the benchmark: the source, the server, and each contestant in its turn."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import contestants
import report
from contestants import BENCH, Command, Contestant, Module, PgRestore
from lab import openwebui, postgres
from lab.console import LabError, say, warn
from lab.databases import DatabaseServer, Target
from psycopg import sql

HERE = Path(__file__).resolve().parent
NO_LIMIT = 24 * 3600

# A small server that keeps what it is given: the lab's own settings trade that for speed, and a benchmark must not.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    # As in the official image. The clients prefer TLS, and would all encrypt what never leaves the machine.
    "ssl": "off",
}


def compete(options: argparse.Namespace) -> int:
    """Run them all, print the table, leave the figures as JSON. Zero when the module did its job."""
    try:
        source = prepare_source(options.size)
        with postgres.temporary(options.server, SETTINGS) as cluster:
            outcome = _Arena(DatabaseServer(cluster), source, options).run()
    except LabError as error:
        warn(str(error))
        return 1
    file = BENCH / f"result-{options.size}.json"
    file.write_text(json.dumps(outcome, indent=2) + "\n")
    print(report.text(outcome))
    print(f"\nAll figures: {file}")
    module = outcome["contestants"][0]
    return 0 if module["exit_code"] == 0 and module["rows_lost"] == 0 else 1


def prepare_source(size: int) -> Path:
    """The source of this size, built if this version of the builder has not done so yet."""
    BENCH.mkdir(parents=True, exist_ok=True)
    builder = [HERE / "source.py", HERE / "text.py"]
    version = hashlib.sha256(b"".join(file.read_bytes() for file in builder)).hexdigest()[:8]
    source = BENCH / f"source-{size}-{version}.db"
    if not source.exists():
        for old in BENCH.glob(f"source-{size}-*"):
            old.unlink()
        if not openwebui.SQLITE_TEMPLATE.exists():
            raise LabError("There is no empty webui.db to fill. make setup makes one.")
        say(f"building a source of {size} MB …")
        started = time.monotonic()
        # In a process of its own: what it needs of memory must not be this one's.
        subprocess.run([sys.executable, builder[0], openwebui.SQLITE_TEMPLATE, str(size), source], check=True)
        say(f"source: ready after {time.monotonic() - started:.1f} s")
    return source


class _Arena:
    def __init__(self, server: DatabaseServer, source: Path, options: argparse.Namespace) -> None:
        self.server = server
        self.source = source
        self.options = options
        self.rows = _count_source(source)

    def run(self) -> dict[str, Any]:
        load = os.getloadavg()[0]
        results = self._results()
        return {
            "size_mb": round(self.source.stat().st_size / 1e6),
            "rows": sum(self.rows.values()),
            "tables": self.rows,
            "repeat": self.options.repeat,
            "limit_seconds": self.options.limit,
            "machine": {
                "processors": os.cpu_count(),
                "architecture": platform.machine(),
                "load_average_at_start": round(load, 2),
                "python": platform.python_version(),
                "sqlite": sqlite3.sqlite_version,
                "postgresql": self._ask("SHOW server_version"),
                "lz4": self._ask("SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"),
                "settings": SETTINGS,
            },
            "versions": contestants.versions(self.options.peers),
            "contestants": results,
        }

    def _results(self) -> list[dict[str, Any]]:
        """One row of the table for each contestant. They take turns: whatever else the machine has to do meets all of them."""
        everybody = [Module(), *(kind() for kind in contestants.PEERS if kind.name in self.options.peers)]
        runs: dict[Contestant, list[dict[str, Any]]] = {contestant: [] for contestant in everybody}
        left_out: dict[Contestant, str] = {}
        for turn in range(self.options.repeat):
            for contestant in everybody:
                if contestant in left_out:
                    continue
                try:
                    if not turn:
                        self._prepare(contestant)
                    runs[contestant].append(self._run(contestant))
                except LabError as error:
                    left_out[contestant] = str(error)
        return [self._result(contestant, runs[contestant], left_out.get(contestant)) for contestant in everybody]

    def _prepare(self, contestant: Contestant) -> None:
        contestant.install()
        if isinstance(contestant, PgRestore):
            self._make_dump(contestant)

    @staticmethod
    def _result(contestant: Contestant, runs: list[dict[str, Any]], left_out: str | None) -> dict[str, Any]:
        """All runs of one contestant as one row of the table."""
        if left_out is not None:
            return {"name": contestant.name, "note": contestant.note, "left_out": left_out}
        worst = max(runs, key=lambda run: (run["exit_code"] != 0, run["rows_lost"]))
        return {
            "name": contestant.name,
            "note": contestant.note,
            **worst,
            "seconds": round(statistics.median(run["seconds"] for run in runs), 3),
            "cpu_seconds": round(statistics.median(run["cpu_seconds"] for run in runs), 3),
            "server_cpu_seconds": round(statistics.median(run["server_cpu_seconds"] for run in runs), 2),
            "peak_mb": max(run["peak_mb"] for run in runs),
            "runs": [run["seconds"] for run in runs],
        }

    def _run(self, contestant: Contestant, target: Target | None = None) -> dict[str, Any]:
        say(f"{contestant.name} …")
        own = target is None
        target = target or self.server.create_open_webui_database()
        scratch = Path(tempfile.mkdtemp(prefix="run-", dir=BENCH))
        try:
            source = self._source_for(contestant, scratch)
            command = contestant.command(target, source, scratch)
            self._settle(source if not isinstance(contestant, PgRestore) else contestant.dump)
            foreign_keys = _count_foreign_keys(target)
            limit = NO_LIMIT if isinstance(contestant, Module) else self.options.limit
            before = self._server_cpu_seconds()
            outcome = _measure(contestant, command, limit, scratch)
            self._wait_for_backends(target)
            cpu = {"server_cpu_seconds": round(self._server_cpu_seconds() - before, 2)}
            return {**outcome, **cpu, **self._compare(target), "foreign_keys_wanted": foreign_keys}
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
            if own:
                self.server.drop_databases({target.login_db})

    def _source_for(self, contestant: Contestant, scratch: Path) -> Path:
        """The module never changes its source. The others get a copy, which some of them open for writing."""
        if isinstance(contestant, (Module, PgRestore)):
            return self.source
        return Path(shutil.copyfile(self.source, scratch / "webui.db"))

    def _settle(self, file: Path) -> None:
        """The same start for everybody: nothing left to write, and the input in the cache as far as it fits."""
        self.server.execute(sql.SQL("CHECKPOINT"))
        os.sync()
        with file.open("rb", buffering=0) as stream:
            while stream.read(1 << 20):
                pass

    def _make_dump(self, yardstick: PgRestore) -> None:
        target = self.server.create_open_webui_database()
        outcome = self._run(Module(), target)
        if outcome["exit_code"] != 0:
            raise LabError("there is nothing to restore, because the module failed")
        yardstick.dump_from(target)
        self.server.drop_databases({target.login_db})

    def _compare(self, target: Target) -> dict[str, Any]:
        """What the database holds of the rows of the source, and how large it has become."""
        lost = {}
        with target.admin() as connection:
            for table, rows in self.rows.items():
                query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", table))
                missing = rows - connection.execute(query).fetchone()[0]
                if missing:
                    lost[table] = missing
            (size,) = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        return {
            "rows_lost": sum(abs(number) for number in lost.values()),
            "lost": lost,
            "foreign_keys": _count_foreign_keys(target),
            "database_mb": round(size / 1e6),
        }

    def _server_cpu_seconds(self) -> float:
        """What all processes of the server that have ended used: each connection is one."""
        pid = int((self.server.data / "postmaster.pid").read_text().split("\n")[0])
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(fields[position]) for position in (13, 14)) / os.sysconf("SC_CLK_TCK")

    def _wait_for_backends(self, target: Target) -> None:
        """Until no connection to the database is left, at most for some seconds: one that was killed may still work."""
        query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{target.login_db}' AND backend_type = 'client backend'"
        deadline = time.monotonic() + 5
        while self._ask(query) and time.monotonic() < deadline:
            time.sleep(0.1)
        # It has said goodbye, but is a process until the server has taken note of its end.
        time.sleep(0.5)

    def _ask(self, question: str) -> Any:
        with self.server.admin() as connection:
            return connection.execute(question).fetchone()[0]


def _count_foreign_keys(target: Target) -> int:
    with target.admin() as connection:
        return connection.execute("SELECT count(*) FROM pg_constraint WHERE contype = 'f'").fetchone()[0]


def _measure(contestant: Contestant, command: Command, limit: int, scratch: Path) -> dict[str, Any]:
    result = scratch / "measured.json"
    log = BENCH / f"{contestant.name}.log"
    with log.open("wb") as output:
        subprocess.run(
            [sys.executable, "-S", "-E", HERE / "measure.py", result, str(limit), *command.argv],
            input=command.stdin.encode(),
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=scratch,
            env={**os.environ, **command.env},
            check=True,
        )
    return {**json.loads(result.read_text()), **contestant.details(log.read_text(errors="replace"))}


def _count_source(source: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{source}?immutable=1", uri=True)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall()
        return {
            name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for (name,) in sorted(names)
            if name != "alembic_version"
        }
