import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { doneSteps, JOURNAL_NAME, runSteps, type RunRequest } from '../../src/paper/reproduce/run.ts';
import type { Step } from '../../src/paper/work/step.ts';
import { EXIT_SAVED } from '../../src/sweeps/execute.ts';
import { Stopper } from '../../src/sweeps/process.ts';

/** A command notes its name, writes a result and names it in JSON, unless something is in its way. */
const PROGRAM = `
name=$1
echo "$name" >> calls.txt
[ -e "saves-$name" ] && exit ${EXIT_SAVED}
[ -e "fails-$name" ] && { echo "Warning: of a library" >&2; echo "error: $name is in the way" >&2; exit 2; }
echo 1 > "$name-result.json"
echo "not JSON: result.json {"
echo "{\\"models\\": [{\\"file\\": \\"$PWD/$name-result.json\\", \\"other\\": 1}], \\"log\\": \\"result.json\\"}"
[ -e "lacks-$name" ] && exit 3
exit 0
`;

const step = (name: string): Step => ({ title: `do ${name}`, command: [name], work: [] });
const STEPS = ['first', 'second', 'third'].map(step);

let folder: string;
const at = (name: string) => join(folder, name);
const result = (name: string) => at(`${name}-result.json`);
const calls = () =>
  existsSync(at('calls.txt')) ? readFileSync(at('calls.txt'), 'utf8').trim().split('\n') : [];
const clear = () => { rmSync(at('calls.txt'), { force: true }); }; // prettier-ignore

async function run(steps: readonly Step[], more: Partial<RunRequest> = {}) {
  const started: string[] = [];
  const failures: string[] = [];
  const outcome = await runSteps({
    folder,
    steps,
    program: ['/bin/sh', '-c', `cd '${folder}' && . ./program.sh`, 'sh'],
    environment: process.env,
    stopper: new Stopper(),
    onStep: ({ title }, index) => started.push(`${index} ${title}`),
    onFailure: ({ title }, words) => failures.push(`${title}: ${words}`),
    ...more,
  });
  return { ...outcome, started, failures };
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'largekernel-reproduce-'));
  mkdirSync(folder, { recursive: true });
  writeFileSync(at('program.sh'), PROGRAM);
});

describe('the steps of a reproduction', () => {
  it('run one after the other, each asked for JSON, and name their results; done ones are not run again', async () => {
    const files = STEPS.map(({ command }) => result(String(command[0])));
    expect(await run(STEPS)).toEqual({
      ...{ files, exitCode: 0, failures: [] },
      started: ['0 do first', '1 do second', '2 do third'],
    });
    expect(calls()).toEqual(['first', 'second', 'third']);
    clear();
    expect(await run(STEPS)).toEqual({ files, exitCode: 0, failures: [], started: [] });
    expect(calls()).toEqual([]);
    expect((await doneSteps(folder, STEPS)).size).toBe(3);
  });

  it('that fail are told with their error, the others go on, and the next start tries them again', async () => {
    writeFileSync(at('fails-second'), '');
    const { files, exitCode, failures } = await run(STEPS);
    expect(files).toEqual([result('first'), result('third')]);
    expect([exitCode, failures]).toEqual([2, ['do second: error: second is in the way']]);
    rmSync(at('fails-second'));
    clear();
    expect(await run(STEPS)).toMatchObject({ exitCode: 0, started: ['1 do second'], failures: [] });
    expect(calls()).toEqual(['second']);
  });

  it('that measured a part keep what they measured, and are tried again', async () => {
    writeFileSync(at('lacks-first'), '');
    const { files, exitCode, failures } = await run([step('first')]);
    expect([files, exitCode, failures]).toEqual([
      [result('first')],
      3,
      ['do first: something of it is missing'],
    ]);
    expect((await doneSteps(folder, STEPS)).size).toBe(0);
  });

  it('stop between two, and where one says that it saved; the same call goes on from there', async () => {
    const stopper = new Stopper();
    writeFileSync(at('fails-first'), '');
    const stopped = await run(STEPS, { stopper, onFailure: () => { stopper.stop(); } }); // prettier-ignore
    expect([stopped.exitCode, calls()]).toEqual([EXIT_SAVED, ['first']]);
    rmSync(at('fails-first'));
    writeFileSync(at('saves-second'), '');
    expect(await run(STEPS)).toMatchObject({ exitCode: EXIT_SAVED, files: [result('first')], failures: [] });
    rmSync(at('saves-second'));
    expect(await run(STEPS)).toMatchObject({ exitCode: 0, started: ['1 do second', '2 do third'] });
    expect(calls()).toEqual(['first', 'first', 'second', 'second', 'third']);
  });

  it('ask the command under way to stop, and do not take its end for a failure', async () => {
    const stopper = new Stopper();
    writeFileSync(at('program.sh'), 'exec sleep 60');
    const onStep = () => { stopper.stop(); }; // prettier-ignore
    expect(await run(STEPS, { stopper, onStep })).toMatchObject({ exitCode: EXIT_SAVED, failures: [] });
    expect((await doneSteps(folder, STEPS)).size).toBe(0);
  });

  it('are run again where their results were deleted', async () => {
    await run(STEPS);
    rmSync(result('second'));
    clear();
    expect(await run(STEPS)).toMatchObject({ exitCode: 0, started: ['1 do second'] });
    expect(calls()).toEqual(['second']);
  });

  it('of one table are still done after those of another', async () => {
    await run([step('first')]);
    await run([step('second')]);
    clear();
    expect(await run(STEPS)).toMatchObject({ started: ['2 do third'] });
  });

  it('are not run by a journal that was changed: it says what to do', async () => {
    await run(STEPS);
    const path = at(JOURNAL_NAME);
    writeFileSync(path, readFileSync(path, 'utf8').replace('second', 'Second'));
    clear();
    await expect(run(STEPS)).rejects.toMatchObject({
      code: 'file/damaged',
      hint: expect.stringContaining('Delete it') as string,
    });
    expect(calls()).toEqual([]);
  });
});
