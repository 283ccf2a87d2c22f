/* Copyright: (c) 2026, openwebui.postgres contributors
   GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
   SPDX-License-Identifier: GPL-3.0-or-later
   The page is whole without it: it opens what a link leads to, and all hosts at once. */
(function () {
  "use strict";
  function follow() {
    var found = document.getElementById(location.hash.slice(1));
    if (!found) return;
    for (var at = found; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    found.scrollIntoView();
    found.focus({ preventScroll: true });
  }
  addEventListener("hashchange", follow);
  if (location.hash) follow();
  document.querySelectorAll(".tools").forEach(function (tools) {
    tools.hidden = false;
    tools.addEventListener("click", function (event) {
      var open = event.target.getAttribute("data-open");
      if (open === null) return;
      document.querySelectorAll("details.host").forEach(function (host) { host.open = open === "1"; });
    });
  });
})();
