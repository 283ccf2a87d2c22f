# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker Engine with the images of PostgreSQL and Open WebUI, and what tests do with them.

docker    the engine: run(), exec(), inspect(), compose(), wait_healthy(), … and the SDK as `docker.api`
image     image("open-webui") and image("postgres", 18): what the images are called here
host_image   the image of a Debian host with systemd, sshd and Open WebUI, for lab.webui_host
scratch   names, ports and folders for one test file; everything made under those names is removed after it

filled    the data folder of an Open WebUI that was used for a while, with its world.json beside it; made once for all runs of a day
use       use(folder): a copy of that data folder, for one Open WebUI of a test

DOCKER_HOST and DOCKER_CONFIG are in the environment meanwhile, so that playbooks find engine and Compose plugin.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab import engine, images, webui_fill
from lab import filled as lab_filled
from lab.containers import Docker, Scratch
from lab.steps import only_one
from lab.webui_container import DATA_INSIDE, WebUIContainer
from lab.webui_fill import World
from lab.webui_snapshot import snapshot

# Hard to quote, as users' keys are.
SECRET_KEY = "k3y $HOME 'q' \"d\" #=%\\ e"


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


@pytest.fixture(scope="session")
def host_image(docker: Docker, image: Callable[..., str]) -> str:
    """Made on top of Open WebUI's image, and kept as that one is."""
    name = docker.engine.image("host-with-systemd:12")
    # One process makes it, the others find all of its steps done.
    with only_one("host-image"):
        docker.cli("build", "--build-arg", f"IMAGE={image('open-webui')}", "--tag", name, str(Path(__file__).parent / "systemd"))
    return name


@pytest.fixture(scope="module")
def scratch(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    made = Scratch(docker, tmp_path_factory.mktemp("scratch"))
    yield made
    made.clean()


@pytest.fixture(scope="session")
def filled(docker: Docker, image: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an Open WebUI that was used for a while, and its `World` beside it. For copies: see `use`."""

    def fill_folder(folder: Path) -> World:
        maker = Scratch(docker, tmp_path_factory.mktemp("filler"))
        try:
            return fill_data(docker, image("open-webui"), maker, folder / "data")
        finally:
            maker.clean()

    return lab_filled.folder("container", fill_folder, Path(__file__), Path(webui_fill.__file__), images.REQUIREMENTS)


def fill_data(docker: Docker, image: str, maker: Scratch, data: Path) -> World:
    webui = WebUIContainer(docker, maker.name(), maker.port(), data)
    docker.run(
        *("--name", webui.name, "--publish", f"127.0.0.1:{webui.port}:8080", "--volume", f"{webui.data}:{DATA_INSIDE}"),
        *("--env", f"WEBUI_SECRET_KEY={SECRET_KEY}", image),
    )
    try:
        world = webui_fill.fill(webui.wait_ready(), chats_each=5, turns=4)
        # Some things, such as a calendar, are made when somebody looks for the first time.
        snapshot(webui.client(), world)
        return world
    finally:
        docker.cli("stop", webui.name)
        docker.cli("rm", webui.name)


@pytest.fixture(scope="session")
def world(filled: Path) -> World:
    return World.load(filled / lab_filled.WORLD)


@pytest.fixture(scope="session")
def use(filled: Path) -> Callable[[Path], Path]:
    """use(folder): a copy of the filled data folder below that folder. Its tokens are signed with SECRET_KEY."""

    def copy(folder: Path) -> Path:
        return shutil.copytree(filled / "data", folder / "data")

    return copy
