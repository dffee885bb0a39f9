// What a person types is kept in this browser, by ticket and kind of text, until it was sent; and the page
// follows the conversation as long as its reader stands at the end of it.
const PREFIX = "supportagent.typed.";
const NEAR_THE_END = 80; // pixels
const seen = new WeakSet();

const storeOf = (field) => PREFIX + field.dataset.keep;

function store(field) {
  try {
    if (field.value === field.defaultValue && !field.matches("[aria-invalid]")) localStorage.removeItem(storeOf(field));
    else localStorage.setItem(storeOf(field), field.value);
  } catch {
    // A full or forbidden storage costs the copy, not the text in the field.
  }
}

// The server says which form it took (?sent=reply); only then is that text done with.
function forgetWhatWasSent() {
  const address = new URL(location.href);
  const sent = address.searchParams.get("sent");
  if (!sent) return;
  const number = address.pathname.split("/").filter(Boolean).pop();
  localStorage.removeItem(`${PREFIX}${number}:${sent}`);
  address.searchParams.delete("sent");
  history.replaceState(history.state, "", address);
}

function restore() {
  for (const field of document.querySelectorAll("textarea[data-keep]")) {
    if (seen.has(field)) continue;
    seen.add(field);
    const kept = localStorage.getItem(storeOf(field));
    // After a refusal the server gives the text back itself, and that one is newer.
    if (field.matches("[aria-invalid]")) store(field);
    else if (kept !== null && field.value === field.defaultValue) {
      field.value = kept;
      field.closest("details")?.setAttribute("open", "");
    }
  }
}

document.addEventListener("input", (event) => {
  if (event.target.matches("textarea[data-keep]")) store(event.target);
});

// The conversation scrolls in its pane on wide screens, with the page on narrow ones.
const pane = () => document.getElementById("ticket");
const scrolls = (element) => element && element.scrollHeight > element.clientHeight + 1 && getComputedStyle(element).overflowY === "auto";
let isAtEnd = true;

function goToEnd() {
  const element = pane();
  if (scrolls(element)) element.scrollTop = element.scrollHeight;
}

pane()?.addEventListener("scroll", () => {
  const element = pane();
  isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_THE_END;
});
document.body.addEventListener("htmx:after:swap", () => {
  restore();
  if (isAtEnd) goToEnd();
});

forgetWhatWasSent();
restore();
if (!location.hash && !new URLSearchParams(location.search).has("before") && !document.querySelector("[data-testid=refusal]")) goToEnd();
