// Loaded in <head> without defer, so that the page never paints in the wrong theme first.
// Unfold keeps the choice as a JSON string under the same key: "light", "dark" or "auto".
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");

  function choice() {
    try {
      const stored = JSON.parse(localStorage.getItem("adminTheme"));
      return ["light", "dark"].includes(stored) ? stored : "auto";
    } catch {
      return "auto"; // Storage is blocked, or holds something that is not ours.
    }
  }

  function apply() {
    const dark = choice() === "dark" || (choice() === "auto" && system.matches);
    document.documentElement.classList.toggle("dark", dark);
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice()));
    }
  }

  function choose(theme) {
    try {
      localStorage.setItem("adminTheme", JSON.stringify(theme));
    } catch {
      // Without storage the system's theme stays.
    }
    apply();
  }

  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", (event) => event.key === "adminTheme" && apply());
  document.addEventListener("DOMContentLoaded", apply);
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-theme-choice]");
    if (button) choose(button.dataset.themeChoice);
  });
})();
