import type { TensorToWrite } from '../../formats/safetensors.ts';
import { FrameworkError, defined } from '../../util/errors.ts';
import { readCheckpointFile, type Checkpoint } from './checkpoints.ts';
import type { TrainingSession } from '../step/session.ts';
import { LOSS_SCALER } from '../step/step-graph.ts';
import type { FlatStore } from '../../execution/store.ts';
import { SCALER_SPEC } from '../../ops/loss-scale/op.ts';

/**
 * The files of a checkpoint: `model.safetensors` and, with averages, `ema.safetensors` are state dicts that PyTorch loads with
 * strict=True; `optimizer.safetensors` holds the moments as `moment1.<parameter>`, `moment2.<parameter>`, and with `precision: f16`
 * the state of loss scaling.
 */
export async function stateFiles(
  session: TrainingSession,
  batchesTracked: number,
): Promise<Map<string, TensorToWrite[]>> {
  const files = new Map<string, TensorToWrite[]>();
  files.set('model.safetensors', await stateDict(session, session.parameters, session.state, batchesTracked));
  if (session.emaParameters !== undefined && session.emaState !== undefined) {
    files.set(
      'ema.safetensors',
      await stateDict(session, session.emaParameters, session.emaState, batchesTracked),
    );
  }
  const moments: TensorToWrite[] = [];
  for (const [i, store] of session.moments.entries()) {
    for (const [name, data] of await store.readAll()) {
      const { shape } = defined(
        store.layout.members.find((member) => member.name === name),
        name,
      );
      moments.push({ name: `moment${i + 1}.${name}`, shape, dtype: 'F32', data });
    }
  }
  for (const [name, data] of (await session.scaler?.readAll()) ?? [])
    moments.push({ name, shape: SCALER_SPEC.shape, dtype: 'F32', data });
  files.set('optimizer.safetensors', moments);
  return files;
}

async function stateDict(
  session: TrainingSession,
  parameters: FlatStore,
  state: FlatStore,
  batchesTracked: number,
): Promise<TensorToWrite[]> {
  const values = new Map([...(await parameters.readAll()), ...(await state.readAll())]);
  return session.model.parameters.map(({ name, shape, kind }): TensorToWrite => {
    if (kind === 'counter')
      return { name, shape, dtype: 'I64', data: BigInt64Array.of(BigInt(batchesTracked)) };
    return { name, shape, dtype: 'F32', data: defined(values.get(name), name) };
  });
}

/** Restores parameters, state, averages and moments, bit for bit. */
export async function loadState(session: TrainingSession, checkpoint: Checkpoint): Promise<void> {
  await fill(checkpoint, 'model.safetensors', [session.parameters, session.state]);
  if (session.emaParameters !== undefined && session.emaState !== undefined) {
    await fill(checkpoint, 'ema.safetensors', [session.emaParameters, session.emaState]);
  }
  const moments = await readCheckpointFile(checkpoint, 'optimizer.safetensors');
  session.moments.forEach((store, i) => {
    for (const { name } of store.layout.members)
      store.write(name, expect(moments, `moment${i + 1}.${name}`, checkpoint));
  });
  session.scaler?.write(LOSS_SCALER, expect(moments, LOSS_SCALER, checkpoint));
}

async function fill(checkpoint: Checkpoint, file: string, stores: readonly FlatStore[]): Promise<void> {
  const tensors = await readCheckpointFile(checkpoint, file);
  for (const store of stores) {
    for (const { name } of store.layout.members) store.write(name, expect(tensors, name, checkpoint));
  }
}

function expect(
  tensors: ReadonlyMap<string, Float32Array>,
  name: string,
  checkpoint: Checkpoint,
): Float32Array {
  const data = tensors.get(name);
  if (data !== undefined) return data;
  throw new FrameworkError(
    'checkpoint/missing-tensor',
    `The checkpoint ${checkpoint.folder} has no ${name}.`,
    {
      hint: 'It belongs to another model; check the recipe.',
    },
  );
}
