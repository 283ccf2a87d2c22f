# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine is asked to create, so that the new container is like the old one."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.clone import Wish, like, recipe, unlike
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from lab.fake_engine import DIGEST, IMAGE, IMAGE_CONFIG, IMAGE_ID, NEWER_IMAGE_ID, newer_image

NOTHING = Wish({}, [], [], "")
ANONYMOUS = "5c" * 32


def of(fake, container, **wish):
    """The recipe for a container like this one."""
    return recipe(Engine(fake.host), fake.containers[container], NOTHING._replace(**wish))


def made(fake, container, **wish):
    """The body that is asked for, in two parts: the container's settings, and its host's."""
    body = copy.deepcopy(of(fake, container, **wish).body)
    del body["NetworkingConfig"]
    host = body.pop("HostConfig")
    return body, host


def test_everything_is_handed_back_word_for_word(fake):
    container = fake.run(config={"Labels": {"a": "b"}, "User": "1000:1000", "Cmd": ["bash", "-c", "x"], "StopTimeout": 30})
    before = copy.deepcopy(fake.containers[container])
    config, host = made(fake, container)
    assert config == {**before["Config"], "Hostname": ""}
    assert host == {**before["HostConfig"], "Links": []}
    assert before["HostConfig"]["DeviceRequests"]
    assert before["HostConfig"]["SettingOfTomorrow"]
    assert fake.containers[container] == before


def test_only_the_environment_changes(fake):
    container = fake.run(config={"Env": ["FIRST=1", "DATABASE_TYPE=sqlite", "DATABASE_URL=old", "ODD", "LAST=2"]})
    config = made(fake, container)[0]
    wished = made(fake, container, env={"DATABASE_URL": "a=b", "NEW": ""}, remove=["DATABASE_TYPE", "MISSING"])[0]
    inherited = IMAGE_CONFIG["Env"]
    assert config["Env"] == ["FIRST=1", "DATABASE_TYPE=sqlite", "DATABASE_URL=old", "ODD", "LAST=2", *inherited]
    assert wished["Env"] == ["FIRST=1", "DATABASE_URL=a=b", "ODD", "LAST=2", *inherited, "NEW="]
    assert {**wished, "Env": None} == {**config, "Env": None}


def test_what_the_image_sets_cannot_be_unset_but_emptied(fake):
    fake.images[IMAGE_ID]["Config"]["Env"].append("DATABASE_TYPE=postgresql")
    container = fake.run(config={"Env": []})
    again = made(fake, container, remove=["DATABASE_TYPE"])[0]
    assert again["Env"][-1] == "DATABASE_TYPE="
    assert made(fake, container, remove=["DATABASE_TYPE"], env={"DATABASE_TYPE": "x"})[0]["Env"][-1] == "DATABASE_TYPE=x"


# -- names ----------------------------------------------------------------------------------------------------------------------


def test_a_host_name_that_the_user_gave(fake):
    container = fake.run(config={"Hostname": "chat", "Domainname": "example.org"})
    config = made(fake, container)[0]
    assert (config["Hostname"], config["Domainname"]) == ("chat", "example.org")


def test_the_host_name_of_another_container(fake):
    other = fake.run("vpn")
    container = fake.run(host={"NetworkMode": f"container:{other}", "PortBindings": {}})
    fake.containers[container]["Config"].update({"Hostname": "vpn", "Domainname": "d"})
    config = made(fake, container)[0]
    assert (config["Hostname"], config["Domainname"], config["ExposedPorts"]) == ("", "", {})
    fake.create("again", of(fake, container).body)


def test_the_host_name_of_the_host(fake):
    container = fake.run(host={"UTSMode": "host"})
    fake.containers[container]["Config"]["Hostname"] = "machine"
    fake.create("again", of(fake, container).body)


# -- volumes --------------------------------------------------------------------------------------------------------------------


def mounts(fake, container):
    return sorted(
        (mount["Destination"], mount.get("Name") or mount["Source"], mount["RW"]) for mount in fake.containers[container]["Mounts"]
    )


@pytest.mark.parametrize(
    ("config", "host"),
    [
        ({"Volumes": {"/scratch": {}}}, {}),
        ({}, {"Binds": ["/scratch", "chat:/app/backend/data:ro"]}),
        ({}, {"Binds": ["/srv/x:/app/backend/data:ro,z"], "Mounts": [{"Type": "volume", "Target": "/scratch"}]}),
        ({}, {"Mounts": [{"Type": "volume", "Source": "named", "Target": "/scratch/"}, {"Type": "tmpfs", "Target": "/tmp"}]}),
        ({"Volumes": {"/scratch": {}}}, {"Binds": None}),
    ],
)
def test_the_same_volumes_also_those_without_a_name(fake, config, host):
    container = fake.run(config=config, host=host)
    again = fake.create("again", of(fake, container).body)["Id"]
    assert mounts(fake, again) == mounts(fake, container)
    third = fake.create("third", of(fake, again).body)["Id"]
    assert mounts(fake, third) == mounts(fake, container)


def test_how_a_volume_without_a_name_is_mounted_stays(fake):
    container = fake.run(host={"Binds": None})
    fake.containers[container]["Mounts"] = [
        {"Type": "volume", "Name": ANONYMOUS, "Destination": "/a", "Mode": "z", "RW": True},
        {"Type": "volume", "Name": ANONYMOUS, "Destination": "/b", "Mode": "ro,nocopy", "RW": False},
    ]
    assert made(fake, container)[1]["Binds"] == [f"{ANONYMOUS}:/a:z", f"{ANONYMOUS}:/b:ro,nocopy"]


def test_options_of_another_kind_of_mount_are_left_out(fakes):
    fake = fakes("1.47")
    mount = {"Type": "bind", "Source": "/srv/x", "Target": "/x", "BindOptions": {"Propagation": "rslave"}}
    container = fake.run(host={"Mounts": [mount]})
    fake.containers[container]["HostConfig"]["Mounts"] = [{**mount, "VolumeOptions": {}, "TmpfsOptions": {}}]
    assert made(fake, container)[1]["Mounts"] == [mount]


# -- networks -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def on_networks():
    """on_networks(fake): a running container on two networks of the user's, with all that can be said of each"""

    def run(fake):
        for name in ("front", "back"):
            fake.networks[name] = name[0] * 64
        first = {"IPAMConfig": {"IPv4Address": "172.20.0.9"}, "Aliases": ["chat"], "Links": ["db:db"], "DriverOpts": {"a": "b"}}
        container = fake.create(
            "open-webui",
            {"Image": IMAGE, "HostConfig": {"NetworkMode": "front"}, "NetworkingConfig": {"EndpointsConfig": {"front": first}}},
        )["Id"]
        second = {"IPAMConfig": {"IPv4Address": "172.21.0.9"}, "Aliases": ["webui"]}
        fake.answer("POST", "/networks/back/connect", {"Container": container, "EndpointConfig": second})
        fake.start(container)
        return container, first, second

    return run


def asked(wanted):
    return wanted.body["NetworkingConfig"]["EndpointsConfig"], wanted.disconnect, wanted.connect


@pytest.mark.parametrize("api", ["1.41", "1.44", "1.45", "1.51", "1.52"])
def test_networks_with_aliases_and_addresses(fakes, on_networks, api):
    fake = fakes(api)
    container, first, second = on_networks(fake)
    assert asked(of(fake, container)) == ({"front": first}, "", {"back": second})
    fake.answer("POST", f"/containers/{container}/stop", None)
    assert asked(of(fake, container)) == ({"front": first}, "", {"back": second})


def test_a_network_mode_may_be_an_id(fake, on_networks):
    container, first, second = on_networks(fake)
    fake.containers[container]["HostConfig"]["NetworkMode"] = "f" * 64
    assert asked(of(fake, container)) == ({"front": first}, "", {"back": second})


def test_a_network_that_was_left(fake, on_networks):
    container, _first, second = on_networks(fake)
    del fake.containers[container]["NetworkSettings"]["Networks"]["front"]
    assert asked(of(fake, container)) == ({}, "front", {"back": second})


def test_a_network_that_is_gone(fake, on_networks):
    container = on_networks(fake)[0]
    del fake.containers[container]["NetworkSettings"]["Networks"]["front"], fake.networks["front"]
    with pytest.raises(Refused, match=r"^open-webui: its network front is gone; create it again$"):
        of(fake, container)


@pytest.mark.parametrize("mode", ["default", "bridge"])
def test_the_engines_own_network(fake, mode):
    container = fake.run(host={"NetworkMode": mode})
    assert asked(of(fake, container)) == ({"bridge": {}}, "", {})


def test_an_engine_without_a_network_of_its_own(fake):
    container = fake.run()
    fake.containers[container]["NetworkSettings"]["Networks"] = {}
    del fake.networks["bridge"]
    assert asked(of(fake, container)) == ({}, "", {})


@pytest.mark.parametrize("mode", ["host", "none"])
def test_no_network_of_its_own(fake, mode):
    container = fake.run(host={"NetworkMode": mode, "PortBindings": {}})
    assert asked(of(fake, container)) == ({}, "", {})


@pytest.mark.parametrize(("api", "how"), [("1.41", {}), ("1.48", {"GwPriority": -1})])
def test_networks_to_be_added(fakes, api, how):
    fake = fakes(api)
    fake.networks["pg"] = "a" * 64
    container = fake.run()
    assert asked(of(fake, container, networks=["pg", "bridge", "pg"])) == ({"bridge": {}}, "", {"pg": how})


def test_the_hosts_network_reaches_everything(fake):
    container = fake.run(host={"NetworkMode": "host", "PortBindings": {}})
    assert asked(of(fake, container, networks=["pg"])) == ({}, "", {})


@pytest.mark.parametrize("mode", ["none", "container:x"])
def test_what_cannot_be_connected_says_so(fake, mode):
    container = fake.run(host={"NetworkMode": mode, "PortBindings": {}})
    with pytest.raises(Refused) as caught:
        of(fake, container, networks=["pg", "qs"])
    assert str(caught.value) == (
        f"open-webui: its network mode is {mode.split(':')[0]}, so it cannot be connected to pg, qs; give it another one first"
    )


def test_a_hardware_address_before_api_1_44(fake):
    container = fake.run(config={"MacAddress": "02:00:00:00:00:01"})
    wanted = of(fake, container)
    assert wanted.body["MacAddress"] == "02:00:00:00:00:01"
    assert asked(wanted)[0] == {"bridge": {}}


@pytest.mark.parametrize("api", ["1.44", "1.51", "1.52", "1.55"])
def test_a_hardware_address_from_api_1_44_on(fakes, api):
    fake = fakes(api)
    container = fake.run()
    fake.containers[container]["DesiredMac"] = "02:00:00:00:00:01"
    wanted = recipe(Engine(fake.host), Engine(fake.host).get(f"/containers/{container}/json"), NOTHING)
    assert asked(wanted)[0] == {"bridge": {"MacAddress": "02:00:00:00:00:01"}}
    assert "MacAddress" not in wanted.body


@pytest.mark.parametrize("api", ["1.41", "1.44", "1.52"])
def test_a_hardware_address_that_the_engine_made_up(fakes, api):
    fake = fakes(api)
    container = fake.run()
    assert fake.containers[container]["NetworkSettings"]["Networks"]["bridge"]["MacAddress"]
    assert asked(of(fake, container))[0] == {"bridge": {}}


def test_an_engine_that_forgot_how_it_was(fakes):
    fake = fakes("1.60")
    container = fake.run()
    answer = fake.answer
    fake.answer = lambda method, target, body: answer(method, "/gone" if "/v1.51/" in target else target, body)
    assert asked(of(fake, container))[0] == {"bridge": {}}


def test_links(fake):
    container = fake.run()
    fake.containers[container]["HostConfig"]["Links"] = ["/postgres:/open-webui/db", "cache:redis"]
    assert made(fake, container)[1]["Links"] == ["postgres:db", "cache:redis"]
    fake.create("again", of(fake, container).body)


# -- images ---------------------------------------------------------------------------------------------------------------------


def test_the_tag_while_it_names_the_same_image(fake):
    assert made(fake, fake.run())[0]["Image"] == IMAGE


def test_the_digest_after_the_tag_moved_on(fake):
    container = fake.run()
    fake.images[IMAGE_ID]["RepoTags"] = []
    fake.images[NEWER_IMAGE_ID] = {**newer_image(), "RepoTags": [IMAGE]}
    assert made(fake, container)[0]["Image"] == DIGEST
    fake.images[IMAGE_ID]["RepoDigests"] = []
    assert made(fake, container)[0]["Image"] == IMAGE_ID


def test_an_image_that_is_gone(fake):
    container = fake.run()
    del fake.images[IMAGE_ID]
    with pytest.raises(Refused, match=f"^open-webui: its image {IMAGE_ID} is no longer on this host; pull {IMAGE}$"):
        of(fake, container)


def test_an_image_that_is_not_there(fake):
    container = fake.run()
    with pytest.raises(Refused, match=r"^nowhere:1: there is no such image on this host; pull it first$"):
        of(fake, container, image="nowhere:1")


def test_another_name_of_the_same_image_changes_nothing(fake):
    container = fake.run()
    assert made(fake, container, image=DIGEST) == made(fake, container)


def newer(fake, **config):
    image = newer_image(**config)
    fake.images[NEWER_IMAGE_ID] = image
    return image["RepoTags"][0]


def test_a_newer_image_brings_its_own(fake):
    image = newer(
        fake,
        Env=["PATH=/new", "ENV=prod", "PORT=9090", "WEBUI_SECRET_KEY="],
        Cmd=["python", "serve"],
        Healthcheck={"Test": ["CMD", "new"]},
        Labels={"org.opencontainers.image.version": "9.9.9"},
        ExposedPorts={"9090/tcp": {}},
        WorkingDir="/new",
        User="1000",
    )
    container = fake.run(config={"Labels": {"a": "b"}, "ExposedPorts": {"1/tcp": {}}, "Env": ["PORT=8080", "MINE=1", "ENV=dev"]})
    again = fake.create("again", of(fake, container, image=image).body)["Id"]
    config = fake.containers[again]["Config"]
    assert config["Env"] == ["MINE=1", "ENV=dev", "PATH=/new", "PORT=9090", "WEBUI_SECRET_KEY="]
    assert (config["Cmd"], config["WorkingDir"], config["User"]) == (["python", "serve"], "/new", "1000")
    assert config["Healthcheck"] == {"Test": ["CMD", "new"]}
    assert config["Labels"] == {"a": "b", "org.opencontainers.image.version": "9.9.9"}
    assert config["ExposedPorts"] == {"1/tcp": {}, "9090/tcp": {}}
    assert config["Image"] == image


def test_what_the_user_chose_stays_with_a_newer_image(fake):
    image = newer(fake, Cmd=["python", "serve"], Entrypoint=["/entry"])
    own = {"Cmd": ["bash", "mine.sh"], "Healthcheck": {"Test": ["NONE"]}, "User": "7", "WorkingDir": "/w"}
    container = fake.run(config=own)
    config = made(fake, container, image=image)[0]
    assert {name: config[name] for name in own} == own


def test_a_command_belongs_to_its_entry_point(fake):
    image = newer(fake, Cmd=["python", "serve"])
    container = fake.run(config={"Entrypoint": ["tini", "--"], "Cmd": IMAGE_CONFIG["Cmd"]})
    config = made(fake, container, image=image)[0]
    assert (config["Entrypoint"], config["Cmd"]) == (["tini", "--"], ["bash", "start.sh"])


def test_a_newer_image_and_what_is_to_be_unset(fake):
    image = newer(fake, Env=["DATABASE_TYPE=x"])
    container = fake.run()
    config = made(fake, container, image=image, remove=["DATABASE_TYPE"])[0]
    assert config["Env"] == ["WEBUI_SECRET_KEY=t0p-s3cret-of-the-walk", "DATABASE_TYPE="]


# -- telling them apart ---------------------------------------------------------------------------------------------------------


def test_a_container_made_so_is_like_its_model(fake):
    container = fake.run(config={"Volumes": {"/scratch": {}}})
    wanted = of(fake, container, env={"DATABASE_URL": "x"})
    again = fake.create("again", wanted.body)["Id"]
    assert like(fake.containers[again], fake.containers[container])
    assert unlike(fake.containers[again], wanted.body) == []
    fake.containers[again]["HostConfig"]["NetworkMode"] = "bridge"
    fake.containers[again]["HostConfig"]["Memory"] = 1
    assert like(fake.containers[again], fake.containers[container])
    assert unlike(fake.containers[again], wanted.body) == ["HostConfig.Memory"]


@pytest.mark.parametrize(
    "host",
    [
        {"Binds": ["/srv/other:/app/backend/data"]},
        {"Binds": []},
        {"PortBindings": {"8080/tcp": [{"HostIp": "", "HostPort": "81"}]}},
        {"NetworkMode": "host"},
    ],
)
def test_another_container_is_not(fake, host):
    container, other = fake.run(), fake.run("other", host=host)
    assert not like(fake.containers[other], fake.containers[container])
