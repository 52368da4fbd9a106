/** What speaks HTTP/1.1 below the two seams: node:http with undici, or `@keybearer/wire`. */
export type Engine = "node" | "wire";
