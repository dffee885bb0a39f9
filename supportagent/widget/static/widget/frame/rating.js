// Asks once, after a conversation has ended, how it was. The server says when, and keeps what was answered or skipped.

const WORDS = ["", "Very bad", "Bad", "All right", "Good", "Very good"];

export class Rating {
  constructor({ find, api, onDone }) {
    Object.assign(this, { api, onDone });
    this.form = find("rating");
    this.comment = find("rating-comment");
    this.note = find("rating-note");
    this.more = find("rating-more");
    this.word = find("rating-word");
    this.skip = find("rating-skip");
    this.thanks = find("rating-thanks");
    this.said = find("rating-said");
    this.change = find("rating-change");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.form.addEventListener("change", () => this.#chosen());
    this.skip.addEventListener("click", () => this.#skip());
    this.change.addEventListener("click", () => this.#again());
  }

  /** Returns what a screen reader is to hear: the question is asked once, when it appears. */
  show({ rating, conversation }) {
    const isOther = conversation !== this.conversation;
    this.conversation = conversation;
    if (isOther) this.#reset();
    this.given = rating;
    const isGiven = rating.state === "given";
    const asks = rating.state === "wanted" || (isGiven && this.isChanging && rating.changeable);
    const isNew = asks && this.form.hidden;
    this.form.hidden = !asks;
    this.thanks.hidden = !isGiven || asks;
    this.said.textContent = isGiven ? `Thank you. You rated this conversation ${rating.score} of 5 (${WORDS[rating.score].toLowerCase()}).` : "";
    this.change.hidden = !rating.changeable;
    return isNew && rating.state === "wanted" ? "The conversation has ended. How was it? You can rate it from 1 to 5, or skip." : "";
  }

  get score() {
    return Number(new FormData(this.form).get("score") ?? 0);
  }

  #reset() {
    this.isChanging = false;
    this.form.reset();
    this.skip.textContent = "Skip";
    this.#say("");
    this.#chosen();
  }

  #chosen() {
    const { score } = this;
    this.word.textContent = WORDS[score];
    this.more.hidden = !score;
    if (score) this.#say("");
    if (score) this.skip.scrollIntoView({ block: "nearest" }); // what comes next is to be seen
  }

  #again() {
    this.isChanging = true;
    this.comment.value = this.given.comment;
    const radio = this.form.querySelector(`input[value="${this.given.score}"]`);
    radio.checked = true;
    this.skip.textContent = "Keep it as it was";
    this.show({ rating: this.given, conversation: this.conversation });
    this.#chosen();
    radio.focus({ preventScroll: true });
  }

  #send() {
    const { score, conversation } = this;
    if (!score) return this.#say("Choose from 1 to 5 first, or skip.");
    const comment = this.comment.value;
    return this.#tell(() => this.api.rate({ conversation, score, comment }));
  }

  #skip() {
    if (!this.isChanging) return this.#tell(() => this.api.skipRating({ conversation: this.conversation }));
    return this.#done(this.given);
  }

  async #tell(call) {
    const buttons = [...this.form.querySelectorAll("button")];
    for (const button of buttons) button.disabled = true;
    try {
      const { rating } = await call();
      this.#done(rating);
    } catch (failure) {
      this.#say(failure.message);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  #done(rating) {
    this.isChanging = false;
    this.skip.textContent = "Skip";
    this.show({ rating, conversation: this.conversation });
    this.onDone(rating.state === "given" ? this.said.textContent : "All right, no rating.");
    if (!this.thanks.hidden && !this.change.hidden) this.change.focus({ preventScroll: true });
  }

  #say(text) {
    this.note.textContent = text;
  }
}
