import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { columns } from '../../src/cli/columns.ts';
import { completionScript } from '../../src/cli/completion.ts';
import { buildProgram } from '../../src/cli/main.ts';
import { runCommand } from './run.ts';

const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

describe('lists', () => {
  it.each(['recipes', 'models', 'datasets', 'kernels'])('%s fit into 80 columns', async (name) => {
    const { stdout } = await runCommand(name);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  it('break at words and keep the columns', () => {
    expect(columns([['a', 'one two three four five six'], ['bcd', 'x']], 25)).toBe(
      'a    one two three four\n     five six\nbcd  x\n',
    ); // prettier-ignore
  });

  it('explain the model of any size', async () => {
    expect((await runCommand('models')).stdout.replace(/\s+/g, ' ')).toMatch(
      /convnext-custom .* model\.depths, model\.dims/,
    );
  });
});

describe('completion', () => {
  const values = {
    '--recipe': ['quickstart', 'convnext-t'],
    ablate: ['table7'],
    completion: ['bash', 'zsh', 'fish'],
  };

  it.skipIf(!has('bash'))('completes commands, options and recipes in bash', async () => {
    const script = completionScript('bash', await buildProgram('all'), values);
    const complete = (...words: string[]) => {
      const set = `COMP_WORDS=(largekernel ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}`;
      const shell = `${script}\n${set}; _largekernel; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { stdout, stderr } = spawnSync('bash', ['-c', shell], { encoding: 'utf8', cwd: '/' });
      expect(stderr).toBe('');
      return stdout.trim().split('\n');
    };
    expect(complete('tra')).toEqual(['train']);
    expect(complete('train', '--reci')).toEqual(['--recipe']);
    expect(complete('train', '--recipe', 'quick')).toEqual(['quickstart']);
    expect(complete('ablate', 'tab')).toEqual(['table7']);
    expect(complete('data', 'ver')).toEqual(['verify']);
    expect(complete('data', 'verify', '--spl')).toEqual(['--split']);
    expect(complete('completion', 'fi')).toEqual(['fish']);
    // `--recipe=quick` as bash splits it, and as zsh does not
    expect(complete('train', '--recipe', '=', 'quick')).toEqual(['quickstart']);
    expect(complete('train', '--recipe', '=')).toEqual(expect.arrayContaining(values['--recipe']));
    expect(complete('train', '--recipe=quick')).toEqual(['--recipe=quickstart']);
    expect(complete('train', '--data', '=', '/us')).toEqual(['/usr']);
  });

  it('names every command and option in every shell', async () => {
    const program = await buildProgram('all');
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      const script = completionScript(shell, program, values);
      for (const command of program.commands) {
        expect(script).toContain(command.name());
        for (const { long } of command.options)
          expect(script).toContain(shell === 'fish' ? `-l ${long!.slice(2)}` : long);
      }
    }
  });
});

describe('a command alone', () => {
  it('is loaded without the others, which are listed all the same', async () => {
    const program = await buildProgram(['models']);
    const named = (name: string) => program.commands.find((command) => command.name() === name)!;
    expect(named('models').options.map(({ long }) => long)).toEqual(['--json']);
    expect(named('train').options).toEqual([]);
    expect(named('train').description()).toContain('train a recipe');
  });
});
