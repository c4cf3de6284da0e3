// Choosing rows, and what is done with them: shows the selection on whatever rows there are, and sends it.

import { Selection } from "./selection.js";

const count = new Intl.NumberFormat("en");

class Bulk {
  constructor(page) {
    this.page = page;
    this.selection = new Selection(location.pathname);
    this.selection.addEventListener("change", () => this.show());
    page.addEventListener("change", (event) => this.checked(event));
    page.addEventListener("click", (event) => this.clicked(event));
    for (const drawn of ["htmx:afterSwap", "htmx:afterSettle", "console:morphed"]) document.addEventListener(drawn, () => this.show());
    document.addEventListener("submit", ({ target }) => target.matches("[data-bulk-start]") && this.selection.clear());
    this.show();
  }

  get rows() {
    return [...this.page.querySelectorAll("tr[data-key]")];
  }

  get toolbar() {
    return this.page.querySelector(".list-toolbar");
  }

  checked({ target }) {
    const row = target.closest("[data-check-row]")?.closest("tr");
    const rows = row ? this.between(row) : target.closest("[data-check-page]") ? this.rows : null;
    if (!rows) return;
    // "Everything that matches", less one row, is the rows that can be seen, less that one.
    if (this.selection.all) this.selection.set(this.rows.map(pair), true);
    this.selection.set(rows.map(pair), target.checked);
  }

  /** The row that was clicked; with Shift, all from the last one that was. */
  between(row) {
    const rows = this.rows;
    const from = this.shift ? rows.findIndex((each) => each.dataset.key === this.last) : -1;
    const to = rows.indexOf(row);
    this.last = row.dataset.key;
    return from < 0 ? [row] : rows.slice(Math.min(from, to), Math.max(from, to) + 1);
  }

  clicked(event) {
    this.shift = event.shiftKey;
    const { target } = event;
    if (target.closest("[data-select-none]")) this.selection.clear();
    else if (target.closest("[data-select-all]")) this.selection.setAll(this.toolbar.dataset.query, Number(this.toolbar.dataset.total));
    else if (target.closest("[data-bulk]")) this.send(target.closest("[data-bulk]"));
    else if (target.closest("[data-csv]") && this.selection.rows.size) {
      event.preventDefault();
      this.download(target.closest("[data-csv]"));
    }
  }

  send(button) {
    const values = { action: button.dataset.bulk, ...this.selection.values };
    htmx.ajax("POST", this.toolbar.dataset.bulkSrc, { target: "#dialog", swap: "innerHTML", source: button, values });
  }

  /** The chosen rows as a file: sent as a form, which a browser can answer with a download. */
  download(link) {
    const form = document.createElement("form");
    form.method = "post";
    form.action = link.href;
    const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
    for (const [name, value] of Object.entries({ csrfmiddlewaretoken: token, keys: this.selection.values.keys })) {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = value;
      form.append(field);
    }
    document.body.append(form);
    form.submit();
    form.remove();
  }

  show() {
    const { toolbar, selection } = this;
    if (!toolbar) return;
    const rows = this.rows;
    const chosen = rows.filter((row) => selection.has(row.dataset.key, toolbar.dataset.query));
    for (const row of rows) {
      const is = chosen.includes(row);
      row.classList.toggle("list-chosen", is);
      const box = row.querySelector("[data-check-row]");
      if (box) box.checked = is;
    }
    for (const whole of this.page.querySelectorAll("[data-check-page]")) {
      whole.checked = rows.length > 0 && chosen.length === rows.length;
      whole.indeterminate = chosen.length > 0 && chosen.length < rows.length;
    }
    this.tell(toolbar, chosen.length === rows.length);
  }

  tell(toolbar, wholePage) {
    const { size, all } = this.selection;
    const total = Number(toolbar.dataset.total);
    toolbar.toggleAttribute("data-selecting", size > 0);
    const bar = toolbar.querySelector(".list-selected");
    if (!bar) return;
    bar.hidden = !size;
    put(bar.querySelector("[data-selected-words]"), all ? `All ${count.format(size)} that match are selected` : `${count.format(size)} selected`);
    const more = bar.querySelector("[data-select-all]");
    more.hidden = Boolean(all) || !wholePage || total <= size;
    put(more, `Select all ${count.format(total)} that match`);
    for (const button of toolbar.querySelectorAll("[data-bulk]")) button.hidden = !size;
  }
}

const pair = (row) => [row.dataset.key, row.dataset.label];

function put(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

export function startBulk(page) {
  new Bulk(page);
}
