# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of the Docker tests, made from Debian's packages and Open WebUI's wheel, under the names that users have.

Each is made in two steps: a base, which is a small Debian with the packages (mmdebstrap, docker import), and what turns it
into the published image's likeness (docker build, in the folder images/). The base's tag and a label of the image
remember what they were made from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, NamedTuple

from . import debian, paths
from .console import LabError, say
from .engine import PREFIX, Engine
from .steps import only_one, run

HERE = Path(__file__).resolve().parent
OPEN_WEBUI = "open-webui"
POSTGRES = "postgres"
INPUTS_LABEL = "openwebui-lab.inputs"

# Debian 12's Python. Wheels are chosen for it by pip on this machine, so that no package index is needed inside.
PYTHON = (3, 11, 2)
REQUIREMENTS = HERE / f"open-webui-{paths.OPEN_WEBUI_VERSION}.txt"

# The user of the published Alpine images has this number; Debian's package takes the user that it finds.
POSTGRES_USER = 'echo postgres:x:70:70::/var/lib/postgresql:/bin/sh >>"$1/etc/passwd"; echo postgres:x:70: >>"$1/etc/group"'
# No cluster of Debian's own.
NO_CLUSTER = 'd="$1/etc/postgresql-common"; mkdir -p "$d"; echo "create_main_cluster = false" >"$d/createcluster.conf"'


class Recipe(NamedTuple):
    name: str  # as users know it
    folder: str  # below images/
    suite: str
    packages: tuple[str, ...]
    arguments: dict[str, str]  # of the Dockerfile
    hooks: tuple[str, ...] = ()  # shell commands before the packages are installed
    fill: Callable[[Path], None] | None = None  # puts files into a folder that becomes part of the base

    def base_inputs(self) -> str:
        """What the base is made from, as a digest."""
        digest = hashlib.sha256(repr((self.suite, self.packages, self.hooks, MMDEBSTRAP)).encode())
        if self.fill is not None:
            digest.update(REQUIREMENTS.read_bytes())
        return digest.hexdigest()

    def inputs(self) -> str:
        """What the image is made from, as a digest."""
        digest = hashlib.sha256(repr((self.base_inputs(), self.arguments)).encode())
        for file in sorted((HERE / "images" / self.folder).iterdir()):
            digest.update(file.read_bytes())
        return digest.hexdigest()


def _postgres(major: int, suite: str) -> Recipe:
    data, volume = "/var/lib/postgresql/data", "/var/lib/postgresql/data"
    if major >= 18:
        data, volume = f"/var/lib/postgresql/{major}/docker", "/var/lib/postgresql"
    return Recipe(
        name=f"postgres:{major}-alpine",
        folder="postgres",
        suite=suite,
        packages=(f"postgresql-{major}",),
        arguments={"MAJOR": str(major), "PGDATA": data, "DATA_VOLUME": volume},
        hooks=(POSTGRES_USER, NO_CLUSTER),
    )


def _fill_open_webui(folder: Path) -> None:
    """The packages for the image's Python, and Open WebUI where the published image has it."""
    packages = folder / "usr" / "local" / "lib" / "python3.11" / "dist-packages"
    chosen = folder / "requirements.txt"
    chosen.write_text(_without_markers(REQUIREMENTS.read_text()))
    version = ".".join(map(str, PYTHON))
    options = ("--no-deps", "--no-compile", "--only-binary=:all:", "--python-version", version, "--target", packages)
    run("image-open-webui", paths.PYTHON, "-m", "pip", "install", *options, f"open-webui=={paths.OPEN_WEBUI_VERSION}", "-r", chosen)
    chosen.unlink()
    # Scripts name this machine's Python.
    shutil.rmtree(packages / "bin")
    backend = folder / "app" / "backend"
    backend.mkdir(parents=True)
    (packages / "open_webui").rename(backend / "open_webui")
    (backend / "open_webui" / "frontend").rename(folder / "app" / "build")
    (backend / "open_webui" / "CHANGELOG.md").rename(folder / "app" / "CHANGELOG.md")


def _without_markers(requirements: str) -> str:
    """The lines for the image's Python. pip chooses wheels for another Python, but reads markers with its own."""
    lines = []
    for line in requirements.splitlines():
        requirement, _semicolon, marker = line.partition(" ; ")
        if marker:
            name, operator, version = marker.split()
            bound = tuple(map(int, version.strip('"').split(".")))
            if name != "python_full_version" or operator not in ("<", ">="):
                raise LabError(f"{REQUIREMENTS.name}: this marker is not known here: {marker}")
            if (bound > PYTHON) != (operator == "<"):
                continue
        lines.append(requirement)
    return "\n".join(lines)


CATALOGUE: dict[tuple[str, int | None], Recipe] = {
    # The longest first.
    (OPEN_WEBUI, None): Recipe(
        name="ghcr.io/open-webui/open-webui:main",
        folder="open-webui",
        suite="bookworm",
        packages=("ca-certificates", "curl", "jq", "python3"),
        arguments={"VERSION": paths.OPEN_WEBUI_VERSION},
        fill=_fill_open_webui,
    ),
    (POSTGRES, 18): _postgres(18, "testing"),
    (POSTGRES, 17): _postgres(17, "trixie"),
    (POSTGRES, 15): _postgres(15, "bookworm"),
}

MMDEBSTRAP = (
    *("--variant=minbase", "--quiet"),
    *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("doc", "man", "locale")),
    "--dpkgopt=force-confold",
    # What a crash leaves is thrown away anyway.
    "--dpkgopt=force-unsafe-io",
    '--aptopt=APT::Install-Recommends "false"',
    # A mirror that stood still is good enough for tests.
    '--aptopt=Acquire::Check-Valid-Until "false"',
    '--aptopt=Acquire::Retries "5"',
)


def name(engine: Engine, kind: str, major: int | None = None) -> str:
    """What an image is called in this engine. The only place to ask."""
    return engine.image(CATALOGUE[kind, major].name)


def build(engine: Engine) -> None:
    """Make the images that are missing or were made from something else."""
    with only_one("images"):
        missing = [recipe for recipe in CATALOGUE.values() if _made_from(engine, recipe) != recipe.inputs()]
        if not missing:
            return
        if shutil.which("mmdebstrap") is None:
            debian.install("mmdebstrap")
        # Some wait for the network while others unpack.
        with ThreadPoolExecutor(max_workers=3) as pool:
            for made in [pool.submit(_build, engine, recipe) for recipe in missing]:
                made.result()
        _forget_old_bases(engine)


def _forget_old_bases(engine: Engine) -> None:
    current = {_base_tag(recipe) for recipe in CATALOGUE.values()}
    for tag in engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}", f"{PREFIX}/base").split():
        if tag not in current:
            engine.docker("rmi", tag)


def _made_from(engine: Engine, recipe: Recipe) -> str:
    form = f'{{{{index .Config.Labels "{INPUTS_LABEL}"}}}}'
    try:
        return engine.docker("image", "inspect", "--format", form, engine.image(recipe.name))
    except LabError:
        return ""


def _build(engine: Engine, recipe: Recipe) -> None:
    tag = engine.image(recipe.name)
    say(f"image {tag} …")
    started = time.monotonic()
    arguments = {"BASE": _base(engine, recipe), **recipe.arguments}
    options = [f"--build-arg={key}={value}" for key, value in arguments.items()]
    command = ("docker", "build", f"--label={INPUTS_LABEL}={recipe.inputs()}", f"--tag={tag}", *options)
    log = f"image-{recipe.folder}-{recipe.suite}"
    run(log, *command, HERE / "images" / recipe.folder, env=dict(os.environ, **engine.environment))
    say(f"image {tag}: ready after {time.monotonic() - started:.1f} s")


def _base(engine: Engine, recipe: Recipe) -> str:
    """The base that the image is built on; made if this engine does not have it."""
    tag = _base_tag(recipe)
    if not engine.docker("images", "--quiet", tag):
        with tempfile.TemporaryDirectory(prefix="webui-lab-image-") as name:
            _make_base(engine, recipe, tag, Path(name))
    return tag


def _base_tag(recipe: Recipe) -> str:
    return f"{PREFIX}/base:{recipe.folder}-{recipe.suite}-{recipe.base_inputs()[:12]}"


def _make_base(engine: Engine, recipe: Recipe, tag: str, folder: Path) -> None:
    started = time.monotonic()
    hooks = [f"--essential-hook={hook}" for hook in recipe.hooks]
    if recipe.fill is not None:
        files = folder / "files"
        files.mkdir()
        recipe.fill(files)
        hooks.append(f"--customize-hook=sync-in {files} /")
        say(f"image {engine.image(recipe.name)}: wheels unpacked after {time.monotonic() - started:.1f} s")
    (folder / "apt.conf").write_text(debian.proxy_settings())
    options = [*MMDEBSTRAP, *hooks, f"--aptopt={folder}/apt.conf", f"--include={','.join(recipe.packages)}"]
    _import([*options, recipe.suite, "-", debian.source(recipe.suite).strip()], engine, tag)
    say(f"image {engine.image(recipe.name)}: Debian there after {time.monotonic() - started:.1f} s")


def _import(arguments: list[str], engine: Engine, tag: str) -> None:
    """What mmdebstrap prints, as an image."""
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    log = paths.LOGS / f"mmdebstrap-{tag.rpartition(':')[2]}.log"
    with log.open("w") as output:
        command = ["mmdebstrap", *arguments]
        maker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output)
        try:
            image = engine.docker("import", "-", stdin=maker.stdout)
        finally:
            maker.stdout.close()
            code = maker.wait()
    if code != 0:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise LabError(f"mmdebstrap failed. The end of {log}:\n{end}")
    # Tagged only now: half of a stream makes an image too.
    engine.docker("tag", image, tag)
