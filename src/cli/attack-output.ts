import { attackFigures, withoutFigure6 } from '../report/attack-figures.ts';
import type { Figure } from '../report/figures.ts';
import { panelsSvg } from '../report/plot-svg.ts';
import { plotFigures } from '../report/plots.ts';
import type { Attack } from '../robustness/attacks/attack.ts';
import { attackWarnings } from '../robustness/attacks/attack-scoring.ts';
import type { AttackPoint } from '../robustness/scoring/curve.ts';
import type { BenchmarkResult } from '../robustness/benchmarks/evaluation/result.ts';
import { groupProblems, partsText } from '../robustness/benchmarks/images/problems.ts';
import { writeFileAtomic } from '../util/files.ts';
import { modelsOf } from './models-of.ts';

/** What an attack on one checkpoint gave. */
export interface AttackMade {
  readonly checkpoint: string;
  readonly result: BenchmarkResult;
  readonly file: string;
  /** The folder of the adversarial images, where they were kept. */
  readonly images: string | undefined;
  /** The same images on other models. */
  readonly transfer: readonly AttackMade[];
}

/** Prints results, then draws their figure where one is wanted: what was measured is there even if that cannot be written. */
export async function printAttack(
  attack: Attack,
  made: readonly AttackMade[],
  { json, figure }: { readonly json?: boolean; readonly figure?: string },
): Promise<void> {
  if (made.length === 0) return;
  const all = made.flatMap((one) => [one, ...one.transfer]);
  const text =
    json === true
      ? `${JSON.stringify({ attack: attack.id, results: made.map(recordOf) })}\n`
      : made.map((one) => textOf(one)).join('');
  process.stdout.write(text);
  if (figure !== undefined) await writeFileAtomic(figure, panelsSvg(figuresOf(all)));
  if (all.some(({ result }) => !result.complete)) process.exitCode = 3;
}

/** The paper's Figure 6 where the results are of it. */
function figuresOf(made: readonly AttackMade[]): Figure[] {
  const models = modelsOf(made);
  return [...attackFigures(models), ...plotFigures(withoutFigure6(models))];
}

function pointsOf({ curves = [] }: BenchmarkResult): AttackPoint[] {
  const [curve] = curves;
  if (curve !== undefined)
    return curve.points.flatMap(({ attack }) => (attack === undefined ? [] : [attack]));
  return [];
}

function recordOf({ checkpoint, result, file, images, transfer }: AttackMade): Record<string, unknown> {
  const { curves: _, parts: __, perClass: ___, report: ____, rows: _____, ...rest } = result;
  const points = pointsOf(result);
  return {
    checkpoint,
    ...rest,
    points,
    warnings: attackWarnings(points),
    file,
    ...(images !== undefined && { images }),
    ...(transfer.length > 0 && { transfer: transfer.map(recordOf) }),
  };
}

function textOf({ checkpoint, result, file, images, transfer }: AttackMade, indent = ''): string {
  const { name, model, items, protocol, problems } = result;
  const points = pointsOf(result);
  const lines = [
    `${name} on ${model} (${checkpoint}): ${items.scored} of ${items.asked} images and changed images, ${protocol.dataOrigin}`,
    `  ${protocol.settings ?? ''}`,
    ...points.map((point) => `  ${pointText(point)}`),
    ...attackWarnings(points).map((warning) => `  ${warning}`),
    ...groupProblems(problems).map((group) => `  ${group.kind}, ${partsText(group)}: ${group.what}`),
    ...(images === undefined ? [] : [`  images: ${images}`]),
    `  ${file}`,
  ];
  return [
    ...lines.map((text) => `${indent}${text}\n`),
    ...transfer.map((one) => textOf(one, `${indent}  `)),
  ].join('');
}

function pointText(point: AttackPoint): string {
  const {
    eps,
    correct,
    total,
    accuracy,
    low,
    high,
    success,
    flipped,
    cleanCorrect,
    linf,
    hit,
    attacked,
    zeros,
    completeness,
    standing = {},
  } = point;
  const percent = (value: number) => (100 * value).toFixed(2);
  return [
    `ε ${String(Number(eps.toPrecision(6))).padEnd(9)}`,
    `${percent(accuracy).padStart(6)} % (${percent(low)}–${percent(high)})  ${correct} of ${total} right`,
    ...(eps === 0 || success === null
      ? []
      : [
          `${percent(success.value)} % of the right ones flipped (${flipped} of ${cleanCorrect}), ${percent(1 - accuracy)} % of all wrong`,
        ]),
    ...(hit === undefined ? [] : [`${hit} of ${attacked} taken for the target`]),
    ...(eps === 0 ? [] : [`largest change ${linf.toPrecision(4)}`]),
    ...(zeros === 0 ? [] : [`${percent(zeros)} % of first gradients exactly 0`]),
    ...Object.entries(standing).map(([id, count]) => `${count} right after ${id}`),
    ...(completeness === undefined
      ? []
      : [
          `attributions miss the difference of logits by ${percent(completeness.mean)} % on average, ${percent(completeness.max)} % at most`,
        ]),
  ].join('  ');
}
