// The line to the page that embeds us. Its origin must be one that the server listed, and every message
// carries the nonce that the loader put into our address.

const [nonce, encodedOrigin] = window.location.hash.slice(1).split("~");
const parentOrigin = decodeURIComponent(encodedOrigin ?? "");

export class Bridge {
  /** @param {string[]} origins the pages that may embed this chat, as the server says */
  constructor(origins) {
    this.isEmbedded = window.parent !== window && Boolean(nonce);
    this.isTrusted = this.isEmbedded && [window.location.origin, ...origins].includes(parentOrigin);
    this.handlers = {};
    window.addEventListener("message", (event) => this.#receive(event));
  }

  on(type, handler) {
    this.handlers[type] = handler;
  }

  send(type, content = {}) {
    if (!this.isTrusted) return;
    window.parent.postMessage({ source: "support-agent-frame", nonce, type, ...content }, parentOrigin);
  }

  #receive(event) {
    if (!this.isTrusted || event.source !== window.parent || event.origin !== parentOrigin) return;
    const data = event.data;
    if (data?.source !== "support-agent" || data.nonce !== nonce) return;
    this.handlers[data.type]?.(data);
  }
}
