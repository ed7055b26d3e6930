import type { Image } from '../../src/data/image/image.ts';
import { areaRatio } from '../../src/robustness/analyses/receptive-field.ts';
import { argmax, softmax } from '../../src/robustness/metrics/accuracy.ts';
import { CORRUPTIONS, corrupt } from '../../src/robustness/corruptions/registry.ts';
import type { Severity } from '../../src/robustness/corruptions/types.ts';
import { showAnswers } from './answers.ts';
import { loadBytes } from './assets.ts';
import type { PageClassifier } from './classifier.ts';
import { decodeImage } from './codec.ts';
import { Cover } from './cover.ts';
import { element } from './dom.ts';
import { draw, drawField } from './draw.ts';

interface Voice {
  readonly say: (words: string) => void;
  readonly fail: (error: unknown) => void;
}

/** Share of the contribution whose square is told. */
const FIELD_SHARE = 0.99;

/** The page at work: one image, what is done to it, and what the model says of it before and after. */
export class Studio {
  private readonly model: PageClassifier;
  private readonly voice: Voice;
  private readonly canvas = element('picture', HTMLCanvasElement);
  private readonly corruption = element('corruption', HTMLSelectElement);
  private readonly severity = element('severity', HTMLInputElement);
  private readonly epsilon = element('epsilon', HTMLInputElement);
  private readonly field = element('field', HTMLButtonElement);
  private readonly cover: Cover;
  /** What the network sees of the image that was chosen, and its logits. */
  private clean: { readonly frame: Image; readonly logits: Float32Array; readonly name: string } | undefined;
  /** The corrupted frame, for as long as neither image nor corruption change: painting need not draw it anew. */
  private corrupted: { readonly key: string; readonly of: Image; readonly frame: Image } | undefined;
  /** Something changed since the last answer began. */
  private isStale = false;
  private isBusy = false;

  constructor(model: PageClassifier, voice: Voice) {
    this.model = model;
    this.voice = voice;
    const { imageSize, normalization } = model.note;
    this.cover = new Cover(this.canvas, imageSize, normalization.mean, () => {
      this.refresh();
    });
  }

  /** Connects the controls and shows the first sample, if there is one. */
  async open(): Promise<void> {
    const { note } = this.model;
    for (const { name, group } of CORRUPTIONS)
      this.corruption.append(new Option(`${name.replaceAll('_', ' ')} (${group})`, name));
    for (const input of [this.corruption, this.severity, this.epsilon])
      input.addEventListener('input', () => {
        this.refresh();
      });
    this.field.addEventListener('click', () => {
      this.field.ariaPressed = String(this.field.ariaPressed !== 'true');
      this.refresh();
    });
    element('uncover', HTMLButtonElement).addEventListener('click', () => {
      this.cover.clear();
    });
    element('reset', HTMLButtonElement).addEventListener('click', () => {
      this.reset();
    });
    this.listenForFiles();
    showOutputs();
    this.canvas.width = this.canvas.height = note.imageSize;
    this.canvas.classList.toggle('small', note.imageSize < 128);
    element('about', HTMLElement).textContent =
      `${note.model} · ${note.checkpoint.name} (SHA-256 ${note.checkpoint.sha256}) · ${note.imageSize} px · ${note.classes.length} classes · ${this.model.deviceName} · ${note.maker}. Images stay on this machine.`;
    element('work', HTMLElement).hidden = false;
    this.voice.say('Drop an image onto this page, or choose one.');
    const samples = await this.showSamples();
    const first = samples[0];
    if (first !== undefined) await this.choose(first.bytes, first.name);
  }

  private listenForFiles(): void {
    const take = (files: FileList | null | undefined) => {
      const file = files?.[0];
      if (file !== undefined)
        void file
          .arrayBuffer()
          .then((bytes) => this.choose(new Uint8Array(bytes), file.name), this.voice.fail);
    };
    const input = element('file', HTMLInputElement);
    input.addEventListener('change', () => {
      take(input.files);
    });
    const stage = this.canvas.parentElement;
    document.addEventListener('dragover', (event) => {
      event.preventDefault();
      stage?.classList.add('target');
    });
    for (const over of ['dragleave', 'drop'] as const)
      document.addEventListener(over, () => stage?.classList.remove('target'));
    document.addEventListener('drop', (event) => {
      event.preventDefault();
      take(event.dataTransfer?.files);
    });
    document.addEventListener('paste', (event) => {
      take(event.clipboardData?.files);
    });
  }

  private async showSamples() {
    const all = await Promise.all(
      this.model.note.samples.map(async ({ asset, name }) => ({ name, bytes: await loadBytes(asset) })),
    );
    for (const { name, bytes } of all) {
      const button = document.createElement('button');
      button.type = 'button';
      const picture = document.createElement('img');
      picture.alt = picture.title = name;
      picture.src = URL.createObjectURL(new Blob([bytes]));
      button.append(picture);
      button.addEventListener('click', () => void this.choose(bytes, name));
      element('samples', HTMLElement).append(button);
    }
    return all;
  }

  private async choose(bytes: Uint8Array, name: string): Promise<void> {
    try {
      const frame = this.model.frame(await decodeImage(bytes, name));
      this.voice.say(`Looking at ${name} …`);
      this.clean = { frame, logits: await this.model.logits(frame), name };
      this.cover.clear();
    } catch (error) {
      this.voice.fail(error);
    }
  }

  private reset(): void {
    for (const input of [this.severity, this.epsilon]) input.value = '0';
    this.field.ariaPressed = 'false';
    showOutputs();
    this.cover.clear();
  }

  /** Answers anew, once at a time: what changes meanwhile is taken up afterwards. */
  private refresh(): void {
    this.isStale = true;
    if (this.isBusy) return;
    this.isBusy = true;
    void (async () => {
      try {
        while (this.isStale) {
          this.isStale = false;
          await this.answer();
        }
      } catch (error) {
        this.voice.fail(error);
      } finally {
        this.isBusy = false;
      }
    })();
  }

  private async answer(): Promise<void> {
    const { clean, model } = this;
    if (clean === undefined) return;
    const changes: string[] = [];
    let frame = await this.corruptedFrame(clean, changes);
    frame = this.cover.apply(frame, changes);
    const eps = Number(this.epsilon.value) / 255;
    let { logits } = clean;
    let seen = frame;
    if (eps > 0) {
      changes.push(`FGSM at ${this.epsilon.value}/255`);
      ({ logits, image: seen } = await model.attack(frame, argmax(clean.logits), eps));
    } else if (changes.length > 0) logits = await model.logits(frame);
    const map = this.field.ariaPressed === 'true' ? await model.contributions(seen) : undefined;
    draw(this.canvas, seen);
    if (map !== undefined) drawField(this.canvas, map);
    element('field-note', HTMLElement).textContent =
      map === undefined ? '' : fieldWords(map, model.note.imageSize);
    showAnswers(
      model.note.classes,
      softmax(clean.logits),
      changes.length === 0 ? undefined : softmax(logits),
    );
    element('change', HTMLElement).textContent =
      changes.length === 0 ? 'Nothing is changed.' : `Changed: ${changes.join(', ')}.`;
    this.voice.say(clean.name);
  }

  private async corruptedFrame({ frame }: { readonly frame: Image }, changes: string[]): Promise<Image> {
    const [name, severity] = [this.corruption.value, Number(this.severity.value) as Severity];
    if (severity === 0) return frame;
    changes.push(`${name.replaceAll('_', ' ')} at severity ${severity}`);
    const key = `${name}/${severity}`;
    if (this.corrupted?.key !== key || this.corrupted.of !== frame)
      this.corrupted = {
        key,
        of: frame,
        frame: await corrupt(frame, name, severity, { seed: 0, imageNumber: 0 }),
      };
    return this.corrupted.frame;
  }
}

function fieldWords(map: Float64Array, side: number): string {
  const area = 100 * areaRatio(map, side, FIELD_SHARE);
  return `${100 * FIELD_SHARE} % of the contribution lies in a square of ${area.toFixed(1)} % of the image.`;
}

/** Keeps the numbers beside the sliders true. */
function showOutputs(): void {
  for (const output of document.querySelectorAll('output')) {
    const input = element(output.htmlFor.value, HTMLInputElement);
    const show = () => {
      output.value =
        input.id === 'epsilon'
          ? `${input.value}/255`
          : input.id === 'brush'
            ? `${input.value} %`
            : input.value;
    };
    input.oninput = show;
    show();
  }
}
