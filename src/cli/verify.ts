import { readPublicKey } from '../store/index.ts'
import { EXIT } from './exit-codes.ts'
import { KEY, STORE_OPTIONS, storeOf } from './store-options.ts'
import type { Verb } from './verb.ts'

export const verifyVerb: Verb = {
  name: 'verify',
  usage: 'verify [NAME[:TAG|@DIGEST]] [--key PUB]…',
  summary:
    'Reads every byte of a version (of a name, of the whole store), checks who signed what, scans the graph and replays the recipe. Exit 1 where anything is wrong.',
  examples: ['whet verify digits:v2 --key pub.pem', 'whet verify'],
  positionals: { min: 0, max: 1, names: 'at most one version or name' },
  options: {
    key: KEY,
    'no-replay': { type: 'boolean', help: 'do not replay recipes on their parents' },
    ...STORE_OPTIONS,
  },
  async run([reference], options, context) {
    const keys = await Promise.all(options.list('key').map(readPublicKey))
    const report = await storeOf(options).verify(reference ?? null, {
      keys,
      replay: !options.flag('no-replay'),
      onProgress: context.progress,
    })
    return { report, exitCode: report.sound ? EXIT.done : EXIT.regressed }
  },
}
