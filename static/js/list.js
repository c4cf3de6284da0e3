// A list's page: choosing rows, filters, keys.

import { startBulk } from "./list/bulk.js";
import { startFilters } from "./list/filters.js";
import { keepFocus } from "./list/focus.js";
import { startKeys } from "./list/keys.js";

for (const page of document.querySelectorAll("[data-list]")) {
  startFilters(page);
  startKeys(page);
  startBulk(page);
  keepFocus(page);
}
