/** The writing half of Protocol Buffers, as much of it as ONNX and event files need: varints, floats, doubles, and length-delimited fields. */

const LARGE_BYTES = 4096;

/** A message under construction. Fields are written in the order of the calls; messages nest by `message`. */
export class ProtobufWriter {
  private readonly parts: Uint8Array[] = [];
  private length = 0;

  /** bytes so far */
  get byteLength(): number {
    return this.length;
  }

  /** int32, int64, uint64, bool and enum; negative numbers take ten bytes, as the format demands. */
  int(field: number, value: number | bigint): this {
    return this.varint(BigInt(field) << 3n).varint(BigInt.asUintN(64, BigInt(value)));
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.varint((BigInt(field) << 3n) | 5n).append(bytes);
  }

  double(field: number, value: number): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    return this.varint((BigInt(field) << 3n) | 1n).append(bytes);
  }

  string(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value));
  }

  bytes(field: number, value: Uint8Array): this {
    return this.header(field, value.byteLength).append(value);
  }

  message(field: number, write: (inner: ProtobufWriter) => void): this {
    const inner = new ProtobufWriter();
    write(inner);
    return this.embed(field, inner);
  }

  /** A message that is already written. */
  embed(field: number, message: ProtobufWriter): this {
    this.header(field, message.length);
    for (const part of message.parts) this.append(part);
    return this;
  }

  /** The message in pieces to be written one after another; only large ones (weights) are not copied. */
  pieces(): readonly Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let small: Uint8Array[] = [];
    for (const part of this.parts) {
      if (part.byteLength < LARGE_BYTES) small.push(part);
      else {
        pieces.push(Buffer.concat(small), part);
        small = [];
      }
    }
    return [...pieces, Buffer.concat(small)];
  }

  private header(field: number, length: number): this {
    return this.varint((BigInt(field) << 3n) | 2n).varint(BigInt(length));
  }

  private varint(value: bigint): this {
    const bytes: number[] = [];
    for (; value > 127n; value >>= 7n) bytes.push(Number(value & 127n) | 128);
    return this.append(Uint8Array.from([...bytes, Number(value)]));
  }

  private append(bytes: Uint8Array): this {
    this.parts.push(bytes);
    this.length += bytes.byteLength;
    return this;
  }
}
