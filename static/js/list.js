// A list's page: how many values each filter has, keys.

import { startFilters } from "./list/filters.js";
import { startKeys } from "./list/keys.js";

for (const page of document.querySelectorAll("[data-list]")) {
  startFilters(page);
  startKeys(page);
}
