// Keeps the page true: `data-live-url` names a socket that says "something changed", and every element
// with hx-trigger="live:changed from:body" then fetches itself again. The socket carries no content.
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 4_000; // A page must be true again within seconds of the server coming back.
const HEARTBEAT_MS = 25_000;
const SEEN_MS = 25_000; // How often a page that asks for it says that somebody has it before them.
const ANSWER_MS = 10_000;
const OFFLINE_AFTER_MS = 1_500; // A blink of the network is not worth a banner.
const COALESCE_MS = 80;
const FINAL_CODES = new Set([4401, 4403]); // Logged out, or no longer allowed: trying again cannot help.

const banner = document.getElementById("offline-banner");
let isOffline = false;
let offlineTimer = 0;
let changedTimer = 0;

class Live {
  constructor({ liveUrl, liveSeen }) {
    this.url = new URL(liveUrl, location.href);
    this.url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.failures = 0;
    this.isReady = false;
    this.open();
    if (liveSeen !== undefined) setInterval(() => this.tellSeen(), SEEN_MS);
  }

  // `data-live-seen`: what is hidden behind another tab is not looked at.
  tellSeen() {
    if (this.isReady && document.visibilityState === "visible") this.socket.send('{"type":"seen"}');
  }

  open() {
    clearTimeout(this.retryTimer);
    const socket = (this.socket = new WebSocket(this.url));
    this.silence = setTimeout(() => this.drop(socket), ANSWER_MS);
    socket.onmessage = (event) => socket === this.socket && this.hear(JSON.parse(event.data));
    socket.onclose = (event) => socket === this.socket && this.lose(event.code);
  }

  hear(frame) {
    clearTimeout(this.silence);
    clearTimeout(this.heartbeat);
    this.heartbeat = setTimeout(() => this.ping(), HEARTBEAT_MS);
    if (frame.type === "ready") {
      this.isReady = true;
      this.failures = 0;
      showState();
      announce({ what: "*" }); // Whatever happened while we were not listening.
    } else if (frame.type === "changed") {
      announce(frame);
    }
  }

  ping() {
    clearTimeout(this.silence);
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send('{"type":"ping"}');
    this.silence = setTimeout(() => this.drop(this.socket), ANSWER_MS);
  }

  // A half-open connection reports nothing for minutes, so silence counts as loss.
  drop(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    socket.close();
    this.lose(1006);
  }

  lose(code) {
    clearTimeout(this.silence);
    clearTimeout(this.heartbeat);
    this.socket = null;
    this.isReady = false;
    showState();
    if (FINAL_CODES.has(code)) return void document.dispatchEvent(new Event("console:shut-out"));
    const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.failures++);
    this.retryTimer = setTimeout(() => this.open(), ceiling * (0.5 + Math.random() / 2));
  }
}

const sockets = [...document.querySelectorAll("[data-live-url]")].map((el) => new Live(el.dataset));

function announce(detail) {
  clearTimeout(changedTimer);
  changedTimer = setTimeout(() => {
    document.body.dispatchEvent(new CustomEvent("live:changed", { detail }));
  }, COALESCE_MS);
}

function showState() {
  const connected = navigator.onLine && sockets.every((live) => live.isReady);
  if (connected) {
    clearTimeout(offlineTimer);
    offlineTimer = 0;
    setOffline(false);
  } else if (!offlineTimer) {
    offlineTimer = setTimeout(() => setOffline(true), navigator.onLine ? OFFLINE_AFTER_MS : 0);
  }
}

function setOffline(offline) {
  if (offline && !isOffline) {
    const time = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    banner.querySelector("[data-offline-since]").textContent = `${banner.dataset.asOf} ${time}`;
  }
  isOffline = offline;
  banner.hidden = !offline;
  for (const control of document.querySelectorAll("[data-needs-live]")) {
    if (offline && !control.disabled) {
      control.disabled = true;
      control.dataset.wasEnabled = "";
    } else if (!offline && "wasEnabled" in control.dataset) {
      control.disabled = false;
      delete control.dataset.wasEnabled;
    }
  }
}

addEventListener("offline", () => {
  clearTimeout(offlineTimer);
  offlineTimer = 0;
  showState();
});
addEventListener("online", () => {
  for (const live of sockets) {
    if (live.socket === null) live.open();
    else if (live.isReady) live.ping(); // The connection may have died with the network.
  }
  announce({ what: "*" });
  showState();
});
document.body.addEventListener("htmx:after:swap", () => isOffline && setOffline(true));
if (sockets.length) showState();
