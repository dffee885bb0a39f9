// Single keys for lists and decisions. [data-key="a"] is activated by that key, [data-row] links are walked with
// j and k, ? opens the sheet. Keys are inert while somebody types, and can be switched off (WCAG 2.1.4).
const OFF = "console.keysOff";
const sheet = document.getElementById("keys-sheet");
const opener = document.querySelector("[data-keys-open]");
const isSwitch = sheet?.querySelector("[data-keys-on]");

function areOff() {
  try {
    return localStorage.getItem(OFF) === "yes";
  } catch {
    return false; // Storage is blocked: the keys then are what they are without a choice.
  }
}

if (opener && sheet) {
  opener.hidden = false;
  opener.addEventListener("click", () => sheet.showModal());
  isSwitch.checked = !areOff();
  isSwitch.addEventListener("change", () => {
    try {
      localStorage.setItem(OFF, isSwitch.checked ? "no" : "yes");
    } catch {
      isSwitch.checked = true;
    }
  });
}

const TYPES_TEXT = "input, textarea, select, [contenteditable]:not([contenteditable='false'])";

function isTyping(event) {
  return event.isComposing || event.target.closest?.(TYPES_TEXT) !== null && !event.target.matches?.("[type='checkbox']");
}

function walk(step) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.getAttribute("aria-current") === "true");
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step;
  rows[next]?.click();
}

function activate(control) {
  if (control.disabled) return;
  if (control.localName !== "summary") return control.click();
  const panel = control.parentElement;
  for (const other of document.querySelectorAll("details.confirm[open]")) if (other !== panel) other.open = false;
  panel.open = true;
  panel.querySelector("input:not([type='hidden']), select, textarea, button")?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || sheet?.open) return;
  const panel = event.target.closest?.("details.confirm[open]") ?? document.querySelector("details.confirm[open]");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && panel) {
    event.preventDefault();
    const button = panel.querySelector("form button:not([type='reset'])");
    if (!button.disabled) button.form.requestSubmit(button);
    return;
  }
  if (event.key === "Escape" && panel) {
    panel.open = false;
    panel.querySelector("summary").focus();
    return;
  }
  // AltGr writes characters on many keyboards, and is never a wish for a command.
  if (event.ctrlKey || event.metaKey || event.altKey || event.getModifierState("AltGraph")) return;
  if (isTyping(event) || areOff()) return;
  const key = event.key.toLowerCase();
  if (event.key === "?" && sheet) sheet.showModal();
  else if (key === "j" || key === "k") walk(key === "j" ? 1 : -1);
  else if (key === "/") document.querySelector("[role='search'] [type='search']")?.focus();
  else {
    const control = /^[a-z]$/.test(key) && document.querySelector(`[data-key="${key}"]`);
    if (!control) return;
    activate(control);
  }
  event.preventDefault();
});
