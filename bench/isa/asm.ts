/** What AMD's assembly says of a kernel: the loop where its multiply-adds are, and what else is in there. */

interface Instruction {
  readonly name: string;
  /** Operations of an instruction: two where RDNA 3 issues two at once (VOPD). */
  readonly operations: readonly string[];
  /** Index of the instruction that a branch leads to. */
  target: number | undefined;
}

/** Static counts over a stretch of code. */
export interface Mix {
  /** Vector arithmetic (VALU); a dual instruction is two, one of the matrix units as many as it keeps them busy for. */
  readonly vector: number;
  /** Those of `vector` that multiply and add. */
  readonly multiplying: number;
  /** Multiply-adds a lane: `v_pk_fma` is one instruction of two, `v_wmma` of 128. */
  readonly multiplyAdds: number;
  /** Instructions of the matrix units. */
  readonly matrices: number;
  /** Loads from buffers, workgroup memory and scratch, scalar ones included. */
  readonly loads: number;
}

const VECTOR = /^v_/;
const MULTIPLY_ADD =
  /^v_(dual_|pk_)?(fma|fmac|fmaak|fmamk|mad|mac|madak|madmk)_(legacy_)?(mix|mixlo|mixhi|f)/;
/** RDNA 3 multiplies 16×16 by 16×16 matrices with 32 lanes. */
const MATRIX = /^v_wmma_f32_16x16x16_f16/;
const MATRIX_MULTIPLY_ADDS = 128;
/** 512 multiply-adds a cycle and compute unit, which has four SIMDs. */
const MATRIX_CYCLES = 32;
const LOAD = /^(global|buffer|scratch|flat|tbuffer|ds|s|s_buffer)_(load|read)(2|2st64)?_/;

/** Reads the assembly that RADV prints. */
export function parseAssembly(text: string): Instruction[] {
  const instructions: Instruction[] = [];
  const labels = new Map<string, number>();
  const branches: { at: number; label: string }[] = [];
  for (const line of text.split('\n')) {
    const code = (line.split(';')[0] ?? '').trim();
    const label = /^(BB\d+):$/.exec(code)?.[1];
    const again = /^\(then repeated (\d+) times\)$/.exec(code)?.[1];
    const last = instructions.at(-1);
    if (label !== undefined) labels.set(label, instructions.length);
    else if (again !== undefined) {
      if (last !== undefined) for (let i = 0; i < Number(again); i++) instructions.push(last);
    } else if (/^[a-z]/.test(code)) {
      const operations = code.split('::').map((half) => half.trim().split(/\s/)[0] ?? '');
      const [name = ''] = operations;
      const to = /^s_c?branch\w*\s+(BB\d+)/.exec(code)?.[1];
      if (to !== undefined) branches.push({ at: instructions.length, label: to });
      instructions.push({ name, operations, target: undefined });
    }
  }
  for (const { at, label } of branches) {
    const branch = instructions[at];
    if (branch !== undefined) branch.target = labels.get(label);
  }
  return instructions;
}

/** Loops as ranges from the target of a backward branch to that branch; several branches to one target are one loop. */
function loopsOf(instructions: readonly Instruction[]): { from: number; to: number }[] {
  const loops = new Map<number, number>();
  instructions.forEach(({ target }, at) => {
    if (target !== undefined && target <= at) loops.set(target, Math.max(at, loops.get(target) ?? 0));
  });
  return [...loops].map(([from, to]) => ({ from, to }));
}

export function mixOf(instructions: readonly Instruction[]): Mix {
  const operations = instructions.flatMap((instruction) => instruction.operations);
  const vector = operations.filter((name) => VECTOR.test(name));
  const matrices = vector.filter((name) => MATRIX.test(name)).length;
  const scalar = vector.filter((name) => MULTIPLY_ADD.test(name));
  return {
    vector: vector.length + (MATRIX_CYCLES - 1) * matrices,
    multiplying: scalar.length + MATRIX_CYCLES * matrices,
    multiplyAdds: scalar.reduce(
      (sum, name) => sum + (name.startsWith('v_pk_') ? 2 : 1),
      MATRIX_MULTIPLY_ADDS * matrices,
    ),
    matrices,
    loads: instructions.filter(({ name }) => LOAD.test(name)).length,
  };
}

/** How often RADV's model runs a loop inside so many others. */
const TRIPS = [8, 4];
const FURTHER_TRIPS = 2;

/** Multiply-adds a lane of the whole program, with as many trips of each loop as RADV's own estimate of cycles supposes. */
export function modelledMultiplyAdds(instructions: readonly Instruction[]): number {
  const loops = loopsOf(instructions);
  return instructions.reduce((sum, instruction, at) => {
    const depth = loops.filter(({ from, to }) => from <= at && at <= to).length;
    const trips = Array.from({ length: depth }, (_, i) => TRIPS[i] ?? FURTHER_TRIPS);
    return sum + trips.reduce((product, trip) => product * trip, mixOf([instruction]).multiplyAdds);
  }, 0);
}

/** The loop without loops inside that has the most multiply-adds; undefined where no such loop multiplies. */
export function hottestLoop(instructions: readonly Instruction[]): Mix | undefined {
  const loops = loopsOf(instructions);
  const innermost = loops.filter(
    (loop) => !loops.some((other) => other !== loop && other.from >= loop.from && other.to <= loop.to),
  );
  const mixes = innermost.map(({ from, to }) => mixOf(instructions.slice(from, to + 1)));
  const best = mixes.reduce<Mix | undefined>(
    (most, mix) => (mix.multiplyAdds > (most?.multiplyAdds ?? 0) ? mix : most),
    undefined,
  );
  return best;
}
