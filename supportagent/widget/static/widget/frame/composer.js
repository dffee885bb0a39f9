// The text field: Enter sends, Shift+Enter breaks the line, an open input method keeps its Enter.

const TALLEST_PX = 132;
const COUNT_FROM = 0.9;

export class Composer {
  constructor({ form, field, button, counter, memory, onSubmit }) {
    Object.assign(this, { form, field, button, counter, memory, onSubmit });
    field.value ||= memory.get("draft"); // Somebody may have begun to write before this script had arrived.
    field.addEventListener("input", () => this.#changed());
    field.addEventListener("keydown", (event) => this.#key(event));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#changed();
  }

  focus() {
    this.#changed();
    this.field.focus({ preventScroll: true });
  }

  put(text) {
    this.field.value = text;
    this.#changed();
    this.focus();
  }

  #key(event) {
    const isPlainEnter = event.key === "Enter" && !event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey;
    if (!isPlainEnter || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const text = this.field.value.trim();
    if (!text || !this.onSubmit(text)) return;
    this.field.value = "";
    this.#changed();
    this.focus();
  }

  #changed() {
    const { value, maxLength, style } = this.field;
    this.memory.set("draft", value);
    this.button.disabled = !value.trim();
    this.counter.textContent = value.length > maxLength * COUNT_FROM ? `${maxLength - value.length} left` : "";
    style.height = "auto";
    const needed = this.field.scrollHeight; // 0 while the chat is not shown
    if (needed) style.height = `${Math.min(needed, TALLEST_PX)}px`;
  }
}
