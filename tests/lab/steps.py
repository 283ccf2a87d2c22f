# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A step of the set-up: done once, remembered by a stamp, timed."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, Sequence

from . import paths
from .console import LabError, say

TAIL_LINES = 30


class Step(NamedTuple):
    name: str
    title: str
    inputs: Callable[[], str]  # what the result depends on, as text: when it changes, the step is done again
    product: Path  # must exist for a stamp to count
    build: Callable[[], None]


def run_step(step: Step) -> None:
    stamp = paths.STAMPS / step.name
    # Virtual environments hold absolute paths, so a moved folder is another input.
    digest = hashlib.sha256(f"{paths.LAB}\n{step.inputs()}".encode()).hexdigest()
    if step.product.exists() and stamp.is_file() and stamp.read_text() == digest:
        return
    say(f"{step.title} …")
    started = time.monotonic()
    stamp.unlink(missing_ok=True)
    step.build()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest)
    say(f"{step.title}: ready after {time.monotonic() - started:.1f} s")


@contextlib.contextmanager
def only_one(what: str = "setup") -> Iterator[None]:
    """Let one process set up at a time; a second one waits and then finds everything ready."""
    paths.LAB.mkdir(exist_ok=True)
    with (paths.LAB / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(log_name: str, *command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    """Run a command into a log of its own; show the end of the log only when it fails."""
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    log = paths.LOGS / f"{log_name}.log"
    with log.open("a") as output:
        answer = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=cwd, check=False)
    if answer.returncode != 0:
        shown = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        raise LabError(f"{_words(command)} failed. The end of {log}:\n" + "\n".join(shown))


def _words(command: Sequence[str | Path]) -> str:
    return " ".join(str(word) for word in command)
