// Says while requests are being chosen whether they can be approved together. The server checks the same again.
const MOST = 20;

function tell() {
  const button = document.querySelector("[data-bulk]");
  if (!button) return;
  const said = document.querySelector("[data-bulk-said]");
  const picked = [...document.querySelectorAll("[data-pick]:checked")];
  const tools = new Set(picked.map((box) => box.dataset.pick));
  const because =
    tools.size > 1 ? "Only requests for one and the same tool." : picked.length > MOST ? `At most ${MOST} at once.` : "";
  button.disabled = picked.length === 0 || because !== "";
  said.textContent = because || (picked.length ? `${picked.length} chosen` : "Choose requests of tier T1.");
}

document.addEventListener("change", (event) => event.target.matches("[data-pick]") && tell());
document.body.addEventListener("htmx:after:swap", tell);
addEventListener("pageshow", tell);
tell();
