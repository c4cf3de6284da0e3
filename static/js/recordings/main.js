// The page of one recording: the player, how fast it plays, and the search that leads to a moment.
//
// The player knows its options only when it is made, so another speed makes another one, at the same moment.

const PAUSE = 2; // seconds to which pauses are shortened

class Player {
  constructor(section) {
    this.source = section.dataset.src;
    this.place = section.querySelector("[data-player]");
    this.speed = section.querySelector("[data-speed]");
    this.idle = section.querySelector("[data-idle]");
    this.problem = section.querySelector("[data-problem]");
    this.speed.addEventListener("change", () => this.again());
    this.idle.addEventListener("change", () => this.again());
  }

  async start() {
    try {
      const answer = await fetch(this.source);
      if (!answer.ok) throw new Error(`The console answers ${answer.status}.`);
      this.text = await answer.text();
    } catch (error) {
      this.fail(`The recording could not be loaded: ${error.message}`);
      return;
    }
    this.moments = momentsOf(this.text);
    this.make(0);
  }

  fail(words) {
    this.place.hidden = true;
    this.problem.hidden = false;
    this.problem.textContent = words;
  }

  /** Make the player, at a second of its own time. */
  make(at) {
    this.player?.dispose();
    this.shortened = this.idle.checked;
    this.place.replaceChildren();
    this.player = AsciinemaPlayer.create({ data: this.text }, this.place, {
      fit: "width",
      controls: true,
      preload: true,
      speed: Number(this.speed.value),
      ...(this.shortened ? { idleTimeLimit: PAUSE } : {}),
      startAt: at,
      poster: `npt:${at}`,
      theme: "asciinema",
      terminalFontFamily: "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace",
    });
    this.player.addEventListener("error", () => this.fail("The recording cannot be played. Download it to look at it."));
    globalThis.recordingPlayer = this.player;
  }

  async again() {
    const real = this.realAt(await this.player.getCurrentTime());
    this.make(this.playedAt(real));
  }

  /** Show the recording's second `real`, and stop there. */
  async jump(real) {
    await this.player.pause();
    // A little after, so that the line itself is there.
    await this.player.seek(this.playedAt(real) + 0.01);
  }

  /** The player's second in which the recording's second is shown, now that pauses are shortened. */
  playedAt(real) {
    if (!this.idle.checked) return real;
    let [before, played] = [0, 0];
    for (const at of this.moments) {
      if (at > real) break;
      played += Math.min(at - before, PAUSE);
      before = at;
    }
    return played + Math.min(Math.max(0, real - before), PAUSE);
  }

  realAt(wanted) {
    if (!this.shortened) return wanted;
    let [before, played] = [0, 0];
    for (const at of this.moments) {
      const step = Math.min(at - before, PAUSE);
      if (played + step > wanted) break;
      played += step;
      before = at;
    }
    return before + wanted - played;
  }
}

/** The second of each event. */
function momentsOf(text) {
  const moments = [];
  const pattern = /^\[([0-9.e+-]+),/gm;
  for (const found of text.matchAll(pattern)) moments.push(Number(found[1]));
  return moments;
}

class Search {
  constructor(form, player) {
    this.form = form;
    this.player = player;
    const card = form.closest("section");
    this.count = card.querySelector("[data-count]");
    this.list = card.querySelector("[data-found]");
    this.template = card.querySelector("template");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.find(form.elements.q.value.trim());
    });
  }

  async find(words) {
    this.list.replaceChildren();
    this.count.textContent = words ? "Searching…" : "";
    if (!words) return;
    try {
      const answer = await fetch(`${this.form.dataset.find}?${new URLSearchParams({ q: words })}`);
      if (!answer.ok) throw new Error(`the console answers ${answer.status}`);
      this.show(await answer.json(), words);
    } catch (error) {
      this.count.textContent = `The search failed: ${error.message}`;
    }
  }

  show({ found, more }, words) {
    this.count.textContent = found.length ? `${more ? "The first " : ""}${found.length} line${found.length === 1 ? "" : "s"}` : "Nothing was found.";
    this.list.replaceChildren(...found.map((line) => this.row(line, words)));
  }

  row({ at, time, text }, words) {
    const row = this.template.content.cloneNode(true);
    const button = row.querySelector("button");
    row.querySelector(".recording-time").textContent = time;
    row.querySelector("code").append(...marked(text, words));
    button.addEventListener("click", () => {
      for (const other of this.list.querySelectorAll(".active")) other.classList.remove("active");
      button.classList.add("active");
      this.player.jump(at);
    });
    return row;
  }
}

function marked(text, words) {
  const place = text.toLowerCase().indexOf(words.toLowerCase());
  if (place < 0) return [text];
  const mark = document.createElement("mark");
  mark.textContent = text.slice(place, place + words.length);
  return [text.slice(0, place), mark, text.slice(place + words.length)];
}

const section = document.querySelector("[data-recording]");
if (section) {
  const player = new Player(section);
  new Search(document.querySelector("[data-find]"), player);
  player.start();
}
