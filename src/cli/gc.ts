import { STORE_OPTIONS, storeOf } from './store-options.ts'
import { duration, type Verb } from './verb.ts'

export const gcVerb: Verb = {
  name: 'gc',
  usage: 'gc [--grace 1h] [--untagged] [--dry-run]',
  summary: 'Removes what nothing refers to and what interrupted runs left behind; other runs may go on meanwhile.',
  examples: ['whet gc --dry-run', 'whet gc --grace 24h --untagged'],
  positionals: { min: 0, max: 0, names: 'no argument' },
  options: {
    grace: { type: 'string', value: 'T', help: 'leave alone what is younger than this: a push may be under way (1h)' },
    untagged: { type: 'boolean', help: 'remove versions without a tag too, except those that others descend from' },
    'dry-run': { type: 'boolean', help: 'list what would go, remove nothing' },
    ...STORE_OPTIONS,
  },
  async run(_, options) {
    const report = await storeOf(options).collect({
      graceMs: duration(options.text('grace') ?? '1h', 'grace', { orNone: true }),
      untagged: options.flag('untagged'),
      dryRun: options.flag('dry-run'),
    })
    return { report }
  },
}
