/** The baseline: nginx swaps the key and writes an access log, as its documentation has it. It cannot change a body. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { providerKey } from "../upstream/payloads.ts";
import { unlessOnPath } from "./on-path.ts";
import type { Place, Subject } from "./subject.ts";

export const nginx: Subject = {
  name: "nginx",
  overridesModel: false,
  scales: true,
  securesUpstream: true,
  unavailable: () => unlessOnPath("nginx"),
  prepare(place) {
    const file = join(place.folder, "nginx.conf");
    mkdirSync(join(place.folder, "temp"));
    writeFileSync(file, config(place));
    return { command: ["nginx", "-p", place.folder, "-e", join(place.folder, "error.log"), "-c", file] };
  },
};

// Buffers and log as they are by default: bodies above 16 KiB go through a file, each request's line is a write. Not so by
// default: connections to the upstream are kept. Streams are not buffered, as the upstream asks (X-Accel-Buffering).
function config({ folder, port, upstreamPort, upstreamCertificate, workers }: Place): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `  ${name}_temp_path ${join(folder, "temp", name)};`,
  );
  // Workers of a master that is root would be nobody, who may not enter our folder.
  const user = process.getuid?.() === 0 ? "user root;\n" : "";
  return `${user}daemon off;
worker_processes ${workers};
worker_rlimit_nofile 20000;
pid ${join(folder, "nginx.pid")};
events { worker_connections 8192; }
http {
  access_log ${join(folder, "access.log")} combined;
${temporary.join("\n")}
  client_max_body_size 32m;
  keepalive_requests 1000000000;
  upstream provider {
    server 127.0.0.1:${upstreamPort};
    keepalive 1024;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port}${workers > 1 ? " reuseport" : ""};
    location / {
      proxy_pass ${upstreamCertificate === undefined ? "http" : "https"}://provider;
${upstreamCertificate === undefined ? "" : tlsTo(upstreamCertificate)}      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer ${providerKey}";
    }
  }
}
`;
}

/** Sessions are resumed by default (proxy_ssl_session_reuse). */
function tlsTo(certificate: string): string {
  return `      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${certificate};
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
`;
}
