# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open WebUI in a container that nobody but the Docker Engine looks after.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import posixpath
from typing import Any

from ansible_collections.openwebui.postgres.plugins.module_utils._docker.containers import describe, find, image_facts, key_of, log_of
from ansible_collections.openwebui.postgres.plugins.module_utils._docker.engine import SECONDS, Engine, EngineError
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Capabilities, Instance, Life, Runtime
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import Service, of_container
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, one_line, refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import DATA_DIR, DATABASE_FILE

# What a container that is made gets for a name, where nobody has said one.
NAME = "open-webui"


class Container(Runtime):
    """A container of an image of Open WebUI."""

    name = "container"
    capabilities = Capabilities(has_engine=True, keeps_old=True, one_shot=True, can_be_made=True)
    variables = ("webui_container_name", "webui_docker_host")

    @property
    def engine(self) -> Engine:
        """The engine of this host.

        :raises Refused: when there is none that can be asked.
        """
        return Engine(self.asked.docker_host)

    def find(self) -> list[Instance]:
        """The containers of no Compose project. Asked for by name, this runtime takes those of one as well, where there is nothing else."""
        found = self._listed()
        own = [instance for instance in found if instance["runtime"] == self.name]
        return own if own or self.asked.runtime != self.name else found

    def absence(self) -> str:
        return "no container of its image"

    def not_found(self) -> str:
        if self.asked.container_name:
            return f"There is no container {self.asked.container_name} that runs Open WebUI here"
        return f"No container here runs an Open WebUI image under the runtime {self.name}"

    def too_many(self, names: list[str]) -> str:
        return (
            f"Several containers here run Open WebUI: {', '.join(names)}. Set webui_container_name to the one to move; for more than one, "
            "give each an inventory host of its own. Replicas of one Compose service are scaled to one first (docker compose up -d --scale "
            "SERVICE=1)."
        )

    def _listed(self) -> list[Instance]:
        engine = self.engine
        return [
            describe(engine, inspected, called, sqlite_path=self.asked.sqlite_path)
            for called, inspected in find(engine, self.asked.container_name)
        ]

    def to_be_made(self, options: dict[str, Any]) -> Instance:
        asked = self.asked
        if not asked.container_name:
            # Nothing but its name may say that it runs Open WebUI.
            there = Container(asked._replace(runtime=self.name, container_name=NAME)).find()
            if there:
                return there[0]
        declared = asked.secret_key_declared or options.get("secret_key")
        return {
            "name": asked.container_name or NAME,
            "running": False,
            "missing": True,
            "made": False,
            "unfinished": False,
            "image": asked.image,
            "image_id": asked.image,
            "network_mode": options.get("network_mode") or "bridge",
            "networks": options.get("networks") or [],
            "data_dir": asked.data_dir,
            "data_dir_inside": DATA_DIR,
            "sqlite_path": asked.sqlite_path,
            "health_url": "",
            "database": {"kind": "sqlite", "where": asked.sqlite_path or posixpath.join(asked.data_dir, DATABASE_FILE), "set_by": []},
            "findings": [],
            "secret_key": {"from": "declared" if declared else "none", "path": "", "on_mount": False},
            "kept": {},
        }

    def findings(self, instance: Instance) -> list[Problem]:
        messages = (
            self._has_no_key(instance)
            if instance.get("missing")
            else _removes_itself(instance)
            + self._has_no_data(instance)
            + self._is_cut_off(instance)
            + _has_a_double(instance)
            + self._has_no_image(instance)
        )
        return [Problem("container", one_line(message)) for message in messages]

    def _has_no_key(self, instance: Instance) -> list[str]:
        if instance["secret_key"]["from"] != "none":
            return []
        return [
            "The container that had the secret key is gone. Set webui_secret_key to that key. With a new one everybody has to sign in "
            "again, and stored credentials cannot be read any more."
        ]

    def _has_no_data(self, instance: Instance) -> list[str]:
        """Nor a place on the host that is still there when it is stopped."""
        return [instance["out_of_reach"]] if instance["out_of_reach"] and not self.asked.data_dir else []

    def _is_cut_off(self, instance: Instance) -> list[str]:
        mode = instance["network_mode"]
        if not instance["desired"]["by_network"] or not (mode == "none" or mode.startswith("container:")):
            return []
        return [
            f"The container {instance['name']} has the network mode {mode}, which cannot be given a network to PostgreSQL. Set "
            "webui_postgres_mode to external and webui_database_url_host to an address that it reaches."
        ]

    def _has_no_image(self, instance: Instance) -> list[str]:
        """Nothing can be made of an image that is gone, though what runs of it runs on."""
        if self.asked.image or instance["database"].get("on_target") or image_facts(self.engine, instance["image_to_run"]) is not None:
            return []
        return [
            f"The image of {instance['name']} ({instance['image_to_run']}) is no longer on the host, so no container can be made of it. "
            f"Pull {instance['image']} again, or set webui_image to the image that is to run."
        ]

    def no_way_back(self, instance: Instance) -> list[str]:
        if not self.capabilities.keeps_old or instance["made"] or instance["kept"]:
            return []
        return [
            "The container on SQLite is not kept any more (webui_cutover_keep_old). To go back all the same, run the image "
            f"{instance['image']} on {instance['data_dir']} by hand, without DATABASE_URL."
        ]

    def service(self, instance: Instance) -> Service:
        inside = instance.get("sqlite_path_inside", instance["database"]["where"])
        return of_container(self.engine, instance.get("id") or instance["name"], inside)

    # -- handling it --------------------------------------------------------------------------------------------------------------

    def is_running(self, instance: Instance) -> bool:
        return bool((self._now(instance) or {"State": {}})["State"].get("Running"))

    def life(self, instance: Instance) -> Life:
        found = self._now(instance)
        if found is None:
            return Life(False, 0, f"the container {instance['name']} is gone")
        # One that the engine is about to start again counts as running there, too.
        state = found["State"]
        code = f" with exit code {state['ExitCode']}" if state.get("ExitCode") is not None else ""
        memory = ", for want of memory" if state.get("OOMKilled") else ""
        return Life(
            bool(state.get("Running")),
            int(found.get("RestartCount") or 0),
            "" if state.get("Running") else f"the container {instance['name']} has exited{code}{memory}",
        )

    def stop(self, instance: Instance) -> None:
        """Stop it, as a user does: so its restart policy leaves it alone."""
        found = self._now(instance)
        if found is None:
            return
        seconds = max(self.asked.stop_timeout, found["Config"].get("StopTimeout") or 0)
        try:
            if found["State"].get("Paused"):
                self.engine.post(f"/containers/{found['Id']}/unpause")
            self.engine.post(f"/containers/{found['Id']}/stop", seconds=seconds + SECONDS, t=str(seconds))
        except EngineError as error:
            # Somebody has removed it meanwhile, or it removes itself.
            if error.status != 404:
                raise refuse("container", f"The container {instance['name']} could not be stopped: {error}") from None

    def start(self, instance: Instance) -> None:
        found = self._now(instance)
        if found is None:
            raise refuse("container", f"There is no container {instance['name']} to start; see docker ps --all")
        try:
            self.engine.post(f"/containers/{found['Id']}/start")
        except EngineError as error:
            raise refuse("container", f"The container {instance['name']} could not be started: {error}") from None

    def log(self, instance: Instance, lines: int) -> list[str]:
        found = self._now(instance)
        return log_of(self.engine, found, lines, [key_of(self.engine, found)[1]]) if found is not None else []

    def _now(self, instance: Instance) -> dict[str, Any] | None:
        """What the engine says of the container that has its name now: a switch gives that to another one."""
        found = find(self.engine, instance["name"])
        return found[0][1] if found else None


def _removes_itself(instance: Instance) -> list[str]:
    if not instance["auto_remove"]:
        return []
    return [
        f"The container {instance['name']} was started with --rm: stopping it destroys it, and with it the way back. Run it without --rm "
        "first."
    ]


def _has_a_double(instance: Instance) -> list[str]:
    """An interrupted run never leaves these two; somebody who went back by hand does."""
    kept = instance["kept"]
    if instance["database"]["kind"] != "sqlite" or not kept or instance["unfinished"]:
        return []
    return [
        f"There is a container {kept['name']} from an earlier move, beside {instance['name']}, which runs on SQLite itself. Remove or "
        f"rename {kept['name']}, after a look at which of the two is the right one."
    ]
