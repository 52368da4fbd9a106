/** Draws the place of an error: the line before, the line, a caret below. */

import type { Place } from "./errors.ts";
import { maskKeyLike, printable } from "./show.ts";

/** Longer lines are cut around the place. */
const maxWidth = 110;

/** Finds lines by offset. */
export class LineIndex {
  readonly #starts: readonly number[];

  constructor(text: string) {
    const starts = [0];
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", end + 1)) starts.push(end + 1);
    this.#starts = starts;
  }

  place(offset: number, length: number): Place {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.start(middle) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.start(low) + 1, offset, length };
  }

  /** Offset at which a line begins; lines count from 0 here. */
  start(line: number): number {
    return this.#starts[line] ?? Number.POSITIVE_INFINITY;
  }
}

/** `text` is masked already, except for what only its looks give away. */
export function drawFrame(text: string, lines: LineIndex, place: Place): string {
  const index = place.line - 1;
  const start = place.column - 1;
  const cut = start > maxWidth - 30 ? start - 40 : 0;
  const line = lineText(text, lines, index, cut);
  const drawn = index > 0 && cut === 0 ? [row(index, lineText(text, lines, index - 1, 0))] : [];
  const width = Math.min(place.length, line.length - (start - cut));
  drawn.push(row(place.line, line), `      | ${" ".repeat(start - cut)}${"^".repeat(Math.max(1, width))}`);
  return drawn.join("\n");
}

function row(number: number, line: string): string {
  return `${String(number).padStart(5)} | ${line}`.trimEnd();
}

/** What is shown of a line. More of it is looked at, so that a key that is cut off is still known for one. */
function lineText(text: string, lines: LineIndex, index: number, cut: number): string {
  const start = lines.start(index);
  const from = Math.max(start, start + cut - 200);
  const to = Math.min(lines.start(index + 1) - 1, start + cut + maxWidth + 200);
  const shown = start + cut - from;
  return printable(maskKeyLike(text.slice(from, to)))
    .slice(shown, shown + maxWidth)
    .trimEnd();
}
