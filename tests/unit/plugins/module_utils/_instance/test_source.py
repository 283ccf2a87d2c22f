# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that is moved is the one that Open WebUI has open, or it is said why that is not known.

Real processes where the host's own mounts are enough. For containers, a /proc of the test's own: descriptors and roots are links, as in
the real one. Real containers are in tests/docker.
"""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._instance import source as _source
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import (
    Noted,
    Service,
    of_commands,
    of_container,
    of_unit,
    report,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite import open_files as _open_files
from lab.fake_engine import FakeEngine

DATA = "/app/backend/data"
FILE = f"{DATA}/webui.db"
OPEN = "db.execute('SELECT count(*) FROM user').fetchall()"


def noted_from(answer: dict[str, Any]) -> Noted:
    return Noted(answer["real_path"], answer["device"], answer["inode"])


# -- commands: real processes ---------------------------------------------------------------------------------------------------


def test_in_use_by_what_runs(make_source, start_writer):
    path = make_source(journal_mode="wal")
    writer = start_writer(path, OPEN)
    answer = report(path, of_commands(True, "", ""))
    facts = os.stat(path)
    assert answer == {
        "exists": True,
        "real_path": path,
        "log_path": f"{path}-wal",
        "device": facts.st_dev,
        "inode": facts.st_ino,
        "in_use": True,
        "holders": [{"pid": writer.pid, "command": Path(f"/proc/{writer.pid}/comm").read_text(encoding="utf-8").strip()}],
        "evidence": "open",
        "findings": [],
    }


def test_by_a_link(make_source, start_writer, tmp_path):
    path = make_source(journal_mode="wal")
    link = tmp_path / "webui.db"
    link.symlink_to(path)
    start_writer(str(link), OPEN)
    answer = report(str(link), of_commands(True, "", ""))
    assert (answer["evidence"], answer["real_path"], answer["log_path"]) == ("open", path, f"{path}-wal")


def test_nobody_has_it_open_though_it_runs(make_source):
    path = make_source()
    answer = report(path, of_commands(True, "", ""))
    assert (answer["evidence"], answer["in_use"]) == ("none", False)
    [finding] = answer["findings"]
    assert finding.startswith(f"Open WebUI runs, but nothing that can be seen from here has {path} open")
    assert "Set webui_data_dir or webui_sqlite_path to the file in use" in finding


def test_another_of_that_name_is_named(make_source, start_writer, tmp_path, monkeypatch):
    """An old file in the data folder, and the one in use elsewhere."""
    path = make_source()
    other = tmp_path / "elsewhere" / "webui.db"
    other.parent.mkdir()
    os.rename(path, other)
    path = make_source()
    writer = start_writer(str(other), OPEN)
    # Other tests on this machine have files of that name open, too, and only three are named.
    monkeypatch.setattr(_source, "processes", lambda: [writer.pid])
    [finding] = report(path, of_commands(True, "", ""))["findings"]
    assert f"(pid {writer.pid}) has {other} open" in finding


def test_what_answers_counts_not_who_else_has_it_open(make_source, start_writer, tmp_path):
    """A copier has the old file open; Open WebUI, which listens, another one."""
    path = make_source()
    other = tmp_path / "elsewhere" / "webui.db"
    other.parent.mkdir()
    os.rename(path, other)
    path = make_source()
    start_writer(path, OPEN)
    listen = "import socket; s = socket.socket(); s.bind(('127.0.0.1', {port})); s.listen(); " + OPEN
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start_writer(str(other), listen.format(port=port))
    for host in ("127.0.0.1", "localhost"):
        answer = report(path, of_commands(True, "", f"http://{host}:{port}/health"))
        assert answer["evidence"] == "none"
        assert answer["findings"] == [f"Open WebUI works with {other}, and not with {path}. Set webui_sqlite_path to the file in use."]
        assert report(str(other), of_commands(True, "", f"http://{host}:{port}/health"))["evidence"] == "open"
    # Of what answers elsewhere nothing is known.
    assert report(path, of_commands(True, "", f"https://chat.example.com:{port}/health"))["evidence"] == "open"


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://127.0.0.1:8080/health", 8080),
        ("http://[::1]:81/health", 81),
        ("http://localhost/health", 80),
        ("https://localhost/health", 443),
        ("https://chat.example.com/health", 0),
        ("", 0),
    ],
)
def test_the_port_of_this_host(url, port):
    assert of_commands(True, "", url).port == port


def test_not_running(make_source):
    answer = report(make_source(), of_commands(False, "", ""))
    assert (answer["evidence"], answer["findings"]) == ("none", [])


def test_the_file_was_replaced_under_it(make_source, start_writer, tmp_path):
    path = make_source()
    writer = start_writer(path, OPEN)
    shutil.copy(path, tmp_path / "restored.db")
    os.replace(tmp_path / "restored.db", path)
    answer = report(path, Service("chat.service", True, (writer.pid,), path))
    assert answer["evidence"] == "none"
    assert answer["findings"][0].startswith(f"chat.service has a file open that is not at {path} any more: ")


def test_opened_by_its_other_name(make_source, start_writer):
    path = make_source(journal_mode="delete")
    other = Path(path).with_name("other.db")
    os.link(path, other)
    start_writer(str(other), OPEN)
    [finding] = report(path, of_commands(True, "", ""))["findings"]
    assert finding.startswith(f"Open WebUI has {path} as {other}, and SQLite keeps its log beside that, which is not beside {path}")


def test_the_file_was_set_aside_and_another_put_there(make_source, start_writer):
    path = make_source()
    writer = start_writer(path, OPEN)
    os.rename(path, f"{path}.old")
    make_source()
    [finding] = report(path, Service("chat.service", True, (writer.pid,), path))["findings"]
    assert finding == f"chat.service works with {path}.old, and not with {path}. Set webui_sqlite_path to the file in use."


def test_no_descriptor_but_the_path_leads_there(make_source, start_writer, tmp_path):
    path = make_source()
    link = tmp_path / "link.db"
    link.symlink_to(path)
    idle = start_writer(":memory:", "")
    for inside in (path, str(link)):
        assert report(path, Service("chat.service", True, (idle.pid,), inside))["evidence"] == "path"


def test_no_descriptor_and_the_path_leads_elsewhere(make_source, start_writer, tmp_path):
    path = make_source()
    idle = start_writer(":memory:", "")
    answer = report(path, Service("chat.service", True, (idle.pid,), f"{tmp_path}/none.db"))
    assert answer["findings"] == [
        f"chat.service works with {tmp_path}/none.db, and not with {path}. Set webui_sqlite_path to the file in use."
    ]
    answer = report(path, Service("chat.service", True, (idle.pid,)))
    assert answer["findings"] == [
        "chat.service runs, but has no SQLite file open, and nothing says which one it works with. Set webui_sqlite_path."
    ]


def test_the_vector_database_is_another_matter(make_source, start_writer):
    path = make_source()
    vectors = Path(path).with_name("chroma.sqlite3")
    os.rename(path, vectors)
    path = make_source()
    writer = start_writer(str(vectors), OPEN)
    assert report(path, Service("chat.service", True, (writer.pid,), path))["evidence"] == "path"


def test_somebody_elses_process(make_source, start_writer, as_nobody, open_folder):
    path = open_folder / "webui.db"
    os.rename(make_source(), path)
    writer = start_writer(str(path), OPEN)
    with as_nobody():
        if os.access(f"/proc/{writer.pid}/fd", os.R_OK, effective_ids=True):
            pytest.fail("the kernel shows everything to everybody here")
        answer = report(str(path), Service("chat.service", True, (writer.pid,), str(path)))
        assert answer["findings"] == [
            "chat.service runs as another user, so which file it has open cannot be seen. Set ansible_become to true."
        ]
        [finding] = report(str(path), of_commands(True, "", ""))["findings"]
        assert finding.endswith("or ansible_become to true if it runs as another user.")


def test_somebody_elses_process_whose_lock_tells(make_source, start_writer, as_nobody, open_folder, monkeypatch):
    """As with every file in WAL mode: who has a lock, and what a process's mounts are, everybody may know."""
    path = open_folder / "webui.db"
    os.rename(make_source(journal_mode="wal"), path)
    path.chmod(0o644)
    writer = start_writer(str(path), OPEN)
    with as_nobody():
        for service in (Service("chat.service", True, (writer.pid,), str(path)), of_commands(True, "", "")):
            answer = report(str(path), service)
            assert (answer["evidence"], answer["findings"]) == ("open", [])
        # The lock of somebody else, other mounts, or another name are no evidence.
        stranger = report(str(path), Service("chat.service", True, (os.getppid(),), str(path)))
        monkeypatch.setattr(_source, "has_mounts_as_here", lambda pid, path: False)
        elsewhere = report(str(path), of_commands(True, "", ""))
        monkeypatch.undo()
    os.link(path, open_folder / "other.db")
    with as_nobody():
        named_twice = report(str(path), of_commands(True, "", ""))
    for answer in (stranger, elsewhere, named_twice):
        assert answer["evidence"] == "none"
        assert "runs as another user, so which file it has open cannot be seen. Set ansible_become" in answer["findings"][0]


def test_mounts_as_here(tmp_path):
    pid = os.getppid()
    assert _open_files.has_mounts_as_here(pid, str(tmp_path / "webui.db"))
    assert not _open_files.has_mounts_as_here(pid, "/proc")
    assert not _open_files.has_mounts_as_here(-1, str(tmp_path / "webui.db"))


def test_a_file_that_cannot_be_read(make_source, open_folder, as_nobody):
    path = open_folder / "webui.db"
    os.rename(make_source(), path)
    path.chmod(0o600)
    with as_nobody():
        answer = report(str(path), of_commands(True, "", ""))
    assert answer["findings"] == [f"{path}: cannot be read (Permission denied). Set ansible_become to true."]


def test_not_there(tmp_path):
    answer = report(f"{tmp_path}/webui.db", of_commands(True, "", ""))
    assert (answer["exists"], answer["real_path"]) == (False, "")
    assert answer["findings"] == [
        f"There is no {tmp_path}/webui.db. Set webui_data_dir to the data folder of Open WebUI, or webui_sqlite_path."
    ]


def test_not_there_but_another_is_open(make_source, start_writer, tmp_path):
    path = make_source()
    writer = start_writer(path, OPEN)
    answer = report(f"{tmp_path}/webui.db", Service("chat.service", True, (writer.pid,), path))
    assert answer["findings"][1:] == [f"chat.service has {path} open."]


def test_a_link_to_nothing(tmp_path):
    (tmp_path / "webui.db").symlink_to("/mnt/gone/webui.db")
    answer = report(f"{tmp_path}/webui.db", of_commands(True, "", ""))
    assert answer["exists"] is False
    assert "is a symbolic link to /mnt/gone/webui.db, which is not there" in answer["findings"][0]


# -- after the stop -------------------------------------------------------------------------------------------------------------


def test_the_same_as_before(make_source, start_writer):
    path = make_source(journal_mode="wal")
    writer = start_writer(path, OPEN)
    before = report(path, of_commands(True, "", ""))
    writer.kill()
    after = report(path, of_commands(False, "", ""), noted_from(before))
    assert (after["in_use"], after["findings"]) == (False, [])


def test_gone(make_source):
    path = make_source()
    before = report(path, of_commands(False, "", ""))
    os.unlink(path)
    after = report(path, of_commands(False, "", ""), noted_from(before))
    assert after["exists"] is False
    assert after["findings"][0].startswith(f"{path} was there before Open WebUI was stopped and cannot be read any more (")


def test_another_in_its_place(make_source):
    path = make_source()
    before = report(path, of_commands(False, "", ""))
    os.rename(path, f"{path}.old")
    make_source()
    [finding] = report(path, of_commands(False, "", ""), noted_from(before))["findings"]
    assert finding.startswith(f"{path} is another file than before Open WebUI was stopped, when it was {path} (device ")


def test_the_link_leads_elsewhere(make_source, tmp_path):
    path = make_source()
    link = tmp_path / "webui.db"
    link.symlink_to(path)
    before = report(str(link), of_commands(False, "", ""))
    os.rename(path, f"{path}.moved")
    link.unlink()
    link.symlink_to(f"{path}.moved")
    [finding] = report(str(link), of_commands(False, "", ""), noted_from(before))["findings"]
    assert f"when it was {path} (device" in finding


# -- systemd --------------------------------------------------------------------------------------------------------------------


def test_a_unit_and_its_control_group(make_source, start_writer, proc):
    path = make_source()
    proc.add(7, cgroup="0::/system.slice/chat.service")
    proc.add(8, cgroup="1:name=systemd:/system.slice/chat.service/worker", fds=[path])
    proc.add(9, cgroup="0::/system.slice/chat.service-of-somebody-else")
    answers = {"chat.service": "ActiveState=active\nMainPID=7\nControlGroup=/system.slice/chat.service\n"}
    service = of_unit(lambda command: (0, answers[command[-1]]), "chat.service", path)
    assert (service.running, service.pids) == (True, (7, 8))
    assert report(path, service)["evidence"] == "open"


def test_a_unit_without_a_main_process(make_source, proc):
    path = make_source()
    proc.add(8, cgroup="0::/c", fds=[path])
    service = of_unit(lambda _command: (0, "ActiveState=active\nMainPID=0\nControlGroup=/c\n"), "chat.service", path)
    assert (service.running, service.pids, report(path, service)["evidence"]) == (True, (8,), "open")


def test_a_unit_whose_processes_are_somebody_elses(make_source, proc):
    """Such as one that has Docker run it."""
    path = make_source()
    service = of_unit(lambda _command: (0, "ActiveState=active\nMainPID=0\nControlGroup=/c\n"), "chat.service", path)
    [finding] = report(path, service)["findings"]
    assert finding.startswith("chat.service runs, but has no SQLite file open, and nothing says which one it works with.")


@pytest.mark.parametrize("answer", [(0, "ActiveState=inactive\nMainPID=0\nControlGroup=\n"), (1, ""), (127, "")])
def test_a_unit_that_does_not_run(make_source, answer):
    service = of_unit(lambda _command: answer, "chat.service", "")
    assert not service.running
    assert report(make_source(), service)["findings"] == []


@pytest.mark.parametrize(("preserve", "findings"), [("no", 1), ("yes", 0), ("restart", 0)])
def test_a_folder_that_goes_away_with_the_unit(make_source, proc, monkeypatch, preserve, findings):
    path = make_source()
    proc.add(7, cgroup="0::/c", fds=[path])
    shown = f"ActiveState=active\nMainPID=7\nControlGroup=/c\nRuntimeDirectory=other chat\nRuntimeDirectoryPreserve={preserve}\n"
    service = of_unit(lambda _command: (0, shown), "chat.service", path)
    assert service.fleeting == (("/run/other", "/run/chat") if preserve == "no" else ())
    # The test's file cannot lie in /run.
    service = service._replace(fleeting=tuple(folder.replace("/run/chat", os.path.dirname(path)) for folder in service.fleeting))
    found = report(path, service)["findings"]
    assert len(found) == findings
    assert all(finding.startswith(f"{path} is there only while Open WebUI runs") for finding in found)


def test_a_unit_with_mounts_of_its_own(make_source, proc, tmp_path):
    """The same path, another file."""
    path = make_source()
    root = tmp_path / "root"
    (root / path[1:]).parent.mkdir(parents=True)
    shutil.copy(path, root / path[1:])
    proc.add(7, str(root), "inner", cgroup="0::/c")
    service = of_unit(lambda _command: (0, "ActiveState=active\nMainPID=7\nControlGroup=/c\n"), "chat.service", path)
    [finding] = report(path, service)["findings"]
    assert finding.startswith(f"chat.service works with {path} (as it sees it, with its own mounts), and not with {path}. Set ")


# -- containers -----------------------------------------------------------------------------------------------------------------


class Proc:
    """A /proc: processes with a root of their own, and what they have open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, pid: int, root: str = "/", space: str = "host", cgroup: str = "", fds: list[str] | None = None) -> None:
        process = self.folder / str(pid)
        (process / "fd").mkdir(parents=True)
        (process / "ns").mkdir()
        (process / "root").symlink_to(root)
        (process / "ns" / "mnt").symlink_to(f"mnt:[{space}]")
        (process / "cgroup").write_text(cgroup + "\n")
        for number, target in enumerate(fds or []):
            (process / "fd" / str(number)).symlink_to(target)


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proc:
    folder = tmp_path / "proc"
    folder.mkdir()
    monkeypatch.setattr(_open_files, "PROC", str(folder))
    return Proc(folder)


@pytest.fixture
def container(fake: FakeEngine, proc: Proc, tmp_path: Path) -> Callable[..., Service]:
    """container(fds=[…], binds=[…], link=…) -> an Open WebUI whose root is the folder root, with these descriptors"""
    root = tmp_path / "root"
    (root / DATA[1:]).mkdir(parents=True)

    def run(*, fds: tuple[str, ...] = (), inside: str = FILE, pid_of: str = "", **host: Any) -> Service:
        identifier = fake.run(host={"Binds": [f"{root}{DATA}:{DATA}"], **host})
        fake.containers[identifier]["State"]["Pid"] = 7
        proc.add(7, str(root), "inner", f"0::/system.slice/docker-{pid_of or identifier}.scope")
        proc.add(8, str(root), "inner", fds=list(fds))
        proc.add(9, "/", "host", fds=list(fds))
        return of_container(Engine(fake.host), "open-webui", inside)

    return run


@pytest.fixture
def data(tmp_path: Path, container, make_source) -> str:
    """The data folder of the container, with a webui.db."""
    folder = tmp_path / "root" / DATA[1:]
    os.rename(make_source(), folder / "webui.db")
    return str(folder)


def test_all_processes_of_the_container_count_and_no_others(container, data):
    service = container()
    assert (service.name, service.running, service.pids) == ("The container open-webui", True, (7, 8))


def test_no_descriptor_is_open_in_the_container(container, data):
    assert report(f"{data}/webui.db", container())["evidence"] == "path"


def test_an_absolute_link_is_followed_within_the_container(container, data, tmp_path):
    (tmp_path / "root" / "fast").mkdir()
    os.rename(f"{data}/webui.db", tmp_path / "root" / "fast" / "real.db")
    os.symlink("/fast/real.db", f"{data}/webui.db")
    service = container()
    assert report(str(tmp_path / "root" / "fast" / "real.db"), service)["evidence"] == "path"
    [finding, *_more] = report(f"{data}/webui.db", service)["findings"]
    assert finding.startswith(f"{data}/webui.db: is a symbolic link to /fast/real.db, which is not there")


def test_another_file_than_the_hosts(container, data, make_source):
    """The container was started with another folder mounted than the one that the operator names."""
    path = make_source()
    [finding] = report(path, container())["findings"]
    assert finding == (
        f"The container open-webui works with {FILE} (as it sees it), and not with {path}. Set webui_sqlite_path to the file in use."
    )


def test_the_file_lies_in_the_container_itself(container, data, make_source):
    path = make_source()
    found = report(path, container(inside="/var/lib/webui.db"))["findings"]
    assert found[0].startswith("The container open-webui works with /var/lib/webui.db (as it sees it), and not with ")
    assert found[1].startswith("The container open-webui has nothing mounted at /var/lib/webui.db, so its data would go with it.")


def test_a_file_that_is_mounted_alone(container, data, tmp_path, monkeypatch):
    """File and name are the same, the folder is not. A bind mount of a file cannot be made here, so the test says what stat would."""
    host = tmp_path / "host"
    host.mkdir()
    os.rename(f"{data}/webui.db", host / "webui.db")
    real = _open_files.identity_of
    mounted = f"root{FILE}"
    monkeypatch.setattr(_open_files, "identity_of", lambda path: real(str(host / "webui.db") if path.endswith(mounted) else path))
    [finding] = report(str(host / "webui.db"), container())["findings"]
    assert finding.startswith(f"The container open-webui has {host}/webui.db as {FILE}, and SQLite keeps its log beside that")
    assert finding.endswith("Mount the whole folder instead of the file alone, and see that the file has one name only.")


def test_an_engine_that_counts_other_processes(container, data):
    [finding] = report(f"{data}/webui.db", container(pid_of="f" * 64))["findings"]
    assert finding.startswith("The container open-webui has processes that cannot be seen from here, so neither can which file it has")


def test_an_engine_that_tells_no_process(fake, data):
    fake.run(host={"Binds": [f"{data}:{DATA}"]})
    [finding] = report(f"{data}/webui.db", of_container(Engine(fake.host), "open-webui", FILE))["findings"]
    assert finding.startswith("The container open-webui has processes that cannot be seen from here")


def test_the_place_of_a_volume_that_comes_and_goes(container, data, fake):
    fake.volumes["nfs"] = {"Options": {"type": "nfs", "device": ":/x"}}
    service = container(Binds=[f"nfs:{DATA}"])
    assert service.fleeting == ("/var/lib/docker/volumes/nfs/_data",)
    [finding] = report(f"{data}/webui.db", service._replace(fleeting=(data,)))["findings"]
    assert finding == (
        f"{data}/webui.db is there only while Open WebUI runs, so nothing could be read after the stop. Mount the same on the host "
        "yourself, so that it stays, and set webui_data_dir to the folder there."
    )


def test_what_is_mounted_elsewhere_on_the_host_as_well(container, data, fake):
    """What the advice for such a volume leads to."""
    fake.volumes["nfs"] = {"Options": {"type": "nfs", "device": ":/x"}}
    assert report(f"{data}/webui.db", container(Binds=[f"nfs:{DATA}"]))["evidence"] == "path"


def test_a_container_that_does_not_run(fake, data):
    identifier = fake.run()
    fake.containers[identifier]["State"] = {"Status": "exited", "Running": False, "Pid": 0}
    answer = report(f"{data}/webui.db", of_container(Engine(fake.host), "open-webui", FILE))
    assert (answer["evidence"], answer["findings"]) == ("none", [])


def test_a_stopped_container_whose_settings_name_another_file(fake, data, make_source):
    """There is no process to ask, but settings and mounts."""
    path = make_source()
    identifier = fake.run(host={"Binds": [f"{data}:{DATA}"]})
    fake.containers[identifier]["State"] = {"Status": "exited", "Running": False, "Pid": 0}
    service = of_container(Engine(fake.host), "open-webui", FILE)
    assert report(path, service)["findings"] == [
        f"The container open-webui works with {data}/webui.db, and not with {path}. Set webui_sqlite_path to the file in use."
    ]
    assert report(f"{data}/webui.db", service)["findings"] == []


def test_a_stopped_container_with_a_file_that_is_mounted_alone(fake, data):
    identifier = fake.run(host={"Binds": [f"/srv/data:{DATA}", f"{data}/webui.db:{FILE}"]})
    fake.containers[identifier]["State"] = {"Status": "exited", "Running": False, "Pid": 0}
    [finding] = report(f"{data}/webui.db", of_container(Engine(fake.host), "open-webui", FILE))["findings"]
    assert finding.startswith(f"The container open-webui has {data}/webui.db as {FILE}, and SQLite keeps its log beside that")


def test_settings_name_another_file_while_nothing_runs(make_source, tmp_path):
    path = make_source()
    other = tmp_path / "elsewhere.db"
    shutil.copy(path, other)
    for service in (of_commands(False, str(other), ""), of_unit(lambda _command: (0, "MainPID=0"), "chat.service", str(other))):
        assert report(path, service)["findings"] == [
            f"{service.name} works with {other}, and not with {path}. Set webui_sqlite_path to the file in use."
        ]
        assert report(str(other), service)["findings"] == []
    # A path within a container that the commands start means nothing here.
    assert report(path, of_commands(False, "/app/backend/data/webui.db", ""))["findings"] == []


def test_no_such_container(fake):
    assert not of_container(Engine(fake.host), "open-webui", FILE).running


def test_evidence_is_named_once():
    assert (_source.OPEN, _source.PATH, _source.NONE) == ("open", "path", "none")
