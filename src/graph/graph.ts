import { FrameworkError } from '../util/errors.ts';
import type { AnyOp, Op } from '../ops/op.ts';
import { f32, showShape, type Stored, type Tensor, type TensorKind, type TensorSpec } from '../ops/tensor.ts';

export type { Stored, Tensor, TensorKind } from '../ops/tensor.ts';

export type Stage = 'forward' | 'backward';

/** One application of an op. */
export interface Node<A = unknown> {
  readonly id: number;
  readonly op: AnyOp;
  readonly attrs: A;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly stage: Stage;
  /** Path of the module that recorded it (`stages.2.blocks.4`), for profiles, plans and recompute. */
  readonly scope: string;
  /** Per output: add to what is there. */
  readonly accumulate: readonly boolean[];
}

/** A recorded computation. Recording only appends; passes make new node lists. */
export class Graph {
  readonly nodes: Node[] = [];
  readonly inputs = new Map<string, Tensor>();
  readonly parameters = new Map<string, Tensor>();
  readonly states = new Map<string, Tensor>();
  readonly taps = new Map<string, Tensor>();
  /** Scopes whose inner values are recomputed in the backward pass instead of kept. */
  readonly recomputed = new Set<string>();
  stage: Stage = 'forward';
  private scopes: string[] = [];
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
    family: Map<string, Tensor>,
    kind: TensorKind,
    name: string,
    shape: readonly number[],
  ): Tensor {
    const known = family.get(name);
    if (known === undefined) {
      const tensor = this.stored(kind, f32(...shape), { family: kind, member: name });
      family.set(name, tensor);
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

  get scope(): string {
    return this.scopes.join('.');
  }

  /** Records one node and returns its outputs. */
  apply<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor[] {
    const specs = op.infer(
      inputs.map((tensor) => tensor.spec),
      attrs,
    );
    const outputs = specs.map((spec, i) =>
      this.tensor('value', spec, `${this.scope}:${op.name}${specs.length > 1 ? `.${i}` : ''}`),
    );
    this.push({
      op,
      attrs,
      inputs,
      outputs,
      stage: this.stage,
      scope: this.scope,
      accumulate: outputs.map(() => false),
    });
    return outputs;
  }

  /** Records one node of an op with a single output. */
  one<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
    const [first] = this.apply(op, inputs, attrs);
    if (first === undefined) throw new FrameworkError('graph/outputs', `${op.name} has no output.`);
    return first;
  }

  /** Appends a node as it is; used by passes. */
  push(node: Omit<Node, 'id' | 'op'> & { op: AnyOp }): Node {
    const made = { ...node, id: this.nextNode++ } as Node;
    this.nodes.push(made);
    return made;
  }

  /** A fresh tensor; used by passes. */
  tensor(kind: TensorKind, spec: TensorSpec, name: string): Tensor {
    return { id: this.nextTensor++, kind, spec, name };
  }

  /** A fresh tensor for what a family holds; named after its member. */
  stored(kind: TensorKind, spec: TensorSpec, stored: Stored): Tensor {
    const { family, member } = stored;
    const name = typeof member === 'string' ? member : `range ${member} of ${family}`;
    return { ...this.tensor(kind, spec, name), stored };
  }
}
