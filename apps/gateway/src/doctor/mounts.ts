/** Which paths something is mounted at, from the text of /proc/self/mountinfo (proc_pid_mountinfo(5)). */

/** `path` without links. */
export function isMountPoint(mountinfo: string, path: string): boolean {
  return mountinfo.split("\n").some((line) => unescaped(line.split(" ")[4] ?? "") === path);
}

/** Blanks, tabs, line ends and backslashes are written as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
