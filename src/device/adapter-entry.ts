/** What kind of machine runs the kernels: a real GPU, Mesa's lavapipe, or SwiftShader. */
export type AdapterKind = 'gpu' | 'lavapipe' | 'swiftshader';

export interface AdapterEntry {
  readonly name: string;
  readonly backend: string;
  readonly kind: AdapterKind;
}
