import js from '@eslint/js';
import reactHooks from 'eslint-plugin-react-hooks';
import globals from 'globals';
import tseslint from 'typescript-eslint';

const GENERATED = 'libs/api-client/src/openapi.ts';

/** Who may import whom is not checked here but by tools/boundaries, as a test: see the comment there. */
export default tseslint.config(
  { ignores: ['**/dist/**', '**/fixtures/**', '.muster/**', '.nx/**'] },
  {
    files: ['**/*.mjs'],
    extends: [js.configs.recommended],
    languageOptions: { globals: globals.node },
  },
  // Generated. No rule is for it; but ignored, it would be a warning to who lints the files of a change by their names.
  { files: [GENERATED], languageOptions: { parser: tseslint.parser } },
  {
    files: ['**/*.ts', '**/*.tsx'],
    ignores: [GENERATED],
    extends: [js.configs.recommended, tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'max-lines': ['warn', { max: 400, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportAllDeclaration', message: 'List public names by hand.' },
        { selector: 'ExportDefaultDeclaration', message: 'Name what you export.' },
        { selector: 'TSEnumDeclaration', message: 'Use a union of strings.' },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Read the environment in config.ts only.' },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-extraneous-class': 'off', // Nest modules and empty contract classes
      '@typescript-eslint/no-misused-spread': 'off', // contract types are classes, their values plain objects
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off', // the same
      '@typescript-eslint/require-await': 'off', // async also turns a throw into a rejection
      '@typescript-eslint/no-unnecessary-type-parameters': 'off', // contracts infer through them
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/unbound-method': 'off', // class-validator and Jest matchers
    },
  },
  {
    files: ['apps/console/**/*.ts', 'apps/console/**/*.tsx'],
    extends: [reactHooks.configs.flat['recommended']],
    rules: {
      // Handlers of a form or a button may be async: what they throw is shown by the mutation they run.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      // A list whose rows are only what is seen (TanStack Virtual) cannot be compiled by React's compiler, which is not used.
      'react-hooks/incompatible-library': 'off',
      // What is typed starts anew when the address says something else, and a page closes its menu.
      'react-hooks/set-state-in-effect': 'off',
    },
  },
  {
    // The places where the environment, the terminal and the exit code are the subject.
    files: [
      'apps/*/src/config.ts',
      'apps/*/src/main.ts',
      'apps/*/src/migrate.ts',
      'apps/*/src/doctor.ts',
      'apps/*/src/rebuild.ts',
      'tools/**/*.ts',
      'libs/local-servers/**/*.ts',
      'libs/testing/**/*.ts',
      '**/*.spec.ts',
    ],
    rules: { 'no-restricted-properties': 'off', 'no-console': 'off' },
  },
  {
    files: ['**/*.spec.ts', '**/*.spec.tsx'],
    rules: { 'max-lines': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
);
