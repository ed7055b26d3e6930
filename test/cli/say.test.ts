import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';

it(
  'a line is said later though the main thread is blocked, unless it was taken back',
  { timeout: 60_000 },
  async () => {
    const source = new URL('../../src/cli/say.ts', import.meta.url).href;
    const code = `import { readSync } from 'node:fs';
    import { sayLater } from ${JSON.stringify(source)};
    sayLater('taken back', 0)();
    sayLater('said', 1);
    readSync(0, Buffer.alloc(1));`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code]);
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
      // Until now the thread that runs the program waits for this.
      if (errors.includes('said')) child.stdin.end('.');
    });
    expect(await new Promise((done) => child.on('close', done))).toBe(0);
    expect(errors).toBe('said\n');
  },
);
