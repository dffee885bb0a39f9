// Everything that is not a message: who is at work, what waits for a decision, banners, the screen reader's voice.

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const HOLDERS = {
  assistant: null,
  queue: "Connecting you to a person. You can keep writing here.",
  person: "You are talking with a person from our team.",
};

export class Status {
  constructor(find, expectation) {
    this.working = find("working");
    this.pending = find("pending");
    this.pendingTemplate = find("pending-card");
    this.holder = find("holder");
    this.subtitle = find("subtitle");
    this.banner = find("banner");
    this.announcer = find("announcer");
    this.expectation = expectation;
    this.progress = "idle";
  }

  show({ progress, pending, held_by: holder }) {
    this.showProgress(holder === "assistant" ? progress : "idle");
    this.#showHolder(holder);
    this.#showPending(pending);
  }

  showProgress(progress) {
    if (progress === this.progress) return;
    this.progress = progress;
    this.working.hidden = progress !== "working";
    if (progress === "working") this.announce("Assistant is writing");
  }

  /** One banner at a time: being offline matters more than being a guest. */
  showBanner(kind, text) {
    this.banners = { ...this.banners, [kind]: text };
    const shown = this.banners.offline || this.banners.limit || this.banners.identity || "";
    this.banner.textContent = shown;
    this.banner.hidden = !shown;
  }

  /** Whole sentences only, each once: the log itself is not live. */
  announce(text) {
    this.announcer.textContent = text;
  }

  #showHolder(holder) {
    if (holder === this.shownHolder) return;
    const isFirst = this.shownHolder === undefined;
    this.shownHolder = holder;
    this.holder.textContent = HOLDERS[holder] ?? "";
    this.holder.hidden = !HOLDERS[holder];
    this.holder.dataset.holder = holder;
    this.subtitle.textContent = holder === "person" ? "A person from our team" : `AI assistant · ${this.expectation}`;
    if (HOLDERS[holder] && !isFirst) this.announce(HOLDERS[holder]);
  }

  #showPending(requests) {
    const key = requests.map((request) => request.reference).join();
    if (key === this.shownPending) return;
    this.shownPending = key;
    this.pending.replaceChildren(...requests.map((request) => this.#card(request)));
    this.pending.hidden = requests.length === 0;
  }

  #card({ text, requested_at: at, reference }) {
    const card = this.pendingTemplate.content.firstElementChild.cloneNode(true);
    card.dataset.reference = reference;
    card.querySelector(".what").textContent = text;
    card.querySelector(".when").textContent = `Requested ${clock.format(new Date(at))}. You can go on chatting.`;
    return card;
  }
}
