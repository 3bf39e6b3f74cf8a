import { describeVersion, scanVersion } from '../store/index.ts'
import { STORE_OPTIONS, storeOf } from './store-options.ts'
import type { Verb } from './verb.ts'

export const showVerb: Verb = {
  name: 'show',
  usage: 'show NAME[:TAG|@DIGEST] [--card]',
  summary: 'Everything about one version: verdict, evidence, lineage, signatures, files, and what its graph holds.',
  examples: ['whet show digits:v2', 'whet show digits:v2 --card'],
  positionals: { min: 1, max: 1, names: 'one version' },
  options: { card: { type: 'boolean', help: 'print the model card (Markdown)' }, ...STORE_OPTIONS },
  async run([reference], options) {
    const store = storeOf(options)
    const version = await store.resolve(reference!)
    if (options.flag('card'))
      return {
        report: describeVersion(store, version, 'show'),
        text: version.card ?? 'There is no card with this version.',
      }
    return { report: describeVersion(store, version, 'show', { findings: await scanVersion(version) }) }
  },
}
