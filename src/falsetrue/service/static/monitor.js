// A key is enough to say what a text is, while the focus is in its part of the page. The form works without.
"use strict";
(() => {
  const audit = document.getElementById("audit");
  const hint = audit?.querySelector(".keys");
  if (!hint) return;
  hint.hidden = false;
  audit.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const button = audit.querySelector(`button[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
    if (!button) return;
    event.preventDefault();
    button.click();
  });
})();
