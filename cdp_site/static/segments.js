// The builder of rules: what htmx does not do by itself. All state is in the form.
(() => {
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const form = () => one("#rule-form");
  const valueOf = (field) => field.type === "checkbox" || field.type === "radio" ? field.checked : field.value;

  // What is typed while an answer is on its way is put back into the new fields.
  let sent = null;
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id === "rule-form") sent = new Map(all("[id][name]", one("#rule")).map((field) => [field.id, valueOf(field)]));
  });
  let typed = [], caret = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id !== "rule" || !sent) return;
    const active = document.activeElement;
    caret = active.matches("input[type=text], textarea") ? { id: active.id, from: active.selectionStart, to: active.selectionEnd } : null;
    typed = all("[id][name]", event.detail.target)
      .filter((field) => field.tagName !== "BUTTON" && sent.has(field.id) && sent.get(field.id) !== valueOf(field))
      .map((field) => ({ id: field.id, value: valueOf(field) }));
    sent = null;
  });
  // At once, not when all has settled: the next key may come in between. What was selected stays selected.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "rule") return;
    for (const { id, value } of typed) {
      const field = document.getElementById(id);
      if (!field) continue;
      if (typeof value === "boolean") field.checked = value; else field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    if (caret && document.activeElement.id === caret.id) document.activeElement.setSelectionRange(caret.from, caret.to);
    typed = [];
    caret = null;
  });

  // An answer about the rule as it was is dropped: its rows may be gone, and the next one is on its way.
  let swaps = 0;
  const asked = new WeakMap(); // request -> how often the rule had been swapped when it was sent
  document.addEventListener("htmx:beforeRequest", (event) => asked.set(event.detail.xhr, swaps));
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.closest("#count") && asked.get(event.detail.xhr) !== swaps) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target.id === "rule") swaps += 1; });

  // A press while an answer is on its way waits its turn; by then its button has been replaced, so what it
  // says is taken from the press itself.
  document.addEventListener("htmx:configRequest", (event) => {
    const button = event.target.id === "rule-form" && event.detail.triggeringEvent?.submitter;
    if (button) event.detail.parameters[button.name] = button.value;
  });
  // An answer may also come between pressing and letting go, which then is no click: the new button was meant.
  let pressed = null;
  document.addEventListener("pointerdown", (event) => {
    const button = event.target.closest("#rule :is(button, summary)[id]");
    pressed = button && { button, x: event.clientX, y: event.clientY };
  }, true);
  document.addEventListener("pointerup", (event) => {
    const isMeant = pressed && !pressed.button.isConnected && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) < 8;
    if (isMeant) document.getElementById(pressed.button.id)?.click();
    pressed = null;
  }, true);

  // A menu that is open stays open while something else is swapped; choosing from it closes it.
  let menus = [];
  document.addEventListener("submit", (event) => { const menu = event.submitter?.closest(".rule-menu"); if (menu) menu.open = false; }, true);
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "rule") menus = all(".rule-menu[open] > summary").map((summary) => summary.id);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "rule") for (const id of menus) document.getElementById(id)?.parentElement.setAttribute("open", "");
  });

  // What is typed can be undone: at once, and as a step of its own once the field is left.
  document.addEventListener("input", (event) => {
    const undo = event.target.closest("#rule .rule-card") && one("#rule-undo");
    if (undo) undo.disabled = false;
  });
  document.addEventListener("change", (event) => {
    if (one("#rule-left") && event.target.matches("#rule .rule-card [name]:not(.rebuild)")) htmx.trigger("#rule-left", "rule:left");
  });

  // Nothing unsaved is left without asking.
  let isDirty = false, isLeaving = false;
  const mark = (dirty) => { isDirty = dirty; const badge = one("#rule-unsaved"); if (badge) badge.hidden = !dirty; };
  document.addEventListener("input", (event) => { if (event.target.closest("#rule")) mark(true); });
  document.addEventListener("htmx:afterSettle", (event) => { if (event.detail.target.id === "rule") mark(one("#rule-unsaved") ? !one("#rule-unsaved").hidden : false); });
  document.addEventListener("htmx:beforeOnLoad", (event) => { if (event.detail.xhr.getResponseHeader("HX-Redirect")) isLeaving = true; });
  addEventListener("beforeunload", (event) => { if (form() && isDirty && !isLeaving) event.preventDefault(); });

  // On small screens the sentence and the people unfold from the bar above the rule.
  document.addEventListener("click", (event) => {
    const toggle = event.target.closest(".count-toggle");
    if (toggle) toggle.setAttribute("aria-expanded", toggle.getAttribute("aria-expanded") !== "true");
  });

  // Menus of rows close when something else is done.
  document.addEventListener("click", (event) => {
    for (const menu of all(".rule-menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    const value = event.target.closest("[data-append]");
    if (!value) return;
    const field = one(value.dataset.append), lines = field.value.split("\n").filter(Boolean);
    if (!lines.includes(value.textContent)) field.value = [...lines, value.textContent].join("\n");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });

  document.addEventListener("keydown", (event) => {
    if (!form()) return;
    // In a field that was typed into, undoing is the browser's; elsewhere it is the rule's.
    const typing = event.target.matches("input:not([type=radio], [type=checkbox]), textarea") && event.target.value !== event.target.defaultValue;
    const menu = event.target.closest(".rule-menu[open]");
    if (menu && event.key === "Escape") { menu.open = false; one("summary", menu).focus(); return; }
    if (menu && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const lines = all("button", menu), at = lines.indexOf(document.activeElement);
      event.preventDefault();
      lines[(at + (event.key === "ArrowDown" ? 1 : lines.length - 1) + (at < 0 && event.key === "ArrowUp" ? 1 : 0)) % lines.length].focus();
      return;
    }
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !typing) {
      event.preventDefault();
      one(event.shiftKey ? "#rule-redo" : "#rule-undo").click();
    }
    if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      const row = event.target.closest("[data-rule-row]");
      if (!row) return;
      event.preventDefault();
      one(`[name=do][value="${event.key === "ArrowUp" ? "up" : "down"}:${row.dataset.ruleRow}"]`)?.click();
    }
  });
})();
