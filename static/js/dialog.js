// The one dialog. A link with data-dialog opens its page's fragment in it; without script the page itself opens.
export function startDialog() {
  const dialog = document.getElementById("dialog");
  if (!dialog) return;
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    htmx.ajax("GET", link.getAttribute("href"), { target: dialog, swap: "innerHTML", source: link });
  });
  // Where the fragment cannot be had, its page says why.
  for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(failure, (event) => {
      const link = event.detail.elt?.closest("a[data-dialog]");
      if (link) location.assign(link.href);
    });
  }
  dialog.addEventListener("htmx:afterSwap", () => {
    if (!dialog.open) dialog.showModal();
  });
  dialog.addEventListener("click", (event) => {
    // A click on the backdrop lands on the dialog itself, outside its content.
    if (event.target === dialog || event.target.closest("[data-dialog-close]")) {
      event.preventDefault();
      dialog.close();
    }
  });
  dialog.addEventListener("close", () => dialog.replaceChildren());
}
