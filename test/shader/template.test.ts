import { describe, expect, it } from 'vitest';
import type { Bound } from '../../src/shader/bindings.ts';
import type { ParamValue } from '../../src/shader/parameters.ts';
import { expandShader, withoutComments } from '../../src/shader/template.ts';

/** Expands `main.wgsl` of some files that exist here only. */
function expand(
  files: string | Readonly<Record<string, string>>,
  params: Readonly<Record<string, ParamValue>> = {},
  bound: Readonly<Record<string, Bound>> = {},
) {
  const all = typeof files === 'string' ? { 'main.wgsl': files } : files;
  const read = (file: string) => all[file] ?? '';
  return expandShader('main.wgsl', params, bound, read);
}

describe('parameters', () => {
  it('inserts whole numbers, literals and words; booleans are 0 and 1', () => {
    const source = [
      '#param N: int // elements',
      '#param EPS: f32 // added to the variance',
      '#param ADD: bool',
      '#param END: none | gelu',
      'a = ${N * 2 + 1}; b = ${EPS}; c = ${ADD}; d = ${END};',
    ].join('\n');
    const { code } = expand(source, { N: 3, EPS: 1e-5, ADD: true, END: 'gelu' });
    expect(code).toBe('a = 7; b = 0.000009999999747378752f; c = 1; d = gelu;');
  });

  it('compares words', () => {
    const source =
      '#param END: none | gelu | residual\n#if END == gelu\nyes\n#elif END != residual\nno\n#endif';
    expect(expand(source, { END: 'gelu' }).code).toBe('yes');
    expect(expand(source, { END: 'none' }).code).toBe('no');
    expect(expand(source, { END: 'residual' }).code).toBe('');
  });

  it.each<[string, Readonly<Record<string, ParamValue>>, RegExp]>([
    ['#param N: int\n${N}', {}, /declares #param N \(shaders\/main.wgsl:1\), but no value was given/],
    ['#param LANES: int\n${LANES}', { LANES: 1, LANE: 2 }, /no #param LANE; the nearest is LANES/],
    ['#param N: int\nx', { N: 1 }, /declares #param N \(shaders\/main.wgsl:1\) but never uses it/],
    ['#param N: int\n${N}', { N: 1.5 }, /#param N \(shaders\/main.wgsl:1\) is 1.5, expected a whole number/],
    ['#param N: int\n${N}', { N: true }, /is true, expected a whole number/],
    ['#param B: bool\n${B}', { B: 1 }, /is 1, expected true or false/],
    ['#param E: f32\n${E}', { E: 1e39 }, /expected a number that f32 can hold/],
    ['#param END: none | gelu\n${END}', { END: 'glu' }, /is "glu", expected one of none, gelu/],
    ['#param N whole', { N: 1 }, /main.wgsl:1: expected `#param NAME: KIND/],
    ['#param N: number', { N: 1 }, /main.wgsl:1: N is of kind `number`/],
    [
      '\n#param END: none | gelu\n#if END == glu\n#endif',
      { END: 'none' },
      /main.wgsl:3: `glu` is not a declared parameter, nor a word of one/,
    ],
    [
      '#param END: none | gelu\n#param NORMAL: a | b\n#if END == a\n#endif\n${NORMAL}',
      { END: 'none', NORMAL: 'a' },
      /main.wgsl:3: `a` is none of none, gelu/,
    ],
    ['#param END: none | gelu\n${END + 1}', { END: 'none' }, /main.wgsl:2: `END \+ 1` uses the word `none`/],
    ['#if END\n#endif', {}, /main.wgsl:1: `END` is not a declared parameter/],
    ['#if 1', {}, /main.wgsl:1: #if has no #endif/],
    ['#while 1', {}, /main.wgsl:1: unexpected #while/],
    ['#for i of 3\n#endfor', {}, /main.wgsl:1: expected `#for NAME in A..B`/],
    ['${1 +}', {}, /main.wgsl:1: `1 \+` is not an expression/],
  ])('%s with %o is an error', (source, params, message) => {
    expect(() => expand(source, params)).toThrow(message);
  });

  it('counts a parameter as used that only a branch not taken mentions', () => {
    const source = '#param A: bool\n#param N: int\n#if A\n${N}\n#endif';
    expect(expand(source, { A: false, N: 3 }).code).toBe('');
  });
});

it('without comments, a shader is what a device sees', () => {
  const { code } = expand('// y = x\n#param N: int // elements\nlet a = ${N}u; // why\n\n  b', { N: 3 });
  expect(withoutComments(code)).toBe('let a = 3u;\nb');
});

describe('imports', () => {
  it('come once, and each line remembers where it stands', () => {
    const files = {
      'main.wgsl': '#import a.wgsl\n#import b.wgsl\nmain',
      'a.wgsl': '// a\n#import b.wgsl',
      'b.wgsl': 'b',
    };
    const { code, origin } = expand(files);
    expect(code).toBe('// a\nb\nmain');
    expect(origin).toEqual(['shaders/a.wgsl:1', 'shaders/b.wgsl:1', 'shaders/main.wgsl:3']);
  });

  it('may not declare one name in two places, unless they share it', () => {
    const files = (a: string, b: string) => ({ 'main.wgsl': `${a}\n#import b.wgsl\n\${C}`, 'b.wgsl': b });
    expect(() => expand(files('#param C: int', '#param C: int'), { C: 1 })).toThrow(
      /C is declared at shaders\/main.wgsl:1 and at shaders\/b.wgsl:1.*#param shared C/,
    );
    expect(() => expand(files('#param shared C: int', '#param C: int'), { C: 1 })).toThrow(/is declared at/);
    expect(() => expand(files('#param shared C: int', '#param shared C: bool'), { C: 1 })).toThrow(
      /C is int at shaders\/main.wgsl:1 and bool at shaders\/b.wgsl:1/,
    );
    const shared = '#param shared C: int // channels';
    expect(expand(files(shared, shared), { C: 1 }).code).toBe('1');
  });
});

describe('loops', () => {
  it('repeat lines for numbers, inside each other', () => {
    const source = '#for i in 0..2\n#for j in i..2\nx${i}_${j}\n#endfor\n#endfor';
    expect(expand(source).code).toBe('x0_0\nx0_1\nx1_1');
  });

  it('repeat lines for words, which can be compared', () => {
    const source = '#for o in a, b\n#if o == a\nfirst\n#endif\ntile_${o}\n#endfor';
    expect(expand(source).code).toBe('first\ntile_a\ntile_b');
    expect(() => expand('#for o in a, b\n#if o == c\n#endif\n#endfor')).toThrow(/main.wgsl:2: `c` is not/);
  });

  it('name types', () => {
    const source = '#param K: int\n#type Item = K % 4 == 0 ? vec4f : f32';
    expect(expand(source, { K: 8 }).code).toBe('alias Item = vec4f;');
    expect(expand(source, { K: 7 }).code).toBe('alias Item = f32;');
    expect(() => expand('#type Item = 3')).toThrow(/main.wgsl:1: expected `#type NAME = TYPE`/);
  });
});

const COPY = [
  '#bind read x: array<f32> // (n)',
  '#bind read bias?: array<f32> // (n)',
  '#bind read_write y: array<f32> // (n)',
  '#if bound(bias)',
  'accumulate_y(i, load_x(i) + load_bias(i));',
  '#else',
  'accumulate_y(i, load_x(i));',
  '#endif',
].join('\n');

describe('bindings', () => {
  it('are numbered in order of those that are given, and come with the accessors that are used', () => {
    const { code, bindings, origin } = expand(COPY, {}, { y: {}, x: {} });
    expect(bindings).toEqual(['x', 'y']);
    expect(code.split('\n')).toEqual([
      '@group(0) @binding(0) var<storage, read> x: array<f32>; // (n)',
      'fn load_x(at: u32) -> f32 { return x[at]; }',
      '@group(0) @binding(1) var<storage, read_write> y: array<f32>; // (n)',
      'fn accumulate_y(at: u32, value: f32) { y[at] = value; }',
      'accumulate_y(i, load_x(i));',
    ]);
    expect(origin.map((at) => at.split(':')[1])).toEqual(['1', '1', '3', '3', '7']);
    expect(expand(COPY, {}, { x: {}, bias: {}, y: {} }).bindings).toEqual(['x', 'bias', 'y']);
  });

  it('widen and round what is stored in 16 bits, and add where the caller accumulates', () => {
    const { code } = expand(COPY, {}, { x: { half: true }, y: { half: true, accumulate: true } });
    expect(code.split('\n').slice(0, 4)).toEqual([
      'enable f16; @group(0) @binding(0) var<storage, read> x: array<f16>; // (n)',
      'fn load_x(at: u32) -> f32 { return f32(x[at]); }',
      '@group(0) @binding(1) var<storage, read_write> y: array<f16>; // (n)',
      'fn accumulate_y(at: u32, value: f32) { y[at] = f16(f32(y[at]) + value); }',
    ]);
  });

  it('know vectors behind the names of types, wherever these stand', () => {
    const source = '#bind read_write y: array<Item>\nstore_y(0, load_y(1));\n#type Item = vec4f';
    const { code } = expand(source, {}, { y: { half: true } });
    expect(code.split('\n').slice(0, 3)).toEqual([
      'enable f16; @group(0) @binding(0) var<storage, read_write> y: array<vec4h>;',
      'fn load_y(at: u32) -> Item { return Item(y[at]); }',
      'fn store_y(at: u32, value: Item) { y[at] = vec4h(value); }',
    ]);
  });

  it('can be asked whether they accumulate', () => {
    const source = '#bind read_write y: array<f32>\n#if accumulates(y)\nload_y(0)\n#endif\nstore_y(0, 1);';
    expect(expand(source, {}, { y: { accumulate: true } }).code).toContain('\nload_y(0)\n');
    expect(expand(source, {}, { y: {} }).code).not.toContain('load_y');
  });

  it('can be made by a loop, and be other than arrays', () => {
    const source =
      '#for o in a, b\n#bind read ${o}: array<f32>\nload_${o}(0)\n#endfor\n#bind read s: Scalars\ns.lr';
    const { code, bindings } = expand(source, {}, { b: {}, a: {}, s: {} });
    expect(bindings).toEqual(['a', 'b', 's']);
    expect(code).toContain('@binding(2) var<storage, read> s: Scalars;\ns.lr');
  });

  const X = '#bind read x: array<f32>';
  it.each<[string, Readonly<Record<string, Bound>>, RegExp]>([
    [COPY, { x: {} }, /binds `y` \(shaders\/main.wgsl:3\), but no tensor was given for it; given are x/],
    [COPY, { x: {}, y: {}, bia: {} }, /binds no `bia`; the nearest is `bias` \(shaders\/main.wgsl:2\)/],
    [
      COPY,
      { x: {}, y: {}, statistics: {} },
      /binds no `statistics` with these parameters; it binds x, bias, y/,
    ],
    [X, { x: {} }, /main.wgsl:1 binds `x` but never uses it/],
    ['#bind read s: Scalars\nother.s', { s: {} }, /main.wgsl:1 binds `s` but never uses it/],
    [
      `${X}\n${X}\nload_x(0)`,
      { x: {} },
      /x is bound twice, at shaders\/main.wgsl:1 and at shaders\/main.wgsl:2/,
    ],
    [`${X}\n#if bound(z)\n#endif`, { x: {} }, /main.wgsl:2: no #bind declares `z`; the nearest is x/],
    ['#bind write x: array<f32>', { x: {} }, /main.wgsl:1: expected `#bind read NAME/],
    ['#bind read x: array<u32>\nload_x(0)', { x: { half: true } }, /`x` is array<u32>; 16 bits hold floats/],
    ['#bind read s: Scalars\ns.lr', { s: { half: true } }, /main.wgsl:1: only an array can be stored/],
    ['#bind read_write y: array<f32>\nstore_y(0, 1)', { y: { accumulate: true } }, /cannot add to `y`/],
  ])('%s with %o is an error', (source, bound, message) => {
    expect(() => expand(source, {}, bound)).toThrow(message);
  });
});
