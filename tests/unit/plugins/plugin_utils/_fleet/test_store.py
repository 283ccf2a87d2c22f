# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of reports: private, never half written, and read whatever has become of it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet import store


def begin(reports: Path, playbook: str = "migrate", *hosts: str) -> store.Run:
    return store.Run.begin(reports, {"playbook": playbook, "hosts": list(hosts)})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The time, which only a test moves on."""
    now = {"now": 1_790_000_000.0}
    monkeypatch.setattr(store.time, "time", lambda: now["now"])
    return now


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_can_read_a_run(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        run = begin(tmp_path / "reports")
        run.note({"host": "chat1"})
        store.write(run.folder / "report.html", "page")
    finally:
        os.umask(before)
    found = {path.relative_to(run.folder.parent).as_posix(): mode(path) for path in run.folder.rglob("*")}
    assert {kind for name, kind in found.items() if name.endswith(("json", "html"))} == {0o600}
    assert len(found) == 4
    assert [mode(folder) for folder in (run.folder.parent, run.folder, run.folder / "hosts")] == [0o700] * 3


def test_names_of_any_length_have_a_file_each(tmp_path: Path) -> None:
    run = begin(tmp_path)
    hosts = ["ü" * 250, "ü" * 249, "c" * 400]
    for host in hosts:
        run.note({"host": host})
    assert {host: record["host"] for host, record in run.records(hosts).items()} == {host: host for host in hosts}


def test_a_run_says_what_it_is_as_soon_as_it_is_begun(tmp_path: Path, clock: dict[str, float]) -> None:
    run = begin(tmp_path, "audit", "chat1", "chat2")
    assert run.folder == tmp_path / "runs" / "20260921T141320Z-audit"
    assert run.told() == {
        "id": "20260921T141320Z-audit",
        "playbook": "audit",
        "hosts": ["chat1", "chat2"],
        "started_at": clock["now"],
        "ended_at": None,
        "waves": [],
    }


def test_runs_of_the_same_second_have_a_folder_each(tmp_path: Path, clock: dict[str, float]) -> None:
    folders = {begin(tmp_path).folder.name for _attempt in range(4)}
    assert len(folders) == 4
    assert all(name.startswith("20260921T141320Z-migrate") for name in folders)


@pytest.mark.parametrize("host", ["chat1", "a/b", "../../etc/passwd", "..", ".", "聊天", "chat 1", "%2F", "a\\b", "x" * 100, "a\nb"])
def test_a_host_of_any_name_has_a_file_within_the_folder_of_hosts(tmp_path: Path, host: str) -> None:
    run = begin(tmp_path)
    run.note({"host": host, "state": "migrated"})
    (file,) = (run.folder / "hosts").iterdir()
    assert file.is_file()
    assert run.records([host, "another"]) == {host: {"host": host, "state": "migrated"}}
    assert [path.name for path in tmp_path.rglob("*.json") if path.parent.name != "hosts"] == ["run.json"]


def test_names_that_look_alike_do_not_overwrite_each_other(tmp_path: Path) -> None:
    run = begin(tmp_path)
    hosts = ["a/b", "a%2Fb", "a%252Fb", "A/b"]
    for host in hosts:
        run.note({"host": host})
    assert {host: record["host"] for host, record in run.records(hosts).items()} == {host: host for host in hosts}


def test_what_is_written_replaces_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed on the way, it leaves what was there before."""
    run = begin(tmp_path)
    run.note({"host": "chat1", "state": "refused"})

    def killed(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        run.note({"host": "chat1", "state": "migrated"})
    assert run.records(["chat1"])["chat1"]["state"] == "refused"
    # What is left of it is no record of any host.
    assert len(list((run.folder / "hosts").iterdir())) == 2
    assert [record["state"] for record in store.moves(tmp_path)] == ["refused"]


@pytest.mark.parametrize("content", [b"", b'{"host": "chat1"', b"[1]", b"null", b"\xff\xfe", b'"text"'])
def test_what_is_no_record_is_passed_over(tmp_path: Path, content: bytes) -> None:
    run = begin(tmp_path)
    run.note({"host": "chat2"})
    (run.folder / "hosts" / "chat1.json").write_bytes(content)
    assert run.records(["chat1", "chat2"]) == {"chat2": {"host": "chat2"}}
    assert list(store.moves(tmp_path)) == [{"host": "chat2"}]
    (run.folder / "run.json").write_bytes(content)
    with pytest.raises(ValueError):  # noqa: PT011 - whoever reads it only asks whether it is what was written
        run.told()


def test_earlier_runs_come_newest_first_and_other_files_do_no_harm(tmp_path: Path, clock: dict[str, float]) -> None:
    first = begin(tmp_path)
    clock["now"] += 60
    second = begin(tmp_path, "audit")
    (tmp_path / "runs" / "notes.txt").write_text("mine")
    assert [run.folder for run in store.earlier_runs(tmp_path)][1:] == [second.folder, first.folder]
    assert store.past(tmp_path, ["chat1"]) == {}
    assert list(store.moves(tmp_path)) == []
    assert list(store.earlier_runs(tmp_path / "nowhere")) == []


def test_the_past_is_what_the_newest_run_knows_of_each_host(tmp_path: Path, clock: dict[str, float]) -> None:
    for number, hosts in enumerate((("a", "b"), ("b",), ("c",))):
        run = begin(tmp_path)
        clock["now"] += 60
        for host in hosts:
            run.note({"host": host, "number": number})
    found = store.past(tmp_path, ["a", "b", "d"])
    assert {host: record["number"] for host, record in found.items()} == {"a": 0, "b": 1}
    assert set(store.past(tmp_path, ["a", "b"], runs=2)) == {"b"}


def test_rates_are_learned_from_moves_alone_the_newest_first_and_not_from_all_of_them(tmp_path: Path, clock: dict[str, float]) -> None:
    for playbook in ("migrate", "audit", "migrate", "migrate", "rollback"):
        # The last two moves begin in the same second.
        run = begin(tmp_path, playbook)
        run.note({"host": "chat1", "playbook": playbook, "folder": run.folder.name})
        clock["now"] += 60 if playbook == "audit" else 0
    found = list(store.moves(tmp_path))
    assert [record["playbook"] for record in found] == ["migrate"] * 3
    assert found[-1]["folder"] == "20260921T141320Z-migrate"
    assert len(list(store.moves(tmp_path, enough=2))) == 2


def test_a_record_may_hold_what_json_has_no_word_for(tmp_path: Path) -> None:
    run = begin(tmp_path)
    run.note({"host": "chat1", "path": Path("/data/webui.db")})
    assert json.loads((run.folder / "hosts" / "chat1.json").read_text(encoding="utf-8"))["path"] == "/data/webui.db"


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file/runs"):
        begin(tmp_path / "file")
