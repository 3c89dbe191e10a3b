// The builder of journeys. The server holds the document and knows what can be done to it: this file says
// what somebody did, one request after the other, and htmx puts the answers where they belong.
const one = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const journey = one("#journey"), address = journey.dataset.address;
const panel = () => one("#panel");
const selected = () => panel().dataset.part;
const opener = (part) => document.getElementById(`open-${part}`);
const show = (card, how) => card?.dispatchEvent(new CustomEvent("journey:show", { bubbles: true, detail: how }));
const isTyping = (target) => target.matches("textarea, input:not([type=checkbox], [type=radio]), [contenteditable=true]");
const values = (given) => { const data = new FormData(); for (const [name, value] of Object.entries(given)) data.set(name, value); return data; };

// -- requests, in order: each names the revision that the answer before it brought

let tail = Promise.resolve(), isRefused = false, isFailed = false, typedBefore = null;
let refused = []; // what was sent and not saved, because somebody else had saved: to be sent again on what they left
const bar = () => one("#j-bar"), partForm = () => one("#part-form");
const queued = (task) => { tail = tail.then(task).catch(() => {}); return tail; };
document.addEventListener("journey:refused", () => { isRefused = true; });
for (const name of ["htmx:responseError", "htmx:sendError"]) document.addEventListener(name, () => { isFailed = true; });
const send = async (path, data) => {
  const form = partForm(), isOnWhatIsShown = form?.elements.revision.value === data.get("revision");
  isRefused = isFailed = false;
  await htmx.ajax("POST", address + path, { source: journey, target: journey, swap: "none", values: data });
  if (isOnWhatIsShown && form.isConnected && !isRefused) form.elements.revision.value = bar().dataset.revision;
};
const isUndo = (path) => /^do\/(un|re)do\//.test(path);
const post = (path, data, fields = null) => queued(async () => {
  if (isUndo(path) && refused.length) return; // what it was to take back is not saved
  data.set("revision", bar().dataset.revision);
  if (path.startsWith("parts/")) data.set("seen", partForm()?.elements.revision.value ?? data.get("revision"));
  typedBefore = fields;
  await send(path, data);
  if (isRefused) keep(path, data);
});
// What is typed further into a part takes the place of what was typed before.
const keep = (path, data) => {
  const at = path.startsWith("parts/") ? refused.findIndex((it) => it.path === path) : -1;
  if (at < 0) { refused.push({ path, data }); return; }
  const command = refused[at].data.get("do");
  if (command) data.set("do", command);
  refused[at] = { path, data };
};
// While it is open whose change counts, what was typed can be typed on; all else would be done to a picture of the past.
const isOpen = () => { if (refused.length) one("[data-again], [data-reload]")?.focus(); return refused.length > 0; };
const perform = (verb, given = {}) => {
  if (isOpen()) return tail;
  flush();
  return post(`do/${verb}/`, values({ selected: selected(), ...given }));
};
// All of it once more, in order; the last answer brings the panel as it is then. What fails can be tried again.
const again = () => {
  flush();
  return queued(async () => {
    const sent = refused, notice = one("#j-notice").firstElementChild, on = Number(one("[data-again]")?.dataset.again);
    for (const [at, { path, data }] of sent.entries()) {
      const isLast = at + 1 === sent.length;
      data.set("revision", Math.max(on, Number(bar().dataset.revision)));
      data.set("shows", isLast ? selected() : "");
      typedBefore = isLast && partForm() ? fieldsOf(partForm()) : null;
      await send(path, data).catch(() => { isFailed = true; });
      if (isFailed) one("#j-notice").replaceChildren(notice);
      if (isRefused || isFailed) return;
      refused = sent.slice(at + 1);
    }
  }).then(() => { asked(); mark(); });
};

// -- the panel: what is typed is saved 350 ms after the last key

let timer = 0;
const save = (button = null, rebuild = false) => {
  clearTimeout(timer);
  timer = 0;
  const form = partForm();
  if (!form || (button?.value && isOpen())) return tail;
  const data = new FormData(form);
  if (button?.name) data.set(button.name, button.value);
  if (rebuild) data.set("rebuild", "1");
  return post(`parts/${encodeURIComponent(form.dataset.part)}/`, data, rebuild ? fieldsOf(form) : null);
};
const fieldsOf = (form) => new Map(all("[id][name]", form).map((field) => [field.id, valueOf(field)]));
const flush = () => { if (timer) save(); };
const valueOf = (field) => field.type === "checkbox" || field.type === "radio" ? field.checked : field.value;

document.addEventListener("input", (event) => {
  if (!event.target.closest("#part-form") || event.target.matches("select.rebuild, [type=radio].rebuild")) return;
  clearTimeout(timer);
  timer = setTimeout(save, 350);
  // A last line of names and values that is begun gets an empty one below it.
  if (event.target.matches("[data-last]") && event.target.value) {
    const line = event.target.closest("li"), fresh = line.cloneNode(true);
    delete event.target.dataset.last;
    all("input", fresh).forEach((field) => { field.value = ""; field.id = field.id.replace(/[0-9]+$/, (number) => Number(number) + 1); });
    line.after(fresh);
  }
});
document.addEventListener("change", (event) => {
  if (event.target.matches("#part-form .rebuild")) save(null, true);
});
addEventListener("beforeunload", (event) => {
  if (timer || refused.length) event.preventDefault();
  flush();
});

// Numbers are counted when the page is loaded, and when somebody asks: a new picture gets those of the old one.
const numbers = new Map();
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  if (event.detail.target.id === "zoom") for (const it of all("[data-numbers]:not(:empty)")) numbers.set(it.dataset.numbers, [...it.childNodes]);
});
document.addEventListener("htmx:oobAfterSwap", (event) => {
  if (event.detail.target.id === "zoom") for (const it of all("[data-numbers]:empty")) it.replaceChildren(...numbers.get(it.dataset.numbers) ?? []);
});

// What is typed while a new panel is put back into it.
let typed = [];
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  if (event.detail.target.id !== "panel" || !typedBefore) return;
  typed = all("#part-form [id][name]").filter((field) => field.tagName !== "BUTTON" && typedBefore.has(field.id) && typedBefore.get(field.id) !== valueOf(field)).map((field) => [field.id, valueOf(field)]);
  typedBefore = null;
});
document.addEventListener("htmx:oobAfterSwap", (event) => {
  if (event.detail.target.id !== "panel") return;
  for (const [id, value] of typed) {
    const field = document.getElementById(id);
    if (!field) continue;
    if (typeof value === "boolean") field.checked = value; else field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  typed = [];
});

const mark = () => {
  for (const it of all(".j-open[aria-current]")) it.removeAttribute("aria-current");
  opener(selected())?.setAttribute("aria-current", "true");
  history.replaceState(null, "", selected() ? `${address}?step=${encodeURIComponent(selected())}` : address);
};
const open = (part) => {
  flush();
  return queued(() => htmx.ajax("GET", `${address}?step=${encodeURIComponent(part)}`, { source: journey, target: "#panel", swap: "outerHTML" })).then(() => { mark(); show(opener(part)); });
};
const close = () => {
  const part = selected();
  flush();
  return queued(() => {
    panel().replaceChildren();
    panel().hidden = true;
    panel().dataset.part = "";
    mark();
    opener(part)?.focus({ preventScroll: true });
  });
};
const added = (done) => done.then(() => {
  mark();
  show(opener(selected()));
  const name = one("#f-name");
  name?.focus({ preventScroll: true });
  name?.select();
});

// -- operations

const remove = (part) => {
  const cards = all(".j-open"), before = cards[cards.indexOf(opener(part)) - 1]?.id;
  return perform("remove", { id: part }).then(() => { if (!asked()) { mark(); document.getElementById(before)?.focus({ preventScroll: true }); } });
};
const asked = () => {
  const question = one("#j-ask form") && one("#j-ask");
  if (question && !question.open) question.showModal();
  return Boolean(question);
};
const answered = () => { const question = one("#j-ask"); question.close(); question.replaceChildren(); };
const below = (card) => {
  const slot = card?.closest(".j-node")?.nextElementSibling;
  return slot?.matches(".slot") ? slot : one(":scope > .slot", slot ?? document.createElement("i"));
};
const end = () => one(".j-tree > .j-seq > .slot:last-child") ?? all(".j-tree .slot").at(-1);
const insert = (kind, at) => added(perform("insert", { kind, at }));
const COPIED = "journey-copied";
const copied = () => JSON.parse(sessionStorage.getItem(COPIED) ?? "null");
const paste = (at) => { if (copied() && at) added(perform("paste", { ...copied(), at })); };

const CLICKS = {
  undo: () => perform("undo").then(mark),
  redo: () => perform("redo").then(mark),
  nudge: (button) => perform("nudge", { id: selected(), by: button.dataset.by }).then(() => show(opener(selected()))),
  nudge_case: (button) => {
    const [number, by] = button.value.split(":").map(Number), now = number + by;
    perform("nudge_case", { id: selected(), case: button.value }).then(() => (document.getElementById(`case-${now}-${by}`) ?? document.getElementById(`case-${now}-${-by}`))?.focus());
  },
  duplicate: () => added(perform("duplicate", { id: selected() })),
  remove: () => remove(selected()),
  add_part: () => perform("add_part", { id: selected() }).then(mark),
  add_way: () => perform("add_way", { id: selected() }),
  remove_way: (button) => perform("remove_way", { id: selected(), way: button.dataset.way }).then(asked),
};
document.addEventListener("submit", (event) => {
  const form = event.target, button = event.submitter;
  if (form.matches("[data-ask]")) {
    event.preventDefault();
    const data = new FormData(form), id = data.get("id"), path = new URL(form.action).pathname.slice(address.length);
    const cards = all(".j-open"), before = cards[cards.indexOf(opener(id)) - 1]?.id;
    answered();
    post(path, data).then(() => { mark(); document.getElementById(before)?.focus({ preventScroll: true }); });
  } else if (button?.dataset.do) {
    event.preventDefault();
    CLICKS[button.dataset.do](button);
  } else if (form.matches("#part-form")) {
    event.preventDefault();
    const menu = button?.closest(".rule-menu");
    if (menu) menu.open = false;
    save(button, Boolean(button?.value));
  } else if (form.closest("#j-import")) one("[data-revision-field]", form).value = one("#j-bar").dataset.revision;
});
document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest(selector);
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  let it;
  if ((it = at("[data-open]"))) { event.preventDefault(); open(it.dataset.open); }
  else if ((it = at("[data-add]"))) { event.preventDefault(); choose(it); }
  else if (at("[data-close]")) { event.preventDefault(); close(); }
  else if (at("[data-cancel]")) { event.preventDefault(); answered(); }
  else if ((it = at("[data-jump]"))) { event.preventDefault(); const part = it.dataset.jump; open(part).then(() => { show(opener(part), "center"); opener(part)?.focus({ preventScroll: true }); }); }
  else if ((it = at("#j-publish"))) { event.preventDefault(); flush(); queued(() => { location.href = it.href; }); }
  else if (at("[data-again]")) again();
  else if (at("[data-reload]")) { clearTimeout(timer); timer = 0; refused = []; }
  else if (at("[data-count]")) queued(() => htmx.ajax("GET", `${address}?counted`, { source: journey, target: "#zoom", swap: "outerHTML" })).then(mark);
  else if ((it = at("#add-menu [data-kind]"))) { const where = menu.dataset.at; menu.hidePopover(); insert(it.dataset.kind, where); }
  else if (at("#add-paste")) { const where = menu.dataset.at; menu.hidePopover(); paste(where); }
  else if ((it = at("#palette [data-kind]"))) insert(it.dataset.kind, (below(opener(selected())) ?? end()).dataset.slot);
  else if ((it = at("[data-append]"))) {
    const field = one(it.dataset.append), lines = field.value.split("\n").filter(Boolean);
    if (!lines.includes(it.textContent)) field.value = [...lines, it.textContent].join("\n");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  for (const open of all(".rule-menu[open]")) if (!open.contains(event.target)) open.open = false;
});
// -- the menu of a +

const menu = one("#add-menu"), find = one("#add-find");
const kinds = () => all("[data-kind]", menu).filter((line) => !line.hidden);
const filter = () => {
  const words = find.value.trim().toLowerCase();
  for (const line of all("[data-kind]", menu)) line.hidden = !line.textContent.toLowerCase().includes(words);
  for (const group of all(".j-group", menu)) group.hidden = !one("[data-kind]:not([hidden])", group);
  one("#add-none").hidden = kinds().length > 0;
};
const choose = (plus) => {
  menu.dataset.at = plus.dataset.add;
  menu.dataset.from = plus.id;
  find.value = "";
  one("#add-paste").hidden = !copied();
  filter();
  menu.showPopover();
  const from = plus.getBoundingClientRect(), width = menu.offsetWidth, height = menu.offsetHeight;
  const left = from.right + 10 + width < innerWidth ? from.right + 10 : Math.max(8, from.left - 10 - width);
  menu.style.left = `${left}px`;
  menu.style.top = `${Math.max(8, Math.min(innerHeight - height - 8, from.top - height / 3))}px`;
  find.focus();
};
menu.addEventListener("input", filter);
menu.addEventListener("toggle", (event) => {
  if (event.newState === "closed" && (menu.contains(document.activeElement) || document.activeElement === document.body)) document.getElementById(menu.dataset.from)?.focus({ preventScroll: true });
});
menu.addEventListener("keydown", (event) => {
  const lines = kinds(), at = lines.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? lines.length - 1 : at - 1 }[event.key];
  if (to !== undefined) { event.preventDefault(); (lines[to] ?? find).focus(); }
  else if (event.key === "Enter" && event.target === find) { event.preventDefault(); lines[0]?.click(); }
});

// -- keys

document.addEventListener("keydown", (event) => {
  const card = event.target.closest?.(".j-open"), part = card?.dataset.open, isControl = event.ctrlKey || event.metaKey;
  const isStep = card?.closest("[draggable=true]");
  const row = event.target.closest?.("#part-form [data-rule-row]");
  const does = (what) => { event.preventDefault(); what(); };
  if (isControl && event.key.toLowerCase() === "z" && !isTyping(event.target)) does(() => one(event.shiftKey ? "#j-redo" : "#j-undo")?.click());
  else if (isControl && event.key === "c" && isStep && getSelection().isCollapsed) sessionStorage.setItem(COPIED, JSON.stringify({ id: part, from: journey.dataset.slug }));
  else if (isControl && event.key === "v" && card) does(() => paste((below(card) ?? end()).dataset.slot));
  else if (event.altKey && row && event.key.startsWith("Arrow")) does(() => one(`#part-form [name$=do][value="${event.key === "ArrowUp" ? "up" : "down"}:${row.dataset.ruleRow}"]`)?.click());
  else if (event.altKey && event.target.closest?.("#part-form [data-case]") && (event.key === "ArrowUp" || event.key === "ArrowDown")) does(() => document.getElementById(`case-${event.target.closest("[data-case]").dataset.case}-${event.key === "ArrowUp" ? -1 : 1}`)?.click());
  else if (event.altKey && isStep && (event.key === "ArrowUp" || event.key === "ArrowDown")) does(() => perform("nudge", { id: part, by: event.key === "ArrowUp" ? "-1" : "1" }).then(() => show(opener(part))));
  else if (event.altKey || isControl) return;
  else if (event.key === "Delete" && isStep) does(() => remove(part));
  else if (event.key === "+" && card) does(() => one("[data-add]", (isStep && below(card)) || all(".j-tree .slot")[isStep ? all(".j-tree .slot").length - 1 : 0])?.click());
  else if (event.key === "Escape" && selected() && !menu.matches(":popover-open") && !event.target.closest(".find, dialog, .rule-menu[open]")) close();
});

// -- drag and drop: a kind from the palette, or a card, onto a +

for (const line of all("#palette [data-kind]")) line.draggable = true;
let drag = null;
document.addEventListener("dragstart", (event) => {
  const kind = event.target.closest?.("#palette [data-kind]"), card = event.target.closest?.(".j-card[draggable=true]");
  if (!kind && !card) return;
  drag = kind ? { kind: kind.dataset.kind } : { id: card.dataset.card, node: card.closest(".j-node") };
  event.dataTransfer.effectAllowed = kind ? "copy" : "move";
  event.dataTransfer.setData("text/plain", drag.kind ?? drag.id);
  if (card) event.dataTransfer.setDragImage(card, 40, 20); // not the link that was taken hold of
  setTimeout(() => { journey.classList.add("j-dragging"); drag?.node?.classList.add("j-moving"); });
});
const slotUnder = (event) => { const slot = event.target.closest?.(".slot"); return drag && slot && !drag.node?.contains(slot) ? slot : null; };
const EDGE = 48, STEP = 14;
document.addEventListener("dragover", (event) => {
  if (!drag) return;
  const slot = slotUnder(event), canvas = one("#canvas"), box = canvas.getBoundingClientRect();
  for (const it of all(".slot.j-over")) it.classList.toggle("j-over", it === slot);
  if (slot) { event.preventDefault(); slot.classList.add("j-over"); }
  canvas.scrollTop += event.clientY > box.bottom - EDGE ? STEP : event.clientY < box.top + EDGE ? -STEP : 0;
  canvas.scrollLeft += event.clientX > box.right - EDGE ? STEP : event.clientX < box.left + EDGE ? -STEP : 0;
});
document.addEventListener("drop", (event) => {
  const slot = slotUnder(event);
  if (!slot) return;
  event.preventDefault();
  if (drag.kind) insert(drag.kind, slot.dataset.slot);
  else perform("move", { id: drag.id, at: slot.dataset.slot });
});
document.addEventListener("dragend", () => {
  drag = null;
  journey.classList.remove("j-dragging");
  for (const it of all(".j-over, .j-moving")) it.classList.remove("j-over", "j-moving");
});
