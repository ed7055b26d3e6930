import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { latestCheckpoint, readCheckpointFile } from '../../../src/training/run/checkpoints.ts';
import { digestOf, sealedKind, sealedText } from '../../../src/util/sealed.ts';
import { LOSS_SCALER } from '../../../src/training/step/step-graph.ts';
import { adapters, deviceFor } from '../../ops/harness.ts';
import { FOLDER, golden, SETTINGS } from '../golden.ts';
import { runTiny, scratchFolder, traces } from '../tiny.ts';
import { SCALER } from '../../../src/ops/loss-scale/op.ts';

interface Step {
  readonly loss: number;
  readonly gradNorm: number | null;
  readonly lossScale: number;
}

const F16 = { overrides: ['precision=f16'] };

async function steps(out: string): Promise<Step[]> {
  const { metrics } = await traces(out);
  return metrics.filter((record) => (record as { kind: string }).kind === 'step') as Step[];
}

async function newest(out: string) {
  const checkpoint = (await latestCheckpoint(join(out, 'checkpoints')))!;
  const tensors = await readCheckpointFile(checkpoint, 'optimizer.safetensors');
  const weights = await readCheckpointFile(checkpoint, 'model.safetensors');
  return { checkpoint, tensors, weights, scaler: [...tensors.get(LOSS_SCALER)!] };
}

/** Overwrites the state of loss scaling in a checkpoint, and the checksums with it. */
async function setScaler(checkpoint: string, values: readonly number[]): Promise<void> {
  const file = join(checkpoint, 'optimizer.safetensors');
  const bytes = readFileSync(file);
  const header = Number(bytes.readBigUInt64LE(0));
  const entries = JSON.parse(bytes.subarray(8, 8 + header).toString()) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const at = 8 + header + entries[LOSS_SCALER]!.data_offsets[0];
  values.forEach((value, i) => bytes.writeFloatLE(value, at + 4 * i));
  writeFileSync(file, bytes);
  const record = join(checkpoint, 'checkpoint.json');
  const { seal, files, ...rest } = JSON.parse(readFileSync(record, 'utf8')) as {
    seal: { kind: string; version: number };
    files: Record<string, unknown>;
  };
  const changed = { ...rest, files: { ...files, 'optimizer.safetensors': await digestOf(file) } };
  writeFileSync(record, sealedText(sealedKind(seal.kind, seal.version, ''), changed));
}

const canHalf = await Promise.all(
  adapters.map(async (kind) => (await deviceFor(kind)).device.features.has('shader-f16')),
);

describe.skipIf(!canHalf.includes(true)).each(adapters.filter((_, i) => canHalf[i]))(
  'training with activations in 16 bits on %s',
  (adapter) => {
    it('has the losses of PyTorch in 32 bits', { timeout: 900_000 }, async () => {
      const out = join(scratchFolder(), 'run');
      const overrides = [...SETTINGS, ...F16.overrides];
      await runTiny(adapter, out, { overrides, init: join(FOLDER, 'plain.safetensors'), maxSteps: 10 });
      const done = await steps(out);
      expect(done).toHaveLength(10);
      done.forEach(({ loss, gradNorm }, i) => {
        expect(Math.abs(loss / golden.plain.losses[i]! - 1), `loss of step ${i + 1}`).toBeLessThan(2e-4);
        expect(Math.abs(gradNorm! / golden.plain.gradNorms[i]! - 1), `norm of step ${i + 1}`).toBeLessThan(
          1e-3,
        );
      });
      expect((await newest(out)).scaler).toEqual([65536, 10, 65536, 0]);
    });

    it('goes on bit-exactly after an interruption', { timeout: 900_000 }, async () => {
      const folder = scratchFolder();
      await runTiny(adapter, join(folder, 'whole'), F16);
      await runTiny(adapter, join(folder, 'parts'), { ...F16, maxSteps: 2 });
      await runTiny(adapter, join(folder, 'parts'), { ...F16, resume: true });
      expect(await traces(join(folder, 'parts'))).toEqual(await traces(join(folder, 'whole')));
    });

    it(
      'skips a step whose gradient overflows, and goes on with half the scale',
      { timeout: 900_000 },
      async () => {
        const out = join(scratchFolder(), 'run');
        await runTiny(adapter, out, { ...F16, maxSteps: 2 });
        const before = await newest(out);
        await setScaler(before.checkpoint.folder, [2 ** 40, 0, 2 ** 40, 0]);
        await runTiny(adapter, out, { ...F16, maxSteps: 3 });
        const skipped = await newest(out);
        expect([...skipped.weights]).toEqual([...before.weights]);
        expect(skipped.scaler[SCALER.indexOf('scale')]).toBe(2 ** 39);
        await runTiny(adapter, out, F16);
        const [, , third, ...rest] = await steps(out);
        expect(third!.gradNorm).toBeNull();
        expect(rest.map(({ lossScale }) => lossScale)).toEqual([2 ** 39, 2 ** 38, 2 ** 37]);
        expect(rest.every(({ loss }) => Number.isFinite(loss))).toBe(true);
        const { skippedSteps } = JSON.parse(readFileSync(join(out, 'summary.json'), 'utf8')) as {
          skippedSteps: number;
        };
        expect(skippedSteps).toBe((await newest(out)).scaler[SCALER.indexOf('skipped')]);
        expect(skippedSteps).toBeGreaterThanOrEqual(1);
      },
    );
  },
);

describe.skipIf(!canHalf.includes(false)).each(adapters.filter((_, i) => !canHalf[i]))(
  '16 bits on %s, which has no shader-f16',
  (adapter) => {
    it('is refused with what to do', { timeout: 900_000 }, async () => {
      const run = runTiny(adapter, join(scratchFolder(), 'run'), F16);
      await expect(run).rejects.toThrow(/precision: f16 was asked for, but .* has no shader-f16/);
    });
  },
);
