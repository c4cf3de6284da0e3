// What every page of the console does: theme choice, times, the dialog, copying.
import { startTimes } from "./times.js";
import { startDialog } from "./dialog.js";
import { startLive } from "./live.js";
import { startForms } from "./forms.js";
import { startPalette } from "./palette.js";
import { startShortcuts } from "./shortcuts.js";
import { startToasts } from "./toast.js";

function startTheme() {
  const show = () => {
    const chosen = document.documentElement.dataset.themeChosen;
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      const active = button.dataset.themeChoice === chosen;
      button.classList.toggle("active", active);
      button.setAttribute("aria-pressed", String(active));
    }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    try {
      localStorage.setItem("theme", button.dataset.themeChoice);
    } catch {
      return; // storage is forbidden: the choice could not be kept, so none is made
    }
    dispatchEvent(new Event("console:theme"));
    show();
  });
  show();
}

// <button data-copy="id"> copies the text of the element with that id.
function startCopy() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const label = button.getAttribute("aria-label");
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    } catch {
      said = "The browser does not allow copying here";
    }
    button.setAttribute("aria-label", said);
    button.classList.toggle("copied", said === "Copied");
    button.title = said;
    setTimeout(() => {
      button.setAttribute("aria-label", label);
      button.classList.remove("copied");
      button.title = label;
    }, 1500);
  });
}

// A bar of tabs may be wider than the window: the one that is open is in sight.
function startTabs() {
  for (const bar of document.querySelectorAll(".tab-bar")) {
    const open = bar.querySelector(".active");
    if (open) bar.scrollLeft = open.offsetLeft - (bar.clientWidth - open.offsetWidth) / 2;
  }
}

startTheme();
startTabs();
startTimes();
startDialog();
startLive();
startForms();
startCopy();
startPalette();
startShortcuts();
startToasts();
