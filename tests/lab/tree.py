# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as ansible-test and the linters want it: a real copy at ansible_collections/openwebui/postgres."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from . import paths

TREE = paths.LAB / "tree"
LEFT_OUT = (".collections/",)


def copy(tree: Path = TREE) -> Path:
    """Copy what is committed or about to be, and link the dependencies beside it."""
    collection = tree / "ansible_collections" / "openwebui" / "postgres"
    shutil.rmtree(collection, ignore_errors=True)
    for name in _files():
        source = paths.ROOT / name
        target = collection / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    # ansible-test asks git for the files. Without a repository of its own the copy would count as ignored, like all of .lab/,
    # and every test would pass on no file at all.
    subprocess.run(["git", "init", "--quiet", collection], check=True)
    dependencies = tree / "ansible_collections" / "community"
    if not dependencies.is_symlink():
        dependencies.symlink_to(paths.COLLECTIONS / "ansible_collections" / "community")
    return collection


def _files() -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = (name for name in listing.stdout.split("\0") if name and not name.startswith(LEFT_OUT))
    # A file deleted but still in the index is listed too.
    return [name for name in names if (paths.ROOT / name).is_file()]
