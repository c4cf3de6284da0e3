"""A small web application for the inside of a sandbox, of the standard library alone: a page, a form, a WebSocket.

Run there as ``python3 web_app.py PORT NAME``. ``/log`` lists every request but itself.
"""

import asyncio
import base64
import hashlib
import html
import json
import sys
from urllib.parse import parse_qs

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PAGE = """<!doctype html><title>NAME</title><h1>NAME</h1>
<form method="post" action="/form"><label>Word <input name="word"></label><button>Send</button></form>
<p id="live">waiting</p>
<script>
  const socket = new WebSocket(`ws://${location.host}/live`);
  socket.onopen = () => socket.send("hello from the page");
  socket.onmessage = (event) => { document.querySelector("#live").textContent = event.data; };
</script>"""

log = []


async def serve(reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    method, path, _ = head.split(" ", 2)
    headers = {}
    for line in head.split("\r\n")[1:-2]:
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    if path != "/log":
        log.append({"method": method, "path": path, "headers": headers})
    if headers.get("upgrade", "").lower() == "websocket":
        await echo(reader, writer, headers["sec-websocket-key"])
    elif path == "/log":
        answer(writer, json.dumps(log), "application/json")
    elif path == "/form":
        form = parse_qs((await reader.readexactly(int(headers["content-length"]))).decode())
        answer(writer, f"<h1>You sent {html.escape(form['word'][0])}</h1>")
    else:
        answer(writer, PAGE.replace("NAME", sys.argv[2]))
    await writer.drain()
    writer.close()


def answer(writer, text, kind="text/html; charset=utf-8"):
    body = text.encode()
    cookies = "Set-Cookie: theirs=1; Domain=localhost\r\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{cookies}\r\n"
    writer.write(head.encode() + body)


async def echo(reader, writer, key):
    """Give the first message back, as text."""
    accept = base64.b64encode(hashlib.sha1(key.encode() + MAGIC, usedforsecurity=False).digest()).decode()
    writer.write(
        f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )
    _, size = await reader.readexactly(2)
    mask = await reader.readexactly(4)
    data = await reader.readexactly(size & 127)
    text = b"echo: " + bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
    writer.write(bytes([0x81, len(text)]) + text)
    await reader.read(-1)


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    print("listening", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
