# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a migration: which tables and columns move, in which order, and every reason why they must not.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional, Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils._move.comparison import (
    Comparison,
    LeftOut,
    compare,
    excluded_tables,
    refuse_broken_references,
    remarks,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._move.revisions import is_known_table, stamp_problem, stamp_remedy
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import TablePlan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import ForeignKey, Target, TargetTable
from ansible_collections.openwebui.postgres.plugins.module_utils._openwebui import describe_revision
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import KEYS_SHOWN, Findings, Refused, key_text
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import ForeignKey as SourceForeignKey
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Source, fold, quote
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.orphans import Omission


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


# How a table, called by an alias in a query, reads without what is left out of it.
Omit = Callable[[str, str], Optional[Omission]]


def omit_nothing(_table: str, _alias: str) -> None:
    """Of no table anything is left out."""


def make_plan(source: Source, target: Target, findings: Findings, exclude: Sequence[str] = (), omit: Omit = omit_nothing) -> Plan | None:
    """Compare both sides. None where they are too different to compare further; the findings say why.

    :param exclude: tables of the source that are not to be moved.
    :param omit: tells which orphans are left out on the way.
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
    find_orphans(source, foreign_keys, compared, target_tables, findings, omit)
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
    # Each is one: all else is a problem.
    ours, theirs = (revision for revisions in stamps.values() for revision in revisions or ())
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


def find_orphans(
    source: Source,
    foreign_keys: list[ForeignKey],
    compared: Comparison,
    target_tables: dict[str, TargetTable],
    findings: Findings,
    omit: Omit = omit_nothing,
) -> None:
    """Rows of the source that would violate a foreign key of the target, which the source may not even declare."""
    known = {fold(name) for name in source.tables()}
    for key in foreign_keys:
        parent = target_tables.get(key.parent)
        comparable = fold(key.parent) in known and {fold(column.name) for column in source.readable_columns(key.parent)}.issuperset(
            map(fold, key.parent_columns)
        )
        _Reference(source, key, compared.plans[key.table].key, parent, comparable, omit).find(findings)


class _Reading:
    """A table in a query, read without its orphans where these are left out.

    :ivar stays: SQL condition for the rows that are not.
    """

    def __init__(self, alias: str, omission: Omission | None) -> None:
        self._alias = alias
        self._nulled = {fold(name): condition for name, condition in omission.nulled.items()} if omission else {}
        self.stays = omission.stays if omission else "1"

    def value(self, column: str) -> str:
        """A column, as SQL."""
        name = f"{self._alias}.{quote(column)}"
        lost = self._nulled.get(fold(column))
        return f"(CASE WHEN NOT ({lost}) THEN {name} END)" if lost else name


class _Reference:
    """A foreign key of the target, held against the rows of the source.

    :param row_key: the columns by which rows of the child are named.
    :param comparable: whether the source has what the key refers to.
    """

    def __init__(
        self,
        source: Source,
        key: ForeignKey,
        row_key: Sequence[str],
        parent: TargetTable | None,
        comparable: bool,
        omit: Omit = omit_nothing,
    ) -> None:
        self.source = source
        self.key = key
        self.row_key = row_key
        self.columns = ", ".join(key.columns)
        child = _Reading("child", omit(key.table, "child"))
        others = _Reading("parent", omit(key.parent, "parent"))
        self._stays, self._parent_stays = child.stays, others.stays
        self._filled_in = [f"{child.value(column)} IS NOT NULL" for column in key.columns]
        self.filled = " AND ".join(self._filled_in)
        alike, equal = [], []
        for ours, theirs in zip(key.columns, key.parent_columns):
            column = parent.columns.get(theirs) if parent else None
            # SQLite compares as the column of the parent declares it; PostgreSQL has few types and collations for that.
            tolerant = key.tolerant or (column is not None and column.type == "citext")
            order = " COLLATE NOCASE" if tolerant else ""
            alike.append(f"{others.value(theirs)}{order} = {child.value(ours)}")
            equal.append(f"{others.value(theirs)}{order or ' COLLATE BINARY'} = {child.value(ours)}")
        self._alike = self._gone(alike) if comparable else "1"
        # What is equal is alike as well; that is said for the sake of an index.
        self._equal = self._gone(alike + equal) if comparable else "1"

    def _gone(self, conditions: list[str]) -> str:
        met = " AND ".join([*conditions, self._parent_stays])
        return f"NOT EXISTS (SELECT 1 FROM main.{quote(self.key.parent)} AS parent WHERE {met})"

    def find(self, findings: Findings) -> None:
        """Note what is wrong with it."""
        if self._count(f"{self.filled} AND {self._equal}"):
            self._find_orphans(findings)
            self._find_look_alikes(findings)
        if self.key.full:
            self._find_half_filled(findings)

    def _find_orphans(self, findings: Findings) -> None:
        condition = f"{self.filled} AND {self._alike}"
        rows = self._count(condition)
        if not rows:
            return
        remedy = (
            "run webui_orphan_clean"
            if _is_declared(self.source, self.key)
            else "only the target has this foreign key, so webui_orphan_clean does not know it: remove them, or empty the column, with"
            f" Open WebUI stopped{self._names(condition)}"
        )
        self._add(findings, "orphan", f"{rows} rows refer to rows of {self.key.parent} that are gone; {remedy}")

    def _find_look_alikes(self, findings: Findings) -> None:
        condition = f"{self.filled} AND {self._equal} AND NOT ({self._alike})"
        rows = self._count(condition)
        if rows:
            self._add(
                findings,
                "foreign_key",
                f"{rows} rows refer to rows of {self.key.parent} whose {', '.join(self.key.parent_columns)} only SQLite takes for equal,"
                " since the source declares it so (COLLATE): PostgreSQL tells upper from lower case, and minds spaces at the end; write"
                f" both alike, with Open WebUI stopped{self._names(condition)}",
            )

    def _find_half_filled(self, findings: Findings) -> None:
        some = " OR ".join(self._filled_in)
        condition = f"({some}) AND NOT ({self.filled})"
        rows = self._count(condition)
        if rows:
            self._add(
                findings,
                "foreign_key",
                f"{rows} rows fill some of these columns and not the others, which the foreign key {self.key.name} of the target does not"
                f" take (MATCH FULL); fill all of them, or none, with Open WebUI stopped{self._names(condition)}",
            )

    def _add(self, findings: Findings, kind: str, message: str) -> None:
        findings.add(kind, f"{self.key.table}.{self.columns}: {message}", table=self.key.table, column=self.columns)

    def _count(self, condition: str) -> int:
        return int(self.source.value(f"SELECT count(*) FROM main.{quote(self.key.table)} AS child WHERE {self._stays} AND {condition}"))

    def _names(self, condition: str) -> str:
        """The first of the rows by their keys, to be put in brackets after a message."""
        if not self.row_key:
            return ""
        columns = ", ".join(f"child.{quote(column)}" for column in self.row_key)
        rows = f"SELECT {columns} FROM main.{quote(self.key.table)} AS child WHERE {self._stays} AND {condition}"
        query = f"{rows} ORDER BY {columns} LIMIT {KEYS_SHOWN + 1}"
        keys = [key_text(row) for row in self.source.query(query)]
        more = ", ..." if len(keys) > KEYS_SHOWN else ""
        return f" ({', '.join(keys[:KEYS_SHOWN])}{more})"


def _is_declared(source: Source, key: ForeignKey) -> bool:
    """Whether the source has the foreign key as well."""
    try:
        declared = source.foreign_keys(key.table)
    except Refused:
        return False
    return any(_is_same(key, other) for other in declared)


def _is_same(key: ForeignKey, other: SourceForeignKey) -> bool:
    if fold(other.parent) != fold(key.parent):
        return False
    if not other.parent_exists:
        # Then all rows are orphans, whatever they refer to.
        return set(map(fold, other.columns)) == set(map(fold, key.columns))
    pairs = [{(fold(ours), fold(theirs)) for ours, theirs in zip(one.columns, one.parent_columns)} for one in (key, other)]
    return pairs[0] == pairs[1]


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
