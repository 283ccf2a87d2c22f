# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What webui_sqlite_check says of older files, held against what Open WebUI's own migrations make of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from lab import old_source, openwebui
from lab.console import LabError
from lab.databases import Target

HEAD = "0bd252b206fb"


@pytest.fixture
def old_db(tmp_path) -> Path:
    return old_source.fill(old_source.create(tmp_path / "webui.db"))


def messages(answer: dict) -> list[str]:
    """What webui_sqlite_check has found, in words."""
    assert answer["problems_total"] == len(answer["problems"])
    return [problem["message"] for problem in answer["problems"]]


@pytest.fixture
def check(run_module):
    """Compare a file with a revision, and make sure that not a byte of it changes."""

    def run(path: Path, **options) -> dict:
        before = path.read_bytes()
        answer = run_module("webui_sqlite_check", {"path": str(path), "upgrade_to": HEAD, **options})
        assert path.read_bytes() == before
        return answer

    return run


def upgraded(path: Path) -> Path:
    copy = Path(shutil.copy(path, path.with_name("copy.db")))
    openwebui.migrate(f"sqlite:///{copy}", "head")
    return copy


def query(target: Target, sql: str) -> list[tuple]:
    with target.connect() as connection:
        return connection.execute(sql).fetchall()


def add_member(path: Path) -> None:
    old_source.execute(path, "INSERT INTO channel_member (id, channel_id, user_id, created_at) VALUES ('cm', 'ch', 'ada', 1)")


def test_an_older_file_can_be_upgraded_and_then_is(check, old_db):
    answer = check(old_db)
    assert "failed" not in answer
    assert not answer["ready"]
    assert answer["upgrade"] == {
        "needed": True,
        "state": "older",
        "from": "a5c220713937",
        "to": HEAD,
        "possible": True,
        "obstacles": [],
        "remnants": [],
    }
    answer = check(upgraded(old_db), fail_on=["upgrade", "schema", "integrity"])
    assert "failed" not in answer
    assert answer["upgrade"] == {
        "needed": False,
        "state": "equal",
        "from": HEAD,
        "to": HEAD,
        "possible": True,
        "obstacles": [],
        "remnants": [],
    }


@pytest.mark.parametrize(
    ("spoil", "table", "step", "keys"),
    [
        (lambda path: old_source.add_group(path, "twice", ["ada", "bob", "ada"]), "group", "37f288994c47", ["twice"]),
        (lambda path: old_source.add_group(path, "nobody", ["ada", None]), "group", "37f288994c47", ["nobody"]),
        (add_member, "channel_member", "2f1211949ecc", ["cm"]),
        (
            lambda path: old_source.execute(path, "UPDATE knowledge SET data = ?", json.dumps({"file_ids": ["f1", "f1"]})),
            "knowledge",
            "3e0e00844bb0",
            ["k1", "k2"],
        ),
        (
            lambda path: old_source.execute(path, "INSERT INTO prompt (command, user_id, title, content) VALUES ('hello', 'u', 't', 'c')"),
            "prompt",
            "374d2f66af06",
            ["/hello and hello"],
        ),
        (lambda path: old_source.add_user(path, "ada2", email="ADA@example.com"), "user", "f0bd01a18a3d", ["ada and ada2"]),
        (
            lambda path: old_source.execute(path, "CREATE TABLE _alembic_tmp_group (id TEXT NOT NULL)"),
            "_alembic_tmp_group",
            None,
            [],
        ),
    ],
    ids=["member twice", "member without id", "channel member", "file twice", "prompt twice", "e-mail twice", "remnant"],
)
def test_an_upgrade_that_will_fail_is_recognised(check, old_db, spoil, table, step, keys):
    spoil(old_db)
    answer = check(old_db)
    upgrade = answer["upgrade"]
    assert "failed" not in answer
    assert (upgrade["state"], upgrade["needed"], upgrade["possible"]) == ("older", True, False)
    (obstacle,) = upgrade["obstacles"]
    assert (obstacle["table"], obstacle["revision"], obstacle["sample_keys"]) == (table, step, keys)
    assert obstacle["message"] in messages(answer)
    assert obstacle["message"].startswith(f"{table}: ")
    assert "example.com" not in answer.stdout
    assert obstacle["message"] in check(old_db, fail_on=["upgrade"])["msg"]
    with pytest.raises(LabError):
        upgraded(old_db)


def test_a_retried_upgrade_is_recognised_before_and_after(check, old_db):
    """The step that moves group members finds its table of the first attempt, and takes itself for done."""
    old_source.add_group(old_db, "twice", ["ada", "ada"])
    copy = Path(shutil.copy(old_db, old_db.with_name("copy.db")))
    with pytest.raises(LabError):
        openwebui.migrate(f"sqlite:///{copy}", "head")
    half = check(copy)["upgrade"]
    assert [obstacle["table"] for obstacle in half["obstacles"]] == ["group_member", "group"]
    assert not half["possible"]
    openwebui.migrate(f"sqlite:///{copy}", "head")
    answer = check(copy)
    whole = answer["upgrade"]
    assert (whole["state"], whole["needed"], whole["possible"]) == ("equal", False, False)
    (obstacle,) = whole["obstacles"]
    assert (obstacle["table"], obstacle["rows"], sorted(obstacle["sample_keys"])) == ("group", 3, ["readers", "twice", "writers"])
    assert not answer["ready"]
    assert check(copy, fail_on=["upgrade"])["failed"]


def test_the_remedy_for_members_of_channels_is_one(check, old_db):
    add_member(old_db)
    (obstacle,) = check(old_db)["upgrade"]["obstacles"]
    old_source.execute(old_db, obstacle["message"].split("run in sqlite3: ")[1])
    assert check(old_db)["upgrade"]["possible"]
    copy = upgraded(old_db)
    assert old_source.rows(copy, "SELECT id, user_id, joined_at FROM channel_member") == [("cm", "ada", 0)]


def test_only_steps_that_are_to_come_count(check, old_db):
    old_source.add_user(old_db, "ada2", email="ADA@example.com")
    assert check(old_db, upgrade_to="461111b60977")["upgrade"]["possible"]
    assert not check(old_db, upgrade_to="f0bd01a18a3d")["upgrade"]["possible"]


@pytest.mark.parametrize(("to", "state"), [("37f288994c46", "older"), ("d31026856c01", "newer"), ("a5c220713937", "equal")])
def test_how_a_file_stands_to_a_revision(check, old_db, to, state):
    upgrade = check(old_db, upgrade_to=to)["upgrade"]
    assert upgrade["state"] == state
    assert upgrade["needed"] == (state != "equal")
    assert upgrade["possible"] == (state != "newer")
    if state == "newer":
        (obstacle,) = upgrade["obstacles"]
        assert "a5c220713937 (Open WebUI 0.6.32 to 0.6.36)" in obstacle["message"]
        assert "d31026856c01 (Open WebUI 0.6.16 to 0.6.22)" in obstacle["message"]


@pytest.fixture
def copied(run_module, old_db):
    """An upgraded copy with its manifest."""

    def copy(path: Path = old_db) -> str:
        answer = run_module("webui_sqlite_backup", {"path": str(path), "dest": str(old_db.parent / "upgrade"), "keep": 1, "room": 3})
        openwebui.migrate(f"sqlite:///{answer['backup_file']}", "head")
        return answer["backup_file"]

    return copy


def test_the_copy_is_moved_and_the_original_is_recognised(run_module, old_db, copied, schema_target):
    before = old_db.read_bytes()

    def migrate(check: bool = False, **options) -> dict:
        files = {name: str(path) for name, path in options.items()}
        answer = run_module("webui_pg_migrate", {**schema_target.options, **files}, check=check)
        assert "sk-ada" not in answer.stdout
        return answer

    assert migrate(path=old_db)["problems"][0]["kind"] == "revision"
    copy = copied()
    run_module("webui_orphan_clean", {"path": copy, "quarantine": str(old_db.parent / "quarantine")})
    rehearsal = migrate(check=True, path=copy, copy_of=old_db)
    assert (rehearsal["changed"], rehearsal["already_migrated"]) == (True, False)
    loaded = migrate(path=copy, copy_of=old_db)
    assert loaded["already_migrated"] is False
    assert query(schema_target, "SELECT group_id, user_id FROM group_member ORDER BY 1, 2") == [
        ("readers", "ada"),
        ("readers", "bob"),
        ("writers", "eve"),
    ]
    assert query(schema_target, "SELECT count(*) FROM chat_message") == [(2,)]
    assert query(schema_target, "SELECT knowledge_id, file_id FROM knowledge_file") == [("k1", "f1")]
    assert old_db.read_bytes() == before

    # The copy has served its turn. The original alone tells whether everything is there.
    shutil.rmtree(Path(copy).parent)
    assert migrate(path=old_db)["already_migrated"]
    old_source.add_user(old_db, "new")
    assert migrate(check=True, path=old_db)["problems"][0]["kind"] == "revision"
    again = copied()
    run_module("webui_orphan_clean", {"path": again, "quarantine": str(old_db.parent / "quarantine")})
    assert migrate(path=again, copy_of=old_db)["already_migrated"] is False
    assert query(schema_target, 'SELECT count(*) FROM "user"') == [(4,)]


def test_what_was_written_after_the_copy_is_not_forgotten(run_module, old_db, copied, schema_target):
    copy = copied()
    old_source.execute(old_db, "DELETE FROM oauth_session")
    options = {**schema_target.options, "path": copy, "copy_of": str(old_db)}
    answer = run_module("webui_pg_migrate", options)
    assert answer["failed"]
    assert answer["problems"] == [
        {"kind": "in_use", "message": f"{copy} is no copy of {old_db} as it is now; take a new one with webui_sqlite_backup"}
    ]
    assert query(schema_target, 'SELECT count(*) FROM "user"') == [(0,)]
    # A rehearsal while Open WebUI works has nothing to say against it.
    live = run_module("webui_pg_migrate", {**options, "live": True}, check=True)
    assert "is no copy" not in live.stdout
    Path(copy + ".json").unlink()
    assert "is no copy" in run_module("webui_pg_migrate", options)["msg"]
