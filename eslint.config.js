import tseslint from 'typescript-eslint';

/** Folders of src, lowest first. A file imports from its own folder and from those below it; docs/architecture.md says what each holds. */
const LAYERS = [
  'util',
  'mpi',
  'schema',
  'formats',
  'data',
  'device',
  'shader',
  'ops',
  'graph',
  'execution',
  'tuning',
  'nn',
  'models',
  'recipe',
  'robustness',
  'training',
  'report',
  'watch',
  'web',
  'sweeps',
  'paper',
  'bench',
  'cli',
];

const forbidImports = (files, patterns) => ({
  files,
  rules: { 'no-restricted-imports': ['error', { patterns }] },
});

const above = (layer) => ({
  regex: `^(\\.\\./)+(${LAYERS.slice(LAYERS.indexOf(layer) + 1).join('|')})/`,
  message: `src/${layer} lies below: imports go downwards only (eslint.config.js has the order).`,
});

const kernels = {
  regex: '/(kernels\\.ts$|shader/|device/)',
  message:
    'What an op means knows neither kernels nor shaders nor devices; only src/execution brings the two together.',
};

const imports = [
  ...LAYERS.slice(0, -1).map((layer) => forbidImports([`src/${layer}/**/*.ts`], [above(layer)])),
  forbidImports(['src/ops/{op,tensor}.ts', 'src/ops/*/{op,reference}.ts'], [above('ops'), kernels]),
  forbidImports(['src/graph/**/*.ts'], [above('graph'), kernels]),
];

export default tseslint.config(
  {
    ignores: [
      'node_modules',
      'runs',
      'lib',
      '.build',
      'docs',
      'bench/peers',
      'wasm',
      'test/golden',
      '**/*.mjs',
      'bin',
      'eslint.config.js',
    ],
  },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'use src/util/rng.ts: runs must be repeatable' },
      ],
      'prefer-const': 'error',
      eqeqeq: 'error',
    },
  },
  ...imports,
  {
    files: ['src/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: 'CallExpression[callee.name=/^mkdir(Sync)?$/][arguments.length>1]',
          message: 'use makeFolder of src/util/files.ts: a recursive mkdir of Node never ends below /proc',
        },
      ],
    },
  },
  { files: ['test/**', 'bench/**'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
  {
    // Classic scripts that share their names, and take what the server sends as the types say; `tsc -p web` checks them.
    files: ['web/watch/*.js'],
    rules: {
      '@typescript-eslint/no-unused-vars': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
);
