// Makes the page quicker to use. Everything works without it.
"use strict";
(() => {
  const form = document.getElementById("check");
  const result = document.getElementById("result");
  const button = form.querySelector("button");
  let latest = 0;

  const show = (nodes) => {
    result.replaceChildren(...nodes);
    result.removeAttribute("aria-busy");
    button.removeAttribute("aria-busy");
    if (result.getBoundingClientRect().top > innerHeight * 0.6) result.scrollIntoView();
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const mine = ++latest;
    result.setAttribute("aria-busy", "true");
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch("/", { method: "POST", body: new URLSearchParams(new FormData(form)) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (mine !== latest) return;
      document.title = page.title;
      show(page.getElementById("result").childNodes);
    } catch {
      if (mine === latest) show(document.getElementById("unreachable").content.cloneNode(true).childNodes);
    }
  });

  document.addEventListener("keydown", (event) => {
    const field = event.target.closest?.("form");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && field) field.requestSubmit();
  });
  form.querySelector(".keys").hidden = false;

  // A switch of language takes the text along.
  for (const link of document.querySelectorAll(".languages a")) {
    link.addEventListener("click", (event) => {
      if (!form.elements.text.value.trim()) return;
      event.preventDefault();
      form.action = `/${new URL(link.href).search}#result`;
      form.submit();
    });
  }

  const upload = document.getElementById("upload");
  upload.addEventListener("submit", () => upload.querySelector("button").setAttribute("aria-busy", "true"));
  addEventListener("pageshow", () => upload.querySelector("button").removeAttribute("aria-busy"));
})();
