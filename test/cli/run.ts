import { buildProgram } from '../../src/cli/main.ts';
import { describeError, exitCodeOf } from '../../src/cli/errors.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in this process and keeps what it prints. Defects are thrown on. */
export async function runCommand(...argv: string[]): Promise<Outcome> {
  const printed = { stdout: '', stderr: '' };
  const restore = (['stdout', 'stderr'] as const).map((name) => {
    const stream = process[name];
    const write = stream.write.bind(stream);
    stream.write = (text: string | Uint8Array) => {
      printed[name] += typeof text === 'string' ? text : Buffer.from(text).toString();
      return true;
    };
    return () => (stream.write = write);
  });
  try {
    await (await buildProgram(argv)).parseAsync(argv, { from: 'user' });
    return { code: 0, ...printed };
  } catch (error) {
    const code = exitCodeOf(error);
    if (code === 1) throw error;
    return { code, stdout: printed.stdout, stderr: `${printed.stderr}${describeError(error)}` };
  } finally {
    for (const each of restore) each();
  }
}
