// The run box: more variables by a button, and Ctrl-Enter or Cmd-Enter in the command runs it.
function start(form) {
  const rows = form.querySelector("[data-variables]");
  const add = form.querySelector("[data-add-variable]");
  add.hidden = false;
  add.addEventListener("click", () => {
    const row = rows.lastElementChild.cloneNode(true);
    for (const input of row.querySelectorAll("input")) input.value = "";
    rows.append(row);
    row.querySelector("input").focus();
  });
  form.elements.command.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
}

for (const form of document.querySelectorAll("[data-run-box]")) start(form);
