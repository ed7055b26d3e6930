/** A line on standard error: results go to standard output, everything else here. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
