# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a file stands to a revision, and what is in the way. That Open WebUI really fails there is tested with its own migrations."""

from __future__ import annotations

import json

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move.check import examine
from ansible_collections.openwebui.postgres.plugins.module_utils._move.upgrade import FILLED_BY, STUMBLES, assess, standing
from ansible_collections.openwebui.postgres.plugins.module_utils._openwebui import STEPS
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import open_source

HEAD = "0bd252b206fb"
OLD = "a5c220713937"
GROUP = "CREATE TABLE 'group' (id TEXT NOT NULL PRIMARY KEY, user_ids JSON)"
KNOWLEDGE = (
    "CREATE TABLE knowledge (id TEXT NOT NULL PRIMARY KEY, data JSON)",
    "CREATE TABLE file (id TEXT NOT NULL PRIMARY KEY)",
    "INSERT INTO file VALUES ('f'), ('g')",
)


@pytest.fixture
def assessed(make_source, tmp_path):
    """What is said of a file that is made of statements, a new one with each call."""

    def assess_file(*statements: str, at: str | None = OLD, to: str = HEAD) -> dict:
        (tmp_path / "data" / "webui.db").unlink(missing_ok=True)
        revision = f"UPDATE alembic_version SET version_num = '{at}'" if at else "DELETE FROM alembic_version"
        with open_source(make_source(revision, *statements)) as source:
            return assess(source, to)

    return assess_file


@pytest.mark.parametrize(
    ("ours", "theirs", "state"),
    [
        (HEAD, HEAD, "equal"),
        ("ffffffffffff", "ffffffffffff", "equal"),
        (OLD, HEAD, "older"),
        (HEAD, OLD, "newer"),
        (OLD, "ffffffffffff", "older"),
        (None, HEAD, "older"),
        ("ffffffffffff", HEAD, "unknown"),
        ("ffffffffffff", "eeeeeeeeeeee", "unknown"),
    ],
)
def test_standing(ours, theirs, state):
    assert standing(ours, theirs) == state


def test_only_known_steps_are_named():
    assert {stumble.revision for stumble in STUMBLES} | set(FILLED_BY.values()) <= set(STEPS)


@pytest.mark.parametrize(
    ("at", "to", "words"),
    [
        (HEAD, OLD, "newer than the one wanted, a5c220713937 (Open WebUI 0.6.32 to 0.6.36)"),
        ("ffffffffffff", HEAD, "ffffffffffff (a release this collection does not know), which may be newer"),
        (None, HEAD, "no alembic revision: its table alembic_version is empty; move a backup that has one"),
    ],
)
def test_what_no_upgrade_can_bring_there(assessed, at, to, words):
    answer = assessed(at=at, to=to)
    assert (answer["needed"], answer["possible"], answer["from"], answer["to"]) == (True, False, at, to)
    (obstacle,) = answer["obstacles"]
    assert words in obstacle["message"]
    assert (obstacle["table"], obstacle["revision"], obstacle["rows"], obstacle["sample_keys"]) == (None, None, None, [])


@pytest.mark.parametrize(
    ("value", "fails"),
    [
        (None, False),
        ("null", False),
        ("[]", False),
        ('["u", "v"]', False),
        ('"[\\"u\\", \\"v\\"]"', False),
        ('"no list"', False),
        ('{"u": 1}', False),
        ('["u", "u"]', True),
        ('"[\\"u\\", \\"u\\"]"', True),
        ('["1", 1]', True),
        ('["u", null]', True),
        ('["u", ["v"]]', True),
        ("", True),
        ("['u']", True),
    ],
)
def test_members_of_a_group(assessed, value, fails):
    literal = "NULL" if value is None else "'" + value.replace("'", "''") + "'"
    answer = assessed(GROUP, f"INSERT INTO 'group' VALUES ('g', {literal})")
    assert answer["possible"] != fails
    assert [obstacle["sample_keys"] for obstacle in answer["obstacles"]] == ([["g"]] if fails else [])


@pytest.mark.parametrize(
    ("data", "fails"),
    [
        ({"file_ids": ["f", "g", "gone", "gone"]}, False),
        ({"file_ids": []}, False),
        ({}, False),
        ([], False),
        ({"file_ids": ["f", "g", "f"]}, True),
    ],
)
def test_files_of_a_knowledge_base(assessed, data, fails):
    answer = assessed(*KNOWLEDGE, f"INSERT INTO knowledge VALUES ('k', '{json.dumps(data)}')")
    assert answer["possible"] != fails


@pytest.mark.parametrize(
    "prompt",
    ["CREATE TABLE prompt (command TEXT PRIMARY KEY)", "CREATE TABLE prompt (id INTEGER PRIMARY KEY, command TEXT UNIQUE)"],
)
def test_prompts_with_and_without_a_slash(assessed, prompt):
    assert assessed(prompt, "INSERT INTO prompt (command) VALUES ('/a'), ('b'), ('//a')")["possible"]
    (obstacle,) = assessed(prompt, "INSERT INTO prompt (command) VALUES ('/a'), ('b'), ('a')")["obstacles"]
    assert obstacle["table"] == "prompt"
    assert obstacle["rows"] == 1


def test_a_step_that_is_done_is_no_obstacle(assessed):
    member = ("CREATE TABLE channel_member (id TEXT NOT NULL PRIMARY KEY, joined_at BIGINT)", "INSERT INTO channel_member VALUES ('m', 1)")
    assert assessed(*member)["possible"]


def test_keys_are_a_few_and_the_number_is_all(assessed):
    answer = assessed(
        "CREATE TABLE channel_member (id TEXT NOT NULL PRIMARY KEY)",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30) INSERT INTO channel_member SELECT 'm' || i FROM n",
    )
    (obstacle,) = answer["obstacles"]
    assert obstacle["rows"] == 30
    assert len(obstacle["sample_keys"]) == 5
    assert "channel_member: 30 members" in obstacle["message"]
    assert "(m1; m10; m11; m12; m13; …)" in obstacle["message"]


@pytest.mark.parametrize("table", sorted(FILLED_BY))
def test_a_step_that_stopped_half_way(assessed, table):
    step = FILLED_BY[table]
    before = STEPS[STEPS.index(step) - 1]
    (obstacle,) = assessed(f"CREATE TABLE {table} (id TEXT)", at=before)["obstacles"]
    assert (obstacle["table"], obstacle["revision"], obstacle["rows"]) == (table, step, 0)
    assert assessed(f"CREATE TABLE {table} (id TEXT)", at=step)["possible"]


def test_remnants_are_in_the_way_of_an_upgrade_only(assessed):
    remnant = "CREATE TABLE _alembic_tmp_chat (id TEXT)"
    answer = assessed(remnant)
    assert (answer["possible"], answer["remnants"]) == (False, ["_alembic_tmp_chat"])
    answer = assessed(remnant, at=HEAD)
    assert (answer["possible"], answer["remnants"]) == (True, ["_alembic_tmp_chat"])


def test_members_that_were_never_moved(assessed):
    tables = (GROUP, "CREATE TABLE group_member (group_id TEXT, user_id TEXT)")
    assert assessed(*tables, "INSERT INTO 'group' VALUES ('a', '[]'), ('b', NULL), ('c', 'null')", at=HEAD)["possible"]
    moved = "INSERT INTO group_member VALUES ('e', 'u')"
    answer = assessed(*tables, "INSERT INTO 'group' VALUES ('d', '[\"u\"]'), ('e', '[\"u\"]')", moved, at=HEAD)
    assert (answer["state"], answer["needed"], answer["possible"]) == ("equal", False, False)
    (obstacle,) = answer["obstacles"]
    assert (obstacle["table"], obstacle["rows"], obstacle["sample_keys"]) == ("group", 1, ["d"])


def test_an_examination_without_a_revision_to_reach_says_nothing_of_it(make_source):
    report, failure = examine(make_source(), ["schema"], ["schema", "upgrade"])
    assert "upgrade" not in report
    assert failure == ""


def test_a_file_that_an_upgrade_left_between_two_releases(make_source):
    path = make_source("UPDATE alembic_version SET version_num = 'b10670c03dd5'")
    report, failure = examine(path, ["schema"], ["schema"])
    assert (report["ready"], failure) == (False, "")
    message = "revision b10670c03dd5 (on the way to Open WebUI 0.6.41), where an upgrade has stopped"
    assert report["problems"] == [{"kind": "upgrade", "message": message}]


def test_an_older_file_fails_only_where_that_is_asked_for(make_source):
    path = make_source(f"UPDATE alembic_version SET version_num = '{OLD}'")
    report, failure = examine(path, ["schema"], ["schema"], HEAD)
    assert (report["ready"], report["upgrade"]["possible"], failure) == (False, True, "")
    _report, failure = examine(path, ["schema"], ["upgrade"], HEAD)
    assert "a5c220713937 (Open WebUI 0.6.32 to 0.6.36) is older than 0bd252b206fb" in failure
