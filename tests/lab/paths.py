# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps its things."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# May be a link, so that several worktrees of one clone share what is installed.
LAB = (ROOT / ".lab").resolve()
COLLECTIONS = ROOT / ".collections"

# The controller: ansible-core, the linters and pytest.
VENV = LAB / "venv"
PYTHON = VENV / "bin" / "python"

# One environment for each further release of ansible-core that is promised.
RELEASES = LAB / "ansible-core"

# The oldest Python a target may have, with the psycopg that goes with it. Only where a Python 3.9 was found.
VENV39 = LAB / "python39"
PYTHON39 = VENV39 / "bin" / "python"

# A folder that holds nothing but a link to the ansible package: on PYTHONPATH it gives any Python, also 3.9, what modules
# import (ansible.module_utils), without the rest of the controller's packages.
MODULE_PATH = LAB / "module-path"

OPEN_WEBUI = LAB / "open-webui"
OPEN_WEBUI_PYTHON = OPEN_WEBUI / "bin" / "python"
OPEN_WEBUI_VERSION = "0.12.4"

CACHE = LAB / "cache"
LOGS = LAB / "logs"
STAMPS = LAB / "stamps"
