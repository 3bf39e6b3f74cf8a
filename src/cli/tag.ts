import { describeVersion, parseReference } from '../store/index.ts'
import { STORE_OPTIONS, storeOf } from './store-options.ts'
import type { Verb } from './verb.ts'
import { wrongCall } from './wrong-call.ts'

export const tagVerb: Verb = {
  name: 'tag',
  usage: 'tag NAME[:TAG|@DIGEST] NEWTAG | tag NAME:TAG --delete',
  summary: 'Points a tag at a version, in one step: whoever reads it sees the old or the new.',
  examples: ['whet tag digits:v2 live', 'whet tag digits:old --delete'],
  positionals: { min: 1, max: 2, names: 'a version and a tag' },
  options: {
    delete: { type: 'boolean', help: 'take the tag away; the version stays' },
    expect: { type: 'string', value: 'DIGEST', help: 'only if the tag names this version now' },
    ...STORE_OPTIONS,
  },
  async run([reference, tag], options) {
    const store = storeOf(options)
    const remove = options.flag('delete')
    const { name, tag: old } = parseReference(reference!)
    if (remove ? tag !== undefined || old === undefined : tag === undefined)
      throw wrongCall(
        remove ? '--delete takes NAME:TAG alone' : 'say which tag to set',
        remove ? `whet tag ${name}:TAG --delete` : `whet tag ${reference} live`,
      )
    const expect = options.text('expect')
    const version = await store.resolve(reference!)
    await store.tag(name, remove ? old! : tag!, remove ? null : version.digest, expect)
    return { report: describeVersion(store, await store.resolve(`${name}@${version.digest}`), 'tag') }
  },
}
