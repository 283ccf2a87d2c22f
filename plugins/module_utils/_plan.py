# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a migration: which tables and columns move, in which order, and every reason why they must not.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils._comparison import (
    Comparison,
    LeftOut,
    compare,
    excluded_tables,
    refuse_broken_references,
    remarks,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._openwebui import describe_revision
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres import ForeignKey, Target, TargetTable
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings, Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._revisions import is_known_table, stamp_problem, stamp_remedy
from ansible_collections.openwebui.postgres.plugins.module_utils._scan import TablePlan
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite import Source, fold, quote


class Plan(NamedTuple):
    """What is to be moved.

    :ivar tables: parents before their children.
    :ivar dependents: tables of Open WebUI that only the target has and that refer to some that move, so that these cannot be emptied
        without them.
    """

    tables: list[TablePlan]
    left_out: list[LeftOut]
    revision: str
    dependents: Sequence[str] = ()

    @property
    def rows(self) -> int:
        """The number of rows of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def warnings(self) -> list[str]:
        """What is left out of the source and belongs to no working Open WebUI, or is left out on request."""
        return remarks(self.left_out)

    @property
    def names(self) -> list[str]:
        """The names of the tables, in loading order."""
        return [table.name for table in self.tables]


def make_plan(source: Source, target: Target, findings: Findings, exclude: Sequence[str] = ()) -> Plan | None:
    """Compare both sides. None where they are too different to compare further; the findings say why.

    :param exclude: tables of the source that are not to be moved.
    """
    target_tables = target.tables()
    revision = _common_revision(source, target, target_tables, findings)
    if revision is None:
        return None
    excluded = excluded_tables(source, exclude, findings)
    in_place = target.relations_in_place_of_tables()
    compared = compare(source, target_tables, revision, excluded, findings, findings, in_place)
    all_keys = target.foreign_keys()
    filled = [key for key in all_keys if _is_filled(key, compared.plans)]
    lost = {name for name, twin in compared.excluded.items() if twin not in compared.plans}
    refuse_broken_references(source, filled, lost, findings)
    foreign_keys = [key for key in filled if fold(key.parent) not in {fold(name) for name in lost}]
    find_orphans(source, foreign_keys, findings)
    tables = [compared.plans[name] for name in _parents_first(compared.plans, foreign_keys, findings)]
    return Plan(tables, compared.left_out, revision, _dependents(compared, revision, all_keys))


def _common_revision(source: Source, target: Target, target_tables: dict[str, TargetTable], findings: Findings) -> str | None:
    if "alembic_version" not in target_tables:
        state = "holds no tables" if not target_tables else "has no table alembic_version"
        remedy = "let Open WebUI create its schema there first"
        kind = target.relations_in_place_of_tables().get("alembic_version")
        if kind:
            state = f"has no table alembic_version, which is {kind} there"
            remedy = "make it a table again, or let Open WebUI create its schema in an empty database"
        findings.add("bootstrap", f"the schema {target.schema} of the target {state}; {remedy}")
        return None
    has_column = "version_num" in target_tables["alembic_version"].columns
    stamps = {"the source": source.revisions(), "the target": target.revisions() if has_column else None}
    for side, revisions in stamps.items():
        problem = stamp_problem(revisions)
        if problem:
            remedy = stamp_remedy(source) if side == "the source" else "let Open WebUI create its schema in an empty database"
            findings.add("revision", f"{side} {problem}; {remedy}")
    if findings.total:
        return None
    (ours,), (theirs,) = stamps.values()
    if ours != theirs:
        findings.add(
            "revision",
            f"the source is at revision {describe_revision(ours)}, the target at {describe_revision(theirs)}; "
            "start the source once with the release that will run, and create the target's schema with the same one",
        )
        return None
    return ours


def _is_filled(key: ForeignKey, plans: dict[str, TablePlan]) -> bool:
    """Whether the source has values for a foreign key of the target. A column that only the target has gets its default."""
    plan = plans.get(key.table)
    return plan is not None and {column.name for column in plan.columns}.issuperset(key.columns)


def _dependents(compared: Comparison, revision: str, foreign_keys: list[ForeignKey]) -> list[str]:
    concerned = set(compared.plans)
    while True:
        more = {key.table for key in foreign_keys if key.parent in concerned and is_known_table(key.table, revision)} - concerned
        if not more:
            return sorted(concerned - set(compared.plans))
        concerned |= more


def find_orphans(source: Source, foreign_keys: list[ForeignKey], findings: Findings) -> None:
    """Rows of the source that would violate a foreign key of the target, which the source may not even declare."""
    known = {fold(name) for name in source.tables()}
    for key in foreign_keys:
        filled = " AND ".join(f"child.{quote(column)} IS NOT NULL" for column in key.columns)
        equal = " AND ".join(f"parent.{quote(theirs)} = child.{quote(ours)}" for ours, theirs in zip(key.columns, key.parent_columns))
        comparable = fold(key.parent) in known and {fold(column.name) for column in source.readable_columns(key.parent)}.issuperset(
            map(fold, key.parent_columns)
        )
        gone = f"NOT EXISTS (SELECT 1 FROM {quote(key.parent)} AS parent WHERE {equal})" if comparable else "1"
        rows = source.value(f"SELECT count(*) FROM {quote(key.table)} AS child WHERE {filled} AND {gone}")
        if rows:
            columns = ", ".join(key.columns)
            remedy = (
                "run webui_orphan_clean"
                if _is_declared(source, key)
                else "only the target has this foreign key, so webui_orphan_clean does not know it: remove them, or empty the column, with"
                " Open WebUI stopped"
            )
            findings.add(
                "orphan",
                f"{key.table}.{columns}: {rows} rows refer to rows of {key.parent} that are gone; {remedy}",
                table=key.table,
                column=columns,
            )


def _is_declared(source: Source, key: ForeignKey) -> bool:
    """Whether the source has the foreign key as well."""
    try:
        declared = source.foreign_keys(key.table)
    except Refused:
        return False
    ours = (fold(key.parent), frozenset(map(fold, key.columns)))
    return any((fold(other.parent), frozenset(map(fold, other.columns))) == ours for other in declared)


def _parents_first(plans: dict[str, TablePlan], foreign_keys: list[ForeignKey], findings: Findings) -> list[str]:
    """The tables in an order in which each comes after all it refers to. One COPY satisfies references to itself."""
    names = list(plans)
    ordered: list[str] = []
    while len(ordered) < len(names):
        waiting = [name for name in names if name not in ordered]
        blocked = {key.table for key in foreign_keys if key.parent in waiting and key.parent != key.table}
        # Where a table has no rows, none can come before the one it refers to.
        ready = [name for name in waiting if name not in blocked] or [name for name in waiting if not plans[name].rows]
        if not ready:
            findings.add(
                "cycle",
                f"the foreign keys of the target form a circle, so that no order of loading satisfies them: {', '.join(waiting)};"
                " drop one of them in the target for the migration, or leave these tables out with exclude_tables",
            )
            return names
        ordered.extend(ready)
    return ordered
