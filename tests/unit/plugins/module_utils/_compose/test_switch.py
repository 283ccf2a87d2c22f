# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Compose service pointed at PostgreSQL and back, killed at any moment of it, and its neighbours left alone."""

from __future__ import annotations

import json
import stat

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._compose import files as _compose_files
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.cli import Way
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.project import Project, Wish
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.switch import finalized, restored, started, switched
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from lab.fake_compose import FakeCompose
from lab.fake_engine import IMAGE, IMAGE_ID, NEWER_IMAGE_ID, newer_image

URL = "postgresql://web:pa%40ss$@pg:5432/o"
WISH = Wish({"DATABASE_URL": URL, "DATABASE_POOL_SIZE": "15"}, ["DATABASE_TYPE"], ["pg"])
KEY_FILE = "/app/backend/.webui_secret_key"
OLLAMA = {"image": IMAGE, "container_name": "ollama", "pull_policy": "always", "tty": True}
# The shape of the file that Open WebUI publishes.
PUBLISHED = {
    "ollama": OLLAMA,
    "open-webui": {
        "build": {"context": ".", "dockerfile": "Dockerfile"},
        "image": IMAGE,
        "container_name": "open-webui",
        "environment": {"OLLAMA_BASE_URL": "http://ollama:11434", "WEBUI_SECRET_KEY": ""},
        "depends_on": {"ollama": {"condition": "service_started"}},
    },
}


@pytest.fixture
def make(fake, tmp_path):
    """make(services): a project of the user, not yet up."""
    fake.networks["pg"] = "a" * 64

    def project(services=None, **more):
        return FakeCompose(fake, tmp_path, json.loads(json.dumps(services or PUBLISHED)), **more)

    return project


@pytest.fixture
def compose(make):
    compose = make()
    compose.up()
    return compose


def project_of(compose, name="open-webui", check=False, override=""):
    return Project(Engine(compose.engine.host), name, override, check, compose)


def switch(compose, wish=WISH, **options):
    return switched(project_of(compose, **options), wish)


def restore(compose, **options):
    return restored(project_of(compose, **options))


def start(compose, **options):
    return started(project_of(compose, **options), 5)


def stop(compose, service="open-webui"):
    compose.container(service)["State"] = {"Status": "exited", "Running": False}


def move(compose, wish=WISH, **options):
    stop(compose)
    switch(compose, wish, **options)
    return start(compose, **options)


def refusal(do, *arguments, **options):
    with pytest.raises(Refused) as caught:
        do(*arguments, **options)
    return [problem.message for problem in caught.value.problems]


def ids(compose):
    return {service: (compose.container(service) or {}).get("Id") for service in compose.services}


def environment(compose, service="open-webui"):
    return dict(entry.split("=", 1) for entry in compose.container(service)["Config"]["Env"])


def texts(compose):
    return {path.name: path.read_text() for path in compose.folder.iterdir()}


def give_key(compose, key="k3y $x", service="open-webui"):
    compose.engine.files[compose.container(service)["Id"], KEY_FILE] = key.encode()


# -- there and back -------------------------------------------------------------------------------------------------------------


def test_the_published_project_goes_there_and_back(compose):
    give_key(compose)
    compose.up()
    there, files = ids(compose), texts(compose)
    answer = switch(compose)
    assert answer["changed_settings"] == ["DATABASE_POOL_SIZE", "DATABASE_URL", "WEBUI_SECRET_KEY"]
    assert ids(compose) == there
    stop(compose)
    assert start(compose)["changed"]
    moved = ids(compose)
    assert moved["ollama"] == there["ollama"]
    assert moved["open-webui"] != there["open-webui"]
    assert environment(compose)["DATABASE_URL"] == URL
    assert environment(compose)["WEBUI_SECRET_KEY"] == "k3y $x"
    # By hand, as the user types it.
    compose.up()
    assert ids(compose) == moved
    assert not switch(compose)["changed"]
    assert not start(compose)["changed"]
    restore(compose)
    stop(compose)
    start(compose)
    back = ids(compose)
    assert "DATABASE_URL" not in environment(compose)
    # The layer that held the key is gone, so the key is all that stays.
    assert environment(compose)["WEBUI_SECRET_KEY"] == "k3y $x"
    compose.up()
    assert ids(compose) == back
    assert not restore(compose)["changed"]
    assert {name: text for name, text in texts(compose).items() if name in files} == files


def test_secrets_are_in_one_file_that_nobody_else_can_read(compose):
    give_key(compose)
    (compose.folder / "compose.yaml").chmod(0o640)
    switch(compose)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in compose.folder.iterdir()}
    assert modes == {"compose.yaml": 0o640, "compose.override.yaml": 0o640, "openwebui-postgres.secret.yaml": 0o600}
    override = texts(compose)["compose.override.yaml"]
    assert "pa%40ss" not in override
    assert "k3y" not in override
    assert 'file: "./openwebui-postgres.secret.yaml"' in override


def test_without_a_key_of_ours_the_way_back_leaves_nothing(make):
    compose = make({"chat": {"environment": {"WEBUI_SECRET_KEY": "mine"}}})
    compose.up()
    there = texts(compose)
    stop(compose, "chat")
    switch(compose, name="project-chat-1")
    start(compose, name="project-chat-1")
    assert environment(compose, "chat")["WEBUI_SECRET_KEY"] == "mine"
    answer = restore(compose, name="project-chat-1")
    assert answer["changed_settings"] == ["DATABASE_POOL_SIZE", "DATABASE_URL"]
    assert texts(compose) == there
    stop(compose, "chat")
    start(compose, name="project-chat-1")
    assert "DATABASE_URL" not in environment(compose, "chat")


def test_before_the_container_is_made_anew_the_way_back_leaves_nothing(compose):
    give_key(compose)
    there = (texts(compose), ids(compose))
    switch(compose)
    stop(compose)
    assert restore(compose)["changed"]
    start(compose)
    assert (texts(compose), ids(compose)) == there


def test_a_project_that_was_never_touched_is_only_started(compose):
    compose.services["open-webui"]["environment"]["NEW"] = "1"
    there = ids(compose)
    stop(compose)
    assert start(compose)["changed"]
    assert ids(compose) == there
    assert compose.container("open-webui")["State"]["Running"]


def test_settings_that_are_in_the_way_become_empty(compose):
    compose.services["open-webui"]["environment"].update(DATABASE_TYPE="sqlite")
    compose.up()
    move(compose)
    assert environment(compose)["DATABASE_TYPE"] == ""


def test_another_setting_later(compose):
    move(compose)
    there = ids(compose)
    answer = move(compose, WISH._replace(env={**WISH.env, "DATABASE_POOL_SIZE": "7"}))
    assert answer["changed"]
    assert environment(compose)["DATABASE_POOL_SIZE"] == "7"
    assert ids(compose)["ollama"] == there["ollama"]


def test_another_image(compose):
    compose.engine.images[NEWER_IMAGE_ID] = newer_image()
    compose.engine.images[NEWER_IMAGE_ID]["RepoTags"] = ["open-webui:next"]
    move(compose, WISH._replace(image="open-webui:next"))
    assert compose.container("open-webui")["Config"]["Image"] == "open-webui:next"


def test_check_mode_changes_nothing(compose):
    give_key(compose)
    there = (texts(compose), ids(compose), list(compose.engine.changes))
    answer = switch(compose, check=True)
    assert answer["changed"]
    assert answer["diff"] == {
        "before": {"settings": {"DATABASE_POOL_SIZE": "not set", "DATABASE_URL": "not set", "WEBUI_SECRET_KEY": "not set"}},
        "after": {"settings": {"DATABASE_POOL_SIZE": "set", "DATABASE_URL": "set", "WEBUI_SECRET_KEY": "set"}},
    }
    assert (texts(compose), ids(compose), compose.engine.changes) == there
    switch(compose)
    stop(compose)
    there = (texts(compose), ids(compose), list(compose.engine.changes))
    assert start(compose, check=True)["changed"]
    assert restore(compose, check=True)["changed"]
    assert (texts(compose), ids(compose), compose.engine.changes) == there


def test_finalized_changes_nothing(compose):
    assert "do not put it on PostgreSQL" in refusal(lambda: finalized(project_of(compose)))[0]
    move(compose)
    assert not finalized(project_of(compose))["changed"]


def test_the_key(make):
    """The one in use wins; then what was carried over; then what is declared."""
    compose = make({"chat": {}})
    compose.up()
    wish = WISH._replace(secret_key="declared")

    def written():
        return _compose_files.settings_in(texts(compose)["openwebui-postgres.secret.yaml"]).get("WEBUI_SECRET_KEY")

    switch(compose, wish, name="project-chat-1")
    assert written() == "declared"
    give_key(compose, "in use", "chat")
    switch(compose, wish, name="project-chat-1")
    assert written() == "in use"
    stop(compose, "chat")
    start(compose, name="project-chat-1")
    switch(compose, wish, name="project-chat-1")
    assert written() == "in use"


# -- killed ---------------------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    pass


class Steps:
    """Everything that is done to files and containers, until no more may be."""

    def __init__(self, monkeypatch, compose):
        self.left = 1000
        for owner, name in ((_compose_files, "write"), (_compose_files, "remove"), (Engine, "post"), (compose, "make")):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, do):
        def step(*arguments, **more):
            answer = do(*arguments, **more)
            self.left -= 1
            if self.left == 0:
                raise Killed
            return answer

        return step

    def kill_after(self, steps, do):
        """Whether it was killed, and not through before."""
        self.left = steps
        try:
            do()
        except Killed:
            return True
        finally:
            self.left = 1000
        return False


@pytest.fixture
def steps_of(compose, monkeypatch):
    return Steps(monkeypatch, compose)


STEPS = 4


@pytest.mark.parametrize("steps", range(1, STEPS + 1))
@pytest.mark.parametrize("then", ["again", "back"])
def test_killed_on_the_way_there(compose, steps_of, steps, then):
    give_key(compose)
    before = texts(compose)
    ollama = ids(compose)["ollama"]
    stop(compose)

    def there():
        switch(compose)
        start(compose)

    assert steps_of.kill_after(steps, there)
    if then == "again":
        there()
        assert environment(compose)["DATABASE_URL"] == URL
    else:
        restore(compose)
        start(compose)
        assert "DATABASE_URL" not in environment(compose)
        # Unless the container whose layer holds the key is gone, nothing is left of it.
        assert (texts(compose) == before) == (steps < 3)
    assert environment(compose)["WEBUI_SECRET_KEY"] == ("" if then == "back" and steps < 3 else "k3y $x")
    assert compose.container("open-webui")["State"]["Running"]
    there_now = ids(compose)
    compose.up()
    assert ids(compose) == there_now
    assert there_now["ollama"] == ollama


@pytest.mark.parametrize("steps", range(1, STEPS + 1))
def test_killed_on_the_way_back(compose, steps_of, steps):
    compose.services["open-webui"]["environment"]["WEBUI_SECRET_KEY"] = "mine"
    compose.up()
    before = texts(compose)
    move(compose)
    stop(compose)

    def back():
        restore(compose)
        start(compose)

    assert steps_of.kill_after(steps, back)
    back()
    assert texts(compose) == before
    assert "DATABASE_URL" not in environment(compose)
    assert compose.container("open-webui")["State"]["Running"]


def test_there_are_no_more_steps_than_that(compose, steps_of):
    stop(compose)
    assert not steps_of.kill_after(STEPS + 1, lambda: (switch(compose), start(compose)))


def test_compose_itself_killed_before_it_renames(compose):
    switch(compose)
    stop(compose)
    compose.make([], "open-webui", Way())
    compose.container("open-webui")["Name"] = "/0123456789ab_open-webui"
    assert start(compose)["changed"]
    assert compose.container("open-webui")["State"]["Running"]
    assert environment(compose)["DATABASE_URL"] == URL


# -- what else a project has ----------------------------------------------------------------------------------------------------


def test_a_service_that_the_user_has_stopped_stays_so(compose):
    stop(compose, "ollama")
    there = ids(compose)
    move(compose)
    assert ids(compose)["ollama"] == there["ollama"]
    assert not compose.container("ollama")["State"]["Running"]
    moved = ids(compose)
    compose.up()
    assert ids(compose) == moved


def test_a_dependency_whose_file_has_changed_is_left_alone(compose):
    compose.services["ollama"]["tty"] = False
    there = ids(compose)
    switch(compose)
    stop(compose)
    answer = start(compose)
    assert answer["warnings"] == [
        "ollama: not there, or not what the Compose files describe now, and left alone. The next "
        '"docker compose up -d" sees to that, and may make open-webui anew as well, with the same settings.'
    ]
    assert ids(compose)["ollama"] == there["ollama"]
    assert environment(compose)["DATABASE_URL"] == URL
    compose.up()
    assert environment(compose)["DATABASE_URL"] == URL


def test_a_dependency_that_is_not_there_is_not_made(compose):
    del compose.engine.containers[ids(compose)["ollama"]]
    move(compose)
    assert ids(compose)["ollama"] is None
    assert environment(compose)["DATABASE_URL"] == URL


def test_a_dependency_that_is_paused_is_left_alone(compose):
    compose.container("ollama")["State"] = {"Status": "paused", "Running": True, "Paused": True}
    there = ids(compose)
    move(compose)
    assert environment(compose)["DATABASE_URL"] == URL
    assert (ids(compose)["ollama"], compose.container("ollama")["State"]["Paused"]) == (there["ollama"], True)


def test_one_that_watchtower_has_made_anew(compose):
    """It copies all labels, also the one that says which image Compose has made the container from."""
    compose.container("open-webui")["Config"]["Labels"]["com.docker.compose.image"] = NEWER_IMAGE_ID
    assert switch(compose)["changed"]
    stop(compose)
    start(compose)
    assert environment(compose)["DATABASE_URL"] == URL


def test_one_that_was_started_without_its_dependencies(make):
    compose = make()
    compose.up("open-webui", way=Way(alone=True))
    move(compose)
    moved = ids(compose)
    assert moved["ollama"] is None
    compose.up("open-webui", way=Way(alone=True))
    assert ids(compose) == moved


def test_dependencies_of_all_kinds(make):
    services = {
        "db": {},
        "vpn": {"depends_on": {"db": {"condition": "service_completed_successfully"}}},
        "chat": {
            "depends_on": {
                "vpn": {"condition": "service_healthy", "restart": True},
                "db": {"condition": "service_started", "required": False},
            }
        },
        "proxy": {"depends_on": {"chat": {"condition": "service_healthy"}}},
    }
    compose = make(services)
    compose.up()
    there = ids(compose)
    stop(compose, "chat")
    switch(compose, name="project-chat-1")
    start(compose, name="project-chat-1")
    moved = ids(compose)
    assert {name for name in there if there[name] != moved[name]} == {"chat"}
    compose.up("chat")
    assert ids(compose) == moved


def test_what_lives_in_its_network_gets_the_new_one(make):
    compose = make({"chat": {}, "side": {"network_mode": "service:chat"}, "other": {"network_mode": "service:chat"}})
    compose.up()
    stop(compose, "other")
    stop(compose, "chat")
    switch(compose, name="project-chat-1")
    start(compose, name="project-chat-1")
    side = compose.container("side")
    assert side["HostConfig"]["NetworkMode"] == f"container:{ids(compose)['chat']}"
    assert side["State"]["Running"]
    moved = ids(compose)
    assert not compose.container("other")["State"]["Running"]
    compose.up("chat", "side")
    assert ids(compose) == moved


def test_what_lives_in_its_network_and_has_changed_is_refused(make):
    compose = make({"chat": {}, "side": {"network_mode": "service:chat"}})
    compose.up()
    compose.services["side"]["environment"] = {"NEW": "1"}
    [message] = refusal(switch, compose, name="project-chat-1")
    assert message.startswith("The container project-side-1 shares the network of project-chat-1")


def test_a_stranger_in_its_network_is_told_of(compose):
    compose.engine.run("tunnel", config={"ExposedPorts": {}}, host={"NetworkMode": f"container:{ids(compose)['open-webui']}"})
    assert switch(compose)["warnings"] == ["tunnel: it shares the network of open-webui, which is made anew; make it anew afterwards, too"]


def test_what_is_to_be_restarted_with_it_is(make):
    services = {
        "chat": {},
        "proxy": {"depends_on": {"chat": {"condition": "service_started", "restart": True}}},
        "idle": {"depends_on": {"chat": {"condition": "service_started", "restart": True}}},
        "calm": {"depends_on": {"chat": {"condition": "service_started"}}},
    }
    compose = make(services)
    compose.up()
    stop(compose, "idle")
    stop(compose, "chat")
    switch(compose, name="project-chat-1")
    compose.engine.changes.clear()
    start(compose, name="project-chat-1")
    now = ids(compose)
    assert compose.engine.changes == [f"POST /v1.41/containers/{now['chat']}/start", f"POST /v1.41/containers/{now['proxy']}/restart?t=5"]


@pytest.mark.parametrize("mode", ["service:vpn", "bridge", "none"])
def test_one_that_can_be_given_no_network(make, mode):
    compose = make({"vpn": {}, "chat": {"network_mode": mode}})
    compose.up()
    [message] = refusal(switch, compose, name="project-chat-1")
    assert message.startswith(f"The service chat has network_mode: {mode}, so Compose can give it no network to PostgreSQL. Set")


def test_one_in_the_network_of_another_needs_none(make):
    compose = make({"vpn": {}, "chat": {"network_mode": "service:vpn"}})
    compose.up()
    stop(compose, "chat")
    switch(compose, WISH._replace(networks=[]), name="project-chat-1")
    start(compose, name="project-chat-1")
    moved = ids(compose)
    assert environment(compose, "chat")["DATABASE_URL"] == URL
    compose.up("chat")
    assert ids(compose) == moved


@pytest.mark.parametrize("facts", [{"scale": 2}, {"deploy": {"replicas": 3}}])
def test_replicas(make, facts):
    compose = make({"chat": facts})
    compose.up()
    [message] = refusal(switch, compose, name="project-chat-1")
    assert message.startswith(f"The service chat has {facts.get('scale', 3)} replicas, and a webui.db serves one at a time.")


def test_replicas_that_only_the_engine_knows_of(compose):
    labels = dict(compose.container("open-webui")["Config"]["Labels"])
    compose.engine.run("open-webui-2", config={"Labels": labels})
    assert "has 2 replicas" in refusal(switch, compose)[0]
    compose.engine.by_name("open-webui-2")["Config"]["Labels"]["com.docker.compose.oneoff"] = "True"
    assert switch(compose)["changed"]


# -- what stands in the way -----------------------------------------------------------------------------------------------------


def test_a_file_that_has_changed_since(compose):
    compose.services["open-webui"]["environment"]["NEW"] = "1"
    [message] = refusal(switch, compose, check=True)
    assert message.startswith("The container open-webui is not what its Compose files describe now")
    assert refusal(switch, compose) == [message]


def test_a_moved_tag_is_another_matter(compose):
    compose.services["open-webui"]["environment"]["NEW"] = "1"
    compose.engine.images[IMAGE_ID]["RepoTags"] = []
    assert switch(compose, check=True)["changed"]


@pytest.mark.parametrize("number", ["", "1.29.2", "2.17.3", "v2.9"])
def test_no_compose_to_work_with(compose, number):
    compose.number = number
    [message] = refusal(switch, compose)
    assert f'"docker compose version" says {number or "nothing"} on the target host' in message


def test_all_reasons_at_once(compose):
    compose.services["open-webui"]["environment"]["NEW"] = "1"
    (compose.folder / "docker-compose.override.yml").write_text("services: {}\n")
    compose.ignores = {"DATABASE_URL"}
    place, outdated, no_good = refusal(switch, compose)
    assert "docker-compose.override.yml already, which is not touched" in place
    assert "not what its Compose files describe" in outdated
    assert "does not set DATABASE_URL" in no_good


def test_more_would_change_than_the_database(compose):
    compose.adds = {"restart": "always"}
    assert "it would change restart" in refusal(switch, compose)[0]


@pytest.mark.parametrize("changed", [{}, {"NEW": "1"}])
def test_compose_that_does_not_read_our_file(compose, changed):
    switch(compose)
    stop(compose)
    compose.also = [compose.main]
    compose.services["open-webui"]["environment"].update(changed)
    assert f"without {compose.folder}/compose.override.yaml: a COMPOSE_FILE" in refusal(start, compose)[0]
    assert not compose.container("open-webui")["State"]["Running"]


def test_what_compose_says_is_shown_without_secrets(compose):
    switch(compose)
    stop(compose)
    compose.says = f"no such network / cannot use {URL}"
    [message] = refusal(start, compose)
    assert "no such network" in message
    assert "pa%40ss" not in message


def test_a_stack_whose_folder_is_elsewhere(compose):
    compose.container("open-webui")["Config"]["Labels"]["com.docker.compose.project.working_dir"] = "/data/compose/5"
    for do in (switch, restore, start):
        [message] = refusal(do, compose)
        assert "/data/compose/5 is not on this host" in message
        assert "Set webui_runtime to container" in message


def test_a_file_of_the_user_that_is_gone(compose):
    (compose.folder / "compose.yaml").unlink()
    assert f"{compose.folder}/compose.yaml is not on this host" in refusal(switch, compose)[0]


def test_no_compose_container(compose):
    compose.engine.run("plain")
    assert refusal(switch, compose, name="plain") == ["plain: it is not managed by Compose; use the runtime container"]
    assert refusal(switch, compose, name="none") == ["none: there is no such container; see docker ps --all"]


def test_settings_that_do_not_lead_to_postgresql(compose):
    assert "give DATABASE_URL" in refusal(switch, compose, Wish({"A": "b"}, [], []))[0]
