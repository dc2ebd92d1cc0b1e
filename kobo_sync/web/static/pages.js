// The pages work without this script; it only spares a reload and some clicks.
"use strict";

const live = document.querySelector("[data-live]");
if (live) {
  const text = live.querySelector("[data-progress-text]");
  const bar = live.querySelector("[data-progress]");
  const look = async () => {
    try {
      const answer = await fetch(live.dataset.live, { headers: { Accept: "application/json" } });
      if (answer.ok) {
        const now = await answer.json();
        const before = live.dataset.run || "";
        if (String(now.run_id ?? "") !== before || String(now.last) !== live.dataset.last) {
          // Another run, none any more, or one that began and ended since the last look: the page has more to tell. Not while somebody is choosing.
          const open = document.querySelector("details[open]");
          if (!open || !open.closest(".jobs")) {
            window.location.reload();
            return;
          }
        } else if (text && now.run_id !== null) {
          text.textContent = `${now.what} ${now.done || ""}${now.total ? " / " + now.total : ""}`;
          if (now.total) {
            bar.max = now.total;
            bar.value = now.done;
          } else {
            bar.removeAttribute("value");
          }
        }
      }
    } catch {
      // The network is away: the next look tells.
    }
    window.setTimeout(look, 2000);
  };
  window.setTimeout(look, 2000);
}

// On a phone the menu is one line that says where one is, until it is opened.
const menu = document.querySelector(".menu details");
if (menu) {
  const phone = window.matchMedia("(max-width: 40rem)");
  const fit = () => {
    menu.open = !phone.matches;
  };
  phone.addEventListener("change", fit);
  fit();
}

const all = document.querySelector("[data-check-all]");
if (all) {
  all.addEventListener("change", () => {
    for (const box of document.querySelectorAll("input[name=key]")) box.checked = all.checked;
  });
}

for (const field of document.querySelectorAll("input.copy")) {
  field.addEventListener("focus", () => field.select());
}
