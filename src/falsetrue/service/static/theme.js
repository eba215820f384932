// Runs before anything is painted: the colours that were chosen here last time, else the system's.
"use strict";
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try {
      return localStorage.getItem("falsetrue-theme");
    } catch {
      return null; // storage is blocked
    }
  };
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const apply = (theme) => {
    if (theme === "dark" || theme === "light") root.dataset.theme = theme;
    // Swagger UI's own switch.
    root.classList.toggle("dark-mode", isDark());
    document.getElementById("theme")?.setAttribute("aria-pressed", String(isDark()));
  };
  apply(chosen());
  system.addEventListener("change", () => apply(chosen()));
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    button.hidden = false;
    apply(chosen());
    button.addEventListener("click", () => {
      apply(isDark() ? "light" : "dark");
      try {
        localStorage.setItem("falsetrue-theme", root.dataset.theme);
      } catch {
        // storage is blocked: the choice holds for this page
      }
    });
  });
})();
