# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an environment means to Open WebUI, for all runtimes alike. tests/integration/test_settings.py asks Open WebUI itself."""

from __future__ import annotations

import json
import os
import shlex
from urllib.parse import quote

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import (
    assignments,
    data_dir,
    database_of,
    masked,
    other_file,
    same_file,
    secrets_in,
)


def test_an_empty_data_dir_is_where_it_is_started():
    """Path("") is the current folder, and the variable is set."""
    assert data_dir({"DATA_DIR": ""}) == "/app/backend"
    assert database_of({"DATA_DIR": ""}).where == "/app/backend/webui.db"


@pytest.mark.parametrize(
    ("variables", "kind", "where", "set_by"),
    [
        ({}, "sqlite", "/app/backend/data/webui.db", []),
        ({"DATABASE_URL": ""}, "sqlite", "/app/backend/data/webui.db", []),
        ({"DATA_DIR": "/d"}, "sqlite", "/d/webui.db", []),
        ({"DATABASE_URL": "sqlite:////d/my.db?mode=rw"}, "sqlite", "/d/my.db", ["DATABASE_URL"]),
        ({"DATABASE_URL": "sqlite:///data/my.db"}, "sqlite", "/app/backend/data/my.db", ["DATABASE_URL"]),
        ({"DATABASE_URL": "sqlite://"}, "sqlite", "", ["DATABASE_URL"]),
        ({"DATABASE_URL": "sqlite:///"}, "sqlite", "", ["DATABASE_URL"]),
        ({"DATABASE_URL": "sqlite:///:memory:"}, "sqlite", "", ["DATABASE_URL"]),
        ({"DATABASE_URL": "sqlite+pysqlite:////d/my.db"}, "sqlite", "/d/my.db", ["DATABASE_URL"]),
        # A path is not decoded, a URI for SQLite is.
        ({"DATABASE_URL": "sqlite:////d/my%20own.db"}, "sqlite", "/d/my%20own.db", ["DATABASE_URL"]),
        ({"DATABASE_URL": "sqlite:///file:/d/my%20own.db?uri=true"}, "sqlite", "/d/my own.db", ["DATABASE_URL"]),
        ({"DATABASE_URL": "sqlite:///file:///d/my.db?mode=rwc&uri=true"}, "sqlite", "/d/my.db", ["DATABASE_URL"]),
        ({"DATABASE_URL": "sqlite:///file://localhost/d/my.db?uri=1"}, "sqlite", "/d/my.db", ["DATABASE_URL"]),
        ({"DATABASE_URL": "sqlite:///file:x?mode=memory&uri=true"}, "sqlite", "", ["DATABASE_URL"]),
        ({"DATABASE_URL": "sqlite:///file:/d/my.db"}, "sqlite", "/app/backend/file:/d/my.db", ["DATABASE_URL"]),
        ({"DATABASE_URL": "sqlite:////d/./a/../my.db"}, "sqlite", "/d/my.db", ["DATABASE_URL"]),
        ({"DATABASE_URL": "sqlite://host/my.db"}, "other", "host:5432/my.db", ["DATABASE_URL"]),
        ({"DATABASE_URL": "sqlite+sqlcipher:////d/my.db"}, "other", "/d/my.db", ["DATABASE_URL"]),
        ({"DATABASE_TYPE": "sqlite+sqlcipher"}, "other", "/app/backend/data/webui.db", ["DATABASE_TYPE"]),
        ({"DATABASE_URL": "postgresql://u:p@h:6543/n"}, "postgresql", "h:6543/n", ["DATABASE_URL"]),
        ({"DATABASE_URL": "postgres://u:p@h/n?sslmode=require"}, "postgresql", "h:5432/n", ["DATABASE_URL"]),
        ({"DATABASE_URL": "postgresql+psycopg2://u:p%40%2F@h:5432/my%20db"}, "postgresql", "h:5432/my%20db", ["DATABASE_URL"]),
        ({"DATABASE_URL": "postgresql://u:p/a#s?s@h:1/n"}, "postgresql", "h:1/n", ["DATABASE_URL"]),
        ({"DATABASE_URL": "postgresql://u:p@[::1]:1/n"}, "postgresql", "[::1]:1/n", ["DATABASE_URL"]),
        ({"DATABASE_URL": "postgresql://u:p@/n?host=/run/pg&port=2"}, "postgresql", "/run/pg:2/n", ["DATABASE_URL"]),
        ({"DATABASE_URL": "postgresql://u@h"}, "postgresql", "h:5432/u", ["DATABASE_URL"]),
        ({"DATABASE_URL": "postgresql+psycopg://u:p@h/n"}, "postgresql", "h:5432/n", ["DATABASE_URL"]),
        ({"DATABASE_URL": "postgresql://u:p@h:1/n?host=other&port=2"}, "postgresql", "other:2/n", ["DATABASE_URL"]),
        ({"DATABASE_URL": "postgresql:///n", "PGHOST": "h", "PGPORT": "2"}, "postgresql", "h:2/n", ["DATABASE_URL"]),
        ({"DATABASE_URL": "mysql://u:p@h:3306/n"}, "other", "h:3306/n", ["DATABASE_URL"]),
        ({"DATABASE_URL": "no url, with t0psecret"}, "other", "", ["DATABASE_URL"]),
    ],
)
def test_database(variables, kind, where, set_by):
    assert database_of(variables) == (kind, where, set_by)


PARTS = {
    "DATABASE_TYPE": "postgresql",
    "DATABASE_USER": "u",
    "DATABASE_PASSWORD": "p@/:x",
    "DATABASE_HOST": "h",
    "DATABASE_PORT": "1",
    "DATABASE_NAME": "n",
}


def test_single_settings_override_the_url():
    assert database_of({**PARTS, "DATABASE_URL": "sqlite:////d/x.db"}) == ("postgresql", "h:1/n", list(PARTS))


@pytest.mark.parametrize("name", list(PARTS))
def test_unless_one_is_missing(name):
    others = {**PARTS, name: ""}
    expected = "postgresql" if name in ("DATABASE_USER", "DATABASE_PASSWORD") else "sqlite"
    assert database_of(others).kind == expected
    assert name not in database_of(others).set_by


def test_all_single_settings_but_a_password_are_enough():
    """The trust of the server, or a file of passwords, may do without."""
    without = {name: value for name, value in PARTS.items() if name != "DATABASE_PASSWORD"}
    assert database_of(without) == ("postgresql", "h:1/n", list(without))


def test_single_settings_cannot_name_a_file():
    assert database_of({**PARTS, "DATABASE_TYPE": "sqlite"}).kind == "other"


@pytest.mark.parametrize(
    ("variables", "folder", "data", "where"),
    [
        ({"DATABASE_URL": "sqlite:///x.db"}, "/srv/chat", "/srv/data", "/srv/chat/x.db"),
        ({"DATABASE_URL": "sqlite:///x.db"}, "", "/srv/data", "x.db"),
        ({"DATABASE_URL": "sqlite:///./a/../x.db"}, "", None, "x.db"),
        ({}, "", "/srv/data", "/srv/data/webui.db"),
        ({"DATA_DIR": "data"}, "/srv/chat", None, "/srv/chat/data/webui.db"),
        ({"DATA_DIR": "data"}, "", None, "data/webui.db"),
    ],
)
def test_a_relative_path_is_relative_to_where_it_is_started(variables, folder, data, where):
    assert database_of(variables, folder, data).where == where


# -- the file that is moved -----------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """Two files of the same name, in use and old."""
    for name in ("used", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "webui.db").write_text(name)
    return tmp_path / "used" / "webui.db", tmp_path / "old" / "webui.db"


def test_the_same_name_in_another_folder_is_another_file(files):
    used, old = files
    assert other_file(str(used), str(used)) == []
    [finding] = other_file(str(used), str(old))
    assert finding.startswith(f"Open WebUI uses {used}, but webui_sqlite_path is {old}. Set webui_sqlite_path to the file in use")


def test_a_link_is_the_file_that_it_leads_to(files, tmp_path):
    used, old = files
    (tmp_path / "link.db").symlink_to(used)
    (tmp_path / "folder").symlink_to(used.parent)
    for path in (tmp_path / "link.db", tmp_path / "folder" / "webui.db", tmp_path / "old" / ".." / "used" / "webui.db"):
        assert same_file(str(path), str(used))
        assert not same_file(str(path), str(old))


def test_another_name_in_the_same_folder_is_another_file(files):
    used, _old = files
    other = used.with_name("chat.db")
    other.write_text("another")
    assert len(other_file(str(used), str(other))) == 1


def test_a_second_hard_link_has_a_log_of_its_own(files, tmp_path):
    used, _old = files
    os.link(used, tmp_path / "webui.db")
    assert not same_file(str(tmp_path / "webui.db"), str(used))


def test_a_file_that_is_not_there_is_none_other(files, tmp_path):
    used, _old = files
    assert same_file(f"{tmp_path}/none/webui.db", f"{tmp_path}/old/../none/webui.db")
    assert len(other_file(f"{tmp_path}/none/webui.db", str(used))) == 1


def test_what_cannot_be_seen_is_not_guessed(open_folder, as_nobody):
    for name in ("one", "two"):
        (open_folder / name).mkdir()
        (open_folder / name / "webui.db").touch()
    (open_folder / "one").chmod(0)
    with as_nobody():
        findings = other_file(f"{open_folder}/one/webui.db", f"{open_folder}/two/webui.db")
    (open_folder / "one").chmod(0o700)
    assert len(findings) == 1


# -- env files ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\nexport B=2\n\tC = 3 \r\n", [("A", "1"), ("B", "2"), ("C", "3")]),
        ("A=1\nA=2", [("A", "1"), ("A", "2")]),
        ("# A=1\n#A=2\n", []),
        # Systemd alone joins a comment with the next line.
        ("# a path: C:\\\nA=1\n", [("A", "1")]),
        ('A=one # two\nB=#1\nC="a # b" # c\nD=a#b', [("A", "one"), ("B", "#1"), ("C", "a # b"), ("D", "a#b")]),
        ('A=\'s $x \\ "\'\nB="a \\" \\$ \\\\"', [("A", 's $x \\ "'), ("B", 'a " $ \\')]),
        ("A='one\nB=2'\nC=3", [("A", "one\nB=2"), ("C", "3")]),
        ("A=a\\\nb\n", [("A", "ab")]),
        ("A=/srv\nB=$A/x\nC=\"${A}/y\"\nD='$A'\nE=$NONE", [("A", "/srv"), ("B", "/srv/x"), ("C", "/srv/y"), ("D", "$A"), ("E", "$NONE")]),
        ("A=one; export A\nB=a;b\nC='d;' ;\n", [("A", "one"), ("B", "a;b"), ("C", "d;")]),
        ("A=it's\nB=2\n", [("A", "it"), ("B", "2")]),
        ("\ufeffA=1\n", [("A", "1")]),
        ("A=\n=x\n1A=2\nA", [("A", "")]),
    ],
)
def test_env_files_are_read_as_a_shell_does(text, values):
    assert [(found.name, found.value) for found in assignments(text)] == values


# -- secrets --------------------------------------------------------------------------------------------------------------------


def test_a_secret_that_is_part_of_another():
    hidden = secrets_in({"A_KEY": "abcdef", "B_KEY": "abcdefghi"}, [])
    assert masked("abcdefghi abcdef", hidden) == "******** ********"


PASSWORD = "p@ss/w:rd %41#?'\"\\ $HOME ~`é"


@pytest.mark.parametrize(
    "form",
    [
        PASSWORD,
        quote(PASSWORD, safe=""),
        quote(PASSWORD),
        quote(PASSWORD, safe=" +"),
        json.dumps(PASSWORD),
        json.dumps(PASSWORD, ensure_ascii=False),
        repr(PASSWORD),
        shlex.quote(PASSWORD),
        "password='" + PASSWORD.replace("\\", "\\\\").replace("'", "\\'") + "'",
        "PASSWORD '" + PASSWORD.replace("'", "''") + "'",
    ],
)
def test_a_password_is_masked_in_every_form(form):
    for env in ({"DATABASE_URL": f"postgresql://u:{quote(PASSWORD, safe='')}@h/n"}, {"DATABASE_PASSWORD": PASSWORD}):
        assert masked(f"before {form} behind", secrets_in(env, [])).replace("********", "") in (
            "before  behind",
            "before '' behind",
            'before "" behind',
            "before password='' behind",
            "before PASSWORD '' behind",
        )


def test_a_password_is_one_whatever_it_looks_like():
    hidden = secrets_in({"DATABASE_URL": "postgresql://u:12345@h/n", "MAX_TOKENS": "300"}, [])
    assert masked("12345 300", hidden) == "******** 300"
    assert masked("true", secrets_in({"DATABASE_PASSWORD": "true"}, [])) == "********"
