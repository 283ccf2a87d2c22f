# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of ansible-core that are promised: the controller's own, on which everything is tested, and the others."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from . import paths, pythons
from .console import say
from .steps import Step, run

CONTROLLER_REQUIREMENTS = Path(__file__).with_name("requirements.txt")


class Release(NamedTuple):
    """One release of ansible-core, with the Pythons it runs on, the one to take first at the beginning."""

    version: str
    pythons: tuple[str, ...]

    @property
    def series(self) -> str:
        return self.version.rpartition(".")[0]

    @property
    def venv(self) -> Path:
        return paths.RELEASES / self.series

    @property
    def ansible_playbook(self) -> Path:
        return self.venv / "bin" / "ansible-playbook"


def _of_the_controller() -> Release:
    """What the controller's requirements pin."""
    lines = CONTROLLER_REQUIREMENTS.read_text().splitlines()
    (version,) = (line.removeprefix("ansible-core==") for line in lines if line.startswith("ansible-core=="))
    return Release(version, ("3.11", "3.12"))


CONTROLLER = _of_the_controller()
OTHERS = (
    Release("2.18.19", ("3.11", "3.12", "3.13")),
    Release("2.20.10", ("3.12", "3.13", "3.14")),
    Release("2.21.5", ("3.13", "3.12", "3.14")),
)


def installed() -> list[Release]:
    """The other releases that tests can use. What is missing for want of a Python, set-up has said."""
    return [release for release in OTHERS if release.ansible_playbook.exists()]


def steps() -> list[Step]:
    """What installs them, as far as this machine has a Python for each. Says so where it has none."""
    found = []
    for release in OTHERS:
        if release.ansible_playbook.exists() or pythons.find(*release.pythons):
            found.append(step(release))
        else:
            say(f"no Python {' or '.join(release.pythons)} on this machine: ansible-core {release.series} is not tested here")
    return found


def step(release: Release) -> Step:
    """Install it; by the controller's pip, so that the environment needs none of its own."""

    def build() -> None:
        shutil.rmtree(release.venv, ignore_errors=True)
        release.venv.parent.mkdir(parents=True, exist_ok=True)
        log = f"ansible-core-{release.series}"
        run(log, pythons.require(f"ansible-core {release.series}", *release.pythons), "-m", "venv", "--without-pip", release.venv)
        pip = (paths.PYTHON, "-m", "pip", "--python", release.venv / "bin" / "python")
        run(log, *pip, "install", f"ansible-core=={release.version}")

    return Step(
        name=f"ansible-core-{release.series}",
        title=f"ansible-core {release.version}",
        inputs=lambda: f"{release}",
        product=release.ansible_playbook,
        build=build,
    )
