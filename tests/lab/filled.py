# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder with the data of an Open WebUI that was used for a while, filled by one process for all that copy it."""

from __future__ import annotations

import datetime
import hashlib
import shutil
from pathlib import Path
from typing import Callable

from . import paths
from .steps import Step, only_one, run_step
from .webui_fill import World

WORLD = "world.json"
# Open WebUI on SQLite locks up now and then, which is why this collection exists: a request is never answered.
ATTEMPTS = 3


def folder(name: str, fill: Callable[[Path], World], *made_by: Path) -> Path:
    """The folder that fill(folder) has filled, with its world.json. Filled anew when one of these files changes, and every day.

    Every day, because the tokens in it run out, and with them the sessions that are to outlive a migration.
    """
    found = paths.CACHE / f"filled-{name}"

    def build() -> None:
        for attempt in range(1, ATTEMPTS + 1):
            shutil.rmtree(found, ignore_errors=True)
            found.mkdir(parents=True)
            try:
                fill(found).save(found / WORLD)
                return
            except TimeoutError:
                if attempt == ATTEMPTS:
                    raise

    def inputs() -> str:
        digests = (hashlib.sha256(file.read_bytes()).hexdigest() for file in made_by)
        return "\n".join([str(datetime.date.today()), *digests])

    with only_one(f"filled-{name}"):
        run_step(Step(f"filled-{name}", f"data of an Open WebUI ({name})", inputs, found / WORLD, build))
    return found
