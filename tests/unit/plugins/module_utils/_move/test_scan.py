# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of a source on their way to COPY: which values are repaired, which are refused, and how each is named."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, NamedTuple

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import LOT_SIZE, Repairs, RowReader, TablePlan, scan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import TargetColumn
from ansible_collections.openwebui.postgres.plugins.module_utils._move.wire import wire_for
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import open_source
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.orphans import Omission
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.quarantine import Quarantine, thaw

NOTE = "CREATE TABLE note (id TEXT PRIMARY KEY, title TEXT, data JSON, is_public BOOLEAN, created_at BIGINT)"
COLUMNS = (
    TargetColumn("id", "text", None, True),
    TargetColumn("title", "text", None, True),
    TargetColumn("data", "json"),
    TargetColumn("is_public", "boolean"),
    TargetColumn("created_at", "bigint"),
)
PLAN = TablePlan("note", COLUMNS, ("id",), 0)


class Read(NamedTuple):
    rows: list[list[bytes]]
    repairs: Repairs
    findings: Findings


@pytest.fixture
def read(make_source):
    """read("INSERT …", …) -> what becomes of the rows of note"""

    def read_rows(*statements: str, plan: TablePlan = PLAN, thorough: bool = True, **options) -> Read:
        repairs, findings = Repairs(**options), Findings()
        with open_source(make_source(NOTE, *statements)) as source:
            rows = list(RowReader(source, plan, repairs, findings, thorough).rows())
        return Read(rows, repairs, findings)

    return read_rows


def problems(findings: Findings) -> list[dict[str, str]]:
    return [problem.as_result() for problem in findings.problems]


@pytest.mark.parametrize("thorough", [False, True])
def test_clean_rows(read, thorough):
    found = read("""INSERT INTO note VALUES ('a', 'x\ty', '{"k": 1}', 1, 5), ('b', '', NULL, NULL, NULL)""", thorough=thorough)
    assert found.rows == [[b"a", b"x\\ty", b'{"k": 1}', b"t", b"5"], [b"b", b"", b"\\N", b"\\N", b"\\N"]]
    assert (found.repairs.total, found.findings.total) == (0, 0)


@pytest.mark.parametrize("thorough", [False, True])
def test_lossless_conversions_are_no_repairs(read, thorough):
    found = read("INSERT INTO note VALUES ('a', 'x', 300, 'TRUE', 5.0)", thorough=thorough)
    assert found.rows == [[b"a", b"x", b"300", b"t", b"5"]]
    assert (found.repairs.total, found.findings.total) == (0, 0)


def test_text_is_read_to_its_end_behind_a_nul(read):
    found = read("INSERT INTO note (id, title) VALUES ('a', 'b' || char(0) || 'c')")
    assert found.rows == [[b"a", b"bc", b"\\N", b"\\N", b"\\N"]]
    assert found.repairs.listed == [{"table": "note", "key": "a", "column": "title", "rule": "nul"}]


def test_all_repairs_of_a_row_are_told_one_by_one(read):
    found = read(r"""INSERT INTO note (id, title, data) VALUES ('a', 'b' || char(0), '["\u0000", NaN]')""")
    assert found.rows == [[b"a", b"b", b'["", null]', b"\\N", b"\\N"]]
    assert [(item["column"], item["rule"]) for item in found.repairs.listed] == [("title", "nul"), ("data", "json_escape+json_number")]
    assert found.repairs.total == 2
    assert found.repairs.values.groups()[1] == {
        "table": "note",
        "column": "data",
        "rule": "json_escape+json_number",
        "rows": 1,
        "sample_keys": ["a"],
    }


def test_where_repairs_are_not_allowed_they_are_refusals(read):
    found = read("""INSERT INTO note (id, title, data) VALUES ('a', 'b', 'NaN'), ('b', 'b', '')""", allowed=False)
    assert found.rows == []
    assert found.repairs.total == 0
    assert problems(found.findings) == [
        {
            "kind": "value",
            "table": "note",
            "column": "data",
            "key": "a",
            "rule": "json_number",
            "message": "note a: data holds NaN or Infinity in JSON",
        },
        {"kind": "value", "table": "note", "column": "data", "key": "b", "rule": "empty", "message": "note b: data is empty"},
    ]


def test_a_thorough_look_finds_every_refusal(read):
    found = read(
        "INSERT INTO note VALUES ('a', NULL, '{''a'': 1}', 2, 'soon'), ('b', 'x', '1', 1, 1), ('c', 'x', '{', 0, 0)",
    )
    assert found.rows == [[b"b", b"x", b"1", b"t", b"1"]]
    assert [(problem.key, problem.column, problem.rule) for problem in found.findings.problems] == [
        ("a", "title", "null"),
        ("a", "data", "json"),
        ("a", "is_public", "boolean"),
        ("a", "created_at", "integer"),
        ("c", "data", "json"),
    ]
    assert found.findings.total == 5


def test_a_load_stops_at_the_first_refusal_and_leaves_json_to_postgresql(read):
    found = read("INSERT INTO note VALUES ('a', 'x', '{', 1, 1), ('b', 'x', '1', 2, 1), ('c', NULL, '1', 1, 1)", thorough=False)
    assert found.rows == [[b"a", b"x", b"{", b"t", b"1"]]
    assert [problem.key for problem in found.findings.problems] == ["b"]


def test_messages_do_not_hold_the_value(read):
    found = read("INSERT INTO note VALUES ('a', 'x', '{secret', 'secret', 'secret')")
    assert found.findings.total == 3
    assert "secret" not in repr(found.findings.problems)


@pytest.mark.parametrize("thorough", [False, True])
def test_blobs_are_told_from_text_by_their_column(read, thorough):
    insert = """INSERT INTO note VALUES ('a', 'text' || char(0), CAST('{"k": 1}' AS BLOB), 1, 1)"""
    found = read(insert, thorough=thorough)
    assert [(problem.column, problem.rule) for problem in found.findings.problems] == [("data", "blob")]


def test_blobs_and_invalid_bytes_become_text_where_asked_for(read):
    found = read(
        "INSERT INTO note (id, title) VALUES ('a', X'616263'), ('b', CAST(X'61FF' AS TEXT)), ('c', X'FF00')",
        replace_invalid=True,
    )
    assert [row[1] for row in found.rows] == [b"abc", "a\ufffd".encode(), "\ufffd".encode()]
    assert [item["rule"] for item in found.repairs.listed] == ["blob", "invalid_utf8", "blob+invalid_utf8+nul"]


def test_invalid_bytes_in_an_otherwise_clean_row_are_refused(read):
    found = read("INSERT INTO note (id, title) VALUES ('b', CAST(X'61FF' AS TEXT))")
    assert [(problem.key, problem.rule) for problem in found.findings.problems] == [("b", "invalid_utf8")]


@pytest.mark.parametrize("folder", ["quarantine", None])
def test_originals_are_kept_to_the_byte(read, tmp_path: Path, folder):
    quarantine = Quarantine(str(tmp_path / folder) if folder else None, "repaired")
    read(
        "INSERT INTO note (id, title) VALUES ('a', 'é' || char(0)), ('b', CAST(X'61FF' AS TEXT)), ('c', X'6162')",
        quarantine=quarantine,
        replace_invalid=True,
    )
    quarantine.keep()
    if folder is None:
        assert quarantine.path is None
        return
    records = [json.loads(line) for line in Path(quarantine.path).read_text(encoding="utf-8").splitlines()]
    assert [(record["key"], thaw(record["original"])) for record in records] == [("a", "é\0".encode()), ("b", b"a\xff"), ("c", b"ab")]
    assert records[0]["original"] == {"text": "é\0"}
    assert records[2]["original"] == {"blob": "YWI="}


def test_a_table_without_a_key_names_rows_by_rowid(read):
    found = read("INSERT INTO note (rowid, id, title) VALUES (7, 'a', NULL)", plan=PLAN._replace(key=()))
    assert problems(found.findings)[0]["key"] == "rowid 7"


def test_what_is_empty_where_null_cannot_be_is_refused(read):
    documents = TargetColumn("data", "json", None, True)
    found = read("INSERT INTO note (id, data) VALUES ('a', '')", plan=TablePlan("note", (COLUMNS[0], documents), ("id",), 1))
    assert problems(found.findings)[0]["message"] == "note a: data is empty, but the column of the target is NOT NULL"


def test_a_key_of_several_columns(read):
    found = read("INSERT INTO note (id, title, created_at) VALUES ('a', NULL, 5)", plan=PLAN._replace(key=("created_at", "id")))
    assert problems(found.findings)[0]["key"] == "5, a"


def test_only_the_columns_of_the_plan_are_read_in_its_order(read):
    found = read("INSERT INTO note VALUES ('a', NULL, '{', 5, 6)", plan=TablePlan("note", (COLUMNS[4], COLUMNS[0]), ("id",), 1))
    assert found.rows == [[b"6", b"a"]]


def test_names_that_are_reserved_words_or_hold_quotes(read):
    columns = tuple(TargetColumn(name, "text") for name in ("key", 'a"b', "order"))
    found = read(
        'CREATE TABLE "group" ("key" TEXT PRIMARY KEY, "a""b" TEXT, "order" TEXT)',
        "INSERT INTO \"group\" VALUES ('k', 'x', 'y')",
        plan=TablePlan("group", columns, ("key",), 1),
    )
    assert found.rows == [[b"k", b"x", b"y"]]


def test_the_keys_of_rows_by_their_numbers(make_source):
    path = make_source(NOTE, "INSERT INTO note (id, title) VALUES ('a', ''), ('refused', NULL), ('b', '')")
    with open_source(path) as source:
        reader = RowReader(source, PLAN, Repairs(), Findings(), thorough=True)
        assert reader.keys_of({1, 2, 3}) == {1: "a", 2: "b"}
        assert reader.keys_of(set()) == {}


def test_orphans_are_left_out_or_lose_what_they_refer_to(make_source):
    path = make_source(NOTE, "INSERT INTO note (id, title, created_at) VALUES ('a', 'x', 1), ('b', 'y', 2), ('c', NULL, 3)")
    omission = Omission("id <> 'c'", {"created_at": "id = 'b'"})
    findings = Findings()
    with open_source(path) as source:
        reader = RowReader(source, PLAN, Repairs(), findings, thorough=True, omission=omission)
        assert [fields[4] for fields in reader.rows()] == [b"1", b"\\N"]
        scan(source, [PLAN], Repairs(), findings, Progress(None), {"note": omission})
    assert findings.total == 0


def test_json_is_judged_also_where_sqlite_was_built_without_it(make_source):
    path = make_source(NOTE, "INSERT INTO note (id, title, data) VALUES ('a', 'x', '{'), ('b', 'x', '{}')")
    findings = Findings()
    with open_source(path) as source:
        # SQLite's own function may be there: what has the same name and is ours goes first.
        source.offer_json_valid = lambda judge: source.connection.create_function(
            "json_valid", 1, lambda value: judge(value.decode() if isinstance(value, bytes) else str(value))
        )
        rows = list(RowReader(source, PLAN, Repairs(), findings, thorough=True).rows())
    assert [row[0] for row in rows] == [b"b"]
    assert [problem.rule for problem in findings.problems] == ["json"]


class Steps:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int]] = []

    def advance(self, table: str, rows: int, size: int) -> None:
        self.steps.append((table, rows, size))


@contextmanager
def scanned(path: str, *tables: TablePlan) -> Iterator[tuple[Steps, Repairs, Findings]]:
    steps, repairs, findings = Steps(), Repairs(), Findings()
    with open_source(path) as source:
        scan(source, list(tables), repairs, findings, steps)
    yield steps, repairs, findings


def test_a_scan_goes_through_all_tables_and_tells_how_far_it_is(make_source):
    path = make_source(
        NOTE,
        "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2500)"
        " INSERT INTO note (id, title) SELECT 'n' || i, 'x' || char(0) FROM n",
        "INSERT INTO user VALUES ('u', NULL)",
    )
    user = TablePlan("user", (TargetColumn("id", "text"), TargetColumn("name", "text", None, True)), ("id",), 1)
    with scanned(path, PLAN, user) as (steps, repairs, findings):
        assert sum(rows for table, rows, _size in steps.steps if table == "note") == 2500
        assert repairs.total == 2500
        assert len(repairs.listed) == 1000
        assert repairs.values.groups()[0]["sample_keys"] == ["n1", "n2", "n3", "n4", "n5"]
        assert [problem.message for problem in findings.problems] == ["user u: name is NULL, but the column of the target is NOT NULL"]


ODD_ROWS = (
    "INSERT INTO note VALUES ('é', 'x\ty\n\\.', '{\"k\": \"\\u00e9\"}', 1, 5)",
    "INSERT INTO note VALUES ('b', '', NULL, NULL, NULL)",
    "INSERT INTO note VALUES ('nul', 'b' || char(0) || 'c', '[NaN]', 'TRUE', '7')",
    "INSERT INTO note VALUES ('number', 12, 300, 0, 5.0)",
    "INSERT INTO note VALUES ('refused', x'ff', 'not json', 2, 'x')",
    "INSERT INTO note VALUES ('blank', 't', ' ', 1, 1)",
)


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize("rows", [0, 1, 255, 256, 257, 700])
def test_binary_rows_are_the_same_as_those_in_text(make_source, thorough, rows):
    """Many are looked at together; those that need a closer look are all told, wherever they stand among the others."""
    many = f"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) INSERT INTO note"
    clean = f"{many} SELECT 'row-' || i, 'title', '{{\"i\": ' || i || '}}', i % 2, i FROM n WHERE {rows} > 0"
    # Where it is not thorough, the first row that is refused ends it.
    odd = ODD_ROWS if thorough else ODD_ROWS[:4]
    with open_source(make_source(NOTE, clean, *odd, clean.replace("row-", "later-"))) as source:
        wire = wire_for(PLAN.columns)
        outcomes = []
        for kind in (None, wire):
            repairs, findings = Repairs(), Findings()
            read_rows = [list(fields) for fields in RowReader(source, PLAN, repairs, findings, thorough).rows(kind)]
            outcomes.append((read_rows, repairs.listed, [problem.as_result() for problem in findings.problems]))
    (in_text, *rest), (in_binary, *others) = outcomes
    assert len(in_text) == 2 * rows + (5 if thorough else 4)
    assert in_binary == [[wire.field(column, field) for column, field in zip(PLAN.columns, fields)] for fields in in_text]
    assert rest == others


def test_rows_that_are_looked_at_together_are_few_where_they_are_large(make_source):
    """Memory is bounded by the largest row."""
    with open_source(
        make_source(NOTE, f"INSERT INTO note (id, title) SELECT value, hex(zeroblob({LOT_SIZE})) FROM json_each('[1,2,3]')")
    ) as source:
        assert [len(lot) for lot in RowReader(source, PLAN, Repairs(), Findings(), thorough=False)._lots(True)] == [1, 1, 1]
