# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container replaced and put back, at any moment of it killed, and never one too many removed."""

from __future__ import annotations

import copy
from contextlib import suppress

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.clone import Wish
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.replace import finalized, restored, switched
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused
from lab.fake_engine import IMAGE_ID, NEWER_IMAGE_ID, newer_image

URL = "postgresql://web:pa%40ss@openwebui-postgres:5432/o"
WISH = Wish({"DATABASE_URL": URL, "DATABASE_POOL_SIZE": "15"}, ["DATABASE_TYPE"], ["pg"], "")
OTHER_WISH = WISH._replace(env={**WISH.env, "DATABASE_POOL_SIZE": "20"})
ALWAYS = {"Name": "always", "MaximumRetryCount": 0}
NO = {"Name": "no", "MaximumRetryCount": 0}


@pytest.fixture
def fake(fakes):
    engine = fakes("1.41")
    engine.networks["pg"] = "a" * 64
    return engine


def switch(fake, wish=WISH, check=False, adopt=False):
    return switched(Engine(fake.host), "chat", wish, 10, check, adopt)


def restore(fake, check=False, adopt=False):
    return restored(Engine(fake.host), "chat", 10, check, adopt)


def settle(fake, check=False, adopt=False):
    return finalized(Engine(fake.host), "chat", 10, check, adopt)


def refusal(do, *arguments):
    fake = arguments[0]
    before = copy.deepcopy(fake.containers)
    with pytest.raises(Refused) as caught:
        do(*arguments)
    assert fake.containers == before
    return str(caught.value)


def run(fake, name="chat", **settings):
    """An Open WebUI on SQLite, of which a second look can be taken."""
    return fake.run(name, config={"Env": ["WEBUI_SECRET_KEY=key", "DATABASE_TYPE=sqlite"], **settings.pop("config", {})}, **settings)


def essence(container):
    """A container but for what its start and its stop change."""
    facts = copy.deepcopy(container)
    del facts["State"], facts["NetworkSettings"]["Ports"]
    for endpoint in facts["NetworkSettings"]["Networks"].values():
        endpoint.update({"IPAddress": "", "MacAddress": "", "EndpointID": ""})
    return facts


def assert_original(fake, original):
    """Nothing but the old container is there, and it is as it was."""
    assert [essence(container) for container in fake.containers.values()] == [original]


def assert_switched(fake, old, policy=None):
    assert fake.names() == {"chat", "chat-on-sqlite"}
    new, kept = fake.by_name("chat"), fake.by_name("chat-on-sqlite")
    assert kept["Id"] == old
    assert (kept["State"]["Running"], kept["HostConfig"]["RestartPolicy"]) == (False, NO)
    assert (new["State"]["Running"], new["HostConfig"]["RestartPolicy"]) == (False, policy or ALWAYS)
    assert f"DATABASE_URL={URL}" in new["Config"]["Env"]
    assert set(new["NetworkSettings"]["Networks"]) == {"bridge", "pg"}
    return new


# -- there and back -------------------------------------------------------------------------------------------------------------


def test_switched(fake):
    old = run(fake)
    answer = switch(fake)
    new = assert_switched(fake, old)
    assert answer["changed"]
    assert (answer["id"], answer["name"]) == (new["Id"], "chat")
    assert answer["kept"] == {"id": old, "name": "chat-on-sqlite"}
    assert answer["changed_settings"] == ["DATABASE_POOL_SIZE", "DATABASE_TYPE", "DATABASE_URL"]
    assert answer["warnings"] == []
    assert answer["diff"] == {
        "before": {
            "container": old,
            "env": {"DATABASE_POOL_SIZE": "not set", "DATABASE_TYPE": "set", "DATABASE_URL": "not set"},
            "networks": ["bridge"],
        },
        "after": {
            "container": new["Id"],
            "env": {"DATABASE_POOL_SIZE": "set", "DATABASE_TYPE": "not set", "DATABASE_URL": "set"},
            "networks": ["bridge", "pg"],
        },
    }


def test_the_order_of_steps(fake):
    old = run(fake)
    switch(fake)
    new = fake.by_name("chat")["Id"]
    steps = [change.replace(f"/{old}/", "/old/").replace(f"/{new}/", "/new/") for change in fake.changes]
    assert steps == [
        "POST /v1.41/containers/create?name=chat-on-postgresql",
        "POST /v1.41/networks/pg/connect",
        "POST /v1.41/containers/old/update",
        "POST /v1.41/containers/old/stop?t=10",
        "POST /v1.41/containers/old/rename?name=chat-on-sqlite",
        "POST /v1.41/containers/new/rename?name=chat",
    ]


def test_again_changes_nothing(fake):
    run(fake)
    first = switch(fake)
    fake.start(first["id"])
    done = len(fake.changes)
    for check in (True, False):
        answer = switch(fake, check=check)
        assert (answer["changed"], answer["changed_settings"]) == (False, [])
        assert (answer["id"], answer["kept"]) == (first["id"], first["kept"])
        assert answer["diff"]["before"] == answer["diff"]["after"]
    assert len(fake.changes) == done
    assert fake.by_name("chat")["State"]["Running"]


def test_restored(fake):
    old = run(fake)
    original = essence(fake.containers[old])
    new = switch(fake)["id"]
    fake.start(new)
    answer = restore(fake)
    assert_original(fake, original)
    assert answer["changed"]
    assert (answer["id"], answer["kept"]) == (old, {})
    assert answer["changed_settings"] == ["DATABASE_POOL_SIZE", "DATABASE_TYPE", "DATABASE_URL"]
    assert answer["warnings"] == []
    for check in (True, False):
        assert not restore(fake, check=check)["changed"]
    assert_original(fake, original)


def test_finalized(fake):
    old = run(fake)
    new = switch(fake)["id"]
    fake.start(new)
    for check in (True, False):
        answer = settle(fake, check=check)
        assert (answer["changed"], answer["id"], answer["kept"]) == (True, new, {})
        assert fake.names() == ({"chat", "chat-on-sqlite"} if check else {"chat"})
    assert old not in fake.containers
    assert fake.by_name("chat")["State"]["Running"]
    for check in (True, False):
        assert not settle(fake, check=check)["changed"]
    assert not switch(fake)["changed"]
    assert refusal(restore, fake) == "chat-on-sqlite: there is no such container, and so nothing to go back to"


@pytest.mark.parametrize("do", [switch, restore, settle])
def test_check_mode_asks_for_no_change(fake, do):
    run(fake)
    if do is not switch:
        switch(fake)
    before, done = copy.deepcopy(fake.containers), len(fake.changes)
    rehearsal = do(fake, check=True)
    assert rehearsal["changed"]
    assert fake.containers == before
    assert len(fake.changes) == done
    real = do(fake)
    assert {**rehearsal, "id": 0, "diff": 0} == {**real, "id": 0, "diff": 0}
    if do is switch:
        assert rehearsal["id"] is None
        assert rehearsal["diff"]["after"] == {**real["diff"]["after"], "container": ""}


@pytest.mark.parametrize("policy", [{"Name": "on-failure", "MaximumRetryCount": 5}, {"Name": "unless-stopped", "MaximumRetryCount": 0}, NO])
def test_every_restart_policy(fake, policy):
    old = run(fake, host={"RestartPolicy": policy})
    original = essence(fake.containers[old])
    switch(fake)
    assert_switched(fake, old, policy)
    restore(fake)
    assert_original(fake, original)


def test_no_restart_policy_at_all(fake):
    old = run(fake, host={"RestartPolicy": {"Name": "", "MaximumRetryCount": 0}})
    original = essence(fake.containers[old])
    switch(fake)
    restore(fake)
    assert_original(fake, original)


def test_one_that_was_stopped_before(fake):
    old = run(fake)
    fake.answer("POST", f"/containers/{old}/stop", None)
    switch(fake)
    assert_switched(fake, old)
    assert not any("/stop" in change for change in fake.changes)


@pytest.mark.parametrize(("own", "seconds"), [(None, 10), (5, 10), (300, 300)])
def test_the_time_it_has_for_its_end(fake, own, seconds):
    run(fake, config={"StopTimeout": own})
    switch(fake)
    assert any(change.endswith(f"/stop?t={seconds}") for change in fake.changes)


# -- killed ---------------------------------------------------------------------------------------------------------------------

SWITCHING = range(1, 7)
RESTORING = range(1, 6)
REPLACING = range(1, 6)


def killed(fake, changes, do, *arguments):
    """Kill it after so many changes: nothing that it does then reaches the engine."""
    fake.kill_after(changes)
    with pytest.raises(Refused, match="does not answer"):
        do(fake, *arguments)
    fake.revive()


def test_the_numbers_of_changes(fake):
    run(fake)
    switch(fake)
    assert len(fake.changes) == len(SWITCHING)
    fake.start(fake.by_name("chat")["Id"])
    switch(fake, OTHER_WISH)
    assert len(fake.changes) == len(SWITCHING) + len(REPLACING)
    fake.start(fake.by_name("chat")["Id"])
    restore(fake)
    assert len(fake.changes) == len(SWITCHING) + len(REPLACING) + len(RESTORING)


@pytest.mark.parametrize("changes", SWITCHING)
def test_a_killed_switch_is_taken_back(fake, changes):
    original = essence(fake.containers[run(fake)])
    killed(fake, changes, switch)
    restore(fake)
    assert_original(fake, original)
    switch(fake)
    assert_switched(fake, original["Id"])


@pytest.mark.parametrize("changes", SWITCHING)
def test_a_killed_switch_is_repeated(fake, changes):
    original = essence(fake.containers[run(fake)])
    killed(fake, changes, switch)
    rehearsal = switch(fake, check=True)
    assert switch(fake)["changed"] == rehearsal["changed"]
    assert_switched(fake, original["Id"])
    restore(fake)
    assert_original(fake, original)


@pytest.mark.parametrize("changes", SWITCHING)
def test_a_killed_switch_is_repeated_with_other_settings(fake, changes):
    original = essence(fake.containers[run(fake)])
    killed(fake, changes, switch)
    switch(fake, OTHER_WISH)
    new = assert_switched(fake, original["Id"])
    assert "DATABASE_POOL_SIZE=20" in new["Config"]["Env"]


@pytest.mark.parametrize("first", SWITCHING)
@pytest.mark.parametrize("second", [1, 2, 3])
def test_killed_twice(fake, first, second):
    original = essence(fake.containers[run(fake)])
    killed(fake, first, switch)
    for do in (restore, switch):
        fake.kill_after(second)
        # The way back from an early stop has fewer steps than that.
        with suppress(Refused):
            do(fake)
        fake.revive()
    restore(fake)
    assert_original(fake, original)


@pytest.mark.parametrize("changes", RESTORING)
def test_a_killed_way_back_is_finished(fake, changes):
    original = essence(fake.containers[run(fake)])
    fake.start(switch(fake)["id"])
    killed(fake, changes, restore)
    restore(fake)
    assert_original(fake, original)


@pytest.mark.parametrize("changes", RESTORING)
def test_a_killed_way_back_is_turned_round(fake, changes):
    original = essence(fake.containers[run(fake)])
    fake.start(switch(fake)["id"])
    killed(fake, changes, restore)
    switch(fake)
    assert fake.names() == {"chat", "chat-on-sqlite"}
    assert fake.by_name("chat")["HostConfig"]["RestartPolicy"] == ALWAYS
    restore(fake)
    assert_original(fake, original)


def test_killed_and_the_machine_restarted(fake):
    """The engine starts whatever has the restart policy for it, also the new one that was never meant to run yet."""
    original = essence(fake.containers[run(fake)])
    killed(fake, 5, switch)
    fake.start(fake.by_name("chat-on-postgresql")["Id"])
    restore(fake)
    assert_original(fake, original)


# -- other settings than before -------------------------------------------------------------------------------------------------


def test_other_settings_replace_it_once_more(fake):
    old = run(fake)
    first = switch(fake)["id"]
    fake.start(first)
    fake.containers[first]["HostConfig"]["Memory"] = 12345
    answer = switch(fake, OTHER_WISH)
    new = assert_switched(fake, old)
    assert answer["changed_settings"] == ["DATABASE_POOL_SIZE"]
    assert answer["diff"]["after"]["env"] == {"DATABASE_POOL_SIZE": "set to another value"}
    assert first not in fake.containers
    assert new["HostConfig"]["Memory"] == 12345


@pytest.mark.parametrize("changes", REPLACING)
def test_a_killed_replacement(fake, changes):
    original = essence(fake.containers[run(fake)])
    fake.start(switch(fake)["id"])
    killed(fake, changes, switch, OTHER_WISH)
    switch(fake, OTHER_WISH)
    assert "DATABASE_POOL_SIZE=20" in assert_switched(fake, original["Id"])["Config"]["Env"]


@pytest.mark.parametrize("changes", REPLACING)
def test_a_killed_replacement_is_taken_back(fake, changes):
    original = essence(fake.containers[run(fake)])
    fake.start(switch(fake)["id"])
    killed(fake, changes, switch, OTHER_WISH)
    restore(fake)
    assert_original(fake, original)


@pytest.mark.parametrize(
    "wish", [WISH._replace(networks=["pg", "more"]), WISH._replace(remove=["WEBUI_SECRET_KEY"]), WISH._replace(image="new")]
)
def test_other_settings_are_not_only_those_of_the_environment(fake, wish):
    fake.networks["more"] = "b" * 64
    fake.images[NEWER_IMAGE_ID] = {**newer_image(), "RepoTags": ["new"]}
    run(fake)
    first = switch(fake)["id"]
    fake.start(first)
    assert switch(fake, wish)["changed"]
    assert not switch(fake, wish)["changed"]
    assert first not in fake.containers


def test_not_of_one_that_was_there_on_postgresql_before(fake):
    run(fake, config={"Env": ["DATABASE_URL=postgres://u:s3cret@db/n"]})
    assert refusal(switch, fake) == (
        "chat: it uses PostgreSQL (db:5432/n) with other settings than asked for, and was not put there by this collection, or that has "
        "been finalized; change its settings the way it was made"
    )
    assert refusal(restore, fake) == "chat-on-sqlite: there is no such container, and so nothing to go back to"
    assert not settle(fake)["changed"]


# -- refused --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("do", [switch, restore, settle])
def test_none(fake, do):
    message = refusal(do, fake)
    assert "chat: there is no such container" in message or "a move was interrupted" in message


@pytest.mark.parametrize("do", [switch, restore, settle])
def test_managed_by_compose(fake, do):
    run(fake, config={"Labels": {"com.docker.compose.project": "p", "com.docker.compose.service": "s"}})
    assert refusal(do, fake) == "chat: managed by Compose (project p, service s), which would undo the change; use the runtime compose"


STACK = {"com.docker.compose.project": "p", "com.docker.compose.service": "s", "com.docker.compose.config-hash": "abc", "mine": "yes"}


def test_adopted_from_compose_there_and_back(fake):
    old = run(fake, config={"Labels": STACK})
    original = essence(fake.containers[old])
    answer = switch(fake, adopt=True)
    new = assert_switched(fake, old)
    assert {name: new["Config"]["Labels"][name] for name in STACK} == STACK
    advice = [
        "chat belongs to the Compose project p, which was not changed: its next deploy can put Open WebUI back on SQLite, without what was "
        "written since. Before that, in the service s of that project, set DATABASE_POOL_SIZE, DATABASE_URL (docker inspect chat shows the "
        "values), take out DATABASE_TYPE, and add the external network pg.",
        "Right before that deploy, remove chat-on-sqlite (docker rm chat-on-sqlite), and with it the way back: Compose takes both "
        "containers for the same service, and removes either.",
    ]
    assert answer["advice"] == advice
    again = switch(fake, adopt=True)
    assert (again["changed"], again["advice"]) == (False, advice)
    assert restore(fake, adopt=True)["advice"] == []
    assert_original(fake, original)


def test_adopted_from_compose_and_finalized(fake):
    run(fake, config={"Labels": STACK})
    switch(fake, adopt=True)
    assert settle(fake, adopt=True)["changed"]
    assert fake.names() == {"chat"}
    assert switch(fake, adopt=True)["advice"] == []


def test_no_advice_where_compose_has_no_part_in_it(fake):
    run(fake)
    assert switch(fake, adopt=True)["advice"] == []


def test_managed_by_swarm(fake):
    run(fake, config={"Labels": {"com.docker.swarm.service.name": "s"}})
    assert refusal(switch, fake) == "chat: managed by Swarm (service s); change the service"


def test_one_that_goes_with_its_stop(fake):
    run(fake, host={"AutoRemove": True, "RestartPolicy": NO})
    assert refusal(switch, fake) == (
        "chat: it was started with --rm, so stopping it destroys it and there would be no way back; start it without --rm first"
    )


def test_an_id_is_no_name(fake):
    identifier = run(fake)
    with pytest.raises(Refused, match=r"give the whole name of the container, not its id \(chat\)"):
        switched(Engine(fake.host), identifier[:12], WISH, 10, False)


@pytest.mark.parametrize("env", [{}, {"DATABASE_URL": "sqlite:////d/x.db"}, {"DATABASE_URL": "nothing like s3cret"}])
def test_settings_that_do_not_lead_to_postgresql(fake, env):
    run(fake)
    assert refusal(switch, fake, WISH._replace(env=env)) == (
        "chat: with these settings it would not use PostgreSQL; give DATABASE_URL in env"
    )


GENERATED = "/app/backend/.webui_secret_key"


def keys(fake, name="chat"):
    return [entry.partition("=")[2] for entry in fake.by_name(name)["Config"]["Env"] if entry.startswith("WEBUI_SECRET_KEY=")]


@pytest.mark.parametrize("wish", [WISH, WISH._replace(secret_key="declared")])
def test_a_generated_key_is_carried_over(fake, wish):
    """It is in the container alone, and a new one would not have it. It wins over what is declared."""
    container = run(fake, config={"Env": []})
    fake.files[container, GENERATED] = b"Zm9v\n"
    rehearsal = switch(fake, wish, check=True)
    answer = switch(fake, wish)
    assert_switched(fake, container)
    assert keys(fake) == ["Zm9v"]
    assert answer["changed_settings"] == rehearsal["changed_settings"] == ["DATABASE_POOL_SIZE", "DATABASE_URL", "WEBUI_SECRET_KEY"]
    assert "Zm9v" not in str([rehearsal, answer])
    assert not switch(fake, wish)["changed"]
    switch(fake, wish._replace(env=OTHER_WISH.env))
    assert keys(fake) == ["Zm9v"]


@pytest.mark.parametrize("changes", range(1, 7))
def test_a_generated_key_survives_a_kill(fake, changes):
    container = run(fake, config={"Env": []})
    fake.files[container, GENERATED] = b"Zm9v\n"
    killed(fake, changes, switch)
    switch(fake)
    assert_switched(fake, container)
    assert keys(fake) == ["Zm9v"]


@pytest.mark.parametrize(
    ("in_use", "env", "key"),
    [
        ("", {}, ["declared"]),
        ("WEBUI_SECRET_KEY=in use", {}, ["in use"]),
        ("WEBUI_JWT_SECRET_KEY=in use", {}, []),
        ("", {"WEBUI_SECRET_KEY": "asked for"}, ["asked for"]),
        ("WEBUI_SECRET_KEY=in use", {"WEBUI_SECRET_KEY": "asked for"}, ["asked for"]),
    ],
)
def test_which_key_it_is(fake, in_use, env, key):
    run(fake, config={"Env": [in_use] if in_use else []})
    wish = WISH._replace(env={**WISH.env, **env}, secret_key="declared")
    switch(fake, wish)
    assert [found for found in keys(fake) if found] == key
    assert not switch(fake, wish)["changed"]


def test_a_key_that_the_new_one_has_generated_is_no_reason_to_replace_it(fake):
    run(fake, config={"Env": []})
    new = switch(fake)["id"]
    fake.files[new, GENERATED] = b"Zm9v\n"
    assert not switch(fake, WISH._replace(secret_key="declared"))["changed"]
    settle(fake)
    assert not switch(fake)["changed"]


def test_what_must_not_be_shown_is_told_before_the_engine_can_quote_it(fake):
    container = run(fake, config={"Env": ["OPENAI_API_KEY=sk-of-the-walk"]})
    fake.files[container, GENERATED] = b"Zm9v\n"
    hidden: list[str] = []
    fake.refuse("/containers/create", 500, "no")
    with pytest.raises(Refused):
        switched(Engine(fake.host), "chat", WISH, 10, False, False, hidden.extend)
    assert {"Zm9v", "sk-of-the-walk"} <= set(hidden)


# -- made where there was none ----------------------------------------------------------------------------------------------------


def make(fake, env=(f"DATABASE_URL={URL}",)):
    return run(fake, config={"Env": list(env), "Labels": {"openwebui.postgres.made": "yes"}})


def test_one_that_was_made_where_there_was_none_is_removed(fake):
    fake.start(make(fake))
    for check in (True, False):
        answer = restore(fake, check=check)
        assert (answer["changed"], answer["id"], answer["kept"]) == (True, None, {})
        assert "DATABASE_URL" in answer["changed_settings"]
        assert fake.names() == ({"chat"} if check else set())
    assert URL not in str(answer)
    assert any("v=0" in change for change in fake.changes if change.startswith("DELETE"))


def test_its_killed_removal_is_finished(fake):
    fake.start(make(fake))
    killed(fake, 1, restore)
    assert fake.names() == {"chat"}
    restore(fake)
    assert fake.names() == set()


def test_one_that_was_made_and_is_on_sqlite_stays(fake):
    make(fake, ())
    assert not restore(fake)["changed"]
    assert fake.names() == {"chat"}


def test_a_generated_key_on_a_mount_is_not_lost(fake):
    container = run(fake, config={"Env": []}, host={"Binds": ["/srv/app:/app/backend"]})
    fake.files[container, "/app/backend/.webui_secret_key"] = b"Zm9v\n"
    switch(fake)
    assert_switched(fake, container)


def test_an_older_one_set_aside(fake):
    run(fake)
    run(fake, "chat-on-sqlite")
    assert refusal(switch, fake) == (
        "chat: chat-on-sqlite is there from an earlier move; when it is no longer needed, remove it with docker rm chat-on-sqlite"
    )
    assert refusal(restore, fake) == (
        "chat: it is not the container that was made to replace chat-on-sqlite; rename or remove one of them by hand"
    )
    assert refusal(settle, fake) == "chat: it is not on PostgreSQL in the place of chat-on-sqlite, which therefore stays"


STRANGERS = [
    {"config": {"Env": ["DATABASE_URL=postgresql://u:p@h/n"]}, "host": {"Binds": ["/srv/other:/app/backend/data"]}},
    {"config": {"Env": ["DATABASE_URL=postgresql://u:p@h/n"]}, "host": {"PortBindings": {}}},
    {"config": {"Env": []}},
]


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("do", [switch, restore])
def test_somebody_elses_container_under_the_name_of_the_new_one(fake, do, stranger):
    run(fake)
    run(fake, "chat-on-postgresql", **copy.deepcopy(stranger))
    assert refusal(do, fake) == "chat-on-postgresql: this is not a container of this collection; rename or remove it by hand"


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("do", [switch, restore])
def test_somebody_elses_container_where_the_new_one_was_to_get_its_name(fake, do, stranger):
    run(fake, "chat-on-sqlite")
    run(fake, "chat-on-postgresql", **copy.deepcopy(stranger))
    assert refusal(do, fake) == "chat-on-postgresql: this is not a container of this collection; rename or remove it by hand"


@pytest.mark.parametrize("stranger", STRANGERS[:2])
def test_somebody_elses_container_under_the_name_of_the_old_one(fake, stranger):
    run(fake)
    switch(fake)
    del fake.containers[fake.by_name("chat")["Id"]]
    run(fake, **copy.deepcopy(stranger))
    message = "chat: it is not the container that was made to replace chat-on-sqlite; rename or remove one of them by hand"
    assert refusal(restore, fake) == message
    assert "chat: it uses PostgreSQL (h:5432/n) with other settings" in refusal(switch, fake)
    assert "which therefore stays" in refusal(settle, fake)


def test_finalized_not_in_the_middle_of_a_move(fake):
    run(fake)
    for changes in (1, 5):
        killed(fake, changes, switch)
        assert refusal(settle, fake) == "chat: a move was interrupted; finish it or take it back before settling it"


def test_finalized_not_while_the_old_one_runs(fake):
    run(fake)
    fake.start(switch(fake)["kept"]["id"])
    assert refusal(settle, fake) == "chat-on-sqlite: it is running; stop it, and make sure that nothing depends on it"


# -- gone wrong -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["/containers/create", "/networks/pg/connect"])
def test_a_new_one_that_cannot_be_made_leaves_nothing(fake, call):
    original = run(fake)
    before = copy.deepcopy(fake.containers[original])
    fake.refuse(call, 500, "no room")
    with pytest.raises(Refused, match="the Docker Engine says: no room"):
        switch(fake)
    assert list(fake.containers.values()) == [before]


@pytest.mark.parametrize("networks", [[], ["pg"]])
@pytest.mark.parametrize("moved", [False, True])
def test_a_new_one_that_is_pruned_at_once(fake, monkeypatch, moved, networks):
    """As docker container prune does with all that do not run, before it has all its networks or once it has them."""
    run(fake)
    if moved:
        switch(fake, WISH._replace(networks=networks))
    create = fake.create

    def create_and_lose(name, body):
        answer = create(name, body)
        del fake.containers[answer["Id"]]
        return answer

    monkeypatch.setattr(fake, "create", create_and_lose)
    said = refusal(switch, fake, OTHER_WISH._replace(networks=networks))
    assert said.startswith("chat-on-postgresql: somebody removed the new container as soon as it was made, as docker container prune does")


def test_a_network_that_is_not_there(fake):
    """Engines before API 1.44 would only notice when the container is started. In check mode it may be yet to come."""
    run(fake)
    wish = WISH._replace(networks=["soon"])
    assert refusal(switch, fake, wish) == "soon: there is no such network; create it first"
    assert switch(fake, wish, check=True)["diff"]["after"]["networks"] == ["bridge", "soon"]
    fake.refuse("/networks/soon", 500, "no store")
    assert refusal(switch, fake, wish) == "the Docker Engine says: no store"


def test_an_image_that_is_not_there(fake):
    """In check mode it may be yet to come, before the move and after it."""
    run(fake)
    wish = WISH._replace(image="soon:1")
    for _moved in range(2):
        assert refusal(switch, fake, wish) == "soon:1: there is no such image on this host; pull it first"
        rehearsal = switch(fake, wish, check=True)
        assert (rehearsal["changed"], rehearsal["id"]) == (True, None)
        assert rehearsal["warnings"] == ["soon:1: it is not on this host yet, so what it brings along is not known"]
        fake.start(switch(fake)["id"])


def test_the_new_one_was_removed_by_hand(fake):
    old = run(fake)
    del fake.containers[switch(fake)["id"]]
    answer = restore(fake)
    assert (answer["id"], answer["changed"]) == (old, True)
    assert answer["warnings"] == [
        "chat: its restart policy went with the container that had its name, so it has none now; "
        "set it with docker update --restart=POLICY chat"
    ]


def test_the_new_one_was_removed_by_hand_and_is_made_again(fake):
    old = run(fake)
    del fake.containers[switch(fake)["id"]]
    answer = switch(fake)
    assert_switched(fake, old, NO)
    assert len(answer["warnings"]) == 1


def test_only_a_half_made_one_is_left(fake):
    old = run(fake)
    killed(fake, 5, switch)
    del fake.containers[old]
    assert refusal(restore, fake) == "chat-on-sqlite: there is no such container, and so nothing to go back to"
    switch(fake)
    assert fake.names() == {"chat"}


def test_what_the_engine_warns_of(fake):
    run(fake)
    create = fake.create
    fake.create = lambda name, body: {**create(name, body), "Warnings": ["no swap limit"]}
    assert switch(fake)["warnings"] == ["no swap limit"]


def test_what_the_engine_made_otherwise(fake):
    run(fake)
    create = fake.create

    def forgetful(name, body):
        answer = create(name, body)
        fake.containers[answer["Id"]]["HostConfig"]["DeviceRequests"] = None
        return answer

    fake.create = forgetful
    assert switch(fake)["warnings"] == [
        "chat: the engine gave the new container other settings than the old one has: HostConfig.DeviceRequests"
    ]


def test_no_value_is_ever_told(fake):
    run(fake)
    answers = [switch(fake, check=True), switch(fake), switch(fake, OTHER_WISH), restore(fake)]
    assert "pa%40ss" not in str(answers)
    assert "'key'" not in str(answers)


def test_image_of_the_new_one(fake):
    run(fake)
    fake.images[NEWER_IMAGE_ID] = {**newer_image(), "RepoTags": ["new"]}
    switch(fake, WISH._replace(image="new"))
    assert (fake.by_name("chat")["Image"], fake.by_name("chat-on-sqlite")["Image"]) == (NEWER_IMAGE_ID, IMAGE_ID)
