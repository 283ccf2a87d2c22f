# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the lab: python -m lab test | setup-demo | changelog | CHECK…"""

from __future__ import annotations

import sys

from . import checks, install
from .console import LabError, warn


def main(arguments: list[str]) -> int:
    if arguments == ["setup-demo"]:
        return _setup_demo()
    if arguments == ["changelog"]:
        return checks.write_changelog()
    names = list(checks.CHECKS) if arguments == ["test"] else arguments
    if not names or not set(names) <= set(checks.CHECKS):
        warn(f"usage: python -m lab test | setup-demo | changelog | {' | '.join(checks.CHECKS)}")
        return 2
    try:
        return checks.run(names)
    except KeyboardInterrupt:
        warn("interrupted")
        return 130


def _setup_demo() -> int:
    try:
        install.for_demo()
    except LabError as error:
        warn(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
