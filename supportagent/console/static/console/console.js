// What every page of the console needs: menus, countdowns, toasts, and honest answers from htmx.

// -- menus: [data-toggle="id"] opens and closes the element with that id -----------------------------
function setOpen(panel, open) {
  const isDrawer = panel.id === "sidebar";
  if (isDrawer) document.documentElement.classList.toggle("sidebar-open", open);
  else panel.hidden = !open;
  for (const button of document.querySelectorAll(`[data-toggle="${panel.id}"][aria-expanded]`)) {
    button.setAttribute("aria-expanded", String(open));
  }
  const scrim = document.querySelector(".scrim");
  if (isDrawer && scrim) scrim.hidden = !open;
}

const isOpen = (panel) =>
  panel.id === "sidebar" ? document.documentElement.classList.contains("sidebar-open") : !panel.hidden;

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-toggle]");
  if (button) {
    const panel = document.getElementById(button.dataset.toggle);
    setOpen(panel, !isOpen(panel));
    if (panel.id === "sidebar" && isOpen(panel)) panel.querySelector("a, button")?.focus();
    return;
  }
  const menu = document.getElementById("user-menu");
  if (menu && !menu.hidden && !event.target.closest(".user-menu")) setOpen(menu, false);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const button of document.querySelectorAll('[data-toggle][aria-expanded="true"]')) {
    setOpen(document.getElementById(button.dataset.toggle), false);
    button.focus();
  }
});

// -- forms: data-confirm-open shows a second step in place, data-once sends one time only -------------
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-once]");
  if (!form) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// -- countdowns, against the server's clock ----------------------------------------------------------
const offsets = new WeakMap(); // <time> -> server clock minus ours, from the moment we first saw it

function timeLeft(seconds, over = "expired") {
  if (seconds <= 0) return over;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
}

function tick() {
  for (const time of document.querySelectorAll("time[data-deadline]")) {
    const seen = offsets.get(time);
    if (!seen || seen.now !== time.dataset.now) {
      const server = time.dataset.now ? Date.parse(time.dataset.now) : Date.now();
      offsets.set(time, { now: time.dataset.now, by: server - Date.now() });
    }
    // Rounded up: "expired" must not be said while the server would still accept.
    const left = Math.ceil((Date.parse(time.dataset.deadline) - Date.now() - offsets.get(time).by) / 1000);
    time.textContent = timeLeft(left, time.dataset.over);
    time.dataset.urgency = left <= 0 ? "over" : left < 60 ? "high" : left < 300 ? "medium" : "low";
    if (left <= 0) expire(time);
  }
}

// At the deadline the server refuses; the buttons say so without waiting for that answer.
function expire(time) {
  const ends = time.closest("[data-expires]");
  // Within a request other clocks run too: only that of the end itself ends it.
  if (!ends || Date.parse(ends.dataset.expires) > Date.parse(time.dataset.deadline)) return;
  for (const control of ends.querySelectorAll("[data-needs-live]")) {
    control.disabled = true;
    delete control.dataset.wasEnabled;
  }
  if ("goneWhenOver" in ends.dataset) ends.hidden = true;
}

setInterval(tick, 1000);
tick();

// -- the minute: figures fetch themselves anew, but not for nobody ------------------------------------
const MINUTE = 60_000;
let told = Date.now();

function tellTheMinute() {
  if (document.visibilityState !== "visible" || Date.now() - told < MINUTE) return;
  told = Date.now();
  document.body.dispatchEvent(new CustomEvent("console:minute"));
}

setInterval(tellTheMinute, 1000);
document.addEventListener("visibilitychange", tellTheMinute);

// -- toasts ------------------------------------------------------------------------------------------
export function toast(text, kind = "info") {
  const item = document.createElement("p");
  item.className = `toast toast--${kind}`;
  item.textContent = text;
  document.getElementById("toasts").append(item);
  setTimeout(() => item.remove(), 6000);
}

// -- shut out: logged out elsewhere, or no longer allowed -------------------------------------------------
// Race: logging out shuts this page out before its own answer is here; a reload then would cut that answer off. A
// download also says that it leaves and stays, so the word of it does not hold for ever.
const LEAVING_MS = 10_000;
let leavingUntil = 0;
addEventListener("beforeunload", () => (leavingUntil = Date.now() + LEAVING_MS));

// The server answers with the log-in or the 403 page.
function askAgain() {
  const wait = leavingUntil - Date.now();
  if (wait > 0) setTimeout(askAgain, wait);
  else location.reload();
}
document.addEventListener("console:shut-out", askAgain); // live.js heard it from its socket

// -- htmx: a page fragment that failed is never swapped in; the old one stays and we say why ----------
const REASONS = {
  401: "You are logged out. Reload the page to log in.",
  403: "Your role does not allow this.",
  404: "This is no longer here, or not yours to see.",
  429: "Too many requests. Wait a moment.",
};

document.body.addEventListener("htmx:before:response", (event) => {
  const response = event.detail.ctx.response.raw;
  if (response.redirected && new URL(response.url).pathname.startsWith("/admin/login/")) {
    event.preventDefault();
    askAgain();
  }
});
document.body.addEventListener("htmx:response:error", (event) => {
  const { status } = event.detail.ctx.response.raw ?? event.detail.ctx.response;
  const reason = REASONS[status] ?? (status >= 500 ? "The server could not answer. Nothing was changed here." : "");
  if (reason) toast(reason, "danger");
});
document.body.addEventListener("htmx:after:swap", tick);
