# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the fragments and the plugins that are there now into the release of galaxy.yml, and write CHANGELOG.md anew."""

from __future__ import annotations

import shutil
from pathlib import Path

from . import paths, tree
from .processes import call

RESULTS = ("CHANGELOG.md", "changelogs/changelog.yaml")


def generate(program: Path, environment: dict[str, str]) -> int:
    """In the copy, because antsibull-changelog first copies the whole folder that it works on, and .lab/ is large."""
    collection = tree.copy()
    failed = call(program, "release", "--update-existing", "--reload-plugins", cwd=collection, env=environment)
    if not failed:
        for name in RESULTS:
            shutil.copyfile(collection / name, paths.ROOT / name)
        for fragment in (paths.ROOT / "changelogs" / "fragments").glob("*.yml"):
            if not (collection / fragment.relative_to(paths.ROOT)).exists():
                fragment.unlink()
    return failed
