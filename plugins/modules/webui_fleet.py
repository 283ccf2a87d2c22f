#!/usr/bin/python
# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: webui_fleet
short_description: Order, waves and report of a run over many hosts
version_added: 0.1.0
description:
  - Keeps what came of each host in a folder on the controller as the run goes, makes a page of it after each wave, and says it at the end.
  - Works on the controller alone. No host is connected to. In check mode a report is kept as well, since it changes nothing of a host.
  - Used by the playbooks of this collection. The records that it returns and keeps are of use to others.
options:
  state:
    description:
      - V(begun) puts the hosts of the play in order, and refuses a run in which two of them would share a database or a folder.
      - V(noted) makes a record of what the roles have registered on this host, and keeps it.
      - V(closed) ends a wave.
      - V(ended) ends the run.
      - V(judged) fails on a host that is not as it was asked for. It is for after V(ended), since a host that fails before would take
        others down with it that are still at work.
    type: str
    choices: [begun, noted, closed, ended, judged]
    required: true
  playbook:
    description: What the run is for. Required for O(state=begun) and O(state=noted).
    type: str
    choices: [audit, migrate, rollback]
  report_dir:
    description: The folder of reports on the controller. It is made where it is missing. Empty for none. For O(state=begun).
    type: str
    default: ""
  inventory:
    description: All hosts that are never to share anything, also those that this run is not about. For O(state=begun).
    type: list
    elements: str
    default: []
  canary:
    description: The host that comes first. For O(state=begun).
    type: str
    default: ""
  not_before:
    description: The time of the day, by the controller's clock, from when on Open WebUI may be stopped. For O(state=begun).
    type: raw
  not_after:
    description: Until when. Empty for six hours later. For O(state=begun).
    type: raw
  run:
    description: RV(run) of O(state=begun), for all other states.
    type: raw
    default: {}
  host:
    description: What the playbook knows of the host beside what the roles have registered. For O(state=noted).
    type: dict
    default: {}
  fail_on:
    description:
      - What else fails an audit than a host that could not be looked at. V(never), V(not_ready), V(not_moved), or a state. For
        O(state=begun) and O(state=noted).
    type: list
    elements: str
    default: [never]
  noted:
    description: What O(state=noted) has returned. For O(state=judged).
    type: dict
    default: {}
  wave:
    description: The hosts of the wave as it was begun, also those that were lost on the way. Required for O(state=closed).
    type: list
    elements: str
  max_fail_percentage:
    description: How much of a wave may go wrong before RV(stop), in percent. For O(state=begun) and O(state=closed).
    type: raw
    default: 0
  at_once:
    description: How many hosts are stopped at the same time. For O(state=begun).
    type: raw
    default: 1
extends_documentation_fragment:
  - openwebui.postgres.attributes
attributes:
  diff_mode:
    support: none
    details:
      - It changes nothing of a host. What it writes is a report.
  idempotent:
    support: partial
    details:
      - O(state=begun) begins another run each time.
author:
  - openwebui.postgres contributors (@openwebui)
"""

EXAMPLES = r"""
- name: Begin a run
  openwebui.postgres.webui_fleet:
    state: begun
    playbook: audit
    report_dir: ~/reports
  run_once: true
  register: fleet

- name: Note what was found on each host
  openwebui.postgres.webui_fleet:
    state: noted
    playbook: audit
    run: "{{ fleet.run }}"
  register: noted

- name: Use the record
  ansible.builtin.debug:
    msg: "{{ noted.record.state }}, {{ noted.record.source.rows }} rows"
"""

RETURN = r"""
run:
  description: Which run this is, for the other states.
  returned: with O(state=begun)
  type: dict
hosts:
  description: The hosts of the play in their order.
  returned: with O(state=begun)
  type: list
  elements: str
  sample: [chat.example.org]
max_fail_percentage:
  description: O(max_fail_percentage) as a number.
  returned: with O(state=begun)
  type: float
  sample: 0.0
at_once:
  description: O(at_once) as a number.
  returned: with O(state=begun)
  type: int
  sample: 5
neighbours:
  description: The hosts that share their machine with another one.
  returned: with O(state=begun)
  type: list
  elements: str
  sample: []
opens_at:
  description: From when on Open WebUI may be stopped, in seconds since 1970. Null for any time.
  returned: with O(state=begun)
  type: float
  sample: 1795000000.0
closes_at:
  description: Until when. Null for any time.
  returned: with O(state=begun)
  type: float
  sample: 1795021600.0
record:
  description: What came of the host, as it is kept. Counts and names, never content of rows, never a secret.
  returned: with O(state=noted)
  type: dict
  sample: {"host": "chat.example.org", "state": "migrated", "rows": 1345, "note": ""}
not_as_asked:
  description: Whether the host is not as the playbook was to leave it.
  returned: with O(state=noted)
  type: bool
why:
  description: Why, and what to do, for people. Empty where it is as asked.
  returned: with O(state=noted)
  type: str
  sample: ""
stop:
  description: Whether no further wave should begin.
  returned: with O(state=closed)
  type: bool
page:
  description: The report on the controller. Null without O(report_dir).
  returned: with O(state=ended)
  type: str
  sample: /home/admin/openwebui-postgres-report/runs/20261126T201500Z-migrate/report.html
counts:
  description: How many hosts there are of each state.
  returned: with O(state=ended)
  type: dict
  sample: {"migrated": 99, "restored": 1}
problems:
  description:
    - Why the task was refused. At most a thousand are listed; RV(problems_total) counts them all.
  returned: when the task is refused
  type: list
  elements: dict
  contains:
    kind:
      description: A stable word for programs.
      returned: always
      type: str
    message:
      description: One line for people.
      returned: always
      type: str
    table:
      description: The table, where there is one to name.
      returned: where it applies
      type: str
    column:
      description: The column, where there is one to name.
      returned: where it applies
      type: str
    key:
      description: The primary key of the row, where there is one to name. Never the row itself.
      returned: where it applies
      type: str
    rule:
      description: What is special about the value, where it is about one.
      returned: where it applies
      type: str
  sample:
    - {"kind": "shared", "message": "chat1 and chat2 would share the database openwebui at db.example.org, port 5432; …"}
problems_total:
  description: The number of problems, listed or not.
  returned: when the task is refused
  type: int
  sample: 1
"""
