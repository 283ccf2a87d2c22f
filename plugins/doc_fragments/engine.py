# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # What reaches the Docker Engine of the host.
    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      - The socket of the Docker Engine, as C(unix:///path). The module runs on the host of the engine; other kinds of addresses
        are refused.
    type: str
    default: unix:///var/run/docker.sock
"""
