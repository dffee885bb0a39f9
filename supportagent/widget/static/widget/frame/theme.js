// Light or dark as the page says, and the shop's accent with a text colour that can be read on it.

const HEX = /^#[0-9a-f]{6}$/i;

export function paint({ theme, accent }) {
  const root = document.documentElement;
  if (theme) root.dataset.theme = theme;
  if (!HEX.test(accent ?? "")) return;
  root.style.setProperty("--accent", accent);
  root.style.setProperty("--on-accent", luminance(accent) > 0.179 ? "#111418" : "#ffffff");
}

/** Relative luminance of WCAG 2; at 0.179 black and white contrast equally well. */
function luminance(hex) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
