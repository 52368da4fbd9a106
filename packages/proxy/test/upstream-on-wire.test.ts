/** What holds for connections with undici's client upon them holds for those of @keybearer/wire. */
process.env["KEYBEARER_TEST_ENGINE"] = "wire";

await import("./upstream-pool.test.ts");
await import("./upstream-addresses.test.ts");
await import("./upstream-histories.test.ts");
await import("./fault-table.test.ts");
