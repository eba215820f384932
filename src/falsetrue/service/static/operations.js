// Brings everything up to date in its place. The view is complete without it.
"use strict";
(() => {
  const SECONDS = 15; // as the switch says

  // --- bringing up to date ------------------------------------------------------------------------

  const told = document.getElementById("told");
  const tell = (id) => told.replaceChildren(...(id ? [document.getElementById(id).content.cloneNode(true)] : []));
  let asking = false;

  // Nothing but what is inside the parts is exchanged: what is open, focused or scrolled stays so.
  const update = async () => {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch("/ops", { headers: { accept: "text/html" }, cache: "no-store" });
      if (answer.redirected || answer.status === 401 || answer.status === 403) {
        tell("ended");
        turn(false);
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-part]")) {
        const fresh = page.getElementById(part.id);
        if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
      }
      tell(null);
      drawTables();
      askAgain();
    } catch {
      tell("unreachable");
    } finally {
      asking = false;
    }
  };

  // What is still being counted is there soon.
  const askAgain = () => {
    if (document.getElementById("counting")) setTimeout(update, 2000);
  };
  askAgain();

  const refresh = document.getElementById("refresh");
  refresh.addEventListener("click", (event) => {
    event.preventDefault();
    update();
  });

  const label = document.getElementById("by-itself");
  const box = label.querySelector("input");
  let clock = 0;
  const turn = (on) => {
    box.checked = on;
    clearInterval(clock);
    if (on) clock = setInterval(() => document.hidden || update(), SECONDS * 1000);
    try {
      sessionStorage.setItem("falsetrue-refresh", on ? "on" : "");
    } catch {
      // storage is blocked: the choice holds for this page
    }
  };
  box.addEventListener("change", () => turn(box.checked));
  label.hidden = false;
  try {
    if (sessionStorage.getItem("falsetrue-refresh")) turn(true);
  } catch {
    // as above
  }
})();
