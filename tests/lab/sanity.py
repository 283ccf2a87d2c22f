# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test sanity, without leaving anything in the user's home."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path

from . import paths, pythons, tree
from .processes import call

HOME = paths.LAB / "sanity-home"

# ansible-test fetches a script from the network to put pip into its virtual environments. Python brings a pip of its own,
# which can install the version asked for.
GET_PIP = """\
import runpy
import subprocess
import sys

# In a process of its own, because ensurepip turns off pip's configuration.
subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
sys.argv = ["pip", "install", "--quiet", "--upgrade", "pip=={version}"]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def run() -> int:
    """Everything on the controller's Python, then compile and import on the oldest Python of a target."""
    # Linters are at work in the other copy meanwhile.
    collection = tree.copy(paths.LAB / "sanity-tree")
    _prepare_home()
    python = subprocess.run([paths.PYTHON, "-c", pythons.PROBE], capture_output=True, text=True, check=True)
    version = python.stdout.split("\n")[0]
    failed = _ansible_test(collection, "--python", version)
    oldest = pythons.find("3.9")
    if oldest is not None:
        tests = ("--test", "compile", "--test", "import")
        failed = _ansible_test(collection, *tests, "--python", "3.9", python=oldest) or failed
    return failed


def _ansible_test(collection: Path, *arguments: str, python: Path | None = None) -> int:
    folders = [paths.VENV / "bin"]
    if python is not None:
        # ansible-test takes the first python3.9 on PATH, and that may be a shim that does not run.
        folders.append(python.parent)
    path = os.pathsep.join([*map(str, folders), os.environ["PATH"]])
    command = (paths.VENV / "bin" / "ansible-test", "sanity", "--local", "--color", "no", *arguments)
    return call(*command, cwd=collection, env={"HOME": str(HOME), "PATH": path})


def _prepare_home() -> None:
    version = _pip_version()
    script = HOME / ".ansible" / "test" / "cache" / f"get_pip_{version.replace('.', '_')}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(GET_PIP.format(version=version))
    configuration = HOME / ".config" / "pip" / "pip.conf"
    configuration.parent.mkdir(parents=True, exist_ok=True)
    configuration.write_text(_pip_configuration())


def _pip_version() -> str:
    (source,) = paths.VENV.glob("lib/python3*/site-packages/ansible_test/_internal/python_requirements.py")
    return re.search(r"pip='([\d.]+)'", source.read_text()).group(1)


def _pip_configuration() -> str:
    """The user's pip settings, of files and of environment alike: ansible-test hands on neither HOME nor PIP_*."""
    listing = subprocess.run([paths.PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    settings = {}
    for line in listing.stdout.splitlines():
        key, value = line.split("=", 1)
        section, name = key.rsplit(".", 1)
        if section in ("global", ":env:"):
            settings[name] = ast.literal_eval(value)
    # Whole pages of progress per virtual environment otherwise.
    settings["quiet"] = "1"
    return "[global]\n" + "".join(f"{name} = {_indented(value)}\n" for name, value in settings.items())


def _indented(value: str) -> str:
    return value.replace("\n", "\n    ")
