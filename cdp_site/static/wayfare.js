/*! Wayfare, Apache-2.0. <script async src="https://…/wayfare.js" data-key="WRITE KEY"></script>
  window.wayfare: page([name], [properties]) · track(event, [properties]) · identify([userId], [traits]) ·
  consent(true | false | {category: true | false}) · reset() · flush(). Before this file is there, push calls:
  (window.wayfare = window.wayfare || []).push(["track", "Plan Chosen", {plan: "pro"}]);
  Attributes: data-host (default: where this file comes from), data-pages="off" (no automatic page calls).
  Until consent is granted nothing is stored on the device: the id lives as long as the page. */
(() => {
  "use strict";
  const script = document.currentScript || document.querySelector('script[data-key][src*="wayfare.js"]');
  const waiting = Array.isArray(window.wayfare) ? window.wayfare : [];
  if (!script || (window.wayfare && !Array.isArray(window.wayfare))) return; // pasted twice: the first one works
  const key = script.dataset.key;
  const host = (script.dataset.host || new URL(script.src).origin).replace(/\/+$/, "");
  if (!key) { console.warn("wayfare.js: data-key is missing, nothing is sent."); return; }

  const STORE = "wayfare", COOKIE = "wayfare_id", YEAR = 31536000;
  const MOST_WAITING = 200, MOST_AT_ONCE = 20, MOST_BYTES = 60000; // browsers cap what may outlive a page at 64 KB
  const FIRST_RETRY = 1000, LAST_RETRY = 60000, TOGETHER = 30;

  const uuid = () => {
    if (crypto.randomUUID) return crypto.randomUUID(); // only where the page is secure
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64; bytes[8] = (bytes[8] & 63) | 128;
    return [...bytes].map((byte, at) => ([4, 6, 8, 10].includes(at) ? "-" : "") + byte.toString(16).padStart(2, "0")).join("");
  };

  // What is remembered. Reading finds nothing unless consent was granted before: only then is anything written.
  const read = () => {
    try { return JSON.parse(localStorage.getItem(STORE)) || {}; } catch { return {}; }
  };
  const cookie = () => (document.cookie.match(/(?:^|; )wayfare_id=([\w-]{1,64})/) || [])[1];
  const kept = read();
  const state = {
    anonymousId: cookie() || kept.anonymousId || uuid(),
    userId: kept.userId || null,
    consent: kept.consent || null,
    queue: kept.queue || [],
  };
  const isGranted = () => !!(state.consent && state.consent.analytics);
  const setCookie = (value, age) => {
    document.cookie = `${COOKIE}=${value}; path=/; max-age=${age}; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  };
  const save = () => {
    if (!isGranted()) return;
    setCookie(state.anonymousId, YEAR);
    try { localStorage.setItem(STORE, JSON.stringify(state)); } catch { /* full or forbidden: the cookie is left */ }
  };
  const forget = () => {
    setCookie("", 0);
    try { localStorage.removeItem(STORE); } catch { /* forbidden: then nothing is there */ }
  };

  // Messages wait here until the server has them; a repeated one keeps its messageId and counts once.
  let timer = 0, delay = FIRST_RETRY, isSending = false, isHeldUp = false, isLeaving = false;
  const batch = () => {
    const messages = [];
    let bytes = 200;
    for (const message of state.queue.slice(0, MOST_AT_ONCE)) {
      bytes += new Blob([JSON.stringify(message)]).size + 1;
      if (messages.length && bytes > MOST_BYTES) break;
      messages.push(message);
    }
    return messages;
  };
  const packed = (messages) => JSON.stringify({ batch: messages, sentAt: new Date().toISOString(), writeKey: key });
  const settle = (messages) => {
    const ids = new Set(messages.map((message) => message.messageId));
    state.queue = state.queue.filter((message) => !ids.has(message.messageId));
    save();
  };
  const later = (milliseconds) => { clearTimeout(timer); timer = setTimeout(flush, milliseconds); };
  const retry = (seconds) => {
    isHeldUp = true; // new messages wait with the others
    later(seconds ? seconds * 1000 : delay * (0.75 + Math.random() / 2));
    delay = Math.min(delay * 2, LAST_RETRY);
  };
  const flush = async () => {
    if (isSending || !state.queue.length) return;
    isSending = true;
    const messages = batch();
    try {
      // A text body makes it a simple request: no preflight, also where the shop is on another site.
      const response = await fetch(`${host}/v1/batch`, { method: "POST", body: packed(messages), headers: { "Content-Type": "text/plain" }, keepalive: true, credentials: "omit" });
      if (response.status >= 500 || response.status === 429 || response.status === 408) {
        retry(Number(response.headers.get("Retry-After")));
      } else { // taken, or refused for good
        delay = FIRST_RETRY;
        isHeldUp = false;
        settle(messages);
        if (state.queue.length) later(0);
      }
    } catch { retry(); } finally { isSending = false; }
  };
  const leave = () => {
    isLeaving = true;
    while (state.queue.length) {
      const messages = batch();
      if (!navigator.sendBeacon(`${host}/beacon/v1/batch?writeKey=${encodeURIComponent(key)}`, new Blob([packed(messages)], { type: "text/plain" }))) break;
      settle(messages);
    }
    save();
  };

  const pageNow = () => ({ path: location.pathname, referrer: came, search: location.search, title: document.title, url: location.href });
  const campaign = () => {
    const found = {};
    new URLSearchParams(location.search).forEach((value, name) => {
      if (name.startsWith("utm_") && value) found[name === "utm_campaign" ? "name" : name.slice(4)] = value;
    });
    return found;
  };
  const context = () => {
    const tags = campaign();
    return {
      library: { name: "wayfare.js", version: "1" },
      page: pageNow(), userAgent: navigator.userAgent, locale: navigator.language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      screen: { width: screen.width, height: screen.height, density: devicePixelRatio },
      ...(Object.keys(tags).length && { campaign: tags }),
      ...(state.consent && { consent: { categoryPreferences: state.consent } }),
    };
  };
  const send = (message) => {
    state.queue.push({ messageId: `wf-${uuid()}`, timestamp: new Date().toISOString(), anonymousId: state.anonymousId, ...(state.userId && { userId: state.userId }), ...message, context: context() });
    if (state.queue.length > MOST_WAITING) state.queue.shift();
    save();
    if (isLeaving) leave(); else if (!isSending && !isHeldUp) later(TOGETHER);
  };

  const calls = {
    page(name, properties) {
      if (name && typeof name === "object") [name, properties] = [null, name];
      send({ type: "page", ...(name && { name }), properties: { ...pageNow(), ...properties } });
    },
    track(event, properties) { send({ type: "track", event, properties: properties || {} }); },
    identify(userId, traits) {
      if (userId && typeof userId === "object") [userId, traits] = [null, userId];
      if (userId !== null && userId !== undefined && userId !== "") state.userId = String(userId);
      send({ type: "identify", traits: traits || {} });
    },
    consent(choice) {
      const said = choice && typeof choice === "object" ? choice : { analytics: choice === true || choice === "yes" || choice === "granted" };
      state.consent = { ...state.consent, ...said };
      send({ type: "track", event: "Consent Updated", properties: {} }); // the context tells the choice
      if (!isGranted()) { forget(); state.anonymousId = uuid(); }
    },
    reset() { // whether the device may be remembered stays; what the last person agreed to is not the next one's
      forget();
      state.anonymousId = uuid();
      state.userId = null;
      state.consent = state.consent && { analytics: isGranted() };
      save();
    },
    flush,
    anonymousId: () => state.anonymousId,
    push: ([name, ...values]) => calls[name](...values),
  };
  window.wayfare = calls;

  let came = document.referrer, shown = location.href;
  const moved = () => setTimeout(() => { // the page sets its new title first
    if (location.href.split("#")[0] === shown.split("#")[0]) return;
    [came, shown] = [shown, location.href];
    calls.page();
  });
  if (script.dataset.pages !== "off") {
    for (const name of ["pushState", "replaceState"]) {
      const own = history[name];
      history[name] = function (...values) { own.apply(this, values); moved(); };
    }
    addEventListener("popstate", moved);
  }
  addEventListener("online", flush);
  addEventListener("pageshow", () => { isLeaving = false; });
  addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") leave(); else isLeaving = false; });

  if (script.dataset.pages !== "off") calls.page();
  waiting.forEach(calls.push);
})();
