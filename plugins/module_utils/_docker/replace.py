# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new container in the place of the old one, and the way back.

The order of steps is such that after each of them names and settings alone tell how far it went, so that a run that was killed
can be finished or taken back by the next one:

=========================================== ===================== ================== =====================
step                                        NAME                  NAME-on-sqlite     NAME-on-postgresql
=========================================== ===================== ================== =====================
before                                      old                   -                  -
the new one is made                         old                   -                  new
the old one is never restarted by itself    old, restart no       -                  new, its policy
the old one is stopped                      old, stopped          -                  new
the old one is set aside                    -                     old                new
the new one takes its name                  new                   old                -
=========================================== ===================== ================== =====================

The way back is the same steps in reverse. The new one has the user's restart policy from its first moment on, and the old one
gets it back from there.

A container is only ever removed when it is known to be one of ours: it has the name that is due to it here, it uses PostgreSQL,
and it was made like the one it stands for (the same mounts, ports and kind of network). A label would be easier, but the
new container differs from the old one in its database settings and in nothing else.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.openwebui.postgres.plugins.module_utils._docker.clone import (
    Recipe,
    Wish,
    images,
    like,
    missing_networks,
    recipe,
    refuse_missing_network,
    unlike,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.containers import (
    HALF_MADE,
    KEPT,
    MADE,
    compose_of,
    env_of,
    image_facts,
    inspect,
    key_of,
    name_of,
    networks_of,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import SECONDS, Engine
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import KEY_NAMES, database_of, secrets_in

KEY = KEY_NAMES[0]
NO_RESTART = {"Name": "no", "MaximumRetryCount": 0}

_SWARM = "com.docker.swarm.service.name"


class Stage:
    """The up to three containers of one Open WebUI, and the steps between them.

    In check mode the steps are taken on this picture of them only.

    :ivar current: the one in service. All three are as the engine describes them, or None.
    :ivar kept: the one set aside.
    :ivar half: the new one, not yet in service.
    :ivar changed: whether anything was done, or would have been.
    """

    def __init__(self, engine: Engine, name: str, timeout: int, check: bool, adopt: bool = False) -> None:
        self.engine = engine
        self.name = name
        self.timeout = timeout
        self.check = check
        self.adopt = adopt
        self.changed = False
        self.warnings: list[str] = []
        self.current, self.kept, self.half = (inspect(engine, name + suffix) for suffix in ("", KEPT, HALF_MADE))
        if self.current is not None and name_of(self.current) != name:
            raise refuse("container", f"{name}: give the whole name of the container, not its id ({name_of(self.current)})")
        for container in (self.current, self.kept, self.half):
            if container is not None:
                _refuse_managed(container, adopt)
        if self.current is None and self.kept is None and self.half is None:
            raise refuse("container", f"{name}: there is no such container; see docker ps --all")

    def make(self, source: dict[str, Any], wanted: Recipe) -> dict[str, Any]:
        """Make the new one. Only a whole one stays."""
        self.changed = True
        name = self.name + HALF_MADE
        if self.check:
            networks = {"Networks": {**networks_of(source), **wanted.connect}}
            self.half = {**source, "Id": "", "Name": f"/{name}", "Config": wanted.body, "State": {}, "NetworkSettings": networks}
            return self.half
        refuse_missing_network(self.engine, wanted.connect)
        answer = self.engine.post("/containers/create", wanted.body, name=name)
        self.warnings += answer.get("Warnings") or []
        try:
            self._connect(answer["Id"], wanted)
            made = inspect(self.engine, answer["Id"])
        except Refused:
            if inspect(self.engine, answer["Id"]) is None:
                raise _lost(name) from None
            self.engine.delete(f"/containers/{answer['Id']}", v="0")
            raise
        if made is None:
            raise _lost(name)
        self.half = made
        other = unlike(made, wanted.body)
        if other:
            self.warnings.append(f"{self.name}: the engine gave the new container other settings than the old one has: {', '.join(other)}")
        return made

    def _connect(self, container: str, wanted: Recipe) -> None:
        if wanted.disconnect:
            self.engine.post(f"/networks/{wanted.disconnect}/disconnect", {"Container": container})
        for network, endpoint in wanted.connect.items():
            self.engine.post(f"/networks/{network}/connect", {"Container": container, "EndpointConfig": endpoint})

    def set_policy(self, container: dict[str, Any], policy: dict[str, Any]) -> None:
        """Set the restart policy."""
        if _policy(container) != policy:
            self._do(f"/containers/{container['Id']}/update", {"RestartPolicy": policy})
            container["HostConfig"]["RestartPolicy"] = policy

    def stop(self, container: dict[str, Any]) -> None:
        """Stop it, with the signal that it was given for that."""
        if container["State"].get("Running"):
            seconds = max(self.timeout, container["Config"].get("StopTimeout") or 0)
            self._do(f"/containers/{container['Id']}/stop", seconds=seconds + SECONDS, t=str(seconds))
            container["State"]["Running"] = False

    def rename(self, container: dict[str, Any], suffix: str) -> None:
        """Give it its new name."""
        self._do(f"/containers/{container['Id']}/rename", name=self.name + suffix)
        container["Name"] = f"/{self.name}{suffix}"

    def put_in_service(self, container: dict[str, Any]) -> dict[str, Any]:
        """Give it the name that nothing has any more."""
        self.rename(container, "")
        self.current = container
        if container is self.half:
            self.half = None
        if container is self.kept:
            self.kept = None
        return container

    def remove(self, container: dict[str, Any]) -> None:
        """Remove it. Volumes stay."""
        self.changed = True
        if not self.check:
            self.engine.delete(f"/containers/{container['Id']}", v="0")

    def _do(self, path: str, body: Any = None, seconds: float = SECONDS, **query: str) -> None:
        self.changed = True
        if not self.check:
            self.engine.post(path, body, seconds, **query)


# -- switched -------------------------------------------------------------------------------------------------------------------


def switched(
    engine: Engine,
    name: str,
    wish: Wish,
    timeout: int,
    check: bool,
    adopt: bool = False,
    hide: Callable[[list[str]], None] = lambda secrets: None,
) -> dict[str, Any]:
    """NAME is the new container, not started, and the old one is set aside.

    :param adopt: also if Compose has made it.
    :param hide: is told what must not be shown of the container, before the engine is asked for anything that it may quote.
    """
    stage = Stage(engine, name, timeout, check, adopt)
    source = stage.current if stage.current is not None else _bring_into_service(stage)
    if stage.half is not None:
        _discard_half(stage, stage.half, source)
    carried, key = _key_of(engine, source, wish)
    hide(secrets_in(env_of(source["Config"]), [key]))
    # In check mode, what was to pull it may only have said so.
    to_come = check and wish.image != "" and image_facts(engine, wish.image) is None
    if to_come:
        stage.warnings.append(f"{wish.image}: it is not on this host yet, so what it brings along is not known")
        wish = wish._replace(image="")
    # One that is as asked for is not replaced for the sake of a key that it has already.
    if on_postgresql(source) and not to_come and _as_wished(engine, source, wish):
        return _result(stage, source, source)
    wish = wish._replace(env={**wish.env, **carried})
    return _result(stage, source, (_replace if on_postgresql(source) else _set_aside)(stage, source, wish))


def _key_of(engine: Engine, source: dict[str, Any], wish: Wish) -> tuple[dict[str, str], str]:
    """What carries the secret key over, where it is not in the environment already, and the key in use so far.

    What is in use wins over what is declared: with another one everybody has to sign in again, and stored credentials cannot be read.
    """
    origin, key = key_of(engine, source)
    if origin["from"] == "env" or any(wish.env.get(name) for name in KEY_NAMES):
        return {}, key
    carried = key or wish.secret_key
    return {KEY: carried} if carried else {}, key


def _bring_into_service(stage: Stage) -> dict[str, Any]:
    """Nothing has the name, because a run was killed between two renames: the new one was to get it."""
    if stage.half is not None:
        if not on_postgresql(stage.half) or (stage.kept is not None and not like(stage.half, stage.kept)):
            raise _not_ours(stage.half)
        return stage.put_in_service(stage.half)
    if stage.kept is None:
        raise AssertionError("there is one of the three in any case")
    _warn_of_lost_policy(stage, stage.kept)
    return stage.put_in_service(stage.kept)


def _set_aside(stage: Stage, old: dict[str, Any], wish: Wish) -> dict[str, Any]:
    if stage.kept is not None:
        raise refuse(
            "container",
            f"{stage.name}: {stage.name}{KEPT} is there from an earlier move; when it is no longer needed, remove it with "
            f"docker rm {stage.name}{KEPT}",
        )
    wanted = _checked_recipe(stage, old, wish)
    policy = _policy(old)
    new = stage.make(old, wanted)
    stage.set_policy(old, NO_RESTART if policy["Name"] != "no" else policy)
    stage.stop(old)
    stage.rename(old, KEPT)
    stage.kept = old
    return stage.put_in_service(new)


def _replace(stage: Stage, old: dict[str, Any], wish: Wish) -> dict[str, Any]:
    """It is on PostgreSQL already, but with other settings. After the old one is gone, it is as if killed between two renames."""
    if stage.kept is None or not like(old, stage.kept):
        raise refuse(
            "container",
            f"{stage.name}: it uses PostgreSQL ({database_of(env_of(old['Config'])).where}) with other settings than asked for, and "
            "was not put there by this collection, or that has been finalized; change its settings the way it was made",
        )
    wanted = _checked_recipe(stage, old, wish)
    new = stage.make(old, wanted)
    stage.stop(old)
    stage.remove(old)
    return stage.put_in_service(new)


def _checked_recipe(stage: Stage, source: dict[str, Any], wish: Wish) -> Recipe:
    if source["HostConfig"].get("AutoRemove"):
        raise refuse(
            "container",
            f"{stage.name}: it was started with --rm, so stopping it destroys it and there would be no way back; "
            "start it without --rm first",
        )
    wanted = recipe(stage.engine, source, wish)
    env = env_of(wanted.body)
    if database_of(env).kind != "postgresql":
        raise refuse("container", f"{stage.name}: with these settings it would not use PostgreSQL; give DATABASE_URL in env")
    return wanted


def _as_wished(engine: Engine, current: dict[str, Any], wish: Wish) -> bool:
    env = env_of(current["Config"])
    return (
        all(env.get(name) == value for name, value in wish.env.items())
        and not any(env.get(name) for name in wish.remove if name not in wish.env)
        and not missing_networks(current, wish)
        and (not wish.image or images(engine, current, wish.image)[1]["Id"] == current["Image"])
    )


# -- restored -------------------------------------------------------------------------------------------------------------------


def restored(engine: Engine, name: str, timeout: int, check: bool, adopt: bool = False) -> dict[str, Any]:
    """NAME is the old container, with its restart policy, not started, and the new one is gone.

    One that was made where there was none before is gone, too.
    """
    stage = Stage(engine, name, timeout, check, adopt)
    old = stage.kept
    if old is None:
        return _nothing_set_aside(stage)
    before = stage.current or stage.half
    new = stage.half if stage.current is None else _take_out_of_service(stage, stage.current, old)
    if new is None:
        _warn_of_lost_policy(stage, old)
    elif not ours(new, old):
        raise _not_ours(new)
    else:
        # The engine may have started it by itself when the machine came up.
        stage.stop(new)
    stage.put_in_service(old)
    if new is not None:
        _discard_half(stage, new, old)
    return _result(stage, before, old)


def _nothing_set_aside(stage: Stage) -> dict[str, Any]:
    if stage.current is not None and on_postgresql(stage.current) and MADE in (stage.current["Config"].get("Labels") or {}):
        stage.stop(stage.current)
        stage.remove(stage.current)
        return _result(stage, stage.current, None)
    if stage.current is None or on_postgresql(stage.current):
        raise refuse("container", f"{stage.name}{KEPT}: there is no such container, and so nothing to go back to")
    if stage.half is not None:
        _discard_half(stage, stage.half, stage.current)
    return _result(stage, stage.current, stage.current)


def _take_out_of_service(stage: Stage, new: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    if not ours(new, old):
        raise refuse(
            "container",
            f"{stage.name}: it is not the container that was made to replace {stage.name}{KEPT}; rename or remove one of them by hand",
        )
    if stage.half is not None:
        _discard_half(stage, stage.half, new)
    stage.stop(new)
    stage.rename(new, HALF_MADE)
    stage.half, stage.current = new, None
    return new


def _discard_half(stage: Stage, half: dict[str, Any], model: dict[str, Any]) -> None:
    """Remove the new one, after the restart policy that only it may have."""
    if not ours(half, model):
        raise _not_ours(half)
    if _policy(model)["Name"] == "no":
        stage.set_policy(model, _policy(half))
    stage.stop(half)
    stage.remove(half)
    stage.half = None


# -- finalized --------------------------------------------------------------------------------------------------------------------


def finalized(engine: Engine, name: str, timeout: int, check: bool, adopt: bool = False) -> dict[str, Any]:
    """The old container is gone. Its volumes are not: they are those of the new one, too."""
    stage = Stage(engine, name, timeout, check, adopt)
    if stage.current is None or stage.half is not None:
        raise refuse("container", f"{name}: a move was interrupted; finish it or take it back before settling it")
    if stage.kept is not None:
        if not ours(stage.current, stage.kept):
            raise refuse("container", f"{name}: it is not on PostgreSQL in the place of {name}{KEPT}, which therefore stays")
        if stage.kept["State"].get("Running"):
            raise refuse("container", f"{name}{KEPT}: it is running; stop it, and make sure that nothing depends on it")
        stage.remove(stage.kept)
        stage.kept = None
    return _result(stage, stage.current, stage.current)


# -- what they have in common ---------------------------------------------------------------------------------------------------


def on_postgresql(container: dict[str, Any]) -> bool:
    """Whether its environment puts Open WebUI on PostgreSQL."""
    return database_of(env_of(container["Config"])).kind == "postgresql"


def ours(new: dict[str, Any], old: dict[str, Any]) -> bool:
    """Whether it was made to stand in the place of the other."""
    return on_postgresql(new) and like(new, old)


def _not_ours(container: dict[str, Any]) -> Refused:
    return refuse("container", f"{name_of(container)}: this is not a container of this collection; rename or remove it by hand")


def _lost(name: str) -> Refused:
    return refuse(
        "container",
        f"{name}: somebody removed the new container as soon as it was made, as docker container prune does with all that do not run; "
        "run this again once that is over",
    )


def _policy(container: dict[str, Any]) -> dict[str, Any]:
    policy = container["HostConfig"].get("RestartPolicy") or {}
    return {"Name": policy.get("Name") or "no", "MaximumRetryCount": policy.get("MaximumRetryCount") or 0}


def _refuse_managed(container: dict[str, Any], adopt: bool) -> None:
    labels = container["Config"].get("Labels") or {}
    compose = compose_of(labels)
    if compose and not adopt:
        raise refuse(
            "container",
            f"{name_of(container)}: managed by Compose (project {compose['project']}, service {compose['service']}), which would undo "
            "the change; use the runtime compose",
        )
    if _SWARM in labels:
        raise refuse("container", f"{name_of(container)}: managed by Swarm (service {labels[_SWARM]}); change the service")


def _warn_of_lost_policy(stage: Stage, old: dict[str, Any]) -> None:
    if _policy(old)["Name"] == "no":
        stage.warnings.append(
            f"{stage.name}: its restart policy went with the container that had its name, so it has none now; "
            f"set it with docker update --restart=POLICY {stage.name}"
        )


def _result(stage: Stage, before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any]:
    old, new = (env_of(container["Config"]) if container else {} for container in (before, after))
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return {
        "changed": stage.changed,
        "id": after["Id"] or None if after else None,
        "name": stage.name,
        "kept": {"id": stage.kept["Id"], "name": name_of(stage.kept)} if stage.kept else {},
        "changed_settings": names,
        "advice": _advice(stage, after) if after else [],
        "warnings": stage.warnings,
        "diff": {"before": _side(before, old, names), "after": _side(after, new, names, old)},
    }


def _advice(stage: Stage, after: dict[str, Any]) -> list[str]:
    """What the owner of a Compose project has to change in it, so that its next deploy does not undo the change."""
    compose = compose_of(after["Config"].get("Labels") or {})
    if not compose or stage.kept is None or not on_postgresql(after):
        return []
    old, new = env_of(stage.kept["Config"]), env_of(after["Config"])
    put = sorted(name for name, value in new.items() if value and old.get(name) != value)
    out = sorted(name for name in old if old[name] and not new.get(name))
    networks = sorted(set(networks_of(after)) - set(networks_of(stage.kept)))
    return [
        f"{stage.name} belongs to the Compose project {compose['project']}, which was not changed: its next deploy can put Open WebUI "
        f"back on SQLite, without what was written since. Before that, in the service {compose['service']} of that project, set "
        f"{', '.join(put)} (docker inspect {stage.name} shows the values)"
        + (f", take out {', '.join(out)}" if out else "")
        + (f", and add the external network {', '.join(networks)}." if networks else "."),
        f"Right before that deploy, remove {stage.name}{KEPT} (docker rm {stage.name}{KEPT}), and with it the way back: Compose takes both "
        "containers for the same service, and removes either.",
    ]


def _side(container: dict[str, Any] | None, env: dict[str, str], names: list[str], earlier: dict[str, str] | None = None) -> dict[str, Any]:
    """One side of a diff: whether a variable is set, never its value."""
    words = {}
    for name in names:
        again = earlier is not None and name in earlier
        words[name] = "not set" if name not in env else "set to another value" if again else "set"
    return {"container": container["Id"] if container else "", "env": words, "networks": sorted(networks_of(container or {}))}
