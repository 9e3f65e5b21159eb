/** What a command has to work with: the terminal, the options that all have, and whom to ask. */
import { JournalInspection } from "../../collector/journal/inspection.ts";
import { type Connection, type ConnectionOptions, connect } from "./connection.ts";
import { EXIT_FOUND, EXIT_STOPPED, Failure, toFailure } from "./failure.ts";

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Resolves when what was written has been taken by whoever reads. */
  drained(): Promise<void>;
  /** Whether what is written to `out` is read by a person now. */
  readonly isInteractive: boolean;
  readonly hasColours: boolean;
  /** Whether progress may be drawn over itself on `err`. */
  readonly showsProgress: boolean;
  readonly columns: () => number;
  /** All of the terminal, to be drawn over; undefined where `out` is none that can be. */
  readonly screen: Screen | undefined;
  /** Reads all of standard input, or a line where a person is asked. */
  readonly ask: (question: string) => Promise<string | undefined>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface Screen {
  readonly rows: () => number;
  /**
   * Takes the second screen, without the cursor, until the returned function is called or the process ends in whatever way
   * it can notice. Meanwhile `q` and Ctrl-C abort `signal`, and `onResize` is told of another size.
   */
  enter(onResize: () => void): () => void;
}

export interface CommonOptions extends ConnectionOptions {
  readonly json: boolean;
  /** The folder of a stopped collector. */
  readonly journal: string | undefined;
}

const COLOURS = { red: 31, green: 32, yellow: 33, blue: 34, grey: 90, bold: 1 } as const;

const DONE_MS_MIN = 100;

export class Context {
  readonly terminal: Terminal;
  readonly common: CommonOptions;
  #drawnAtMs = 0;
  #isBarOpen = false;
  /** Whose answer is shown, where several are asked. */
  #oneOfMany: string | undefined;

  constructor(terminal: Terminal, common: CommonOptions) {
    this.terminal = terminal;
    this.common = common;
  }

  get signal(): AbortSignal {
    return this.terminal.signal;
  }

  get isJson(): boolean {
    return this.common.json;
  }

  out(text: string): void {
    this.endProgress();
    this.terminal.out(text.endsWith("\n") ? text : `${text}\n`);
  }

  /** Says whose it is, where several collectors are asked. */
  json(value: object): void {
    this.out(toJson(this.#named(value), 2));
  }

  /** The same in one line, for values without end. */
  jsonLine(value: object): void {
    this.out(toJson(this.#named(value), 0));
  }

  #named(value: object): object {
    const address = this.#oneOfMany;
    if (address === undefined) return value;
    return Array.isArray(value) ? { address, list: value } : { address, ...value };
  }

  colour(name: keyof typeof COLOURS, text: string): string {
    return this.terminal.hasColours ? `\u001b[${COLOURS[name]}m${text}\u001b[0m` : text;
  }

  /** A bar for long work, where a person looks on. */
  progress(what: string, done: number, of: number): void {
    if (!this.terminal.showsProgress) return;
    const nowMs = performance.now();
    if (done < of && nowMs - this.#drawnAtMs < DONE_MS_MIN) return;
    this.#drawnAtMs = nowMs;
    const full = Math.round((20 * done) / Math.max(1, of));
    this.#isBarOpen = true;
    this.terminal.err(`\r${what} [${"#".repeat(full).padEnd(20)}] ${done}/${of}`);
    if (done >= of) this.endProgress();
  }

  /** What comes next begins a line of its own. */
  endProgress(): void {
    if (this.#isBarOpen) this.terminal.err("\n");
    this.#isBarOpen = false;
  }

  /** Asks all collectors that are meant, one after the other; one that fails does not keep the others from being asked. */
  async each(ask: (connection: Connection, isOneOfMany: boolean) => Promise<number>): Promise<number> {
    this.#assertOnline();
    const connections = await connect(this.common);
    let worst = 0;
    try {
      for (const connection of connections) {
        if (this.signal.aborted) break;
        if (connections.length === 1) return await ask(connection, false);
        if (!this.isJson) this.out(this.colour("bold", `== ${connection.address}`));
        this.#oneOfMany = connection.address;
        try {
          worst = Math.max(worst, await ask(connection, true));
        } catch (reason) {
          worst = Math.max(worst, this.tellFailure(reason));
        }
      }
    } finally {
      for (const connection of connections) connection.close();
    }
    return worst;
  }

  /** Asks all collectors that are meant at once: for what is told of them together. */
  async together<T>(ask: (connections: readonly Connection[]) => Promise<T>): Promise<T> {
    this.#assertOnline();
    const connections = await connect(this.common);
    try {
      return await ask(connections);
    } finally {
      for (const connection of connections) connection.close();
    }
  }

  /** Says what went wrong with one of several, and what to end with for it. Throws what is none of ours. */
  tellFailure(reason: unknown): number {
    const failure = toFailure(reason);
    if (failure === undefined) throw reason;
    this.endProgress();
    this.terminal.err(`standpipe: ${failure.message}\n`);
    return failure.exitCode;
  }

  /** For what must not be done to several at once. */
  async one<T>(ask: (connection: Connection) => Promise<T>): Promise<T> {
    this.#assertOnline();
    if (this.common.all || this.common.address.includes(","))
      throw new Failure("this is done to one collector at a time: leave --all out, and name one address");
    return await this.together(async ([connection]) => {
      if (connection === undefined) throw new Failure("no collector was named");
      return await ask(connection);
    });
  }

  /** Throws Failure where Ctrl-C was pressed: what was done until then is a part, and must not be taken for all of it. */
  assertNotStopped(words: string): void {
    if (!this.signal.aborted) return;
    this.endProgress();
    throw new Failure(`stopped: ${words}`, EXIT_STOPPED);
  }

  /** The journal of --journal, looked into; nothing in it changes. */
  async look<T>(directory: string, body: (inspection: JournalInspection) => Promise<T>): Promise<T> {
    const inspection = await JournalInspection.open(directory);
    try {
      return await body(inspection);
    } finally {
      await inspection.close();
    }
  }

  /** Asks a person to type `word`; `instead` are the words that say it beforehand. Throws Failure where nobody agrees. */
  async confirm(question: string, word: string, instead = "--yes"): Promise<void> {
    const answer = await this.terminal.ask(`${question}\nType ${word} to go on: `);
    if (this.signal.aborted) throw new Failure("stopped: nothing was changed", EXIT_STOPPED);
    if (answer === undefined) throw new Failure(`${question} Nobody is there to ask: add ${instead} if that is meant`);
    if (answer.trim() !== word) throw new Failure("not confirmed: nothing was changed", EXIT_FOUND);
  }

  #assertOnline(): void {
    if (this.common.journal === undefined) return;
    throw new Failure(
      "this needs a running collector: leave --journal out (what works on a folder says so in its --help)",
    );
  }
}

function toJson(value: object, space: number): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? String(each) : each), space);
}
