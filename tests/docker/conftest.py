# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker Engine with the images of PostgreSQL and Open WebUI, and what tests do with them.

docker    the engine: run(), exec(), inspect(), compose(), wait_healthy(), … and the SDK as `docker.api`
image     image("open-webui") and image("postgres", 18): what the images are called here
scratch   names, ports and folders for one test file; everything made under those names is removed after it

DOCKER_HOST and DOCKER_CONFIG are in the environment meanwhile, so that playbooks find engine and Compose plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from lab import engine, images
from lab.containers import Docker, Scratch


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    """`make docker` has started the engine; pytest by itself starts it here, after `make setup docker` at least once."""
    with engine.session() as found, pytest.MonkeyPatch.context() as patch:
        images.build(found)
        for name, value in found.environment.items():
            patch.setenv(name, value)
        yield Docker(found)


@pytest.fixture(scope="session")
def image(docker: Docker) -> Callable[..., str]:
    def name(kind: str, major: int | None = None) -> str:
        return images.name(docker.engine, kind, major)

    return name


@pytest.fixture(scope="module")
def scratch(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    made = Scratch(docker, tmp_path_factory.mktemp("scratch"))
    yield made
    made.clean()
