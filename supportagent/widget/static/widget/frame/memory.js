// What this browser remembers of one app's chat: the session token, what was read, unsent text.
// The storage belongs to our origin (partitioned by the embedding site); where it is blocked, memory serves.

const EMPTY = { token: "", visitor: "", read: {}, hasLooked: false, draft: "", outbox: [] };

export class Memory {
  constructor(appId) {
    this.key = `supportagent:${appId}`;
    this.state = { ...EMPTY, ...this.#load() };
  }

  get(name) {
    return this.state[name];
  }

  set(name, value) {
    this.state = { ...this.state, [name]: value };
    try {
      localStorage.setItem(this.key, JSON.stringify(this.state));
    } catch {
      // Blocked or full: the chat works until the page is left.
    }
  }

  clear() {
    this.state = { ...EMPTY };
    try {
      localStorage.removeItem(this.key);
    } catch {
      // Nothing was stored then.
    }
  }

  #load() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) ?? {};
    } catch {
      return {};
    }
  }
}
