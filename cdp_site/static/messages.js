// The editor of messages: what htmx does not do by itself. All state is in the form.
(() => {
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const form = one("#mail-form"), show = one("#show-frame"), frames = one("#frames");
  if (!form) return;

  // A variable goes where the cursor was last.
  let field = one("#body");
  document.addEventListener("focusin", (event) => { if (event.target.matches("[data-inserts]")) field = event.target; });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (!button) return;
    field.focus();
    field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // The mail is shown by posting the form into a frame. Each time into a new one, which takes the place of
  // the old when it is there: so the last good mail stays in sight, and going back leaves the page.
  let number = 0;
  const draw = () => {
    const next = frames.lastElementChild.cloneNode();
    next.name = show.formTarget = `mail-frame-${number += 1}`;
    next.classList.add("is-coming");
    frames.append(next);
    next.addEventListener("load", () => {
      if (next !== frames.lastElementChild) return;
      next.classList.remove("is-coming");
      for (const old of all("iframe", frames).filter((frame) => frame !== next)) old.remove();
    });
    isLeaving = true;
    form.requestSubmit(show);
    isLeaving = false;
  };
  document.addEventListener("mail:made", draw);
  show.hidden = true;

  // Choosing whom to preview as.
  const hits = one("#as-hits"), named = one("#as"), person = one("#person");
  const anew = () => document.body.dispatchEvent(new CustomEvent("mail:person"));
  named.addEventListener("input", () => { person.value = ""; });
  named.addEventListener("focus", () => named.select());
  hits.addEventListener("click", (event) => {
    const button = event.target.closest("[data-person]");
    if (!button) return;
    person.value = button.dataset.person;
    named.value = button.dataset.name;
    hits.replaceChildren();
    anew();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target === named) { event.preventDefault(); one("[data-person]", hits)?.click(); }
    if (event.key === "Escape" && event.target.closest(".mail-as")) { hits.replaceChildren(); named.focus(); }
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") { event.preventDefault(); one("#save").click(); }
  });
  document.addEventListener("click", (event) => { if (!event.target.closest(".mail-as")) hits.replaceChildren(); });

  // Nothing unsaved is left without asking. Looking and testing change nothing.
  let isDirty = form.hasAttribute("data-dirty"), isLeaving = false;
  const aside = ["as", "look", "find", "event", "to", "new_lang"];
  form.addEventListener("input", (event) => {
    if (aside.includes(event.target.name)) return;
    isDirty = true;
    one("#mail-unsaved").hidden = false;
  });
  form.addEventListener("submit", (event) => { if (!["show-frame", "test"].includes(event.submitter?.id)) isDirty = false; });
  addEventListener("beforeunload", (event) => { if (isDirty && !isLeaving) event.preventDefault(); });
})();
