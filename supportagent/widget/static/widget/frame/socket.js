// The live line: it only says that there is news. It comes back by itself, and asks for a catch-up each time.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15000;
const SESSION_OVER = 4401;
const NOT_ALLOWED = 4403;

export class Live {
  constructor({ appId, token, onNews, onProgress, onState, onSessionOver }) {
    Object.assign(this, { appId, token, onNews, onProgress, onState, onSessionOver });
    this.delay = FIRST_DELAY_MS;
    this.isStopped = false;
    this.isOpen = false;
    this.#connect();
  }

  stop() {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  /** Try again at once: the network is back or the page is seen again. */
  hurry() {
    if (this.isStopped || this.socket?.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.timer);
    this.delay = FIRST_DELAY_MS;
    this.#connect();
  }

  #connect() {
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${window.location.host}/ws/widget/`);
    this.socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ type: "hello", app_id: this.appId, token: this.token() }));
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    socket.onclose = (event) => this.#closed(event.code);
  }

  #receive(frame) {
    if (frame.type === "ready") {
      this.delay = FIRST_DELAY_MS;
      this.isOpen = true;
      this.onState(true);
      this.onNews();
    } else if (frame.type === "changed") {
      this.onNews();
    } else if (frame.type === "progress") {
      this.onProgress(frame.state);
    }
  }

  #closed(code) {
    this.isOpen = false;
    if (this.isStopped) return;
    this.onState(false);
    if (code === NOT_ALLOWED) return;
    if (code === SESSION_OVER) return void this.onSessionOver();
    this.timer = setTimeout(() => this.#connect(), this.delay * (0.5 + Math.random()));
    this.delay = Math.min(this.delay * 2, LONGEST_DELAY_MS);
  }
}
