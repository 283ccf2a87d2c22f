# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The move itself: plan, load, prove, commit. All of it happens in one transaction of the target, or not at all.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import hashlib
import re
import time
import zlib
from contextlib import contextmanager
from typing import Any, Iterator, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils import _bookkeeping
from ansible_collections.openwebui.postgres.plugins.module_utils._backup import is_copy_of
from ansible_collections.openwebui.postgres.plugins.module_utils._openwebui import BOOTSTRAP_TABLES
from ansible_collections.openwebui.postgres.plugins.module_utils._plan import Plan, make_plan
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres import (
    PSYCOPG_IMPORT_ERROR,
    Target,
    UniqueIndex,
    connect,
    guard,
    in_words,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import (
    LISTED_AT_MOST,
    Findings,
    Refused,
    refuse,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress
from ansible_collections.openwebui.postgres.plugins.module_utils._quarantine import Quarantine
from ansible_collections.openwebui.postgres.plugins.module_utils._scan import Repairs, RowReader, TablePlan, scan
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite import Source, holders, look, open_source
from ansible_collections.openwebui.postgres.plugins.module_utils._values import comparable

if PSYCOPG_IMPORT_ERROR is None:
    import psycopg
    from psycopg import sql

# How much is handed to libpq at once. One row can be more: it is never cut.
CHUNK = 1 << 17

# The first half of the advisory lock's key; the second is made of the schema's name.
_LOCK = 0x57454255


# Classes of SQLSTATE that are about a row: data, integrity, and limits such as the depth of JSON.
_ROW_FAULTS = ("22", "23", "54")


class Request(NamedTuple):
    """What the operator asks for.

    :ivar connection: the connection options of the module.
    :ivar live: the source may be in use. Only where nothing is written.
    :ivar quarantine: the folder for originals of repaired values, None for no such file.
    :ivar exclude_tables: tables of the source that stay behind.
    :ivar copy_of: the file of which the source is an upgraded copy, None where it is the original itself.
    """

    path: str
    connection: dict[str, Any]
    schema: str = "public"
    repair: bool = True
    replace_invalid: bool = False
    replace_target: bool = False
    quarantine: str | None = None
    live: bool = False
    copy_of: str | None = None
    exclude_tables: tuple[str, ...] = ()

    @property
    def original(self) -> str:
        """The file that Open WebUI works with, which later runs recognise."""
        return self.copy_of or self.path


class Offended(Exception):
    """A value was met while loading that cannot be loaded."""


class Digest:
    """A digest of a set of rows, whatever their order: the sum of the digests of the rows.

    A row is a line of COPY's text format, so a change to any value of any column changes it.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.size = 0
        self._sum = 0

    def add(self, line: bytes) -> None:
        """Take in one more row."""
        self.rows += 1
        self.size += len(line)
        self._sum += int.from_bytes(hashlib.sha256(line).digest(), "big")

    def __str__(self) -> str:
        return f"{self._sum % (1 << 256):064x}"


class Clock:
    """How long each phase took, in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what is inside the block."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - started, 3)


def migrate(request: Request, check: bool, progress: Progress) -> dict[str, Any]:
    """Move the source into the target, or find out whether that can be done.

    :param check: do everything up to the first write, and look at every value.
    :returns: what the module returns, see its documentation.
    :raises Refused: when nothing was done, with all reasons that are known.
    """
    with connect(request.connection) as connection, guard("preparing the migration"):
        target = Target(connection, request.schema)
        _demand_schema(target)
        _lock(target)
        last = _bookkeeping.last_run(target)
        state = look(request.original)
        if last and not last.abandoned and last.fingerprint == state.fingerprint:
            return _already(last)
        return _Migration(request, target, last, progress).run(check)


def abandon(request: Request, check: bool) -> dict[str, Any]:
    """Note that the cutover after the last run was called off, so that the next run may replace what it loaded."""
    with connect(request.connection) as connection, guard("calling the migration off"):
        target = Target(connection, request.schema)
        last = _bookkeeping.last_run(target)
        if last is None or last.abandoned or not last.is_from(request.original):
            return {"changed": False, "run_id": None}
        if not check:
            _lock(target)
            _bookkeeping.abandon(target, last)
            connection.commit()
        return {"changed": True, "run_id": last.run_id}


def _already(run: _bookkeeping.Run) -> dict[str, Any]:
    return {
        "changed": False,
        "already_migrated": True,
        "run_id": run.run_id,
        "revision": run.revision,
        "tables": run.tables,
        "rows": sum(table["rows"] for table in run.tables),
        "bytes": sum(table["bytes"] for table in run.tables),
    }


def _demand_schema(target: Target) -> None:
    if not target.exists():
        raise refuse("bootstrap", f"the target has no schema {target.schema}; let Open WebUI create its schema there first")


def _lock(target: Target) -> None:
    key = zlib.crc32(target.schema.encode()) - (1 << 31)
    if not target.rows("SELECT pg_try_advisory_xact_lock(%s, %s)", _LOCK, key)[0][0]:
        raise refuse("busy", "another migration into this database is running; wait for it to end")


class _Migration:
    """One run: what its phases hand to each other."""

    def __init__(self, request: Request, target: Target, last: _bookkeeping.Run | None, progress: Progress) -> None:
        self.request = request
        self.target = target
        self.last = last
        self.progress = progress
        self.clock = Clock()
        self.findings = Findings()
        self.warnings: list[str] = []

    def run(self, check: bool) -> dict[str, Any]:
        self._demand_stopped(check)
        with self.clock.phase("total"), open_source(self.request.path, live=check) as source:
            with self.clock.phase("plan"):
                self.progress.begin("plan")
                plan = self._plan(source, lock=not check)
            if check:
                repairs = self._repairs(quarantine=None)
                with self.clock.phase("scan"):
                    self._scan(source, plan, repairs)
                    self._probe_uncertain(source, plan)
                self._refuse_what_was_found(source)
                loaded, run_id = [{"name": table.name, "rows": table.rows} for table in plan.tables], None
            else:
                quarantine = Quarantine(self.request.quarantine, "repaired")
                repairs = self._repairs(quarantine)
                loaded, run_id = self._write(source, plan, repairs)
        return {
            "changed": True,
            "already_migrated": False,
            "run_id": run_id,
            "revision": plan.revision,
            "tables": loaded,
            "rows": plan.rows,
            "bytes": sum(table.get("bytes", 0) for table in loaded),
            "seconds": self.clock.seconds,
            "repairs": {"total": repairs.total, "listed": repairs.listed, "quarantine_file": repairs.quarantine.path},
            "left_out": [item._asdict() for item in plan.left_out],
            "warnings": plan.warnings + self.warnings,
        }

    def _repairs(self, quarantine: Quarantine | None) -> Repairs:
        return Repairs(self.request.repair, self.request.replace_invalid, quarantine)

    def _demand_stopped(self, check: bool) -> None:
        """Nobody may write to the source: what came after our reading would be lost."""
        if check and self.request.live:
            return
        for path in dict.fromkeys((self.request.path, self.request.original)):
            users = holders(path)
            if users:
                who = ", ".join(f"{user.command} (pid {user.pid})" if user.pid else user.command for user in users)
                raise refuse("in_use", f"{path} is in use by {who}; stop Open WebUI first")
        self._demand_copy()

    def _demand_copy(self) -> None:
        """What was written to the original after it was copied would be lost."""
        if self.request.copy_of and not is_copy_of(self.request.path, self.request.copy_of):
            raise refuse(
                "in_use",
                f"{self.request.path} is no copy of {self.request.copy_of} as it is now; take a new one with webui_sqlite_backup",
            )

    def _plan(self, source: Source, lock: bool) -> Plan:
        plan = make_plan(source, self.target, self.findings, self.request.exclude_tables)
        if plan is None:
            self.findings.refuse_if_any()
        if not _bookkeeping.can_be_written(self.target):
            self.findings.add(
                "privilege",
                f"role {self.target.role()} may not create the schema {_bookkeeping.SCHEMA} in this database; "
                "GRANT CREATE ON DATABASE to it",
            )
        if lock and not self.findings.total:
            self._lock_tables(plan)
        self._demand_free_target(plan)
        return plan

    def _lock_tables(self, plan: Plan) -> None:
        tables = sql.SQL(", ").join(self.target.name(name) for name in plan.names)
        self.target.connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(tables))

    def _demand_free_target(self, plan: Plan) -> None:
        """Live data is never overwritten, unless the operator says so or it is our own and nobody has touched it."""
        for table, parent in self.target.referring_from_outside([*plan.names, *plan.dependents]):
            self.findings.add(
                "table", f"table {table} of the target refers to {parent} and is not Open WebUI's; move it elsewhere"
            )
        for table in self.target.holding_rows(plan.dependents):
            self.findings.add(
                "target_data",
                f"table {table} of the target holds rows that refer to others, and nothing from the source takes their place; empty it, or"
                " move it elsewhere",
                table=table,
            )
        if self.request.replace_target:
            return
        occupied = self.target.holding_rows([name for name in plan.names if name not in BOOTSTRAP_TABLES])
        if not occupied or self._is_ours_untouched(plan):
            return
        since = ""
        if self.last is not None:
            whose = "this source" if self.last.is_from(self.request.original) else "another source"
            since = f" (a migration of {whose} ended {self.last.finished_at})"
        self.findings.add(
            "target_data",
            f"the target holds data in {len(occupied)} tables, such as {', '.join(occupied[:3])}{since}; "
            "target_data: replace overwrites it",
        )

    def _is_ours_untouched(self, plan: Plan) -> bool:
        """Whether the target holds what an earlier run from this very file loaded, and the service never moved there."""
        if self.last is None or not self.last.is_from(self.request.original):
            return False
        if self.last.abandoned:
            return True
        known = {table["name"]: table["digest"] for table in self.last.tables}
        return set(known) == set(plan.names) and all(
            str(self._read_back(table)) == known[table.name] for table in plan.tables
        )

    def _scan(self, source: Source, plan: Plan, repairs: Repairs) -> None:
        self.progress.begin("scan", plan.rows)
        scan(source, plan.tables, repairs, self.findings, self.progress)

    def _refuse_what_was_found(self, source: Source) -> None:
        if self.findings.total and source.method == "lock-free" and source.changed():
            self.findings.add("in_use", f"{source.path} was written to meanwhile, so some of this may not be so; try again")
        self.findings.refuse_if_any()

    def _write(self, source: Source, plan: Plan, repairs: Repairs) -> tuple[list[dict[str, Any]], str]:
        self.findings.refuse_if_any()
        try:
            with self.clock.phase("load"):
                digests, seconds = self._load(source, plan, repairs)
            with self.clock.phase("prove"):
                self._prove(plan, digests)
            if source.changed():
                raise refuse("in_use", f"{source.path} was written to during the migration; stop what uses it")
            self._demand_copy()
            loaded = [
                {
                    "name": table.name,
                    "rows": digests[table.name].rows,
                    "bytes": digests[table.name].size,
                    "seconds": seconds[table.name],
                    "digest": str(digests[table.name]),
                }
                for table in plan.tables
            ]
            state = look(self.request.copy_of) if self.request.copy_of else source.state
            run_id = _bookkeeping.record(self.target, self.request.original, state.fingerprint, plan.revision, loaded)
            repairs.quarantine.keep()
        except BaseException:
            repairs.quarantine.discard()
            raise
        with self.clock.phase("commit"):
            self.progress.begin("commit")
            self._commit()
        with self.clock.phase("analyze"):
            self._analyze(plan)
        return loaded, run_id

    def _analyze(self, plan: Plan) -> None:
        names = sql.SQL(", ").join(self.target.name(name) for name in plan.names)
        try:
            self.target.connection.execute(sql.SQL("ANALYZE {}").format(names))
            self.target.connection.commit()
        except psycopg.Error as error:
            # The data is there and committed; the server's autovacuum makes up for this.
            self.warnings.append(in_words(error, "analysing the loaded tables").message)

    def _commit(self) -> None:
        try:
            self.target.connection.commit()
        except psycopg.Error as error:
            problem = in_words(error, "committing")
            hint = "it may or may not have happened: run this again, which finds out"
            raise Refused([problem._replace(message=f"{problem.message}; {hint}")]) from None

    def _load(self, source: Source, plan: Plan, repairs: Repairs) -> tuple[dict[str, Digest], dict[str, float]]:
        connection = self.target.connection
        self.progress.begin("load", plan.rows, source.state.size + source.state.wal_size)
        if self.target.can_compress_with_lz4():
            connection.execute("SET LOCAL default_toast_compression = 'lz4'")
        names = sql.SQL(", ").join(self.target.name(name) for name in (*plan.names, *plan.dependents))
        connection.execute(sql.SQL("TRUNCATE {}").format(names))
        digests = {}
        clock = Clock()
        for table in plan.tables:
            reader = RowReader(source, table, repairs, self.findings, thorough=False)
            try:
                with clock.phase(table.name):
                    digests[table.name] = self._copy(reader)
            except Offended:
                self._explain(source, plan, table, None)
            except psycopg.Error as error:
                if (error.sqlstate or "").startswith(_ROW_FAULTS):
                    self._explain(source, plan, table, error)
                raise Refused([in_words(error, f"loading {table.name}")]) from None
        self._set_sequences(plan)
        return digests, clock.seconds

    def _copy(self, reader: RowReader) -> Digest:
        table = reader.table
        digest = Digest()
        columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(self.target.name(table.name), columns)
        make_comparable = comparable(table.columns)
        chunk: list[bytes] = []
        flushed = rows = 0
        with self.target.connection.cursor().copy(statement) as copy:
            for fields in reader.rows():
                line = b"\t".join(fields) + b"\n"
                digest.add(make_comparable(line) if make_comparable else line)
                chunk.append(line)
                if digest.size - flushed >= CHUNK:
                    copy.write(b"".join(chunk))
                    self.progress.advance(table.name, digest.rows - rows, digest.size - flushed)
                    flushed, rows = digest.size, digest.rows
                    chunk.clear()
            if self.findings.total:
                raise Offended
            copy.write(b"".join(chunk))
        self.progress.advance(table.name, digest.rows - rows, digest.size - flushed)
        return digest

    def _set_sequences(self, plan: Plan) -> None:
        """Let each sequence go on after the highest value. RESTART is undone by a rollback, setval is not."""
        names = set(plan.names)
        for table, column, sequence in self.target.sequences():
            if table not in names:
                continue
            query = sql.SQL("SELECT max({}) + 1 FROM {}").format(sql.Identifier(column), self.target.name(table))
            (following,) = self.target.connection.execute(query).fetchone()
            if following is not None and following > 0:
                restart = sql.SQL("ALTER SEQUENCE {} RESTART WITH {}")
                self.target.connection.execute(restart.format(sql.SQL(sequence), sql.Literal(following)))

    def _prove(self, plan: Plan, digests: dict[str, Digest]) -> None:
        """Read everything back, inside the transaction that loaded it, and compare."""
        self.progress.begin("prove", plan.rows, sum(digest.size for digest in digests.values()))
        for table in plan.tables:
            with guard(f"reading {table.name} back"):
                found = self._read_back(table)
            expected = digests[table.name]
            if (found.rows, str(found)) != (expected.rows, str(expected)):
                self.findings.add(
                    "proof",
                    f"{table.name}: what PostgreSQL holds ({found.rows} rows) is not what was read from SQLite "
                    f"({expected.rows} rows); a trigger or rule on the table may change rows",
                    table=table.name,
                )
            self.progress.advance(table.name, found.rows, found.size)
        self.findings.refuse_if_any()

    def _read_back(self, table: TablePlan) -> Digest:
        digest = Digest()
        columns = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
        statement = sql.SQL("COPY {} ({}) TO STDOUT").format(self.target.name(table.name), columns)
        make_comparable = comparable(table.columns)
        with self.target.connection.cursor().copy(statement) as copy:
            for line in copy:
                digest.add(make_comparable(bytes(line)) if make_comparable else line)
        return digest

    def _explain(self, source: Source, plan: Plan, table: TablePlan, error: psycopg.Error | None) -> None:
        """Something could not be loaded. Undo all, take a second, careful look at everything, and refuse with all of it.

        :raises Refused: always.
        """
        connection = self.target.connection
        connection.rollback()
        self.findings = Findings()
        self._scan(source, plan, self._repairs(quarantine=None))
        if isinstance(error, psycopg.errors.IntegrityError):
            self._probe(source, table)
        if error is not None and not any(problem.table == table.name for problem in self.findings.problems):
            self.findings.extend([self._as_told(source, table, error)])
        connection.rollback()
        raise Refused(self.findings.problems, self.findings.total)

    def _as_told(self, source: Source, table: TablePlan, error: psycopg.Error) -> Any:
        """PostgreSQL's own complaint, for what our own look did not find: it names the line of the COPY."""
        problem = in_words(error, f"loading {table.name}")
        place = re.search(r"COPY .+, line (\d+)", (error.diag.context or "").split("\n")[0])
        if place is None:
            return problem._replace(table=table.name)
        reader = RowReader(source, table, self._repairs(quarantine=None), Findings(), thorough=False)
        key = reader.key_of(int(place.group(1)))
        return problem._replace(table=table.name, key=key, message=f"{table.name} {key}: {problem.message}")

    def _probe_uncertain(self, source: Source, plan: Plan) -> None:
        """Try, without writing to the target, the unique indexes that SQLite does not keep itself."""
        uncertain = set()
        for index in self.target.unique_indexes():
            known = source.unique_keys(index.table) if index.table in plan.names else set()
            if index.table in plan.names and frozenset(index.columns) not in known:
                uncertain.add(index.table)
        for table in plan.tables:
            if table.name in uncertain:
                with guard(f"trying the unique indexes of {table.name}"):
                    self._probe(source, table)

    def _probe(self, source: Source, table: TablePlan) -> None:
        """Load a table into a temporary one without constraints, and ask which rows would violate them."""
        connection = self.target.connection
        # JSON has no equality, so no unique index has it, and it is most of the volume.
        columns = tuple(column for column in table.columns if column.type != "json")
        names = [sql.Identifier(column.name) for column in columns]
        clone = sql.Identifier("pg_temp", f"webui_probe_{table.name}"[:63])
        key = sql.SQL(", ").join(sql.Identifier(name) for name in table.key) or sql.SQL("ctid")
        connection.execute(
            sql.SQL("CREATE TEMP TABLE {} AS SELECT {} FROM {} WITH NO DATA").format(
                sql.Identifier(f"webui_probe_{table.name}"[:63]), sql.SQL(", ").join(names), self.target.name(table.name)
            )
        )
        reader = RowReader(source, table._replace(columns=columns), self._repairs(None), Findings(), thorough=True)
        with connection.cursor().copy(
            sql.SQL("COPY {} ({}) FROM STDIN").format(clone, sql.SQL(", ").join(names))
        ) as copy:
            for fields in reader.rows():
                copy.write(b"\t".join(fields) + b"\n")
        key = sql.SQL("concat_ws(', ', {})").format(key)
        for index in self.target.unique_indexes():
            if index.table == table.name:
                self._report_collisions(clone, key, table, index)
        for name, expression in self.target.checks(table.name):
            self._report_violations(clone, key, table, name, expression)

    def _report_collisions(self, clone: sql.Identifier, key: sql.Composed, table: TablePlan, index: UniqueIndex) -> None:
        parts = sql.SQL(", ").join(sql.SQL(f"({expression})") for expression in index.expressions)
        filled = sql.SQL(" AND ").join(sql.SQL(f"({expression}) IS NOT NULL") for expression in index.expressions)
        query = sql.SQL("SELECT array_agg({} ORDER BY {}) FROM {} WHERE {} AND {} GROUP BY {} HAVING count(*) > 1").format(
            key, key, clone, filled, sql.SQL(index.predicate or "true"), parts
        )
        for (keys,) in self.target.connection.execute(query + sql.SQL(" LIMIT {}").format(sql.Literal(LISTED_AT_MOST))).fetchall():
            self.findings.add(
                "unique",
                f"{table.name}: {' and '.join(keys)} are equal for the unique index {index.name}; change or remove one",
                table=table.name,
                key=keys[0],
                column=", ".join(index.expressions),
            )

    def _report_violations(
        self, clone: sql.Identifier, key: sql.Composed, table: TablePlan, name: str, expression: str
    ) -> None:
        query = sql.SQL("SELECT {} FROM {} WHERE NOT ({}) LIMIT {}").format(
            key, clone, sql.SQL(expression), sql.Literal(LISTED_AT_MOST)
        )
        for (row_key,) in self.target.connection.execute(query).fetchall():
            self.findings.add(
                "check", f"{table.name} {row_key}: violates the check constraint {name}", table=table.name, key=row_key
            )
