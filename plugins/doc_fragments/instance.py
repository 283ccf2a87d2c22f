# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # What the operator says of an Open WebUI. ASKED_SPEC in module_utils/_instance/asked.py is the same for code.
    DOCUMENTATION = r"""
options:
  runtime:
    description:
      - What runs Open WebUI. With V(auto), O(commands) say that it is V(command); without any, containers are looked for, and where there
        are none, O(unit).
      - With V(container), the container itself is what is handled, also where Docker Compose has made it.
    type: str
    choices: [auto, container, compose, systemd, command]
    default: auto
  docker_host:
    description:
      - The socket of the Docker Engine, as C(unix:///path). The module runs on the host of the engine; other kinds of addresses
        are refused.
    type: str
    default: unix:///var/run/docker.sock
  container_name:
    description:
      - Name or full id of the container, whatever image it runs. Without it, all containers that run an Open WebUI image are
        looked for, also stopped ones.
    type: str
    default: ""
  unit:
    description:
      - The unit, of the system's own systemd.
    type: str
    default: open-webui.service
  python:
    description:
      - The Python that the unit's Open WebUI is installed for. Found by itself where the unit starts a script of it or that Python. It is
        not for C(uvx) and for scripts of your own.
    type: path
    default: ""
  env_file:
    description:
      - The env file that O(commands) start Open WebUI with. It need not be there.
    type: path
    default: ""
  commands:
    description:
      - Your own commands that handle Open WebUI, each a list of words. They are run without a shell, with E(WEBUI_ENV_FILE) set to the path
        of O(env_file).
    type: dict
    default: {}
    suboptions:
      probe:
        description: Returns 0 while Open WebUI runs.
        type: list
        elements: str
        default: []
      stop:
        description: Stops it.
        type: list
        elements: str
        default: []
      start:
        description: Starts it.
        type: list
        elements: str
        default: []
      bootstrap:
        description: Has it create its schema.
        type: list
        elements: str
        default: []
  command_timeout:
    description:
      - How many seconds each of O(commands) may take.
    type: int
    default: 300
  stop_timeout:
    description:
      - How many seconds a container has to end by itself.
    type: int
    default: 60
  data_dir:
    description:
      - Open WebUI's data folder on the host. Found by itself where a container, a unit or an env file tells.
    type: str
    default: ""
  sqlite_path:
    description:
      - The C(webui.db) on the host that is to be moved. By default the one in use, or else the one in the data folder. Where the settings
        lead Open WebUI to another one, that is a problem.
    type: str
    default: ""
  health_url:
    description:
      - Where Open WebUI's health can be asked for on the host. By default where it answers, as far as that is known, or else
        C(http://127.0.0.1:8080/health).
    type: str
    default: ""
  validate_certs:
    description:
      - Whether a certificate that is not trusted counts as no answer of O(health_url).
    type: bool
    default: true
  image:
    description:
      - Another image for the container, or the one that a container is made of where none is left.
    type: str
    default: ""
  compose_override:
    description:
      - The override file of a Compose project. By default the one that Docker Compose reads by itself.
    type: path
    default: ""
  secret_key_declared:
    description:
      - Whether the operator says which secret key Open WebUI has. The key itself is not asked for.
    type: bool
    default: false
"""
