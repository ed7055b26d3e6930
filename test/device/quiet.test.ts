import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it.skipIf(process.platform === 'win32')(
  'what Dawn says of limits stays off a pipe, and everything else goes there in order',
  () => {
    const script = join(mkdtempSync(join(tmpdir(), 'largekernel-')), 'quiet.mjs');
    writeFileSync(
      script,
      `import { writeSync } from 'node:fs';
       import { withoutNoise } from ${JSON.stringify(new URL('../../src/device/quiet.ts', import.meta.url).href)};
       process.stderr.write('before\\n');
       const result = withoutNoise(() => {
         writeSync(2, 'Warning: maxDynamicUniformBuffersPerPipelineLayout artificially reduced from 1 to 0 to fit.\\nof the driver\\n');
         return 7;
       });
       process.stderr.write(\`after \${result}\\n\`);
       try { withoutNoise(() => { throw new Error('thrown'); }); } catch (error) { console.error(error.message); }`,
    );
    const root = new URL('../..', import.meta.url);
    const { stdout } = spawnSync('sh', ['-c', `node --import tsx '${script}' 2>&1 | cat`], {
      encoding: 'utf8',
      cwd: root,
    });
    expect(stdout).toBe('before\nof the driver\nafter 7\nthrown\n');
  },
);
