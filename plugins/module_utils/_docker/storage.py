# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the files of a container lie on its host, and whether they still do once the container is stopped.

A path in a container says little by itself: a link in it leads on within the container, a volume of the driver "local" may be a folder
elsewhere, and others are mounted only while a container uses them.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import base64
import json
import os
import posixpath
from typing import Any

from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import Engine, EngineError

LINKS_AT_MOST = 40
_PATH_STAT = "X-Docker-Container-Path-Stat"
# A symbolic link, as Go has it.
_LINK = 1 << 27


class Storage:
    """The files of one container.

    :param inspected: what the engine says of it.
    """

    def __init__(self, engine: Engine, inspected: dict[str, Any]) -> None:
        self.engine = engine
        self.inspected = inspected
        self.name = inspected["Name"].lstrip("/")
        self._volumes: dict[str, dict[str, Any]] = {}
        self._mounts = {posixpath.normpath(mount["Destination"]): mount for mount in inspected.get("Mounts") or []}
        # What --tmpfs asks for is in no list of mounts.
        for path in inspected["HostConfig"].get("Tmpfs") or {}:
            self._mounts.setdefault(posixpath.normpath(path), {"Type": "tmpfs", "Destination": path})

    def mount_of(self, path: str) -> dict[str, Any] | None:
        """The mount that a path in the container lies on: the innermost one."""
        fitting = [destination for destination in self._mounts if below(path, destination)]
        return self._mounts[max(fitting, key=len)] if fitting else None

    def real(self, path: str) -> str:
        """A path in the container as the container has it, without links. What is not there stays as it is."""
        done, rest = "/", [part for part in posixpath.normpath(path).split("/") if part]
        for _link in range(LINKS_AT_MOST):
            while rest:
                here = posixpath.normpath(posixpath.join(done, rest[0]))
                target = self._link_at(here)
                if target:
                    rest = [*[part for part in target.split("/") if part not in ("", ".")], *rest[1:]]
                    done = "/" if target.startswith("/") else done
                    break
                done, rest = here, rest[1:]
            else:
                return done
        return posixpath.normpath(path)

    def _link_at(self, path: str) -> str:
        """Where a link leads; empty for what is none."""
        if path in self._mounts:
            return ""
        if self.mount_of(path) is None:
            # Below it lie mounts: the engine itself has followed what there was of links.
            return "" if any(below(mount, path) for mount in self._mounts) else self._link_in_image(path)
        try:
            return os.readlink(self.on_host(path))
        except OSError:
            return ""

    def _link_in_image(self, path: str) -> str:
        """A link outside of all mounts, which only the engine sees. It tells where the link leads in the end."""
        try:
            stat = json.loads(base64.b64decode(self.engine.header(f"/containers/{self.inspected['Id']}/archive", _PATH_STAT, path=path)))
            return posixpath.join("/", stat["linkTarget"]) if stat["mode"] & _LINK and stat["linkTarget"] else ""
        except (EngineError, ValueError, KeyError, TypeError):
            return ""

    def on_host(self, path: str) -> str:
        """Where a path in the container lies on the host, also while the container is stopped; empty where that is nowhere."""
        mount = self.mount_of(path)
        source = self._source(mount) if mount else ""
        if mount is None or not source:
            return ""
        rest = posixpath.relpath(path, posixpath.normpath(mount["Destination"]))
        return posixpath.normpath(posixpath.join(source, rest))

    def _source(self, mount: dict[str, Any]) -> str:
        if mount.get("Type") == "bind":
            return mount.get("Source") or ""
        if mount.get("Type") != "volume" or not self._is_local(mount):
            return ""
        options = self._options(mount)
        source = mount.get("Source") or ""
        if _is_mounted(options):
            source = options.get("device", "") if _is_bind(options) else ""
        return posixpath.join(source, self._subpath(mount)) if source.startswith("/") else ""

    def _subpath(self, mount: dict[str, Any]) -> str:
        """The folder of a volume that is mounted instead of all of it."""
        asked = self.inspected["HostConfig"].get("Mounts") or []
        fitting = [entry for entry in asked if posixpath.normpath(entry.get("Target") or "/") == posixpath.normpath(mount["Destination"])]
        options = (fitting[0].get("VolumeOptions") if fitting else None) or {}
        return (options.get("Subpath") or "").lstrip("/")

    def _is_local(self, mount: dict[str, Any]) -> bool:
        driver = self._volume(mount).get("Driver") or mount.get("Driver") or "local"
        return driver == "local"

    def _options(self, mount: dict[str, Any]) -> dict[str, str]:
        return self._volume(mount).get("Options") or {}

    def _volume(self, mount: dict[str, Any]) -> dict[str, Any]:
        name = mount.get("Name") or ""
        if name not in self._volumes:
            try:
                self._volumes[name] = self.engine.get(f"/volumes/{name}") if name else {}
            except EngineError as error:
                if error.status != 404:
                    raise
                self._volumes[name] = {}
        return self._volumes[name]

    def fleeting(self) -> list[str]:
        """Folders of the host where files of the container are seen, but not any more once it is stopped."""
        volumes = [mount.get("Source") for mount in self._mounts.values() if mount.get("Type") == "volume" and self._comes_and_goes(mount)]
        layers = (self.inspected.get("GraphDriver") or {}).get("Data") or {}
        return [folder for folder in [*volumes, layers.get("MergedDir")] if folder]

    def _comes_and_goes(self, mount: dict[str, Any]) -> bool:
        return not self._is_local(mount) or _is_mounted(self._options(mount))

    def comes_and_goes(self, path: str) -> bool:
        """Whether a path in the container lies on a volume that is mounted only while a container uses it."""
        mount = self.mount_of(path)
        return mount is not None and mount.get("Type") == "volume" and not self.on_host(path)

    def why_not(self, path: str) -> str:
        """Why a path in the container is nowhere on the host that stays, and what to do; empty where it is."""
        if self.on_host(path):
            return ""
        mount = self.mount_of(path)
        kind = (mount or {}).get("Type") or ""
        if mount is None:
            return (
                f"The container {self.name} has nothing mounted at {path}, so its data would go with it. Copy that folder out of it "
                "(docker cp), and run it with the copy mounted there."
            )
        if kind == "tmpfs" or self._options(mount).get("type") == "tmpfs":
            return (
                f"The container {self.name} keeps {path} in memory (tmpfs), so stopping it destroys its data. Copy that folder out of it "
                "while it runs (docker cp), and run it with the copy mounted there."
            )
        if kind != "volume":
            return f"The container {self.name} has a mount of the type {kind} at {path}. Run it with a folder or a volume mounted there."
        filesystem = self._options(mount).get("type") or ""
        driver = self._volume(mount).get("Driver") or mount.get("Driver") or "local"
        return (
            f"{path} of the container {self.name} lies on the volume {mount.get('Name')} (driver {driver}"
            f"{f', type {filesystem}' if filesystem else ''}), which is mounted only while a container uses it, so nothing could be read "
            "after the stop. Mount the same on the host yourself, with the same options, so that it stays, and set webui_data_dir to the "
            "folder there; or run the container with that folder mounted instead."
        )


def below(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_mounted(options: dict[str, str]) -> bool:
    """Whether a volume of the driver "local" is more than a folder of the engine's own."""
    return bool(options.get("device") or options.get("type"))


def _is_bind(options: dict[str, str]) -> bool:
    return not {"bind", "rbind"}.isdisjoint((options.get("o") or "").split(","))
