# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a migration, made of a real source and a target that is only described."""

from __future__ import annotations

from typing import Callable, NamedTuple

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import LeftOut, Plan, make_plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import ForeignKey, TargetTable
from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import TargetColumn
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import open_source

HEAD = "0bd252b206fb"


def table(name: str, *columns: str | TargetColumn, key: tuple[str, ...] = ("id",), owned: bool = True) -> TargetTable:
    described = [column if isinstance(column, TargetColumn) else TargetColumn(column, "text") for column in columns]
    return TargetTable(name, {column.name: column for column in described}, key, "webui", owned)


BASE = (
    table("user", "id", "name"),
    table("auth", "id"),
    table("chat", "id", "user_id", TargetColumn("chat", "json")),
    table("alembic_version", "version_num"),
)


class FakeTarget:
    """A target as the catalogue would describe it."""

    schema = "public"

    def __init__(self, tables: tuple[TargetTable, ...], keys: tuple[ForeignKey, ...], revision: str | None) -> None:
        self._tables = {table.name: table for table in tables}
        self._keys = list(keys)
        self._revision = revision

    def tables(self) -> dict[str, TargetTable]:
        return self._tables

    def relations_in_place_of_tables(self) -> dict[str, str]:
        return {}

    def foreign_keys(self) -> list[ForeignKey]:
        return self._keys

    def revisions(self) -> list[str]:
        return [self._revision] if isinstance(self._revision, str) else list(self._revision or ())


class Made(NamedTuple):
    plan: Plan | None
    findings: Findings

    @property
    def problems(self) -> list[tuple[str, str | None, str | None]]:
        return [(problem.kind, problem.table, problem.column) for problem in self.findings.problems]

    @property
    def message(self) -> str:
        (problem,) = self.findings.problems
        return problem.message


@pytest.fixture
def make(make_source) -> Callable[..., Made]:
    """make("CREATE TABLE …", tables=…, keys=…) -> the plan of a source with these tables too, and what is in its way"""

    def make_it(*statements: str, tables: tuple = (), base: tuple = BASE, keys: tuple = (), revision: str | None = HEAD) -> Made:
        findings = Findings()
        with open_source(make_source(*statements)) as source:
            return Made(make_plan(source, FakeTarget((*base, *tables), keys, revision), findings), findings)

    return make_it


def refers(child: str, parent: str, column: str = "parent") -> ForeignKey:
    return ForeignKey(f"{child}_{column}_fkey", child, (column,), parent, ("id",))


def test_what_both_sides_have_moves(make):
    made = make("INSERT INTO user VALUES ('u', 'Ada')", "INSERT INTO chat VALUES ('c', 'u', '{}')")
    assert made.findings.total == 0
    assert made.plan.names == ["auth", "chat", "user"]
    assert made.plan.rows == 2
    assert made.plan.revision == HEAD
    assert made.plan.left_out == [LeftOut("alembic_version", None, "kept by the migrations of Open WebUI itself")]
    user = made.plan.tables[-1]
    assert [column.name for column in user.columns] == ["id", "name"]
    assert (user.key, user.rows) == (("id",), 1)


def test_the_type_is_the_targets(make):
    columns = make().plan.tables[1].columns
    assert [column.type for column in columns] == ["text", "text", "json"]


# The schema as a whole


def test_a_target_without_tables(make):
    made = make(base=())
    assert made.plan is None
    assert made.message == "the schema public of the target holds no tables; let Open WebUI create its schema there first"


def test_a_target_whose_tables_are_not_open_webuis(make):
    made = make(base=(table("user", "id"),))
    assert made.plan is None
    assert "has no table alembic_version" in made.message


@pytest.mark.parametrize("revision", ["b8f2c6d91a04", "ffffffffffff"])
def test_another_revision_in_the_target(make, revision):
    made = make(revision=revision)
    assert made.plan is None
    assert made.problems == [("revision", None, None)]
    assert "0bd252b206fb (Open WebUI 0.12.1 to 0.12.4)" in made.message
    assert revision in made.message


STAMPED_TWICE = "CREATE TABLE alembic_version (version_num TEXT)"


def test_no_revision_on_either_side(make):
    made = make("DELETE FROM alembic_version", revision=None)
    assert made.plan is None
    assert made.problems == [("revision", None, None)] * 2
    assert [problem.message.split(";")[0] for problem in made.findings.problems] == [
        "the source has no alembic revision: its table alembic_version is empty",
        "the target has no alembic revision: its table alembic_version is empty",
    ]


@pytest.mark.parametrize("other", ["0001", "b8f2c6d91a04", "ffff"])
def test_two_revisions_in_the_source_in_either_order(make, other):
    made = make(f"INSERT INTO alembic_version VALUES ('{other}')")
    assert made.plan is None
    assert made.problems == [("revision", None, None)]
    assert made.message.startswith("the source is stamped with 2 revisions in alembic_version, ")
    assert other in made.message
    assert "0bd252b206fb (Open WebUI 0.12.1 to 0.12.4)" in made.message
    assert "delete the rows that are not true" in made.message


def test_two_revisions_in_the_target(make):
    made = make(revision=("0bd252b206fb", "b8f2c6d91a04"))
    assert made.plan is None
    assert "the target is stamped with 2 revisions" in made.message
    assert "b8f2c6d91a04 (Open WebUI 0.12.0)" in made.message
    assert made.message.endswith("let Open WebUI create its schema in an empty database")


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (["DROP TABLE alembic_version"], "older than Open WebUI 0.3.18"),
        (["DROP TABLE alembic_version", "CREATE TABLE alembic_version (id TEXT)"], "older than Open WebUI 0.3.18"),
        (["DROP TABLE alembic_version", STAMPED_TWICE, "INSERT INTO alembic_version VALUES (NULL)"], "holds NULL"),
        (["DROP TABLE alembic_version", STAMPED_TWICE, "INSERT INTO alembic_version VALUES (NULL), ('0bd252b206fb')"], "holds NULL"),
        (
            ["DROP TABLE alembic_version", STAMPED_TWICE, "INSERT INTO alembic_version VALUES ('0bd252b206fb'), ('0bd252b206fb')"],
            "stamped with 2 revisions",
        ),
    ],
    ids=["no table", "no column", "NULL", "NULL and one", "the same twice"],
)
def test_a_stamp_that_says_nothing(make, statements, words):
    made = make(*statements)
    assert made.plan is None
    assert made.problems == [("revision", None, None)]
    assert words in made.message


# Tables that only one side has


@pytest.mark.parametrize("name", ["_alembic_tmp_chat", "modelfile", "prompt_new", "migratehistory"])
def test_leftovers_are_left_out_also_with_rows(make, name):
    made = make(f"CREATE TABLE {name} (id TEXT)", f"INSERT INTO {name} VALUES ('x')", tables=(table(name, "id"),))
    assert made.findings.total == 0
    assert name not in made.plan.names
    assert name in [item.table for item in made.plan.left_out]


def test_statistics_of_sqlite_are_no_table(make):
    made = make("INSERT INTO user VALUES ('u', 'Ada')", "CREATE INDEX by_name ON user (name)", "ANALYZE")
    assert made.findings.total == 0
    assert "sqlite_stat1" not in [*made.plan.names, *(item.table for item in made.plan.left_out)]


def test_a_table_that_the_target_lacks(make):
    assert LeftOut("mine", None, "empty, and the target has no such table") in make("CREATE TABLE mine (id TEXT)").plan.left_out


def test_a_table_with_rows_that_the_target_lacks(make):
    made = make("CREATE TABLE mine (id TEXT)", "INSERT INTO mine VALUES ('x'), ('y')")
    assert made.problems == [("table", "mine", None)]
    assert made.message.startswith("table mine holds 2 rows")


def test_a_table_that_the_source_lacks(make):
    made = make(tables=(table("new", "id"),))
    assert made.findings.total == 0
    assert LeftOut("new", None, "only the target has it; it stays as it is") in made.plan.left_out


# Columns that only one side has


def note(*columns: str | TargetColumn) -> tuple[TargetTable, ...]:
    return (table("note", *columns),)


def test_a_column_without_values_that_the_target_lacks(make):
    made = make("CREATE TABLE note (id TEXT, old TEXT)", "INSERT INTO note VALUES ('n', NULL)", tables=note("id"))
    assert made.findings.total == 0
    assert LeftOut("note", "old", "empty, and the target has no such column") in made.plan.left_out


def test_a_column_with_values_that_the_target_lacks(make):
    made = make("CREATE TABLE note (id TEXT, old TEXT)", "INSERT INTO note VALUES ('n', '')", tables=note("id"))
    assert made.problems == [("column", "note", "old")]


def test_a_column_that_an_upgrade_has_left_over(make):
    made = make("CREATE TABLE document (id TEXT, name TEXT)", "INSERT INTO document VALUES (1, 'x')", tables=(table("document", "name"),))
    assert made.findings.total == 0
    assert LeftOut("document", "id", "left over from an upgrade") in made.plan.left_out


@pytest.mark.parametrize(
    ("column", "rows", "refused"),
    [
        (TargetColumn("new", "text"), 1, False),
        (TargetColumn("new", "text", None, True, True), 1, False),
        (TargetColumn("new", "text", None, True, False), 0, False),
        (TargetColumn("new", "text", None, True, False), 1, True),
    ],
    ids=["nullable", "default", "no rows", "nothing to put there"],
)
def test_a_column_that_the_source_lacks(make, column, rows, refused):
    made = make("CREATE TABLE note (id TEXT)", *["INSERT INTO note VALUES ('n')"] * rows, tables=note("id", column))
    assert made.problems == ([("column", "note", "new")] if refused else [])
    assert refused or LeftOut("note", "new", "only the target has it; it gets its default") in made.plan.left_out
    assert [column.name for column in made.plan.tables[-2].columns] == ["id"]


def test_columns_are_matched_by_name_not_by_position(make):
    made = make("CREATE TABLE note (b TEXT, id TEXT, a TEXT)", tables=note("a", "b", "id"))
    assert [column.name for column in made.plan.tables[-2].columns] == ["b", "id", "a"]


def test_a_type_that_open_webui_never_creates(make):
    tags = note("id", TargetColumn("tags", "tsvector"))
    made = make("CREATE TABLE note (id TEXT, tags TEXT)", "INSERT INTO note VALUES ('n', 'a b')", tables=tags)
    assert made.problems == [("type", "note", "tags")]
    assert made.message == (
        "note.tags has the type tsvector in the target, which cannot be filled without loss; change it there to one that can, such as"
        " text, or leave note out with exclude_tables"
    )


def test_a_type_that_cannot_be_filled_is_no_obstacle_where_there_is_nothing_to_fill_it_with(make):
    tags = note("id", TargetColumn("tags", "tsvector"))
    made = make("CREATE TABLE note (id TEXT, tags TEXT)", "INSERT INTO note VALUES ('n', NULL)", tables=tags)
    assert made.findings.total == 0
    assert "tags" in [column.name for column in made.plan.tables[-2].columns]


def test_a_table_of_another_role(make):
    made = make("CREATE TABLE note (id TEXT)", tables=(table("note", "id", owned=False),))
    assert made.problems == [("privilege", "note", None)]
    assert made.message == "table note of the target belongs to webui; connect as its owner"


# Names that only their case tells apart


TWO_TABLES = (table("MINE", "id"), table("Mine", "id"))
TWO_COLUMNS = note("id", TargetColumn("TAG", "text", None, True, False), "Tag")


def test_two_tables_of_the_target_that_could_be_meant(make):
    made = make("CREATE TABLE mine (id TEXT)", "INSERT INTO mine VALUES ('x')", tables=TWO_TABLES)
    assert made.problems == [("table", "mine", None)]
    assert made.message == (
        "table mine holds 1 rows, and the target has MINE and Mine, which SQLite does not tell apart, so that none can be chosen; rename or"
        " drop all but one there, or leave the table out with exclude_tables"
    )


def test_two_tables_of_the_target_that_could_be_meant_by_an_empty_one(make):
    made = make("CREATE TABLE mine (id TEXT)", tables=TWO_TABLES)
    assert made.findings.total == 0
    why = "empty, and the target has more than one table of that name, in upper and lower case"
    assert [item for item in made.plan.left_out if item.table.lower() == "mine"] == [LeftOut("mine", None, why)]
    assert f"mine does not move: {why}" in made.plan.warnings


def test_of_two_tables_the_one_of_the_very_name_is_meant(make):
    made = make("CREATE TABLE Mine (id TEXT)", "INSERT INTO Mine VALUES ('x')", tables=TWO_TABLES)
    assert made.findings.total == 0
    assert "Mine" in made.plan.names
    assert "MINE" not in made.plan.names


def test_two_columns_of_the_target_that_could_be_meant(make):
    made = make("CREATE TABLE note (id TEXT, tag TEXT)", "INSERT INTO note VALUES ('n', 'x')", tables=TWO_COLUMNS)
    assert made.problems == [("column", "note", "tag")]
    assert made.message == (
        "note.tag holds data, and the target has TAG and Tag, which SQLite does not tell apart, so that none can be chosen; rename or drop"
        " all but one there, or leave the table out with exclude_tables"
    )


def test_two_columns_of_the_target_that_could_be_meant_by_an_empty_one(make):
    made = make("CREATE TABLE note (id TEXT, tag TEXT)", tables=TWO_COLUMNS)
    assert [item.why for item in made.plan.left_out if item.column] == [
        "empty, and the target has more than one column of that name, in upper and lower case"
    ]


# How a row is named


@pytest.mark.parametrize(
    ("target_key", "declaration", "key"),
    [
        (("id",), "id TEXT PRIMARY KEY, name TEXT", ("id",)),
        (("name", "id"), "id TEXT, name TEXT", ("name", "id")),
        ((), "id TEXT, name TEXT PRIMARY KEY", ("name",)),
        (("new",), "id TEXT PRIMARY KEY, name TEXT", ("id",)),
        ((), "id TEXT, name TEXT", ()),
    ],
    ids=["target's", "of two columns", "source's", "source's, where the other is new", "none"],
)
def test_the_key_of_a_row(make, target_key, declaration, key):
    made = make(f"CREATE TABLE note ({declaration})", tables=(table("note", "id", "name", "new", key=target_key),))
    assert made.plan.tables[-2].key == key


# Foreign keys


def test_orphans_are_counted_by_the_targets_foreign_keys(make):
    made = make(
        "INSERT INTO user VALUES ('u', 'Ada')",
        "INSERT INTO chat VALUES ('1', 'u', NULL), ('2', 'gone', NULL), ('3', 'gone', NULL), ('4', NULL, NULL)",
        keys=(refers("chat", "user", "user_id"),),
    )
    assert made.problems == [("orphan", "chat", "user_id")]
    assert made.message.startswith("chat.user_id: 2 rows refer to rows of user that are gone; only the target has this foreign key, ")


def test_orphans_of_a_key_that_the_source_declares_can_be_cleaned(make):
    made = make(
        "CREATE TABLE a (id TEXT PRIMARY KEY)",
        "CREATE TABLE b (id TEXT, parent TEXT REFERENCES A (ID))",
        "INSERT INTO b VALUES ('1', 'gone')",
        tables=(table("a", "id"), table("b", "id", "parent")),
        keys=(refers("b", "a"),),
    )
    assert made.message == "b.parent: 1 rows refer to rows of a that are gone; run webui_orphan_clean"


def test_all_rows_are_orphans_where_the_source_has_no_such_parent(make):
    made = make(
        "INSERT INTO chat VALUES ('1', 'u', NULL), ('2', NULL, NULL)",
        tables=(table("owner", "id"),),
        keys=(refers("chat", "owner", "user_id"),),
    )
    assert made.message.startswith("chat.user_id: 1 rows refer to rows of owner")


def test_a_key_of_two_columns_is_satisfied_by_both_together(make):
    pair = ForeignKey("pair", "note", ("a", "b"), "page", ("x", "y"))
    made = make(
        "CREATE TABLE page (id TEXT, x TEXT, y TEXT)",
        "CREATE TABLE note (id TEXT, a TEXT, b TEXT)",
        "INSERT INTO page VALUES ('1', 'x1', 'y1'), ('2', 'x2', 'y2')",
        "INSERT INTO note VALUES ('1', 'x1', 'y1'), ('2', 'x1', 'y2'), ('3', 'x9', NULL)",
        tables=(table("page", "id", "x", "y"), table("note", "id", "a", "b")),
        keys=(pair,),
    )
    assert made.message.startswith("note.a, b: 1 rows")
    assert made.plan.names.index("page") < made.plan.names.index("note")


@pytest.mark.parametrize(
    ("order", "stored", "refers_to"),
    [("NOCASE", "AB", "ab"), ("NOCASE", "ab", "AB"), ("RTRIM", "AB", "AB ")],
    ids=["lower", "upper", "space"],
)
def test_a_parent_that_only_sqlite_takes_for_the_same(make, order, stored, refers_to):
    made = make(
        f"CREATE TABLE a (id TEXT PRIMARY KEY COLLATE {order})",
        "CREATE TABLE b (id TEXT PRIMARY KEY, parent TEXT REFERENCES a (id))",
        f"INSERT INTO a VALUES ('{stored}'), ('same')",
        f"INSERT INTO b VALUES ('1', 'same'), ('2', '{refers_to}')",
        tables=(table("a", "id"), table("b", "id", "parent")),
        keys=(refers("b", "a"),),
    )
    assert made.problems == [("foreign_key", "b", "parent")]
    assert made.message.startswith("b.parent: 1 rows refer to rows of a whose id only SQLite takes for equal, ")
    assert made.message.endswith("write both alike, with Open WebUI stopped (2)")
    assert "webui_orphan_clean" not in made.message


def test_real_orphans_of_such_a_parent_are_told_apart(make):
    made = make(
        "CREATE TABLE a (id TEXT PRIMARY KEY COLLATE NOCASE)",
        "CREATE TABLE b (id TEXT PRIMARY KEY, parent TEXT REFERENCES a (id))",
        "INSERT INTO a VALUES ('AB')",
        "INSERT INTO b VALUES ('1', 'ab'), ('2', 'gone'), ('3', 'AB')",
        tables=(table("a", "id"), table("b", "id", "parent")),
        keys=(refers("b", "a"),),
    )
    assert made.problems == [("orphan", "b", "parent"), ("foreign_key", "b", "parent")]
    assert made.findings.problems[0].message == "b.parent: 1 rows refer to rows of a that are gone; run webui_orphan_clean"


@pytest.mark.parametrize("order", ["NOCASE", "BINARY"])
@pytest.mark.parametrize(("kind", "tolerant"), [("citext", False), ("text", True)])
def test_a_target_that_takes_them_for_the_same_too(make, order, kind, tolerant):
    made = make(
        f"CREATE TABLE a (id TEXT PRIMARY KEY COLLATE {order})",
        "CREATE TABLE b (id TEXT PRIMARY KEY, parent TEXT)",
        "INSERT INTO a VALUES ('AB')",
        "INSERT INTO b VALUES ('1', 'ab')",
        tables=(table("a", TargetColumn("id", kind)), table("b", "id", TargetColumn("parent", kind))),
        keys=(refers("b", "a")._replace(tolerant=tolerant),),
    )
    assert made.findings.total == 0


def test_a_key_that_must_be_filled_whole_or_not_at_all(make):
    pair = ForeignKey("pair", "note", ("a", "b"), "page", ("x", "y"), True)
    made = make(
        "CREATE TABLE page (id TEXT, x TEXT, y TEXT)",
        "CREATE TABLE note (id TEXT, a TEXT, b TEXT)",
        "INSERT INTO page VALUES ('1', 'x1', 'y1')",
        "INSERT INTO note VALUES ('1', 'x1', 'y1'), ('2', NULL, NULL), ('3', 'x1', NULL), ('4', NULL, 'gone')",
        tables=(table("page", "id", "x", "y"), table("note", "id", "a", "b")),
        keys=(pair,),
    )
    assert made.problems == [("foreign_key", "note", "a, b")]
    assert made.message == (
        "note.a, b: 2 rows fill some of these columns and not the others, which the foreign key pair of the target does not take (MATCH"
        " FULL); fill all of them, or none, with Open WebUI stopped (3, 4)"
    )


def test_a_key_that_the_source_declares_to_another_column_is_not_known_there(make):
    made = make(
        "CREATE TABLE a (id TEXT PRIMARY KEY, name TEXT UNIQUE)",
        "CREATE TABLE b (id TEXT PRIMARY KEY, parent TEXT REFERENCES a (name))",
        "INSERT INTO a VALUES ('1', 'n')",
        *(f"INSERT INTO b VALUES ('{number}', 'n')" for number in range(1, 8)),
        tables=(table("a", "id", "name"), table("b", "id", "parent")),
        keys=(refers("b", "a"),),
    )
    assert made.problems == [("orphan", "b", "parent")]
    assert made.message.startswith("b.parent: 7 rows refer to rows of a that are gone; only the target has this foreign key, ")
    assert made.message.endswith(" with Open WebUI stopped (1, 2, 3, 4, 5, ...)")


def test_parents_come_before_their_children(make):
    names = ("a", "b", "c", "d")
    made = make(
        *(f"CREATE TABLE {name} (id TEXT, parent TEXT, other TEXT)" for name in names),
        tables=tuple(table(name, "id", "parent", "other") for name in names),
        keys=(refers("a", "b"), refers("b", "c"), refers("a", "d", "other"), refers("d", "c"), refers("c", "c")),
    )
    order = [name for name in made.plan.names if name in names]
    assert order == ["c", "b", "d", "a"]
    assert made.findings.total == 0


def test_a_circle_of_foreign_keys(make):
    made = make(
        "CREATE TABLE a (id TEXT, parent TEXT)",
        "CREATE TABLE b (id TEXT, parent TEXT)",
        "INSERT INTO a VALUES ('1', '2')",
        "INSERT INTO b VALUES ('2', '1')",
        tables=(table("a", "id", "parent"), table("b", "id", "parent")),
        keys=(refers("a", "b"), refers("b", "a")),
    )
    assert made.problems == [("cycle", None, None)]
    assert "form a circle, so that no order of loading satisfies them: a, b; drop one of them" in made.message


@pytest.mark.parametrize("rows", [(), ("INSERT INTO b VALUES ('2', NULL)",)])
def test_a_circle_with_an_empty_table_is_none(make, rows):
    made = make(
        "CREATE TABLE a (id TEXT, parent TEXT)",
        "CREATE TABLE b (id TEXT, parent TEXT)",
        *rows,
        tables=(table("a", "id", "parent"), table("b", "id", "parent")),
        keys=(refers("a", "b"), refers("b", "a")),
    )
    assert made.problems == []
    assert {"a", "b"}.issubset(made.plan.names)


def test_names_that_are_reserved_words(make):
    made = make(
        'CREATE TABLE "group" ("id" TEXT, "order" TEXT, "a""b" TEXT)',
        """INSERT INTO "group" VALUES ('1', 'gone', 'x')""",
        tables=(table("group", "id", "order"),),
        keys=(refers("group", "user", "order"),),
    )
    assert made.problems == [("column", "group", 'a"b'), ("orphan", "group", "order")]


def test_everything_that_is_in_the_way_is_told_at_once(make):
    made = make(
        "CREATE TABLE mine (id TEXT)",
        "INSERT INTO mine VALUES ('x')",
        "CREATE TABLE note (id TEXT, old TEXT)",
        "INSERT INTO note VALUES ('n', 'x')",
        "INSERT INTO chat VALUES ('1', 'gone', NULL)",
        tables=(table("note", "id", owned=False),),
        keys=(refers("chat", "user", "user_id"),),
    )
    assert sorted(kind for kind, _table, _column in made.problems) == ["column", "orphan", "privilege", "table"]
