/** Markdown as the checks of the docs see it: fenced blocks, tables, links, headings. */

export interface Block {
  /** `docs/keys.md:24`, where its text begins. */
  readonly place: string;
  readonly page: string;
  /** First word behind the fence: `yaml`. */
  readonly language: string;
  /** The other words: `run`, `refused=CONFIG_TYPE`. */
  readonly marks: readonly string[];
  readonly text: string;
}

export function blocksIn(page: string, markdown: string): Block[] {
  return Array.from(markdown.matchAll(/^```([^\n]*)\n([^]*?)^```$/gm), ({ 1: info = "", 2: text = "", index }) => {
    const [language = "", ...marks] = info.split(" ").filter((word) => word !== "");
    const line = markdown.slice(0, index).split("\n").length + 1;
    return { place: `${page}:${line}`, page, language, marks, text };
  });
}

/** What stands behind `name=` among a block's marks. */
export function markOf({ marks }: Block, name: string): string | undefined {
  return marks.find((mark) => mark.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** Rows of the tables whose head begins with these cells, below headings that match; each row its cells' text. */
export function rowsIn(markdown: string, head: readonly string[], heading = /^/): string[][] {
  const rows: string[][] = [];
  let isBelow = heading.test("");
  let isInside = false;
  for (const line of prose(markdown).split("\n")) {
    if (line.startsWith("#")) isBelow = heading.test(line.replace(/^#+ /, ""));
    const cells = line.startsWith("|") ? line.split("|").slice(1, -1) : [];
    if (cells.length === 0) isInside = false;
    else if (isInside) rows.push(cells.map((cell) => cell.trim()));
    else isInside = isBelow && head.every((title, index) => cells[index]?.trim() === title);
  }
  return rows.filter(([first = ""]) => !/^-+$/.test(first));
}

/** What stands between backquotes. */
export function codesIn(text: string): string[] {
  return Array.from(text.matchAll(/`([^`]+)`/g), ([, code = ""]) => code);
}

/** Targets of links to files: `docs/keys.md#file`, `#file`. */
export function linksIn(markdown: string): string[] {
  return Array.from(prose(markdown).matchAll(/\]\(([^)\s]+)\)/g), ([, target = ""]) => target).filter(
    (target) => !/^[a-z]+:/.test(target),
  );
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsIn(markdown: string): string[] {
  return Array.from(prose(markdown).matchAll(/^#+ (.*)$/gm), ([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function prose(markdown: string): string {
  return markdown.replaceAll(/^```[^\n]*\n[^]*?^```$/gm, "");
}
