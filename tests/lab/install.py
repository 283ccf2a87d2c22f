# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab installs, step by step."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import debian, engine, openwebui, paths, pooler, pythons, releases
from .console import say
from .postgres import debian_bin
from .steps import Step, only_one, run, run_step

HERE = Path(__file__).resolve().parent
TARGET_REQUIREMENTS = HERE / "requirements-3.9.txt"
OPEN_WEBUI_REQUIREMENTS = HERE / f"open-webui-{paths.OPEN_WEBUI_VERSION}.txt"

# The community package on PyPI carries the collections that Galaxy serves; only these are unpacked.
COMMUNITY_PACKAGE = "ansible==12.3.0"
COLLECTIONS = ("community/docker", "community/library_inventory_filtering_v1")

CHROMIUM = Path("/usr/bin/chromium")
COMPOSE_SUITE = "trixie"


def controller() -> Step:
    return Step(
        name="controller",
        title="controller: ansible-core, pytest and the linters",
        inputs=releases.CONTROLLER_REQUIREMENTS.read_text,
        product=paths.PYTHON,
        build=_build_controller,
    )


def _build_controller() -> None:
    _venv(paths.VENV, pythons.require("The controller", "3.11", "3.12"))
    run("controller", paths.PYTHON, "-m", "pip", "install", "-r", releases.CONTROLLER_REQUIREMENTS)
    paths.MODULE_PATH.mkdir(parents=True, exist_ok=True)
    link = paths.MODULE_PATH / "ansible"
    link.unlink(missing_ok=True)
    link.symlink_to(_site_packages(paths.VENV) / "ansible")


def collections() -> Step:
    return Step(
        name="collections",
        title="collections this one depends on",
        inputs=lambda: "\n".join((COMMUNITY_PACKAGE, *COLLECTIONS)),
        product=paths.COLLECTIONS / "ansible_collections" / COLLECTIONS[-1],
        build=_build_collections,
    )


def _build_collections() -> None:
    for name in COLLECTIONS:
        shutil.rmtree(paths.COLLECTIONS / "ansible_collections" / name, ignore_errors=True)
    wanted = tuple(f"ansible_collections/{name}/" for name in COLLECTIONS)
    with tempfile.TemporaryDirectory(prefix="webui-lab-") as folder:
        run("collections", paths.PYTHON, "-m", "pip", "download", "--no-deps", "--dest", folder, COMMUNITY_PACKAGE)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(paths.COLLECTIONS, [name for name in archive.namelist() if name.startswith(wanted)])


def open_webui() -> Step:
    return Step(
        name="open-webui",
        title=f"Open WebUI {paths.OPEN_WEBUI_VERSION}, without torch",
        inputs=OPEN_WEBUI_REQUIREMENTS.read_text,
        product=paths.OPEN_WEBUI_PYTHON,
        build=_build_open_webui,
    )


def _build_open_webui() -> None:
    _venv(paths.OPEN_WEBUI, pythons.require("Open WebUI", "3.11", "3.12"))
    # The wheel asks for torch and much else that nothing here uses, hence no dependency resolution at all.
    pip = (paths.OPEN_WEBUI_PYTHON, "-m", "pip", "install", "--no-deps")
    run("open-webui", *pip, f"open-webui=={paths.OPEN_WEBUI_VERSION}", "-r", OPEN_WEBUI_REQUIREMENTS)


def source_template() -> Step:
    return Step(
        name="source-template",
        title=f"an empty webui.db of Open WebUI {paths.OPEN_WEBUI_VERSION}",
        inputs=OPEN_WEBUI_REQUIREMENTS.read_text,
        product=openwebui.SQLITE_TEMPLATE,
        build=openwebui.build_sqlite_template,
    )


def target_python() -> Step:
    return Step(
        name="python39",
        title="a target's Python 3.9 with psycopg 3.2",
        inputs=TARGET_REQUIREMENTS.read_text,
        product=paths.PYTHON39,
        build=_build_target_python,
    )


def _build_target_python() -> None:
    _venv(paths.VENV39, pythons.require("A target at the collection's floor", "3.9"))
    run("python39", paths.PYTHON39, "-m", "pip", "install", "-r", TARGET_REQUIREMENTS)


def compose_plugin() -> Step:
    return Step(
        name="compose-plugin",
        title="Compose v2, from Debian 13",
        inputs=lambda: COMPOSE_SUITE,
        product=engine.COMPOSE,
        build=_build_compose_plugin,
    )


def _build_compose_plugin() -> None:
    """Debian 12 has no Compose v2; the one of its successor needs nothing that it lacks."""
    with tempfile.TemporaryDirectory(prefix="webui-lab-") as folder:
        debian.download("docker-compose", COMPOSE_SUITE, Path(folder))
        (program,) = Path(folder).rglob("cli-plugins/docker-compose")
        engine.COMPOSE.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(program, engine.COMPOSE)


def for_docker() -> None:
    """What the Docker tests need besides: an engine to start where none answers, Compose, and SSH."""
    with only_one():
        if shutil.which("ssh") is None:
            debian.install("openssh-client")
        engine.install()
        run_step(compose_plugin())


def system_packages() -> None:
    """PostgreSQL with lz4 and TLS, a pooler, and a browser, from the distribution. Asks for them where it may not install."""
    missing = []
    if debian_bin() is None:
        missing.append("postgresql")
    if pooler.program() is None:
        missing.append("pgbouncer")
    if not CHROMIUM.exists():
        missing.append("chromium")
    if shutil.which("openssl") is None:
        missing.append("openssl")
    debian.install(*missing)


def everything() -> None:
    """All that the tests need."""
    with only_one():
        system_packages()
        tools = [controller(), collections()]
        if paths.PYTHON39.exists() or pythons.find("3.9"):
            tools.append(target_python())
        else:
            say("no Python 3.9 on this machine: the target's floor is not tested here")
        _side_by_side([*tools, *releases.steps()], [open_webui(), source_template()])


def for_demo() -> None:
    """What the demo and the benchmark need: nothing from the distribution, no root."""
    with only_one():
        _side_by_side([controller(), collections()], [open_webui()])


def _side_by_side(*roads: list[Step]) -> None:
    """Steps that build on each other one after the other, and beside them those that need none of them."""

    def walk(steps: list[Step]) -> None:
        for step in steps:
            run_step(step)

    with ThreadPoolExecutor(len(roads)) as pool:
        for walked in [pool.submit(walk, steps) for steps in roads]:
            walked.result()


def _venv(folder: Path, python: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    run("venv", python, "-m", "venv", folder)


def _site_packages(venv: Path) -> Path:
    (folder,) = venv.glob("lib/python3*/site-packages")
    return folder
