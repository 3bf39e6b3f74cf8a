import { expect, test } from 'vitest'
import { rolloutVerb } from './rollout.ts'
import { Arguments, type Context } from './verb.ts'

test.each([
  ['status', { candidate: 'v2' }, 'whet rollout status takes no --candidate: it is for start'],
  ['stop', { hold: true }, 'whet rollout stop takes no --hold: it is for start'],
  ['start', { candidate: 'v2', share: '0.3' }, /^--share is for a canary/],
])('%s with %j is refused, and not done without it', async (act, options, message) => {
  // Nobody listens there.
  const given = new Arguments({ ...options, admin: 'http://127.0.0.1:9' })
  const run = rolloutVerb.run([act, 'digits'], given, {} as Context)
  await expect(run).rejects.toMatchObject({ code: 'bad-argument', message: expect.stringMatching(message) })
})
