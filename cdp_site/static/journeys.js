// The canvas of a journey: zoom, pan, keys, and standing still while the server swaps it. Without this
// file the canvas scrolls and every card is a link.
(() => {
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const LEAST = 0.3, MOST = 1.5, FAR = 0.65;
  const root = document.documentElement.classList;
  let scale = 1, kept = null;

  // What was chosen lives outside of the part that the server swaps: in a style sheet of our own (inline
  // styles are refused by the policy, also where htmx carries them over) and in classes of the root.
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);

  const canvas = () => one("#canvas");
  const apply = () => {
    sheet.replaceSync(`#zoom { zoom: ${scale} }`);
    root.toggle("j-far", scale < FAR);
    const shown = one("#zoom-value");
    if (shown) shown.textContent = `${Math.round(scale * 100)} %`;
  };
  const centre = () => { const it = canvas(); if (it) it.scrollLeft = (it.scrollWidth - it.clientWidth) / 2; };
  const zoomTo = (value) => { scale = Math.max(LEAST, Math.min(MOST, value)); apply(); centre(); };
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
    zoomTo(Math.floor(wanted * 50) / 50);
  };

  const begin = () => {
    if (!canvas()) return;
    all(".j-zoombar[hidden]").forEach((bar) => { bar.hidden = false; });
    apply();
    const numbers = one("#show-numbers");
    if (numbers) numbers.checked = !root.contains("j-no-numbers");
    if (kept) { canvas().scrollTo(kept.left, kept.top); kept = null; } else centre();
    const chosen = one(".j-card[aria-current]"), panel = one("#panel");
    // On phones the panel covers the lower part: bring the chosen card above it.
    if (chosen && panel && getComputedStyle(panel).position === "fixed") {
      canvas().scrollTop += chosen.getBoundingClientRect().top - canvas().getBoundingClientRect().top - 12;
    }
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
    if (it && event.pointerType === "mouse" && event.button === 0 && !event.target.closest(".j-card")) {
      pan = { it, x: event.clientX + it.scrollLeft, y: event.clientY + it.scrollTop };
    }
  });
  addEventListener("pointermove", (event) => { if (pan) pan.it.scrollTo(pan.x - event.clientX, pan.y - event.clientY); });
  addEventListener("pointerup", () => { pan = null; });

  // Keys: arrows walk the cards, F shows all of it while the canvas has the focus, Escape closes the panel.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !canvas()) return;
    const cards = all(".j-card"), at = cards.indexOf(event.target.closest?.(".j-card"));
    if (event.key === "Escape" && one("#panel") && !event.target.closest(".find")) one("[data-close]").click();
    else if (event.key.toLowerCase() === "f" && event.target.closest("#canvas")) fit();
    else if (at >= 0 && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      cards[at + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
    }
  });

  // The server swaps the whole journey: keep the place, and give the focus back to the card on closing.
  let back = "";
  document.addEventListener("htmx:beforeRequest", (event) => { back = event.target.dataset?.close ?? ""; });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "journey" && canvas()) kept = { left: canvas().scrollLeft, top: canvas().scrollTop };
  });
  document.addEventListener("htmx:afterSettle", () => {
    begin();
    if (back) document.getElementById(back)?.focus({ preventScroll: true });
    back = "";
  });
  document.addEventListener("DOMContentLoaded", begin);
  if (document.readyState !== "loading") begin();
})();
