import { ADMIN_OPTIONS, callAdmin } from './admin-call.ts'
import { EXIT } from './exit-codes.ts'
import type { Verb } from './verb.ts'

export const drillVerb: Verb = {
  name: 'drill',
  usage: 'drill [--runs 100] [--seed 1]',
  summary:
    'Rehearses a rollback on the running server: a bad version must be rolled back, an equally good one must not.',
  examples: ['whet drill', 'whet drill --runs 20 --json'],
  positionals: { min: 0, max: 0, names: 'no arguments' },
  options: {
    runs: { type: 'string', value: 'N', help: 'made-up rollouts of each kind (100)' },
    seed: { type: 'string', value: 'N', help: 'seed of the made-up answers (1)' },
    ...ADMIN_OPTIONS,
  },
  async run(_positionals, options) {
    const report = await callAdmin(options, {
      kind: 'drill',
      path: '/v2/drill',
      body: { runs: options.integer('runs', 100, 1, 1000), seed: options.integer('seed', 1, 0, 2 ** 31) },
      hint: 'the log of the server says what it does; whet drill --help has the settings',
    })
    return { report, exitCode: report.passed ? EXIT.done : EXIT.regressed }
  },
}
