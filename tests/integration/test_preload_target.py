# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may happen to a target that holds a snapshot, to the snapshot, and to a run: what is refused, done in full, or gone on with."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from lab.history import History, content, demand_same_as_a_full_load, digest

# Lets a load get as far as a certain chat, and no further while somebody holds the lock.
GATE = """
CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS $$
BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$;
CREATE TRIGGER gate BEFORE INSERT ON chat FOR EACH ROW WHEN (NEW.id = 'gate') EXECUTE FUNCTION wait_at_gate();
"""


# A small file, and what may happen to it, to the snapshot and to the target


@pytest.fixture
def ahead(migrate, source, snapshot, schema_target) -> Path:
    """The snapshot that the target holds."""
    history = History(source, 7)
    with source.connect() as db:
        for _turn in range(3):
            history.grow(db)
    file = snapshot(source)
    answer = migrate(file, schema_target, state="preloaded")
    assert not answer.get("failed"), answer["msg"]
    return file


def run_on(target, statement: str) -> None:
    with target.connect() as connection:
        connection.execute(statement)


def kinds(answer) -> set[str]:
    assert answer.get("failed"), answer
    return {problem["kind"] for problem in answer["problems"]}


def test_what_is_loaded_ahead_is_no_move(migrate, source, ahead, schema_target):
    seen = migrate(source.path, schema_target, check=True)
    assert not seen["already_migrated"]
    assert migrate(source.path, schema_target, state="abandoned") == {"changed": False, "run_id": None}
    with schema_target.connect() as connection:
        assert connection.execute("SELECT to_regclass('webui_migration.run')").fetchone() == (None,)
        assert connection.execute("SELECT count(*) FROM webui_migration.preload WHERE spent_at IS NULL").fetchone() == (1,)


def test_the_same_snapshot_is_loaded_once(migrate, ahead, schema_target):
    before = content(schema_target)
    again = migrate(ahead, schema_target, state="preloaded")
    assert not again["changed"]
    assert content(schema_target) == before


def test_only_what_differs_is_touched(migrate, source, ahead, schema_target):
    source.execute("UPDATE chat SET title = 'new' WHERE id = 'c'")
    source.add_chat("d")
    moved = migrate(source.path, schema_target, snapshot=str(ahead))
    assert (moved["road"], moved["changed"]) == ("differences", True), moved
    touched = {table["name"]: (table["gone"], table["come"]) for table in moved["tables"] if table["gone"] or table["come"]}
    assert touched == {"chat": (1, 2)}
    with schema_target.connect() as connection:
        assert connection.execute("SELECT count(DISTINCT xmin::text) FROM chat").fetchone() == (2,)
        assert connection.execute("SELECT count(*) FROM webui_migration.preload WHERE spent_at IS NULL").fetchone() == (0,)
    assert migrate(source.path, schema_target)["already_migrated"]


def test_rows_that_are_still_in_the_log(migrate, source, ahead, schema_target, pg18):
    held = source.path.with_name("held.db")
    shutil.copy(source.path, held)
    with closing(sqlite3.connect(held, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("UPDATE chat SET title = 'in the log'")
        shutil.copy(held, source.path)
        shutil.copy(f"{held}-wal", f"{source.path}-wal")
    held.unlink()
    files = {file.name: digest(file) for file in source.path.parent.iterdir()}
    moved = migrate(source.path, schema_target, snapshot=str(ahead))
    assert moved.get("road") == "differences", (moved.get("msg"), moved.get("road_reason"))
    assert files == {file.name: digest(file) for file in source.path.parent.iterdir()}
    demand_same_as_a_full_load(migrate, source, schema_target, pg18.create_open_webui_database())


WRITES = {
    "a change": "UPDATE chat SET title = 'theirs' WHERE id = 'c'",
    "a change of nothing but the row's trace": "UPDATE chat SET title = title || '' WHERE id = 'c'; UPDATE tag SET name = 'theirs'",
    "a row more": "INSERT INTO tag (id, user_id) VALUES ('theirs', 'u')",
    "a row less": "DELETE FROM config",
    "one row for another": "DELETE FROM config; INSERT INTO config (key, value) VALUES ('k', '1')",
}


@pytest.mark.parametrize("write", WRITES.values(), ids=list(WRITES))
def test_what_somebody_wrote_to_is_refused(migrate, source, snapshot, ahead, schema_target, write):
    run_on(schema_target, write)
    before = content(schema_target)
    for options in ({"snapshot": str(ahead)}, {}, {"state": "preloaded"}):
        path = ahead if "state" in options else source.path
        assert kinds(migrate(path, schema_target, **options)) == {"target_data"}
        assert content(schema_target) == before
    replaced = migrate(source.path, schema_target, snapshot=str(ahead), target_data="replace")
    assert (replaced["road"], replaced["road_reason"]) == ("full", "somebody has written to the target since the snapshot was loaded")


def test_a_target_of_another_source_is_refused(migrate, source, ahead, schema_target, tmp_path):
    other = Path(shutil.copy(source.path, tmp_path / "other.db"))
    answer = migrate(other, schema_target, snapshot=str(ahead))
    assert kinds(answer) == {"target_data"}
    assert "a snapshot of another source was loaded ahead" in answer["msg"]


@pytest.mark.parametrize("upkeep", ["VACUUM (FREEZE, ANALYZE)", "VACUUM FULL", "REINDEX TABLE chat", "ANALYZE"])
def test_the_upkeep_of_the_server_is_nobodys_writing(migrate, source, ahead, schema_target, upkeep):
    with schema_target.connect(autocommit=True) as connection:
        connection.execute(upkeep)
    source.add_chat("d")
    assert migrate(source.path, schema_target, snapshot=str(ahead)).get("road") == "differences"


@pytest.mark.parametrize("age", [2**31 + 5, 2**32, -5])
def test_numbers_of_transactions_that_say_nothing_any_more_are_not_believed(migrate, source, ahead, schema_target, age):
    """The content is read back instead, which is proof enough."""
    with schema_target.connect() as connection:
        now = int(connection.execute("SELECT pg_current_xact_id()::text").fetchone()[0])
        connection.execute("UPDATE webui_migration.preload SET transactions = %s::json", (json.dumps([now - age]),))
    source.add_chat("d")
    assert migrate(source.path, schema_target, snapshot=str(ahead)).get("road") == "differences"
    run_on(
        schema_target, "UPDATE webui_migration.preload SET spent_at = NULL; DELETE FROM webui_migration.run; UPDATE chat SET title = 'x'"
    )
    assert kinds(migrate(source.path, schema_target, snapshot=str(ahead))) == {"target_data"}


def touch(file: Path) -> None:
    os.utime(file, ns=(1, 1))


def test_a_snapshot_that_was_moved_is_known_again(migrate, source, ahead, schema_target, tmp_path):
    moved = Path(shutil.move(ahead, tmp_path / "moved.db"))
    touch(moved)
    source.add_chat("d")
    assert migrate(source.path, schema_target, snapshot=str(moved)).get("road") == "differences"


def spoil(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("UPDATE chat SET title = 'spoilt'")
        db.commit()


REASONS = {
    "no snapshot": (lambda file, target, source: None, {"snapshot": None}, "no snapshot was named"),
    "gone": (lambda file, target, source: file.unlink(), {}, "is not there any more"),
    "another": (lambda file, target, source: spoil(file), {}, "or not the snapshot that was loaded"),
    "other options": (lambda file, target, source: None, {"invalid_utf8": "replace"}, "with other options (invalid_utf8)"),
    "orphans": (lambda file, target, source: None, {"orphans": "leave_out"}, "with other options (orphans)"),
    "left out": (lambda file, target, source: None, {"exclude_tables": ["tag"]}, "with other options (exclude_tables)"),
    "another index": (
        lambda file, target, source: source.execute("CREATE TABLE plugin_things (id)"),
        {},
        "the schema of table plugin_things has changed",
    ),
    "another column": (
        lambda file, target, source: run_on(target, "ALTER TABLE chat ALTER title TYPE varchar"),
        {},
        "tables or columns of the target have changed",
    ),
    "trigger": (
        lambda file, target, source: run_on(
            target,
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN OLD; END$$;"
            "CREATE TRIGGER watch AFTER DELETE ON chat FOR EACH ROW EXECUTE FUNCTION f()",
        ),
        {},
        "trigger watch on table chat of the target would fire",
    ),
    "rule": (
        lambda file, target, source: run_on(target, "CREATE RULE keep AS ON DELETE TO chat DO INSTEAD NOTHING"),
        {},
        "rule keep on table chat of the target would fire",
    ),
    "foreign key that stays": (
        lambda file, target, source: run_on(
            target, 'ALTER TABLE chat ADD CONSTRAINT lax FOREIGN KEY (user_id) REFERENCES "user" ON DELETE CASCADE NOT VALID'
        ),
        {},
        "the foreign key lax of table chat cannot be set aside",
    ),
}


@pytest.mark.parametrize(("happens", "options", "reason"), REASONS.values(), ids=list(REASONS))
def test_what_cannot_be_done_by_differences_is_done_in_full(
    migrate, source, ahead, schema_target, pg18, tmp_path, happens, options, reason
):
    happens(ahead, schema_target, source)
    source.add_chat("d", title="after")
    source.execute("DELETE FROM chat WHERE id = 'c'")
    moved = migrate(source.path, schema_target, **{"snapshot": str(ahead), **options})
    assert not moved.get("failed"), moved["msg"]
    assert moved["road"] == "full"
    assert reason in moved["road_reason"]
    found = content(schema_target)["chat"]
    assert len(found) == len(source.rows("SELECT id FROM chat"))
    if "exclude_tables" in options:
        assert content(schema_target)["tag"] == []


def test_the_rehearsal_tells_the_road(migrate, source, ahead, schema_target):
    seen = migrate(source.path, schema_target, check=True, snapshot=str(ahead))
    assert seen.get("road") == "differences", seen
    assert migrate(source.path, schema_target, check=True)["road"] == "full"
    assert migrate(ahead, schema_target, check=True, state="preloaded")["road"] == "differences"


# Orphans


def test_orphans_are_kept_as_orphan_clean_keeps_them(migrate, run_module, source, snapshot, schema_target, tmp_path):
    history = History(source, 7)
    history.go_on(60)
    file = snapshot(source)
    source.execute("DELETE FROM file WHERE id IN (SELECT file_id FROM chat_file LIMIT 1)")
    ahead = migrate(file, schema_target, state="preloaded", orphans="leave_out")
    assert (ahead["quarantine_file"], bool(ahead["removed"])) == (None, True)
    before = digest(source.path)
    moved = migrate(source.path, schema_target, snapshot=str(file), orphans="leave_out")
    assert (moved["road"], digest(source.path)) == ("differences", before)
    copy = Path(shutil.copy(source.path, tmp_path / "copy.db"))
    cleaned = run_module("webui_orphan_clean", {"path": str(copy), "quarantine": str(tmp_path / "cleaned")})
    assert (moved["removed"], moved["nulled"]) == (cleaned["removed"], cleaned["nulled"])
    assert Path(moved["quarantine_file"]).read_text() == Path(cleaned["quarantine_file"]).read_text()
    restored = run_module("webui_orphan_clean", {"path": str(copy), "state": "restored", "quarantine_file": moved["quarantine_file"]})
    assert restored["changed"]


def test_orphans_are_refused_as_ever_where_nothing_else_is_said(migrate, source, ahead, schema_target):
    source.execute("DELETE FROM file")
    before = content(schema_target)
    assert kinds(migrate(source.path, schema_target, snapshot=str(ahead))) == {"orphan"}
    assert content(schema_target) == before


def test_values_that_were_repaired_ahead(migrate, source, snapshot, schema_target, pg18):
    source.add_chat("n", title="a\0b", chat='{"x": NaN}')
    file = snapshot(source)
    assert migrate(file, schema_target, state="preloaded")["repairs"]["total"] == 2
    source.execute("UPDATE chat SET pinned = 1 WHERE id = 'n'")
    moved = migrate(source.path, schema_target, snapshot=str(file))
    assert (moved["road"], moved["repairs"]["total"]) == ("differences", 2)
    demand_same_as_a_full_load(migrate, source, schema_target, pg18.create_open_webui_database())


def test_a_value_that_cannot_be_moved_is_named_as_by_a_full_load(migrate, source, ahead, schema_target):
    source.add_chat("bad", chat="{'no': json}")
    before = content(schema_target)
    answer = migrate(source.path, schema_target, snapshot=str(ahead))
    assert kinds(answer) == {"value"}
    assert answer["problems"][0]["key"] == "bad"
    assert content(schema_target) == before


# Killed, and two at once


def wait_for_the_gate(target, process) -> None:
    with target.admin(autocommit=True) as connection:
        while not connection.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchall():
            assert process.process.poll() is None, "it ended before it came to the gate"
            time.sleep(0.05)


def wait_for_nobody(target) -> None:
    """The server finds out about the end of a client by itself."""
    with target.admin(autocommit=True) as connection:
        while connection.execute("SELECT 1 FROM pg_stat_activity WHERE application_name = 'openwebui.postgres'").fetchall():
            time.sleep(0.05)


@pytest.mark.parametrize("how", ["killed", "cut"])
@pytest.mark.parametrize("phase", ["ahead", "differences"])
def test_killed_in_the_middle_the_next_run_goes_on(run_module, migrate, source, snapshot, schema_target, pg18, phase, how):
    run_on(schema_target, GATE)
    empty = content(schema_target)
    file = snapshot(source)
    if phase == "differences":
        assert migrate(file, schema_target, state="preloaded")["changed"]
    source.add_chat("gate")
    latest = file if phase == "differences" else snapshot(source)
    before = content(schema_target)
    ahead = {"path": str(latest), "state": "preloaded"}
    move = {"path": str(source.path), "snapshot": str(file)}
    with schema_target.admin(autocommit=True) as keeper:
        keeper.execute("SELECT pg_advisory_lock(1)")
        process = run_module.start("webui_pg_migrate", {**(move if phase == "differences" else ahead), **schema_target.options})
        wait_for_the_gate(schema_target, process)
        assert kinds(migrate(source.path, schema_target)) == {"busy"}
        if how == "killed":
            process.kill()
        keeper.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'openwebui.postgres'")
    if how == "cut":
        assert kinds(process.result(60)) <= {"connection", "server"}
    wait_for_nobody(schema_target)
    assert content(schema_target) == before
    if phase == "ahead":
        assert before == empty
        assert migrate(latest, schema_target, state="preloaded")["changed"]
        source.add_chat("after")
    moved = migrate(source.path, schema_target, snapshot=str(latest))
    assert moved.get("road") == "differences", moved
    other = pg18.create_open_webui_database()
    run_on(other, GATE)
    demand_same_as_a_full_load(migrate, source, schema_target, other)


def test_a_snapshot_in_use_and_one_that_tells_nothing_of_itself(migrate, source, ahead, schema_target, tmp_path):
    bare = shutil.copy(ahead, tmp_path / "bare.db")
    answer = migrate(bare, schema_target, state="preloaded")
    assert "no manifest of webui_sqlite_backup" in answer["msg"]
