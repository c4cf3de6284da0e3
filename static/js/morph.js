// Turns an element into its newer self without taking it out of anybody's hands.

const inHand = (node) =>
  node.hasAttribute("data-live-keep") ||
  node.matches(".dropdown-menu.show, [data-bs-toggle][aria-expanded=true], .htmx-request");

const same = (old, fresh) => old.matches("time[data-relative]") && old.dateTime === fresh.dateTime;

const callbacks = {
  beforeNodeMorphed(old, fresh) {
    return !(old instanceof Element) || !(inHand(old) || same(old, fresh));
  },
  beforeAttributeUpdated(name, node) {
    return !(name === "open" && node.matches("details, dialog"));
  },
};

/** Morph `element` into itself as it stands in `html`, or its content into `html` where it does not stand there. */
export function morph(element, html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  const fresh = element.id ? page.getElementById(element.id) : null;
  element.dispatchEvent(new CustomEvent("console:morphing", { bubbles: true }));
  if (fresh) Idiomorph.morph(element, fresh, { morphStyle: "outerHTML", ignoreActiveValue: true, callbacks });
  else Idiomorph.morph(element, page.body.innerHTML, { morphStyle: "innerHTML", ignoreActiveValue: true, callbacks });
  htmx.process(element);
  element.dispatchEvent(new CustomEvent("console:morphed", { bubbles: true }));
}
