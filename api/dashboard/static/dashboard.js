"use strict";
// All pages come from the farm as they are; this reads them again, and puts them in place.
(() => {
  const LEAST_MS = 500;
  const SURE_MS = 15000;
  const HIDDEN_MS = 10000;
  const following = new Set();

  const parse = (text) => new DOMParser().parseFromString(text, "text/html");
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const say = (words) => {
    const place = document.getElementById("said");
    if (place) place.textContent = words;
  };

  // Pictures and rows that are as they were stay where they are, and do not flicker.
  function update(shown, fresh) {
    if (shown.outerHTML === fresh.outerHTML) return shown;
    if (shown.tagName !== fresh.tagName || !shown.children.length || !fresh.children.length) {
      shown.replaceWith(fresh);
      return fresh;
    }
    for (const { name } of [...shown.attributes]) {
      if (!fresh.hasAttribute(name)) shown.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) shown.setAttribute(name, value);
    const kept = new Map([...shown.childNodes].map((each) => [each.outerHTML ?? each.data, each]));
    const nodes = [...fresh.childNodes].map((each) => {
      const text = each.outerHTML ?? each.data;
      const old = kept.get(text);
      kept.delete(text);
      return old ?? document.adoptNode(each);
    });
    shown.replaceChildren(...nodes);
    return shown;
  }

  // Waits for what the farm tells of one job or batch. A stream that ends, or is not to be had as
  // too many listen already, comes again by itself; until then, and without any, time alone passes.
  function listener(address) {
    let source = null;
    let isNews = false;
    let wake = () => {};
    const hear = () => { isNews = true; wake(); };
    const close = () => { source?.close(); source = null; };
    const turn = () => { if (document.hidden) close(); wake(); };
    document.addEventListener("visibilitychange", turn);
    return {
      close() { close(); document.removeEventListener("visibilitychange", turn); },
      async wait(everyMs) {
        // A browser has few connections to one place, and tabs that nobody looks at share them.
        if (address && !source && !document.hidden) {
          source = new EventSource(address);
          for (const name of ["state", "progress"]) source.addEventListener(name, hear);
        }
        const ms = document.hidden ? HIDDEN_MS : source?.readyState === EventSource.OPEN ? SURE_MS : everyMs;
        if (!isNews) await Promise.race([new Promise((done) => { wake = done; }), pause(ms)]);
        isNews = false;
      },
    };
  }

  async function follow(id) {
    if (following.has(id)) return;
    following.add(id);
    const heard = listener(document.getElementById(id).dataset.events);
    for (;;) {
      const shown = document.getElementById(id);
      const address = shown?.dataset.live;
      if (!address) break;
      await pause(LEAST_MS);
      await heard.wait(Math.max(LEAST_MS, Number(shown.dataset.every) || 0));
      let fresh = null;
      try {
        const answer = await fetch(address, { headers: { Accept: "text/html" } });
        if (answer.redirected || (answer.status < 500 && answer.status >= 400 && answer.status !== 429)) break;
        if (answer.ok) fresh = parse(await answer.text()).getElementById(id);
      } catch { /* The farm is away for a moment. */ }
      const now = document.getElementById(id);
      if (now !== shown) continue;
      if (!fresh) { await pause(HIDDEN_MS / 2); continue; }
      if (fresh.dataset.state && fresh.dataset.state !== shown.dataset.state) say(`The job is ${fresh.dataset.state}.`);
      if (!shown.contains(document.activeElement) || !fresh.dataset.live) update(shown, fresh);
    }
    heard.close();
    following.delete(id);
  }

  async function submit(form) {
    const button = form.querySelector("button.primary");
    const outcome = document.getElementById("outcome");
    button.disabled = true;
    say("It is on its way.");
    try {
      const answer = await fetch(form.action, {
        method: "POST", body: new FormData(form), headers: { Accept: "text/html" },
      });
      const page = parse(await answer.text());
      const found = page.getElementById("job") ?? page.getElementById("problem");
      if (!found) { location.assign(answer.url); return; }
      outcome.replaceChildren(document.adoptNode(found));
      if (found.id !== "job") { say(""); return; }
      say("The farm has it.");
      if (form.elements.file) form.elements.file.value = "";
      follow("job");
    } catch {
      say("The farm does not answer. Try again.");
    } finally {
      button.disabled = false;
    }
  }

  function arrows(list, event) {
    const links = [...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const top = links[0].getBoundingClientRect().top;
    const columns = links.findIndex((each) => each.getBoundingClientRect().top > top + 1);
    const row = columns < 1 ? links.length : columns;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row, Home: -at, End: links.length - 1 - at };
    const to = links[at + (steps[event.key] ?? NaN)];
    if (!to) return;
    event.preventDefault();
    to.focus();
    to.scrollIntoView({ block: "nearest" });
  }

  for (const list of document.querySelectorAll("[data-live][id]")) follow(list.id);
  document.addEventListener("keydown", (event) => {
    const list = event.target.closest?.("[data-arrows]");
    if (list) { arrows(list, event); return; }
    const first = document.querySelector("[data-arrows] a");
    const isFree = event.target === document.body || event.target.id === "main";
    if (first && isFree && event.key.startsWith("Arrow") && document.querySelector(".hint")) {
      event.preventDefault();
      first.focus();
    }
  });
  for (const form of document.querySelectorAll("form[data-inline]")) {
    form.addEventListener("submit", (event) => { event.preventDefault(); submit(form); });
  }
  for (const form of document.querySelectorAll("form[data-drop]")) {
    const over = (is) => (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      form.classList.toggle("over", is);
    };
    form.addEventListener("dragover", over(true));
    form.addEventListener("dragleave", over(false));
    form.addEventListener("drop", (event) => {
      if (!event.dataTransfer.files.length || !form.elements.file) return;
      event.preventDefault();
      form.classList.remove("over");
      form.elements.file.files = event.dataTransfer.files;
      if ("inline" in form.dataset) form.requestSubmit();
    });
  }
  // Pressed twice is pressed once; who comes back to the page may press again.
  const pressed = new Set();
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    if (pressed.has(event.target)) event.preventDefault();
    pressed.add(event.target);
  });
  addEventListener("pageshow", () => pressed.clear());
})();
