import { describe, expect, it } from 'vitest';
import { categories, cuesOf, decide } from '../../../src/robustness/analyses/shape-bias.ts';

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
});
