# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each runtime says of itself, and what stands in its way: each sentence, and when there is none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.registry import RUNTIMES, runtime_of
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Asked
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes import systemd
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.command import Command
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.compose import Compose
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.container import Container
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.systemd import Systemd
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from lab.fake_compose import FakeCompose
from lab.fake_engine import IMAGE, IMAGE_ID

DESIRED = {"by_network": True, "driver": "psycopg2", "settings": ["DATABASE_URL"], "removed": ["DATABASE_TYPE"], "networks": ["pg"]}


def sentences(runtime, instance=None, **desired):
    (instance,) = [instance] if instance is not None else runtime.find()
    return [problem.message for problem in runtime.findings({**instance, "desired": {**DESIRED, **desired}})]


def test_the_order_in_which_auto_looks():
    """Commands are there only where the operator has written some, and containers go before a unit."""
    assert list(RUNTIMES) == ["command", "container", "compose", "systemd"]
    assert all(runtime_of(Asked(), name).name == name for name in RUNTIMES)


@pytest.mark.parametrize(
    ("name", "able"),
    [
        ("command", {"by_commands"}),
        ("container", {"has_engine", "keeps_old", "one_shot", "can_be_made"}),
        ("compose", {"has_engine", "one_shot"}),
        ("systemd", set()),
    ],
)
def test_what_can_be_asked_of_a_runtime(name, able):
    assert {capability for capability, there in RUNTIMES[name].capabilities._asdict().items() if there} == able


@pytest.mark.parametrize("name", ["command", "systemd"])
def test_only_a_container_can_be_made(name):
    with pytest.raises(NotImplementedError, match=f"{name} makes none"):
        runtime_of(Asked(), name).to_be_made({})


# -- containers -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def container(fake):
    return Container(Asked(docker_host=fake.host))


def test_a_container_that_is_as_it_should_be(fake, container):
    fake.run()
    assert sentences(container) == []


def test_a_container_that_removes_itself(fake, container):
    fake.run("chat", host={"AutoRemove": True})
    assert sentences(container) == [
        "The container chat was started with --rm: stopping it destroys it, and with it the way back. Run it without --rm first."
    ]


def test_a_container_without_a_folder_on_the_host(fake, container):
    fake.run(host={"Binds": []})
    (message,) = sentences(container)
    assert message == container.find()[0]["out_of_reach"] != ""
    # Where the operator names one, that is looked at.
    assert sentences(Container(container.asked._replace(data_dir="/srv/data"))) == []


@pytest.mark.parametrize("mode", ["none", "container:vpn"])
@pytest.mark.parametrize("by_network", [True, False])
def test_a_container_that_can_be_given_no_network(fake, container, mode, by_network):
    fake.run("vpn", {"Image": IMAGE, "Labels": {}})
    fake.run("chat", {"ExposedPorts": None}, {"NetworkMode": mode, "PortBindings": {}})
    runtime = Container(container.asked._replace(container_name="chat"))
    assert (
        sentences(runtime, by_network=by_network)
        == [
            f"The container chat has the network mode {mode}, which cannot be given a network to PostgreSQL. Set webui_postgres_mode to "
            "external and webui_database_url_host to an address that it reaches."
        ]
        * by_network
    )


@pytest.mark.parametrize("mode", ["host", "bridge", "default"])
def test_other_network_modes_are_no_obstacle(fake, container, mode):
    fake.run(host={"NetworkMode": mode})
    assert sentences(container) == []


def double(fake, env=(), unfinished=False):
    fake.run("chat-on-sqlite")
    fake.run("chat", {"Env": ["WEBUI_SECRET_KEY=k", *env]})
    if unfinished:
        fake.run("chat-on-postgresql")


def test_a_container_with_a_double(fake, container):
    double(fake)
    assert sentences(container) == [
        "There is a container chat-on-sqlite from an earlier move, beside chat, which runs on SQLite itself. Remove or rename "
        "chat-on-sqlite, after a look at which of the two is the right one."
    ]


@pytest.mark.parametrize("options", [{"env": ["DATABASE_URL=postgresql://db/x"]}, {"unfinished": True}])
def test_a_move_s_own_containers_are_no_doubles(fake, container, options):
    double(fake, **options)
    assert sentences(container) == []


def test_all_that_a_container_lacks_is_said_at_once(fake, container):
    fake.run("chat", host={"AutoRemove": True, "Binds": [], "NetworkMode": "none", "PortBindings": {}})
    one, two, three = sentences(container)
    assert one.startswith("The container chat was started with --rm")
    assert two == container.find()[0]["out_of_reach"]
    assert three.startswith("The container chat has the network mode none")


def test_a_container_whose_image_is_gone(fake, container):
    fake.run("chat")
    del fake.images[IMAGE_ID]
    assert sentences(container) == [
        f"The image of chat ({IMAGE_ID}) is no longer on the host, so no container can be made of it. Pull {IMAGE} again, or set "
        "webui_image to the image that is to run."
    ]
    # Where another one is to run, or where nothing is made any more, it plays no part.
    assert sentences(Container(container.asked._replace(image="open-webui:other"))) == []
    (instance,) = container.find()
    assert sentences(container, {**instance, "database": {**instance["database"], "on_target": True}}) == []


@pytest.mark.parametrize(
    ("kind", "facts", "says"),
    [
        (Container, {}, True),
        (Container, {"kept": {"id": "1", "name": "chat-on-sqlite"}}, False),
        # There was none on SQLite.
        (Container, {"made": True}, False),
        # Compose makes one again from its files.
        (Compose, {}, False),
    ],
)
def test_whether_there_is_a_way_back(kind, facts, says):
    instance = {"made": False, "kept": {}, "image": "open-webui:1", "data_dir": "/srv/chat", **facts}
    sentence = (
        "The container on SQLite is not kept any more (webui_cutover_keep_old). To go back all the same, run the image open-webui:1 on "
        "/srv/chat by hand, without DATABASE_URL."
    )
    assert kind(Asked()).no_way_back(instance) == [sentence] * says


def test_another_container_than_the_one_that_is_named_is_none(fake, container):
    fake.run("chat")
    assert Container(container.asked._replace(container_name="other")).find() == []


def test_an_engine_that_is_not_there(tmp_path):
    with pytest.raises(Refused, match="there is no such socket"):
        Container(Asked(docker_host=f"unix://{tmp_path}/none")).find()


# -- compose --------------------------------------------------------------------------------------------------------------------

SERVICE = {"image": IMAGE, "container_name": "open-webui", "environment": {"DATABASE_TYPE": "x"}}


@pytest.fixture
def compose(fake, tmp_path, monkeypatch):
    fake.networks["pg"] = "a" * 64
    project = FakeCompose(fake, tmp_path, {"open-webui": json.loads(json.dumps(SERVICE))})
    project.up()
    monkeypatch.setattr(Compose, "command", project)
    return project


def asked_of_compose(compose, **options):
    return Compose(Asked(docker_host=compose.engine.host, **options))


def test_a_service_that_is_as_it_should_be(compose):
    runtime = asked_of_compose(compose)
    changes = list(compose.engine.changes)
    before = sorted(os.listdir(compose.folder))
    assert sentences(runtime) == []
    assert (compose.engine.changes, sorted(os.listdir(compose.folder))) == (changes, before)


def test_it_is_found_by_compose_s_own_labels(compose):
    compose.engine.run("plain")
    assert [found["name"] for found in asked_of_compose(compose).find()] == ["open-webui"]
    assert [found["name"] for found in Container(Asked(docker_host=compose.engine.host)).find()] == ["plain"]


def test_what_a_container_lacks_is_said_before_what_compose_says(compose):
    compose.container("open-webui")["HostConfig"]["AutoRemove"] = True
    compose.number = "2.3.3"
    one, two = sentences(asked_of_compose(compose))
    assert one.startswith("The container open-webui was started with --rm")
    assert two.startswith("Open WebUI belongs to the Compose project ")
    assert '"docker compose version" says 2.3.3' in two


def test_a_container_that_is_not_what_its_files_describe(compose):
    compose.services["open-webui"]["environment"]["MORE"] = "1"
    (message,) = sentences(asked_of_compose(compose))
    assert message.startswith("The container open-webui is not what its Compose files describe now")


@pytest.mark.parametrize("mode", ["host", "none"])
def test_its_network_mode_is_a_question_to_its_files(compose, mode):
    compose.services["open-webui"]["network_mode"] = mode
    start = f"The service open-webui has network_mode: {mode}, so Compose can give it no network to PostgreSQL. "
    assert sentences(asked_of_compose(compose))[0].startswith(start)
    assert not any(message.startswith(start) for message in sentences(asked_of_compose(compose), networks=[]))


def test_an_override_file_of_the_user_s(compose):
    (compose.folder / "compose.override.yaml").write_text("services: {}\n")
    compose.up()
    assert any("webui_instance_compose_override" in message for message in sentences(asked_of_compose(compose)))


def test_a_stack_whose_files_are_elsewhere(compose):
    Path(compose.main).unlink()
    (message,) = sentences(asked_of_compose(compose))
    assert message.startswith("The container open-webui belongs to the Compose project ")
    assert "tools like Portainer" in message


# -- systemd --------------------------------------------------------------------------------------------------------------------

UNIT = {
    "name": "chat.service",
    "exec": "/opt/chat/bin/open-webui",
    "python": "/opt/chat/bin/python",
    "drivers": ["psycopg2"],
    "data_dir": "/srv/chat",
    "dotenv": {"path": "/opt/chat/.env", "sets": []},
}


@pytest.fixture
def units(tmp_path, monkeypatch):
    """A folder of units that can be written to."""
    monkeypatch.setattr(systemd, "UNITS", str(tmp_path / "system"))
    (tmp_path / "system").mkdir()
    return tmp_path / "system"


@pytest.mark.parametrize(
    ("facts", "driver", "python", "message"),
    [
        ({}, "psycopg2", "", ""),
        (
            {"python": ""},
            "psycopg2",
            "",
            "The Python of /opt/chat/bin/open-webui was not found, or has no Open WebUI. Set webui_instance_systemd_python to the Python "
            'that Open WebUI is installed for; for uvx, install it with "uv tool install".',
        ),
        (
            {"python": "", "exec": ""},
            "psycopg2",
            "",
            "The Python of the service was not found, or has no Open WebUI. Set webui_instance_systemd_python to the Python "
            'that Open WebUI is installed for; for uvx, install it with "uv tool install".',
        ),
        (
            {"python": "", "drivers": []},
            "psycopg",
            "/opt/other/python",
            "/opt/other/python, which webui_instance_systemd_python names, has no Open WebUI. Correct it.",
        ),
        (
            {"drivers": []},
            "psycopg2",
            "",
            "/opt/chat/bin/python has no psycopg2, without which Open WebUI cannot use PostgreSQL. Install psycopg2-binary for it, or set "
            "webui_database_url_scheme to postgresql+psycopg and install psycopg[binary] (Open WebUI 0.9.6 or newer).",
        ),
        (
            {"drivers": ["psycopg"]},
            "psycopg2",
            "",
            "/opt/chat/bin/python has no psycopg2, without which Open WebUI cannot use PostgreSQL. Install psycopg2-binary for it, or set "
            "webui_database_url_scheme to postgresql+psycopg (Open WebUI 0.9.6 or newer).",
        ),
        (
            {"drivers": ["psycopg2"]},
            "psycopg",
            "",
            "/opt/chat/bin/python has no psycopg, without which Open WebUI cannot use PostgreSQL. Install psycopg-binary for it.",
        ),
        ({"drivers": ["psycopg2", "psycopg"]}, "psycopg", "", ""),
        ({"data_dir": ""}, "psycopg2", "", "Nothing says where chat.service keeps its data. Set webui_data_dir."),
        (
            {"dotenv": {"path": "/opt/chat/.env", "sets": ["DATABASE_TYPE", "DATABASE_URL"]}},
            "psycopg2",
            "",
            "Open WebUI reads /opt/chat/.env by itself, which sets DATABASE_TYPE, DATABASE_URL. Move these lines to an env file of "
            "chat.service.",
        ),
    ],
)
def test_what_a_unit_lacks(units, facts, driver, python, message):
    assert sentences(Systemd(Asked(python=python)), {**UNIT, **facts}, driver=driver) == ([message] if message else [])


def test_all_that_a_unit_lacks_is_said_at_once(units):
    units.rmdir()
    facts = {**UNIT, "drivers": [], "data_dir": "", "dotenv": {"path": "/x", "sets": ["DATABASE_URL"]}}
    said = sentences(Systemd(Asked()), facts)
    assert said[0] == f"{units} cannot be written to. Set ansible_become to true: a service is root's."
    assert len(said) == 4


def test_the_units_are_those_of_the_system():
    assert systemd.UNITS == "/etc/systemd/system"


@pytest.fixture
def program(tmp_path, monkeypatch):
    """program(name, script): a program that is found by its name."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def make(name, script):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return make


SYSTEMCTL = "echo Id=chat.service; echo LoadState=loaded; echo ActiveState=inactive; echo Environment=DATA_DIR=/srv/data TOKEN=t0k3n"


def test_a_unit_is_found(program):
    program("systemctl", SYSTEMCTL)
    (found,) = Systemd(Asked(unit="chat")).find()
    assert (found["name"], found["running"], found["data_dir"]) == ("chat.service", False, "/srv/data")
    assert "t0k3n" not in json.dumps(found)


@pytest.mark.parametrize("script", ["echo LoadState=not-found", "exit 1"])
def test_a_unit_that_is_not_there(program, script):
    program("systemctl", script)
    assert Systemd(Asked()).find() == []


def test_a_host_without_systemd(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(systemd, "_SBIN", ())
    assert Systemd(Asked()).find() == []


def test_how_a_command_is_run(program):
    program("told", 'echo "$1 $MORE $(pwd)"; echo error >&2; exit 3')
    # What fails says why among its errors.
    assert systemd.run(["told", "a b"], environment={"MORE": "x"}) == (3, "a b x /\nerror\n")
    program("told", "echo error >&2; echo fine")
    assert systemd.run(["told"]) == (0, "fine\n")
    assert systemd.run(["no-such-command-here"]) == (127, "")


@pytest.mark.parametrize(("user", "name"), [("chat", "nobody"), ("65534", "nobody"), ("0", "root"), ("", ""), ("root", "")])
def test_code_of_others_is_run_as_them(program, monkeypatch, user, name):
    """Also for a user that systemd makes up when it starts the unit."""
    program("runuser", 'shift; echo "as $1"')
    program("told", "echo as we are")
    monkeypatch.setattr(systemd.os, "geteuid", lambda: 0)
    assert systemd.run(["told"], user) == (0, f"as {name}\n" if name else "as we are\n")
    monkeypatch.setattr(systemd.os, "geteuid", lambda: 1000)
    assert systemd.run(["told"], user) == (0, "as we are\n")


# -- commands -------------------------------------------------------------------------------------------------------------------


def command(tmp_path, env_file="chat.env", **options):
    words = {name: ["true"] for name in ("probe", "stop", "start", "bootstrap")}
    return Command(Asked(runtime="command", env_file=str(tmp_path / env_file) if env_file else "", commands={**words, **options}))


def test_commands_that_are_as_they_should_be(tmp_path):
    assert sentences(command(tmp_path)) == []


def test_an_env_file_is_needed(tmp_path):
    assert sentences(command(tmp_path, env_file="")) == [
        "Set webui_env_file to the file with the environment of Open WebUI; it need not exist yet."
    ]


def test_an_env_file_that_could_not_be_replaced(tmp_path):
    (message,) = sentences(command(tmp_path, env_file="none/chat.env"))
    assert message == f"There is no folder {tmp_path}/none for webui_env_file. Create it, or correct webui_env_file."


@pytest.mark.parametrize("name", ["probe", "stop", "start", "bootstrap"])
def test_each_command_is_needed(tmp_path, name):
    assert sentences(command(tmp_path, **{name: []})) == [f"webui_command_{name} is not set; this runtime needs it."]


def test_no_command_at_all(tmp_path):
    for commands in (None, {}):
        said = sentences(Command(Asked(runtime="command", commands=commands)))
        assert [message.split(" ")[0] for message in said] == [
            "Set",
            *(f"webui_command_{name}" for name in ("probe", "stop", "start", "bootstrap")),
        ]


def test_a_command_that_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CHAT", "nothing-of-the-kind")
    said = sentences(command(tmp_path, probe=["~/probe", "x"], stop=["$CHAT"], start=["$CHAT", "again"], bootstrap=["test", "-e", "/"]))
    assert said == [
        f"{word} is no command on the target host; correct the webui_command_ variable that names it."
        for word in (f"{tmp_path}/probe", "nothing-of-the-kind")
    ]


def test_an_env_file_says_where_it_leads(tmp_path):
    (tmp_path / "chat.env").write_text("DATA_DIR=/srv/chat\nWEBUI_SECRET_KEY=k3y-of-the-walk\n")
    (found,) = command(tmp_path).find()
    assert (found["data_dir"], found["sqlite_path"], found["exists"]) == ("/srv/chat", "/srv/chat/webui.db", True)
    assert "k3y-of-the-walk" not in json.dumps(found)


def test_without_a_word_of_commands_there_is_none():
    assert Command(Asked(env_file="/etc/open-webui.env", commands={"probe": []})).find() == []
