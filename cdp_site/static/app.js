// What htmx and the browser do not do by themselves. Everything is delegated from the document, so
// swapped-in parts need no wiring. A feature keeps its own file (journeys.js), linked from its page.
(() => {
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const root = document.documentElement;
  // Both values are plain words (Europe/Berlin, dark): nothing in them needs escaping.
  const keep = (name, value) => { document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax`; };
  const typing = (target) => target.matches("input, textarea, select, [contenteditable=true]");

  // The server shows times in the reader's zone and pages in the chosen theme: both travel as cookies.
  keep("zone", Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");

  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    root.dataset.theme = isDark() ? "light" : "dark";
    keep("theme", root.dataset.theme);
  });

  // Toasts: the event "toast" of a response's HX-Trigger header, and what went wrong on the way.
  const shown = (toast) => setTimeout(() => toast.remove(), 6000);
  const say = (text, isBad = false) => {
    const toast = document.createElement("p");
    toast.className = isBad ? "toast bad" : "toast";
    toast.textContent = text;
    one("#toasts").append(toast);
    shown(toast);
  };
  all("#toasts .toast").forEach(shown);
  document.addEventListener("toast", (event) => say(event.detail.text));
  document.addEventListener("htmx:responseError", (event) => {
    const words = one("#toasts").dataset;
    say(event.detail.xhr.status === 403 ? words.forbidden : words.failed, true);
  });
  document.addEventListener("htmx:sendError", () => say(one("#toasts").dataset.offline, true));

  // What refreshes by itself rests while nobody can see it, and while something in it is unfolded.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.target;
    if (document.hidden && part.matches("[data-while-visible]")) event.preventDefault();
    if (part.matches("[data-rests-while-open]") && one("details[open]", part)) event.preventDefault();
  });

  // Search: "/" goes there from anywhere, arrows walk the hits, Escape closes them.
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !typing(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      one("#find")?.focus();
      return;
    }
    const box = event.target.closest?.(".find");
    if (!box) return;
    const hits = all(".hits a", box), at = hits.indexOf(document.activeElement), field = one("input", box);
    if (event.key === "ArrowDown" && hits.length) { event.preventDefault(); hits[Math.min(at + 1, hits.length - 1)].focus(); }
    if (event.key === "ArrowUp" && hits.length) { event.preventDefault(); (at > 0 ? hits[at - 1] : field).focus(); }
    if (event.key === "Escape") { one(".hits", box).replaceChildren(); field.value = ""; field.focus(); }
  });

  // A form with data-confirm asks first; the words stand in the markup, translated.
  document.addEventListener("submit", (event) => {
    const words = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
    if (words && !window.confirm(words)) { event.preventDefault(); event.stopPropagation(); }
  }, true);

  // "Select all" of a table, and copying what may be shown once.
  document.addEventListener("change", (event) => {
    const name = event.target.dataset.selectAll;
    if (name) all(`input[type=checkbox][name="${name}"]`, event.target.form ?? document).forEach((box) => { box.checked = event.target.checked; });
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(one(button.dataset.copy).textContent.trim());
    say(button.dataset.copied);
  });
})();
