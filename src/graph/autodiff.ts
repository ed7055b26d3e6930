import { FrameworkError, defined } from '../util/errors.ts';
import type { Graph, Node, Tensor } from './graph.ts';
import { accumulate as accumulateOp } from '../ops/accumulate/op.ts';
import { add } from '../ops/add/op.ts';
import { mapNamed } from '../ops/op.ts';

/** What `differentiate` found. */
export interface Gradients {
  /** Parameter name → its accumulated gradient (kind `gradient`). */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Gradients of the tensors asked for, in that order; undefined where the loss does not depend on one. */
  readonly tensors: readonly (Tensor | undefined)[];
}

export interface DifferentiateOptions {
  /** Differentiate with respect to every parameter that the loss depends on. Default true. */
  readonly parameters?: boolean;
  /** Other tensors to differentiate with respect to, such as the image for an attack. */
  readonly tensors?: readonly Tensor[];
}

/**
 * Reverse-mode differentiation: appends the gradient nodes of Σ `loss` to the graph.
 *
 * The gradient of a value is assigned by its first contribution and added to by the others. Gradients of parameters are added to memory
 * that the optimiser zeroes, so that micro-batches accumulate.
 * @param loss its gradient seed is `seed`, of the same shape (1 for a plain sum)
 */
export function differentiate(
  graph: Graph,
  loss: Tensor,
  seed: Tensor,
  options: DifferentiateOptions = {},
): Gradients {
  const forward = [...graph.nodes];
  graph.direction = 'backward';
  const pass = new BackwardPass(graph, forward, loss, options);
  pass.add(loss, seed);
  for (const node of [...forward].reverse()) pass.differentiateNode(node);
  const parameters = pass.finishParameters();
  const tensors = (options.tensors ?? []).map((tensor) => pass.gradientOf(tensor));
  graph.direction = 'forward';
  return { parameters, tensors };
}

class BackwardPass {
  private readonly graph: Graph;
  /** Ids of tensors that a wanted gradient flows through. */
  private readonly needed: Set<number>;
  private readonly gradients = new Map<number, Tensor>();
  private readonly parameterParts = new Map<string, Tensor[]>();

  constructor(graph: Graph, forward: readonly Node[], loss: Tensor, options: DifferentiateOptions) {
    this.graph = graph;
    this.needed = new Set((options.tensors ?? []).map((tensor) => tensor.id));
    if (options.parameters ?? true)
      for (const tensor of graph.parameters.values()) this.needed.add(tensor.id);
    for (const node of forward) {
      if (Object.values(node.inputs).some((tensor) => this.needed.has(tensor.id)))
        for (const out of Object.values(node.outputs)) this.needed.add(out.id);
    }
    if (!this.needed.has(loss.id)) {
      throw new FrameworkError(
        'graph/no-gradient',
        `${loss.name} depends on no parameter and on none of the tensors asked for.`,
      );
    }
  }

  gradientOf(tensor: Tensor): Tensor | undefined {
    return this.gradients.get(tensor.id);
  }

  /** Adds a contribution to the gradient of `tensor`. */
  add(tensor: Tensor, contribution: Tensor): void {
    if (tensor.kind === 'parameter') {
      const parts = this.parameterParts.get(tensor.name) ?? [];
      parts.push(contribution);
      this.parameterParts.set(tensor.name, parts);
      return;
    }
    const present = this.gradients.get(tensor.id);
    this.gradients.set(
      tensor.id,
      present === undefined ? contribution : this.graph.one(add, { a: present, b: contribution }, {}),
    );
  }

  differentiateNode(node: Node): void {
    const dys = mapNamed(node.outputs, ({ id }) => this.gradients.get(id));
    const wanted = Object.keys(node.inputs).filter((name) => this.needed.has(node.inputs[name]?.id ?? -1));
    if (Object.values(dys).every((dy) => dy === undefined) || wanted.length === 0) return;
    if (node.op.gradient === undefined) {
      throw new FrameworkError('graph/no-gradient', `${node.scope}: ${node.op.name} has no gradient rule.`);
    }
    const contributions =
      this.graph.scoped(node.scope, () => node.op.gradient?.(this.graph, node, dys, new Set(wanted))) ?? {};
    for (const name of wanted) {
      const contribution = contributions[name];
      if (contribution !== undefined) this.add(defined(node.inputs[name], name), contribution);
    }
  }

  /**
   * Directs every contribution to a parameter into the accumulated gradient: the op that makes it accumulates there itself
   * if it can; otherwise another node adds it.
   */
  finishParameters(): Map<string, Tensor> {
    const result = new Map<string, Tensor>();
    const uses = new Map<number, number>();
    for (const node of this.graph.nodes)
      for (const tensor of Object.values(node.inputs)) uses.set(tensor.id, (uses.get(tensor.id) ?? 0) + 1);
    for (const [name, parts] of this.parameterParts) {
      const parameter = defined(this.graph.parameters.get(name), `parameter ${name}`);
      const target = this.graph.stored('gradient', parameter.spec, { store: 'gradient', member: name });
      result.set(name, target);
      for (const part of parts) {
        if (uses.get(part.id) === undefined && this.retarget(part, target)) continue;
        this.graph.push({
          op: accumulateOp,
          attrs: {},
          inputs: { x: part },
          outputs: { out: target },
          direction: 'backward',
          scope: `gradient of ${name}`,
          accumulates: ['out'],
        });
      }
    }
    return result;
  }

  /** Makes the node that produces `part` add into `target`. False if it cannot. */
  private retarget(part: Tensor, target: Tensor): boolean {
    const index = this.graph.nodes.findLastIndex((node) => Object.values(node.outputs).includes(part));
    const node = this.graph.nodes[index];
    if (node === undefined) return false;
    const name = (node.op.accumulates ?? []).find((output) => node.outputs[output] === part);
    if (name === undefined) return false;
    this.graph.nodes[index] = {
      ...node,
      outputs: { ...node.outputs, [name]: target },
      accumulates: [...node.accumulates, name],
    };
    return true;
  }
}
