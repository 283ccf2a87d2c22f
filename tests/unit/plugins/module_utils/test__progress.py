# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress file: what is in it, how often it is written, and that it is never in the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils import _progress
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress


class Watch:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    monkeypatch.setattr(_progress, "time", watch)
    return watch


def read(path: str) -> dict[str, Any]:
    return json.loads(Path(path).read_text(encoding="utf-8"))


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "progress")


def test_it_begins_with_the_plan(path, watch):
    Progress(path)
    assert read(path) == {"phase": "plan", "table": "", "rows": 0, "rows_total": 0, "bytes": 0, "bytes_total": 0, "seconds": 0.0}


def test_it_is_written_now_and_then_and_not_for_every_row(path, watch):
    progress = Progress(path)
    progress.begin("load", 10, 1000)
    progress.advance("chat", 1, 100)
    assert read(path)["rows"] == 0
    watch.now += 0.3
    progress.advance("chat", 1, 100)
    assert read(path)["rows"] == 0
    watch.now += 0.3
    progress.advance("note", 1, 100)
    assert read(path) == {
        "phase": "load",
        "table": "note",
        "rows": 3,
        "rows_total": 10,
        "bytes": 300,
        "bytes_total": 1000,
        "seconds": 0.6,
    }


def test_a_new_phase_is_written_at_once_and_starts_from_nothing(path, watch):
    progress = Progress(path)
    progress.begin("load", 10, 1000)
    progress.advance("chat", 10, 1000)
    watch.now += 0.1
    progress.begin("prove", 10, 900)
    assert read(path) == {"phase": "prove", "table": "", "rows": 0, "rows_total": 10, "bytes": 0, "bytes_total": 900, "seconds": 0.0}


def test_nothing_is_left_behind(path, watch):
    progress = Progress(path)
    assert Path(path).exists()
    progress.end()
    assert list(Path(path).parent.iterdir()) == []
    progress.end()


def test_no_file_is_written_where_none_is_wanted(tmp_path, watch, monkeypatch):
    monkeypatch.chdir(tmp_path)
    progress = Progress(None)
    watch.now += 10
    progress.advance("chat", 1, 1)
    progress.end()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path, watch):
    progress = Progress(str(tmp_path / "missing" / "progress"))
    watch.now += 10
    progress.advance("chat", 1, 1)
    progress.begin("prove")
    progress.end()
    assert list(tmp_path.iterdir()) == []


def test_a_reader_never_sees_half_a_state(path, watch, monkeypatch):
    """The file is replaced, not rewritten: while the new one is written, the old one is whole."""
    progress = Progress(path)
    before = read(path)
    seen = []
    replace = _progress.os.replace

    def look_and_replace(new: str, old: str) -> None:
        seen.append((read(old), read(new)["phase"]))
        replace(new, old)

    monkeypatch.setattr(_progress.os, "replace", look_and_replace)
    progress.begin("load")
    assert seen == [(before, "load")]
