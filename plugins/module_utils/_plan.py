# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a migration: which tables and columns move, in which order, and every reason why they must not.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._openwebui import (
    BOOKKEEPING_TABLES,
    LEFTOVER_COLUMNS,
    describe_revision,
    is_leftover,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres import ForeignKey, Target, TargetTable
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings
from ansible_collections.openwebui.postgres.plugins.module_utils._scan import TablePlan
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite import Source, quote
from ansible_collections.openwebui.postgres.plugins.module_utils._values import TargetColumn, is_supported

LEFT_OVER = "left over from an upgrade"
EMPTY_TABLE = "empty, and the target has no such table"
EMPTY_COLUMN = "empty, and the target has no such column"


class LeftOut(NamedTuple):
    """A table, or a column of one, that does not move, and why that loses nothing."""

    table: str
    column: str | None
    why: str


class Plan(NamedTuple):
    """What is to be moved.

    :ivar tables: parents before their children.
    """

    tables: list[TablePlan]
    left_out: list[LeftOut]
    revision: str

    @property
    def rows(self) -> int:
        """The number of rows of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def warnings(self) -> list[str]:
        """What is left out of the source and belongs to no working Open WebUI."""
        noteworthy = {LEFT_OVER, EMPTY_TABLE, EMPTY_COLUMN}
        places = [(".".join(filter(None, (item.table, item.column))), item.why) for item in self.left_out]
        return [f"{place} does not move: {why}" for place, why in places if why in noteworthy]

    @property
    def names(self) -> list[str]:
        """The names of the tables, in loading order."""
        return [table.name for table in self.tables]


def make_plan(source: Source, target: Target, findings: Findings) -> Plan | None:
    """Compare both sides. None where they are too different to compare further; the findings say why."""
    target_tables = target.tables()
    revision = _common_revision(source, target, target_tables, findings)
    if revision is None:
        return None
    left_out: list[LeftOut] = []
    plans = {}
    for name in source.tables():
        if _moves(source, name, target_tables, left_out, findings):
            plans[name] = _plan_table(source, target_tables[name], left_out, findings)
    for name in sorted(set(target_tables) - set(plans) - BOOKKEEPING_TABLES):
        left_out.append(LeftOut(name, None, "only the target has it; it stays as it is"))
    foreign_keys = [key for key in target.foreign_keys() if _is_filled(key, plans)]
    find_orphans(source, foreign_keys, findings)
    return Plan([plans[name] for name in _parents_first(list(plans), foreign_keys, findings)], left_out, revision)


def _common_revision(source: Source, target: Target, target_tables: dict[str, TargetTable], findings: Findings) -> str | None:
    if "alembic_version" not in target_tables:
        state = "holds no tables" if not target_tables else "has no table alembic_version"
        findings.add(
            "bootstrap",
            f"the schema {target.schema} of the target {state}; let Open WebUI create its schema there first",
        )
        return None
    ours, theirs = source.revision(), target.revision()
    if ours is None or ours != theirs:
        findings.add(
            "revision",
            f"the source is at revision {describe_revision(ours)}, the target at {describe_revision(theirs)}; "
            "start the source once with the release that will run, and create the target's schema with the same one",
        )
        return None
    return ours


def _moves(source: Source, name: str, target_tables: dict[str, TargetTable], left_out: list[LeftOut], findings: Findings) -> bool:
    """Whether a table of the source is to be loaded; if not, the reason is noted."""
    if is_leftover(name):
        why = "kept by the migrations of Open WebUI itself" if name in BOOKKEEPING_TABLES else LEFT_OVER
        left_out.append(LeftOut(name, None, why))
        return False
    if name in target_tables:
        return True
    rows = source.count(name)
    if rows:
        findings.add(
            "table",
            f"table {name} holds {rows} rows, and the target has no such table; move or drop it if it is not Open WebUI's",
            table=name,
        )
    else:
        left_out.append(LeftOut(name, None, EMPTY_TABLE))
    return False


def _plan_table(source: Source, table: TargetTable, left_out: list[LeftOut], findings: Findings) -> TablePlan:
    rows = source.count(table.name)
    names = [column.name for column in source.columns(table.name)]
    for name in names:
        if name not in table.columns:
            _leave_out_column(source, table.name, name, left_out, findings)
    for column in table.columns.values():
        if column.name not in names:
            _demand_default(table.name, column, rows, left_out, findings)
    columns = tuple(table.columns[name] for name in names if name in table.columns)
    for column in columns:
        if not is_supported(column):
            findings.add(
                "type",
                f"{table.name}.{column.name} has the type {column.type} in the target, which Open WebUI never creates",
                table=table.name,
                column=column.name,
            )
    if not table.owned:
        findings.add(
            "privilege",
            f"table {table.name} of the target belongs to {table.owner}; connect as its owner{table.acting}",
            table=table.name,
        )
    return TablePlan(table.name, columns, _row_key(source, table, columns), rows)


def _leave_out_column(source: Source, table: str, column: str, left_out: list[LeftOut], findings: Findings) -> None:
    if (table, column) in LEFTOVER_COLUMNS:
        left_out.append(LeftOut(table, column, LEFT_OVER))
    elif source.holds_data(table, column):
        findings.add(
            "column",
            f"{table}.{column} holds data, and the target has no such column; an upgrade of the source did not finish",
            table=table,
            column=column,
        )
    else:
        left_out.append(LeftOut(table, column, EMPTY_COLUMN))


def _demand_default(table: str, column: TargetColumn, rows: int, left_out: list[LeftOut], findings: Findings) -> None:
    if rows and column.not_null and not column.has_default:
        findings.add(
            "column",
            f"{table}.{column.name} is NOT NULL in the target, and the source has no such column",
            table=table,
            column=column.name,
        )
    else:
        left_out.append(LeftOut(table, column.name, "only the target has it; it gets its default"))


def _row_key(source: Source, table: TargetTable, columns: tuple[TargetColumn, ...]) -> tuple[str, ...]:
    names = {column.name for column in columns}
    for key in (table.primary_key, tuple(source.primary_key(table.name))):
        if key and names.issuperset(key):
            return tuple(key)
    return ()


def _is_filled(key: ForeignKey, plans: dict[str, TablePlan]) -> bool:
    """Whether the source has values for a foreign key of the target. A column that only the target has gets its default."""
    plan = plans.get(key.table)
    return plan is not None and {column.name for column in plan.columns}.issuperset(key.columns)


def find_orphans(source: Source, foreign_keys: list[ForeignKey], findings: Findings) -> None:
    """Rows of the source that would violate a foreign key of the target, which the source may not even declare."""
    known = set(source.tables())
    for key in foreign_keys:
        filled = " AND ".join(f"child.{quote(column)} IS NOT NULL" for column in key.columns)
        equal = " AND ".join(f"parent.{quote(theirs)} = child.{quote(ours)}" for ours, theirs in zip(key.columns, key.parent_columns))
        comparable = key.parent in known and {column.name for column in source.columns(key.parent)}.issuperset(key.parent_columns)
        gone = f"NOT EXISTS (SELECT 1 FROM {quote(key.parent)} AS parent WHERE {equal})" if comparable else "1"
        rows = source.value(f"SELECT count(*) FROM {quote(key.table)} AS child WHERE {filled} AND {gone}")
        if rows:
            columns = ", ".join(key.columns)
            findings.add(
                "orphan",
                f"{key.table}.{columns}: {rows} rows refer to rows of {key.parent} that are gone; run webui_orphan_clean",
                table=key.table,
                column=columns,
            )


def _parents_first(names: list[str], foreign_keys: list[ForeignKey], findings: Findings) -> list[str]:
    """The tables in an order in which each comes after all it refers to. One COPY satisfies references to itself."""
    ordered: list[str] = []
    while len(ordered) < len(names):
        waiting = [name for name in names if name not in ordered]
        blocked = {key.table for key in foreign_keys if key.parent in waiting and key.parent != key.table}
        ready = [name for name in waiting if name not in blocked]
        if not ready:
            findings.add("cycle", f"the foreign keys of the target form a circle: {', '.join(waiting)}")
            return names
        ordered.extend(ready)
    return ordered
