// The five lines that a shop writes: a queue for calls made before the widget's script has arrived.
window.SupportAgent = window.SupportAgent || function () {
  (window.SupportAgent.q = window.SupportAgent.q || []).push(arguments);
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-phrase]");
  if (button) window.SupportAgent("showNewMessage", button.dataset.phrase);
});
