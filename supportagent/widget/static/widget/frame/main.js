// Puts the parts together: one session, one thread, one live line.

import { Api } from "./api.js";
import { Bridge } from "./bridge.js";
import { Composer } from "./composer.js";
import { Contact } from "./contact.js";
import { Live } from "./socket.js";
import { Memory } from "./memory.js";
import { Outbox } from "./outbox.js";
import { Rating } from "./rating.js";
import { Status } from "./status.js";
import { Thread } from "./thread.js";
import { paint } from "./theme.js";

const POLL_MS = 4000;
const REOPEN_MS = 5000;
const find = (id) => document.getElementById(id);
const configuration = JSON.parse(find("configuration").textContent);

class Chat {
  constructor() {
    this.bridge = new Bridge(configuration.origins);
    this.memory = new Memory(configuration.app_id);
    this.api = new Api(configuration.app_id);
    this.thread = new Thread({ log: find("log"), list: find("messages"), onRetry: () => this.retry() });
    this.status = new Status(find, configuration.expectation);
    this.contact = new Contact({ find, api: this.api, onLeft: () => this.catchUp() });
    this.rating = new Rating({
      find,
      api: this.api,
      onDone: (words) => {
        this.status.announce(words);
        this.thread.scrollToEnd();
      },
    });
    this.outbox = new Outbox({
      api: this.api,
      memory: this.memory,
      thread: this.thread,
      onSent: () => {
        this.status.showBanner("limit", "");
        this.catchUp();
      },
      onTrouble: (failure) => this.trouble(failure),
    });
    this.composer = new Composer({
      form: find("composer"),
      field: find("field"),
      button: find("send"),
      counter: find("counter"),
      memory: this.memory,
      onSubmit: (text) => this.say(text),
    });
    this.settings = {};
    this.conversation = "";
    this.isOpen = !this.bridge.isEmbedded;
    this.listenToPage();
    this.listenToBrowser();
    this.outbox.restore();
    this.bridge.send("ready");
    if (!this.bridge.isEmbedded) this.start();
  }

  // -- the embedding page ------------------------------------------------------------------------------

  listenToPage() {
    this.bridge.on("init", ({ settings, isOpen }) => {
      this.apply(settings);
      this.isOpen = isOpen;
      // A visitor who never wrote gets a session with the first look at the chat, not with every page.
      if (this.memory.get("token") || settings.user_jwt || isOpen) this.start();
    });
    this.bridge.on("update", ({ settings }) => {
      const isOtherIdentity = (settings.user_jwt ?? "") !== (this.settings.user_jwt ?? "");
      this.apply(settings);
      if (isOtherIdentity) this.restart();
    });
    this.bridge.on("opened", () => {
      this.isOpen = true;
      this.start();
      this.markRead();
      this.thread.scrollToEnd();
      this.composer.focus();
    });
    this.bridge.on("closed", () => (this.isOpen = false));
    this.bridge.on("compose", ({ text }) => this.composer.put(text));
    this.bridge.on("shutdown", () => this.shutdown());
    find("close").addEventListener("click", () => this.bridge.send("close"));
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.bridge.send("close");
    });
  }

  apply(settings) {
    this.settings = settings;
    paint({ theme: settings.theme, accent: settings.accent ?? configuration.accent });
  }

  // -- the browser ---------------------------------------------------------------------------------------

  listenToBrowser() {
    const back = () => {
      this.showOffline();
      if (!navigator.onLine || !this.isWanted) return;
      this.live?.hurry();
      this.catchUp();
      this.retry();
    };
    window.addEventListener("online", back);
    window.addEventListener("offline", () => this.showOffline());
    window.addEventListener("pageshow", back);
    document.addEventListener("visibilitychange", () => document.hidden || back());
    setInterval(() => {
      if (this.live && !this.live.isOpen && !document.hidden && this.isOpen) this.catchUp();
    }, POLL_MS);
    for (const button of document.querySelectorAll(".suggestion")) {
      button.addEventListener("click", () => this.say(button.textContent.trim()));
    }
    find("newest").addEventListener("click", () => this.thread.scrollToEnd());
    find("log").addEventListener("scroll", () => {
      if (this.thread.isAtBottom()) find("newest").hidden = true;
    });
  }

  showOffline() {
    this.status.showBanner("offline", navigator.onLine ? "" : "You are offline. We will send your messages when you are back.");
  }

  // -- the session -----------------------------------------------------------------------------------------

  /** Opens the session once; later calls share it. Never rejects. */
  start() {
    this.isWanted = true;
    this.opening ??= this.openSession();
    return this.opening;
  }

  async retry() {
    await this.start();
    this.outbox.flush();
  }

  async restart() {
    this.forget();
    await this.start();
  }

  forget() {
    this.live?.stop();
    this.live = null;
    this.opening = null;
    this.conversation = "";
    this.isCaughtUp = false;
    this.thread.clear();
    this.outbox.restore();
  }

  async openSession() {
    try {
      const session = await this.askForSession();
      this.useSession(session);
    } catch (failure) {
      this.opening = null;
      this.outbox.fail();
      this.trouble(failure);
      if (failure.isPassing) this.later = setTimeout(() => this.start(), REOPEN_MS);
    }
  }

  async askForSession() {
    const userJwt = this.settings.user_jwt;
    const token = this.memory.get("token");
    try {
      return await this.api.openSession({ userJwt, token });
    } catch (failure) {
      if (failure.code !== "other_customer") throw failure;
      // Somebody else used this browser before: what he left here is not for this customer.
      this.memory.clear();
      this.thread.clear();
      return this.api.openSession({ userJwt });
    }
  }

  useSession(session) {
    const before = this.memory.get("visitor");
    if (before && before !== session.visitor_id) {
      // Unsent text belongs to the person who wrote it.
      this.memory.clear();
      this.thread.clear();
    }
    this.memory.set("visitor", session.visitor_id);
    this.memory.set("token", session.token);
    this.bridge.send("visitor", { id: session.visitor_id });
    const isRefused = session.identity === "not_verified";
    this.status.showBanner("identity", isRefused ? "We could not verify your sign-in, so you are chatting as a guest (not verified)." : "");
    find("verified").toggleAttribute("hidden", session.identity !== "verified");
    if (isRefused) this.bridge.send("error", { code: session.identity_error });
    this.live = new Live({
      appId: configuration.app_id,
      token: () => this.api.token,
      onNews: () => this.catchUp(),
      onProgress: (state) => this.progress(state),
      onState: () => this.showOffline(),
      onSessionOver: () => this.restart(),
    });
    this.catchUp();
    this.outbox.flush();
  }

  async shutdown() {
    this.isWanted = false;
    this.memory.clear();
    this.forget();
    try {
      await this.api.endSession();
    } catch {
      // Unreachable or over already: this browser has forgotten the token either way.
    }
    this.api.token = "";
    this.bridge.send("ended");
  }

  // -- messages ----------------------------------------------------------------------------------------------

  say(text) {
    const isTaken = this.outbox.add(text);
    if (!isTaken) this.status.showBanner("limit", "Too many messages are waiting to be sent.");
    find("welcome").dataset.quiet = "";
    if (isTaken) this.retry();
    return isTaken;
  }

  /** Fetch what is new, one fetch at a time; a call during a fetch makes it look once more. */
  async catchUp() {
    this.wantsMore = true;
    if (this.isFetching || !this.api.token) return;
    this.isFetching = true;
    try {
      while (this.wantsMore) {
        this.wantsMore = false;
        await this.fetchOnce();
      }
    } catch (failure) {
      this.trouble(failure);
    } finally {
      this.isFetching = false;
    }
  }

  async fetchOnce() {
    const page = await this.api.messages({ conversation: this.conversation, after: this.thread.lastSeq });
    if (!this.conversation) this.conversation = page.current;
    if (page.conversation) this.showNews(this.thread.add(page.messages));
    if (page.more) {
      this.wantsMore = true;
    } else if (page.current && page.current !== page.conversation) {
      this.conversation = page.current;
      this.thread.startConversation();
      this.wantsMore = true;
    } else {
      this.showPage(page);
    }
  }

  showPage(page) {
    const stick = this.thread.isAtBottom();
    this.status.show(page);
    this.contact.show(page);
    this.toSay = [this.toSay, this.rating.show(page)].filter(Boolean).join(" ");
    if (this.toSay) this.status.announce(this.toSay); // after the state, which may speak too
    this.toSay = "";
    this.isCaughtUp = true;
    if (this.thread.lastSeq) find("welcome").dataset.quiet = "";
    if (stick) this.thread.scrollToEnd();
    this.markRead();
  }

  showNews(news) {
    if (!news.length) return;
    this.status.showProgress("idle");
    if (this.isCaughtUp) {
      this.toSay = [this.toSay, ...news.map(spoken)].filter(Boolean).join(" ");
      for (const { kind, seq } of news) this.bridge.send("message", { kind, seq });
    }
    find("newest").hidden = this.thread.isAtBottom();
  }

  /** What came after the last look counts as unread; looking is having the chat open. */
  markRead() {
    if (this.isOpen && !document.hidden) {
      this.memory.set("hasLooked", true);
      this.memory.set("read", { conversation: this.conversation, seq: this.thread.lastSeq });
      return this.bridge.send("unread", { count: 0 });
    }
    if (!this.memory.get("hasLooked")) {
      // What was said before this browser first saw the chat is history, not news.
      this.memory.set("hasLooked", true);
      this.memory.set("read", { conversation: this.conversation, seq: this.thread.lastSeq });
    }
    const read = this.memory.get("read");
    const readUpTo = read.conversation === this.conversation ? read.seq : 0;
    const replies = [...document.querySelectorAll("#messages .agent, #messages .person")];
    this.bridge.send("unread", { count: replies.filter((item) => Number(item.dataset.seq) > readUpTo).length });
  }

  progress(state) {
    const stick = this.thread.isAtBottom();
    if (this.status.shownHolder === "assistant" || state !== "working") this.status.showProgress(state);
    if (stick) this.thread.scrollToEnd();
    if (state !== "working") this.catchUp();
  }

  trouble(failure) {
    if (failure.status === 401 && this.api.token) {
      this.api.token = "";
      this.restart();
    } else if (failure.status === 429) {
      if (failure.isNotice) this.status.showBanner("limit", failure.message);
      clearTimeout(this.later);
      this.later = setTimeout(() => this.outbox.flush(), failure.retryAfter * 1000);
    } else if (failure.status === 404 && failure.code === "unknown_conversation") {
      this.restart();
    }
    if (failure.status) this.bridge.send("error", { code: failure.code });
  }
}

function spoken(message) {
  const text = document.createElement("div");
  text.innerHTML = message.html;
  const who = message.kind === "event" ? "" : `${message.author || (message.kind === "agent" ? "Assistant" : "Our team")} said: `;
  return `${who}${text.textContent.trim()}`;
}

new Chat();
