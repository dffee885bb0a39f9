"""Accessibility by axe-core, which is vendored and put in over the debugger: our policy blocks a script tag."""

from pathlib import Path

from playwright.sync_api import Frame

AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """rules => axe.run(document, { runOnly: rules, iframes: false, resultTypes: ["violations"] }).then(found =>
  found.violations.filter(each => ["serious", "critical"].includes(each.impact))
    .map(each => `${each.id}: ${each.nodes.map(node => node.html.slice(0, 160)).join(" | ")}`))"""


def violations(frame: Frame) -> list[str]:
    """What is serious or critical by the rules of WCAG 2.2 AA: rule and elements."""
    frame.evaluate(f"() => {{ {AXE} }}")
    return frame.evaluate(RUN, RULES)  # type: ignore[no-any-return]
