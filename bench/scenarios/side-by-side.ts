/** Several subjects at once, measured in turn: A B A B, so that a slow minute of the machine hits all. */
import type { Subject } from "../subjects/subject.ts";
import { startContender, type Contender, type Question } from "./contender.ts";
import type { Bench, Row } from "./scenario.ts";

export interface SideBySide extends Question {
  readonly scenario: string;
  /** One measurement of one subject; several figures where they have topics. */
  readonly once: (contender: Contender, bench: Bench) => Promise<readonly Figure[]>;
}

export interface Figure {
  readonly value: number;
  readonly unit: string;
  readonly topic?: string;
  readonly note?: string;
}

export async function sideBySide(bench: Bench, question: SideBySide): Promise<Row[]> {
  const course = new Course(bench, question.scenario);
  const contenders = new Map<Subject, Contender>();
  try {
    for (const subject of course.subjects) {
      await course.try(
        subject,
        async () => void contenders.set(subject, await startContender(bench, subject, question)),
      );
    }
    for (let pair = 0; pair < bench.pairs; pair++) {
      for (const [subject, contender] of contenders) {
        await course.try(subject, async () => course.add(subject, await question.once(contender, bench)));
      }
    }
    return course.rows();
  } finally {
    for (const { running } of contenders.values()) await running.stop();
  }
}

/** The same for what a process remembers: each measurement has a process of its own. */
export async function eachAnew(bench: Bench, question: SideBySide): Promise<Row[]> {
  const course = new Course(bench, question.scenario);
  for (let pair = 0; pair < bench.pairs; pair++) {
    for (const subject of course.subjects) {
      await course.try(subject, async () => {
        const contender = await startContender(bench, subject, question);
        try {
          course.add(subject, await question.once(contender, bench));
        } finally {
          await contender.running.stop();
        }
      });
    }
  }
  return course.rows();
}

/** What was measured so far. A subject that fails is measured no more, and the others go on. */
class Course {
  readonly subjects: readonly Subject[];
  readonly #figures = new Map<Subject, (readonly Figure[])[]>();
  readonly #failures = new Map<Subject, string>();
  readonly #unable: readonly Row[];

  constructor({ subjects }: Bench, scenario: string) {
    this.subjects = subjects.filter(({ cannot }) => cannot?.[scenario] === undefined);
    this.#unable = subjects.flatMap(({ name, cannot }) => {
      const note = cannot?.[scenario];
      return note === undefined ? [] : [{ subject: name, unit: "", values: [], note }];
    });
  }

  async try(subject: Subject, act: () => Promise<void>): Promise<void> {
    if (this.#failures.has(subject)) return;
    await act().catch((error: unknown) => {
      this.#failures.set(subject, error instanceof Error ? error.message : String(error));
    });
  }

  add(subject: Subject, figures: readonly Figure[]): void {
    this.#figures.set(subject, [...(this.#figures.get(subject) ?? []), figures]);
  }

  rows(): Row[] {
    const measured = this.subjects.flatMap((subject): Row[] => {
      const failure = this.#failures.get(subject);
      if (failure !== undefined) return [{ subject: subject.name, unit: "", values: [], note: failure, failed: true }];
      return rowsOf(subject.name, this.#figures.get(subject) ?? []);
    });
    return [...measured, ...this.#unable];
  }
}

/** One row for each topic; the note is that of the last figure. */
function rowsOf(subject: string, pairs: readonly (readonly Figure[])[]): Row[] {
  return (pairs.at(-1) ?? []).map(({ unit, topic, note }, index) => ({
    subject,
    unit,
    values: pairs.map((figures) => figures[index]?.value ?? Number.NaN),
    ...(topic !== undefined && { topic }),
    ...(note !== undefined && { note }),
  }));
}
