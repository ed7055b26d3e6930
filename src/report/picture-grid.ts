import { encodePng } from '../data/image/encode.ts';
import type { PictureRow } from '../robustness/analyses/analysis.ts';
import { FIGURE_STYLE, GROUND, escapeXml } from './svg.ts';

const [CELL, GAP, HEAD, MARGIN] = [150, 10, 24, 8];

/** Pictures in rows, what each column shows above it; the pictures are inside the file, each pixel as it is. */
export async function pictureGrid(title: string, rows: readonly PictureRow[]): Promise<string> {
  const [first] = rows;
  const labels = first?.pictures.map(({ label }) => label) ?? [];
  const x = (column: number): number => MARGIN + column * (CELL + GAP);
  const heads = labels.map(
    (label, column) =>
      `<text x="${x(column) + CELL / 2}" y="${HEAD - 8}" text-anchor="middle">${escapeXml(label)}</text>`,
  );
  const cells: string[] = [];
  for (const [r, { label, pictures }] of rows.entries())
    for (const [column, picture] of pictures.entries()) {
      const png = Buffer.from(await encodePng(picture.image)).toString('base64');
      const name = escapeXml(`${label}, ${picture.label}`);
      cells.push(
        `<image x="${x(column)}" y="${HEAD + r * (CELL + GAP)}" width="${CELL}" height="${CELL}" image-rendering="pixelated" href="data:image/png;base64,${png}"><title>${name}</title></image>`,
      );
    }
  const [width, height] = [
    2 * MARGIN + labels.length * (CELL + GAP) - GAP,
    HEAD + rows.length * (CELL + GAP),
  ];
  const name = escapeXml(title);
  return `<svg xmlns="http://www.w3.org/2000/svg" class="figure" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${name}"><title>${name}</title><style>${FIGURE_STYLE}</style>${GROUND}${heads.join('')}${cells.join('')}</svg>`;
}
