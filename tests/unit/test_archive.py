# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive that ansible-galaxy makes holds what users need, and what Galaxy asks for, and nothing else."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from lab import paths

ALLOWED = {
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "SECURITY.md",
    "bindep.txt",
    "changelogs",
    "docs",
    "meta",
    "playbooks",
    "plugins",
    "requirements.txt",
    "roles",
}
# Galaxy's importer refuses an archive without the first two, and warns without the others.
DEMANDED = {"README.md", "meta/runtime.yml", "LICENSE", "CHANGELOG.md", "changelogs/changelog.yaml", "changelogs/config.yaml"}
# What ansible-builder reads.
DEMANDED |= {"meta/execution-environment.yml", "requirements.txt", "bindep.txt"}


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files in the archive, built from this checkout."""
    folder = tmp_path_factory.mktemp("archive")
    galaxy = paths.VENV / "bin" / "ansible-galaxy"
    environment = {**os.environ, "ANSIBLE_HOME": str(folder / "home")}
    command = [galaxy, "collection", "build", paths.ROOT, "--output-path", folder]
    subprocess.run(command, check=True, capture_output=True, cwd=folder, env=environment)
    (archive,) = folder.glob("openwebui-postgres-*.tar.gz")
    with tarfile.open(archive) as tar:
        return {member.name for member in tar.getmembers() if not member.isdir()}


def test_nothing_is_in_it_but_what_is_allowed(names: set[str]) -> None:
    assert {name.split("/")[0] for name in names} <= ALLOWED


def test_everything_is_in_it_that_is_asked_for(names: set[str]) -> None:
    assert DEMANDED - names == set()


def test_all_that_runs_is_in_it(names: set[str]) -> None:
    listing = subprocess.run(
        ["git", "ls-files", "meta", "playbooks", "plugins", "roles"], cwd=paths.ROOT, capture_output=True, text=True, check=True
    )
    committed = {name for name in listing.stdout.splitlines() if (paths.ROOT / name).is_file()}
    assert committed
    assert committed - names == set()


def test_nothing_is_left_in_it_of_the_work(names: set[str]) -> None:
    left = [name for name in names if Path(name).name.startswith(".") or name.endswith((".pyc", ".tar.gz", ".orig", ".rej"))]
    assert left == []
    assert [name for name in names if name.startswith("changelogs/fragments/")] == []
