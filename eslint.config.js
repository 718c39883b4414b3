// What the linter holds every source file to: typed promise rules first, then size.
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    // AssemblyScript looks like TypeScript and is not
    ignores: [
      'dist/**',
      '**/generated/**',
      'node_modules/**',
      'docs/.vitepress/theme/**',
      'clients/**/dist/**',
      'assembly/**',
    ],
  },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['*.js', '*.mjs', 'src/*.cjs'] } },
    },
    rules: {
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      'no-console': 'error',
      // of a socket that is being shut down it loses the handle: test/support/reset-socket.ts
      'no-restricted-properties': ['error', { property: 'resetAndDestroy', message: 'call resetSocket()' }],
      eqeqeq: 'error',
    },
  },
  {
    files: ['test/**', 'scripts/**', 'src/cli/**', 'bench/**'],
    rules: { 'no-console': 'off', '@typescript-eslint/no-floating-promises': 'off' },
  },
  { files: ['**/*.js', '**/*.mjs', '**/*.cjs'], extends: [tseslint.configs.disableTypeChecked] },
  {
    // read by a Node of any age, and what it says goes to a person
    files: ['src/launch.cjs'],
    rules: { 'no-console': 'off', 'no-var': 'off', '@typescript-eslint/no-require-imports': 'off' },
  },
);
