import type { ExpandedShader } from '../../src/shader/template.ts';
import type { MatrixVariant } from '../../src/ops/matmul/matrix.ts';
import type { MatrixUnit } from '../../src/device/profile.ts';

/**
 * The text of shaders/matmul/matrix.wgsl for adapters without matrix units. 32 lanes stand for a subgroup; each makes half a row of a
 * product, and a matrix that is loaded is the place in workgroup memory where it lies. Loops have bounds that no compiler knows: a
 * processor's compiler takes minutes to unroll them.
 */
export function withStandIns(shader: ExpandedShader): ExpandedShader {
  if (!shader.code.includes('subgroup_matrix_result')) return shader;
  const cols = Number(/subgroup_matrix_result<f32, (\d+), 16>/.exec(shader.code)?.[1]);
  // Line for line, so that origins hold; what is added stands in the lines of the aliases.
  const changes: readonly (readonly [RegExp, string])[] = [
    [/^enable (subgroups|subgroup_size_control|chromium_experimental_subgroup_matrix);$/gm, ''],
    [/^diagnostic\(.*\);$/gm, ''],
    [/^@subgroup_size\(32\)$/gm, ''],
    [/^ *@builtin\(subgroup_id\).*$/gm, ''],
    [
      /^ *let subgroup = subgroup_id .*$/gm,
      'let subgroup = local / 32u; own_lane = local % 32u; zero = local / 1024u;',
    ],
    [/(for \(var t = 0u; t < \d+u);/g, '$1 + zero;'],
    [
      /^alias Left = .*$/gm,
      'var<private> own_lane: u32; var<private> zero: u32; struct Left { at: u32, inner: u32 }',
    ],
    [/^alias Right = .*$/gm, 'struct Right { at: u32, inner: u32, outer: u32 }'],
    [/^alias Sums = .*$/gm, standIns(cols / 2)],
    [/subgroupMatrixLoad<(Left|Right), (row|col)_major>\(&tile_[ab], /g, 'load_$1_$2('],
    [/subgroupMatrixMultiplyAccumulate/g, 'multiply_accumulate'],
    [/subgroupMatrixStore<row_major>\(&strip, /g, 'store_sums('],
  ];
  const code = changes.reduce((text, [from, to]) => text.replace(from, to), shader.code);
  const left = /.*subgroup_?[mM]atrix.*/.exec(code)?.[0];
  if (left !== undefined) throw new Error(`nothing stands in for \`${left}\``);
  return { ...shader, code };
}

/** @param half columns of the product that a lane makes */
function standIns(half: number): string {
  const [row, col] = ['own_lane % 16u', `(own_lane / 16u * ${half}u)`];
  const loop = (name: string, count: number, body: string) =>
    `for (var ${name} = 0u; ${name} < ${count}u + zero; ${name}++) { ${body} }`;
  const product = 'f32(tile_a[a.at + k * a.inner]), f32(tile_b[b.at + k * b.inner + c * b.outer])';
  return [
    `struct Sums { at: array<f32, ${half}> }`,
    `fn load_Left_row(at: u32, stride: u32) -> Left { return Left(at + ${row} * stride, 1u); }`,
    `fn load_Left_col(at: u32, stride: u32) -> Left { return Left(at + ${row}, stride); }`,
    `fn load_Right_row(at: u32, stride: u32) -> Right { return Right(at + ${col}, stride, 1u); }`,
    `fn load_Right_col(at: u32, stride: u32) -> Right { return Right(at + ${col} * stride, 1u, stride); }`,
    `fn multiply_accumulate(a: Left, b: Right, sums: Sums) -> Sums { var s = sums;`,
    loop('k', 16, loop('c', half, `s.at[c] = fma(${product}, s.at[c]);`)),
    'return s; }',
    `fn store_sums(at: u32, sums: Sums, stride: u32) { var s = sums;`,
    loop('c', half, `strip[at + ${row} * stride + ${col} + c] = s.at[c];`),
    '}',
  ].join(' ');
}

/** What NVIDIA's and AMD's adapters offer of this kind. */
export const UNIT: MatrixUnit = { operands: 'f16', sums: 'f32', m: 16, n: 16, k: 16 };
export const NARROW_UNIT: MatrixUnit = { ...UNIT, n: 8 };

/** A tiling that a processor's compiler is done with soon; those of src/ops/matmul/matrix.ts differ from it in counts alone. */
export const ONE: MatrixVariant = {
  kind: 'matrix',
  cols: 16,
  wa: 1,
  wb: 1,
  ra: 1,
  rb: 1,
  depth: 16,
  strip: 1,
  turn: false,
};
