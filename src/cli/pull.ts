import { copyVersion, describeVersion, openStore, parseReference, readPublicKey } from '../store/index.ts'
import { EXIT } from './exit-codes.ts'
import { outputFolder } from './output-file.ts'
import { KEY, STORE_OPTIONS, storeOf } from './store-options.ts'
import type { Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

export const pullVerb: Verb = {
  name: 'pull',
  usage: 'pull NAME[:TAG|@DIGEST] -o DIR',
  summary:
    'Writes a version into a folder: the model, its evidence, card, bill of materials, signatures. Every byte is checked.',
  examples: [
    'whet pull digits:v2 -o digits',
    'whet pull digits:v2 --store https://registry.example/models --into ./models',
  ],
  positionals: { min: 1, max: 1, names: 'one version' },
  options: {
    output: { type: 'string', short: 'o', value: 'DIR', help: 'folder to write to' },
    into: { type: 'string', value: 'DIR|URL', help: 'another store to copy it to, bit by bit, instead of a folder' },
    key: KEY,
    ...STORE_OPTIONS,
  },
  async run([reference], options, context) {
    const [out, into] = [options.text('output'), options.text('into')]
    if ((out === undefined) === (into === undefined))
      throw wrongCall('say where to write it, once', 'with -o DIR or --into STORE')
    const folder = out === undefined ? undefined : outputFolder(options)
    const store = storeOf(options)
    const version = await store.resolve(reference!)
    const keys = await Promise.all(options.list('key').map(readPublicKey))
    if (keys.length > 0) {
      const checked = await store.verify(`${version.name}@${version.digest}`, { keys, replay: false })
      if (!checked.sound) return { report: checked, exitCode: EXIT.regressed }
    }
    if (into !== undefined) {
      const target = openStore(into, { plainHttp: options.flag('plain-http') })
      const { tag } = parseReference(reference!)
      await copyVersion(version, store, target, tag === undefined ? version.tags : [tag])
      return { report: describeVersion(store, version, 'pull', { wroteTo: target.location }) }
    }
    await version.checkout(folder!)
    context.say(`wrote ${out}`)
    return { report: describeVersion(store, version, 'pull', { wroteTo: folder! }) }
  },
}
