/* The shop tells what happens in it through the snippet (window.wayfare); the panel beside the shelf keeps
   its own count of how far the story is, in this browser alone. */
(() => {
  "use strict";
  const KEPT = "story";
  const told = JSON.parse(document.body.dataset.story); // where the product and the CRM are, seconds to order
  const one = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const wayfare = (...call) => (window.wayfare = window.wayfare || []).push(call);

  let story = {};
  try { story = JSON.parse(localStorage.getItem(KEPT)) || {}; } catch { /* unreadable: a new story */ }
  story = { views: {}, ...story };
  const keep = () => localStorage.setItem(KEPT, JSON.stringify(story));

  const mostViews = () => Math.max(0, ...Object.values(story.views));
  const began = () => story.third && story.registered && story.consent;
  const secondsLeft = () => Math.ceil((Math.max(story.third, story.registered) + told.seconds * 1000 - Date.now()) / 1000);

  const steps = () => ({
    asked: story.asked,
    visits: mostViews() >= 3,
    registered: story.registered,
    mailed: story.mailed,
    decided: story.ordered || (began() && secondsLeft() <= 0),
    seen: story.seen,
  });
  const show = () => {
    const done = steps();
    const now = Object.keys(done).find((step) => !done[step]);
    for (const item of all("[data-step]")) {
      item.classList.toggle("done", !!done[item.dataset.step]);
      item.classList.toggle("now", item.dataset.step === now);
    }
    one("[data-views]").textContent = Math.min(3, mostViews());
    one("[data-banner]").hidden = !!story.asked;
    for (const link of all("[data-guest]")) link.hidden = !!story.registered;
    const hello = one("[data-hello]");
    hello.hidden = !story.registered;
    hello.textContent = story.name || "";
    const isOpen = began() && !story.ordered && secondsLeft() > 0;
    one("[data-left]").hidden = !isOpen;
    if (isOpen) one("[data-seconds]").textContent = secondsLeft();
    const places = {
      mails: `${told.product}/deliveries/?channel=email`,
      crm: told.crm,
      profile: `${told.product}/people/?q=${encodeURIComponent(story.email || "")}`,
    };
    for (const link of all("[data-to]")) link.href = places[link.dataset.to];
  };

  const product = one("[data-product]");
  const view = () => {
    if (!product) { wayfare("page"); return; }
    const { name, price } = product.dataset;
    wayfare("page", name, { name, price: Number(price), currency: "EUR" });
    if (!story.asked) return; // not remembered yet: for the product this was somebody else
    story.views[location.pathname] = (story.views[location.pathname] || 0) + 1;
    if (story.views[location.pathname] === 3) story.third = story.third || Date.now();
    keep();
  };

  const answer = (isRemembered) => {
    wayfare("consent", isRemembered);
    story.asked = true;
    keep();
    if (isRemembered) view(); // the page they are on counts as the first they are known on
    show();
  };
  one("[data-agree]").addEventListener("click", () => answer(true));
  one("[data-refuse]").addEventListener("click", () => answer(false));

  one("[data-again]").addEventListener("click", () => {
    wayfare("reset");
    localStorage.removeItem(KEPT);
    location.href = "/";
  });
  for (const link of all("[data-to]")) {
    link.addEventListener("click", () => {
      if (link.dataset.to === "mails") story.mailed = true;
      if (link.dataset.to === "profile") story.seen = true;
      keep();
      show();
    });
  }

  const form = one("[data-register]");
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    const { name, email, consent } = form.elements;
    // First the consent, then the address: what waits for the address must know whether it may be used.
    wayfare("consent", { email_marketing: consent.checked });
    wayfare("identify", email.value.trim().toLowerCase(), { name: name.value, email: email.value });
    Object.assign(story, { registered: Date.now(), name: name.value, email: email.value, consent: consent.checked });
    keep();
    location.href = "/";
  });

  one("[data-order]")?.addEventListener("click", (event) => {
    const price = Number(product.dataset.price);
    wayfare("track", "Order Completed", {
      order_id: `L-${Date.now().toString(36).toUpperCase()}`,
      revenue: price,
      currency: "EUR",
      products: [{ sku: product.dataset.product, name: product.dataset.name, price }],
    });
    event.target.disabled = true;
    one("[data-ordered]").hidden = false;
    if (began()) story.ordered = true;
    keep();
    show();
  });

  if (story.asked) view(); else if (!product) wayfare("page");
  show();
  setInterval(show, 1000);
})();
