# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab says, and how it gives up."""

from __future__ import annotations

import sys


class LabError(Exception):
    """Something the lab needs is missing or failed; the text says what to do."""


def say(text: str) -> None:
    """Print one line at once, also into a pipe."""
    print(f"lab: {text}", flush=True)


def warn(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)
