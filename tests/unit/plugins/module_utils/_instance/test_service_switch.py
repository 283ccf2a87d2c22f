# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service put on PostgreSQL and back, at any step of it killed, with a systemd that knows only what it has read."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._instance import service_switch
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.command import Answer
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.service_switch import (
    Service,
    Wish,
    bootstrapped,
    finalized,
    restored,
    settings_text,
    switched,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import PARTS, parse_env_file

PASSWORD = "p%40ss-1"
URL = f"postgresql://u:{PASSWORD}@db:5432/chat"
WISH = Wish({"DATABASE_URL": URL, "DATABASE_POOL_SIZE": "15"}, [*PARTS, "DATABASE_SCHEMA"])
OTHER_WISH = WISH._replace(env={**WISH.env, "DATABASE_POOL_SIZE": "7"})
SETTINGS = """\
# Written by openwebui.postgres.
DATABASE_POOL_SIZE="15"
DATABASE_URL="postgresql://u:p%40ss-1@db:5432/chat"
"""
DROP_IN = """\
# Written by openwebui.postgres: puts Open WebUI on PostgreSQL. The settings are in the env file, which only root can read.
[Service]
EnvironmentFile={}
UnsetEnvironment=DATABASE_HOST DATABASE_NAME DATABASE_PASSWORD DATABASE_PORT DATABASE_SCHEMA DATABASE_TYPE DATABASE_USER
"""


class Host:
    """A host with a unit. What of our drop-in systemd goes by is what it has read last.

    :ivar later: further properties, of a drop-in that comes after ours.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.units = folder / "systemd"
        self.ours = folder / "etc" / "openwebui-postgres"
        self.units.mkdir()
        (folder / "etc").mkdir()
        self.loaded = ""
        self.state = "loaded"
        self.environment = "DATA_DIR=/srv/data DATABASE_TYPE=sqlite WEBUI_SECRET_KEY=k3y-of-old"
        self.later: list[str] = []
        self.package = str(folder / "lib" / "python" / "open_webui")
        self.pid = 0
        self.reloads = 0
        self.answer = (0, "")

    def __call__(self, command: list[str], user: str = "", environment: dict[str, str] | None = None) -> tuple[int, str]:
        if command[:2] == ["systemctl", "daemon-reload"]:
            if self.answer[0] == 0:
                self.read()
            return self.answer
        if command[0] == "systemctl":
            lines = ["Id=chat.service", f"LoadState={self.state}", "ActiveState=active", f"MainPID={self.pid}", "User=chat"]
            lines += [
                "WorkingDirectory=/srv",
                f"Environment={self.environment}",
                "ExecStart={ path=/x ; argv[]=/x serve ; ignore_errors=no }",
            ]
            if self.loaded:
                lines.append(f"DropInPaths=/etc/override.conf {self.drop_in}")
            for name, value in re.findall(r"^(EnvironmentFile|UnsetEnvironment)=(.*)$", self.loaded, re.MULTILINE):
                lines.append(f"EnvironmentFiles={value} (ignore_errors=no)" if name == "EnvironmentFile" else f"{name}={value}")
            return 0, "\n".join(lines + self.later)
        return 0, json.dumps({"package": self.package, "version": "0.12.4", "drivers": ["psycopg2"]})

    def read(self) -> None:
        """systemd reads its units again."""
        step()
        self.reloads += 1
        self.loaded = self.drop_in.read_text() if self.drop_in.exists() else ""

    @property
    def settings(self) -> Path:
        return self.ours / "chat.service.env"

    @property
    def drop_in(self) -> Path:
        return self.units / "chat.service.d" / "zz-openwebui-postgres.conf"

    def service(self, check: bool = False) -> Service:
        return Service(self, "chat", "/opt/chat/bin/python", check, str(self.units), str(self.ours))

    def files(self) -> dict[str, tuple[str, str]]:
        """All files and folders: mode and text of each."""
        found = {}
        for path in self.folder.rglob("*"):
            found[str(path.relative_to(self.folder))] = (
                f"{stat.S_IMODE(path.stat().st_mode):04o}",
                path.read_text() if path.is_file() else "",
            )
        return found


@pytest.fixture
def host(tmp_path: Path) -> Host:
    folder = tmp_path / "host"
    folder.mkdir()
    return Host(folder)


def switch(host: Host, wish: Wish = WISH, check: bool = False) -> dict[str, Any]:
    return switched(host.service(check), wish)


def restore(host: Host, check: bool = False) -> dict[str, Any]:
    return restored(host.service(check))


def assert_switched(host: Host) -> None:
    files = {path: said for path, said in host.files().items() if path not in ("etc", "systemd")}
    assert files == {
        "etc/openwebui-postgres": ("0700", ""),
        "etc/openwebui-postgres/chat.service.env": ("0600", SETTINGS),
        "systemd/chat.service.d": ("0755", ""),
        "systemd/chat.service.d/zz-openwebui-postgres.conf": ("0644", DROP_IN.format(host.settings)),
    }
    assert host.loaded == DROP_IN.format(host.settings)


def assert_original(host: Host) -> None:
    assert set(host.files()) == {"etc", "systemd"}
    assert host.loaded == ""


# -- there and back ---------------------------------------------------------------------------------------------------------------


def test_there_and_back(host: Host) -> None:
    answer = switch(host)
    assert_switched(host)
    assert answer["database"] == {"kind": "postgresql", "where": "db:5432/chat", "set_by": ["DATABASE_URL"]}
    assert (answer["changed"], answer["switched"], answer["name"]) == (True, True, "chat.service")
    assert (answer["settings"], answer["drop_in"]) == (str(host.settings), str(host.drop_in))
    assert answer["changed_settings"] == ["DATABASE_POOL_SIZE", "DATABASE_TYPE", "DATABASE_URL"]
    assert answer["diff"] == {
        "before": {"switched": False, "env": {"DATABASE_POOL_SIZE": "not set", "DATABASE_TYPE": "set", "DATABASE_URL": "not set"}},
        "after": {"switched": True, "env": {"DATABASE_POOL_SIZE": "set", "DATABASE_TYPE": "not set", "DATABASE_URL": "set"}},
    }
    back = restore(host)
    assert_original(host)
    assert (back["changed"], back["switched"], back["changed_settings"]) == (True, False, answer["changed_settings"])
    assert back["database"] == {"kind": "sqlite", "where": "/srv/data/webui.db", "set_by": []}
    assert PASSWORD not in json.dumps([answer, back])


def test_again_changes_nothing(host: Host) -> None:
    switch(host)
    before = host.settings.stat().st_ino, host.drop_in.stat().st_ino
    for check in (True, False):
        answer = switch(host, check=check)
        assert (answer["changed"], answer["changed_settings"], answer["switched"]) == (False, [], True)
        assert answer["diff"]["before"] == answer["diff"]["after"]
    assert (host.settings.stat().st_ino, host.drop_in.stat().st_ino) == before
    restore(host)
    for check in (True, False):
        answer = restore(host, check=check)
        assert (answer["changed"], answer["changed_settings"], answer["switched"]) == (False, [], False)


def test_other_settings(host: Host) -> None:
    switch(host)
    answer = switch(host, OTHER_WISH)
    assert (answer["changed"], answer["changed_settings"]) == (True, ["DATABASE_POOL_SIZE"])
    assert answer["diff"]["after"]["env"] == {"DATABASE_POOL_SIZE": "set to another value"}
    assert 'DATABASE_POOL_SIZE="7"' in host.settings.read_text()


@pytest.mark.parametrize("prepared", [lambda host: None, switch, lambda host: switch(host, OTHER_WISH)])
@pytest.mark.parametrize("do", [switch, restore])
def test_check_mode_tells_what_a_run_does(host: Host, do: Callable[..., dict], prepared: Callable[[Host], object]) -> None:
    prepared(host)
    before, reloads = host.files(), host.reloads
    rehearsal = do(host, check=True)
    assert (host.files(), host.reloads) == (before, reloads)
    assert do(host) == rehearsal


def test_modes_are_put_right(host: Host) -> None:
    switch(host)
    for path, mode in ((host.settings, 0o644), (host.ours, 0o755), (host.drop_in, 0o600), (host.drop_in.parent, 0o700)):
        path.chmod(mode)
        assert switch(host, check=True)["changed"]
        assert switch(host)["changed"]
        assert_switched(host)


def test_a_link_is_replaced_and_what_it_leads_to_is_left_alone(host: Host) -> None:
    host.ours.mkdir()
    other = host.folder / "etc" / "other"
    other.write_text("A=1\n")
    host.settings.symlink_to(other)
    switch(host)
    assert (other.read_text(), host.settings.is_symlink()) == ("A=1\n", False)


def test_folders_with_something_else_in_them_stay(host: Host) -> None:
    host.drop_in.parent.mkdir()
    theirs = [host.drop_in.parent / "override.conf", host.ours / ".of-another"]
    switch(host)
    for path in theirs:
        path.write_text("")
    restore(host)
    assert [path.exists() for path in theirs] == [True, True]
    assert not host.settings.exists()


@pytest.mark.parametrize("value", ["plain", "$HOME `id` \\ \"quoted\" 'too'", "two\nlines", "ümläut ~ %41", " spaces ", "", "ends with \\"])
def test_systemd_reads_what_was_meant(value: str) -> None:
    assert parse_env_file(settings_text({"b": value, "A": "1"})) == {"A": "1", "b": value}


def test_names_are_in_the_order_of_a_dictionary() -> None:
    assert re.findall(r"^(\w+)=", settings_text({"b": "", "C": "", "A": ""}), re.MULTILINE) == ["A", "b", "C"]


def test_what_is_set_is_not_unset(host: Host) -> None:
    switch(host, WISH._replace(env={**WISH.env, "DATABASE_SCHEMA": "chat"}))
    assert "DATABASE_SCHEMA" not in host.drop_in.read_text()


# -- what systemd makes of it -------------------------------------------------------------------------------------------------------


def test_a_drop_in_that_comes_later_is_noticed(host: Host, tmp_path: Path) -> None:
    later = tmp_path / "zzz.env"
    later.write_text("DATABASE_URL=sqlite:////srv/webui.db\n")
    host.later = [f"EnvironmentFiles={later} (ignore_errors=no)"]
    with pytest.raises(Refused) as caught:
        switch(host)
    assert str(caught.value) == (
        f"{host.drop_in} points chat.service at the new database, but a drop-in that comes after it still says DATABASE_URL otherwise. "
        'See "systemctl cat chat.service".'
    )
    # Now that all is in place, check mode knows as well.
    with pytest.raises(Refused, match="still says DATABASE_URL otherwise"):
        switch(host, check=True)
    restore(host)
    assert_original(host)


def test_what_the_url_leaves_open_the_unit_may_say(host: Host) -> None:
    host.environment += " PGPORT=5433 PGHOST=other"
    for check in (True, False):
        answer = switch(host, WISH._replace(env={"DATABASE_URL": "postgresql://u:p@/chat"}), check=check)
        assert answer["database"]["kind"] == "postgresql"


def test_a_file_that_open_webui_reads_by_itself_is_noticed(host: Host) -> None:
    """Its single settings override DATABASE_URL, and systemd cannot unset them."""
    (host.folder / "lib").mkdir()
    (host.folder / "lib" / ".env").write_text(
        "".join(f"{name}=postgresql\n" if name == "DATABASE_TYPE" else f"{name}=x\n" for name in PARTS)
    )
    for check in (True, False):
        with pytest.raises(Refused, match="still says DATABASE_TYPE"):
            switch(host, check=check)


def test_a_later_drop_in_with_another_pool_is_no_change_for_ever(host: Host) -> None:
    host.environment += " DATABASE_POOL_TIMEOUT=3"
    switch(host)
    host.later = [f"EnvironmentFiles={host.folder}/later.env (ignore_errors=no)"]
    (host.folder / "later.env").write_text("DATABASE_POOL_SIZE=99\n")
    for check in (True, False):
        assert not switch(host, check=check)["changed"]


def test_no_such_unit(host: Host) -> None:
    host.state = "not-found"
    for do in (switch, restore, lambda host: finalized(host.service())):
        with pytest.raises(Refused, match=r"^chat: systemd has no such unit, or cannot load it; correct webui_systemd_unit"):
            do(host)
    assert_original(host)


def test_the_way_back_of_a_unit_that_cannot_be_loaded(host: Host) -> None:
    switch(host)
    host.state = "bad-setting"
    answer = restore(host)
    assert_original(host)
    assert (answer["changed"], answer["database"]["where"]) == (True, "")


def test_a_systemd_that_does_not_read_its_units(host: Host) -> None:
    host.answer = (1, "Failed to reload:\nAccess denied\n")
    with pytest.raises(Refused) as caught:
        switch(host)
    assert str(caught.value) == (
        "systemctl daemon-reload failed with return code 1 and said: Failed to reload: / Access denied; put that right, and run again"
    )


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (WISH._replace(env={"DATABASE_URL": "sqlite:////x"}), "would not use PostgreSQL; give DATABASE_URL in env"),
        (WISH._replace(env={**WISH.env, "A B": "1"}), "cannot hold A B: a name has"),
        (WISH._replace(env={**WISH.env, "A": "x\0y"}), "cannot hold A: a name has"),
        (WISH._replace(env={**WISH.env, "A": "x\ry"}), "cannot hold A: a name has"),
        (WISH._replace(remove=["A\n[Service]"]), "cannot hold A\\n[Service]: a name has"),
    ],
)
def test_settings_that_would_not_do(host: Host, wish: Wish, said: str) -> None:
    for do in (lambda: switch(host, wish), lambda: bootstrapped(host.service(), wish, "", 9)):
        with pytest.raises(Refused, match=re.escape(said)) as caught:
            do()
        assert "\n" not in str(caught.value)
    assert_original(host)


def test_a_place_that_cannot_be_written(host: Host) -> None:
    host.ours.parent.rmdir()
    host.ours.parent.write_text("")
    with pytest.raises(Refused, match=rf"^{host.ours}: cannot be made \(Not a directory\); set ansible_become to true"):
        switch(host)


def test_a_folder_in_the_place_of_a_file(host: Host) -> None:
    host.settings.mkdir(parents=True)
    with pytest.raises(Refused, match=rf"^{host.settings}: cannot be written \(Is a directory\)"):
        switch(host)
    with pytest.raises(Refused, match=rf"^{host.settings}: cannot be removed \(Is a directory\)"):
        restore(host)


def test_finalized_gives_up_the_way_back_and_leaves_what_is_there(host: Host) -> None:
    switch(host)
    before = host.files()
    answer = finalized(host.service())
    assert (answer["changed"], answer["switched"], answer["changed_settings"]) == (False, True, [])
    assert answer["database"]["where"] == "db:5432/chat"
    assert host.files() == before


@pytest.mark.parametrize(
    ("env", "stale"),
    [
        (WISH.env, False),
        ({**WISH.env, "OTHER": "1"}, False),
        ({**WISH.env, "DATABASE_POOL_SIZE": "7"}, True),
        ({**WISH.env, "DATABASE_TYPE": "sqlite"}, True),
        ({"DATABASE_URL": URL}, True),
    ],
)
def test_one_that_runs_with_other_settings_is_stale(host: Host, env: dict[str, str], stale: bool) -> None:
    """Also where an earlier run, which was killed, has written them: then nothing is changed, and it has to be restarted all the same."""
    switch(host)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, env={"PATH": os.environ["PATH"], **env}) as process:
        host.pid = process.pid
        answer = switch(host)
        process.communicate()
    assert (answer["changed"], answer["stale"]) == (False, stale)


def test_one_that_does_not_run_is_not_stale(host: Host) -> None:
    assert switch(host)["stale"] is False


# -- killed -------------------------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The end of the process: nothing that would clean up can do so."""


LEFT: list[int] = []


def step() -> None:
    """One step more, unless it is the one before which the process is killed; then it is dead for good."""
    if LEFT:
        if LEFT[0] <= 0:
            raise Killed
        LEFT[0] -= 1


STEPS = ("mkdir", "chmod", "chown", "fchmod", "fsync", "replace", "unlink", "rmdir")


def killed(monkeypatch: pytest.MonkeyPatch, steps: int, do: Callable[[], object]) -> bool:
    """Do it, and kill it after so many steps. Returns whether it had more of them than that."""

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            step()
            return real(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, counted(getattr(os, name)))
        patch.setattr(tempfile, "mkstemp", counted(tempfile.mkstemp))
        LEFT[:] = [steps]
        try:
            do()
        except Killed:
            return True
        finally:
            LEFT.clear()
        return False


def at_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Host], object], do: Callable[[Host], object]):
    """A host for each step at which it can be killed."""
    for steps in range(100):
        folder = tmp_path / f"killed-{steps}"
        folder.mkdir()
        host = Host(folder)
        prepare(host)
        if not killed(monkeypatch, steps, partial(do, host)):
            assert steps > 5
            return
        yield host
    raise AssertionError("it never ends")


def as_it_was(host: Host) -> None:
    assert_original(host)


def test_a_killed_switch_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for host in at_every_step(tmp_path, monkeypatch, as_it_was, switch):
        # The unit can be started: what it refers to is there.
        if host.drop_in.exists():
            assert host.settings.read_text() == SETTINGS
        rehearsal = switch(host, check=True)
        assert switch(host) == rehearsal
        assert_switched(host)
        assert not switch(host)["changed"]
        restore(host)
        assert_original(host)


def test_a_killed_switch_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for host in at_every_step(tmp_path, monkeypatch, as_it_was, switch):
        rehearsal = restore(host, check=True)
        assert restore(host) == rehearsal
        assert_original(host)


def test_a_killed_change_of_settings_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for host in at_every_step(tmp_path, monkeypatch, lambda host: switch(host, OTHER_WISH), switch):
        assert host.settings.exists()
        switch(host)
        assert_switched(host)


@pytest.mark.parametrize("do", [restore, switch])
def test_a_killed_way_back_is_finished_or_turned_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, do: Callable[..., dict]) -> None:
    for host in at_every_step(tmp_path, monkeypatch, switch, restore):
        # The unit can be started: what it refers to is there.
        if host.drop_in.exists():
            assert host.settings.read_text() == SETTINGS
        assert do(host, check=True) == do(host)
        (assert_original if do is restore else assert_switched)(host)


def test_a_killed_bootstrap_leaves_nothing_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_switch, "run_command", lambda *arguments: step() or Answer(0, ""))
    for do, assert_done in ((switch, assert_switched), (restore, assert_original)):
        place = tmp_path / do.__name__
        place.mkdir()
        for host in at_every_step(place, monkeypatch, as_it_was, lambda host: bootstrapped(host.service(), WISH, "", 9)):
            assert [mode for path, (mode, text) in host.files().items() if PASSWORD in text and mode != "0600"] == []
            do(host)
            assert_done(host)


# -- the bootstrap ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bootstraps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str], float]]:
    """What was run: the words, what the env file said, and the time it has."""
    seen: list[tuple[list[str], dict[str, str], float]] = []

    def run(argv: list[str], env_file: str, timeout: float) -> Answer:
        assert stat.S_IMODE(os.stat(env_file).st_mode) == 0o600
        seen.append((argv, parse_env_file(Path(env_file).read_text()), timeout))
        return Answer(0, "")

    monkeypatch.setattr(service_switch, "run_command", run)
    return seen


def test_the_schema_is_created_as_the_service_would(host: Host, bootstraps: list) -> None:
    answer = bootstrapped(host.service(), WISH, "", 9)
    ((argv, env, timeout),) = bootstraps
    assert argv[:10] == [
        *("systemd-run", "--quiet", "--wait", "--pipe", "--collect"),
        "--property=User=chat",
        "--property=WorkingDirectory=/srv",
        f"--property=EnvironmentFile={host.settings}.bootstrap",
        "--property=RuntimeMaxSec=14",
        "/bin/sh",
    ]
    assert argv[-3:] == ["sh", "/opt/chat/bin/python", host.package]
    assert env == {**WISH.env, "DATA_DIR": "/srv/data", "WEBUI_SECRET_KEY": "of no use here", "FROM_INIT_PY": "true"}
    assert (timeout, answer["changed"], answer["changed_settings"], answer["switched"]) == (9, True, [], False)
    assert PASSWORD not in json.dumps([argv, answer])
    assert_original(host)


def test_the_schema_is_created_in_the_data_folder_that_is_named(host: Host, bootstraps: list) -> None:
    bootstrapped(host.service(), WISH, "/srv/elsewhere", 9)
    assert bootstraps[0][1]["DATA_DIR"] == "/srv/elsewhere"


def test_a_bootstrap_leaves_the_settings_alone(host: Host, bootstraps: list) -> None:
    switch(host)
    bootstrapped(host.service(), OTHER_WISH, "", 9)
    assert_switched(host)


def test_a_bootstrap_in_check_mode(host: Host, bootstraps: list) -> None:
    assert bootstrapped(host.service(check=True), WISH, "", 9)["changed"]
    assert bootstraps == []
    assert_original(host)


def test_a_bootstrap_that_fails(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    said = f"Traceback\nsqlalchemy.exc.OperationalError: no access for {URL} or p@ss-1, key k3y-of-old"
    monkeypatch.setattr(service_switch, "run_command", lambda *arguments: Answer(1, said))
    with pytest.raises(Refused) as caught:
        bootstrapped(host.service(), WISH, "", 9)
    message = str(caught.value)
    assert message.startswith("/opt/chat/bin/python failed to create Open WebUI's schema in chat. Its last words: ")
    assert "OperationalError" in message
    assert not any(secret in message for secret in (PASSWORD, "p@ss-1"))
    assert_original(host)


def test_a_bootstrap_without_a_python(host: Host) -> None:
    host.package = ""
    with pytest.raises(Refused, match=r"^chat.service: the Python of its Open WebUI was not found; set webui_instance_systemd_python$"):
        bootstrapped(host.service(), WISH, "", 9)
