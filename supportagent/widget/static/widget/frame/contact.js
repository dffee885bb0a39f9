// Asks for an e-mail address while nobody of the team is there. The server says when; the address stays with it.

export class Contact {
  constructor({ find, api, onLeft }) {
    this.api = api;
    this.form = find("contact");
    this.field = find("email");
    this.note = find("contact-note");
    this.button = this.form.querySelector("button");
    this.onLeft = onLeft;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#leave();
    });
  }

  /** `contact` is "wanted" while an address is to be asked for. */
  show({ contact, conversation }) {
    this.conversation = conversation;
    this.form.hidden = contact !== "wanted"; // what was typed stays in the hidden field
  }

  async #leave() {
    const email = this.field.value.trim();
    if (!email) return this.#say("Write your e-mail address first.");
    this.button.disabled = true;
    try {
      await this.api.leaveContact({ conversation: this.conversation, email });
      this.field.value = "";
      this.#say("");
      this.form.hidden = true;
      this.onLeft();
    } catch (failure) {
      this.#say(failure.message);
    } finally {
      this.button.disabled = false;
    }
    return undefined;
  }

  #say(text) {
    this.note.textContent = text;
    this.field.setAttribute("aria-invalid", String(Boolean(text)));
    if (text) this.field.focus();
  }
}
