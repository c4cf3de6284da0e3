// xterm.js makes style elements and sets style attributes, both of which this page's Content-Security-Policy forbids.
// It can be given a document of its own to make elements with: this one puts the policy's nonce on style elements, and
// turns the style attribute into the style object, which the policy does not concern.

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

export function nonceDocument(nonce) {
  const createElement = (...args) => tamed(document.createElement(...args), nonce);
  return new Proxy(document, {
    get(target, property) {
      if (property === "createElement") return createElement;
      const value = Reflect.get(target, property);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
