/** What is known of a public checkpoint. */

export interface PublishedWeights {
  /** `<model>@<tag>` */
  readonly name: string;
  readonly model: string;
  /** Its makers' name of the file; on drives that do not show one, ours. */
  readonly file: string;
  readonly address: string;
  /** False where the address is derived from a link to a page or a drive. */
  readonly isVerified: boolean;
  /** What it was trained on. */
  readonly about: string;
  /** Top-1 on ImageNet-1k in %, as published, with how the images were made; null where none is published. */
  readonly top1: { readonly percent: number; readonly images: string } | null;
  readonly licence: string;
  /** First digits of the SHA-256, where the makers' name of the file carries them. */
  readonly sha256: string | undefined;
  /** Classes of the classifier; 0: it has none. */
  readonly classes: number;
  /** Settings that give the published preprocessing, as `--set` takes them, where the model's own is another. */
  readonly set: readonly string[];
  /** Where the address was read, `owner/repo: file`. */
  readonly source: string;
}

/** Whose files they are; `base` is an address that ends in a slash. */
export interface Maker {
  readonly base: string;
  readonly licence: string;
  readonly source: string;
  /** False where addresses are derived from links to pages or to a drive; default true. */
  readonly isVerified?: boolean;
}

export interface Row {
  readonly name: string;
  /** Below the maker's base; a file with digits before its suffix carries those of its SHA-256. */
  readonly path: string;
  readonly about: string;
  readonly top1?: readonly [percent: number, images: string];
  readonly classes?: number;
  readonly set?: readonly string[];
  /** Name of the file, where the path does not end in it. */
  readonly file?: string;
}

export function published(
  { base, licence, source, isVerified = true }: Maker,
  rows: readonly Row[],
): PublishedWeights[] {
  return rows.map(({ name, path, about, top1, classes = 1000, set = [], file = path
      .split('/')
      .at(-1) ?? path }) => ({
    name,
    model: name.slice(0, name.indexOf('@')),
    file,
    address: `${base}${path}`,
    isVerified,
    about,
    top1: top1 === undefined ? null : { percent: top1[0], images: top1[1] },
    licence,
    sha256: /-([0-9a-f]{8})\.pth$/.exec(file)?.[1],
    classes,
    set,
    source,
  }));
}

export const IN1K = 'ImageNet-1k';
export const IN22K = 'ImageNet-22k';
export const IN21K = 'ImageNet-21k';
export const TUNED = 'ImageNet-22k, then 1k';
export const TUNED_21K = 'ImageNet-21k, then 1k';
export const AT_384 = ['data.imageSize=384'];
export const AT_224 = '224 of 256, bicubic';
export const SQUASHED = '384 squashed, bicubic';
