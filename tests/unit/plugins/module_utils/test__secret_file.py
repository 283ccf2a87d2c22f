# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret comes into being once, privately and whole."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils import _secret_file
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused


def mode(path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def provide(path, length=40, check=False) -> bool:
    return _secret_file.provide(str(path), length, check)


def refusal(path, check=False) -> str:
    with pytest.raises(Refused) as caught:
        provide(path, check=check)
    (problem,) = caught.value.problems
    assert problem.kind == "secret"
    return problem.message


def test_makes_one_and_keeps_it(tmp_path):
    path = tmp_path / "superuser"
    assert provide(path, check=True)
    assert not path.exists()
    assert provide(path)
    secret = path.read_text()
    assert mode(path) == 0o600
    assert len(secret) == 41
    assert set(secret.rstrip("\n")) <= set(_secret_file.ALPHABET)
    for check in (True, False):
        assert not provide(path, check=check)
    assert path.read_text() == secret
    assert os.listdir(tmp_path) == ["superuser"]


def test_no_two_are_the_same(tmp_path):
    for name in ("one", "two"):
        provide(tmp_path / name, 64)
    assert (tmp_path / "one").read_text() != (tmp_path / "two").read_text()
    assert len((tmp_path / "one").read_text()) == 65


def test_a_file_that_others_can_read_is_closed_to_them(tmp_path):
    path = tmp_path / "superuser"
    path.write_text("chosen by hand\n")
    path.chmod(0o644)
    assert provide(path, check=True)
    assert mode(path) == 0o644
    assert provide(path)
    assert mode(path) == 0o600
    assert path.read_text() == "chosen by hand\n"


def test_of_many_at_once_one_makes_it(tmp_path):
    path = tmp_path / "superuser"
    seen = []

    def make(_number: int) -> None:
        provide(path)
        seen.append(path.read_text())

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(make, range(32)))
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
    assert provide(path)
    assert path.read_text() == "the other run's\n"
    assert os.listdir(tmp_path) == ["superuser"]


@pytest.mark.parametrize("check", [True, False])
def test_an_empty_file_is_no_secret(tmp_path, check):
    path = tmp_path / "superuser"
    path.touch(mode=0o600)
    assert refusal(path, check) == f"{path}: is empty; put the secret into it, or remove it if it is not in use yet"


def test_a_folder_or_a_link_is_no_secret(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("folder", "link"):
        assert "is no regular file" in refusal(tmp_path / name)


def test_its_folder_has_to_be_there(tmp_path):
    assert "cannot be made (No such file or directory)" in refusal(tmp_path / "missing" / "superuser")
