# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An env file there and back: one write each, to the byte, whatever is in it and whatever was changed meanwhile."""

from __future__ import annotations

import errno
import json
import os
import stat
import tempfile

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._instance import env_file as _env_file
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.env_file import (
    AS_IT_IS,
    Owner,
    beside,
    finalized,
    look,
    restored,
    secrets_of,
    switched,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import PARTS

URL = "postgresql://u:p%40ss-1@db:5432/chat"
ENV = {"DATABASE_URL": URL, "DATABASE_POOL_SIZE": "15"}
REMOVE = [*PARTS, "DATABASE_SCHEMA"]
PURPOSE = b"# Puts Open WebUI on PostgreSQL. The way back removes this block and uncomments the lines set aside below.\n"
BLOCK = PURPOSE + b"DATABASE_URL=postgresql://u:p%40ss-1@db:5432/chat\nDATABASE_POOL_SIZE=15\n# END openwebui.postgres\n"


@pytest.fixture
def env_file(tmp_path):
    """env_file(b"…", mode) -> the path of an env file with that content; None for none"""

    def make(content, mode=0o600):
        path = tmp_path / "webui.env"
        if content is not None:
            path.write_bytes(content)
            path.chmod(mode)
        return path

    return make


def put(path, check=False, env=None, owner=AS_IT_IS):
    return switched(str(path), ENV if env is None else env, REMOVE, owner, check)


def back(path, check=False):
    return restored(str(path), AS_IT_IS, check)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# -- looking --------------------------------------------------------------------------------------------------------------------


def test_all_single_settings_but_a_password_put_it_on_postgresql(env_file):
    """Roles that parsed the file by themselves took this for SQLite, where Open WebUI does not."""
    path = env_file(b"DATABASE_TYPE=postgresql\nDATABASE_USER=u\nDATABASE_HOST=db\nDATABASE_PORT=5432\nDATABASE_NAME=chat\n")
    found = look(str(path), "/srv/data", "/srv/data/webui.db", ENV)
    assert found["database"] == {
        "kind": "postgresql",
        "where": "db:5432/chat",
        "set_by": ["DATABASE_TYPE", "DATABASE_USER", "DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME"],
        "on_target": True,
    }


@pytest.mark.parametrize(
    ("content", "kind", "where"),
    [
        (b"", "sqlite", "/srv/data/webui.db"),
        (None, "sqlite", "/srv/data/webui.db"),
        (b"DATA_DIR=/srv/other\n", "sqlite", "/srv/other/webui.db"),
        (b"DATABASE_URL=sqlite:////elsewhere/webui.db\n", "sqlite", "/elsewhere/webui.db"),
        (b"export DATABASE_URL='sqlite:////elsewhere/my own.db' # ours\r\n", "sqlite", "/elsewhere/my own.db"),
        (b'DATABASE_URL="sqlite:////old.db"\nDATABASE_URL=sqlite+pysqlite:////new.db?timeout=5', "sqlite", "/new.db"),
        (b"D=/srv/d\nDATABASE_URL=sqlite:///${D}/chat.db\n", "sqlite", "/srv/d/chat.db"),
        (b"DATA_DIR=./data\n", "sqlite", "/srv/data/webui.db"),
        (b"#DATABASE_URL=postgresql://u@h/n\nXDATABASE_URL=postgresql://u@h/n\n", "sqlite", "/srv/data/webui.db"),
        (b"DATABASE_URL=postgres://u:p@h/n?sslmode=require\n", "postgresql", "h:5432/n"),
        (b"DATABASE_TYPE=postgresql\nDATABASE_USER=u\nDATABASE_HOST=\nDATABASE_PORT=1\nDATABASE_NAME=n\n", "sqlite", "/srv/data/webui.db"),
        (b"DATABASE_URL=sqlite+sqlcipher:////srv/x.db\n", "other", "/srv/x.db"),
        (b"NAME=\xff\xfe\nDATABASE_URL=postgresql://u@h/n\n", "postgresql", "h:5432/n"),
    ],
)
def test_which_database_it_names(env_file, content, kind, where):
    found = look(str(env_file(content)), "/srv/data")
    assert (found["database"]["kind"], found["database"]["where"]) == (kind, where)
    assert found["sqlite_path"] == (where if kind == "sqlite" else "/srv/data/webui.db")
    assert (found["exists"], found["switched"]) == (content is not None, False)
    assert not found["database"]["on_target"]


def test_once_it_is_switched_the_file_from_before_is_still_told(env_file):
    path = env_file(b"DATABASE_URL=sqlite:////elsewhere/webui.db\n")
    put(path)
    found = look(str(path), "/srv/data", "", ENV)
    assert found["database"]["on_target"]
    assert (found["switched"], found["no_way_back"], found["sqlite_path"]) == (True, [], "/elsewhere/webui.db")


def test_an_old_file_of_the_same_name_is_refused_with_both_named(env_file, tmp_path):
    for name in ("data", "elsewhere"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "webui.db").touch()
    path = env_file(f"DATABASE_URL=sqlite:///{tmp_path}/elsewhere/webui.db\n".encode())
    used, old = f"{tmp_path}/elsewhere/webui.db", f"{tmp_path}/data/webui.db"
    assert look(str(path), f"{tmp_path}/data", used)["findings"] == []
    [finding] = look(str(path), f"{tmp_path}/data", old)["findings"]
    assert finding.startswith(f"Open WebUI uses {used}, but webui_sqlite_path is {old}.")


@pytest.mark.parametrize(
    ("content", "chosen", "finding"),
    [
        (b"DATABASE_URL=sqlite:///data/my.db\n", "/srv/data/webui.db", "DATABASE_URL in {path} comes to data/my.db, and which"),
        (b"DATABASE_URL=sqlite:///webui.db\n", "/srv/data/webui.db", "DATABASE_URL in {path} comes to webui.db, and which file that is"),
        (b"DATABASE_URL=sqlite:///my.db\n", "/srv/data/my.db", ""),
        (b"DATABASE_URL=sqlite:///../my.db\n", "/srv/my.db", ""),
        (b"DATA_DIR=other\n", "/srv/data/webui.db", "DATA_DIR in {path} comes to other/webui.db, and which file that is"),
        (b"DATABASE_URL=sqlite:///$HERE/my.db\n", "/srv/data/my.db", "DATABASE_URL in {path} comes to $HERE/my.db, and which file that is"),
        (b"DATABASE_URL=sqlite://\n", "/srv/data/webui.db", "DATABASE_URL in {path} has Open WebUI keep its database in memory"),
    ],
)
def test_a_file_that_cannot_be_told_is_not_guessed(env_file, content, chosen, finding):
    path = env_file(content)
    found = look(str(path), "/srv/data", chosen)
    assert [text.startswith(finding.format(path=path)) for text in found["findings"]] == ([True] if finding else [])
    assert found["sqlite_path"] == ""


def test_a_path_in_a_container_is_left_to_the_operator(env_file, tmp_path):
    """The operator's own commands may start one, with the data folder mounted where this host has nothing."""
    path = env_file(b"DATABASE_URL=sqlite:////app/backend/data/webui.db\n")
    (tmp_path / "webui.db").touch()
    assert look(str(path), str(tmp_path), f"{tmp_path}/webui.db")["findings"] == []
    assert len(look(str(path), str(tmp_path), f"{tmp_path}/other.db")["findings"]) == 1


def test_what_cannot_be_read_or_replaced(env_file, tmp_path, open_folder, as_nobody):
    path = open_folder / "webui.env"
    path.write_text("A=1\n")
    path.chmod(0o600)
    with as_nobody(), pytest.raises(Refused) as caught:
        look(str(path))
    message = f"{path}: cannot be read (Permission denied); set ansible_become to true, or connect as a user who may"
    assert [problem.as_result() for problem in caught.value.problems] == [{"kind": "env_file", "message": message}]
    path.chmod(0o644)
    with as_nobody():
        [finding] = look(str(path))["cannot_write"]
    assert finding.startswith(f"{path} cannot be replaced by the user of the task (uid ")
    [finding] = look(f"{tmp_path}/none/webui.env")["cannot_write"]
    assert finding == f"There is no folder {tmp_path}/none for webui_env_file. Create it, or correct webui_env_file."


def test_a_file_that_is_mounted_by_itself_is_named_before_anything_is_done(env_file, tmp_path, monkeypatch):
    path = env_file(b"A=1\n")
    table = tmp_path / "mountinfo"
    # As the kernel writes what may be white space.
    point = str(path).replace("w", "\\167")
    table.write_text(f"24 1 8:1 / / rw - ext4 /dev/sda1 rw\n25 24 8:1 /srv/env {point} rw - ext4 /dev/sda1 rw\n")
    assert not _env_file._is_mount(str(path))
    assert _env_file._is_mount(str(path), str(table))
    monkeypatch.setattr(_env_file, "_is_mount", lambda path: True)
    [finding] = look(str(path))["cannot_write"]
    assert finding == f"{path} is a mount of its own and so cannot be replaced. Mount its folder instead."


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, word in (("", "is a folder"), ("pipe", "is no regular file")):
        with pytest.raises(Refused, match=word):
            look(str(tmp_path / name))


# -- there and back -------------------------------------------------------------------------------------------------------------

CONTENTS = [
    b"",
    b"\n",
    b"WEBUI_NAME=chat\n",
    b"WEBUI_NAME=chat",
    b"DATABASE_URL=sqlite:////srv/webui.db",
    b"DATABASE_URL=sqlite:////srv/webui.db\r\nA=1\r\n",
    b"  export  DATABASE_URL = 'sqlite:////srv/webui.db' # ours\n\n\n# end",
    b"DATABASE_URL=one\nDATABASE_URL=two\nDATABASE_TYPE=postgresql\nDATABASE_HOST=h\n",
    b"NAME=\xff\xfe\x80\nDATABASE_PASSWORD=\xe9\n",
    b"DATABASE_PASSWORD='two\n\nlines'\nKEY=\"a\nb\"\n",
    b"DATABASE_NAME=a\\\nb\nA=1\n",
    b"#openwebui.postgres# DATABASE_URL=left by somebody\nA=1\n",
    b"DATABASE_URL=a\n# DATABASE_URL=b\n#DATABASE_URL=c\nMY_DATABASE_URL=d\nDATABASE_URLS=e\n",
    b"\xef\xbb\xbfDATABASE_URL=a\n",
]


@pytest.mark.parametrize("content", CONTENTS)
def test_there_and_back_to_the_byte(env_file, content):
    path = env_file(content)
    assert put(path, check=True)["changed"]
    assert path.read_bytes() == content
    answer = put(path)
    assert answer["changed"]
    assert answer["switched"]
    assert answer["database"] == {"kind": "postgresql", "where": "db:5432/chat", "set_by": ["DATABASE_URL"]}
    assert path.read_bytes().startswith(b"# BEGIN openwebui.postgres\n" + BLOCK)
    assert not set(look(str(path))["database"]["set_by"]) & set(REMOVE)
    for check in (True, False):
        assert not put(path, check=check)["changed"]
    assert back(path, check=True)["changed"]
    assert back(path)["changed"]
    assert path.read_bytes() == content
    for check in (True, False):
        assert not back(path, check=check)["changed"]
    assert os.listdir(path.parent) == ["webui.env"]


def test_what_it_looks_like(env_file):
    """As it has been written since the first release, so that files of that release are understood and left alone."""
    path = env_file(b"WEBUI_NAME=chat\nDATABASE_URL=sqlite:////srv/webui.db\n")
    put(path)
    assert path.read_bytes() == (
        b"# BEGIN openwebui.postgres\n" + BLOCK + b"WEBUI_NAME=chat\n#openwebui.postgres# DATABASE_URL=sqlite:////srv/webui.db\n"
    )


def test_where_there_was_none_there_is_none_afterwards(env_file):
    path = env_file(None)
    assert put(path, check=True)["changed"]
    assert not path.exists()
    assert put(path)["changed"]
    assert path.read_bytes() == b"# BEGIN openwebui.postgres in a new file\n" + BLOCK
    assert mode(path) == 0o600
    assert not put(path)["changed"]
    assert back(path, check=True)["changed"]
    assert back(path)["changed"]
    assert not path.exists()
    assert not back(path)["changed"]


def test_what_was_written_meanwhile_stays(env_file):
    path = env_file(b"A=1\nDATABASE_URL=sqlite:////srv/webui.db\n")
    put(path)
    path.write_bytes(b"FIRST=1\n" + path.read_bytes().replace(b"A=1", b"A=2") + b"LAST=1\n")
    assert put(path)["changed"]
    assert path.read_bytes().startswith(b"# BEGIN")
    assert not put(path)["changed"]
    back(path)
    assert path.read_bytes() == b"FIRST=1\nA=2\nDATABASE_URL=sqlite:////srv/webui.db\nLAST=1\n"


def test_a_new_file_that_somebody_has_written_to_stays(env_file):
    path = env_file(None)
    put(path)
    path.write_bytes(path.read_bytes() + b"A=1\n")
    back(path)
    assert path.read_bytes() == b"A=1\n"


def test_a_line_behind_ours_would_win_and_so_is_set_aside(env_file):
    path = env_file(b"A=1\n")
    put(path)
    path.write_bytes(path.read_bytes() + b"DATABASE_URL=sqlite:////srv/webui.db\n")
    assert look(str(path))["database"]["kind"] == "sqlite"
    put(path)
    assert look(str(path))["database"]["kind"] == "postgresql"
    back(path)
    assert path.read_bytes() == b"A=1\nDATABASE_URL=sqlite:////srv/webui.db\n"


def test_other_settings_take_effect_and_the_way_back_stays(env_file):
    path = env_file(b"DATABASE_URL=sqlite:////srv/webui.db\n", 0o640)
    put(path)
    answer = put(path, env={**ENV, "DATABASE_POOL_SIZE": "7"})
    assert (answer["changed"], answer["changed_settings"]) == (True, ["DATABASE_POOL_SIZE"])
    back(path)
    assert path.read_bytes() == b"DATABASE_URL=sqlite:////srv/webui.db\n"
    assert mode(path) == 0o640


def test_a_file_that_an_editor_of_windows_has_saved(env_file):
    path = env_file(b"A=1\nDATABASE_URL=sqlite:////srv/webui.db\n")
    put(path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    back(path)
    assert path.read_bytes() == b"A=1\r\nDATABASE_URL=sqlite:////srv/webui.db\r\n"


def test_one_that_says_so_by_itself_is_left_alone(env_file):
    content = f'export DATABASE_URL="{URL}"\nDATABASE_POOL_SIZE=15\nDATABASE_SCHEMA=\n'.encode()
    path = env_file(content, 0o640)
    assert not put(path)["changed"]
    assert not back(path)["changed"]
    assert (path.read_bytes(), mode(path)) == (content, 0o640)
    found = look(str(path), "/srv/data", "", ENV)
    assert found["database"]["on_target"]
    assert found["no_way_back"][0].startswith(f"Nothing in {path} leads back to SQLite: it was not put on PostgreSQL by this collection")


def test_finalized(env_file):
    path = env_file(b"A=1\r\nDATABASE_URL=sqlite:////srv/webui.db\nB=2")
    assert not finalized(str(path), False)["changed"]
    put(path)
    assert finalized(str(path), True)["changed"]
    assert look(str(path))["switched"]
    assert finalized(str(path), False)["changed"]
    assert path.read_bytes() == f"DATABASE_URL={URL}\nDATABASE_POOL_SIZE=15\nA=1\r\nB=2".encode()
    assert not finalized(str(path), False)["changed"]
    assert not put(path)["changed"]
    assert not back(path)["changed"]


# -- who may read it ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0o600, 0o640, 0o644, 0o400])
def test_nobody_else_may_read_it_and_afterwards_whoever_could_before(env_file, before):
    path = env_file(b"A=1\n", before)
    answer = put(path)
    assert mode(path) == 0o600
    assert (answer["diff"]["before"]["mode"], answer["diff"]["after"]["mode"]) == (f"0{before:o}", "0600")
    back(path)
    assert mode(path) == before


def test_a_mode_that_somebody_has_changed_is_put_right(env_file):
    path = env_file(b"A=1\n")
    put(path)
    path.chmod(0o644)
    assert put(path, check=True)["changed"]
    assert mode(path) == 0o644
    assert put(path)["changed"]
    assert mode(path) == 0o600


def test_owner_and_group_stay_or_are_as_asked_for(env_file):
    # Only root can give a file away; for anybody else it is his own all along.
    root = os.geteuid() == 0
    first, second, third = ((65534, 1), (1, 2), (3, 4)) if root else [(os.getuid(), os.getgid())] * 3
    path = env_file(b"A=1\n")

    def whose():
        return os.stat(path).st_uid, os.stat(path).st_gid

    os.chown(path, *first)
    put(path)
    assert whose() == first
    assert put(path, owner=Owner(None, *second))["changed"] == root
    assert whose() == second
    assert not put(path, owner=Owner(None, *second))["changed"]
    back(path)
    put(path, owner=Owner(None, *third))
    assert whose() == third
    back(path)
    assert (whose(), mode(path)) == (second, 0o600)


def test_a_link_stays_a_link(env_file, tmp_path):
    real = env_file(b"DATABASE_URL=sqlite:////srv/webui.db\n")
    (tmp_path / "etc").mkdir()
    link = tmp_path / "etc" / "open-webui.env"
    link.symlink_to("../webui.env")
    assert put(link)["path"] == str(real)
    assert link.is_symlink()
    assert real.read_bytes().startswith(b"# BEGIN")
    back(link)
    assert (link.is_symlink(), real.read_bytes()) == (True, b"DATABASE_URL=sqlite:////srv/webui.db\n")
    real.unlink()
    put(link)
    assert real.exists()
    back(link)
    assert (link.is_symlink(), real.exists()) == (True, False)


# -- whatever happens -----------------------------------------------------------------------------------------------------------


def test_a_file_system_without_attributes(env_file, monkeypatch):
    path = env_file(b"A=1\n")

    def fail(*arguments):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "listxattr", fail)
    assert put(path)["changed"]


def test_attributes_are_kept(env_file, monkeypatch):
    path, kept = env_file(b"A=1\n"), {}
    monkeypatch.setattr(os, "listxattr", lambda path: ["security.selinux", "user.note"])
    monkeypatch.setattr(os, "getxattr", lambda path, name: f"{name} of {path}".encode())
    monkeypatch.setattr(os, "setxattr", lambda descriptor, name, value: kept.update({name: value}))
    put(path)
    assert kept == {name: f"{name} of {path}".encode() for name in ("security.selinux", "user.note")}


def test_one_that_cannot_be_written_is_one_line(env_file, monkeypatch):
    path = env_file(b"A=1\n")

    def fail(*arguments):
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(Refused) as caught:
        put(path)
    message = f"{path}: cannot be written (Device or resource busy); it is a mount of its own; mount its folder instead"
    assert str(caught.value) == message
    assert os.listdir(path.parent) == ["webui.env"]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", ["mkstemp", "fchmod", "fsync", "replace"])
@pytest.mark.parametrize("do", [put, back])
def test_killed_at_any_step_it_is_the_old_or_the_new_one(env_file, monkeypatch, do, step):
    content = b"A=1\nDATABASE_URL=sqlite:////srv/webui.db\n"
    path = env_file(content)
    put(path)
    new = path.read_bytes()
    if do is put:
        back(path)
    before = path.read_bytes()
    module = tempfile if step == "mkstemp" else os

    def die(*arguments, **named):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, step, die)
        # A kill runs no code that would clean up.
        patch.setattr(os, "unlink", lambda path: None)
        with pytest.raises(Killed):
            do(path)
    assert path.read_bytes() == before
    assert [mode(left) for left in path.parent.iterdir()] == [0o600] * len(os.listdir(path.parent))
    do(path)
    assert path.read_bytes() == (new if do is put else content)
    assert os.listdir(path.parent) == ["webui.env"]


def test_a_bootstrap_that_was_killed_leaves_nothing_for_long(env_file):
    path = env_file(b"A=1\n")
    path.with_name("webui.env.bootstrap").write_text(f"DATABASE_URL={URL}\n")
    put(path)
    assert os.listdir(path.parent) == ["webui.env"]


@pytest.mark.parametrize(
    "content",
    [
        b"# BEGIN openwebui.postgres\nDATABASE_URL=postgresql://u@h/n\n",
        b"A=1\n# END openwebui.postgres\n",
        b"# BEGIN openwebui.postgres\n# END openwebui.postgres\n# BEGIN openwebui.postgres in a new file\n# END openwebui.postgres\n",
    ],
)
def test_a_block_that_was_torn_apart_is_not_guessed_at(env_file, content):
    path = env_file(content)
    for do in (put, back, lambda path: look(str(path))):
        with pytest.raises(Refused, match="put right by hand what was changed there"):
            do(path)
    assert path.read_bytes() == content


def test_a_quote_that_hides_a_setting_is_named(env_file):
    path = env_file(b"A=1\nWEBUI_NAME=Bob's\nDATABASE_URL=sqlite:////x.db\nMOTTO=it's ours\n")
    for do in (put, lambda path: look(str(path))):
        with pytest.raises(Refused, match=r"a quote that begins in line 2 \(WEBUI_NAME\) reaches over the line that sets DATABASE_URL"):
            do(path)


def test_a_quote_does_not_stand_in_the_way_of_going_back(env_file):
    """One that was switched before such quotes were looked for."""
    rest = b"WEBUI_NAME=Bob's\n#openwebui.postgres# DATABASE_URL=sqlite:////x.db\nMOTTO=it's ours\n"
    path = env_file(b"# BEGIN openwebui.postgres\n" + BLOCK + rest)
    assert look(str(path), "/srv/data", "", ENV)["database"]["on_target"]
    back(path)
    assert path.read_bytes() == b"WEBUI_NAME=Bob's\nDATABASE_URL=sqlite:////x.db\nMOTTO=it's ours\n"


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"DATABASE_URL": "sqlite:////srv/x.db"}, "with these settings Open WebUI would not use PostgreSQL"),
        ({**ENV, "DATABASE_SCHEMA": "a\nB=1"}, "cannot hold DATABASE_SCHEMA"),
        ({**ENV, "A B": "1"}, "cannot hold A B"),
    ],
)
def test_settings_that_make_no_sense(env_file, env, message):
    path = env_file(b"A=1\n")
    with pytest.raises(Refused, match=message):
        put(path, env=env)
    assert path.read_bytes() == b"A=1\n"


def test_a_diff_has_no_secret(env_file):
    path = env_file(b"DATABASE_URL=postgresql://old:old-secret@h/n\nOPENAI_API_KEY=sk-secret\n# was DATABASE_PASSWORD=hunter22\n")
    answer = put(path)
    assert answer["diff"]["before"]["env"] == {"DATABASE_POOL_SIZE": "not set", "DATABASE_URL": "set"}
    assert answer["diff"]["after"]["env"] == {"DATABASE_POOL_SIZE": "set", "DATABASE_URL": "set to another value"}
    said = json.dumps([answer, look(str(path))])
    assert [secret for secret in ("old-secret", "sk-secret", "hunter22", "p%40ss-1", "p@ss-1") if secret in said] == []


def test_what_must_not_be_shown_of_it(env_file):
    path = env_file(b"OPENAI_API_KEY=first-key\nOPENAI_API_KEY=last-key\n#DATABASE_PASSWORD=hunter22\nDATABASE_PASSWORD=set-aside\n")
    put(path)
    assert {"first-key", "last-key", "hunter22", "set-aside", "p%40ss-1", "p@ss-1"} <= set(secrets_of(str(path), {}))


# -- the bootstrap --------------------------------------------------------------------------------------------------------------


def test_an_env_file_for_the_bootstrap(env_file):
    content = b"A=1\nDATABASE_URL=sqlite:////srv/webui.db\n"
    path = env_file(content, 0o640)
    with beside(str(path), ENV, REMOVE, AS_IT_IS) as other:
        assert other == f"{path}.bootstrap"
        assert mode(other) == 0o600
        found = look(other)
        assert found["database"]["where"] == "db:5432/chat"
        assert path.read_bytes() == content
    assert os.listdir(path.parent) == ["webui.env"]
    with pytest.raises(Killed), beside(str(path), ENV, REMOVE, AS_IT_IS):
        raise Killed
    assert os.listdir(path.parent) == ["webui.env"]


def test_a_link_that_leads_in_a_circle_is_no_matter_of_rights(tmp_path):
    path = tmp_path / "webui.env"
    path.symlink_to(path)
    with pytest.raises(Refused) as caught:
        look(str(path))
    assert str(caught.value) == f"{path}: cannot be read (Too many levels of symbolic links); correct webui_env_file"


def test_what_is_no_path_holds_no_secret():
    assert secrets_of("/srv/a\0b", {}) == []
