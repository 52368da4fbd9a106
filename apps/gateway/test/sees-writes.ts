/**
 * The beginning of a module for `--import`, which sees what a thread writes on its sockets, whichever engine writes it. The
 * rest of the module defines `seen(text)`: what it returns, if anything, is written instead.
 */
export const seesWrites = `
import { Socket } from "node:net";
const write = Socket.prototype.write;
Socket.prototype.write = function (data, ...rest) {
  const text = typeof data === "string" ? data : Buffer.from(data).toString("latin1");
  const other = seen(text);
  return write.call(this, other === undefined ? data : Buffer.from(other, "latin1"), ...rest);
};
`;
