import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { jsonLog, silentLog } from './log.ts'
import { Webhooks } from './webhooks.ts'

const times = { timeoutMs: 20_000, firstRetryMs: 1, longestRetryMs: 4, tries: 4 }
const event = { event: 'rollout-promoted', data: { kind: 'rollout', name: 'digits' } } as const

const soon = { timeout: 30_000, interval: 5 }

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  }
})

/** Answers each request with the next of these codes (the last one for ever), and keeps what it got. */
async function receiver(...codes: readonly number[]) {
  const got: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = []
  const server = createServer((request, reply) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      const code = codes[Math.min(got.length, codes.length - 1)]!
      got.push({ headers: request.headers, body })
      reply.writeHead(code, code === 302 ? { location: `http://127.0.0.1:${port}/elsewhere` } : {}).end('x')
    })
  })
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return { got, url: `http://127.0.0.1:${port}/hook` }
}

const counts = (hooks: Webhooks) =>
  [...hooks.metrics().matchAll(/outcome="[a-z-]+"} (\d+)/g)].map(([, count]) => Number(count))

test('an event is told with its signature, again after refusals that may pass', async () => {
  const { got, url } = await receiver(500, 429, 200)
  const hooks = new Webhooks([url], 'secret', silentLog, times)
  hooks.notify(event)
  await expect.poll(() => counts(hooks), soon).toEqual([1, 0])
  expect(got).toHaveLength(3)
  const { headers, body } = got[2]!
  expect(JSON.parse(body)).toMatchObject({ ...event, id: headers['x-whetstone-delivery'] })
  expect(headers['x-whetstone-event']).toBe('rollout-promoted')
  const signed = createHmac('sha256', 'secret').update(`${headers['x-whetstone-timestamp']}.${body}`).digest('hex')
  expect(headers['x-whetstone-signature']).toBe(`sha256=${signed}`)
  // Each try is the same delivery.
  expect(new Set(got.map(({ headers }) => headers['x-whetstone-delivery'])).size).toBe(1)
  await hooks.close(1000)
})

test('a refusal for good ends it, a redirect is not followed, tries are bounded; other addresses are told', async () => {
  const lines: string[] = []
  const [no, elsewhere, down, yes] = [
    await receiver(400),
    await receiver(302),
    await receiver(503),
    await receiver(204),
  ]
  const hooks = new Webhooks(
    [no.url, elsewhere.url, down.url, yes.url],
    'secret',
    jsonLog((line) => lines.push(line)),
    times,
  )
  hooks.notify(event)
  await expect.poll(() => counts(hooks), soon).toEqual([1, 3])
  expect([no, elsewhere, down, yes].map(({ got }) => got.length)).toEqual([1, 1, 4, 1])
  expect(lines).toHaveLength(3)
  expect(lines.join()).not.toContain('/hook')
  await hooks.close(1000)
})

test('telling waits for nothing, what waits is bounded, and an end does not wait for a silent address', async () => {
  const silent = createServer(() => {})
  servers.push(silent)
  await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
  const hooks = new Webhooks([url], 'secret', silentLog, times)
  for (let i = 0; i < 300; i++) hooks.notify(event)
  // One is on its way, 200 wait.
  expect(counts(hooks)).toEqual([0, 99])
  await hooks.close(1)
  expect(counts(hooks)).toEqual([0, 300])
})

test('addresses that are none', () => {
  for (const url of ['file:///etc/passwd', 'example.com', 'http://user:word@example.com/'])
    expect(() => new Webhooks([url], 's', silentLog)).toThrow('not valid')
})
