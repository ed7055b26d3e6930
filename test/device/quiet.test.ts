import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import { describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'largekernel-'));
// Plain JavaScript, so that the processes start in no time and threads need no loader.
const source = readFileSync(new URL('../../src/device/quiet.ts', import.meta.url), 'utf8');
const target = { target: ScriptTarget.ES2022, module: ModuleKind.ESNext };
writeFileSync(join(folder, 'quiet.mjs'), transpileModule(source, { compilerOptions: target }).outputText);
const WORK = `
  import { writeSync } from 'node:fs';
  import { withoutNoise } from './quiet.mjs';
  const noise = 'Warning: maxDynamicUniformBuffersPerPipelineLayout artificially reduced from 1 to 0 to fit.\\n';
  writeSync(2, 'before\\n');
  const result = withoutNoise(() => {
    writeSync(2, noise + 'Warning: of the driver\\n' + noise);
    return 7;
  });
  writeSync(2, \`after \${result}\\n\`);
  withoutNoise(() => writeSync(2, noise));
  try { withoutNoise(() => { throw new Error('thrown'); }); } catch (error) { writeSync(2, error.message + '\\n'); }`;
const SAID = 'before\nWarning: of the driver\nafter 7\nthrown\n';
const main = join(folder, 'main.mjs');
writeFileSync(main, WORK);
function shell(command: string): string {
  return spawnSync('sh', ['-c', command], { encoding: 'utf8' }).stdout;
}

describe.skipIf(process.platform === 'win32')('what Dawn says of limits', () => {
  it('stays off a pipe, and everything else goes there in order', () => {
    expect(shell(`node '${main}' 2>&1 | cat`)).toBe(SAID);
  });

  it.each(['>', '>>'])('leaves a file alone, with all that is written to it: %s', (redirection) => {
    const log = join(folder, 'log');
    writeFileSync(log, 'earlier\n');
    shell(`(echo first; node '${main}'; echo last) ${redirection} '${log}' 2>&1`);
    const text = readFileSync(log, 'utf8');
    expect(text.replace(/^Warning: max.*\n/gm, '')).toBe(
      `${redirection === '>>' ? 'earlier\n' : ''}first\n${SAID}last\n`,
    );
  });
});
