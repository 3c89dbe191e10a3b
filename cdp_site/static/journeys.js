// The canvas of a journey to look at: zoom, pan, walking the cards by keys. Without this file the canvas
// scrolls and every card is a link. Changes are made by journey-builder.js.
const one = (selector, from = document) => from.querySelector(selector);
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const LEAST = 0.3, MOST = 1.5, FAR = 0.65;
const root = document.documentElement.classList;
const canvas = () => one("#canvas");
let scale = 1;

// What was chosen lives outside of the part that the server swaps: in a style sheet of our own (inline
// styles are refused by the policy, also where htmx carries them over) and in classes of the root.
const sheet = new CSSStyleSheet();
document.adoptedStyleSheets.push(sheet);

const apply = () => {
  sheet.replaceSync(`#zoom { zoom: ${scale} }`);
  root.toggle("j-far", scale < FAR);
  one("#zoom-value").textContent = `${Math.round(scale * 100)} %`;
};
const centre = () => { const it = canvas(); it.scrollLeft = (it.scrollWidth - it.clientWidth) / 2; };
// The middle of what is seen stays in the middle.
const zoomTo = (value) => {
  const it = canvas(), wanted = Math.max(LEAST, Math.min(MOST, value)), by = wanted / scale;
  const x = (it.scrollLeft + it.clientWidth / 2) * by, y = (it.scrollTop + it.clientHeight / 2) * by;
  scale = wanted;
  apply();
  it.scrollTo(x - it.clientWidth / 2, y - it.clientHeight / 2);
};
const fit = () => {
  // Cards are smaller when they are far away, so a picture that has to shrink is measured a second time.
  scale = 1;
  apply();
  const it = canvas(), tree = one("#zoom");
  const room = () => Math.min(1, it.clientWidth / tree.scrollWidth, it.clientHeight / tree.scrollHeight);
  let wanted = room();
  if (wanted < FAR) {
    root.add("j-far");
    wanted = Math.min(FAR - 0.01, room());
  }
  scale = Math.max(LEAST, Math.floor(wanted * 50) / 50);
  apply();
  centre();
};

document.addEventListener("click", (event) => {
  const how = event.target.closest("[data-zoom]")?.dataset.zoom;
  if (how === "fit") fit();
  else if (how) zoomTo(scale + (how === "+" ? 0.1 : -0.1));
});
document.addEventListener("change", (event) => {
  if (event.target.id === "show-numbers") root.toggle("j-no-numbers", !event.target.checked);
});
addEventListener("wheel", (event) => {
  if (!event.ctrlKey || !event.target.closest?.("#canvas")) return;
  event.preventDefault();
  zoomTo(scale + (event.deltaY < 0 ? 0.1 : -0.1));
}, { passive: false });

// Drag the empty canvas to move it.
let pan = null;
addEventListener("pointerdown", (event) => {
  const it = event.target.closest?.("#canvas");
  if (it && event.pointerType === "mouse" && event.button === 0 && !event.target.closest(".j-card, .j-plus")) {
    pan = { it, x: event.clientX + it.scrollLeft, y: event.clientY + it.scrollTop };
  }
});
addEventListener("pointermove", (event) => { if (pan) pan.it.scrollTo(pan.x - event.clientX, pan.y - event.clientY); });
addEventListener("pointerup", () => { pan = null; });

// Up and down walk the cards in the order people pass them, left and right those beside it.
const beside = (card, isLeft) => {
  const middle = (it) => { const box = it.getBoundingClientRect(); return { x: box.x + box.width / 2, y: box.y + box.height / 2 }; };
  const from = middle(card);
  const away = (it) => { const to = middle(it); return Math.abs(to.x - from.x) + 2 * Math.abs(to.y - from.y); };
  const there = all(".j-open").filter((it) => { const by = middle(it).x - from.x; return isLeft ? by < -40 : by > 40; });
  return there.sort((a, b) => away(a) - away(b))[0];
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const card = event.target.closest?.(".j-open");
  if (event.key.toLowerCase() === "f" && event.target.closest("#canvas")) fit();
  else if (event.key === "?" && !event.target.matches("input, textarea, select")) one("#j-keys").togglePopover();
  else if (card && event.key.startsWith("Arrow")) {
    const cards = all(".j-open"), at = cards.indexOf(card);
    const next = { ArrowDown: () => cards[at + 1], ArrowUp: () => cards[at - 1], ArrowLeft: () => beside(card, true), ArrowRight: () => beside(card, false) };
    event.preventDefault();
    next[event.key]()?.focus();
  }
});

// A new picture stands where the old one stood.
let kept = null;
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  if (event.detail.target.id === "zoom") kept = { left: canvas().scrollLeft, top: canvas().scrollTop };
});
document.addEventListener("htmx:afterSettle", () => {
  if (kept) canvas().scrollTo(kept.left, kept.top);
  kept = null;
});

// The chosen card comes into view; on phones above the panel, which covers the lower part.
const show = (card, how = "nearest") => {
  const panel = one("#panel");
  if (panel && !panel.hidden && getComputedStyle(panel).position === "fixed") {
    canvas().scrollTop += card.getBoundingClientRect().top - canvas().getBoundingClientRect().top - 12;
  } else card.scrollIntoView({ block: how, inline: how });
};

document.addEventListener("journey:show", (event) => show(event.target, event.detail ?? "nearest"));

one(".j-zoombar").hidden = false;
apply();
centre();
const chosen = one(".j-open[aria-current]");
if (chosen) show(chosen, "center");
