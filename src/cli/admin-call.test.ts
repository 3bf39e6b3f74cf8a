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

test('what a server refuses is told with what to do about it', async () => {
  const server = createServer((_, answer) => {
    answer.writeHead(404).end(JSON.stringify({ error: 'there was no rollout yet' }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const admin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
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
  server.closeAllConnections()
  server.close()
})

test('of a model that the server does not have, it is told how the server calls those that it has', async () => {
  const server = createServer((_, answer) => {
    answer.writeHead(404).end(JSON.stringify({ error: "Request for unknown model: 'digitz' is not found" }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const admin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const asked = callAdmin(new Arguments({ admin }), { kind: 'drift', path: '/v2/drift/digitz', hint: 'ask again' })
  await expect(asked).rejects.toMatchObject({ hint: expect.stringContaining(`POST ${admin}/v2/repository/index`) })
  server.closeAllConnections()
  server.close()
})
