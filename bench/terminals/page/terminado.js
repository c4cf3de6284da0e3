// The least that a page of terminado's needs: what JupyterLab's terminal does with the socket, without JupyterLab.

import { Terminal } from "./xterm.mjs";

const [rows, cols] = [30, 100];
const made = await fetch("/api/terminals", { method: "POST" });
const { name } = await made.json();
const terminal = new Terminal({ rows, cols });
terminal.open(document.querySelector("#screen"));
terminal.focus();
const socket = new WebSocket(`ws://${location.host}/terminals/websocket/${name}`);
const say = (...message) => socket.send(JSON.stringify(message));
socket.onopen = () => {
  say("set_size", rows, cols, innerHeight, innerWidth);
  terminal.onData((data) => say("stdin", data));
};
socket.onmessage = ({ data }) => {
  const [kind, text] = JSON.parse(data);
  if (kind === "stdout") terminal.write(text);
};
window.terminal = terminal;
