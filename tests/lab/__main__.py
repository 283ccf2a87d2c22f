# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the lab: python -m lab setup|setup-demo."""

from __future__ import annotations

import sys

from . import install
from .console import LabError, warn

COMMANDS = {"setup": install.everything, "setup-demo": install.for_demo}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        warn(f"usage: python -m lab {'|'.join(COMMANDS)}")
        return 2
    try:
        COMMANDS[arguments[0]]()
    except LabError as error:
        warn(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
