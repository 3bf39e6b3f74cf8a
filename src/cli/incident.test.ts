import { join } from 'node:path'
import { expect, test } from 'vitest'
import { incidentVerb } from './incident.ts'
import { Arguments, type Context } from './verb.ts'

test.each([
  [['list', 'i-0123456789ab'], {}, 'whet incident list takes no "i-0123456789ab"'],
  [['list'], { markdown: 'all.md' }, 'whet incident list takes no --markdown: it is for show and ack'],
  [['show', 'i-0123456789ab'], { note: 'why' }, 'whet incident show takes no --note: it is for ack'],
  [['shwo', 'i-0123456789ab'], {}, 'whet incident shwo: no such act'],
])('%j with %j is refused, and not done without it', async (words, options, message) => {
  // Nobody listens there.
  const given = new Arguments({ ...options, admin: 'http://127.0.0.1:9' })
  await expect(incidentVerb.run(words, given, {} as Context)).rejects.toMatchObject({ code: 'bad-argument', message })
})

test('a document that cannot be written is told before the server is asked to do anything', async () => {
  const markdown = join(import.meta.dirname, 'no-such-folder', 'incident.md')
  // Nobody listens there.
  const options = new Arguments({ markdown, admin: 'http://127.0.0.1:9' })
  const run = incidentVerb.run(['ack', 'i-0123456789ab'], options, {} as Context)
  await expect(run).rejects.toThrow(/no-such-folder/)
})
