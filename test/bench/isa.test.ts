import { describe, expect, it } from 'vitest';
import { hottestLoop, modelledMultiplyAdds, mixOf, parseAssembly } from '../../bench/isa/asm.ts';
import { kernelsOf } from '../../bench/isa/kernels.ts';
import { PLAIN_PROFILE } from '../../bench/isa/profiles.ts';
import { parseOutput } from '../../bench/isa/radv.ts';

/**
 * RADV (Mesa 25.0.7) for navi31, cut from what `bench/isa/radv.ts` gave for two nested loops around
 * `sum = fma(x[k * id.x], x[row + k], sum)` with vec4f, the outer one ending in `sum *= 0.5`.
 */
const NESTED = `
BB0:
	s_load_b128 s[4:7], s[2:3], 0x10                            ; f4080101 f8000010
	v_mov_b32_e32 v4, 0                                         ; 7e080280
BB1:
	s_cmp_ge_u32 s9, s1                                         ; bf090109
	s_cbranch_scc1 BB16                                         ; bfa20030
BB4:
	s_load_b128 s[12:15], s[2:3], null                          ; f4080301 f8000000
	s_nop 0                                                     ; bf800000
	(then repeated 3 times)
BB5:
	s_cmp_ge_u32 s12, s14                                       ; bf090e0c
	s_cbranch_scc1 BB12                                         ; bfa20019
BB8:
	v_mul_lo_u32 v1, s12, v0                                    ; d72c0001 0002000c
	s_delay_alu instid0(VALU_DEP_1) | instskip(SKIP_2) | instid1(SALU_CYCLE_1) ; bf8704b1
	v_lshlrev_b32_e32 v1, 4, v1                                 ; 30020284
	buffer_load_b128 v[8:11], v1, s[4:7], 0 offen               ; e05c0000 80410801
	s_buffer_load_b128 s[16:19], s[4:7], s13                    ; f4280402 1a000000
	s_waitcnt vmcnt(0) lgkmcnt(0)                               ; bf890007
	v_fmac_f32_e32 v4, s16, v8                                  ; 56081010
	v_fmac_f32_e32 v5, s17, v9                                  ; 560a1211
	v_fmac_f32_e32 v6, s18, v10                                 ; 560c1412
	v_fmac_f32_e32 v7, s19, v11                                 ; 560e1613
	s_cbranch_scc1 BB12                                         ; bfa20002
BB11:
	s_branch BB5                                                ; bfa0ffe2
BB12:
	v_mul_f32_e32 v4, 0.5, v4                                   ; 100808f0
	v_fma_f32 v5, s11, v5, v5 div:2                             ; d6130005 1c160a0b
	s_cbranch_scc1 BB16                                         ; bfa20002
BB15:
	s_branch BB1                                                ; bfa0ffcb
BB16:
	buffer_store_b128 v[4:7], v0, s[0:3], 0 offen               ; e0740000 80000400
	s_endpgm                                                    ; bfb00000
`;

describe('reading RADV’s assembly', () => {
  it('finds the innermost loop and counts in it alone', () => {
    const instructions = parseAssembly(NESTED);
    expect(hottestLoop(instructions)).toEqual({
      vector: 6,
      multiplying: 4,
      multiplyAdds: 4,
      matrices: 0,
      loads: 2,
    });
    expect(mixOf(instructions)).toEqual({
      vector: 9,
      multiplying: 5,
      multiplyAdds: 5,
      matrices: 0,
      loads: 4,
    });
    expect(instructions.filter(({ name }) => name === 's_nop')).toHaveLength(4);
  });

  it('weighs loops as RADV does: eight trips of the outermost, four of one inside', () => {
    // One v_fma after both loops, one in the outer, four in the inner.
    const instructions = parseAssembly(NESTED);
    expect(modelledMultiplyAdds(instructions)).toBe(4 * 32 + 8);
  });

  it('knows no loop where nothing is multiplied in one', () => {
    expect(hottestLoop(parseAssembly('BB0:\n\tv_fma_f32 v0, v1, v2, v3\n\ts_endpgm\n'))).toBeUndefined();
    expect(
      hottestLoop(parseAssembly('BB0:\n\tv_add_f32 v0, v1, v2\n\ts_cbranch_scc1 BB0\n')),
    ).toBeUndefined();
  });

  it.each([
    ['v_dual_fmac_f32 v4, v8, v12 :: v_dual_fmac_f32 v5, v9, v13', [2, 2, 2]],
    ['v_dual_fmac_f32 v4, v8, v12 :: v_dual_mov_b32 v5, v9', [2, 1, 1]],
    ['v_dual_mov_b32 v4, v8 :: v_dual_fmaak_f32 v5, v9, v13, 0x3f000000', [2, 1, 1]],
    ['v_pk_fma_f16 v0, v1, v2, v3', [1, 1, 2]],
    ['v_fma_mix_f32 v0, v1, v2, v3 op_sel_hi:[1,1,0]', [1, 1, 1]],
    ['v_fma_mixlo_f16 v0, v1, v2, v3', [1, 1, 1]],
    // Sixteen rows, columns and inner elements on 32 lanes, in 32 cycles.
    ['v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[16:23], v[0:7]', [32, 32, 128]],
    ['v_mac_f32_e32 v0, v1, v2', [1, 1, 1]],
    ['v_mad_f32 v0, v1, v2, v3', [1, 1, 1]],
    ['v_mad_u32_u24 v0, v1, v2, v3', [1, 0, 0]],
    ['v_mul_f32_e32 v0, v1, v2', [1, 0, 0]],
    ['s_fmac_f32 s0, s1, s2', [0, 0, 0]],
  ])('%s', (line, counts) => {
    const { vector, multiplying, multiplyAdds } = mixOf(parseAssembly(`BB0:\n\t${line}\n`));
    expect([vector, multiplying, multiplyAdds]).toEqual(counts);
  });

  it('counts loads of every kind and no store', () => {
    const lines = [
      'ds_load_b128 v[0:3], v4',
      'ds_read2_b64 v[0:3], v4',
      'buffer_load_dwordx4 v[0:3], off, s[4:7], s8',
      'global_load_b32 v0, v1, s[0:1]',
      'scratch_load_b32 v0, off, s1',
      's_load_b128 s[0:3], s[2:3], null',
      's_buffer_load_b64 s[0:1], s[4:7], s8',
      'ds_store_b128 v4, v[0:3]',
      'buffer_store_b32 v1, v0, s[4:7], 0 offen',
    ];
    expect(mixOf(parseAssembly(lines.map((line) => `\t${line}\n`).join(''))).loads).toBe(7);
  });
});

it('reads what the layer writes, block by block', () => {
  const block = (vgprs: number) => `VGPRs: ${vgprs}\nSpilled VGPRs: 0\nassembly\nBB0:\n\ts_endpgm\n\nend\n`;
  const [first, second, ...more] = parseOutput(block(48) + block(12));
  expect(more).toEqual([]);
  expect(first?.statistics.get('VGPRs')).toBe(48);
  expect(second?.statistics.get('VGPRs')).toBe(12);
  expect(second?.assembly).toContain('s_endpgm');
});

it('collects each distinct kernel of a step once', async () => {
  const kernels = await kernelsOf(['convnext-t-k31'], [], PLAIN_PROFILE);
  expect(new Set(kernels.map(({ code }) => code)).size).toBe(kernels.length);
  const depthwise = kernels.filter(({ shader }) => /depthwise\/(rows|correlate)/.test(shader));
  // y, dx and dweight of four stages.
  expect(depthwise.map(({ k }) => k).sort()).toEqual([13, 13, 13, 27, 27, 27, 29, 29, 29, 31, 31, 31]);
  for (const op of ['matmul', 'matmul-gelu', 'matmul-gelu-gradient', 'layer-norm', 'adamw'])
    expect(kernels.map((kernel) => kernel.op)).toContain(op);
});
