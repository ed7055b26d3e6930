import type { Device } from '../../device/device.ts';
import { NodeTimer } from '../../execution/trace.ts';
import type { Plan } from '../../execution/plan.ts';
import type { TrainingSession } from '../step/session.ts';
import type { KernelShare, KernelsLook } from './looks.ts';

/** Steps that pass before the first is timed: kernels compile and memory is first touched in them. */
const WARM_UP = 2;
/** Timed steps: clocks of software adapters tick every 65 µs, which averages out. */
const TIMED = 32;

/** Times some early steps of a process on the device, where it has a clock. */
export class KernelTimes {
  private readonly session: TrainingSession;
  private readonly tell: (look: KernelsLook) => void;
  private readonly timers: { readonly step: NodeTimer; readonly update: NodeTimer } | undefined;
  private readonly sums = new Map<string, KernelShare>();
  private begun = 0;
  private reading: Promise<void> = Promise.resolve();

  /** @param tell hears of the shares after one, two, four … steps */
  constructor(device: Device, session: TrainingSession, tell: (look: KernelsLook) => void) {
    this.session = session;
    this.tell = tell;
    const { step, update } = session.plan;
    this.timers = NodeTimer.isPossible(device)
      ? {
          step: new NodeTimer(device, session.step, step.plan),
          update: new NodeTimer(device, session.update, update.plan),
        }
      : undefined;
  }

  /** Before the first micro-batch of a step is submitted. */
  stepBegins(): void {
    if (this.timers === undefined || this.begun > WARM_UP + TIMED) return;
    const timed = this.begun - WARM_UP;
    this.begun++;
    // The step before was submitted whole: what is read now comes before the next one on the queue.
    if (timed > 0) this.read(timed, this.timers);
    this.session.timing = timed >= 0 && timed < TIMED ? this.timers : undefined;
  }

  private read(timed: number, { step, update }: NonNullable<typeof this.timers>): void {
    const times = Promise.all([step.read(), update.read()]);
    this.reading = Promise.all([times, this.reading]).then(
      ([[stepMs, updateMs]]) => {
        const { plan } = this.session;
        this.add(plan.step.plan, stepMs, this.session.microBatches);
        this.add(plan.update.plan, updateMs, 1, 'update');
        if (Number.isInteger(Math.log2(timed))) this.tell(this.look(timed));
      },
      () => undefined, // the step itself fails with the device, and says so
    );
  }

  /** @param runs of the program in one step */
  private add({ steps }: Plan, ms: Float64Array, runs: number, part?: 'update'): void {
    steps.forEach(({ node: { op, ...node } }, i) => {
      const direction = part ?? node.direction;
      const key = `${op.name} ${direction}`;
      const known = this.sums.get(key) ?? { op: op.name, direction, count: 0, ms: 0 };
      this.sums.set(key, {
        ...known,
        count: known.count + runs,
        ms: known.ms + (ms[i] as number) * runs,
      });
    });
  }

  private look(timed: number): KernelsLook {
    const ops = [...this.sums.values()]
      .map(({ count, ms, ...op }) => ({ ...op, count: count / timed, ms: ms / timed }))
      .sort((a, b) => b.ms - a.ms);
    return { steps: timed, ms: ops.reduce((sum, { ms }) => sum + ms, 0), ops };
  }

  async close(): Promise<void> {
    await this.reading;
    this.session.timing = undefined;
    this.timers?.step.destroy();
    this.timers?.update.destroy();
  }
}
