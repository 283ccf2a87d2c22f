# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""webui_secret_file as Ansible calls it: a secret comes into being once, privately and whole."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils import _secret_file
from ansible_collections.openwebui.postgres.plugins.modules.webui_secret_file import main


def mode(path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_makes_one_and_keeps_it(call_module, tmp_path):
    path = tmp_path / "superuser"
    assert call_module(main, {"path": str(path)}, check=True)["changed"]
    assert not path.exists()
    made = call_module(main, {"path": str(path)}, diff=True)
    secret = path.read_text()
    assert made["changed"]
    assert mode(path) == 0o600
    assert len(secret) == 41
    assert set(secret.rstrip("\n")) <= set(_secret_file.ALPHABET)
    assert secret.strip() not in json.dumps(made)
    for check in (True, False):
        assert not call_module(main, {"path": str(path)}, check=check)["changed"]
    assert path.read_text() == secret
    assert os.listdir(tmp_path) == ["superuser"]


def test_no_two_are_the_same(call_module, tmp_path):
    for name in ("one", "two"):
        call_module(main, {"path": str(tmp_path / name), "length": 64})
    assert (tmp_path / "one").read_text() != (tmp_path / "two").read_text()
    assert len((tmp_path / "one").read_text()) == 65


def test_a_file_that_others_can_read_is_closed_to_them(call_module, tmp_path):
    path = tmp_path / "superuser"
    path.write_text("chosen by hand\n")
    path.chmod(0o644)
    assert call_module(main, {"path": str(path)}, check=True)["changed"]
    assert mode(path) == 0o644
    assert call_module(main, {"path": str(path)})["changed"]
    assert mode(path) == 0o600
    assert path.read_text() == "chosen by hand\n"


def test_of_many_at_once_one_makes_it(tmp_path):
    path = tmp_path / "superuser"
    seen = []

    def provide(_number: int) -> None:
        _secret_file.provide(str(path), 40, False)
        seen.append(path.read_text())

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(provide, range(32)))
    assert len(seen) == 32
    assert len(set(seen)) == 1
    assert os.listdir(tmp_path) == ["superuser"]


def test_one_that_was_there_a_moment_earlier_wins(tmp_path, monkeypatch):
    path = tmp_path / "superuser"
    link = os.link

    def late(draft, target):
        path.write_text("the other run's\n")
        link(draft, target)

    monkeypatch.setattr(os, "link", late)
    assert _secret_file.provide(str(path), 40, False)
    assert path.read_text() == "the other run's\n"
    assert os.listdir(tmp_path) == ["superuser"]


@pytest.mark.parametrize("check", [True, False])
def test_an_empty_file_is_no_secret(call_module, tmp_path, check):
    path = tmp_path / "superuser"
    path.touch(mode=0o600)
    answer = call_module(main, {"path": str(path)}, check=check)
    assert answer["failed"]
    assert answer["msg"] == f"{path}: is empty; put the secret into it, or remove it if it is not in use yet"
    assert answer["problems"] == [{"kind": "secret", "message": answer["msg"]}]


def test_a_folder_or_a_link_is_no_secret(call_module, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("folder", "link"):
        answer = call_module(main, {"path": str(tmp_path / name)})
        assert answer["failed"]
        assert "is no regular file" in answer["msg"]


def test_its_folder_has_to_be_there(call_module, tmp_path):
    answer = call_module(main, {"path": str(tmp_path / "missing" / "superuser")})
    assert answer["failed"]
    assert "cannot be made (No such file or directory)" in answer["msg"]


@pytest.mark.parametrize("length", [0, 15])
def test_a_short_secret_is_refused(call_module, tmp_path, length):
    answer = call_module(main, {"path": str(tmp_path / "superuser"), "length": length})
    assert answer["failed"]
    assert answer["msg"] == f"length is {length}; a secret of less than 16 characters can be guessed"
