/** docs/recipes.md, made from the schema and the recipe files. */
import { describeType } from '../schema/fields.ts';
import type { Field, Group } from '../schema/fields.ts';
import { families } from '../models/registry.ts';
import type { ModelFamily } from '../models/family.ts';
import { recipeSchema } from './schema.ts';

const INTRODUCTION = `# Recipes

A recipe is a YAML file that describes one training run. This page is made from the schema (\`npx tsx scripts/recipe-docs.ts\`).

\`\`\`yaml
# mine.yaml
extends: convnext-t-k31 # a recipe of the project, a part in recipes/base/, or a file beside this one; or a list of them
batch: 1024
optimizer:
  lr: 1.0e-3 # the published rate belongs to a batch of 4096
data:
  root: /data/imagenet
\`\`\`

\`\`\`
largekernel train --recipe ./mine.yaml --set model.kernels=[51,49,47,13] --set ema=null
\`\`\`

- A file's keys override those of its parents, a later parent overrides an earlier one, and \`--set\` overrides all. Groups merge key by
  key; a list is replaced as a whole. \`name\` and \`description\` are not inherited.
- A key that is not listed below is an error. So is a value of the wrong type or out of range.
- The keys of \`model\` are the options of the family to which \`model.name\` belongs; null takes the named model's own value. If a file or
  the command line names a model of another family, the options inherited for the first are dropped, with a note.
- \`--set\` takes its value in YAML: \`--set data.mean=[0.5,0.5,0.5]\`, \`--set ema=null\`.
- The run folder holds the resolved recipe: every value, with the file and line that it came from.
- "No effect" marks values that do not affect results: a run may be resumed with other values.
`;

/** The text of docs/recipes.md. */
export function recipeReference(recipes: readonly { name: string; description: string }[]): string {
  const sections: string[] = [];
  writeSection('', recipeSchema, sections);
  const list = recipes.map(({ name, description }) => `| \`${name}\` | ${cell(description)} |`);
  return [
    INTRODUCTION,
    '## Recipes of the project\n',
    '| recipe | |\n| --- | --- |',
    `${list.join('\n')}\n`,
    '## Keys\n',
    ...sections,
  ].join('\n');
}

function writeSection(path: string, schema: Group, sections: string[]): void {
  const rows: string[] = [];
  const groups: [string, Group][] = [];
  for (const [key, child] of Object.entries(schema.fields)) {
    if (child.node === 'field') rows.push(row(key, child));
    else groups.push([`${path}${key}`, child]);
  }
  if (path !== '')
    sections.push(`### ${path.slice(0, -1)}\n\n${schema.description}${notes(path.slice(0, -1), schema)}\n`);
  sections.push(`| key | type | default | meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`);
  if (path === 'model.') sections.push(...families.map(familySection));
  for (const [name, group] of groups) writeSection(`${name}.`, group, sections);
}

/** The further keys of `model` for the models of one family. */
function familySection({ name, presets, options, preset }: ModelFamily): string {
  const rows = Object.entries(options).map(([key, field]) => {
    const values = new Set(presets.map((model) => JSON.stringify(preset(model)[key])));
    const [only] = values.size === 1 ? values : [];
    return row(key, field, only === undefined ? "the model's" : `\`${only.replaceAll('"', '')}\``);
  });
  const models = presets.map((model) => `\`${model}\``).join(', ');
  return `#### ${name}\n\n${models}\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
}

function notes(name: string, { shorthand, none, nullable }: Group): string {
  const parts: string[] = [];
  if (shorthand !== undefined) parts.push(`\`${name}: x\` is short for \`${name}.${shorthand}: x\`.`);
  if (none !== undefined) parts.push(`\`${name}: ${none}\` sets all of it back to the defaults.`);
  if (nullable) parts.push('Null unless given.');
  return parts.map((part) => ` ${part}`).join('');
}

function row(key: string, field: Field, value = defaultOf(field)): string {
  const unit = field.unit === undefined ? '' : ` (${field.unit})`;
  const source = field.source === undefined ? '' : ` Source: ${field.source}.`;
  const cosmetic = field.cosmetic === true ? ' No effect on results.' : '';
  return `| \`${key}\` | ${cell(describeType(field.type))}${unit} | ${value === '``' ? '' : value} | ${cell(field.description)}${source}${cosmetic} |`;
}

function defaultOf(field: Field): string {
  return field.default === undefined
    ? '**required**'
    : `\`${JSON.stringify(field.default).replaceAll('"', '')}\``;
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
