# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # The SQLite database of an Open WebUI.
    DOCUMENTATION = r"""
options:
  path:
    description:
      - The SQLite database, usually C(webui.db) in the data folder of Open WebUI.
      - Symbolic links are followed, and the log is looked for beside the file that they lead to, as SQLite does. A file with several names
        (hard links) is refused unless all of them are in its folder and no other has a log.
    type: path
    required: true
"""
