/**
 * Writing ONNX models (operator sets 17 to 20; message numbers are those of onnx/onnx: onnx/onnx.proto).
 * The builder knows no operators: a node is a type, inputs, outputs and attributes. It checks for typical slips: unknown names,
 * names made twice, initialisers whose data do not fit.
 */
import { FrameworkError, nearest } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { countElements } from './dtype.ts';
import { ProtobufWriter } from './protobuf.ts';

/** A whole number is an INT, another number a FLOAT; say `{ float: 1 }` where ONNX wants a FLOAT that happens to be whole. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };
/** A size, or the name of a free dimension such as `batch`. */
export type OnnxDim = number | string;
export type OnnxDType = 'F32' | 'I64';

/** Operator set → the IR version it came out with. (onnx/onnx: onnx/helper.py, VERSION_TABLE) */
const IR_VERSION = { 17: 8, 18: 8, 19: 9, 20: 9 } as const;

/** Operator sets that models can be written for. */
export type Opset = keyof typeof IR_VERSION;

export function isOpset(value: number): value is Opset {
  return Object.hasOwn(IR_VERSION, value);
}

const DATA_TYPE = { F32: 1, I64: 7 } as const;
/** Bytes; a protobuf message cannot be larger. */
const MAX_MODEL = 2 ** 31 - 1;

/**
 * A graph under construction.
 * @example
 * const graph = new OnnxGraph('tiny');
 * graph.input('x', ['batch', 3, 8, 8]);
 * graph.initializer('w', weight, [4, 3, 3, 3]);
 * graph.node('Conv', ['x', 'w'], ['y'], { pads: [1, 1, 1, 1] });
 * graph.output('y', ['batch', 4, 8, 8]);
 * await graph.write('tiny.onnx');
 */
export class OnnxGraph {
  private readonly made = new Set<string>();
  private readonly inputs: ProtobufWriter[] = [];
  private readonly outputs: ProtobufWriter[] = [];
  private readonly nodes: ProtobufWriter[] = [];
  private readonly initializers: ProtobufWriter[] = [];
  private readonly properties: ProtobufWriter[] = [];
  private readonly name: string;
  private readonly opset: Opset;

  constructor(name: string, opset: Opset = 17) {
    this.name = name;
    this.opset = opset;
  }

  /** Adds a text to the model's metadata. */
  property(key: string, value: string): void {
    this.properties.push(new ProtobufWriter().string(1, key).string(2, value));
  }

  /** Declares an input of the model. Returns its name. */
  input(name: string, shape: readonly OnnxDim[], dtype: OnnxDType = 'F32'): string {
    this.make(name);
    this.inputs.push(valueInfo(name, shape, dtype));
    return name;
  }

  /** Declares an output of the model, which a node must have made before. */
  output(name: string, shape: readonly OnnxDim[], dtype: OnnxDType = 'F32'): void {
    this.need(name, 'the output list');
    this.outputs.push(valueInfo(name, shape, dtype));
  }

  /**
   * Adds a constant tensor, float32 or int64 by its data, stored raw. Returns its name.
   * @throws FrameworkError `onnx/bad-initializer`
   */
  initializer(name: string, data: Float32Array | BigInt64Array, shape: readonly number[]): string {
    if (countElements(shape) !== data.length)
      throw new FrameworkError(
        'onnx/bad-initializer',
        `initializer ${name} has ${data.length} values for the shape [${shape.join(', ')}]`,
      );
    this.make(name);
    const tensor = new ProtobufWriter();
    for (const dim of shape) tensor.int(1, dim);
    tensor.int(2, DATA_TYPE[data instanceof Float32Array ? 'F32' : 'I64']).string(8, name);
    tensor.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    this.initializers.push(tensor);
    return name;
  }

  /** Adds a list of whole numbers as a constant, as Reshape and its like want. */
  integers(name: string, values: readonly number[]): string {
    return this.initializer(name, BigInt64Array.from(values, BigInt), [values.length]);
  }

  /**
   * Adds a node. An empty input name leaves out an optional input. Returns the first output's name.
   * @throws FrameworkError `onnx/unknown-name` for an input nobody made, `onnx/repeated-name` for an output made before
   */
  node(
    type: string,
    inputs: readonly string[],
    outputs: readonly [string, ...string[]],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): string {
    for (const input of inputs) if (input !== '') this.need(input, `${type} → ${outputs[0]}`);
    for (const output of outputs) this.make(output);
    const node = new ProtobufWriter();
    for (const input of inputs) node.string(1, input);
    for (const output of outputs) node.string(2, output);
    node.string(3, `${type}_${outputs[0]}`).string(4, type);
    for (const [name, value] of Object.entries(attributes))
      node.message(5, (inner) => attribute(inner, name, value));
    this.nodes.push(node);
    return outputs[0];
  }

  /** Exact GELU: ONNX's own Gelu from operator set 20 on, before that 0.5 x (1 + erf(x / √2)). Returns the output's name. */
  gelu(input: string, output: string): string {
    if (this.opset >= 20) return this.node('Gelu', [input], [output]);
    const constant = (name: string, value: number) => {
      if (!this.made.has(name)) this.initializer(name, Float32Array.of(value), []);
      return name;
    };
    this.node('Mul', [input, constant('gelu.sqrt_half', Math.SQRT1_2)], [`${output}.scaled`]);
    this.node('Erf', [`${output}.scaled`], [`${output}.erf`]);
    this.node('Add', [`${output}.erf`, constant('gelu.one', 1)], [`${output}.shifted`]);
    this.node('Mul', [input, `${output}.shifted`], [`${output}.product`]);
    return this.node('Mul', [`${output}.product`, constant('gelu.half', 0.5)], [output]);
  }

  /** The bytes of the model file, in pieces. @throws FrameworkError `onnx/too-large`, `onnx/no-output` */
  encode(): readonly Uint8Array[] {
    if (this.outputs.length === 0)
      throw new FrameworkError('onnx/no-output', `graph ${this.name} has no output`);
    const model = new ProtobufWriter();
    model.int(1, IR_VERSION[this.opset]).string(2, 'largekernel');
    model.message(7, (graph) => {
      for (const node of this.nodes) graph.embed(1, node);
      graph.string(2, this.name);
      for (const tensor of this.initializers) graph.embed(5, tensor);
      for (const value of this.inputs) graph.embed(11, value);
      for (const value of this.outputs) graph.embed(12, value);
    });
    model.message(8, (opset) => opset.string(1, '').int(2, this.opset));
    for (const property of this.properties) model.embed(14, property);
    if (model.byteLength > MAX_MODEL)
      throw new FrameworkError(
        'onnx/too-large',
        `graph ${this.name} needs ${model.byteLength} bytes, ONNX allows ${MAX_MODEL}`,
        {
          hint: 'export the weights as safetensors instead',
        },
      );
    return model.pieces();
  }

  /** Writes the model. Atomic. */
  async write(path: string): Promise<void> {
    await writeFileAtomic(path, this.encode());
  }

  private make(name: string): void {
    if (this.made.has(name) || name === '')
      throw new FrameworkError(
        'onnx/repeated-name',
        `graph ${this.name} already has a value ${JSON.stringify(name)}`,
      );
    this.made.add(name);
  }

  private need(name: string, user: string): void {
    if (this.made.has(name)) return;
    const near = nearest(name, this.made);
    throw new FrameworkError(
      'onnx/unknown-name',
      `${user} uses ${JSON.stringify(name)}, which no earlier node, input or initializer of ${this.name} makes`,
      near === undefined ? {} : { hint: `did you mean ${near}?` },
    );
  }
}

function valueInfo(name: string, shape: readonly OnnxDim[], dtype: OnnxDType): ProtobufWriter {
  const dims = (writer: ProtobufWriter) => {
    for (const dim of shape)
      writer.message(1, (inner) => (typeof dim === 'number' ? inner.int(1, dim) : inner.string(2, dim)));
  };
  return new ProtobufWriter()
    .string(1, name)
    .message(2, (type) => type.message(1, (tensor) => tensor.int(1, DATA_TYPE[dtype]).message(2, dims)));
}

/** AttributeProto: f = 2, i = 3, s = 4, floats = 7, ints = 8, type = 20 (FLOAT 1, INT 2, STRING 3, INTS 7). */
function attribute(writer: ProtobufWriter, name: string, value: OnnxAttribute): void {
  writer.string(1, name);
  if (typeof value === 'string') writer.string(4, value).int(20, 3);
  else if (typeof value === 'number') {
    if (Number.isInteger(value)) writer.int(3, value).int(20, 2);
    else writer.float(2, value).int(20, 1);
  } else if ('float' in value) writer.float(2, value.float).int(20, 1);
  else {
    for (const item of value) writer.int(8, item);
    writer.int(20, 7);
  }
}
