# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The quarantine file: what goes in comes out, nobody else can read it, and it is there or it is not."""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite import quarantine as _quarantine
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Text
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.quarantine import Quarantine, freeze, read, thaw

VALUES = [
    None,
    0,
    -(1 << 63),
    (1 << 63) - 1,
    0.1,
    -0.0,
    1e308,
    5e-324,
    math.inf,
    -math.inf,
    b"",
    b"\x00\xff\n",
    Text(b""),
    Text(b"plain"),
    Text(b"a\x00b"),
    Text(b"\xff not UTF-8"),
    Text(b"\xed\xa0\x80"),
    Text("한국어 👩‍👩‍👧 é \u2028 \x85 \r\n".encode()),
    Text(b'{"blob": "AA=="}'),
]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "quarantine")


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_as_it_was(value, folder):
    quarantine = Quarantine(folder, "test")
    quarantine.write({"original": freeze(value)})
    quarantine.keep()
    (record,) = read(quarantine.path)
    back = thaw(record["original"])
    assert type(back) is type(value)
    assert repr(back) == repr(value)


@pytest.mark.parametrize(
    "frozen",
    [{}, {"text": "a", "blob": ""}, {"verse": "a"}, {"blob": "?"}, {"blob": "QUJ"}, {"text": 1}, {"real": "x"}, {"integer": "x"}, 7, "a"],
    ids=repr,
)
def test_what_is_no_value_is_told(frozen):
    with pytest.raises((AttributeError, KeyError, TypeError, ValueError)):
        thaw(frozen)


def test_one_line_each_for_its_owner_only(folder):
    old = os.umask(0)
    try:
        quarantine = Quarantine(folder, "test")
        for number in range(3):
            quarantine.write({"number": number, "text": "a\nb\u2028c"})
        quarantine.keep()
    finally:
        os.umask(old)
    assert stat.S_IMODE(os.stat(quarantine.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert os.path.basename(quarantine.path).startswith("test-20")
    lines = Path(quarantine.path).read_bytes().split(b"\n")
    assert [json.loads(line)["number"] for line in lines[:-1]] == [0, 1, 2]
    assert lines[-1] == b""
    assert [record["number"] for record in read(quarantine.path)] == [0, 1, 2]


def test_no_file_without_a_record(folder):
    quarantine = Quarantine(folder, "test")
    quarantine.keep()
    quarantine.discard()
    assert quarantine.path is None
    assert not os.path.exists(folder)


def test_no_file_without_a_folder():
    quarantine = Quarantine(None, "test")
    quarantine.write({"a": 1})
    quarantine.keep()
    assert quarantine.path is None


def test_a_folder_that_is_there_stays_as_it_is(folder):
    os.mkdir(folder, 0o750)
    quarantine = Quarantine(folder, "test")
    quarantine.write({})
    quarantine.keep()
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o750


def test_kept_means_on_the_disk(folder, monkeypatch):
    synced = []
    fsync = os.fsync

    def note(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    quarantine = Quarantine(folder, "test")
    quarantine.write({"a": 1})
    quarantine.keep()
    # The new folder's name in its parent, the content, and the file's name in the folder.
    assert synced == [os.path.dirname(folder), quarantine.path, folder]


@pytest.mark.parametrize("kept", [True, False])
def test_discarded_means_gone(folder, kept):
    quarantine = Quarantine(folder, "test")
    quarantine.write({"a": 1})
    path = quarantine.path
    if kept:
        quarantine.keep()
    quarantine.discard()
    assert quarantine.path is None
    assert not os.path.exists(path)
    quarantine.discard()


def test_two_of_one_moment_do_not_share_a_file(folder, monkeypatch):
    class Stopped(_quarantine.datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 5, 1, tzinfo=tz)

    monkeypatch.setattr(_quarantine.datetime, "datetime", Stopped)
    first, second = Quarantine(folder, "test"), Quarantine(folder, "test")
    first.write({"a": 1})
    with pytest.raises(Refused, match="the quarantine cannot be written"):
        second.write({"b": 2})
    second.discard()
    first.keep()
    assert list(read(first.path)) == [{"a": 1}]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match=r"file/folder: the quarantine cannot be written \(Not a directory\)"):
        Quarantine(str(tmp_path / "file" / "folder"), "test").write({})


def test_a_folder_that_cannot_be_written_to(open_folder, as_nobody):
    with as_nobody(), pytest.raises(Refused, match=r"the quarantine cannot be written \(Permission denied\)"):
        Quarantine(str(open_folder), "test").write({})


def test_a_full_disk_is_told_and_leaves_no_file(folder, monkeypatch):
    quarantine = Quarantine(folder, "test")
    quarantine.write({"a": "x" * 100})
    # What Linux has for a full disk, in the place of the file that is open.
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, quarantine._file.fileno())
    os.close(full)
    with pytest.raises(Refused, match=r"the quarantine cannot be written \(No space left on device\)"):
        quarantine.keep()
    quarantine.discard()
    assert os.listdir(folder) == []


def test_a_full_disk_while_writing(folder):
    quarantine = Quarantine(folder, "test")
    quarantine.write({})
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, quarantine._file.fileno())
    os.close(full)
    with pytest.raises(Refused, match="No space left on device"):
        quarantine.write({"a": "x" * 1000000})
    quarantine.discard()
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{}\nno json\n", "line 2 is not a record of a quarantine"),
        (b"{}\n\n", "line 2 is not a record of a quarantine"),
        (b"{}\n" + b"[" * 100000, "line 2 is not a record of a quarantine"),
        (b'{}\n{"a": "\xff"}\n', "cannot be read (not UTF-8)"),
        (b"SQLite format 3\x00", "line 1 is not a record of a quarantine"),
    ],
)
def test_a_file_that_is_none(tmp_path, content, reason):
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(Refused) as refused:
        list(read(str(file)))
    assert reason in str(refused.value)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(Refused, match=r"missing: the quarantine cannot be read \(No such file or directory\)"):
        list(read(str(tmp_path / "missing")))
