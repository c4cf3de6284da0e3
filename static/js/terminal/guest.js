// A terminal that somebody shares by a link: one pane, to look at.

import { Pane } from "./pane.js";
import { settings } from "./settings.js";
import { Status } from "./status.js";
import { expose, socketAddress } from "./workspace.js";

const page = document.querySelector("[data-terminal-page]");
const status = new Status(page.querySelector("[data-terminal-bar]"));
const pane = new Pane({}, { address: socketAddress(page.dataset.socket), key: null, nonce: page.dataset.nonce });
pane.element.classList.add("active");
page.querySelector("[data-panel]").append(pane.element);
pane.addEventListener("state", ({ detail }) => status.show(detail));
pane.addEventListener("latency", () => status.delay(pane.latency));
page.addEventListener("click", (event) => {
  const step = Number(event.target.closest("[data-font-step]")?.dataset.fontStep);
  if (step) settings.set({ fontSize: settings.values.fontSize + step });
  if (event.target.closest("[data-do=again]")) pane.transport.connect();
});
pane.start();
expose(pane);
