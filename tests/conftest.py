# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the checkout importable as the collection openwebui.postgres, for every test below."""

from __future__ import annotations

import os
import sys
from pathlib import Path

COLLECTIONS = Path(__file__).resolve().parents[1] / ".collections"

# pytest-ansible reads the variable when it installs Ansible's collection finder, a little later than this. The entry in
# sys.path serves a bare pytest, as on Python 3.9.
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(COLLECTIONS)
if str(COLLECTIONS) not in sys.path:
    sys.path.insert(0, str(COLLECTIONS))
