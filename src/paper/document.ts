/** The page before it becomes HTML or Markdown. */
import type { Source } from './sources.ts';

/** A number of ours: its text, and the numbers of its files. */
export interface Shown {
  readonly text: string;
  readonly files: readonly number[];
}

export interface Cell {
  /** As the paper prints it. */
  readonly published?: string;
  readonly ours?: Shown;
  /** Ours minus the published, with its interval. */
  readonly difference?: string;
  /** Letter of the commands that fill it. */
  readonly todo?: string;
  /** Why there is neither a number nor a command. */
  readonly none?: string;
}

export interface Row {
  readonly name: string;
  readonly small?: string;
  readonly cells: readonly Cell[];
}

/** Commands that fill cells. */
export interface Todo {
  readonly letter: string;
  /** What it fills. */
  readonly what: string;
  readonly commands: readonly string[];
  readonly cost: string;
}

export interface Table {
  readonly caption: string;
  readonly columns: readonly { readonly label: string; readonly small?: string }[];
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
  readonly todos: readonly Todo[];
}

export interface Picture {
  readonly title: string;
  readonly caption: string;
  readonly svg: string;
  /** Its data; hidden until asked for. */
  readonly tables: readonly Table[];
}

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly text: readonly string[];
  readonly tables: readonly Table[];
  readonly pictures: readonly Picture[];
}

/** A statement of the paper, answered from our numbers. */
export interface Answer {
  readonly number: number;
  readonly section: string;
  readonly statement: string;
  readonly lines: readonly {
    readonly verdict: 'yes' | 'no' | 'undecided';
    /** On which data. */
    readonly where: string;
    readonly words: string;
    readonly files: readonly number[];
  }[];
  readonly todo: Todo | undefined;
}

export interface Page {
  readonly title: string;
  readonly text: readonly string[];
  readonly answers: readonly Answer[];
  readonly sections: readonly Section[];
  readonly sources: readonly Source[];
  readonly version: string;
}
