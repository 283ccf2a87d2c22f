# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of a source held against those that Open WebUI has: what moves, what is left out, what is missing.

The other side is a live target, or, before there is one, what is known of the revision (:mod:`.revisions`). Both are compared by the
same code, so that an audit finds what a rehearsal would.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Container, Iterable, Mapping, NamedTuple, Sequence, TypeVar

from ansible_collections.openwebui.postgres.plugins.module_utils._move.revisions import (
    FILLED_COLUMNS,
    FILLED_TABLES,
    Tables,
    is_known_table,
    known_tables,
    made_by_steps,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import TablePlan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import ForeignKey, TargetTable
from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import TargetColumn, is_supported
from ansible_collections.openwebui.postgres.plugins.module_utils._openwebui import (
    BOOKKEEPING_TABLES,
    LEFTOVER_COLUMNS,
    describe_revision,
    first_release,
    is_leftover,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings, Refused, one_line
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Column, Source, fold, quote
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import ForeignKey as SourceForeignKey

LEFT_OVER = "left over from an upgrade"
KEPT = "kept by the migrations of Open WebUI itself"
EMPTY_TABLE = "empty, and the target has no such table"
EMPTY_COLUMN = "empty, and the target has no such column"
AMBIGUOUS_TABLE = "empty, and the target has more than one table of that name, in upper and lower case"
AMBIGUOUS_COLUMN = "empty, and the target has more than one column of that name, in upper and lower case"
EXCLUDED = "left out by exclude_tables"
COMPUTED = "computed from other columns"
CONTENT = "content of a virtual table"
ONLY_TARGET = "only the target has it; it stays as it is"
MISSING_TABLE = "only the target has it, though the revision of the source should; it stays empty"
MISSING_COLUMN = "only the target has it; it gets its default"

_OF_NO_USE = frozenset({LEFT_OVER, EMPTY_TABLE, EMPTY_COLUMN, AMBIGUOUS_TABLE, AMBIGUOUS_COLUMN})

T = TypeVar("T")


class LeftOut(NamedTuple):
    """A table, or a column of one, that does not move, and why.

    :ivar rows: how many rows stay behind, where a table is left out on request; None where they cannot be counted.
    """

    table: str
    column: str | None
    why: str
    rows: int | None = None


class Comparison(NamedTuple):
    """What came of it.

    :ivar plans: the tables that move, by their names in the target.
    :ivar excluded: the tables that are left out on request, each with its name in the target, None where that has none.
    """

    plans: dict[str, TablePlan]
    left_out: list[LeftOut]
    excluded: dict[str, str | None]


def remarks(left_out: Iterable[LeftOut]) -> list[str]:
    """What belongs to no working Open WebUI, what is missing, and what stays behind on request, one line each."""
    lines = []
    missing: dict[str, list[str]] = {}
    for item in left_out:
        if item.why in _OF_NO_USE:
            lines.append(f"{'.'.join(filter(None, (item.table, item.column)))} does not move: {item.why}")
        elif item.why == EXCLUDED:
            lines.append(f"table {item.table} does not move, and its {_rows_in_words(item.rows)} stay behind: {item.why}")
        elif item.why == MISSING_TABLE:
            lines.append(f"table {item.table} is missing in the source, though its revision has it; it will be empty")
        elif item.why == MISSING_COLUMN and item.column:
            missing.setdefault(item.table, []).append(item.column)
    columns = [f"{table} lacks {', '.join(names)} in the source; each gets its default" for table, names in missing.items()]
    return [one_line(line) for line in lines + columns]


def as_target(tables: Tables) -> dict[str, TargetTable]:
    """What is known of a revision, in the form in which a live target is described."""
    return {name: TargetTable(name, columns, (), "", True) for name, columns in tables.items()}


def excluded_tables(source: Source, names: Sequence[str], findings: Findings) -> set[str]:
    """The tables of the source that these names mean: upper and lower case are the same, a virtual table has tables of its own.

    A name that means none is a finding, since a slip of the pen would go unnoticed otherwise. So is one of a table that never moves.
    """
    shadows = source.shadow_tables() if names else {}
    known = {fold(table): table for table in (*source.tables(), *source.views())} if names else {}
    chosen = set()
    for name in names:
        if not name.strip():
            findings.add("exclude", "exclude_tables holds an empty name; remove it")
        elif fold(name) in BOOKKEEPING_TABLES:
            findings.add(
                "exclude",
                f"exclude_tables names {name}, which never moves: it belongs to the migrations of Open WebUI itself, and the"
                " target has its own; remove it from the list",
                table=name,
            )
        elif fold(name) in known:
            chosen.add(known[fold(name)])
        else:
            findings.add(
                "exclude", f"exclude_tables names {name}, and the source has no such table; correct the name or remove it", table=name
            )
    return chosen | {shadow for shadow, table in shadows.items() if table in chosen}


def compare(
    source: Source,
    target_tables: dict[str, TargetTable],
    revision: str,
    excluded: Container[str],
    surplus: Findings,
    lacks: Findings,
    in_place: Mapping[str, str] | None = None,
) -> Comparison:
    """Hold the source against the tables of the target.

    :param in_place: what else has a name in the target that a table could have: its name, and what it is.
    :param surplus: takes the findings about what only the source has, and about types that cannot be filled.
    :param lacks: takes the findings about what the source should have.
    """
    compared = Comparison({}, [], {})
    in_place = in_place or {}
    shadows = source.shadow_tables()
    virtual = source.virtual_tables()
    for name in source.tables():
        twin = _twin(name, target_tables)
        if is_leftover(name):
            compared.left_out.append(LeftOut(name, None, KEPT if name in BOOKKEEPING_TABLES else LEFT_OVER))
        elif name in excluded:
            compared.excluded[name] = twin
            compared.left_out.append(LeftOut(name, None, EXCLUDED, count(source, name)))
        elif twin is not None:
            plan = _plan_table(source, target_tables[twin], revision, compared.left_out, surplus, lacks)
            if plan is not None:
                compared.plans[twin] = plan
        elif name in shadows:
            compared.left_out.append(LeftOut(name, None, CONTENT))
        elif _is_in_place(source, name, in_place, revision, surplus):
            continue
        else:
            _leave_out_table(source, name, virtual.get(name), _alike(name, target_tables), compared.left_out, surplus)
    views = _leave_out_views(source, target_tables, excluded, compared, surplus)
    there = {alike for name in source.tables() for alike in _counterparts(name, target_tables)} | views
    for name in sorted(set(target_tables) - there - BOOKKEEPING_TABLES):
        _miss_table(source, name, revision, compared.left_out, lacks)
    known = {fold(name) for name in (*source.tables(), *source.views())}
    for name in sorted(set(in_place) & set(known_tables(revision) or ()) - known - BOOKKEEPING_TABLES):
        surplus.add("table", _in_place_of_a_table(name, in_place[name]), table=name)
    return compared


def count(source: Source, table: str) -> int | None:
    """The rows of a table; None where SQLite cannot tell, since the table needs what only the program that made it has."""
    try:
        return source.count(table)
    except Refused:
        if table in source.virtual_tables():
            return None
        raise


def _twin(name: str, named: Mapping[str, T]) -> str | None:
    """The name on the other side. SQLite tells no upper from lower case, PostgreSQL does."""
    if name in named:
        return name
    alike = _alike(name, named)
    return alike[0] if len(alike) == 1 else None


def _alike(name: str, named: Iterable[str]) -> list[str]:
    """All names of the other side that SQLite does not tell from this one."""
    return [other for other in named if fold(other) == fold(name)]


def _counterparts(name: str, named: Mapping[str, T]) -> list[str]:
    """The name on the other side, or all that could be meant where it cannot be told."""
    return [name] if name in named else _alike(name, named)


def _in_doubt(alike: Sequence[str]) -> str:
    names = f"{', '.join(alike[:-1])} and {alike[-1]}"
    return f"the target has {names}, which SQLite does not tell apart, so that none can be chosen"


def _rows_in_words(rows: int | None) -> str:
    return "rows (nobody can tell how many)" if rows is None else f"{rows} rows"


def _in_place_of_a_table(name: str, kind: str) -> str:
    return (
        f"{name} is {kind} in the target, where Open WebUI needs a table to write to; make it a table again, or let Open WebUI create its"
        " schema in an empty database"
    )


def _is_in_place(source: Source, name: str, in_place: Mapping[str, str], revision: str, findings: Findings) -> bool:
    """Whether something that is no table stands where the target should have one, and is in the way of something."""
    alike = _counterparts(name, in_place)
    if not alike:
        return False
    known = known_tables(revision)
    if fold(name) in known if known is not None else is_known_table(fold(name), revision):
        findings.add("table", _in_place_of_a_table(alike[0], in_place[alike[0]]), table=name)
        return True
    rows = count(source, name)
    if rows != 0:
        findings.add(
            "table",
            f"table {name} holds {_rows_in_words(rows)}, and the target has no such table: {alike[0]} is {in_place[alike[0]]} there;"
            " if it is not Open WebUI's, leave it out with exclude_tables, or make it a table in the target",
            table=name,
        )
    return rows != 0


def _leave_out_table(
    source: Source, name: str, module: str | None, alike: Sequence[str], left_out: list[LeftOut], findings: Findings
) -> None:
    rows = count(source, name)
    if rows == 0:
        left_out.append(LeftOut(name, None, AMBIGUOUS_TABLE if alike else EMPTY_TABLE))
        return
    kind = f", a virtual table of the module {module}," if module else ""
    if alike:
        findings.add(
            "table",
            f"table {name}{kind} holds {_rows_in_words(rows)}, and {_in_doubt(alike)}; rename or drop all but one there, or leave the"
            " table out with exclude_tables",
            table=name,
        )
        return
    findings.add(
        "table",
        f"table {name}{kind} holds {_rows_in_words(rows)}, and the target has no such table;"
        " if it is not Open WebUI's, leave it out with exclude_tables, or move or drop it",
        table=name,
    )


def _leave_out_views(
    source: Source, target_tables: dict[str, TargetTable], excluded: Container[str], compared: Comparison, findings: Findings
) -> set[str]:
    """Views hold nothing, unless one stands where Open WebUI has a table."""
    found = set()
    for name in source.views():
        twin = _twin(name, target_tables)
        if twin is None or twin in BOOKKEEPING_TABLES:
            continue
        found.add(twin)
        if name in excluded:
            compared.excluded[name] = twin
            compared.left_out.append(LeftOut(name, None, EXCLUDED))
        else:
            findings.add(
                "table",
                f"{name} is a view in the source, and a table in the target; make it a table again, or leave it out with exclude_tables",
                table=name,
            )
    return found


def _plan_table(
    source: Source, table: TargetTable, revision: str, left_out: list[LeftOut], surplus: Findings, lacks: Findings
) -> TablePlan | None:
    rows = source.count(table.name)
    ours = source.readable_columns(table.name)
    twins = {column.name: _twin(column.name, table.columns) for column in ours}
    for column in ours:
        if twins[column.name] is None:
            _leave_out_column(source, table, column, left_out, surplus)
    there = {alike for column in ours for alike in _counterparts(column.name, table.columns)}
    for theirs in table.columns.values():
        if theirs.name not in there:
            _demand_default(table.name, theirs, rows, revision, left_out, lacks)
    matched = [table.columns[twin] for twin in twins.values() if twin is not None]
    columns = tuple(column for column in matched if _demand_type(source, table.name, column, surplus))
    if not table.owned:
        surplus.add(
            "privilege",
            f"table {table.name} of the target belongs to {table.owner}; connect as its owner{table.acting}",
            table=table.name,
        )
    if matched:
        return TablePlan(table.name, columns, _row_key(source, table, columns), rows)
    if rows:
        surplus.add("table", f"table {table.name} holds {rows} rows, and no column of it is in the target", table=table.name)
    else:
        left_out.append(LeftOut(table.name, None, "empty, and the target has none of its columns"))
    return None


def _leave_out_column(source: Source, table: TargetTable, column: Column, left_out: list[LeftOut], findings: Findings) -> None:
    alike = _alike(column.name, table.columns)
    computed = not alike and _twin(column.name, dict.fromkeys(table.computed)) is not None
    if (table.name, column.name) in LEFTOVER_COLUMNS:
        left_out.append(LeftOut(table.name, column.name, LEFT_OVER))
    elif column.generated:
        left_out.append(LeftOut(table.name, column.name, COMPUTED))
    elif not source.holds_data(table.name, column.name):
        left_out.append(LeftOut(table.name, column.name, AMBIGUOUS_COLUMN if alike else EMPTY_COLUMN))
    else:
        if computed:
            why = "PostgreSQL computes that column by itself; make it an ordinary column in the target"
        elif alike:
            why = f"{_in_doubt(alike)}; rename or drop all but one there, or leave the table out with exclude_tables"
        else:
            why = (
                "the target has no such column; an upgrade of the source did not finish, or something else has added it:"
                " empty or drop it, or leave the table out with exclude_tables"
            )
        findings.add("column", f"{table.name}.{column.name} holds data, and {why}", table=table.name, column=column.name)


def _demand_default(table: str, column: TargetColumn, rows: int, revision: str, left_out: list[LeftOut], findings: Findings) -> None:
    step = FILLED_COLUMNS.get((table, column.name))
    if rows and column.not_null and not column.has_default:
        findings.add(
            "column",
            f"{table}.{column.name} is missing in the source, and NOT NULL without a default in the target, so its {rows} rows have nothing"
            f" to put there; {_remedy(revision, None)}",
            table=table,
            column=column.name,
        )
    elif rows and step and not column.has_default:
        findings.add(
            "incomplete",
            f"{table}.{column.name} is missing in the source, though {_in_words(step)} fills it; {_remedy(revision, step)}",
            table=table,
            column=column.name,
        )
    else:
        left_out.append(LeftOut(table, column.name, MISSING_COLUMN))


def _demand_type(source: Source, table: str, column: TargetColumn, findings: Findings) -> bool:
    """Whether a column can be filled. A type that cannot be is no obstacle as long as there is nothing to fill it with."""
    if is_supported(column) or not source.holds_data(table, column.name):
        return True
    findings.add(
        "type",
        f"{table}.{column.name} has the type {column.declared or column.type} in the target, which cannot be filled without loss;"
        f" change it there to one that can, such as text, or leave {table} out with exclude_tables",
        table=table,
        column=column.name,
    )
    return False


def _miss_table(source: Source, name: str, revision: str, left_out: list[LeftOut], findings: Findings) -> None:
    origin = FILLED_TABLES.get(name)
    known = {fold(table) for table in source.tables()}
    filled = [table for table in origin.tables if fold(table) in known and source.count(table)] if origin else []
    if origin and filled:
        findings.add(
            "incomplete",
            f"table {name} is missing in the source, though {_in_words(origin.step)} makes it from {', '.join(filled)}, so that what it"
            f" should hold would be lost; {_remedy(revision, origin.step)}",
            table=name,
        )
    else:
        left_out.append(LeftOut(name, None, MISSING_TABLE if is_known_table(name, revision) else ONLY_TARGET))


def _in_words(step: str) -> str:
    return f"the upgrade to Open WebUI {first_release(step)} (step {step})"


def _remedy(revision: str, step: str | None) -> str:
    before = f"the upgrade to Open WebUI {first_release(step)}" if step else "its last upgrade"
    return (
        f"the source is at revision {describe_revision(revision)} by name only: move a backup of before {before}, which is then upgraded"
        " as a whole"
    )


def miss_steps(source: Source, revision: str, left_out: list[LeftOut], findings: Findings) -> None:
    """What a file of an older revision should have of its steps. All that is known of it are names: types are PostgreSQL's affair."""
    columns = {fold(table): {fold(column.name) for column in source.readable_columns(table)} for table in _readable(source)}
    views = {fold(view) for view in source.views()}
    for table, names in made_by_steps(revision).items():
        if fold(table) in views:
            continue
        if fold(table) not in columns:
            _miss_table(source, table, revision, left_out, findings)
            continue
        rows = source.count(table)
        for name in names:
            if fold(name) not in columns[fold(table)]:
                _demand_default(table, TargetColumn(name, "text"), rows, revision, left_out, findings)


def find_unknown_tables(source: Source, excluded: Container[str], left_out: list[LeftOut], findings: Findings) -> None:
    """Tables that Open WebUI has at no revision."""
    shadows, virtual = source.shadow_tables(), source.virtual_tables()
    for name in source.tables():
        if name in excluded:
            left_out.append(LeftOut(name, None, EXCLUDED, count(source, name)))
        elif not (is_leftover(name) or is_known_table(fold(name)) or name in shadows):
            _leave_out_table(source, name, virtual.get(name), (), left_out, findings)


def _readable(source: Source) -> list[str]:
    virtual = source.virtual_tables()
    return [table for table in source.tables() if table not in virtual]


def refuse_broken_references(
    source: Source, foreign_keys: Iterable[ForeignKey | SourceForeignKey], lost: Iterable[str], findings: Findings
) -> None:
    """Rows that would refer to a table which is left out."""
    parents = {fold(name) for name in lost}
    for key in foreign_keys:
        if fold(key.parent) not in parents or fold(key.table) in parents:
            continue
        filled = " AND ".join(f"{quote(column)} IS NOT NULL" for column in key.columns)
        rows = source.value(f"SELECT count(*) FROM main.{quote(key.table)} WHERE {filled}")
        if rows:
            columns = ", ".join(key.columns)
            findings.add(
                "exclude",
                f"{key.table}.{columns}: {rows} rows refer to {key.parent}, which exclude_tables leaves out; leave {key.table} out as"
                f" well, or move {key.parent}",
                table=key.table,
                column=columns,
            )


def _row_key(source: Source, table: TargetTable, columns: tuple[TargetColumn, ...]) -> tuple[str, ...]:
    names = {column.name for column in columns}
    for key in (table.primary_key, tuple(source.primary_key(table.name))):
        if key and names.issuperset(key):
            return tuple(key)
    return ()
