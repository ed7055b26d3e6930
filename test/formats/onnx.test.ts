import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { OnnxGraph } from '../../src/formats/onnx.ts';
import { golden } from './fixtures.ts';
import { tinyOnnx } from '../golden/formats/tiny-onnx.ts';

describe('OnnxGraph', () => {
  it('writes the bytes that ONNX Runtime runs as PyTorch does', async () => {
    // tiny.onnx was checked and run by test/golden/formats/check.py.
    expect(Buffer.concat(tinyOnnx().encode()).equals(await readFile(golden('tiny.onnx')))).toBe(true);
  });

  it('catches names nobody made, names made twice, and data that do not fit', () => {
    const graph = new OnnxGraph('g');
    graph.input('image', ['batch', 3]);
    expect(() => graph.node('Relu', ['imege'], ['y'])).toThrow(/Relu → y uses "imege", which no earlier/);
    expect(() => graph.node('Relu', ['image'], ['image'])).toThrow(/already has a value "image"/);
    expect(() => graph.initializer('w', new Float32Array(3), [2, 2])).toThrow(
      /3 values for the shape \[2, 2\]/,
    );
    expect(() => graph.output('y', [1])).toThrow(/the output list uses "y"/);
    expect(() => graph.encode()).toThrow(/has no output/);
  });
});
