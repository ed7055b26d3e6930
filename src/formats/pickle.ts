/**
 * A reader of Python pickles that runs nothing. Names of Python functions and classes stay names; calls become records
 * (`PickleCall`), except those the caller lists. Only the opcodes that torch.save produces (protocols 2 to 5) are known.
 * Memory and time are linear in the length of the pickle: each opcode makes at most one value, and nothing is walked.
 */
import { messageOf } from '../util/errors.ts';
import { corrupt } from './tensor-file.ts';
import { PickleCall, PickleGlobal, PickleTuple } from './pickle-values.ts';
import type { PickleHandlers, PickleValue } from './pickle-values.ts';

const MARK = Symbol('mark');
type StackValue = PickleValue | typeof MARK;

/** Bytes; the pickle of a training checkpoint of a thousand tensors has some 200 KB. */
export const MAX_PICKLE = 64 * 1024 * 1024;
/** An empty dict takes one byte in a pickle and some 200 here, so the opcodes are counted too. */
const MAX_OPCODES = 1_000_000;

/**
 * The value a pickle describes.
 * @throws FrameworkError `formats/corrupt` for unknown opcodes, a stack that does not fit, or an early end
 */
export function unpickle(path: string, bytes: Uint8Array, handlers: PickleHandlers): PickleValue {
  return unpickleFirst(path, bytes, handlers).value;
}

/** The value of the pickle that `bytes` begin with, and the bytes it takes: old files hold several in a row. */
export function unpickleFirst(
  path: string,
  bytes: Uint8Array,
  handlers: PickleHandlers,
): { value: PickleValue; length: number } {
  try {
    const unpickler = new Unpickler(path, bytes, handlers);
    return { value: unpickler.run(), length: unpickler.at };
  } catch (error) {
    if (error instanceof RangeError) throw corrupt(path, `its pickle is cut short: ${messageOf(error)}`);
    throw error;
  }
}

class Unpickler {
  /** The next byte. */
  at = 0;
  private readonly stack: StackValue[] = [];
  private readonly memo = new Map<number, PickleValue>();
  private readonly view: DataView;
  private readonly text = new TextDecoder('utf-8');
  private readonly path: string;
  private readonly bytes: Uint8Array;
  private readonly handlers: PickleHandlers;

  constructor(path: string, bytes: Uint8Array, handlers: PickleHandlers) {
    this.path = path;
    this.bytes = bytes;
    this.handlers = handlers;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): PickleValue {
    for (let done = 0; ; done++) {
      const code = this.u8();
      if (code === 0x2e) return this.pop();
      if (done === MAX_OPCODES)
        throw corrupt(
          this.path,
          `its pickle has more than ${MAX_OPCODES} opcodes; files of up to some 40,000 tensors are read`,
          'save the weights alone, or as safetensors',
        );
      if (!this.scalar(code) && !this.container(code) && !this.object(code))
        throw this.wrong(`opcode 0x${code.toString(16)} is not one that torch.save writes`);
    }
  }

  /** Numbers, strings, constants, framing. */
  private scalar(code: number): boolean {
    switch (code) {
      case 0x80: // PROTO
        if (this.u8() > 5) throw this.wrong('its pickle protocol is above 5');
        return true;
      case 0x95: // FRAME
        this.take(8);
        return true;
      case 0x4e: // NONE
        return this.push(null);
      case 0x88: // NEWTRUE
        return this.push(true);
      case 0x89: // NEWFALSE
        return this.push(false);
      case 0x4a: // BININT
        return this.push(this.view.getInt32(this.take(4), true));
      case 0x4b: // BININT1
        return this.push(this.u8());
      case 0x4d: // BININT2
        return this.push(this.view.getUint16(this.take(2), true));
      case 0x8a: // LONG1
        return this.push(this.long(this.u8()));
      case 0x8b: // LONG4
        return this.push(this.long(this.u32()));
      case 0x47: // BINFLOAT
        return this.push(this.view.getFloat64(this.take(8)));
      case 0x58: // BINUNICODE
        return this.push(this.string(this.u32()));
      case 0x8c: // SHORT_BINUNICODE
        return this.push(this.string(this.u8()));
      case 0x8d: // BINUNICODE8
        return this.push(this.string(this.u64()));
      case 0x55: // SHORT_BINSTRING: a string of Python 2
        return this.push(this.string(this.u8()));
      case 0x54: // BINSTRING
        return this.push(this.string(this.u32()));
      case 0x43: // SHORT_BINBYTES
        return this.push(this.raw(this.u8()));
      case 0x42: // BINBYTES
        return this.push(this.raw(this.u32()));
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.push(this.raw(this.u64()));
      default:
        return false;
    }
  }

  /** Tuples, lists, dicts, sets (kept as lists), and the memo. */
  private container(code: number): boolean {
    switch (code) {
      case 0x28: // MARK
        this.stack.push(MARK);
        return true;
      case 0x30: // POP, of a tuple that holds itself
        this.stack.pop();
        return true;
      case 0x31: // POP_MARK
        this.popToMark();
        return true;
      case 0x29: // EMPTY_TUPLE
        return this.push(new PickleTuple([]));
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.push(new PickleTuple(this.popMany(code - 0x84)));
      case 0x74: // TUPLE
        return this.push(new PickleTuple(this.popToMark()));
      case 0x5d: // EMPTY_LIST
      case 0x8f: // EMPTY_SET
        return this.push([]);
      case 0x61: // APPEND
        return this.append(this.popMany(1));
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        return this.append(this.popToMark());
      case 0x91: // FROZENSET
        return this.push(this.popToMark());
      case 0x7d: // EMPTY_DICT
        return this.push(new Map<PickleValue, PickleValue>());
      case 0x73: // SETITEM
        return this.setItems(this.popMany(2));
      case 0x75: // SETITEMS
        return this.setItems(this.popToMark());
      case 0x71: // BINPUT
        return this.remember(this.u8());
      case 0x72: // LONG_BINPUT
        return this.remember(this.u32());
      case 0x94: // MEMOIZE
        return this.remember(this.memo.size);
      case 0x68: // BINGET
        return this.recall(this.u8());
      case 0x6a: // LONG_BINGET
        return this.recall(this.u32());
      default:
        return false;
    }
  }

  /** Names, calls and state: recorded, not performed. */
  private object(code: number): boolean {
    switch (code) {
      case 0x63: // GLOBAL
        return this.push(new PickleGlobal(`${this.line()}.${this.line()}`));
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.popMany(2);
        if (typeof module !== 'string' || typeof name !== 'string')
          throw this.wrong('a name is not a string');
        return this.push(new PickleGlobal(`${module}.${name}`));
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const [callee, args] = this.popMany(2);
        if (!(args instanceof PickleTuple)) throw this.wrong('the arguments of a call are not a tuple');
        return this.push(this.call(callee as PickleValue, args.items));
      }
      case 0x92: {
        // NEWOBJ_EX
        const [callee, args] = this.popMany(3);
        if (!(args instanceof PickleTuple)) throw this.wrong('the arguments of a call are not a tuple');
        return this.push(this.call(callee as PickleValue, args.items));
      }
      case 0x62: {
        // BUILD
        const state = this.pop();
        const object = this.stack.at(-1);
        if (object instanceof PickleCall) object.state = state;
        return true;
      }
      case 0x51: // BINPERSID
        return this.push(this.handlers.persistent(this.pop()));
      default:
        return false;
    }
  }

  private call(callee: PickleValue, args: readonly PickleValue[]): PickleValue {
    if (callee instanceof PickleGlobal) {
      if (callee.path === 'collections.OrderedDict') return orderedDict(args);
      const known = this.handlers.calls.get(callee.path);
      if (known !== undefined) return known(args);
    }
    return new PickleCall(callee, args);
  }

  private append(items: readonly PickleValue[]): boolean {
    const list = this.stack.at(-1);
    // Subclasses of list arrive as calls; their contents are of no use here.
    if (Array.isArray(list)) for (const item of items) list.push(item);
    else if (!(list instanceof PickleCall)) throw this.wrong('something is appended to what is no list');
    return true;
  }

  private setItems(items: readonly PickleValue[]): boolean {
    const dict = this.stack.at(-1);
    if (items.length % 2 !== 0) throw this.wrong('a key of a dict has no value');
    const target = dict instanceof PickleCall ? dict.items : dict;
    if (!(target instanceof Map)) throw this.wrong('an item is set in what is no dict');
    for (let i = 0; i < items.length; i += 2)
      target.set(items[i] as PickleValue, items[i + 1] as PickleValue);
    return true;
  }

  private remember(slot: number): boolean {
    const top = this.stack.at(-1);
    if (top === undefined || top === MARK) throw this.wrong('nothing is there to be remembered');
    this.memo.set(slot, top);
    return true;
  }

  private recall(slot: number): boolean {
    const value = this.memo.get(slot);
    if (value === undefined) throw this.wrong(`it recalls value ${slot}, which was never stored`);
    return this.push(value);
  }

  private push(value: PickleValue): boolean {
    this.stack.push(value);
    return true;
  }

  private pop(): PickleValue {
    const value = this.stack.pop();
    if (value === undefined || value === MARK) throw this.wrong('its stack is empty where a value is needed');
    return value;
  }

  private popMany(count: number): PickleValue[] {
    const items: PickleValue[] = [];
    for (let i = 0; i < count; i++) items.push(this.pop());
    return items.reverse();
  }

  private popToMark(): PickleValue[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) throw this.wrong('a mark is missing');
    const items = this.stack.splice(mark + 1) as PickleValue[];
    this.stack.pop();
    return items;
  }

  private take(count: number): number {
    const start = this.at;
    this.at += count;
    if (this.at > this.bytes.length) throw this.wrong('it ends in the middle of a value');
    return start;
  }

  private u8(): number {
    return this.view.getUint8(this.take(1));
  }

  private u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  private u64(): number {
    return Number(this.view.getBigUint64(this.take(8), true));
  }

  private raw(length: number): Uint8Array {
    const start = this.take(length);
    return this.bytes.subarray(start, start + length);
  }

  private string(length: number): string {
    return this.text.decode(this.raw(length));
  }

  private long(length: number): number | bigint {
    if (length > 255) throw this.wrong(`a whole number has ${length} bytes`);
    const raw = this.raw(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(raw[i] as number);
    const signed = length === 0 ? 0n : BigInt.asIntN(8 * length, value);
    const number = Number(signed);
    return Number.isSafeInteger(number) ? number : signed;
  }

  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0 || end - this.at > 1000) throw this.wrong('a name has no end');
    const name = this.string(end - this.at);
    this.at = end + 1;
    return name;
  }

  private wrong(found: string): Error {
    return corrupt(this.path, `its pickle is damaged at byte ${this.at}: ${found}`);
  }
}

/** `OrderedDict()` or, from old Pythons, `OrderedDict([[key, value], …])`. */
function orderedDict(args: readonly PickleValue[]): Map<PickleValue, PickleValue> {
  const dict = new Map<PickleValue, PickleValue>();
  if (Array.isArray(args[0]))
    for (const pair of args[0])
      if (Array.isArray(pair) && pair.length === 2) dict.set(pair[0] ?? null, pair[1] ?? null);
  return dict;
}
