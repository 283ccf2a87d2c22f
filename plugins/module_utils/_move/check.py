# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examination of a source: everything that can be said of it without a target.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Container, NamedTuple, Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils._move.comparison import (
    EXCLUDED,
    MISSING_COLUMN,
    MISSING_TABLE,
    LeftOut,
    as_target,
    compare,
    count,
    excluded_tables,
    find_unknown_tables,
    miss_steps,
    refuse_broken_references,
    remarks,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._move.revisions import known_tables, stamp_problem, stamp_remedy
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import Repairs, TablePlan, scan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.upgrade import OLDER, assess
from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import presumed_column
from ansible_collections.openwebui.postgres.plugins.module_utils._openwebui import (
    BOOKKEEPING_TABLES,
    REVISIONS,
    STEPS,
    describe_revision,
    is_leftover,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings, Refused, refuse, summary
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Source, holders, look, open_source

CHECKS = ("integrity", "foreign_keys", "values", "schema")
FAILURES = ("integrity", "schema")

# What can also be seen in a file that is sound, when somebody writes to it during a look without a lock.
DISTURBED = frozenset({"integrity", "foreign_keys", "values", "upgrade"})
ATTEMPTS = 3


class Request(NamedTuple):
    """What is to be looked at.

    :ivar upgrade_to: the revision that the file has to be at in the end.
    :ivar exclude: the tables that will be left out of a migration, so that what they hold does not matter.
    """

    path: str
    checks: Sequence[str]
    upgrade_to: str | None = None
    exclude: Sequence[str] = ()


class Structure(NamedTuple):
    """What the tables of a file tell.

    :ivar excluded: those that will be left out on request, by their names in the file.
    :ivar plans: those that will move, where it is known for sure what Open WebUI has at the file's revision.
    """

    excluded: Container[str]
    left_out: list[LeftOut]
    plans: dict[str, TablePlan] | None


def examine(
    path: str, checks: Sequence[str], fail_on: Sequence[str], upgrade_to: str | None = None, exclude: Sequence[str] = ()
) -> tuple[dict[str, Any], str]:
    """Examine a file. The parameters are those of :class:`Request`, and which kinds of findings fail the task.

    :returns: what the module returns, and in one line what fails the task (empty when nothing does).
    :raises Refused: when the file cannot be read at all.
    """
    users = holders(path) if look(path) else []
    report, findings = _look_until_settled(Request(path, checks, upgrade_to, exclude))
    for user in users:
        findings.add("in_use", f"in use by {user.command}" + (f" (pid {user.pid})" if user.pid else ""))
    report["in_use"] = bool(users)
    report["holders"] = [user._asdict() for user in users]
    report["problems"] = [problem.as_result() for problem in findings.problems]
    report["problems_total"] = findings.total
    report["ready"] = not any(problem.kind != "repair" for problem in findings.problems)
    failures = [problem for problem in findings.problems if problem.kind in fail_on]
    return report, f"{path}: {summary(failures)}" if failures else ""


def _look_until_settled(request: Request) -> tuple[dict[str, Any], Findings]:
    """Look at the file once more when it was written to during a look without a lock, and something seems to be wrong."""
    for _attempt in range(ATTEMPTS):
        report, findings, disturbed = _look_at(request)
        if report is not None and not disturbed:
            return report, findings
    if report is None:
        raise refuse("in_use", f"{request.path}: is written to all the time, so it cannot be examined; stop Open WebUI for it")
    settled = Findings()
    settled.extend([problem for problem in findings.problems if problem.kind != "integrity"])
    settled.add("in_use", "it was written to while it was examined, so some of this may not be so; try again, or stop Open WebUI")
    if not report.get("integrity", {"ok": True})["ok"]:
        report["integrity"] = {"ok": None, "errors": []}
    return report, settled


def _look_at(request: Request) -> tuple[dict[str, Any] | None, Findings, bool]:
    """:returns: the report (None where a write made it impossible), the findings, and whether a write may be behind them."""
    findings = Findings()
    report = None
    with open_source(request.path, live=True) as source:
        try:
            report = _report(source, request, findings)
        except Refused:
            if not _is_disturbed(source):
                raise
        suspicious = report is None or any(problem.kind in DISTURBED for problem in findings.problems)
        return report, findings, suspicious and _is_disturbed(source)


def _is_disturbed(source: Source) -> bool:
    return source.method == "lock-free" and source.changed()


def _report(source: Source, request: Request, findings: Findings) -> dict[str, Any]:
    sound = True
    report: dict[str, Any] = {}
    checks = request.checks
    if "integrity" in checks or "quick" in checks:
        report["integrity"] = _integrity(source, "integrity" not in checks, findings)
        sound = report["integrity"]["ok"]
    report.update(_facts(source, sound))
    if "schema" in checks:
        _schema(source, sound, findings)
    concerned = sound and not {"schema", "values", "foreign_keys"}.isdisjoint(checks)
    structure = _structure(source, request, findings) if concerned else Structure((), [], None)
    report["left_out"] = [item._asdict() for item in structure.left_out]
    if request.upgrade_to and sound:
        report["upgrade"] = _upgrade(source, request.upgrade_to, findings)
    if "foreign_keys" in checks and sound:
        report["orphans"] = _orphans(source, structure.excluded, findings)
    if "values" in checks and sound:
        report["value_findings"] = _values(source, structure, findings)
    return report


def _facts(source: Source, sound: bool) -> dict[str, Any]:
    revision = source.revision()
    releases = REVISIONS.get(revision) if revision else None
    return {
        "real_path": source.state.location.real,
        "log_path": source.state.location.wal,
        "sqlite_version": sqlite3.sqlite_version,
        "size_bytes": source.state.size,
        "journal_mode": source.state.journal_mode,
        "wal_bytes": source.state.wal_size,
        "revision": revision,
        "webui_versions": releases._asdict() if releases else {},
        "tables": [{"name": table, "rows": _count(source, table, sound)} for table in source.tables()],
    }


def _count(source: Source, table: str, sound: bool) -> int | None:
    """The rows of a table; None where it is known that the file is damaged, and this table cannot be counted for it."""
    try:
        return count(source, table)
    except Refused:
        if sound:
            raise
        return None


def _integrity(source: Source, quick: bool, findings: Findings) -> dict[str, Any]:
    errors = source.integrity(quick)
    for error in errors:
        findings.add("integrity", f"integrity: {error}")
    for table in source.unchecked:
        findings.add("repair", f"table {table} could not be checked for damage: it needs what only the program that made it has")
    return {"ok": not errors, "errors": errors}


def _schema(source: Source, sound: bool, findings: Findings) -> None:
    revision = source.revision()
    problem = stamp_problem(source.revisions())
    if problem:
        remedy = f"; {stamp_remedy(source)}" if sound and source.revisions() is not None else ""
        findings.add("schema", f"the file {problem}{remedy}")
    elif revision in STEPS and revision not in REVISIONS:
        findings.add("upgrade", f"revision {describe_revision(revision)}, where an upgrade has stopped")
    elif revision not in REVISIONS:
        findings.add("schema", f"revision {describe_revision(revision)}; a newer version of this collection may know it")
    for table in source.tables():
        if is_leftover(table) and table not in BOOKKEEPING_TABLES:
            rows = _count(source, table, sound)
            # Left out of a migration and of no harm there, so it does not make the file unfit.
            findings.add("repair", f"table {table} ({rows} rows) is left over from an upgrade and will not be moved")


def _structure(source: Source, request: Request, findings: Findings) -> Structure:
    """Hold the tables against those of the file's revision, with the eyes of a migration."""
    surplus, lacks = Findings(), Findings()
    excluded = excluded_tables(source, request.exclude, surplus)
    lost = [table for table in excluded if table not in source.views()]
    keys = [key for table in source.tables() if table not in excluded and lost for key in source.foreign_keys(table)]
    refuse_broken_references(source, keys, lost, surplus)
    revision = source.revision()
    tables = known_tables(revision)
    left_out: list[LeftOut] = []
    plans = None
    if tables is not None and revision is not None:
        compared = compare(source, as_target(tables), revision, excluded, surplus, lacks)
        left_out, plans = compared.left_out, compared.plans
    elif revision in STEPS:
        find_unknown_tables(source, excluded, left_out, surplus)
        if revision in REVISIONS:
            miss_steps(source, revision, left_out, lacks)
    else:
        left_out = [LeftOut(table, None, EXCLUDED, count(source, table)) for table in sorted(excluded)]
    if "schema" in request.checks:
        for kind, found in (("tables", surplus), ("schema", lacks)):
            for problem in found.problems:
                findings.add(kind, problem.message, table=problem.table, column=problem.column)
        for remark in remarks(item for item in left_out if item.why in (EXCLUDED, MISSING_TABLE, MISSING_COLUMN)):
            findings.add("repair", remark)
    return Structure(excluded, left_out, plans)


def _upgrade(source: Source, to: str, findings: Findings) -> dict[str, Any]:
    upgrade = assess(source, to)
    if upgrade["state"] == OLDER:
        findings.add("upgrade", f"revision {describe_revision(upgrade['from'])} is older than {describe_revision(to)}")
    for obstacle in upgrade["obstacles"]:
        findings.add("upgrade", obstacle["message"], table=obstacle["table"])
    return upgrade


def _orphans(source: Source, excluded: Container[str], findings: Findings) -> list[dict[str, Any]]:
    found = source.orphans(excluded)
    for item in found:
        message = f"{item.table}.{item.column}: {item.rows} rows refer to rows of {item.parent} that are gone"
        findings.add("foreign_keys", message, table=item.table, column=item.column)
    return [item._asdict() for item in found]


def _values(source: Source, structure: Structure, findings: Findings) -> list[dict[str, Any]]:
    refused = Findings()
    repairs = Repairs()
    tables = _presumed_plans(source, structure.excluded) if structure.plans is None else list(structure.plans.values())
    scan(source, tables, repairs, refused, Progress(None))
    groups = [
        *({**group, "refused": True} for group in refused.values.groups()),
        *({**group, "refused": False} for group in repairs.values.groups()),
    ]
    for group in groups:
        kind, fate = ("values", "cannot be moved") if group["refused"] else ("repair", "will be repaired")
        table, column = group["table"], group["column"]
        findings.add(kind, f"{table}.{column}: {group['rows']} values {fate} ({group['rule']})", table=table, column=column)
    return groups


def _presumed_plans(source: Source, excluded: Container[str]) -> list[TablePlan]:
    content = {*source.virtual_tables(), *source.shadow_tables()}
    tables = [table for table in source.tables() if table not in excluded and table not in content and not is_leftover(table)]
    return [plan for plan in (_presumed_plan(source, table) for table in tables) if plan.columns]


def _presumed_plan(source: Source, table: str) -> TablePlan:
    presumed = [presumed_column(column.name, column.declared, column.not_null) for column in source.columns(table)]
    columns = tuple(column for column in presumed if column)
    names = {column.name for column in columns}
    key = tuple(source.primary_key(table))
    return TablePlan(table, columns, key if names.issuperset(key) else (), source.count(table))
