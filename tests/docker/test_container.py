# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers found, replaced and put back on a real engine, with about all that can be said of a container.

Most of them only sleep. What Open WebUI makes of its new settings is for the tests of the whole road.
"""

from __future__ import annotations

import copy
import json
import os
import time
from typing import Any, Callable, NamedTuple

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.clone import Wish
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.containers import info
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.replace import finalized, restored, switched
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from lab.containers import WAIT_SECONDS

KEY = "k3y-of-this-test"
SLEEP = ("sleep", "900")
# The shell in the first place has no ear for SIGTERM, and nobody needs to wait for it.
QUICK = ("--stop-signal", "KILL")


class Ours(NamedTuple):
    """A container, and what can be done to it."""

    name: str
    engine: Engine
    network: str

    def found(self, **options: Any) -> dict[str, Any]:
        [container] = info(self.engine, self.name, options.get("secret_key", False), options.get("log_lines", 0))["containers"]
        return container

    def switch(self, check: bool = False, **env: str) -> dict[str, Any]:
        settings = {"DATABASE_URL": "postgresql://u:p%40ss@db/o", "DATABASE_POOL_SIZE": "15", "WEBUI_SECRET_KEY": KEY, **env}
        return switched(self.engine, self.name, Wish(settings, ["DATABASE_TYPE"], [self.network], ""), 1, check)

    def restore(self, check: bool = False) -> dict[str, Any]:
        return restored(self.engine, self.name, 1, check)

    def settle(self) -> dict[str, Any]:
        return finalized(self.engine, self.name, 1, False)


@pytest.fixture(scope="module")
def pg_network(docker, scratch) -> str:
    name = scratch.name("pg")
    docker.cli("network", "create", name)
    return name


@pytest.fixture
def make(docker, scratch, image, pg_network) -> Callable[..., Ours]:
    """make("--option", …) -> a container that only sleeps, and was started unless start=False"""

    def create(*options: str, command: tuple[str, ...] = SLEEP, start: bool = True, name: str = "") -> Ours:
        name = name or scratch.name()
        docker.cli("run" if start else "create", *(["--detach"] if start else []), "--name", name, *options, image("open-webui"), *command)
        return Ours(name, Engine(docker.engine.host), pg_network)

    return create


def settings(docker, name: str) -> dict[str, Any]:
    """All that the user chose for a container, as the engine tells it."""
    facts = docker.inspect(name)
    config, host = copy.deepcopy(facts["Config"]), copy.deepcopy(facts["HostConfig"])
    automatic = {facts["Id"][:12], config["Hostname"]}
    if config["Hostname"] == facts["Id"][:12]:
        del config["Hostname"]
    mounts = [{key: mount.get(key) for key in ("Type", "Name", "Source", "Destination", "RW", "Propagation")} for mount in facts["Mounts"]]
    # Named from now on, so that its data is not left behind.
    host["Binds"] = sorted(bind for bind in host["Binds"] or [] if bind.startswith("/"))
    for mount in host.get("Mounts") or []:
        mount.pop("Source", None)
    host["Links"] = sorted(link.rsplit("/", 1)[-1] for link in host["Links"] or [])
    networks = {
        network: {
            "IPAMConfig": asked["IPAMConfig"] or {},
            "Aliases": sorted(set(asked["Aliases"] or []) - automatic),
            "Links": asked["Links"],
            "DriverOpts": asked["DriverOpts"],
        }
        for network, asked in facts["NetworkSettings"]["Networks"].items()
    }
    mounts.sort(key=lambda mount: mount["Destination"])
    return {"Config": config, "HostConfig": host, "Mounts": mounts, "Networks": networks, "Image": facts["Image"]}


def assert_there_and_back(docker, ours: Ours) -> dict[str, Any]:
    """Switched with nothing else changed, again without a change, and back to the same container. Returns what the new one was."""
    before = settings(docker, ours.name)
    old = docker.inspect(ours.name)
    rehearsal = ours.switch(check=True)
    assert settings(docker, ours.name) == before
    answer = ours.switch()
    assert answer["warnings"] == []
    assert {**rehearsal, "id": "", "diff": ""} == {**answer, "id": "", "diff": ""}
    new = docker.inspect(ours.name)
    assert new["Id"] == answer["id"] != old["Id"]
    assert new["State"]["Status"] == "created"
    kept = docker.inspect(f"{ours.name}-on-sqlite")
    assert (kept["Id"], kept["State"]["Running"]) == (old["Id"], False)
    assert kept["HostConfig"]["RestartPolicy"]["Name"] in ("no", "")

    after = settings(docker, ours.name)
    assert set(after["Config"].pop("Env")) - set(before["Config"]["Env"]) <= {
        "DATABASE_URL=postgresql://u:p%40ss@db/o",
        "DATABASE_POOL_SIZE=15",
        f"WEBUI_SECRET_KEY={KEY}",
    }
    added = after["Networks"].pop(ours.network, None)
    assert (added is None) == (old["HostConfig"]["NetworkMode"] == "host")
    expected = copy.deepcopy(before)
    del expected["Config"]["Env"]
    assert json.dumps(after, indent=1, sort_keys=True) == json.dumps(expected, indent=1, sort_keys=True)
    assert not ours.switch()["changed"]

    restored_answer = ours.restore()
    assert (restored_answer["id"], restored_answer["warnings"]) == (old["Id"], [])
    assert settings(docker, ours.name) == before
    assert not docker.exists(f"{ours.name}-on-sqlite")
    assert not docker.exists(f"{ours.name}-on-postgresql")
    assert not ours.restore()["changed"]
    return new


def test_the_published_guide(docker, scratch, make):
    """docker run as most people typed it."""
    data, port = scratch.folder(), scratch.port()
    ours = make(
        *("--publish", f"{port}:8080", "--volume", f"{data}:/app/backend/data", "--restart=always", "--env", f"WEBUI_SECRET_KEY={KEY}"),
        *QUICK,
    )
    found = ours.found(secret_key=True)
    assert (found["data_dir"], found["sqlite_path"]) == (str(data), f"{data}/webui.db")
    assert found["health_url"] == f"http://127.0.0.1:{port}/health"
    assert (found["restart_policy"], found["running"], found["runtime"]) == ("always", True, "container")
    assert found["secret_key"]["from"] == "env"
    assert found["image_present"]
    assert found["version"]
    assert_there_and_back(docker, ours)
    docker.cli("start", ours.name)
    assert docker.inspect(ours.name)["State"]["Running"]
    assert docker.inspect(ours.name)["HostConfig"]["RestartPolicy"]["Name"] == "always"


def test_found_without_its_name(make, scratch):
    ours = make("--volume", f"{scratch.folder()}:/app/backend/data", start=False)
    assert ours.name in [container["name"] for container in info(ours.engine, "", False, 0)["containers"]]


def test_it_works_as_before_and_reaches_its_new_network(docker, make, pg_network):
    """The data in volumes is there, those without a name included, and names on the new network are found from the old one's."""
    database = make("--network", pg_network, "--network-alias", "db")
    ours = make("--volume", "/scratch", "--mount", "type=volume,dst=/anonymous", "--restart=unless-stopped", *QUICK)
    for folder in ("/scratch", "/anonymous"):
        docker.exec(ours.name, "sh", "-c", f"echo kept > {folder}/file")
    ours.switch()
    docker.cli("start", ours.name)
    for folder in ("/scratch", "/anonymous"):
        assert docker.exec(ours.name, "cat", f"{folder}/file").strip() == "kept"
    address = docker.inspect(database.name)["NetworkSettings"]["Networks"][pg_network]["IPAddress"]
    assert docker.exec(ours.name, "getent", "hosts", "db").split()[0] == address
    ours.settle()
    assert not docker.exists(f"{ours.name}-on-sqlite")
    for folder in ("/scratch", "/anonymous"):
        assert docker.exec(ours.name, "cat", f"{folder}/file").strip() == "kept"
    with pytest.raises(Refused, match="nothing to go back to"):
        ours.restore()


def test_mounts_of_every_kind(docker, scratch, make):
    data, named = scratch.folder(), scratch.name("named")
    ours = make(
        *("--volume", f"{named}:/app/backend/data", "--volume", "/scratch", "--volume", f"{data}:/plain:ro"),
        *("--mount", "type=volume,dst=/anonymous,volume-nocopy", "--mount", f"type=volume,src={scratch.name('other')},dst=/other,readonly"),
        *("--mount", f"type=bind,src={data},dst=/bound,readonly,bind-propagation=private"),
        *("--tmpfs", "/ram:size=1m", "--mount", "type=tmpfs,dst=/more-ram,tmpfs-size=1048576"),
        *QUICK,
    )
    assert ours.found()["data_dir"] == docker.api.volumes.get(named).attrs["Mountpoint"]
    assert_there_and_back(docker, ours)


def test_networks_with_aliases_and_addresses(docker, scratch, make):
    front, back = scratch.name("front"), scratch.name("back")
    docker.cli("network", "create", "--subnet", "10.213.1.0/24", front)
    docker.cli("network", "create", "--subnet", "10.213.2.0/24", back)
    ours = make("--network", front, "--network-alias", "chat", "--network-alias", "webui", "--ip", "10.213.1.77", *QUICK)
    docker.cli("network", "connect", "--alias", "deep", "--ip", "10.213.2.77", back, ours.name)
    new = assert_there_and_back(docker, ours)
    assert {front, back, ours.network} == set(new["NetworkSettings"]["Networks"])
    ours.switch()
    docker.cli("start", ours.name)
    networks = docker.inspect(ours.name)["NetworkSettings"]["Networks"]
    assert (networks[front]["IPAddress"], networks[back]["IPAddress"]) == ("10.213.1.77", "10.213.2.77")
    # The order in which networks were left and joined may be any.
    ours.restore()
    docker.cli("start", ours.name)
    docker.cli("network", "disconnect", front, ours.name)
    new = assert_there_and_back(docker, ours)
    assert {back, ours.network} == set(new["NetworkSettings"]["Networks"])


def test_the_network_of_the_host(docker, make):
    ours = make("--network", "host", "--env", "PORT=18123", *QUICK)
    assert ours.found()["health_url"] == "http://127.0.0.1:18123/health"
    assert_there_and_back(docker, ours)


def test_the_network_of_another_container(docker, make):
    other = make("--publish", "8080")
    ours = make("--network", f"container:{other.name}", *QUICK)
    port = docker.inspect(other.name)["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostPort"]
    assert ours.found()["health_url"] == f"http://127.0.0.1:{port}/health"
    with pytest.raises(Refused, match="its network mode is container, so it cannot be connected to"):
        ours.switch()
    before = settings(docker, ours.name)
    wish = Wish({"DATABASE_URL": "postgresql://u:p@db/o"}, [], [], "")
    assert switched(ours.engine, ours.name, wish, 1, False)["warnings"] == []
    after = settings(docker, ours.name)
    for side in (before, after):
        del side["Config"]["Env"]
        side["Config"].pop("Hostname", None)
    assert after == before
    docker.cli("start", ours.name)


def test_a_request_for_gpus(docker, make):
    """Not started: that takes a GPU."""
    ours = make("--gpus", "all", start=False)
    new = assert_there_and_back(docker, ours)
    [request] = new["HostConfig"]["DeviceRequests"]
    assert (request["Count"], request["Capabilities"]) == (-1, [["gpu"]])


def test_about_everything_else(docker, scratch, make):
    linked = make()
    ours = make(
        *("--hostname", "chat", "--domainname", "example.org", "--link", f"{linked.name}:ollama"),
        *("--user", "1000:1000", "--workdir", "/tmp", "--entrypoint", "/usr/bin/env", "--group-add", "44"),
        *("--label", "com.example.a=b", "--label", "com.centurylinklabs.watchtower.enable=true"),
        *("--memory", "512m", "--memory-reservation", "256m", "--cpus", "1.5", "--cpu-shares", "512"),
        *("--cpuset-cpus", str(min(os.sched_getaffinity(0)))),
        *("--pids-limit", "500", "--oom-score-adj", "100", "--ulimit", "nofile=1024:2048", "--shm-size", "128m"),
        *("--cap-add", "SYS_PTRACE", "--cap-drop", "MKNOD", "--security-opt", "no-new-privileges", "--device", "/dev/null:/dev/x:r"),
        *("--sysctl", "net.core.somaxconn=1024", "--read-only", "--init", "--ipc", "shareable", "--pid", "host"),
        *("--dns", "192.0.2.1", "--dns-search", "example.org", "--dns-option", "ndots:2", "--add-host", "llm:192.0.2.2"),
        *("--log-driver", "json-file", "--log-opt", "max-size=1m", "--log-opt", "max-file=2"),
        *("--health-cmd", "true", "--health-interval", "7s", "--health-retries", "9", "--stop-timeout", "1"),
        *("--restart", "on-failure:7", "--expose", "9090", "--publish", "127.0.0.1::8080", "--publish", f"{scratch.port()}:9/udp"),
        *("--env", "ODD=a=b c\n'd' \"e\" $f", "--env", "DATABASE_TYPE=sqlite", "--tty", "--interactive"),
    )
    new = assert_there_and_back(docker, ours)
    assert "ODD=a=b c\n'd' \"e\" $f" in new["Config"]["Env"]
    assert not [entry for entry in new["Config"]["Env"] if entry.startswith("DATABASE_TYPE=")]


def test_a_hardware_address(docker, scratch, image, pg_network):
    """The docker command of today cannot ask an engine of yesterday for it; what was made in its time is still there."""
    name, address = scratch.name(), "02:42:0a:0b:0c:0d"
    api = docker.api.api
    if Engine(docker.engine.host).speaks("1.44"):
        options = {"networking_config": api.create_networking_config({"bridge": api.create_endpoint_config(mac_address=address)})}
    else:
        options = {"mac_address": address}
    api.create_container(image("open-webui"), list(SLEEP), name=name, stop_signal="KILL", **options)
    ours = Ours(name, Engine(docker.engine.host), pg_network)
    docker.cli("start", name)
    assert_there_and_back(docker, ours)
    ours.switch()
    docker.cli("start", name)
    assert docker.inspect(name)["NetworkSettings"]["Networks"]["bridge"]["MacAddress"] == address


def test_the_image_after_its_tag_moved_on(docker, scratch, image, pg_network):
    """As after a docker pull, and before anybody made the container again."""
    tag = f"{scratch.name('moving')}/open-webui:main"
    docker.cli("tag", image("open-webui"), tag)
    try:
        name = scratch.name()
        docker.run("--name", name, *QUICK, tag, *SLEEP)
        docker.cli("tag", image("postgres", 18), tag)
        ours = Ours(name, Engine(docker.engine.host), pg_network)
        assert not ours.found()["image_present"]
        before = docker.inspect(name)["Image"]
        ours.switch()
        after = docker.inspect(name)
        assert after["Image"] == before
        # Only its id is left to call it by, and by that it is found.
        assert name in [container["name"] for container in info(ours.engine, "", False, 0)["containers"]]
    finally:
        docker.cli("rmi", "--no-prune", tag)


def test_a_generated_key(docker, make):
    """Made by the image's own start script, in the container alone, and there also when it is stopped."""
    ours = make("--restart=always", *QUICK, command=())
    end = time.monotonic() + WAIT_SECONDS
    while ours.found()["secret_key"]["from"] == "none":
        assert time.monotonic() < end
        time.sleep(0.2)
    docker.cli("stop", ours.name)
    origin = ours.found()["secret_key"]
    assert origin == {"from": "file", "path": "/app/backend/.webui_secret_key", "on_mount": False}
    key = info(ours.engine, ours.name, True, 0)["secret_key"]
    assert len(key) >= 12
    # Nobody has to name it: it is read from the container that has it.
    switched(ours.engine, ours.name, Wish({"DATABASE_URL": "postgresql://u:p@db/o"}, [], [], ""), 1, False)
    assert info(ours.engine, ours.name, True, 0)["secret_key"] == key
    ours.restore()
    assert ours.found()["secret_key"] == origin


def test_the_log_without_secrets(docker, make):
    ours = make(
        *("--env", "OPENAI_API_KEY=sk-never-shown", "--env", "DATABASE_URL=postgresql://u:n3ver%40shown@db/o"),
        command=("sh", "-c", 'echo "\033[31mkey $OPENAI_API_KEY\033[0m"; echo "$DATABASE_URL" >&2; echo last; exec sleep 900'),
    )
    end = time.monotonic() + WAIT_SECONDS
    # What comes from stdout and from stderr arrives in no certain order.
    while len(ours.found(log_lines=3)["log"]) < 3:
        assert time.monotonic() < end
        time.sleep(0.1)
    log = ours.found(log_lines=3)["log"]
    assert sorted(log) == ["********", "key ********", "last"]


def test_a_new_one_that_cannot_be_made_leaves_the_old_one_running(docker, make):
    ours = make(*QUICK)
    started = docker.inspect(ours.name)["State"]["StartedAt"]
    wish = Wish({"DATABASE_URL": "postgresql://u:p@db/o"}, [], ["no-such-network"], "")
    with pytest.raises(Refused, match="no-such-network: there is no such network"):
        switched(ours.engine, ours.name, wish, 1, False)
    assert docker.inspect(ours.name)["State"]["StartedAt"] == started
    assert not docker.exists(f"{ours.name}-on-postgresql")


def test_one_that_goes_with_its_stop(docker, make):
    ours = make("--rm")
    assert ours.found()["auto_remove"]
    with pytest.raises(Refused, match="it was started with --rm"):
        ours.switch()
    assert docker.inspect(ours.name)["State"]["Running"]
