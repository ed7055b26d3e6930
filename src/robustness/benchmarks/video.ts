import { spawn } from 'node:child_process';
import type { Image } from '../../data/image/image.ts';
import { FrameworkError } from '../../util/errors.ts';

/** Side of the frames of ImageNet-P. */
const SIDE = 224;

/**
 * All frames of an MP4 as 224×224 RGB, decoded by the `ffmpeg` on the PATH (software: the clips keep full chroma, which
 * hardware decoders refuse).
 * @throws FrameworkError `video/no-ffmpeg`, `video/unreadable`, or `video/frames` unless there are exactly `frames`
 */
export async function readClip(path: string, frames: number): Promise<Image[]> {
  const bytes = await decode(path);
  const frameBytes = SIDE * SIDE * 3;
  if (bytes.length !== frames * frameBytes)
    throw new FrameworkError(
      'video/frames',
      `${path}: ${frames} frames of ${SIDE}×${SIDE} are due, ${bytes.length / frameBytes} were decoded`,
      { hint: 'the file is cut off or re-encoded at another size; fetch it again' },
    );
  return Array.from({ length: frames }, (_, i) => ({
    width: SIDE,
    height: SIDE,
    data: bytes.subarray(i * frameBytes, (i + 1) * frameBytes),
  }));
}

async function decode(path: string): Promise<Uint8Array> {
  const args = ['-v', 'error', '-nostdin', '-i', path, '-f', 'rawvideo', '-pix_fmt', 'rgb24', 'pipe:1'];
  const child = spawn('ffmpeg', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const out: Uint8Array[] = [];
  const errors: Uint8Array[] = [];
  child.stdout.on('data', (chunk: Uint8Array) => out.push(chunk));
  child.stderr.on('data', (chunk: Uint8Array) => errors.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve);
    child.on('error', (cause) => {
      reject(
        new FrameworkError(
          'video/no-ffmpeg',
          `${path} is a video, and no ffmpeg was found: ${cause.message}`,
          {
            hint: 'install ffmpeg and put it on the PATH, or evaluate generated clips instead',
            cause,
          },
        ),
      );
    });
  });
  const complaint = Buffer.concat(errors).toString().trim();
  if (code !== 0)
    throw new FrameworkError(
      'video/unreadable',
      `${path}: ffmpeg ended with ${code ?? 'a signal'}: ${complaint}`,
      {
        hint: 'the file is damaged; fetch it again',
      },
    );
  return Buffer.concat(out);
}
