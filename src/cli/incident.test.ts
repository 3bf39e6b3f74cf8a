import { join } from 'node:path'
import { expect, test } from 'vitest'
import { incidentVerb } from './incident.ts'
import { Arguments, type Context } from './verb.ts'

test('a document that cannot be written is told before the server is asked to do anything', async () => {
  const markdown = join(import.meta.dirname, 'no-such-folder', 'incident.md')
  // Nobody listens there.
  const options = new Arguments({ markdown, admin: 'http://127.0.0.1:9' })
  const run = incidentVerb.run(['ack', 'i-0123456789ab'], options, {} as Context)
  await expect(run).rejects.toThrow(/no-such-folder/)
})

test.each([
  ['list', 'markdown'],
  ['list', 'note'],
  ['show', 'note'],
] as const)('%s refuses --%s, which it would not use', async (act, option) => {
  const options = new Arguments({ [option]: 'x', admin: 'http://127.0.0.1:9' })
  const run = incidentVerb.run([act, 'i-0123456789ab'], options, {} as Context)
  await expect(run).rejects.toThrow(`--${option} means nothing in whet incident ${act}`)
})
