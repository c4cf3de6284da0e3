// Says beside each filter how many values are chosen: the bar stays when the rows are asked for anew.
export function startFilters(page) {
  page.addEventListener("change", ({ target }) => {
    const menu = target.closest(".list-choices");
    const count = menu?.parentElement.querySelector("[data-filter-count]");
    if (!count) return;
    const chosen = menu.querySelectorAll("input:checked").length;
    count.textContent = chosen;
    count.hidden = !chosen;
  });
}
