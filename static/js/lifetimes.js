// The form of a sandbox's lifetimes: says when the sandbox would end before anything is sent, and shows the field for
// minutes of one's own only where they are chosen. Without script both fields stand there and the API's answer tells.
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const OTHER = "other";

function seconds(form, name) {
  const chosen = form.elements[name].value;
  return chosen === OTHER ? Number(form.elements[`${name}_minutes`].value) * 60 : Number(chosen);
}

function words(form) {
  const lifetime = seconds(form, "lifetime");
  const idle = seconds(form, "idle");
  const ends = lifetime ? new Date(Date.parse(form.dataset.created) + lifetime * 1000) : null;
  const idles = idle ? new Date(Date.parse(form.dataset.active) + idle * 1000) : null;
  if (!ends && !idles) return "With this: it stays until it is deleted.";
  if (ends && ends < new Date()) return "With this: its lifetime is over already, and it is deleted at once.";
  if (ends && (!idles || ends <= idles)) return `With this: it ends on ${exact.format(ends)}.`;
  const unless = idles < new Date() ? "at once, unless something happens in it" : `on ${exact.format(idles)}, unless something happens in it before`;
  return ends ? `With this: it stops ${unless}; at the latest on ${exact.format(ends)}.` : `With this: it stops ${unless}.`;
}

function start(form) {
  const said = form.querySelector("[data-end]");
  const update = (event) => {
    for (const part of form.querySelectorAll("[data-own]")) part.hidden = form.elements[part.dataset.own].value !== OTHER;
    if (event && said) said.textContent = words(form);
  };
  form.addEventListener("input", update);
  update();
}

for (const form of document.querySelectorAll("form[data-lifetimes]")) start(form);
