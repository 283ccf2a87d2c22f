# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a container's files lie on the host, and whether they still do when it is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.containers import describe
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine, EngineError
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.storage import Storage
from lab.fake_engine import FakeEngine

DATA = "/app/backend/data"
FILE = f"{DATA}/webui.db"


@pytest.fixture
def facts(fake: FakeEngine) -> Callable[..., dict[str, Any]]:
    """facts(binds=[…], …) -> what is said of a running container with these mounts"""

    def get(*env: str, **host: Any) -> dict[str, Any]:
        container = fake.run(config={"Env": list(env)}, host={"Binds": [], **host})
        engine = Engine(fake.host)
        return describe(engine, engine.get(f"/containers/{container}/json"), "open-webui")

    return get


@pytest.fixture
def storage(fake: FakeEngine) -> Callable[..., Storage]:
    def get(**host: Any) -> Storage:
        container = fake.run(host={"Binds": [], **host})
        engine = Engine(fake.host)
        return Storage(engine, engine.get(f"/containers/{container}/json"))

    return get


# -- volumes --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"type": "none", "o": "bind", "device": "/srv/x"},
        {"type": "", "o": "rw,bind", "device": "/srv/x"},
        {"o": "rbind,noatime", "device": "/srv/x"},
        {"type": "ext4", "o": "bind", "device": "/srv/x/"},
    ],
)
def test_a_volume_that_is_a_folder_elsewhere(fake, facts, options):
    fake.volumes["chat"] = {"Options": options}
    answer = facts(Binds=[f"chat:{DATA}"])
    assert (answer["data_dir"], answer["sqlite_path"], answer["out_of_reach"]) == ("/srv/x", "/srv/x/webui.db", "")
    assert answer["database"]["where"] == "/srv/x/webui.db"


@pytest.mark.parametrize("options", [None, {}, {"size": "10G"}, {"o": "size=10G"}])
def test_a_volume_that_is_a_folder_of_the_engines(fake, facts, options):
    fake.volumes["chat"] = {"Options": options}
    assert facts(Binds=[f"chat:{DATA}"])["data_dir"] == "/var/lib/docker/volumes/chat/_data"


@pytest.mark.parametrize(
    ("volume", "said"),
    [
        ({"Options": {"type": "nfs", "o": "addr=10.0.0.1,rw", "device": ":/export"}}, "(driver local, type nfs)"),
        ({"Options": {"type": "nfs4", "o": "addr=nas,nolock", "device": ":/export"}}, "(driver local, type nfs4)"),
        ({"Options": {"type": "cifs", "o": "username=u,password=t0psecret", "device": "//nas/x"}}, "(driver local, type cifs)"),
        ({"Options": {"type": "ext4", "device": "/dev/sdb1"}}, "(driver local, type ext4)"),
        ({"Options": {"device": "/dev/sdb1"}}, "(driver local)"),
        ({"Options": {"type": "none", "o": "bind", "device": "relative"}}, "(driver local, type none)"),
        ({"Driver": "rclone:latest", "Options": {"remote": "s3:x"}}, "(driver rclone:latest)"),
        ({"Driver": "rclone:latest", "Options": None}, "(driver rclone:latest)"),
    ],
)
def test_a_volume_that_is_mounted_only_while_it_is_used(fake, facts, volume, said):
    fake.volumes["chat"] = volume
    answer = facts(Binds=[f"chat:{DATA}"])
    assert (answer["data_dir"], answer["sqlite_path"]) == ("", "")
    assert answer["out_of_reach"] == (
        f"{DATA} of the container open-webui lies on the volume chat {said}, which is mounted only while a container uses it, so nothing "
        "could be read after the stop. Mount the same on the host yourself, with the same options, so that it stays, and set "
        "webui_data_dir to the folder there; or run the container with that folder mounted instead."
    )
    assert "t0psecret" not in str(answer)


def test_a_folder_of_a_volume(facts):
    answer = facts(Mounts=[{"Type": "volume", "Source": "chat", "Target": f"{DATA}/", "VolumeOptions": {"Subpath": "deep/er"}}])
    assert answer["sqlite_path"] == "/var/lib/docker/volumes/chat/_data/deep/er/webui.db"


def test_a_volume_that_the_engine_has_forgotten(fake, facts):
    fake.refuse("/volumes/", 404, "no such volume")
    assert facts(Binds=[f"chat:{DATA}"])["data_dir"] == "/var/lib/docker/volumes/chat/_data"


def test_an_engine_in_trouble_is_no_answer(fake, facts):
    fake.refuse("/volumes/", 500, "the plugin does not answer")
    with pytest.raises(EngineError, match="the plugin does not answer"):
        facts(Binds=[f"chat:{DATA}"])


@pytest.mark.parametrize(
    ("host", "volume"),
    [
        ({"Tmpfs": {DATA: "size=1g"}}, None),
        ({"Tmpfs": {f"{DATA}/": ""}, "Binds": ["/srv/x:/app"]}, None),
        ({"Binds": [f"chat:{DATA}"]}, {"Options": {"type": "tmpfs", "device": "tmpfs"}}),
    ],
)
def test_data_in_memory(fake, facts, host, volume):
    if volume:
        fake.volumes["chat"] = volume
    answer = facts(**host)
    assert (answer["data_dir"], answer["sqlite_path"]) == ("", "")
    assert answer["out_of_reach"] == (
        f"The container open-webui keeps {DATA} in memory (tmpfs), so stopping it destroys its data. Copy that folder out of it while it "
        "runs (docker cp), and run it with the copy mounted there."
    )


def test_data_in_the_container_itself(facts):
    assert facts()["out_of_reach"].startswith(f"The container open-webui has nothing mounted at {DATA}, so its data would go with it. ")


def test_a_file_that_is_mounted_alone(facts):
    """Its log lies in the container."""
    answer = facts(Binds=[f"/srv/x.db:{FILE}"])
    assert (answer["data_dir"], answer["sqlite_path"]) == ("", "/srv/x.db")
    assert answer["out_of_reach"].startswith(f"The container open-webui has nothing mounted at {DATA}")


def test_a_mount_of_tomorrow(fake):
    container = fake.run(host={"Binds": []})
    fake.containers[container]["Mounts"].append({"Type": "image", "Source": "x", "Destination": DATA})
    storage = Storage(Engine(fake.host), fake.containers[container])
    assert storage.why_not(FILE).startswith(f"The container open-webui has a mount of the type image at {FILE}. ")


def test_what_goes_away_with_the_container(fake, storage):
    fake.volumes["nfs"] = {"Options": {"type": "nfs", "device": ":/x"}}
    fake.volumes["bind"] = {"Options": {"type": "none", "o": "bind", "device": "/srv/y"}}
    fake.volumes["plugin"] = {"Driver": "rclone"}
    found = storage(Binds=["nfs:/n", "bind:/b", "plugin:/p", "plain:/v", "/srv/x:/x"])
    assert found.fleeting() == [f"/var/lib/docker/volumes/{name}/_data" for name in ("nfs", "bind", "plugin")]
    found.inspected["GraphDriver"] = {"Data": {"MergedDir": "/var/lib/docker/overlay2/1/merged"}}
    assert found.fleeting()[-1] == "/var/lib/docker/overlay2/1/merged"


# -- links in the container -----------------------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    data, fast = tmp_path / "data", tmp_path / "fast"
    data.mkdir()
    fast.mkdir()
    return data, fast


@pytest.mark.parametrize("target", ["/fast/real.db", "../../../fast/real.db", "/app/../fast/./real.db"])
def test_a_link_to_another_mount(facts, folders, target):
    data, fast = folders
    (data / "webui.db").symlink_to(target)
    answer = facts(Binds=[f"{data}:{DATA}", f"{fast}:/fast"])
    assert (answer["sqlite_path_inside"], answer["sqlite_path"]) == ("/fast/real.db", f"{fast}/real.db")
    assert answer["database"]["where"] == f"{fast}/real.db"
    assert answer["data_dir"] == str(data)


def test_a_chain_of_links_through_a_folder(facts, folders):
    data, fast = folders
    (data / "webui.db").symlink_to("dir/second.db")
    (data / "dir").symlink_to("/fast")
    (fast / "second.db").symlink_to("real.db")
    assert facts(Binds=[f"{data}:{DATA}", f"{fast}:/fast"])["sqlite_path"] == f"{fast}/real.db"


def test_a_link_within_the_data_folder(facts, folders):
    data, _fast = folders
    (data / "webui.db").symlink_to(f"{DATA}/real.db")
    assert facts(Binds=[f"{data}:{DATA}"])["sqlite_path"] == f"{data}/real.db"


def test_a_link_out_of_all_mounts(facts, folders):
    data, _fast = folders
    (data / "webui.db").symlink_to("/var/lib/real.db")
    answer = facts(Binds=[f"{data}:{DATA}"])
    assert (answer["sqlite_path_inside"], answer["sqlite_path"]) == ("/var/lib/real.db", "")
    assert answer["database"]["where"] == "/var/lib/real.db"


def test_links_in_a_circle(facts, folders):
    data, _fast = folders
    (data / "webui.db").symlink_to("webui.db")
    assert facts(Binds=[f"{data}:{DATA}"])["sqlite_path"] == f"{data}/webui.db"


def test_a_link_in_the_image(fake, folders):
    """Only the engine sees it, in a running container and in a stopped one."""
    data, _fast = folders
    container = fake.run(host={"Binds": [f"{data}:/data"]})
    fake.files[container, DATA] = "/data"
    fake.files[container, "/app"] = b""
    engine = Engine(fake.host)
    answer = describe(engine, engine.get(f"/containers/{container}/json"), "open-webui")
    assert (answer["data_dir"], answer["sqlite_path"], answer["out_of_reach"]) == (str(data), f"{data}/webui.db", "")
