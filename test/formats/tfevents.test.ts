import { describe, expect, it } from 'vitest';
import { eventFile, maskedCrc } from '../../src/formats/tfevents.ts';
import { crc32, crc32c } from '../../src/util/crc.ts';

describe('checksums', () => {
  it('are those of the standards', () => {
    const check = Buffer.from('123456789');
    expect(crc32(check)).toBe(0xcbf43926);
    expect(crc32c(check)).toBe(0xe3069283);
    // RFC 3720, B.4: 32 bytes of zeros, of ones.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  });
});

/** The fields of a message, by number: varints and fixed values as bytes. */
function* fieldsOf(message: Buffer): Generator<[number, Buffer]> {
  let at = 0;
  const varint = () => {
    let [value, shift] = [0, 0];
    for (; ; shift += 7) {
      const byte = message[at++]!;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const start = at;
    const length = [() => 0, () => 8, varint, undefined, undefined, () => 4][tag & 7]!();
    if ((tag & 7) === 0) varint();
    const from = (tag & 7) === 2 ? at : start;
    at = (tag & 7) === 0 ? at : from + length;
    yield [tag >> 3, message.subarray(from, at)];
  }
}

describe('an event file', () => {
  it('holds records whose lengths and checksums fit, the version first', () => {
    const file = Buffer.from(eventFile([{ step: 300, tag: 'train/loss', value: 0.5 }], 1700000000));
    const records: Map<number, Buffer>[] = [];
    for (let at = 0; at < file.length;) {
      const length = Number(file.readBigUInt64LE(at));
      expect(file.readUInt32LE(at + 8)).toBe(maskedCrc(file.subarray(at, at + 8)));
      const data = file.subarray(at + 12, at + 12 + length);
      expect(file.readUInt32LE(at + 12 + length)).toBe(maskedCrc(data));
      records.push(new Map(fieldsOf(data)));
      at += 16 + length;
    }
    const [version, event] = records as [Map<number, Buffer>, Map<number, Buffer>];
    expect(records).toHaveLength(2);
    expect(String(version.get(3))).toBe('brain.Event:2');
    expect(event.get(1)!.readDoubleLE()).toBe(1700000000);
    expect([...event.get(2)!]).toEqual([0xac, 2]); // 300
    const value = new Map(fieldsOf(new Map(fieldsOf(event.get(5)!)).get(1)!));
    expect(String(value.get(1))).toBe('train/loss');
    expect(value.get(2)!.readFloatLE()).toBe(0.5);
  });
});
