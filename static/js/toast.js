// Short words for what happens without a change of page: toast("Saved"), or a server's HX-Trigger "console:toast".
const STAYS = 6000; // milliseconds; what went wrong stays until it is closed

export function toast(text, kind = "success") {
  const place = document.getElementById("toasts");
  if (!place || [...place.children].some((each) => each.dataset.text === text)) return;
  const made = document.getElementById(`toast-${kind === "error" ? "error" : "success"}`).content.firstElementChild.cloneNode(true);
  made.dataset.text = text;
  made.querySelector("[data-toast-text]").textContent = text;
  place.append(made);
  while (place.children.length > 4) place.firstElementChild.remove();
  if (kind !== "error") setTimeout(() => made.remove(), STAYS);
}

export function startToasts() {
  document.addEventListener("console:toast", ({ detail }) => toast(String(detail.text), detail.kind));
  document.getElementById("toasts")?.addEventListener("click", (event) => {
    if (event.target.closest("[data-toast-close]")) event.target.closest(".console-toast").remove();
  });
  // A part of the page that could not be had anew: what stands there may be old.
  const stale = (status) => toast(`The console ${status ? `could not answer (${status})` : "cannot be reached"}. What you see may be old.`, "error");
  const fresh = () => {
    for (const each of document.querySelectorAll("#toasts [data-text^='The console c']")) each.remove();
  };
  const inDialog = (event) => event.detail.elt?.closest("a[data-dialog]");
  document.addEventListener("htmx:sendError", (event) => inDialog(event) || stale());
  document.addEventListener("htmx:responseError", (event) => {
    const { status } = event.detail.xhr;
    if (status >= 500 && !inDialog(event)) stale(status);
  });
  document.addEventListener("htmx:afterOnLoad", fresh);
  document.addEventListener("console:stale", ({ detail }) => stale(detail.status));
  document.addEventListener("console:fresh", fresh);
}
