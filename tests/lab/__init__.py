# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: real components for the tests, the demo and the benchmark.

`python -m lab setup` (with tests/ on PYTHONPATH) installs everything into .lab/ and .collections/ of this checkout.
The other modules start PostgreSQL servers of their own and let Open WebUI build its schema.
Setting up needs the standard library only, because it is what installs all the rest.
"""
