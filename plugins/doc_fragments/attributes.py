# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # What a module that changes something promises. A module says itself where it differs, and why.
    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in check mode, tells what would be changed, and changes nothing.
    support: full
  diff_mode:
    description: Shows in diff mode what is changed, or would be.
    support: full
  idempotent:
    description: Run again with the same options, it finds nothing left to change.
    support: full
"""

    # What a module that only looks promises. It stands alone.
    INFO_MODULE = r"""
attributes:
  check_mode:
    description: Can run in check mode, tells what would be changed, and changes nothing.
    support: full
    details:
      - It never changes anything.
  diff_mode:
    description: Shows in diff mode what is changed, or would be.
    support: N/A
    details:
      - It never changes anything.
  idempotent:
    description: Run again with the same options, it finds nothing left to change.
    support: full
    details:
      - It never changes anything.
"""
