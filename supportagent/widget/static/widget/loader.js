/* The embeddable loader: a launcher and an iframe in a shadow root. The chat itself runs in the iframe. */
(() => {
  "use strict";
  if (window.SupportAgent && window.SupportAgent.isLoaded) return;

  const script = document.currentScript;
  const ORIGIN = new URL(script.src).origin;
  const CALLBACKS = ["onReady", "onShow", "onHide", "onUnreadCountChange", "onMessage", "onError"];
  const narrow = window.matchMedia("(max-width: 480px)");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const ICON_CHAT =
    "M12 3c5 0 9 3.4 9 7.7s-4 7.7-9 7.7c-.9 0-1.700-.1-2.500-.3L5.300 20.600c-.4.200-.8-.1-.7-.5l.5-3.500C3.800 15.200 3 13.100 3 10.700 3 6.400 7 3 12 3Z";
  const ICON_CLOSE = "M6 9.500l6 6 6-6";
  const CSS = `
    :host { color-scheme: light; }
    * { box-sizing: border-box; }
    .launcher {
      position: fixed; bottom: var(--sa-y); width: 56px; height: 56px; padding: 0; border: 0;
      border-radius: 50%; background: var(--sa-accent); color: var(--sa-on-accent); cursor: pointer;
      display: grid; place-items: center; touch-action: manipulation; -webkit-tap-highlight-color: transparent;
      box-shadow: 0 1px 3px rgb(0 0 0 / .16), 0 8px 24px rgb(0 0 0 / .20); transition: transform .18s ease, box-shadow .18s ease;
    }
    .launcher:hover { transform: translateY(-1px) scale(1.03); box-shadow: 0 2px 6px rgb(0 0 0 / .2), 0 12px 32px rgb(0 0 0 / .24); }
    .launcher:active { transform: scale(.96); }
    .launcher:focus-visible { outline: 3px solid var(--sa-accent); outline-offset: 3px; box-shadow: 0 0 0 3px #fff; }
    .launcher svg { grid-area: 1 / 1; width: 28px; height: 28px; transition: opacity .16s, transform .2s; }
    .launcher .close, .launcher[aria-expanded=true] .chat { opacity: 0; transform: rotate(-30deg) scale(.7); }
    .launcher[aria-expanded=true] .close { opacity: 1; transform: none; }
    .badge {
      position: absolute; top: -3px; inset-inline-end: -3px; min-width: 20px; height: 20px; padding: 0 6px; border-radius: 10px;
      background: #c81e3a; color: #fff; font: 600 12px/20px system-ui, sans-serif; text-align: center; box-shadow: 0 0 0 2px #fff;
    }
    .panel {
      position: fixed; bottom: calc(var(--sa-y) + 72px); width: 400px; height: min(680px, calc(100vh - var(--sa-y) - 96px));
      height: min(680px, calc(100dvh - var(--sa-y) - 96px)); border-radius: 18px; overflow: hidden; background: var(--sa-surface);
      box-shadow: 0 0 0 1px var(--sa-line), 0 12px 48px rgb(0 0 0 / .22); transform-origin: bottom var(--sa-side-name);
      animation: sa-in .2s cubic-bezier(.2,.8,.3,1);
    }
    .launcher, .panel { z-index: 1; }
    :host([data-side=right]) :is(.launcher, .panel) { right: var(--sa-x); }
    :host([data-side=left]) :is(.launcher, .panel) { left: var(--sa-x); }
    [hidden] { display: none !important; }
    iframe { display: block; width: 100%; height: 100%; border: 0; background: var(--sa-surface); }
    @keyframes sa-in { from { opacity: 0; transform: translateY(12px) scale(.98); } }
    @media (max-width: 480px) {
      .panel { inset: 0 !important; width: 100%; height: 100%; height: 100dvh; border-radius: 0; }
      .launcher[aria-expanded=true] { display: none; }
    }
    @media (prefers-reduced-motion: reduce) { *, *::before { animation: none !important; transition: none !important; } }
  `;

  let settings = {};
  let ui = null; // {host, launcher, badge, panel, frame, nonce}
  let isFrameReady = false;
  let isOpen = false;
  let unread = 0;
  let visitorId = "";
  let bootAfterEnd = null; // settings of a boot() that came while shutdown() was still clearing up
  const waiting = []; // messages for a frame that is not ready yet
  const listeners = Object.fromEntries(CALLBACKS.map((name) => [name, []]));

  // -- the interface ------------------------------------------------------------------------------

  const api = {
    boot(given) {
      if (ui?.isEnding) return void (bootAfterEnd = given);
      if (ui) return api.update(given);
      settings = { ...fromTag(), ...window.supportAgentSettings, ...given };
      if (!settings.app_id) return warn("boot needs an app_id");
      build();
      whenIdle(ensureFrame);
    },
    update(given) {
      if (!ui) return warn("update came before boot");
      settings = { ...settings, ...given };
      applySettings();
      send("update", { settings: forFrame() });
    },
    show() {
      if (!ui || isOpen) return;
      setOpen(true);
      emit("onShow");
    },
    hide() {
      if (!ui || !isOpen) return;
      setOpen(false);
      emit("onHide");
    },
    toggle() {
      return isOpen ? api.hide() : api.show();
    },
    showNewMessage(text) {
      api.show();
      send("compose", { text: String(text ?? "") });
    },
    shutdown() {
      if (!ui || ui.isEnding) return;
      if (isOpen) setOpen(false);
      ensureFrame();
      send("shutdown", {});
      const ending = ui;
      ending.isEnding = true;
      ending.host.style.setProperty("display", "none", "important");
      setTimeout(() => remove(ending), 3000); // a frame that never answers
    },
    getVisitorId: () => visitorId,
  };
  for (const name of CALLBACKS) {
    api[name] = (callback) => {
      if (typeof callback === "function") listeners[name].push(callback);
    };
  }

  function call(method, ...args) {
    if (Object.hasOwn(api, method)) return api[method](...args);
    warn(`unknown method "${method}"`);
  }

  // -- building the launcher and the panel -----------------------------------------------------------

  function build() {
    const host = document.createElement("div");
    host.id = "support-agent";
    const root = host.attachShadow({ mode: "open" });
    addStyle(root);
    const launcher = element("button", { class: "launcher", type: "button", "aria-haspopup": "dialog" });
    const badge = element("span", { class: "badge", "aria-hidden": "true" });
    launcher.append(icon("chat", ICON_CHAT, true), icon("close", ICON_CLOSE, false), badge);
    const panel = element("div", { class: "panel", role: "dialog", "aria-label": "Customer chat" });
    panel.hidden = true;
    root.append(panel, launcher);
    launcher.addEventListener("click", api.toggle);
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && isOpen) api.hide();
    });
    ui = { host, root, launcher, badge, panel, frame: null, nonce: newNonce() };
    applySettings();
    showUnread();
    // Beside <body>, not in it: frameworks that swap the body would reload the iframe.
    document.documentElement.append(host);
    guard.observe(document.documentElement, { childList: true });
  }

  const guard = new MutationObserver(() => {
    if (ui && !ui.host.isConnected) document.documentElement.append(ui.host);
  });

  function addStyle(root) {
    // A constructed sheet is not inline style, so the shop's own content security policy has no say.
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
      root.adoptedStyleSheets = [sheet];
    } catch {
      const style = document.createElement("style");
      style.textContent = CSS;
      root.append(style);
    }
  }

  function applySettings() {
    const { style, dataset } = ui.host;
    const set = (name, value) => style.setProperty(name, value, "important");
    set("all", "initial");
    set("display", "block");
    set("position", "fixed");
    set("inset", "auto auto 0 0");
    set("width", "0");
    set("height", "0");
    set("z-index", String(Number(settings.z_index) || 2147483000));
    dataset.side = settings.alignment === "left" ? "left" : "right";
    const accent = /^#[0-9a-f]{6}$/i.test(settings.accent ?? "") ? settings.accent : "#1f5f5b";
    set("--sa-accent", accent);
    set("--sa-on-accent", readableOn(accent));
    set("--sa-x", pixels(settings.horizontal_padding));
    set("--sa-y", pixels(settings.vertical_padding));
    set("--sa-side-name", dataset.side);
    set("--sa-surface", theme() === "dark" ? "#16181b" : "#ffffff");
    set("--sa-line", theme() === "dark" ? "rgb(255 255 255 / .13)" : "rgb(0 0 0 / .07)");
    ui.launcher.hidden = Boolean(settings.hide_default_launcher);
  }

  function ensureFrame() {
    if (!ui || ui.frame) return;
    const frame = element("iframe", { title: "Customer chat", allow: "" });
    const key = `${ui.nonce}~${encodeURIComponent(window.location.origin)}`;
    frame.src = `${ORIGIN}/widget/frame/${encodeURIComponent(settings.app_id)}/#${key}`;
    ui.frame = frame;
    ui.panel.append(frame);
  }

  function setOpen(open) {
    isOpen = open;
    ensureFrame();
    ui.panel.hidden = !open;
    ui.launcher.setAttribute("aria-expanded", String(open));
    setModal();
    send(open ? "opened" : "closed", {});
    if (open) ui.frame.focus();
    else if (!ui.launcher.hidden) ui.launcher.focus({ preventScroll: true });
    showUnread();
  }

  function setModal() {
    const isModal = isOpen && narrow.matches;
    if (isModal) ui.panel.setAttribute("aria-modal", "true");
    else ui.panel.removeAttribute("aria-modal");
    if (document.body) document.body.inert = isModal;
  }

  function showUnread() {
    ui.badge.hidden = unread === 0 || isOpen;
    ui.badge.textContent = unread > 9 ? "9+" : String(unread);
    const name = isOpen ? "Close chat" : unread ? `Open chat, ${unread} unread` : "Open chat";
    ui.launcher.setAttribute("aria-label", name);
    ui.launcher.setAttribute("aria-expanded", String(isOpen));
  }

  function remove(target) {
    target.host.remove();
    if (ui !== target) return;
    guard.disconnect();
    ui = null;
    isFrameReady = false;
    unread = 0;
    visitorId = "";
    waiting.length = 0;
    settings = {};
    const again = bootAfterEnd;
    bootAfterEnd = null;
    if (again) api.boot(again);
  }

  // -- talking with the frame ------------------------------------------------------------------------

  function send(type, content) {
    if (!isFrameReady) return void waiting.push([type, content]);
    const message = { source: "support-agent", nonce: ui.nonce, type, ...content };
    ui.frame.contentWindow.postMessage(message, ORIGIN);
  }

  window.addEventListener("message", (event) => {
    const data = event.data;
    if (!ui?.frame || event.origin !== ORIGIN || event.source !== ui.frame.contentWindow) return;
    if (!data || data.source !== "support-agent-frame" || data.nonce !== ui.nonce) return;
    fromFrame[data.type]?.(data);
  });

  const fromFrame = {
    ready() {
      isFrameReady = true;
      send("init", { settings: forFrame(), isOpen });
      for (const [type, content] of waiting.splice(0)) send(type, content);
      emit("onReady");
    },
    visitor({ id }) {
      visitorId = id;
    },
    close: api.hide,
    unread({ count }) {
      if (count === unread) return;
      unread = count;
      showUnread();
      emit("onUnreadCountChange", count);
    },
    message: ({ kind, seq }) => emit("onMessage", { kind, seq }),
    error: ({ code }) => emit("onError", code),
    ended: () => remove(ui),
  };

  function forFrame() {
    const { user_jwt, language, accent } = settings;
    return { user_jwt, language, accent, theme: theme() };
  }

  // -- small things ------------------------------------------------------------------------------------

  function emit(name, detail) {
    for (const callback of listeners[name]) {
      try {
        callback(detail);
      } catch (error) {
        console.error(error);
      }
    }
    const event = name.slice(2).replace(/[A-Z]/g, (letter, at) => (at ? "-" : "") + letter.toLowerCase());
    window.dispatchEvent(new CustomEvent(`supportagent:${event}`, { detail }));
  }

  function fromTag() {
    const given = {};
    for (const [name, value] of Object.entries(script.dataset)) {
      given[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = value;
    }
    return given;
  }

  function theme() {
    if (settings.theme === "light" || settings.theme === "dark") return settings.theme;
    return dark.matches ? "dark" : "light";
  }

  function readableOn(hex) {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const part = parseInt(hex.slice(at, at + 2), 16) / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#111418" : "#ffffff";
  }

  function element(name, attributes) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  function icon(name, path, isFilled) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const drawn = document.createElementNS("http://www.w3.org/2000/svg", "path");
    drawn.setAttribute("d", path);
    const paint = { fill: isFilled ? "currentColor" : "none", stroke: isFilled ? "none" : "currentColor" };
    const shape = { "stroke-width": "2.2", "stroke-linecap": "round", "stroke-linejoin": "round" };
    for (const [key, value] of Object.entries({ ...paint, ...shape })) drawn.setAttribute(key, value);
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("class", name);
    svg.append(drawn);
    return svg;
  }

  function newNonce() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function pixels(value) {
    return `${Math.max(0, Math.min(400, Number(value ?? 20) || 0))}px`;
  }

  function whenIdle(work) {
    const later = () => (window.requestIdleCallback ? requestIdleCallback(work, { timeout: 2000 }) : setTimeout(work, 200));
    if (document.readyState === "complete") later();
    else window.addEventListener("load", later, { once: true });
  }

  function warn(text) {
    console.warn(`SupportAgent: ${text}`);
  }

  narrow.addEventListener("change", () => ui && setModal());
  dark.addEventListener("change", () => ui && api.update({}));
  document.addEventListener("click", (event) => {
    const selector = settings.custom_launcher_selector;
    if (!ui || !selector || !(event.target instanceof Element) || !event.target.closest(selector)) return;
    event.preventDefault();
    api.toggle();
  });

  // Calls made before this script arrived wait in `q`; boot comes first, whatever their order.
  const queued = (window.SupportAgent && window.SupportAgent.q) || [];
  window.SupportAgent = call;
  window.SupportAgent.isLoaded = true;
  const calls = Array.from(queued, (args) => Array.from(args));
  const boot = calls.findIndex(([method]) => method === "boot");
  const wantsBoot = boot < 0 && (script.dataset.appId || window.supportAgentSettings?.app_id);
  if (wantsBoot) call("boot", {});
  else if (boot >= 0) call(...calls.splice(boot, 1)[0]);
  for (const args of calls) call(...args);
})();
