import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { messageOf } from '../../util/errors.ts';
import { unsealedLine } from '../../util/sealed.ts';
import { later, type MetricsRecord } from './metrics-log.ts';

/** What became known of a log since it was looked at before. */
export interface LogNews {
  /** Everything before is to be forgotten: the run began anew, or went back to a checkpoint. */
  readonly isNew: boolean;
  readonly records: readonly MetricsRecord[];
}

const NEWLINE = 10;

/** Follows the log of a run that may be growing, without a claim on it; reads each byte once. */
export class LogTail {
  /** Lines that are not as they were written, by number. */
  readonly damaged: number[] = [];
  /** The last line has no end yet. */
  isCut = false;
  /** Why the log cannot be read, if it cannot. */
  problem: string | undefined;
  /** When the file last changed, in ms since 1970. */
  changed: number | undefined;
  private readonly path: string;
  private file = 0n;
  private offset = 0;
  private line = 0;
  private above = '';
  private isLater = later();

  constructor(path: string) {
    this.path = path;
  }

  async poll(): Promise<LogNews> {
    try {
      const found = await stat(this.path, { bigint: true });
      const size = Number(found.size);
      const isNew = found.ino !== this.file || size < this.offset;
      if (isNew) this.forget(found.ino);
      this.changed = Number(found.mtimeMs);
      this.problem = undefined;
      return { isNew, records: size > this.offset ? await this.read(size) : [] };
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      this.problem = isMissing && this.file === 0n ? undefined : messageOf(error);
      return { isNew: false, records: [] };
    }
  }

  private forget(file: bigint): void {
    this.file = file;
    this.offset = 0;
    this.line = 0;
    this.above = '';
    this.isLater = later();
    this.damaged.length = 0;
    this.isCut = false;
  }

  /** The whole lines up to byte `end`. */
  private async read(end: number): Promise<MetricsRecord[]> {
    const records: MetricsRecord[] = [];
    let rest: Buffer = Buffer.alloc(0);
    const stream = createReadStream(this.path, { start: this.offset, end: end - 1, highWaterMark: 2 ** 20 });
    for await (const piece of stream as AsyncIterable<Buffer>) {
      const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
      const last = bytes.lastIndexOf(NEWLINE) + 1;
      if (last > 0) this.take(bytes.toString('utf8', 0, last - 1), records);
      this.offset += last;
      rest = bytes.subarray(last);
    }
    this.isCut = rest.length > 0;
    return records;
  }

  private take(text: string, records: MetricsRecord[]): void {
    for (const ended of text.split('\n')) {
      const line = ended.replace(/\r$/, '');
      this.line++;
      const record = unsealedLine(line, this.above) as MetricsRecord | undefined;
      this.above = line;
      if (record === undefined || !this.isLater(record)) this.damaged.push(this.line);
      else records.push(record);
    }
  }
}
