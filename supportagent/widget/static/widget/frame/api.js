// The server, as the frame needs it. Every failure is a Failure: `status` 0 means that it was not reached.

const TIMEOUT_MS = 15000;

export class Failure extends Error {
  constructor(status, error = {}) {
    super(error.message ?? "The server could not be reached.");
    this.status = status;
    this.code = error.code ?? "unreachable";
    this.retryAfter = error.retry_after ?? 0;
    this.isNotice = error.notice ?? false;
  }

  /** The same request may succeed later without any change. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export class Api {
  constructor(appId) {
    this.appId = appId;
    this.token = "";
  }

  async openSession({ userJwt, token }) {
    const body = { app_id: this.appId };
    if (userJwt) body.user_jwt = userJwt;
    if (token) body.token = token;
    const session = await this.#call("POST", "/widget/api/session", body);
    this.token = session.token;
    return session;
  }

  endSession() {
    return this.#call("DELETE", "/widget/api/session");
  }

  messages({ conversation, after }) {
    const query = new URLSearchParams({ after: String(after) });
    if (conversation) query.set("conversation", conversation);
    return this.#call("GET", `/widget/api/messages?${query}`);
  }

  send({ id, body }) {
    return this.#call("POST", "/widget/api/messages", { client_message_id: id, body });
  }

  leaveContact({ conversation, email }) {
    return this.#call("POST", "/widget/api/contact", { conversation, email });
  }

  rate({ conversation, score, comment }) {
    return this.#call("POST", "/widget/api/rating", { conversation, score, comment });
  }

  skipRating({ conversation }) {
    return this.#call("POST", "/widget/api/rating/skip", { conversation });
  }

  async #call(method, path, body) {
    const headers = { "X-Widget-App": this.appId };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (body) headers["Content-Type"] = "application/json";
    let response;
    let content;
    try {
      response = await fetch(path, {
        method,
        headers,
        body: body && JSON.stringify(body),
        credentials: "omit",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      content = await response.json();
    } catch {
      throw new Failure(response && !response.ok ? response.status : 0);
    }
    if (!response.ok) throw new Failure(response.status, content.error);
    return content;
  }
}
