# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the lab: python -m lab test | setup-demo | changelog | guides | site | engine start|stop|status | CHECK…"""

from __future__ import annotations

import shlex
import sys

from . import checks, engine, images, install
from .console import LabError, warn


def main(arguments: list[str]) -> int:
    if arguments == ["setup-demo"]:
        return _setup_demo()
    if arguments in (["changelog"], ["guides"], ["site"]):
        return _write(arguments[0])
    if arguments[:1] == ["engine"] and arguments[1:] in (["start"], ["stop"], ["status"]):
        return _engine(arguments[1])
    names = list(checks.CHECKS) if arguments == ["test"] else arguments
    known = [*checks.CHECKS, *checks.SELECTIONS]
    if not names or not set(names) <= set(known):
        others = "setup-demo | changelog | guides | site | engine start|stop|status"
        warn(f"usage: python -m lab test | {others} | {' | '.join(known)}")
        return 2
    try:
        return checks.run(names)
    except KeyboardInterrupt:
        warn("interrupted")
        return 130


def _write(what: str) -> int:
    """Files that are made from others."""
    if what == "guides":
        # Needs a package of the controller's environment, so only where it is asked for.
        from . import guides

        return guides.write()
    return checks.write_changelog() if what == "changelog" else checks.write_site()


def _setup_demo() -> int:
    try:
        install.for_demo()
    except LabError as error:
        warn(str(error))
        return 1
    return 0


def _engine(action: str) -> int:
    """A Docker Engine with the images, for work by hand. Prints what a shell needs to use it."""
    try:
        if action == "stop":
            engine.stop()
            return 0
        if action == "start":
            install.for_docker()
            found, _started = engine.start(detached=True)
            images.build(found)
        else:
            found = engine.find()
    except LabError as error:
        warn(str(error))
        return 1
    for name, value in found.environment.items() if found else ():
        print(f"export {name}={shlex.quote(value)}")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
