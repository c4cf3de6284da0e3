// xterm.js makes style elements and sets style attributes, both of which this page's Content-Security-Policy forbids.
// Here style elements get the policy's nonce, and a span's style attribute becomes its style object, which the policy
// does not concern. (xterm.js can be given a document of its own to make elements with, but uses the page's for some.)

function tamed(element, nonce) {
  if (element instanceof HTMLStyleElement) {
    element.nonce = nonce;
  } else if (element instanceof HTMLSpanElement) {
    const setAttribute = element.setAttribute;
    element.setAttribute = (name, value) => {
      if (name === "style") element.style.cssText = value;
      else setAttribute.call(element, name, value);
    };
  }
  return element;
}

let used = false;

/** Make elements of this page obey its policy. */
export function useNonce(nonce) {
  if (used) return;
  used = true;
  const createElement = document.createElement;
  document.createElement = (...args) => tamed(createElement.apply(document, args), nonce);
}
