// What the customer wrote and the server does not have yet. It survives a reload, keeps its order and its ids:
// sending one twice is harmless, because the server knows the id.

const MOST_WAITING = 20;

export class Outbox {
  constructor({ api, memory, thread, onSent, onTrouble }) {
    Object.assign(this, { api, memory, thread, onSent, onTrouble });
    this.isSending = false;
  }

  get entries() {
    return this.memory.get("outbox");
  }

  restore() {
    for (const entry of this.entries) {
      this.thread.addLocal(entry);
      this.thread.mark(entry.id, "failed");
    }
  }

  /** Keeps it until `flush` has sent it. Returns false when too much is waiting already. */
  add(body) {
    if (this.entries.length >= MOST_WAITING) return false;
    const entry = { id: newId(), body };
    this.memory.set("outbox", [...this.entries, entry]);
    this.thread.addLocal(entry);
    this.thread.mark(entry.id, "sending");
    return true;
  }

  /** Send what waits, in order. Does nothing before there is a session. */
  async flush() {
    if (this.isSending || !this.api.token) return;
    this.isSending = true;
    try {
      for (let entry = this.entries[0]; entry; entry = this.entries[0]) {
        if (!(await this.#send(entry))) break;
      }
    } finally {
      this.isSending = false;
    }
  }

  async #send(entry) {
    this.thread.mark(entry.id, "sending");
    try {
      await this.api.send(entry);
    } catch (failure) {
      return this.#failed(entry, failure);
    }
    this.#drop(entry);
    this.thread.mark(entry.id, "sent");
    this.onSent();
    return true;
  }

  #failed(entry, failure) {
    if (failure.isPassing || failure.status === 401) {
      this.fail();
      this.onTrouble(failure);
      return false;
    }
    // This text will never be accepted: say why, and go on with the next one.
    this.#drop(entry);
    this.thread.mark(entry.id, "failed", `Not sent: ${failure.message}`, false);
    return true;
  }

  /** Nothing that waits can be sent now. */
  fail() {
    for (const { id } of this.entries) this.thread.mark(id, "failed");
  }

  #drop(entry) {
    this.memory.set("outbox", this.entries.filter((other) => other.id !== entry.id));
  }
}

function newId() {
  // randomUUID exists on secure origins only; a shop under development may be on plain HTTP.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
