# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are hard to move, in Open WebUI's own schema, against real PostgreSQL."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from lab.source import SourceFile

LOSSLESS_TEXT = [
    "apostrophe ' and double '' quote \" and ` tick",
    "tab\t, carriage\r\nreturn, vertical\v, form\f, back\b",
    "back\\slash, \\n, \\t, \\\\, \\N, \\.",
    "\\.",
    "\\N",
    "__NULL__",
    "%s %(x)s $1 :name",
    "line\u2028separator\u2029",
    "family \U0001f468\u200d\U0001f469\u200d\U0001f467 and e\u0301 and \ud55c\uad6d\uc5b4",
    "[/INST] {{ jinja }} {% raw %} <script>",
    "",
    " ",
    "\x01\x7f",
    "\\u0000 and \\ud800 are only words here",
]

# What is stored in the JSON column, and what PostgreSQL must hold.
LOSSLESS_JSON = [
    ('{"b": 1, "a": 1.10, "a": 2}', '{"b": 1, "a": 1.10, "a": 2}'),
    ('"\\ud83d\\ude00"', '"\\ud83d\\ude00"'),
    ('"\\\\u0000"', '"\\\\u0000"'),
    ('"\\\\ud800"', '"\\\\ud800"'),
    ('"NaN and Infinity, -Infinity"', '"NaN and Infinity, -Infinity"'),
    ('{"n": "a \\" NaN"}', '{"n": "a \\" NaN"}'),
    ("null", "null"),
    (None, None),
    ('"007"', '"007"'),
    (300, "300"),
    (-1, "-1"),
    (0.5, "0.5"),
    (1e22, "1e+22"),
    ("[1e400, 123456789012345678901234567890]", "[1e400, 123456789012345678901234567890]"),
    ('"\\ud55c\\uad6d"', '"\\ud55c\\uad6d"'),
]

REPAIRED_JSON = [
    ('{"a": "x\\u0000y"}', '{"a": "xy"}', "json_escape"),
    ('"\\\\\\u0000"', '"\\\\"', "json_escape"),
    ('"a\\ud83d b"', '"a b"', "json_escape"),
    ('"a\\ude00 b"', '"a b"', "json_escape"),
    ('"\\\\ud83d\\ude00"', '"\\\\ud83d"', "json_escape"),
    ('"\\ud83d\\ud83d\\ude00"', '"\\ud83d\\ude00"', "json_escape"),
    ('{"a": "x\x00y"}', '{"a": "xy"}', "nul"),
    ('{"a": NaN, "b": [Infinity, -Infinity], "c": "NaN"}', '{"a": null, "b": [null, null], "c": "NaN"}', "json_number"),
    (float("inf"), "null", "json_number"),
    ("", None, "empty"),
    ("  \n", None, "empty"),
    ('{"a": NaN, "b": "\\u0000", "c": "\x00"}', '{"a": null, "b": "", "c": ""}', "nul+json_escape+json_number"),
]

REFUSED_JSON = ["{'a': 1}", '{"a": ', '\ufeff{"a": 1}', '"raw \n newline"', "nan", "{}{}", "undefined", "[1,]"]


@pytest.fixture
def source(webui_db: Path) -> SourceFile:
    return SourceFile(webui_db)


def migrate(run_module, source, target, **options):
    return run_module("webui_pg_migrate", {"path": str(source.path), **target.options, **options})


def held(target, query: str) -> list[tuple]:
    with target.connect() as connection:
        return connection.execute(query).fetchall()


def test_text_arrives_byte_for_byte(run_module, source, any_schema_target):
    for number, text in enumerate(LOSSLESS_TEXT):
        source.add_chat(f"c{number:02}", title=text, summary=text)
    result = migrate(run_module, source, any_schema_target)
    assert result.get("changed"), result
    assert result["repairs"]["total"] == 0
    assert held(any_schema_target, "SELECT title, summary FROM chat ORDER BY id") == [(text, text) for text in LOSSLESS_TEXT]


def test_json_arrives_byte_for_byte(run_module, source, any_schema_target):
    for number, (stored, _held) in enumerate(LOSSLESS_JSON):
        source.add_chat(f"c{number:02}", chat=stored)
    result = migrate(run_module, source, any_schema_target)
    assert result.get("changed"), result
    assert result["repairs"]["total"] == 0
    expected = [(wanted,) for _stored, wanted in LOSSLESS_JSON]
    assert held(any_schema_target, "SELECT chat::text FROM chat ORDER BY id") == expected


def test_what_can_be_repaired_is_repaired_reported_and_kept(run_module, source, any_schema_target, tmp_path):
    for number, (stored, _held, _rule) in enumerate(REPAIRED_JSON):
        source.add_chat(f"c{number:02}", chat=stored)
    source.add_chat("t1", title="a\x00b")
    result = migrate(run_module, source, any_schema_target, quarantine=str(tmp_path / "quarantine"))
    assert result.get("changed"), result
    expected = [(wanted,) for _stored, wanted, _rule in REPAIRED_JSON]
    assert held(any_schema_target, "SELECT chat::text FROM chat WHERE id LIKE 'c%' ORDER BY id") == expected
    assert held(any_schema_target, "SELECT title FROM chat WHERE id = 't1'") == [("ab",)]
    rules = {item["key"]: (item["table"], item["column"], item["rule"]) for item in result["repairs"]["listed"]}
    for number, (_stored, _held, rule) in enumerate(REPAIRED_JSON):
        assert rules[f"c{number:02}"] == ("chat", "chat", rule)
    assert rules["t1"] == ("chat", "title", "nul")
    kept = Path(result["repairs"]["quarantine_file"])
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    originals = {record["key"]: record["original"] for record in map(json.loads, kept.read_text().splitlines())}
    assert originals["c00"] == {"text": REPAIRED_JSON[0][0]}
    assert originals["c08"] == {"real": "inf"}
    assert len(originals) == result["repairs"]["total"]


def test_nothing_is_repaired_where_that_is_not_wanted(run_module, source, schema_target):
    for number, (stored, _held, _rule) in enumerate(REPAIRED_JSON):
        source.add_chat(f"c{number:02}", chat=stored)
    result = migrate(run_module, source, schema_target, repair=False)
    assert result["failed"]
    assert {problem["key"] for problem in result["problems"]} == {f"c{number:02}" for number in range(len(REPAIRED_JSON))}
    assert held(schema_target, "SELECT count(*) FROM chat") == [(0,)]


@pytest.mark.parametrize("check", [True, False])
def test_json_that_does_not_parse_is_refused_with_every_place(run_module, source, any_schema_target, check):
    for number, stored in enumerate(REFUSED_JSON):
        source.add_chat(f"c{number:02}", chat=stored)
    source.add_chat("fine", chat="{}")
    arguments = {"path": str(source.path), **any_schema_target.options}
    result = run_module("webui_pg_migrate", arguments, check=check)
    assert result["failed"]
    named = {(problem["table"], problem["key"], problem["column"], problem["rule"]) for problem in result["problems"]}
    assert named == {("chat", f"c{number:02}", "chat", "json") for number in range(len(REFUSED_JSON))}
    assert held(any_schema_target, "SELECT count(*) FROM chat") == [(0,)]
    assert "undefined" not in json.dumps(result["problems"])


def test_booleans(run_module, source, schema_target):
    stored = [0, 1, "0", "1", "true", "FALSE", "True", None]
    for number, value in enumerate(stored):
        source.add_chat(f"c{number}", archived=value)
    assert migrate(run_module, source, schema_target).get("changed")
    expected = [False, True, False, True, True, False, True, None]
    assert held(schema_target, "SELECT archived FROM chat ORDER BY id") == [(value,) for value in expected]


REFUSED_VALUES = [
    ("archived", 2, "boolean"),
    ("archived", "", "boolean"),
    ("archived", "yes", "boolean"),
    ("created_at", 0.6, "integer"),
    ("created_at", "", "integer"),
    ("created_at", "2024-01-01", "integer"),
    ("created_at", float("inf"), "integer"),
    ("created_at", 1e19, "range"),
    ("created_at", "9223372036854775808", "range"),
    ("title", b"\xff\xfe", "blob"),
    ("chat", b"{}", "blob"),
]


def test_values_that_postgresql_has_no_place_for(run_module, source, schema_target):
    for number, (column, value, _rule) in enumerate(REFUSED_VALUES):
        source.add_chat(f"c{number:02}", **{column: value})
    result = migrate(run_module, source, schema_target)
    assert result["failed"]
    named = [(problem["table"], problem["key"], problem["column"], problem["rule"]) for problem in result["problems"]]
    assert named == [("chat", f"c{number:02}", column, rule) for number, (column, _value, rule) in enumerate(REFUSED_VALUES)]
    assert result["problems_total"] == len(REFUSED_VALUES)
    assert held(schema_target, "SELECT count(*) FROM chat") == [(0,)]


def test_integers(run_module, source, schema_target):
    for number, value in enumerate([5.0, "42", "-7", 1 << 62]):
        source.add_chat(f"c{number}", created_at=value)
    assert migrate(run_module, source, schema_target).get("changed")
    assert held(schema_target, "SELECT created_at FROM chat ORDER BY id") == [(5,), (42,), (-7,), (1 << 62,)]


def test_numbers_in_a_text_column_arrive_as_sqlite_prints_them(run_module, source, schema_target):
    # A column declared without a type keeps a number a number.
    source.redeclare("chat", "summary", "TEXT", "")
    for number, stored in enumerate([7, 0.5, 1e22, 100.0]):
        source.add_chat(f"c{number}", summary=stored)
    printed = source.rows("SELECT CAST(summary AS TEXT) FROM chat ORDER BY id")
    assert migrate(run_module, source, schema_target).get("changed")
    assert held(schema_target, "SELECT summary FROM chat ORDER BY id") == printed


def test_bytes_that_are_not_utf8(run_module, source, any_schema_target):
    source.add_chat("c1")
    source.execute("UPDATE chat SET title = CAST(x'41ff42' AS TEXT) WHERE id = 'c1'")
    refused = migrate(run_module, source, any_schema_target)
    assert refused["failed"]
    assert [problem["rule"] for problem in refused["problems"]] == ["invalid_utf8"]
    source.add_chat("c2", title=b"\x43\xff")
    result = migrate(run_module, source, any_schema_target, invalid_utf8="replace")
    assert result.get("changed"), result
    assert held(any_schema_target, "SELECT title FROM chat ORDER BY id") == [("A\ufffdB",), ("C\ufffd",)]
    assert [item["rule"] for item in result["repairs"]["listed"]] == ["invalid_utf8", "blob+invalid_utf8"]


def test_text_longer_than_its_column(run_module, source, schema_target):
    source.add_user("short", username="\ud55c" * 50)
    source.add_user("long", username="x" * 51)
    source.add_user("spaces", username="x" + " " * 50)
    result = migrate(run_module, source, schema_target)
    assert {(problem["key"], problem["rule"]) for problem in result["problems"]} == {("long", "length"), ("spaces", "length")}


def test_dates(run_module, source, schema_target):
    for number, value in enumerate(["2001-02-03", "", "0000-00-00", None]):
        source.add_user(f"u{number}", date_of_birth=value)
    result = migrate(run_module, source, schema_target)
    assert result.get("changed"), result
    born = held(schema_target, 'SELECT date_of_birth::text FROM "user" ORDER BY id')
    assert born == [("2001-02-03",), (None,), (None,), (None,)]
    assert [(item["key"], item["rule"]) for item in result["repairs"]["listed"]] == [("u1", "empty"), ("u2", "empty")]


def test_malformed_dates(run_module, source, schema_target):
    for number, value in enumerate(["2001-02-30", "3.2.2001", "2001-02-03T10:00:00Z", 20010203]):
        source.add_user(f"u{number}", date_of_birth=value)
    result = migrate(run_module, source, schema_target)
    assert [(problem["key"], problem["rule"]) for problem in result["problems"]] == [(f"u{n}", "date") for n in range(4)]


def test_null_where_the_target_has_not_null(run_module, source, schema_target):
    source.add_chat("c")
    source.redeclare("chat", "meta", "JSON DEFAULT '{}' NOT NULL", "JSON")
    source.execute("UPDATE chat SET meta = NULL")
    result = migrate(run_module, source, schema_target)
    assert [(problem["column"], problem["rule"]) for problem in result["problems"]] == [("meta", "null")]


@pytest.mark.parametrize("check", [True, False])
def test_unique_collisions_that_only_postgresql_sees(run_module, source, schema_target_pg15, check):
    source.add_user("first", email="\u00c9@x.org")
    source.add_user("second", email="\u00e9@x.org")
    arguments = {"path": str(source.path), **schema_target_pg15.options}
    result = run_module("webui_pg_migrate", arguments, check=check)
    assert result["failed"], result
    (problem,) = result["problems"]
    assert problem["kind"] == "unique"
    assert "first and second" in problem["message"]
    assert "@x.org" not in json.dumps(result["problems"])
    assert held(schema_target_pg15, 'SELECT count(*) FROM "user"') == [(0,)]


def test_keys_that_are_equal_after_a_repair(run_module, source, schema_target):
    source.add_chat("same")
    source.add_chat("same\x00")
    result = migrate(run_module, source, schema_target)
    assert result["failed"]
    assert any(problem["kind"] == "unique" and problem["table"] == "chat" for problem in result["problems"])
    assert held(schema_target, "SELECT count(*) FROM chat") == [(0,)]


def test_a_check_constraint_that_is_violated(run_module, source, schema_target):
    source.insert_row("channel", id="ch")
    source.execute("PRAGMA ignore_check_constraints = ON")
    source.insert_row("channel_member", id="m1", channel_id="ch", joined_at=1, is_active=1, is_channel_muted=0, is_channel_pinned=0)
    result = migrate(run_module, source, schema_target)
    (problem,) = result["problems"]
    assert (problem["kind"], problem["table"], problem["key"]) == ("check", "channel_member", "m1")


def test_json_nested_deeper_than_the_server_reads(run_module, source, schema_target):
    source.add_chat("deep", chat="[" * 100_000 + "]" * 100_000)
    result = migrate(run_module, source, schema_target)
    assert result["failed"]
    assert [(problem["table"], problem["key"]) for problem in result["problems"]] == [("chat", "deep")]
    assert held(schema_target, "SELECT count(*) FROM chat") == [(0,)]


def test_one_row_of_60_mb(run_module, source, schema_target):
    document = json.dumps({"messages": ["back\\slash and \U0001f600 " * 50] * 42_000})
    assert len(document) > 60_000_000
    source.add_chat("huge", chat=document)
    source.add_chat("small", chat="{}")
    assert migrate(run_module, source, schema_target).get("changed")
    assert held(schema_target, "SELECT length(chat::text) FROM chat ORDER BY id") == [(len(document),), (2,)]
