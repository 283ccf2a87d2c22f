# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers run Open WebUI, and what is said of them."""

from __future__ import annotations

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.containers import describe, find, info
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from lab.fake_engine import DIGEST, IMAGE, IMAGE_ID, frames, newer_image

PG = "DATABASE_URL=postgresql://u:pw@db/o"


@pytest.fixture
def engine(fake):
    return Engine(fake.host)


@pytest.fixture
def facts(fake, engine):
    """facts(config=…, host=…) -> what is said of a running container with these settings"""

    def make(name="open-webui", running=True, **settings):
        container = fake.run(name, **settings)
        if not running:
            fake.answer("POST", f"/containers/{container}/stop", None)
        return describe(engine, fake.containers[container], name)

    return make


def env(*entries):
    return {"Env": list(entries)}


def of_image(fake, name, tags, digests=(), labels=None):
    """An image that Open WebUI is not in, unless its names or labels say so."""
    identifier = "sha256:" + f"{len(fake.images):02x}" * 32
    image = newer_image(Labels=labels or {})
    fake.images[identifier] = {**image, "Id": identifier, "RepoTags": list(tags), "RepoDigests": list(digests)}
    return fake.run(name, config={"Image": tags[0] if tags else identifier})


# -- finding --------------------------------------------------------------------------------------------------------------------


def found(engine, name=""):
    return [(known_as, container["Name"]) for known_as, container in find(engine, name)]


@pytest.mark.parametrize(
    "image",
    [
        "ghcr.io/open-webui/open-webui:main",
        "open-webui",
        "registry.example.org:5000/mirror/open-webui:v0.6.5-cuda",
        "mirror/open-webui@sha256:" + "1" * 64,
        "host:5000/open-webui",
    ],
)
def test_any_registry_tag_and_digest(fake, engine, image):
    of_image(fake, "chat", [image])
    assert found(engine) == [("chat", "/chat")]


@pytest.mark.parametrize(
    "image", ["postgres:18-alpine", "open-webui/pipelines:main", "ghcr.io/x/open-webui-tools:1", "open-webui/x@sha256:1"]
)
def test_other_images(fake, engine, image):
    of_image(fake, "other", [image])
    assert found(engine) == []
    assert not [call for call in fake.asked if "/other/" in call or "/images/" in call]


@pytest.mark.parametrize(
    "labels",
    [
        {"org.opencontainers.image.title": "open-webui"},
        {"org.opencontainers.image.title": "Open WebUI"},
        {"org.opencontainers.image.source": "https://github.com/open-webui/open-webui"},
        {"org.opencontainers.image.source": "git@github.com:open-webui/open-webui.git"},
    ],
)
def test_an_image_of_another_name_that_says_so(fake, engine, labels):
    of_image(fake, "chat", ["company/chat:7"], labels=labels)
    assert found(engine) == [("chat", "/chat")]


def test_a_bare_image_that_came_from_there(fake, engine):
    of_image(fake, "chat", [], [DIGEST])
    of_image(fake, "other", [], ["ghcr.io/x/y@sha256:" + "3" * 64])
    assert found(engine) == [("chat", "/chat")]


def test_an_image_that_lost_its_name_to_a_newer_one(fake, engine):
    container = fake.run()
    fake.images[IMAGE_ID]["RepoTags"] = []
    fake.images["newer"] = {**newer_image(), "RepoTags": [IMAGE]}
    assert found(engine) == [("open-webui", "/open-webui")]
    facts = describe(engine, fake.containers[container], "open-webui")
    assert (facts["image"], facts["image_id"], facts["image_present"]) == (IMAGE, IMAGE_ID, False)


@pytest.mark.parametrize(
    ("labels", "moved", "to_run"),
    [
        ({}, False, IMAGE_ID),
        ({}, True, IMAGE_ID),
        ({"com.docker.compose.project": "chat"}, False, IMAGE_ID),
        # Compose makes the next one of what the name means by then.
        ({"com.docker.compose.project": "chat"}, True, IMAGE),
    ],
)
def test_the_image_that_the_next_container_is_made_of(fake, engine, labels, moved, to_run):
    container = fake.run(config={"Labels": labels})
    if moved:
        fake.images[IMAGE_ID]["RepoTags"] = []
        fake.images["newer"] = {**newer_image(), "RepoTags": [IMAGE]}
    assert describe(engine, fake.containers[container], "open-webui")["image_to_run"] == to_run


def test_an_image_that_is_gone(fake, engine):
    container = fake.run()
    del fake.images[IMAGE_ID]
    assert found(engine) == [("open-webui", "/open-webui")]
    facts = describe(engine, fake.containers[container], "open-webui")
    assert (facts["image_present"], facts["image_digests"], facts["version"]) == (False, [], "0.12.4")


def test_several_in_the_order_of_their_names(fake, engine):
    for name in ("zeta", "alpha"):
        fake.run(name)
    assert found(engine) == [("alpha", "/alpha"), ("zeta", "/zeta")]


def test_one_that_compose_was_killed_over(fake, engine):
    """Compose makes the new one under a name of its own, then removes the old one, then renames."""
    labels = {"com.docker.compose.project": "p", "com.docker.compose.service": "chat"}
    old = fake.run("p-chat-1", config={"Labels": labels})
    fake.run("0123456789ab_p-chat-1", config={"Labels": labels})
    assert found(engine) == [("p-chat-1", "/p-chat-1")]
    assert found(engine, "p-chat-1") == [("p-chat-1", "/p-chat-1")]
    del fake.containers[old]
    assert found(engine) == found(engine, "p-chat-1") == [("0123456789ab_p-chat-1", "/0123456789ab_p-chat-1")]


def test_such_a_name_without_compose_is_a_name_like_others(fake, engine):
    fake.run("chat")
    fake.run("0123456789ab_chat")
    assert [name for name, _own in found(engine)] == ["0123456789ab_chat", "chat"]


def test_one_shot_helpers_are_left_out(fake, engine):
    fake.run("bootstrap", config={"Labels": {"openwebui.postgres.oneshot": ""}})
    assert found(engine) == []


def test_one_that_goes_away_meanwhile(fake, engine):
    container = fake.run()
    fake.refuse(container, 404, "No such container")
    assert found(engine) == []


def test_trouble_is_no_absence(fake, engine):
    container = fake.run()
    fake.refuse(container, 500, "layer is gone")
    with pytest.raises(Refused, match="layer is gone"):
        find(engine)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (["chat"], "chat"),
        (["chat", "chat-on-sqlite"], "chat"),
        (["chat", "chat-on-postgresql"], "chat"),
        (["chat", "chat-on-sqlite", "chat-on-postgresql"], "chat"),
        (["chat-on-sqlite"], "chat-on-sqlite"),
        (["chat-on-sqlite", "chat-on-postgresql"], "chat-on-sqlite"),
        (["chat-on-postgresql"], "chat-on-postgresql"),
    ],
)
def test_in_the_middle_of_a_move(fake, engine, there, expected):
    for name in there:
        fake.run(name)
    assert found(engine) == [("chat", f"/{expected}")]
    assert found(engine, "chat") == [("chat", f"/{expected}")]
    [facts] = info(engine, "chat", False, 0)["containers"]
    assert facts["name"] == "chat"
    assert facts["unfinished"] == (there not in (["chat"], ["chat", "chat-on-sqlite"]))
    kept = "chat-on-sqlite" in there and expected != "chat-on-sqlite"
    assert facts["kept"] == ({"id": fake.by_name("chat-on-sqlite")["Id"], "name": "chat-on-sqlite"} if kept else {})


def test_asked_for_by_its_own_name_it_is_what_it_is(fake, engine):
    for name in ("chat", "chat-on-sqlite"):
        fake.run(name)
    assert found(engine, "chat-on-sqlite") == [("chat-on-sqlite", "/chat-on-sqlite")]


def test_by_name_or_id_whatever_the_image(fake, engine):
    identifier = of_image(fake, "database", ["postgres:18"])
    assert found(engine, "database") == found(engine, identifier) == [("database", "/database")]
    assert found(engine, identifier[:12]) == []
    assert found(engine, "data") == []


def test_none(engine):
    assert info(engine, "", False, 0) == {"containers": []}
    assert info(engine, "open-webui", True, 0) == {"containers": [], "secret_key": ""}


# -- describing -----------------------------------------------------------------------------------------------------------------


def test_all_of_it(fake, facts):
    answer = facts()
    identifier = fake.by_name("open-webui")["Id"]
    assert answer == {
        "id": identifier,
        "name": "open-webui",
        "unfinished": False,
        "image": IMAGE,
        "image_id": IMAGE_ID,
        "image_digests": [DIGEST],
        "image_present": True,
        "image_to_run": "sha256:" + "9d" * 32,
        "version": "0.12.4",
        "running": True,
        "status": "running",
        "health": "healthy",
        "runtime": "container",
        "compose": {},
        "restart_policy": "always",
        "auto_remove": False,
        "network_mode": "default",
        "networks": ["bridge"],
        "ports": [{"container_port": 8080, "host_ip": "0.0.0.0", "host_port": 80}],
        "health_url": "http://127.0.0.1:80/health",
        "data_dir": "/srv/open-webui",
        "data_dir_inside": "/app/backend/data",
        "out_of_reach": "",
        "sqlite_path": "/srv/open-webui/webui.db",
        "sqlite_path_inside": "/app/backend/data/webui.db",
        "database": {"kind": "sqlite", "where": "/srv/open-webui/webui.db", "set_by": []},
        "findings": [],
        "secret_key": {"from": "env", "path": "", "on_mount": False},
        "kept": {},
        "made": False,
        "api_version": "1.41",
        "log": [],
    }


def test_one_that_is_stopped(facts):
    answer = facts(running=False)
    assert (answer["running"], answer["status"], answer["health"]) == (False, "exited", "none")
    assert answer["health_url"] == "http://127.0.0.1:80/health"


def test_compose(facts):
    project = "com.docker.compose.project"
    labels = {
        project: "chat",
        "com.docker.compose.service": "webui",
        f"{project}.working_dir": "/srv/chat",
        f"{project}.config_files": "/srv/chat/compose.yaml,/srv/chat/override.yaml",
        f"{project}.environment_file": "/srv/chat/prod.env",
    }
    answer = facts(config={"Labels": labels})
    assert answer["runtime"] == "compose"
    assert answer["compose"] == {
        "project": "chat",
        "service": "webui",
        "working_dir": "/srv/chat",
        "config_files": ["/srv/chat/compose.yaml", "/srv/chat/override.yaml"],
        "env_files": ["/srv/chat/prod.env"],
    }


@pytest.mark.parametrize(
    ("label", "tag", "version"),
    [
        ("0.6.5", "main", "0.6.5"),
        ("v0.6.5", "main", "0.6.5"),
        ("main", "v0.6.5-cuda", "0.6.5"),
        ("main", "0.6", "0.6"),
        ("git-1a2b3c", "main", ""),
        ("", "main", ""),
        ("", "20260501", ""),
    ],
)
def test_version(fake, facts, label, tag, version):
    fake.images[IMAGE_ID]["Config"]["Labels"] = {"org.opencontainers.image.version": label}
    fake.images[IMAGE_ID]["RepoTags"] = [f"host:5000/open-webui:{tag}"]
    assert facts(config={"Image": f"host:5000/open-webui:{tag}"})["version"] == version


# -- its data -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("binds", "inside", "outside"),
    [
        (["/srv/x:/app/backend/data"], None, "/srv/x"),
        (["chat:/app/backend/data:rw"], None, "/var/lib/docker/volumes/chat/_data"),
        (["/srv/x:/app/backend/data/"], None, "/srv/x"),
        (["/srv/app:/app", "/srv/other:/app/backend/database"], None, "/srv/app/backend/data"),
        (["/srv/app:/app", "/srv/x:/app/backend/data"], None, "/srv/x"),
        (["/srv/x:/app/backend/data", "/srv/deep:/app/backend/data/cache"], None, "/srv/x"),
        (["/srv/root:/data"], "/data/webui", "/srv/root/webui"),
        (["/srv/root:/data"], "/data/../data/./webui/", "/srv/root/webui"),
        (["/srv/x:/app/backend/here"], "here", "/srv/x"),
        (["/srv/x:/elsewhere"], None, ""),
        ([], None, ""),
    ],
)
def test_data_folder(facts, binds, inside, outside):
    answer = facts(config=env(*([f"DATA_DIR={inside}"] if inside else [])), host={"Binds": binds})
    assert answer["data_dir"] == outside
    assert answer["sqlite_path"] == (f"{outside}/webui.db" if outside else "")


def test_data_in_memory_is_nowhere_on_the_host(facts, fake, engine):
    container = fake.run(host={"Binds": ["/srv/app:/app"]})
    fake.containers[container]["Mounts"].append({"Type": "tmpfs", "Source": "", "Destination": "/app/backend/data"})
    assert describe(engine, fake.containers[container], "open-webui")["data_dir"] == ""


# -- the database -------------------------------------------------------------------------------------------------------------


def test_a_file_elsewhere_is_told_as_the_host_has_it(facts):
    answer = facts(config=env("DATABASE_URL=sqlite:////data/my.db"), host={"Binds": ["/srv/d:/data", "/srv/x:/app/backend/data"]})
    assert answer["database"] == {"kind": "sqlite", "where": "/srv/d/my.db", "set_by": ["DATABASE_URL"]}
    assert (answer["sqlite_path"], answer["data_dir"]) == ("/srv/d/my.db", "/srv/x")


def test_a_file_that_is_on_no_mount(facts):
    answer = facts(host={"Binds": []})
    assert (answer["database"]["where"], answer["sqlite_path"]) == ("/app/backend/data/webui.db", "")


def test_on_postgresql_the_old_file_is_still_told(facts):
    answer = facts(config=env(PG))
    assert answer["database"] == {"kind": "postgresql", "where": "db:5432/o", "set_by": ["DATABASE_URL"]}
    assert answer["sqlite_path"] == "/srv/open-webui/webui.db"


def test_after_a_move_it_is_the_file_that_the_one_set_aside_uses(fake, facts):
    binds = {"Binds": ["/srv/d:/data", "/srv/x:/app/backend/data"]}
    old = {"config": env("DATABASE_URL=sqlite:////data/my.db"), "host": binds}
    fake.run(name="open-webui-on-sqlite", **old)
    assert facts(config=env(PG), host=binds)["sqlite_path"] == "/srv/d/my.db"


@pytest.mark.parametrize(
    ("variables", "binds", "path", "finding"),
    [
        ([], ["/srv/x:/app/backend/data"], "/srv/x/webui.db", ""),
        ([], ["/srv/x:/app/backend/data"], "/srv/x/old.db", "Open WebUI uses /srv/x/webui.db, but webui_sqlite_path is /srv/x/old.db."),
        ([], ["/srv/x:/app/backend/data"], "/srv/y/webui.db", "Open WebUI uses /srv/x/webui.db, but webui_sqlite_path is /srv/y/webui.db."),
        (
            ["DATABASE_URL=sqlite:////data/webui.db"],
            ["/srv/d:/data", "/srv/x:/app/backend/data"],
            "/srv/x/webui.db",
            "Open WebUI uses /srv/d/webui.db, but webui_sqlite_path is /srv/x/webui.db.",
        ),
        (
            ["DATABASE_URL=sqlite:////data/webui.db"],
            ["/srv/x:/app/backend/data"],
            "/srv/x/webui.db",
            "The container open-webui uses /data/webui.db, which lies on nothing that is mounted from the host",
        ),
        (["DATABASE_URL=sqlite://"], [], "/srv/x/webui.db", "The container open-webui keeps its database in memory (DATABASE_URL)"),
        (["DATABASE_URL=postgresql://u@h/n"], [], "/srv/x/webui.db", ""),
    ],
)
def test_another_file_than_the_one_in_use_is_named(fake, engine, variables, binds, path, finding):
    fake.run(config=env(*variables), host={"Binds": binds})
    [found] = info(engine, "open-webui", False, 0, path)["containers"]
    assert [text.startswith(finding) for text in found["findings"]] == ([True] if finding else [])


def test_a_database_in_memory(facts):
    answer = facts(config=env("DATABASE_URL=sqlite://"))
    assert (answer["database"]["where"], answer["sqlite_path"]) == ("", "")


# -- reaching it ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bindings", "url"),
    [
        ([("", "80")], "http://127.0.0.1:80/health"),
        ([("0.0.0.0", "3000")], "http://127.0.0.1:3000/health"),
        ([("::", "3000")], "http://127.0.0.1:3000/health"),
        ([("10.1.2.3", "3000")], "http://10.1.2.3:3000/health"),
        ([("::1", "3000")], "http://[::1]:3000/health"),
        ([("10.1.2.3", "1"), ("127.0.0.1", "2")], "http://127.0.0.1:2/health"),
        ([("", "8000-8010")], ""),
        ([], ""),
    ],
)
def test_health_url_of_a_stopped_one(facts, bindings, url):
    published = {
        "8080/tcp": [{"HostIp": address, "HostPort": port} for address, port in bindings],
        "9/udp": [{"HostIp": "", "HostPort": "9"}],
    }
    assert facts(running=False, host={"PortBindings": published})["health_url"].replace("172.17.0.4", "") in (url, "http://:8080/health")


def test_the_port_that_the_engine_picked(facts):
    assert facts(host={"PortBindings": {"8080/tcp": [{"HostPort": ""}]}})["health_url"] == "http://127.0.0.1:49153/health"


def test_another_port_inside(facts):
    published = {"8080/tcp": [{"HostPort": "1"}], "9000/tcp": [{"HostPort": "2"}]}
    assert facts(config=env("PORT=9000"), host={"PortBindings": published})["health_url"] == "http://127.0.0.1:2/health"


def test_nothing_published(facts):
    assert facts(host={"PortBindings": {}})["health_url"] == "http://172.17.0.4:8080/health"


def test_the_network_of_the_host(facts):
    answer = facts(config=env("PORT=9000"), host={"NetworkMode": "host", "PortBindings": {}})
    assert (answer["health_url"], answer["networks"]) == ("http://127.0.0.1:9000/health", ["host"])


def test_the_network_of_another_container(fake, facts):
    vpn = of_image(fake, "vpn", ["vpn:1"])
    answer = facts(host={"NetworkMode": f"container:{vpn}", "PortBindings": {}})
    assert (answer["health_url"], answer["networks"]) == ("http://127.0.0.1:80/health", [])
    del fake.containers[vpn]
    fake.containers[answer["id"]]["Name"] = "/earlier"
    assert facts(host={"NetworkMode": f"container:{vpn}", "PortBindings": {}})["health_url"] == ""


# -- the secret key -------------------------------------------------------------------------------------------------------------


def key(fake, engine, *variables, binds=("/srv/open-webui:/app/backend/data",), files=()):
    container = fake.run(config=env(*variables), host={"Binds": list(binds)})
    fake.files.update({(container, path): content for path, content in files})
    answer = info(engine, "open-webui", True, 0)
    origin = answer["containers"][0]["secret_key"]
    return origin["from"], origin["path"], origin["on_mount"], answer["secret_key"]


GENERATED = ("/app/backend/.webui_secret_key", b"Zm9vYmFy\n")


def test_a_key_from_the_environment(fake, engine):
    assert key(fake, engine, "WEBUI_SECRET_KEY=k=1", files=[GENERATED]) == ("env", "", False, "k=1")


def test_a_key_of_the_old_name(fake, engine):
    assert key(fake, engine, "WEBUI_JWT_SECRET_KEY=k") == ("env", "", False, "k")


def test_a_generated_key(fake, engine):
    assert key(fake, engine, files=[GENERATED]) == ("file", "/app/backend/.webui_secret_key", False, "Zm9vYmFy")


def test_a_generated_key_on_a_mount(fake, engine):
    answer = key(fake, engine, binds=["/srv/app:/app/backend"], files=[GENERATED])
    assert answer == ("file", "/app/backend/.webui_secret_key", True, "Zm9vYmFy")


@pytest.mark.parametrize("path", ["data/key", "/app/backend/data/key"])
def test_a_key_in_a_file_of_its_own(fake, engine, path):
    answer = key(fake, engine, f"WEBUI_SECRET_KEY_FILE={path}", files=[("/app/backend/data/key", b"k")])
    assert answer == ("file", "/app/backend/data/key", True, "k")


def test_a_key_behind_a_link(fake, engine):
    files = [("/app/backend/.webui_secret_key", "../../run/secrets/key"), ("/run/secrets/key", b"k\n")]
    assert key(fake, engine, binds=["/srv/key:/run/secrets/key"], files=files) == ("file", "/run/secrets/key", True, "k")


@pytest.mark.parametrize(
    "files",
    [
        [],
        [("/app/backend/.webui_secret_key", b"")],
        [("/app/backend/.webui_secret_key", b"x" * 70000)],
        [("/app/backend/.webui_secret_key", ".webui_secret_key")],
    ],
)
def test_no_key(fake, engine, files):
    assert key(fake, engine, files=files) == ("none", "", False, "")


def test_a_key_cannot_be_asked_for_of_several(fake, engine):
    fake.run("one")
    fake.run("two")
    with pytest.raises(Refused, match=r"there are 2 containers with Open WebUI \(one, two\); name the one whose key is asked for"):
        info(engine, "", True, 0)


def test_without_asking_no_key(fake, engine):
    container = fake.run(config=env())
    fake.files[container, GENERATED[0]] = GENERATED[1]
    assert "Zm9vYmFy" not in str(info(engine, "", False, 10))


# -- the log --------------------------------------------------------------------------------------------------------------------


def log(fake, engine, raw, *variables, lines=100, **config):
    container = fake.run(config={**env(*variables), **config})
    fake.files[container, GENERATED[0]] = GENERATED[1]
    fake.logs[container] = raw
    return info(engine, "", False, lines)["containers"][0]["log"]


def test_both_streams_without_colours(fake, engine):
    raw = frames((1, b"one\n\x1b[32mtw"), (2, b"o\x1b[0m\r\n\x1b]0;title\x07three\n"), (1, b""), (2, b"\xff\xe4 four\n"))
    assert log(fake, engine, raw) == ["one", "two", "three", "\ufffd\ufffd four"]


def test_only_the_last_lines(fake, engine):
    assert log(fake, engine, frames((1, b"one\ntwo\nthree\n")), lines=2) == ["two", "three"]
    assert any("tail=400" in call for call in fake.asked)


def test_the_error_above_the_statement(fake, engine):
    statement = "".join(f"\tcolumn_{number} TEXT,\n" for number in range(50))
    raw = f"psycopg2.errors.InsufficientPrivilege: permission denied for schema public\n[SQL: \nCREATE TABLE x (\n{statement})\n"
    shown = log(fake, engine, frames((1, f"{raw}(Background on this error at: https://sqlalche.me/e/20/f405)\n".encode())), lines=5)
    assert shown == ["psycopg2.errors.InsufficientPrivilege: permission denied for schema public"]


def test_a_terminal_has_one_stream(fake, engine):
    assert log(fake, engine, b"one\r\ntwo\r\n", Tty=True) == ["one", "two"]


def test_a_log_kept_elsewhere(fake, engine):
    fake.refuse("logs", 501, "configured logging driver does not support reading")
    assert log(fake, engine, b"") == []


def test_secrets_are_masked(fake, engine):
    raw = frames(
        (
            1,
            b"key t0psecret, generated Zm9vYmFy\n"
            b"connecting to postgresql://web:pa%40ss-1@db:5432/o and redis://:r3dis@cache\n"
            b"password pa@ss-1 refused\n"
            b"token sk-12345 at https://user:other@example.org/x\n"
            b"True, 8080, 300 tokens, ready\n",
        )
    )
    variables = (
        "OPENAI_API_KEY=sk-12345",
        "OAUTH_CLIENT_SECRET=t0psecret",
        "DATABASE_URL=postgresql://web:pa%40ss-1@db:5432/o",
        "ENABLE_API_KEYS=True",
        "MAX_TOKENS=300",
        "WEBUI_NAME=ready",
    )
    shown = log(fake, engine, raw, *variables)
    assert shown[0] == "key ********, generated ********"
    assert shown[1] == "connecting to ******** and redis://********@cache"
    assert shown[2] == "password ******** refused"
    assert shown[3] == "token ******** at https://********@example.org/x"
    assert shown[4] == "True, 8080, 300 tokens, ready"
