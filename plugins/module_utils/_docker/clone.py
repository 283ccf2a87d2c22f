# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container like another one, but for some of its environment: what to ask the engine for.

What the engine reports of a container is handed back to it word for word, so that nothing is lost that this collection has
never heard of. Listed here is only what must not be handed back: what the engine itself made up for the one container, and what
it reports but refuses to take.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import copy
import posixpath
from typing import Any, Iterable, NamedTuple

from ansible_collections.openwebui.postgres.plugins.module_utils._docker.containers import (
    env_of,
    image_facts,
    inspect,
    name_of,
    networks_of,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine, EngineError
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse

# Networks that are no networks: there is nothing to be connected to.
_NO_NETWORKS = ("host", "none")

# How a container is connected to a network. All else in the engine's answer is what came of it.
_ASKED_FOR = ("IPAMConfig", "Links", "Aliases", "DriverOpts", "GwPriority")

# The engine takes each of them for its own kind of mount only, and older ones have stored others.
_MOUNT_OPTIONS = {"bind": "BindOptions", "volume": "VolumeOptions", "tmpfs": "TmpfsOptions"}

# What a container inherits from its image unless it was told otherwise, and what of it consists of single entries.
_INHERITED = ("Entrypoint", "Healthcheck", "WorkingDir", "User", "StopSignal", "Shell", "OnBuild")
_INHERITED_ENTRIES = ("Labels", "ExposedPorts", "Volumes")


class Wish(NamedTuple):
    """What is to be other than before.

    :ivar env: variables to set.
    :ivar remove: names of variables to unset.
    :ivar networks: networks to be connected to as well.
    :ivar image: another image, or an empty text.
    :ivar secret_key: the secret key for one that has none in use yet, or an empty text.
    """

    env: dict[str, str]
    remove: list[str]
    networks: list[str]
    image: str
    secret_key: str = ""


class Recipe(NamedTuple):
    """How a container is made.

    :ivar body: what the engine is asked to create.
    :ivar disconnect: the network that the engine connects it to unasked.
    :ivar connect: the networks it is connected to afterwards, and how: older engines take only one at once.
    """

    body: dict[str, Any]
    disconnect: str
    connect: dict[str, dict[str, Any]]


def recipe(engine: Engine, source: dict[str, Any], wish: Wish) -> Recipe:
    """How to make a container like this one.

    :raises Refused: when the image is gone, or the wish cannot be fulfilled.
    """
    old_image, new_image = images(engine, source, wish.image)
    config = _config(engine, source)
    if new_image["Id"] == old_image["Id"]:
        config["Image"] = _same_image(engine, source, old_image)
    else:
        config["Image"] = wish.image
        _follow_image(config, old_image.get("Config") or {})
    config["Env"] = _environment(config.get("Env") or [], wish, env_of(new_image.get("Config") or {}))
    host = _host_config(source)
    own, disconnect, connect = _networks(engine, source, wish)
    return Recipe({**config, "HostConfig": host, "NetworkingConfig": {"EndpointsConfig": own}}, disconnect, connect)


def images(engine: Engine, source: dict[str, Any], image: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The image that a container runs, and the one asked for. Nothing is ever pulled."""
    old = image_facts(engine, source["Image"])
    if old is None:
        raise refuse("image", f"{name_of(source)}: its image {source['Image']} is no longer on this host; pull {source['Config']['Image']}")
    new = image_facts(engine, image) if image else old
    if new is None:
        raise refuse("image", f"{image}: there is no such image on this host; pull it first")
    return old, new


def missing_networks(source: dict[str, Any], wish: Wish) -> list[str]:
    """The networks a container has yet to be connected to. In the host's network there is nothing to connect."""
    mode = source["HostConfig"].get("NetworkMode") or ""
    missing = [name for name in dict.fromkeys(wish.networks) if name not in networks_of(source)]
    if not missing or mode == "host":
        return []
    if mode == "none" or mode.startswith("container:"):
        raise refuse(
            "network",
            f"{name_of(source)}: its network mode is {mode.split(':')[0]}, so it cannot be connected to {', '.join(missing)}; "
            "give it another one first",
        )
    return missing


def like(new: dict[str, Any], old: dict[str, Any]) -> bool:
    """Whether one container was made after the model of the other: all of its mounts, and the same ports and kind of network."""

    def ports(inspected: dict[str, Any]) -> dict[str, Any]:
        return {port: bindings or [] for port, bindings in (inspected["HostConfig"].get("PortBindings") or {}).items()}

    def mounts(inspected: dict[str, Any]) -> set[tuple[str, str]]:
        return {(mount["Destination"], mount.get("Name") or mount.get("Source") or "") for mount in inspected.get("Mounts") or []}

    return mounts(old) <= mounts(new) and ports(old) == ports(new) and _mode(old) == _mode(new)


def unlike(new: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    """The settings that an engine gave to a container other than it was asked to, by name."""
    given = {**new["Config"], "HostConfig": new["HostConfig"]}
    # Written by the engine in another way than it is asked for.
    ignored = {"NetworkingConfig", "Env", "HostConfig.Links", "HostConfig.NetworkMode"}
    return sorted(name for name in _differences("", given, asked) if name not in ignored)


def _differences(prefix: str, given: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    names = []
    for name, value in asked.items():
        if name == "HostConfig":
            names += _differences("HostConfig.", given[name], value)
        elif isinstance(value, dict) and isinstance(given.get(name), dict):
            # What comes from the image is there as well.
            names += [prefix + name] if any(given[name].get(key) != item for key, item in value.items()) else []
        elif value and given.get(name) != value:
            names.append(prefix + name)
    return names


def _mode(source: dict[str, Any]) -> str:
    mode = source["HostConfig"].get("NetworkMode") or "default"
    return "bridge" if mode == "default" else mode


def _shared(source: dict[str, Any]) -> bool:
    return _mode(source).startswith("container:")


# -- the container ----------------------------------------------------------------------------------------------------------------


def _config(engine: Engine, source: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = copy.deepcopy(source["Config"])
    # The beginning of the id stands for no name at all. With the host's or another container's name, none may be given.
    if config.get("Hostname") == source["Id"][:12] or _shared(source) or source["HostConfig"].get("UTSMode") == "host":
        config["Hostname"] = ""
    if _shared(source):
        config["Domainname"] = ""
        # These come from the image, which the engine adds itself; it refuses them from others.
        config["ExposedPorts"] = {}
    if engine.speaks("1.44"):
        config.pop("MacAddress", None)
    return config


def _same_image(engine: Engine, source: dict[str, Any], image: dict[str, Any]) -> str:
    """The name of the image as it was, if it has not moved on; else one that still means the same image."""
    named = image_facts(engine, source["Config"]["Image"]) or {}
    if named.get("Id") == source["Image"]:
        return str(source["Config"]["Image"])
    return str(next(iter(image.get("RepoDigests") or []), source["Image"]))


def _follow_image(config: dict[str, Any], old: dict[str, Any]) -> None:
    """Drop what a container has from its old image, so that the new one's comes in its place."""
    # Told another entry point, a container takes no command from its image.
    if _equal(config.get("Entrypoint"), old.get("Entrypoint")) and _equal(config.get("Cmd"), old.get("Cmd")):
        config.pop("Cmd", None)
    for name in _INHERITED:
        if name in config and _equal(config[name], old.get(name)):
            del config[name]
    for name in _INHERITED_ENTRIES:
        inherited = old.get(name) or {}
        entries = config.get(name) or {}
        config[name] = {key: value for key, value in entries.items() if key not in inherited or inherited[key] != value}
    inherited_env = old.get("Env") or []
    config["Env"] = [entry for entry in config.get("Env") or [] if entry not in inherited_env]


def _equal(one: Any, other: Any) -> bool:
    return (one or None) == (other or None)


def _environment(entries: list[str], wish: Wish, of_image: dict[str, str]) -> list[str]:
    """The variables in their order, with those asked for in place or at the end."""
    wanted = {**{name: "" for name in wish.remove if name in of_image}, **wish.env}
    kept = []
    for entry in entries:
        name = entry.split("=", 1)[0]
        if name in wanted:
            kept.append(f"{name}={wanted.pop(name)}")
        elif name not in wish.remove and name not in wish.env:
            kept.append(entry)
    return kept + [f"{name}={value}" for name, value in wanted.items()]


# -- its host ---------------------------------------------------------------------------------------------------------------------


def _host_config(source: dict[str, Any]) -> dict[str, Any]:
    host: dict[str, Any] = copy.deepcopy(source["HostConfig"])
    volumes = {
        posixpath.normpath(mount["Destination"]): mount
        for mount in source.get("Mounts") or []
        if mount.get("Type") == "volume" and mount.get("Name")
    }
    named = set()
    for mount in host.get("Mounts") or []:
        named.add(posixpath.normpath(mount["Target"]))
        _name_volume(mount, volumes)
    binds = []
    for bind in host.get("Binds") or []:
        target = posixpath.normpath(bind.split(":")[1] if ":" in bind else bind)
        named.add(target)
        # A path alone is a volume without a name.
        binds.append(f"{volumes[target]['Name']}:{bind}" if ":" not in bind and target in volumes else bind)
    # Volumes without a name hold data as well, and another container would get empty ones.
    binds += [_bind(mount) for target, mount in volumes.items() if target not in named]
    host["Binds"] = binds or host.get("Binds")
    host["Links"] = [_link(link) for link in host.get("Links") or []]
    return host


def _name_volume(mount: dict[str, Any], volumes: dict[str, dict[str, Any]]) -> None:
    for kind, options in _MOUNT_OPTIONS.items():
        if mount.get("Type") != kind:
            mount.pop(options, None)
    volume = volumes.get(posixpath.normpath(mount["Target"]))
    if mount.get("Type") == "volume" and not mount.get("Source") and volume:
        mount["Source"] = volume["Name"]


def _bind(mount: dict[str, Any]) -> str:
    options = [option for option in (mount.get("Mode") or "").split(",") if option and option not in ("rw", "ro")]
    if not mount.get("RW", True):
        options.insert(0, "ro")
    return ":".join([mount["Name"], mount["Destination"], *([",".join(options)] if options else [])])


def _link(link: str) -> str:
    """A link as it was asked for: the engine reports /other:/this/alias."""
    other, alias = link.split(":", 1) if ":" in link else (link, link)
    return f"{other.lstrip('/')}:{posixpath.basename(alias)}"


# -- its networks -----------------------------------------------------------------------------------------------------------------


def _networks(engine: Engine, source: dict[str, Any], wish: Wish) -> tuple[dict[str, Any], str, dict[str, Any]]:
    added = missing_networks(source, wish)
    if _shared(source) or _mode(source) in _NO_NETWORKS:
        return {}, "", {}
    endpoints = {name: _endpoint(engine, source, facts or {}) for name, facts in networks_of(source).items()}
    first = _first_network(engine, source)
    own = {first: endpoints.pop(first)} if first in endpoints else {}
    if own:
        _keep_address(engine, source, own[first])
    # What was added has the least claim to be the way to the rest of the world.
    modest = {"GwPriority": -1} if engine.speaks("1.48") else {}
    return own, "" if own else first, {**endpoints, **{name: dict(modest) for name in added}}


def refuse_missing_network(engine: Engine, networks: Iterable[str]) -> None:
    """Make sure that they are there. Older engines only notice when the container is started."""
    for network in networks:
        try:
            engine.get(f"/networks/{network}")
        except EngineError as error:
            if error.status != 404:
                raise
            raise refuse("network", f"{network}: there is no such network; create it first") from None


def _first_network(engine: Engine, source: dict[str, Any]) -> str:
    """The network that a container's network mode names, maybe by its id."""
    mode = _mode(source)
    if mode in networks_of(source):
        return mode
    try:
        return str(engine.get(f"/networks/{mode}")["Name"])
    except EngineError as error:
        if error.status != 404:
            raise
        if mode == "bridge":
            # An engine can do without its own bridge.
            return ""
        raise refuse("network", f"{name_of(source)}: its network {mode} is gone; create it again") from None


def _endpoint(engine: Engine, source: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    endpoint = {name: copy.deepcopy(facts[name]) for name in _ASKED_FOR if facts.get(name) is not None}
    # Aliases that the engine gives on its own, and gives the new container in turn.
    automatic = {source["Id"][:12]}
    if not engine.speaks("1.45"):
        automatic.add(source["Config"].get("Hostname"))
    aliases = [alias for alias in endpoint.pop("Aliases", None) or [] if alias not in automatic]
    return {**endpoint, "Aliases": aliases} if aliases else endpoint


def _keep_address(engine: Engine, source: dict[str, Any], endpoint: dict[str, Any]) -> None:
    """The hardware address, where the user gave one. Engines before API 1.44 take it beside the rest, as they report it."""
    if not engine.speaks("1.44"):
        return
    address = source["Config"].get("MacAddress") or (_address_as_of_old(engine, source) if engine.speaks("1.52") else "")
    if address:
        endpoint["MacAddress"] = address


def _address_as_of_old(engine: Engine, source: dict[str, Any]) -> str:
    """From API 1.52 on, an address that the user gave looks like one that the engine made up. To older clients it does not."""
    try:
        facts = inspect(engine.as_of("1.51"), source["Id"]) or {}
    except EngineError:
        return ""
    return (facts.get("Config") or {}).get("MacAddress") or ""
