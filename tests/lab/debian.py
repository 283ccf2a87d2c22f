# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of other Debian releases, from the mirror that this machine uses, without a word in the machine's own apt."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .console import LabError, say
from .steps import run

KEYRINGS = Path("/usr/share/keyrings")
RETRIES = "Acquire::Retries=5"


def install(*packages: str) -> None:
    """Install packages of this machine's own release. Asks for them where it may not install."""
    if not packages:
        return
    words = " ".join(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LabError(f"The tests need these Debian packages, please install them: apt-get install {words}")
    say(f"installing Debian packages: {words}")
    # In this runlevel nothing is started by being installed, where there is no systemd: the tests start their own servers.
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive", RUNLEVEL="1")
    # A machine that has just come up may be installing its updates.
    apt = ("apt-get", "--option=DPkg::Lock::Timeout=300", f"--option={RETRIES}")
    run("apt", *apt, "update", env=quiet)
    run("apt", *apt, "install", "--yes", "--no-install-recommends", *packages, env=quiet)


def source(suite: str) -> str:
    """One line of a source list for this suite."""
    return f"deb [signed-by={_keyring()}] {_mirror()} {suite} main\n"


def download(package: str, suite: str, folder: Path) -> None:
    """Fetch a package of another suite and unpack it into a folder, not into the machine."""
    with tempfile.TemporaryDirectory(prefix="webui-lab-apt-") as name:
        home = Path(name)
        (home / "lists" / "partial").mkdir(parents=True)
        (home / "sources.list").write_text(source(suite))
        (home / "status").touch()
        options = [
            f"Dir::Etc::SourceList={home}/sources.list",
            "Dir::Etc::SourceParts=/dev/null",
            f"Dir::State::Lists={home}/lists",
            f"Dir::State::Status={home}/status",
            f"Dir::Cache={home}",
            # The folder is root's alone, and so must be the process that downloads into it.
            "APT::Sandbox::User=root",
            "Acquire::Languages=none",
            # A mirror that stood still is good enough for tests.
            "Acquire::Check-Valid-Until=false",
            RETRIES,
        ]
        apt = ["apt-get", *(f"--option={option}" for option in options)]
        run("apt", *apt, "update")
        run("apt", *apt, "download", package, cwd=home)
        (archive,) = home.glob("*.deb")
        run("apt", "dpkg-deb", "--extract", archive, folder)


def proxy_settings() -> str:
    """How this machine's apt reaches its mirrors, in the form of its own configuration."""
    command = ["apt-config", "dump", "--format", '%F "%v";%n', "Acquire::http", "Acquire::https"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return "".join(f"{line}\n" for line in answer.stdout.splitlines() if not line.endswith(' "";'))


def _mirror() -> str:
    """The address of the main archive in the machine's own source list, in whichever format that is."""
    command = ["apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    own = {_release(), "stable", "testing", "unstable", "sid"}
    for line in answer.stdout.splitlines():
        address, release, component = line.split()
        if release in own and component == "main":
            return address
    raise LabError("No Debian archive is in this machine's source list, and the images of the Docker tests are made from one.")


def _release() -> str:
    lines = Path("/etc/os-release").read_text().splitlines()
    return next((line.partition("=")[2].strip('"') for line in lines if line.startswith("VERSION_CODENAME=")), "sid")


def _keyring() -> Path:
    found = sorted(KEYRINGS.glob("debian-archive-keyring.[gp][gp][gp]"))
    if not found:
        raise LabError("The tests need the keys of Debian's archive, please install them: apt-get install debian-archive-keyring")
    return found[0]
