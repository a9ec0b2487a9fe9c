// Where bytes go: a board on USB by Web Serial, or the board behind `make draw`.

import { NO_TOKEN } from "./beside.js";
import { LinkError } from "./reply.js";

export const hasSerial = () => "serial" in navigator;
const BAUD = 115200;

/** Let the user pick a port, and open it. */
export async function overSerial() {
  const port = await navigator.serial.requestPort();
  try {
    await port.open({ baudRate: BAUD, bufferSize: 16384 });
  } catch {
    throw new LinkError("the port cannot be opened: does another program hold it?");
  }
  // Asserted, these two hold many boards in reset or in their bootloader.
  await port.setSignals?.({ dataTerminalReady: false, requestToSend: false })
    .catch(() => {});
  const transport = { onbytes: null, onclose: null };
  const writer = port.writable.getWriter(), reader = port.readable.getReader();
  transport.write = bytes => writer.write(bytes);
  transport.close = async () => {
    await reader.cancel().catch(() => {});
    writer.releaseLock();
    await port.close().catch(() => {});
  };
  (async () => {
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        transport.onbytes?.(value);
      }
    } catch { /* unplugged */ }
    reader.releaseLock();
    transport.onclose?.();
  })();
  return transport;
}

// It tells why it closes a line; who says nothing is not there.
const NOBODY = "esp8k draw has ended, or the network is down";

/** The serial line of the program that serves this page. */
export async function overSocket(url) {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const transport = { onbytes: null, onclose: null };
  const closed = await new Promise(resolve => {
    socket.onopen = () => resolve(null);
    socket.onclose = resolve;
  });
  if (closed) {
    const reply = await fetch("about.json").catch(() => null); // a refusal has no reason
    throw new LinkError(closed.reason || (reply?.status === 403 ? NO_TOKEN : NOBODY));
  }
  socket.onmessage = event => transport.onbytes?.(new Uint8Array(event.data));
  socket.onclose = event => transport.onclose?.(event.reason || NOBODY);
  transport.write = async bytes => socket.send(bytes);
  transport.close = async () => socket.close();
  return transport;
}
