/** Listens to the directories that decide what a path means, and follows them when links are swapped. */
import { watch, type FSWatcher } from "node:fs";
import { basename } from "node:path";
import { placesOf, type Place } from "./places.ts";

/** `entry`: a name came, went or now means something else. `content`: something happened to what has the name. */
export type DirectoryEvent = "entry" | "content";

// The way to a file may change while it is followed. More often than that, polling has to do.
const MOST_ROUNDS = 8;

interface Listening {
  readonly watcher: FSWatcher;
  names: ReadonlySet<string>;
}

/**
 * The directory rather than the file, because a watch on a file dies with the file that it began with. Where a directory
 * cannot be watched (no watches left, no permission), there are no events of it, and no error: polling has to do.
 */
export class Directories {
  readonly #path: string;
  readonly #onEvent: (event: DirectoryEvent) => void;
  readonly #listening = new Map<string, Listening>();
  #closed = false;

  constructor(path: string, onEvent: (event: DirectoryEvent) => void) {
    this.#path = path;
    this.#onEvent = onEvent;
  }

  /** What happens from now on is told. What happened before has to be looked for after this has resolved. */
  async follow(): Promise<void> {
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const places = await placesOf(this.#path);
      // Followed once more after a new watch: the way may have changed before that watch began.
      if (this.#closed || !this.#listenTo(places)) return;
    }
  }

  close(): void {
    this.#closed = true;
    for (const key of this.#listening.keys()) this.#drop(key);
  }

  /** Whether there was a directory to which nobody had listened. */
  #listenTo(places: readonly Place[]): boolean {
    const wanted = new Set(places.map(keyOf));
    let isNew = false;
    for (const place of places) {
      const known = this.#listening.get(keyOf(place));
      if (known !== undefined) known.names = place.names;
      else if (this.#listen(place)) isNew = true;
    }
    for (const key of this.#listening.keys()) if (!wanted.has(key)) this.#drop(key);
    return isNew;
  }

  #listen(place: Place): boolean {
    const key = keyOf(place);
    try {
      const watcher = watch(place.directory, { persistent: false });
      const listening: Listening = { watcher, names: place.names };
      this.#listening.set(key, listening);
      watcher.on("error", () => this.#drop(key));
      watcher.on("change", (type, name) => this.#hear(key, place.directory, type, name === null ? null : String(name)));
      return true;
    } catch {
      return false;
    }
  }

  #hear(key: string, directory: string, type: string, name: string | null): void {
    const listening = this.#listening.get(key);
    if (listening === undefined) return;
    const isEntry = type === "rename";
    // A directory that is moved or deleted says so under its own name, and its watch is of no more use.
    const isItself = isEntry && name === basename(directory);
    if (isItself) this.#drop(key);
    if (isItself || name === null || listening.names.has(name)) this.#onEvent(isEntry ? "entry" : "content");
  }

  #drop(key: string): void {
    this.#listening.get(key)?.watcher.close();
    this.#listening.delete(key);
  }
}

function keyOf({ directory, id }: Place): string {
  return `${id} ${directory}`;
}
