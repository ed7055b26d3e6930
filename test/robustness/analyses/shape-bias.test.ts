import { describe, expect, it } from 'vitest';
import { categories, cuesOf, decide, shapeScoring } from '../../../src/robustness/analyses/shape-bias.ts';

describe('cue conflict', () => {
  it('has 16 categories of 207 classes of ImageNet, none in two', () => {
    const all = [...categories().values()].flat();
    expect([categories().size, all.length, new Set(all).size]).toEqual([16, 207, 207]);
    expect([...categories().keys()]).toEqual([...categories().keys()].sort());
  });

  it('reads shape and texture from the name', () => {
    const names = [...categories().keys()];
    const [shape, texture] = cuesOf('cat/cat7-elephant3.png')!;
    expect([names[shape], names[texture]]).toEqual(['cat', 'elephant']);
    expect(cuesOf('cat7.png')).toBeUndefined();
    expect(cuesOf('cat7-lion3.png')).toBeUndefined();
  });

  it('decides for the category of the largest mean probability, not of the most classes', () => {
    const logits = new Float32Array(1000);
    logits[499] = 2; // knife has one class
    for (const index of categories().get('dog')!) logits[index] = 1;
    const names = [...categories().keys()];
    expect(names[decide(logits, 'mean')]).toBe('knife');
    expect(names[decide(logits, 'sum')]).toBe('dog');
    expect(names[decide(logits, 'max')]).toBe('knife');
  });

  it('counts decisions by hand-made logits: shape, texture, neither, and their share', () => {
    const names = [...categories().keys()];
    const scorer = shapeScoring('mean').scorer({ part: 'all', classes: 1000, step: 1 });
    const tally = scorer.begin(256);
    const label = names.indexOf('cat') * 16 + names.indexOf('elephant');
    // All classes of a category score alike; of elephants, one of two classes alone is not enough against knife's only one.
    const towards = (name: string, value: number): Float32Array => {
      const logits = new Float32Array(1000);
      for (const index of categories().get(name)!) logits[index] = value;
      return logits;
    };
    const one = towards('knife', 2);
    one[categories().get('elephant')![0]!] = 2.1;
    for (const logits of [
      towards('cat', 3),
      towards('cat', 1),
      towards('elephant', 2),
      towards('dog', 4),
      one,
    ])
      scorer.score(tally, [logits], label);
    const { metrics, rows } = shapeScoring('mean').summarise([{ name: 'all', tally: scorer.finish(tally) }], {
      normalised: true,
      origin: '',
      clean: { unknown: '' },
    });
    const value = (id: string) => metrics.find((metric) => metric.id === id)!.value;
    const counts = metrics.map(({ id, correct, total }) => [id, correct, total]);
    expect(counts).toEqual([
      ['shape-bias', 2, 3],
      ['cue-accuracy', 3, 5],
      ['shape-decisions', 2, 5],
      ['texture-decisions', 1, 5],
    ]);
    // Counts are no part of the protocol: models stand in one column.
    expect(new Set(metrics.map(({ protocol }) => protocol))).toEqual(
      new Set(['16 categories, mean probability']),
    );
    expect(value('shape-bias')).toBeCloseTo(200 / 3, 10);
    expect(['cue-accuracy', 'shape-decisions', 'texture-decisions'].map(value)).toEqual([60, 40, 20]);
    expect(rows!.map(({ name }) => name)).toEqual(['cat']);
  });
});
