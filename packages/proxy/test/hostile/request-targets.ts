/** Target and Host: the four forms, and what neither may hold (RFC 9112 section 3.2, RFC 9110 sections 4.2 and 7.2). */
import { answered, get, head, refused, served, type RequestCase } from "./cases.ts";

function target(name: string, text: string, status = 400): RequestCase {
  return { name: `a target: ${name}`, bytes: get(text), outcome: refused(status) };
}

function host(name: string, ...lines: readonly string[]): RequestCase {
  return { name: `Host: ${name}`, bytes: ["GET / HTTP/1.1", ...lines, "", ""].join("\r\n"), outcome: refused(400) };
}

function reads(name: string, text: string, seen: string): RequestCase {
  return { name: `a target: ${name}`, bytes: get(text), outcome: served({ method: "GET", target: seen }) };
}

const root = { method: "GET", target: "/" };

export const targets: readonly RequestCase[] = [
  target("a space", "/a b"),
  target("a tab", "/a\tb"),
  target("a NUL", "/a\x00b"),
  target("a control character", "/a\x01b"),
  target("a DEL", "/a\x7fb"),
  target("a bare CR", "/a\rb"),
  target("a bare LF", "/a\nb"),
  target("a CRLF and a header", "/ HTTP/1.1\r\nX-A"),
  target("bytes beyond ASCII", "/caf\xc3\xa9"),
  target("bytes beyond ASCII in the query", "/?q=caf\xe9"),
  target("a fragment", "/a#b"),
  target("a fragment in the query", "/?a#b"),
  target("a backslash", "/a\\b"),
  target("a dot segment", "/a/../b"),
  target("a dot segment, encoded", "/a/%2e%2E/b"),
  target("no slash before it", "a/b"),
  target("a query alone", "?a"),
  target("another scheme", "ftp://a/"),
  target("the scheme of a file", "file:///etc/passwd"),
  target("an absolute form without a host", "http:///a"),
  target("an absolute form without a host, and a port", "http://:80/a"),
  target("an absolute form with a user", "http://u@a/"),
  target("an absolute form with user and password", "http://u:p@a/"),
  target("an absolute form with a space", "http://a b/"),
  target("an absolute form with one slash", "http:/a"),
  target("an authority form", "a:443"),
  target("an asterisk, for another method than OPTIONS", "*"),
  {
    name: "a target: an asterisk, for OPTIONS, asks about the gateway",
    bytes: head("OPTIONS * HTTP/1.1"),
    outcome: answered(404),
  },
  { name: "a target: an asterisk and more, for OPTIONS", bytes: head("OPTIONS *x HTTP/1.1"), outcome: refused(400) },
  { name: "CONNECT", bytes: "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", outcome: refused(405) },
  { name: "CONNECT with a path", bytes: head("CONNECT /a HTTP/1.1"), outcome: refused(405) },
  {
    name: "CONNECT to the upstream's own network, and a request behind it",
    bytes: `CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: a\r\n\r\n${get("/")}`,
    outcome: refused(405),
  },
  reads("an absolute form", "http://a/b?c", "/b?c"),
  reads("an absolute form in capitals", "HTTP://A/b", "/b"),
  reads("an absolute form without a path", "http://a", "/"),
  reads("an absolute form with a query alone", "http://a?b", "/?b"),
  reads("an absolute form of another host than Host's, which counts for nothing", "http://other/b", "/b"),
  reads("two slashes before it are a path, and no host", "//other/b", "//other/b"),
  reads("a URL in the path", "/http://other/b", "/http://other/b"),
  reads("an encoded CRLF stays encoded", "/a%0d%0aX-A:%201", "/a%0d%0aX-A:%201"),
  reads("an encoded NUL stays encoded", "/a%00b", "/a%00b"),
  reads("a percent sign that encodes nothing", "/a%zz%", "/a%zz%"),
  reads("a CRLF in the query, encoded", "/?a=%0D%0AHost:%20b", "/?a=%0D%0AHost:%20b"),
  reads("brackets, quotes and braces, which are no URL but harm nobody", '/?a[]="{}|^`<>', '/?a[]="{}|^`<>'),
  host("none", "X-A: 1"),
  host("two", "Host: a", "Host: b"),
  host("two, the same", "Host: a", "host: a"),
  host("empty", "Host:"),
  host("of spaces", "Host:   "),
  host("a port alone", "Host: :80"),
  host("a user", "Host: u@a"),
  host("a path", "Host: a/b"),
  host("a query", "Host: a?b"),
  host("a fragment", "Host: a#b"),
  host("a space", "Host: a b"),
  host("a tab", "Host: a\tb"),
  host("a list", "Host: a, b"),
  host("a backslash", "Host: a\\b"),
  host("two ports", "Host: a:1:2"),
  host("a port that is none", "Host: a:x"),
  host("a port with a sign", "Host: a:+80"),
  host("a port of six digits", "Host: a:000080"),
  host("bytes beyond ASCII", "Host: caf\xc3\xa9"),
  host("a quote", 'Host: "a"'),
  host("angle brackets", "Host: <a>"),
  host("a percent sign", "Host: a%41"),
  host("a comma", "Host: a,b"),
  host("a semicolon", "Host: a;b"),
  host("an open bracket", "Host: [::1"),
  host("IPv6 without brackets", "Host: ::1"),
  host("a URL", "Host: http://a"),
  host("a space before the colon", "Host : a"),
  host("folded", "Host: a\r\n b"),
  host("two, the second behind a bare LF", "Host: a\nHost: b"),
  ...["a:80", "A.B", "a.", "127.0.0.1", "[::1]", "[::1]:80", "a_b", "a:"].map((name): RequestCase => ({
    name: `Host: ${name} may be`,
    bytes: `GET / HTTP/1.1\r\nHost: ${name}\r\n\r\n`,
    outcome: served(root),
  })),
  {
    name: "Host: none, in HTTP/1.0",
    bytes: "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    outcome: served(root),
  },
  {
    name: "Host: two, in HTTP/1.0",
    bytes: "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    outcome: refused(400),
  },
  {
    name: "Host: none beside an absolute form, in HTTP/1.1",
    bytes: "GET http://a/ HTTP/1.1\r\n\r\n",
    outcome: refused(400),
  },
  {
    name: "Host: wrong beside an absolute form",
    bytes: "GET http://a/ HTTP/1.1\r\nHost: u@a/b\r\n\r\n",
    outcome: refused(400),
  },
];
