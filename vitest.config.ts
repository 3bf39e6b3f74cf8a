import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts', 'demo/**/*.test.ts', 'bench/**/*.test.ts'],
    setupFiles: ['tests/own-temporary-folder.ts'],
    testTimeout: 60_000,
    // Some train their network in a hook.
    hookTimeout: 60_000,
    // On a shared machine a process may be starved for a moment; whoever needs a second try is named at the end.
    retry: process.env.CI ? 1 : 0,
    reporters: ['default', './scripts/closing-line.mjs'],
    // Native sessions must not share a process with other files' tests: a fault would take them along.
    pool: 'forks',
    maxWorkers: 2,
  },
})
