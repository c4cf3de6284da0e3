// Binary messages of the terminal's socket: an 8-byte big-endian offset, then bytes.

const HEADER = 8;

/** A message with the bytes that begin at `offset`. */
export function encodeFrame(offset, bytes) {
  const frame = new Uint8Array(HEADER + bytes.length);
  new DataView(frame.buffer).setBigUint64(0, BigInt(offset));
  frame.set(bytes, HEADER);
  return frame;
}

/** The offset and the bytes of a message, which is an ArrayBuffer. */
export function decodeFrame(buffer) {
  const offset = Number(new DataView(buffer).getBigUint64(0));
  return { offset, bytes: new Uint8Array(buffer, HEADER) };
}
