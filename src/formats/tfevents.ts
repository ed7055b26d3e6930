/**
 * Event files as TensorBoard reads them: TFRecords (tensorflow/tensorflow: core/lib/io/record_writer.h) of Event messages
 * (core/util/event.proto). Scalars alone.
 */
import { crc32c } from '../util/crc.ts';
import { ProtobufWriter } from './protobuf.ts';

export interface ScalarEvent {
  readonly step: number;
  readonly tag: string;
  readonly value: number;
}

/** The first record of every event file. */
const VERSION = 'brain.Event:2';

/**
 * A whole event file.
 * @param seconds since 1970, of all events: logs tell no times
 */
export function eventFile(events: readonly ScalarEvent[], seconds: number): Uint8Array {
  const records = [
    record(new ProtobufWriter().double(1, seconds).string(3, VERSION)),
    ...eventRecords(events, seconds),
  ];
  return Buffer.concat(records);
}

/** Records that go on an event file. */
export function eventRecords(events: readonly ScalarEvent[], seconds: number): Uint8Array[] {
  return events.map(({ step, tag, value }) =>
    record(
      new ProtobufWriter()
        .double(1, seconds)
        .int(2, step)
        .message(5, (summary) =>
          summary.message(1, (entry) => {
            entry.string(1, tag).float(2, value);
          }),
        ),
    ),
  );
}

/** Length, its checksum, the message, its checksum. */
function record(message: ProtobufWriter): Uint8Array {
  const data = Buffer.concat(message.pieces());
  const bytes = Buffer.alloc(12 + data.length + 4);
  bytes.writeBigUInt64LE(BigInt(data.length), 0);
  bytes.writeUInt32LE(maskedCrc(bytes.subarray(0, 8)), 8);
  bytes.set(data, 12);
  bytes.writeUInt32LE(maskedCrc(data), 12 + data.length);
  return bytes;
}

/** core/lib/hash/crc32c.h: a checksum of data that hold checksums is turned around and moved. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
