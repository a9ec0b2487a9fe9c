// Files beside the page; one that does not come is named.

export const NO_TOKEN = "the address needs its token: take it anew from the terminal, "
  + "where a phone reads it as a QR code";

export async function beside(name) {
  const reply = await fetch(name).catch(() => null);
  if (reply?.ok) return reply;
  throw new Error(!reply ? `${name} does not come: has the server ended?`
    : reply.status === 403 ? `${name} is refused: ${NO_TOKEN}`
      : `${name} is missing beside this page`);
}
