# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open WebUI in a container that Docker Compose has made.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

from ansible_collections.openwebui.postgres.plugins.module_utils._compose.cli import Compose as DockerCompose
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.obstacles import TRIAL, obstacles
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.project import Project, Wish
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.switch import started
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Capabilities, Instance
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtimes.container import Container
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, Refused


class Compose(Container):
    """The container of a service of a Compose project."""

    name = "compose"
    capabilities = Capabilities(has_engine=True, one_shot=True)
    # Unit tests put something else in its place.
    command = DockerCompose

    def find(self) -> list[Instance]:
        return [instance for instance in self._listed() if instance["runtime"] == self.name]

    def another_kind(self) -> str:
        return "was not made by Docker Compose"

    def findings(self, instance: Instance) -> list[Problem]:
        """Also what Compose says its files come to, with and without ours. It is told names, and no value of a setting."""
        return super().findings(instance) + self._obstacles(instance)

    def _is_cut_off(self, instance: Instance) -> list[str]:
        """What its network mode allows is a question to its Compose files."""
        return []

    def _obstacles(self, instance: Instance) -> list[Problem]:
        desired = instance["desired"]
        wish = Wish(
            dict.fromkeys(desired["settings"], TRIAL),
            desired["removed"],
            desired["networks"],
            self.asked.image,
            TRIAL if self.asked.secret_key_declared else "",
        )
        try:
            project = self._project(instance, check=True)
            project.read()
            found = obstacles(project, wish)
        except Refused as refused:
            return refused.problems
        instance["warnings"] = project.warnings
        return found

    def _project(self, instance: Instance, check: bool = False) -> Project:
        return Project(self.engine, instance["name"], self.asked.compose_override, check, self.command)

    # -- handling it --------------------------------------------------------------------------------------------------------------

    def start(self, instance: Instance) -> None:
        """Have Compose make the container that its files describe, where it is another one, and start it."""
        instance["warnings"] = started(self._project(instance), self.asked.stop_timeout)["warnings"]
