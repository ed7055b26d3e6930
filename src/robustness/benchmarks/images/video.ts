import { spawn } from 'node:child_process';
import type { Image } from '../../../data/image/image.ts';
import { FrameworkError } from '../../../util/errors.ts';

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
    data: new Uint8Array(bytes.buffer, bytes.byteOffset + i * frameBytes, frameBytes),
  }));
}

/**
 * Writes square frames as H.264 at one frame per second, with the settings of the ImageNet-P release: full chroma, preset
 * veryslow, `-tune grain` for noise, else `-crf 20`.
 * @throws FrameworkError `video/no-ffmpeg`, `video/unreadable`
 */
export async function writeClip(path: string, frames: readonly Image[], isNoise: boolean): Promise<void> {
  const [first] = frames;
  if (!first) throw new FrameworkError('video/frames', `${path}: a clip without frames was to be written`);
  const size = `${first.width}x${first.height}`;
  const input = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', size, '-framerate', '1', '-i', 'pipe:0'];
  const quality = isNoise ? ['-tune', 'grain'] : ['-crf', '20'];
  const output = [
    '-c:v',
    'libx264',
    '-preset',
    'veryslow',
    ...quality,
    '-pix_fmt',
    'yuv444p',
    '-f',
    'mp4',
    path,
  ];
  await ffmpeg(path, ['-y', ...input, ...output], Buffer.concat(frames.map(({ data }) => data)));
}

async function decode(path: string): Promise<Uint8Array> {
  return ffmpeg(path, ['-nostdin', '-i', path, '-f', 'rawvideo', '-pix_fmt', 'rgb24', 'pipe:1']);
}

/** What ffmpeg writes to its standard output; `input` goes to its standard input. */
async function ffmpeg(path: string, args: readonly string[], input?: Uint8Array): Promise<Uint8Array> {
  const child = spawn('ffmpeg', ['-v', 'error', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  const out: Uint8Array[] = [];
  const errors: Uint8Array[] = [];
  child.stdout.on('data', (chunk: Uint8Array) => out.push(chunk));
  child.stderr.on('data', (chunk: Uint8Array) => errors.push(chunk));
  child.stdin.on('error', () => undefined); // it ended early: its exit code and complaint say why
  child.stdin.end(input);
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
  const [complaint = ''] = Buffer.concat(errors).toString().trim().split('\n');
  if (code !== 0)
    throw new FrameworkError(
      'video/unreadable',
      `${path}: ffmpeg ended with ${code ?? 'a signal'}: ${complaint}`,
      {
        hint: input ? 'this ffmpeg may lack libx264' : 'the file is damaged; fetch it again',
      },
    );
  return Buffer.concat(out);
}
