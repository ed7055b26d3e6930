import { classCountOf } from '../../src/training/data.ts';
import type { DeviceProfile } from '../../src/device/profile.ts';
import { loadRecipe } from '../../src/recipe/load.ts';
import { expandShader } from '../../src/shader/template.ts';
import { fitPlan } from '../../src/training/planning/fit.ts';
import { modelOfRecipe } from '../../src/training/weights/recipe-model.ts';
import type { PlannedStep } from '../../src/execution/plan.ts';
import type { TensorSpec } from '../../src/ops/tensor.ts';

/** One shader text of a training step. */
export interface Kernel {
  /** Op, and the shapes of the first node that runs it. */
  readonly label: string;
  readonly op: string;
  readonly shader: string;
  readonly code: string;
  /** Shorter side of a depthwise kernel; undefined for other ops. */
  readonly k: number | undefined;
}

const BATCH = 32;

/**
 * The distinct kernels of the training steps of recipes at 32 images.
 * @param overrides of all recipes, as `--set` takes them
 */
export async function kernelsOf(
  recipes: readonly string[],
  overrides: readonly string[],
  profile: DeviceProfile,
): Promise<Kernel[]> {
  const kernels = new Map<string, Kernel>();
  for (const name of recipes) {
    for (const step of await stepsOf(name, overrides, profile)) {
      for (const { dispatch } of step.dispatches) {
        const { code } = expandShader(dispatch.shader, dispatch.params, dispatch.bindings);
        if (!kernels.has(code)) kernels.set(code, describe(step, dispatch.shader, code));
      }
    }
  }
  return [...kernels.values()];
}

async function stepsOf(
  name: string,
  overrides: readonly string[],
  profile: DeviceProfile,
): Promise<readonly PlannedStep[]> {
  const { recipe } = await loadRecipe(name, overrides);
  const target = { profile, budget: Infinity, preferred: BATCH };
  const { step, update } = fitPlan(recipe, modelOfRecipe(recipe, classCountOf(recipe)), target, BATCH);
  return [...step.plan.steps, ...update.plan.steps];
}

function describe({ node }: PlannedStep, shader: string, code: string): Kernel {
  const inputs = Object.values(node.inputs).map(({ spec }) => spec);
  const operands = inputs.filter(({ shape }) => shape.length > 1);
  const output = Object.values(node.outputs)[0]?.spec;
  const shapes = `${(operands.length > 0 ? operands : inputs).slice(0, 2).map(show).join(', ')} → ${show(output)}`;
  const taps = node.op.name === 'depthwise-grad-weight' ? output : inputs[1];
  const k = shader.startsWith('depthwise/') ? Math.min(...(taps?.shape.slice(2) ?? [])) : undefined;
  return { label: `${node.op.name} ${shapes}`, op: node.op.name, shader, code, k };
}

function show(spec: TensorSpec | undefined): string {
  return spec?.shape.join('×') ?? 'nothing';
}
