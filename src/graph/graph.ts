import { FrameworkError } from '../util/errors.ts';
import { type AnyOp, type Named, type Op, inOrder, mapNamed, operandsOf } from '../ops/op.ts';
import { f32, showShape, type Stored, type Tensor, type TensorKind, type TensorSpec } from '../ops/tensor.ts';

export type { Stored, Tensor, TensorKind } from '../ops/tensor.ts';

export type Direction = 'forward' | 'backward';

/** One application of an op. */
export interface Node {
  readonly id: number;
  readonly op: AnyOp;
  readonly attrs: unknown;
  /** By the op's names, in the op's order. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly direction: Direction;
  /** Path of the module that recorded it (`stages.2.blocks.4.pwconv1`), for profiles and plans. */
  readonly scope: string;
  /** Path of the residual block around it, if any. Blocks can be recomputed as a whole. */
  readonly block?: string;
  /** Names of outputs that accumulate instead of overwriting. */
  readonly accumulates: readonly string[];
}

/** A node of one op, whose operands and attributes are known. */
export type NodeOf<P extends AnyOp> =
  P extends Op<infer A, infer I, infer O>
    ? Omit<Node, 'attrs' | 'inputs' | 'outputs'> & {
        readonly attrs: A;
        readonly inputs: Named<Tensor, I>;
        readonly outputs: Named<Tensor, O>;
      }
    : never;

/** Whether a node applies `op`. */
export function isOf<P extends AnyOp>(node: Node, op: P): node is Node & NodeOf<P> {
  return node.op === op;
}

/** The specs of a node's inputs or outputs, by name. */
export function specsOf(tensors: Readonly<Record<string, Tensor>>): Record<string, TensorSpec> {
  return mapNamed(tensors, ({ spec }) => spec);
}

/** A recorded computation. Recording only appends; passes make new node lists. */
export class Graph {
  readonly nodes: Node[] = [];
  readonly inputs = new Map<string, Tensor>();
  readonly parameters = new Map<string, Tensor>();
  readonly states = new Map<string, Tensor>();
  readonly taps = new Map<string, Tensor>();
  direction: Direction = 'forward';
  private scopes: string[] = [];
  private block: string | undefined;
  private nextTensor = 0;
  private nextNode = 0;

  /** A tensor the host fills before each run. */
  input(name: string, spec: TensorSpec): Tensor {
    if (this.inputs.has(name))
      throw new FrameworkError('graph/duplicate', `The graph already has an input ${name}.`);
    const tensor = this.tensor('input', spec, name);
    this.inputs.set(name, tensor);
    return tensor;
  }

  /** A trainable tensor, always f32. Asking twice for one name gives the same tensor. */
  parameter(name: string, shape: readonly number[]): Tensor {
    return this.member(this.parameters, 'parameter', name, shape);
  }

  /** A tensor that is part of the model's state but not trained, such as a running mean. */
  state(name: string, shape: readonly number[]): Tensor {
    return this.member(this.states, 'state', name, shape);
  }

  private member(
    store: Map<string, Tensor>,
    kind: TensorKind,
    name: string,
    shape: readonly number[],
  ): Tensor {
    const known = store.get(name);
    if (known === undefined) {
      const tensor = this.stored(kind, f32(...shape), { store: kind, member: name });
      store.set(name, tensor);
      return tensor;
    }
    if (showShape(known.spec.shape) !== showShape(shape)) {
      throw new FrameworkError(
        'graph/duplicate',
        `${kind} ${name} is declared as ${showShape(known.spec.shape)} and again as ${showShape(shape)}.`,
      );
    }
    return known;
  }

  /** Names an intermediate so that it can be read after a run. Returns it. */
  tap(name: string, tensor: Tensor): Tensor {
    this.taps.set(name, tensor);
    return tensor;
  }

  /** Records everything in `body` under the scope `name`; scopes nest with dots. */
  scoped<T>(name: string, body: () => T): T {
    this.scopes.push(name);
    try {
      return body();
    } finally {
      this.scopes.pop();
    }
  }

  /** Records everything in `body` as one residual block with the scope's name. */
  asBlock<T>(body: () => T, name = this.scope): T {
    this.block = name;
    try {
      return body();
    } finally {
      this.block = undefined;
    }
  }

  get scope(): string {
    return this.scopes.join('.');
  }

  /**
   * Records one node and returns its outputs.
   * @throws FrameworkError `graph/operands` if an input is missing or is not the op's
   */
  apply<A, I extends string, O extends string>(
    op: Op<A, I, O>,
    inputs: Named<Tensor, I>,
    attrs: A,
  ): Named<Tensor, O> {
    return this.record(op, inputs, attrs) as Named<Tensor, O>;
  }

  /** Records one node and returns its first output. */
  one<A, I extends string, O extends string>(op: Op<A, I, O>, inputs: Named<Tensor, I>, attrs: A): Tensor {
    const [first] = Object.values(this.record(op, inputs, attrs));
    if (first === undefined) throw new FrameworkError('graph/outputs', `${op.name} has no output.`);
    return first;
  }

  private record(
    op: AnyOp,
    given: Readonly<Record<string, Tensor | undefined>>,
    attrs: unknown,
  ): Record<string, Tensor> {
    const inputs = operandsOf(op, given);
    const specs = Object.entries(inOrder(op.outputs, op.infer(specsOf(inputs), attrs)));
    const outputs = Object.fromEntries(
      specs.map(([name, spec]) => {
        const label = `${this.scope}:${op.name}${specs.length > 1 ? `.${name}` : ''}`;
        return [name, this.tensor('value', spec, label)];
      }),
    );
    const { direction, scope, block } = this;
    this.push({ op, attrs, inputs, outputs, direction, scope, ...(block && { block }), accumulates: [] });
    return outputs;
  }

  /** Appends a node as it is. */
  push(node: Omit<Node, 'id'>): void {
    this.nodes.push(this.node(node));
  }

  /** A fresh node that is not appended; used by passes. */
  node(node: Omit<Node, 'id'>): Node {
    return { ...node, id: this.nextNode++ };
  }

  /** A fresh tensor; used by passes. */
  tensor(kind: TensorKind, spec: TensorSpec, name: string): Tensor {
    return { id: this.nextTensor++, kind, spec, name };
  }

  /** A fresh tensor that stands for a member of a store and has its name. */
  stored(kind: TensorKind, spec: TensorSpec, stored: Stored): Tensor {
    const { store, member } = stored;
    const name = typeof member === 'string' ? member : `range ${member} of ${store}`;
    return { ...this.tensor(kind, spec, name), stored };
  }
}
