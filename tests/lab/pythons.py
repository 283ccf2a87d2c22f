# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find a Python of a given version that really runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator

from .console import LabError

# What a virtual environment and the tests need of a Python. Debian splits ensurepip off, pyenv may lack sqlite3.
PROBE = "import ensurepip, sqlite3, ssl, sys, venv; print('%d.%d' % sys.version_info[:2]); print(sys.executable)"


def find(*versions: str) -> Path | None:
    """The first Python that runs and is one of these versions ("3.11"), in the order asked for."""
    for version in versions:
        for candidate in _candidates(version):
            executable = _probe(candidate, version)
            if executable is not None:
                return executable
    return None


def require(purpose: str, *versions: str) -> Path:
    python = find(*versions)
    if python is None:
        wanted = " or ".join(versions)
        raise LabError(
            f"{purpose} needs Python {wanted} with its venv, ssl and sqlite3 modules, and none was found. "
            f"On Debian 12: apt-get install python3 python3-venv. Elsewhere: pyenv install {versions[0]}."
        )
    return python


def _candidates(version: str) -> Iterator[str]:
    if version == "%d.%d" % sys.version_info[:2]:
        yield sys.executable
    name = f"python{version}"
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if folder and os.access(os.path.join(folder, name), os.X_OK):
            yield os.path.join(folder, name)
    for root in _pyenv_roots():
        for binary in sorted(root.glob(f"versions/{version}*/bin/{name}"), reverse=True):
            yield str(binary)


def _pyenv_roots() -> list[Path]:
    """Where pyenv keeps its Pythons. Its shims on PATH refuse versions that are installed but not selected."""
    roots = [os.environ.get("PYENV_ROOT", ""), os.path.expanduser("~/.pyenv")]
    if shutil.which("pyenv"):
        answer = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False)
        roots.insert(0, answer.stdout.strip())
    return [Path(root) for root in dict.fromkeys(roots) if root]


def _probe(candidate: str, version: str) -> Path | None:
    try:
        answer = subprocess.run([candidate, "-c", PROBE], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = answer.stdout.split("\n")
    if answer.returncode != 0 or lines[0] != version:
        return None
    return Path(lines[1])
