# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A webui.db behind links: the log that SQLite itself uses is the one that is read, or the file is refused."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Callable

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move.check import examine
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.backup import back_up
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import look, open_source
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.location import locate
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.orphans import clean
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.restore import restore

INSERT = "db.execute(\"INSERT INTO user VALUES ('log', 'in the log')\")"


def users(path: str, live: bool = False) -> list[bytes]:
    with open_source(path, live) as source:
        return [row[0] for row in source.query("SELECT id FROM user")]


def plain(real: str, links: Path) -> str:
    path = links / "webui.db"
    path.symlink_to(real)
    return str(path)


def relative(real: str, links: Path) -> str:
    path = links / "webui.db"
    path.symlink_to(os.path.relpath(real, links))
    return str(path)


def chain(real: str, links: Path) -> str:
    other = links / "other"
    other.mkdir()
    (other / "second.db").symlink_to(real)
    (links / "webui.db").symlink_to("other/second.db")
    return str(links / "webui.db")


def folder(real: str, links: Path) -> str:
    (links / "data").symlink_to(os.path.dirname(real))
    return str(links / "data" / "webui.db")


def folder_and_back(real: str, links: Path) -> str:
    """A path whose text, shortened, would name another file."""
    deep = Path(real).parent / "deep"
    deep.mkdir()
    (links / "deep").symlink_to(deep)
    (links / "webui.db").write_bytes(b"")
    return f"{links}/deep/../webui.db"


def other_name(real: str, links: Path) -> str:
    renamed = Path(real).with_name("data of 2023.sqlite")
    os.rename(real, renamed)
    (links / "webui.db").symlink_to(renamed)
    return str(links / "webui.db")


@pytest.fixture(params=[plain, relative, chain, folder, folder_and_back, other_name])
def link(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    def make(real: str) -> str:
        links = tmp_path / "links"
        links.mkdir()
        return request.param(real, links)

    return make


@pytest.mark.parametrize("live", [False, True])
def test_rows_in_the_log_of_a_killed_writer(make_source, start_writer, link, live):
    """Open WebUI leaves its log behind at SIGTERM, too."""
    path = link(make_source(journal_mode="wal"))
    start_writer(path, INSERT).kill()
    real = os.path.realpath(path)
    assert users(path, live) == [b"log"]
    state = look(path)
    assert state.wal_size == os.path.getsize(f"{real}-wal") > 0
    assert (state.location.real, state.location.wal) == (real, f"{real}-wal")


def test_rows_in_the_log_without_its_index(make_source, start_writer, link):
    path = link(make_source(journal_mode="wal"))
    start_writer(path, INSERT).kill()
    os.unlink(f"{os.path.realpath(path)}-shm")
    assert users(path) == [b"log"]


def test_rows_in_the_log_of_a_running_writer(make_source, start_writer, link):
    path = link(make_source(journal_mode="wal"))
    start_writer(path, INSERT)
    report, _failures = examine(path, ["integrity"], [])
    assert report["wal_bytes"] > 0
    assert report["in_use"]
    assert (report["real_path"], report["log_path"]) == (os.path.realpath(path), f"{os.path.realpath(path)}-wal")
    assert {"name": "user", "rows": 1} in report["tables"]


def test_a_hot_journal(make_source, start_writer, link):
    path = link(make_source("INSERT INTO user VALUES ('u1', 'Ada')"))
    code = (
        "db.execute('PRAGMA synchronous = OFF'); db.execute('PRAGMA cache_size = 1'); "
        "db.execute('BEGIN'); db.execute('DELETE FROM user'); "
        "db.executemany('INSERT INTO chat VALUES (?, ?, ?)', ((str(i), 'u', 'x' * 9000) for i in range(99)))"
    )
    start_writer(path, code).kill()
    assert look(path).hot_journal
    assert users(path) == [b"u1"]


def test_a_write_to_the_log_is_a_change(make_source, start_writer, link):
    path = link(make_source(journal_mode="wal"))
    start_writer(path)
    before = look(path)
    with open_source(path) as source, closing(sqlite3.connect(path)) as connection:
        assert not source.changed()
        connection.execute("INSERT INTO user VALUES ('u1', 'Ada')")
        connection.commit()
        assert source.changed()
    assert look(path).fingerprint != before.fingerprint


def test_a_backup_holds_the_log(make_source, start_writer, link, tmp_path):
    path = link(make_source(journal_mode="wal"))
    start_writer(path, INSERT).kill()
    answer = back_up(path, str(tmp_path / "backups"), 3, check=False)
    assert users(answer["backup_file"]) == [b"log"]
    assert answer["real_path"] == os.path.realpath(path)
    again = back_up(os.path.realpath(path), str(tmp_path / "backups"), 3, check=False)
    assert (again["changed"], again["backup_file"]) == (False, answer["backup_file"])


def test_a_link_is_still_one_after_orphans_went_and_came_back(make_source, link, tmp_path):
    table = "CREATE TABLE file (id TEXT PRIMARY KEY, user_id TEXT REFERENCES user (id))"
    path = link(make_source(table, "INSERT INTO file VALUES ('f', 'gone')"))
    real = os.path.realpath(path)
    inode = os.stat(real).st_ino
    cleaned = clean(path, None, str(tmp_path / "quarantine"), check=False)
    assert cleaned["changed"]
    assert restore(path, cleaned["quarantine_file"], check=False)["changed"]
    assert (os.path.realpath(path), os.stat(real).st_ino) == (real, inode)


def test_a_link_to_nothing(tmp_path):
    (tmp_path / "webui.db").symlink_to("/mnt/not-mounted/webui.db")
    with pytest.raises(Refused, match=r"webui\.db: is a symbolic link to /mnt/not-mounted/webui\.db, which is not there; mount what"):
        look(str(tmp_path / "webui.db"))


def test_a_folder_that_is_a_link_to_nothing(tmp_path):
    (tmp_path / "data").symlink_to("/mnt/not-mounted")
    with pytest.raises(Refused, match=r"data/webui\.db: is a symbolic link to /mnt/not-mounted/webui\.db, which is not there"):
        look(str(tmp_path / "data" / "webui.db"))


def test_links_in_a_circle(tmp_path):
    (tmp_path / "webui.db").symlink_to("other.db")
    (tmp_path / "other.db").symlink_to("webui.db")
    with pytest.raises(Refused, match=r"webui\.db: is a symbolic link that leads round in a circle; make it lead to the file"):
        look(str(tmp_path / "webui.db"))


def test_a_link_to_a_folder(tmp_path):
    (tmp_path / "webui.db").symlink_to(tmp_path)
    with pytest.raises(Refused, match="is a folder; name the file in it"):
        look(str(tmp_path / "webui.db"))


# -- hard links -----------------------------------------------------------------------------------------------------------------


def test_a_name_in_another_folder(make_source, start_writer, tmp_path):
    path = make_source(journal_mode="wal")
    other = tmp_path / "other.db"
    os.link(path, other)
    start_writer(str(other), INSERT).kill()
    with pytest.raises(Refused, match=r"the file has 2 names \(hard links\), and SQLite keeps its log beside the one by which"):
        look(path)


def test_a_name_beside_it_with_a_log(make_source, start_writer):
    path = make_source(journal_mode="wal")
    other = Path(path).with_name("other.db")
    os.link(path, other)
    start_writer(str(other), INSERT).kill()
    with pytest.raises(Refused, match=rf"{other}-wal is such a log"):
        look(path)
    # Of the other, all is known.
    assert users(str(other)) == [b"log"]


def test_a_name_beside_it_with_nothing_pending(make_source, start_writer):
    path = make_source(journal_mode="wal")
    os.link(path, Path(path).with_name("other.db"))
    start_writer(path, INSERT).kill()
    assert users(path) == [b"log"]


def test_where_it_lies(make_source, link):
    path = make_source()
    assert str(locate(path)) == path
    path = link(path)
    assert str(locate(path)) == f"{path} (a link to {os.path.realpath(path)})"
    assert locate(path).identity == locate(os.path.realpath(path)).identity
