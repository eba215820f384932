// Makes the page quicker to use. Everything works without it.
"use strict";
(() => {
  const form = document.getElementById("check");
  const result = document.getElementById("result");
  const why = document.getElementById("why");
  const button = form.querySelector("button");
  const { title, text } = form.elements;
  const template = (id) => document.getElementById(id).content.cloneNode(true);
  // Each page brings the token of its session. Whether it is another one: somebody signed in again, in another tab.
  const adopt = (page) => {
    const fresh = page.querySelector("input[name=token]")?.value;
    const all = document.querySelectorAll("input[name=token]");
    if (!fresh || fresh === all[0].value) return false;
    for (const each of all) each.value = fresh;
    return true;
  };
  let latest = 0;
  let answered = [title.defaultValue, text.defaultValue]; // what the answer shown is for

  // An answer to another text than the one in the form says so.
  const mark = () => {
    const stale = !!result.querySelector(".verdict") && (title.value !== answered[0] || text.value !== answered[1]);
    if (stale === result.classList.contains("stale")) return;
    result.classList.toggle("stale", stale);
    if (stale) result.prepend(template("changed"));
    else result.querySelector(".changed").remove();
  };

  const show = (nodes, sent, reasons = []) => {
    answered = sent;
    result.classList.remove("stale");
    result.replaceChildren(...nodes);
    why.replaceChildren(...reasons);
    result.removeAttribute("aria-busy");
    button.removeAttribute("aria-busy");
    mark();
    if (result.getBoundingClientRect().top > innerHeight * 0.6) result.scrollIntoView();
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const mine = ++latest;
    const sent = [title.value, text.value];
    result.setAttribute("aria-busy", "true");
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch("/", { method: "POST", body: new URLSearchParams(new FormData(form)) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (mine !== latest) return;
      if (adopt(page) && answer.status === 403) return form.requestSubmit();
      document.title = page.title;
      show(page.getElementById("result").childNodes, sent, page.getElementById("why")?.childNodes);
    } catch {
      if (mine === latest) show(template("unreachable").childNodes, sent);
    }
  });
  form.addEventListener("input", mark);
  addEventListener("pageshow", mark); // browsers may fill in again what was typed before

  document.addEventListener("keydown", (event) => {
    const field = event.target.closest?.("form");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && field) field.requestSubmit();
  });
  form.querySelector(".keys").hidden = false;

  // A switch of language takes the text along.
  for (const link of document.querySelectorAll(".languages a")) {
    link.addEventListener("click", (event) => {
      if (!text.value.trim()) return;
      event.preventDefault();
      form.action = `/${new URL(link.href).search}#result`;
      form.submit();
    });
  }

  // A file is sent without leaving the page, so that text, file and columns stay as they are.
  const upload = document.getElementById("upload");
  const file = document.getElementById("upload-file");
  const send = upload.querySelector("button");
  const outcome = document.getElementById("outcome");
  let uploads = 0;
  let address = "";

  const tell = (nodes) => {
    outcome.replaceChildren(...nodes);
    send.removeAttribute("aria-busy");
    outcome.removeAttribute("aria-busy");
    const problem = outcome.querySelector("#file-problem");
    for (const [name, value] of [["aria-invalid", "true"], ["aria-describedby", "file-problem"]]) {
      if (problem) file.setAttribute(name, value);
      else file.removeAttribute(name);
    }
    if (outcome.getBoundingClientRect().top > innerHeight * 0.8) outcome.scrollIntoView({ block: "nearest" });
  };

  // The answer is a page; if the scored file is too large for a link in it, the file follows it.
  const receive = async (answer) => {
    const whole = await answer.blob();
    const length = Number(answer.headers.get("x-page-length") ?? whole.size);
    const page = new DOMParser().parseFromString(await whole.slice(0, length).text(), "text/html");
    URL.revokeObjectURL(address);
    address = "";
    if (length < whole.size) {
      address = URL.createObjectURL(whole.slice(length, whole.size, "text/csv"));
      page.querySelector("#outcome a[download]").href = address;
    }
    return page;
  };

  upload.addEventListener("submit", async (event) => {
    event.preventDefault();
    const mine = ++uploads;
    if (file.files[0]?.size > Number(upload.dataset.largest)) {
      tell(template("too-large").childNodes);
      return;
    }
    send.setAttribute("aria-busy", "true");
    outcome.setAttribute("aria-busy", "true");
    const sent = new FormData(upload);
    sent.append("script", "1");
    try {
      const answer = await fetch("/upload", { method: "POST", body: sent });
      const page = await receive(answer);
      if (mine !== uploads) return;
      if (adopt(page) && answer.status === 403) return upload.requestSubmit();
      document.title = page.title;
      tell(page.getElementById("outcome").childNodes);
    } catch {
      if (mine === uploads) tell(template("unsent").childNodes);
    }
  });
})();
