// Who has this terminal open, who has its keyboard, and the buttons that move it.

export class People {
  constructor(element, banner) {
    this.element = element;
    this.list = element.querySelector("[data-people-list]");
    this.count = element.querySelector("[data-people-count]");
    this.template = element.querySelector("template");
    this.banner = banner;
    this.words = banner.querySelector("[data-keyboard-words]");
    this.take = banner.querySelector("[data-keyboard-take]");
    this.take.addEventListener("click", () => this.pane?.transport.keyboard());
    this.list.addEventListener("click", (event) => {
      const button = event.target.closest("[data-give]");
      if (!button) return;
      this.pane?.transport.keyboard(Number(button.dataset.give));
      this.pane?.terminal.focus();
    });
  }

  show(pane) {
    this.pane = pane;
    const { people, keyboard } = pane?.people ?? { people: [], keyboard: null };
    const others = people.filter(({ you }) => !you);
    this.element.hidden = !others.length;
    this.count.textContent = String(new Set(people.map(({ name }) => name)).size);
    this.list.replaceChildren(...people.map((person) => this.person(person, keyboard)));
    this.tellKeyboard(people.find(({ id }) => id === keyboard));
  }

  person(person, keyboard) {
    const item = this.template.content.firstElementChild.cloneNode(true);
    const mine = person.id === this.pane.transport.you;
    item.querySelector("[data-person-name]").textContent = person.name;
    const about = [mine ? "this page" : person.you ? "you, another page" : "", person.may_type ? "" : "looks only"];
    if (person.id === keyboard) about.push("has the keyboard");
    item.querySelector("[data-person-about]").textContent = about.filter(Boolean).join(" · ");
    const give = item.querySelector("[data-give]");
    give.dataset.give = person.id;
    give.hidden = mine || !person.may_type || keyboard !== this.pane.transport.you;
    give.setAttribute("aria-label", `Hand the keyboard to ${person.name}`);
    return item;
  }

  // Another person has it: what is typed here goes nowhere, and the page says so before anybody tries.
  tellKeyboard(holder) {
    const readOnly = this.pane?.transport?.readOnly;
    this.banner.hidden = !holder || holder.you || this.pane.state.name !== "connected";
    if (this.banner.hidden) return;
    this.words.textContent = `${holder.name} has the keyboard.`;
    this.take.hidden = Boolean(readOnly);
  }
}
