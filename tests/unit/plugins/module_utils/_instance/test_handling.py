# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each runtime stops and starts Open WebUI, and what it says of one that has ended."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Asked, Life
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.command import Command
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.compose import Compose
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.container import Container
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.systemd import Systemd, run
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from lab.fake_compose import FakeCompose
from lab.fake_engine import frames

CHAT = {"name": "open-webui"}
UNIT = {"name": "chat.service", "database": {"kind": "sqlite", "where": ""}}


def message(do: Any, *arguments: Any) -> str:
    with pytest.raises(Refused) as caught:
        do(*arguments)
    [problem] = caught.value.problems
    return problem.message


# -- a container ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def container(fake) -> Container:
    return Container(Asked(docker_host=fake.host, stop_timeout=7))


def test_a_container_is_stopped_and_started(container, fake):
    own = fake.run()
    assert container.is_running(CHAT)
    container.stop(CHAT)
    assert not container.is_running(CHAT)
    container.start(CHAT)
    assert container.is_running(CHAT)
    assert fake.changes == [f"POST /v1.41/containers/{own}/stop?t=7", f"POST /v1.41/containers/{own}/start"]


def test_a_container_that_wants_more_time_has_it(container, fake):
    fake.run(config={"StopTimeout": 300})
    container.stop(CHAT)
    assert fake.changes[0].endswith("/stop?t=300")


def test_a_container_that_somebody_has_stopped_or_started_meanwhile(container, fake):
    fake.run()
    fake.refuse("/stop", 304, "")
    fake.refuse("/start", 304, "")
    container.stop(CHAT)
    container.start(CHAT)


def test_a_container_that_somebody_has_removed_meanwhile(container, fake):
    container.stop(CHAT)
    fake.run()
    fake.refuse("/stop", 404, "No such container")
    container.stop(CHAT)
    assert "There is no container chat to start" in message(container.start, {"name": "chat"})


def test_a_paused_container_is_stopped(container, fake):
    own = fake.run()
    fake.containers[own]["State"].update({"Status": "paused", "Paused": True})
    container.stop(CHAT)
    assert not container.is_running(CHAT)


def test_a_container_that_the_engine_cannot_handle(container, fake):
    fake.run()
    fake.refuse("/stop", 500, "cannot stop container: tried to kill, but did not receive an exit event")
    assert message(container.stop, CHAT).startswith("The container open-webui could not be stopped: the Docker Engine says: cannot stop")
    fake.refuse("/start", 500, "driver failed: port is already allocated")
    assert message(container.start, CHAT).endswith("could not be started: the Docker Engine says: driver failed: port is already allocated")


def test_the_container_that_has_the_name_now_is_the_one(container, fake):
    """A switch makes another one, and a killed run may have left it under another name."""
    own = fake.run(name="open-webui-on-sqlite")
    container.stop({**CHAT, "id": "of another one"})
    assert fake.containers[own]["State"]["Running"] is False


@pytest.mark.parametrize(
    ("state", "restarts", "life"),
    [
        ({"Running": True}, 0, Life(True, 0, "")),
        ({"Running": True, "Restarting": True, "ExitCode": 1}, 2, Life(True, 2, "")),
        ({"Running": False, "ExitCode": 3}, 0, Life(False, 0, "the container open-webui has exited with exit code 3")),
        (
            {"Running": False, "ExitCode": 137, "OOMKilled": True},
            4,
            Life(False, 4, "the container open-webui has exited with exit code 137, for want of memory"),
        ),
    ],
)
def test_how_a_container_is(container, fake, state, restarts, life):
    fake.containers[fake.run()].update({"State": state, "RestartCount": restarts})
    assert container.life(CHAT) == life


def test_a_container_that_is_gone(container):
    assert container.life(CHAT) == Life(False, 0, "the container open-webui is gone")
    assert container.is_running(CHAT) is False
    assert container.log(CHAT, 5) == []


def test_the_last_lines_of_a_container(container, fake):
    own = fake.run()
    fake.logs[own] = frames((1, b"one\n"), (2, b"key t0p-s3cret-of-the-walk\n"))
    assert container.log(CHAT, 5) == ["one", "key ********"]


# -- Compose --------------------------------------------------------------------------------------------------------------------


def test_a_container_of_compose_is_stopped_by_the_engine_and_started_by_compose(fake, tmp_path):
    faked = FakeCompose(fake, tmp_path, {"chat": {"container_name": "chat"}})
    faked.up()
    compose = Compose(Asked(docker_host=fake.host))
    compose.command = faked
    instance = {"name": "chat"}
    compose.stop(instance)
    assert not compose.is_running(instance)
    compose.start(instance)
    assert compose.is_running(instance)
    assert instance["warnings"] == []


def test_a_project_whose_files_are_gone(fake, tmp_path):
    faked = FakeCompose(fake, tmp_path, {"chat": {"container_name": "chat"}})
    faked.up()
    for file in tmp_path.rglob("*.y*ml"):
        file.unlink()
    compose = Compose(Asked(docker_host=fake.host))
    compose.command = faked
    assert message(compose.start, {"name": "chat"})


# -- systemd --------------------------------------------------------------------------------------------------------------------


class Host:
    """Answers for systemctl, and does as it is told."""

    def __init__(self) -> None:
        self.facts = {"ActiveState": "active", "Result": "success", "NRestarts": "0", "MainPID": "0"}
        self.asked: list[list[str]] = []
        self.fails: dict[str, str] = {}

    def __call__(self, command: list[str], user: str = "", environment: dict[str, str] | None = None) -> tuple[int, str]:
        what = command[1]
        if what == "show":
            names = [word.partition("=")[2] for word in command if word.startswith("--property=")]
            return 0, "".join(f"{name}={self.facts[name]}\n" for name in names if name in self.facts)
        self.asked.append(command)
        if what in self.fails:
            return 1, self.fails[what]
        if what in ("stop", "start"):
            self.facts["ActiveState"] = "inactive" if what == "stop" else "active"
        return 0, ""


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def systemd(host) -> Systemd:
    systemd = Systemd(Asked(unit="chat"))
    systemd.run = host
    return systemd


def test_a_unit_is_stopped_and_started(systemd, host):
    assert systemd.is_running(UNIT)
    systemd.stop(UNIT)
    assert not systemd.is_running(UNIT)
    systemd.start(UNIT)
    assert systemd.is_running(UNIT)
    assert host.asked == [
        ["systemctl", "stop", "--", "chat.service"],
        ["systemctl", "daemon-reload"],
        ["systemctl", "reset-failed", "--", "chat.service"],
        ["systemctl", "start", "--", "chat.service"],
    ]


@pytest.mark.parametrize("what", ["stop", "daemon-reload", "start"])
def test_a_unit_that_systemctl_cannot_handle(systemd, host, what):
    host.fails[what] = "Failed: Access denied\n"
    said = message(systemd.stop if what == "stop" else systemd.start, UNIT)
    assert said.startswith(f'"systemctl {what}')
    assert said.endswith("failed with return code 1. Its last words: Failed: Access denied")


def test_a_unit_that_has_not_failed_needs_no_reset(systemd, host):
    host.fails["reset-failed"] = "Unit chat.service not loaded."
    systemd.start(UNIT)
    assert systemd.is_running(UNIT)


@pytest.mark.parametrize(
    ("facts", "life"),
    [
        ({}, Life(True, 0, "")),
        ({"ActiveState": "activating", "Result": "exit-code", "NRestarts": "2"}, Life(True, 2, "")),
        ({"ActiveState": "failed", "Result": "exit-code", "NRestarts": "5"}, Life(False, 5, "chat.service is failed, result exit-code")),
        ({"ActiveState": "inactive"}, Life(False, 0, "chat.service is inactive")),
        # Before systemd 235.
        ({"ActiveState": "failed", "Result": "oom-kill", "NRestarts": ""}, Life(False, 0, "chat.service is failed, result oom-kill")),
    ],
)
def test_how_a_unit_is(systemd, host, facts, life):
    host.facts.update(facts)
    assert systemd.life(UNIT) == life


def test_a_systemctl_that_does_not_say(systemd, host):
    host.facts.clear()
    assert "does not say how chat.service is" in message(systemd.life, UNIT)


def test_why_a_command_has_failed_is_among_its_errors():
    script = "echo out; echo why >&2; exit {}"
    assert run(["sh", "-c", script.format(3)]) == (3, "out\nwhy\n")
    assert run(["sh", "-c", script.format(0)]) == (0, "out\n")


# -- commands -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def commands(tmp_path: Path) -> dict[str, list[str]]:
    """Real ones: a file stands for a process, and what they were given is noted."""
    up = tmp_path / "up"
    return {
        "probe": ["test", "-e", str(up)],
        "start": ["sh", "-c", f'echo "$WEBUI_ENV_FILE" > {up}'],
        "stop": ["rm", str(up)],
    }


@pytest.fixture
def of_commands(commands, tmp_path):
    return functools.partial(lambda **more: Command(Asked(**{"env_file": f"{tmp_path}/chat.env", "commands": commands, **more})))


def test_commands_are_run_with_the_env_file(of_commands, tmp_path):
    command = of_commands()
    assert not command.is_running({})
    command.start({})
    assert command.is_running({})
    assert command.life({}) == Life(True, 0, "")
    assert (tmp_path / "up").read_text() == f"{tmp_path}/chat.env\n"
    command.stop({})
    assert not command.is_running({})
    assert command.life({}).end == ""
    assert command.log({}, 20) == []


def test_a_stop_command_that_does_not_wait(of_commands, commands, tmp_path):
    """It has ended when the probe says so: what the probe itself removes is what ends meanwhile."""
    (tmp_path / "up").write_text("")
    looks = tmp_path / "looks"
    commands["stop"] = ["true"]
    commands["probe"] = ["sh", "-c", f"echo look >> {looks}; test $(wc -l < {looks}) -lt 3"]
    of_commands(settle_timeout=600).stop({})
    assert len(looks.read_text().splitlines()) == 3


def test_a_stop_command_that_stops_nothing(of_commands, commands):
    commands["stop"], commands["probe"] = ["true"], ["true"]
    said = message(of_commands(settle_timeout=0).stop, {})
    assert said.startswith(
        'The stop command has ended, but 0 seconds later "true" still says that Open WebUI runs. Make webui_command_stop'
    )


@pytest.mark.parametrize("which", ["stop", "start"])
def test_a_command_that_fails(of_commands, commands, tmp_path, which):
    (tmp_path / "chat.env").write_text("WEBUI_SECRET_KEY=t0p-s3cret\n")
    commands[which] = [sys.executable, "-c", "import sys; sys.exit('no t0p-s3cret here')"]
    command = of_commands()
    said = message(getattr(command, which), {})
    assert "failed with return code 1" in said
    assert "no ******** here" in said
    assert "t0p-s3cret" not in said


def test_a_probe_that_gives_no_answer(of_commands, commands):
    commands["probe"] = ["no-such-command-here"]
    assert "return code 127" in message(of_commands().is_running, {})


@pytest.mark.parametrize("which", ["probe", "stop", "start"])
def test_a_command_that_is_not_set(of_commands, commands, which):
    commands[which] = []
    command = of_commands()
    do = {"probe": command.is_running, "stop": command.stop, "start": command.start}[which]
    assert message(do, {}) == f"webui_command_{which} is not set; this runtime needs it."
