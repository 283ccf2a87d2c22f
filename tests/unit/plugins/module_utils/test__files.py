# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a small file is read, and how much room there is. That files outlast a power cut is tested where they are written."""

from __future__ import annotations

import shutil

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._files import free_bytes, text_of


@pytest.mark.parametrize(("content", "text"), [(b"", ""), ("é\n".encode(), "é\n"), (b"a\xffb", "a\ufffdb")])
def test_the_text_of_a_file(tmp_path, content, text):
    (tmp_path / "file").write_bytes(content)
    assert text_of(str(tmp_path / "file")) == text


@pytest.mark.parametrize("name", ["none", "none/file", ""])
def test_where_there_is_none_that_can_be_read(tmp_path, name):
    assert text_of(str(tmp_path / name)) is None


@pytest.mark.parametrize("name", ["", "file", "not/made/yet"])
def test_the_room_where_something_is_or_would_be(tmp_path, monkeypatch, name):
    (tmp_path / "file").write_bytes(b"")
    asked = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or shutil._ntuple_diskusage(9, 4, 5))
    assert free_bytes(str(tmp_path / name)) == 5
    assert asked == [str(tmp_path / name) if name != "not/made/yet" else str(tmp_path)]


def test_of_no_place_the_room_is_not_known(tmp_path, monkeypatch):
    def fail(path):
        raise PermissionError(13, "Permission denied", path)

    assert (free_bytes(""), free_bytes("nowhere/at/all")) == (None, None)
    monkeypatch.setattr(shutil, "disk_usage", fail)
    assert free_bytes(str(tmp_path)) is None
