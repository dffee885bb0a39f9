// The visible conversation. Server messages are keyed by their number, unsent ones by their client id.

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const SPEAKERS = { customer: "You", agent: "Assistant", person: "Our team", event: "" };
const NEAR_BOTTOM_PX = 80;

export class Thread {
  constructor({ log, list, onRetry }) {
    Object.assign(this, { log, list, onRetry });
    this.clear();
  }

  clear() {
    this.list.replaceChildren();
    this.lastSeq = 0;
    this.lastDay = "";
    this.shown = new Set();
    this.local = new Map(); // client id -> element
  }

  /** Messages of one conversation start at 1 again: keep what is above, say where the new one begins. */
  startConversation() {
    if (this.list.childElementCount) this.list.append(divider("New conversation"));
    this.lastSeq = 0;
    this.shown.clear();
  }

  /** Add server messages in order; returns those that were new and not the customer's own. */
  add(messages) {
    const stick = this.isAtBottom();
    const news = [];
    for (const message of messages) {
      if (this.shown.has(message.seq)) continue;
      this.shown.add(message.seq);
      this.lastSeq = Math.max(this.lastSeq, message.seq);
      this.#place(message);
      if (message.kind !== "customer") news.push(message);
    }
    if (stick) this.scrollToEnd();
    return news;
  }

  addLocal({ id, body }) {
    const item = bubble({ kind: "customer", text: body, at: new Date().toISOString() });
    item.dataset.clientId = id;
    this.local.set(id, item);
    this.list.append(item);
    this.scrollToEnd();
  }

  /** `state` is sending, sent or failed; `note` replaces "Not sent" with the reason. */
  mark(id, state, note = "Not sent", canRetry = true) {
    const item = this.local.get(id);
    if (!item) return;
    item.dataset.state = state;
    const meta = item.querySelector(".meta");
    meta.replaceChildren(state === "sending" ? "Sending…" : state === "sent" ? "Sent" : `${note}`);
    if (state !== "failed" || !canRetry) return;
    const retry = make("button", "retry", "Retry");
    retry.type = "button";
    retry.addEventListener("click", () => this.onRetry(id));
    meta.append(" · ", retry);
  }

  isAtBottom() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_BOTTOM_PX;
  }

  scrollToEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }

  #place(message) {
    const day = new Date(message.at).toDateString();
    if (day !== this.lastDay) this.list.append(divider(dayName(message.at)));
    this.lastDay = day;
    const item = message.kind === "event" ? notice(message) : bubble(message);
    item.dataset.seq = message.seq;
    const own = message.client_message_id && this.local.get(message.client_message_id);
    if (own) {
      own.remove();
      this.local.delete(message.client_message_id);
    }
    // What the customer has not sent yet stays below what the server has.
    const [firstUnsent] = this.local.values();
    this.list.insertBefore(item, firstUnsent ?? null);
    group(item);
  }
}

function bubble(message) {
  const item = make("li", `message ${message.kind}`);
  const speaker = message.author || SPEAKERS[message.kind];
  item.append(make("h3", "hidden-text", `${speaker} said`));
  if (message.kind === "person") item.append(byline(speaker));
  const body = make("div", "bubble");
  if (message.html === undefined) body.append(message.text);
  else body.innerHTML = message.html; // rendered and sanitised by the server
  for (const link of body.querySelectorAll("a")) Object.assign(link, { target: "_blank", rel: "noopener noreferrer" });
  const time = make("time", "meta", clock.format(new Date(message.at)));
  time.dateTime = message.at;
  if (message.sources) body.append(make("p", "sources", `${message.sources.length > 1 ? "Sources" : "Source"}: ${message.sources.join(", ")}`));
  item.append(body, time);
  return item;
}

function byline(name) {
  const line = make("div", "byline");
  const face = make("span", "face", name.trim().charAt(0).toUpperCase());
  face.setAttribute("aria-hidden", "true");
  line.append(face, make("span", "name", name), make("span", "tag", "Person"));
  line.setAttribute("aria-hidden", "true");
  return line;
}

function notice(message) {
  const item = make("li", "event");
  item.innerHTML = message.html;
  return item;
}

function group(item) {
  const before = item.previousElementSibling;
  const isSame = before?.classList.contains("message") && before.className.split(" ")[1] === item.className.split(" ")[1];
  if (isSame && !item.classList.contains("event")) {
    item.classList.add("continued");
    before.classList.add("followed");
  }
}

function divider(text) {
  return make("li", "divider", text);
}

function dayName(at) {
  return new Date(at).toDateString() === new Date().toDateString() ? "Today" : calendar.format(new Date(at));
}

function make(name, className, text = "") {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
}
