import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import type { UserError } from '../platform/index.ts'
import { callAdmin } from './admin-call.ts'
import { Arguments } from './verb.ts'
import { VERBS } from './verbs.ts'

test('a server that is there and takes long is not called missing', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const admin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const ask = () =>
    callAdmin(new Arguments({ admin }), { kind: 'rollout', path: '/rollouts/m', hint: 'begin one', longestMs: 50 })
  await expect(ask()).rejects.toMatchObject({
    code: 'busy',
    message: 'the server has not answered within 0.05 seconds',
    where: admin,
  })
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
  await expect(ask()).rejects.toMatchObject({ code: 'missing-file', message: `no server answers at ${admin}` })
})

/** A server that finds nothing, and says so in these words. */
async function refusing(error: string) {
  const server = createServer((_, answer) => {
    answer.writeHead(404).end(JSON.stringify({ error }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { admin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

test('what a server refuses is told with what to do about it', async () => {
  const { admin, close } = await refusing('there was no rollout yet')
  for (const [verb, words, hint] of [
    ['rollout', ['status', 'digits'], /whet rollout start digits --candidate TAG/],
    ['rollout', ['start', 'digits'], /whet log NAME/],
    ['incident', ['show', 'i-1'], /whet incident list/],
    ['drift', ['digits'], /--watch/],
    ['drill', [], /whet drill --help/],
  ] as const) {
    const { run } = await VERBS[verb]!.load()
    const options = new Arguments({ admin, ...(words[0] === 'start' ? { candidate: 'v2' } : {}) })
    const error = await run(words, options, undefined as never).catch((error: UserError) => error)
    expect(error).toMatchObject({
      message: 'there was no rollout yet',
      where: admin,
      hint: expect.stringMatching(hint),
    })
  }
  close()
})

test('of a model that the server does not have, it is told how the server calls those that it has', async () => {
  const { admin, close } = await refusing("Request for unknown model: 'digitz' is not found")
  const asked = callAdmin(new Arguments({ admin }), { kind: 'drift', path: '/v2/drift/digitz', hint: 'ask again' })
  await expect(asked).rejects.toMatchObject({ hint: expect.stringContaining(`POST ${admin}/v2/repository/index`) })
  close()
})
