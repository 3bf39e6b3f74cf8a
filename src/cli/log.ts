import { describeHistory, parseReference } from '../store/index.ts'
import { STORE_OPTIONS, storeOf } from './store-options.ts'
import type { Verb } from './verb.ts'

export const logVerb: Verb = {
  name: 'log',
  usage: 'log [NAME]',
  summary:
    'The versions of a model, newest first, with their verdicts and what each was made from; without a name, of all.',
  examples: ['whet log digits'],
  positionals: { min: 0, max: 1, names: 'at most one name' },
  options: STORE_OPTIONS,
  async run([name], options) {
    return { report: await describeHistory(storeOf(options), name === undefined ? null : parseReference(name).name) }
  },
}
