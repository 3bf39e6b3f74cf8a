import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { ask, modelFolder, serve } from '../../tests/serve-kit.ts'
import { liveRouter } from './router.ts'

const PATIENCE = 60_000
const NEGATE = 'g (float[N,1] x) => (float[N,1] y) { y = Neg(x) }'
const request = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [3] }] })

/** A connection that has sent a request but for its last byte; and all that comes back on it. */
async function unfinished(place: string): Promise<{ socket: Socket; answer: Promise<string> }> {
  const [host, port] = place.split(':')
  const socket = connect(Number(port), host)
  await once(socket, 'connect')
  let text = ''
  socket.on('data', (chunk) => (text += chunk)).on('error', () => {})
  const answer = once(socket, 'close').then(() => text)
  socket.write(
    `POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Length: ${request.length}\r\n\r\n${request.slice(0, -1)}`,
  )
  // Its head was read when a request that was sent later is answered.
  await ask(place, 'POST', '/v2/models/m/infer', request)
  return { socket, answer }
}

test(
  'a request under way is answered, nobody else is let in, and the version ends',
  async () => {
    // Far beyond the patience of this test: the connection, which is kept alive, must not be waited for.
    const server = await serve(modelFolder({ 'm.onnx': NEGATE }), { drainMs: 2 * PATIENCE })
    const pid = server.core.registry.version('m', '').pid!
    const { socket, answer } = await unfinished(server.http!)
    let closed = false
    const closing = server.close().then(() => {
      closed = true
    })
    await expect(ask(server.http, 'GET', '/v2/health/ready')).rejects.toThrow('ECONNREFUSED')
    expect(closed).toBe(false)
    socket.write('}')
    expect(await answer).toMatch(/^HTTP\/1\.1 200 .*connection: close\r\n.*"data":\[-3\]/is)
    await closing
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  },
  PATIENCE,
)

test(
  'a request that comes on an open connection while the server ends is answered, and ends the connection',
  async () => {
    const server = await serve(modelFolder({ 'm.onnx': NEGATE }), { drainMs: PATIENCE })
    const { socket, answer } = await unfinished(server.http!)
    socket.write('}')
    await once(socket, 'data')
    // Idle now, as between two requests of a client that sends them one after another.
    const closing = server.close()
    await expect(ask(server.http, 'GET', '/v2/health/ready')).rejects.toThrow('ECONNREFUSED')
    socket.write(`POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Length: ${request.length}\r\n\r\n${request}`)
    const said = (await answer).match(/HTTP\/1\.1 \d+|^connection: [a-z-]+/gim)
    expect(said).toEqual(['HTTP/1.1 200', 'Connection: keep-alive', 'HTTP/1.1 200', 'Connection: close'])
    await closing
  },
  PATIENCE,
)

test(
  'a server that is told to stop while it starts gives up what it loads',
  async () => {
    const stop = new AbortController()
    let begin = () => {}
    const begun = new Promise<void>((resolve) => {
      begin = resolve
    })
    const starting = serve(modelFolder({ 'm.onnx': NEGATE, 'n.onnx': NEGATE }), {
      signal: stop.signal,
      // One that never ends by itself.
      rehearse: () => {
        begin()
        return new Promise(() => {})
      },
    })
    await begun
    stop.abort()
    const server = await starting
    expect((await ask(server.http, 'GET', '/v2/health/ready')).status).toBe(503)
    await server.close()
  },
  PATIENCE,
)

test(
  'a server that is told to stop while it takes up its rollouts loads nothing for them, and is never ready',
  async () => {
    const stop = new AbortController()
    let [begin, loading] = [() => {}, Promise.resolve() as Promise<unknown>]
    const begun = new Promise<void>((resolve) => {
      begin = resolve
    })
    const server = await serve(modelFolder({ 'm/1/model.onnx': NEGATE, 'm/2/model.onnx': NEGATE }), {
      signal: stop.signal,
      extension: {
        router: liveRouter,
        open({ registry }) {
          loading = begun.then(() => registry.warm('m', '1'))
          return { shared: [], admin: [] }
        },
        loaded: async () => {
          stop.abort()
          begin()
          await loading.catch(() => {})
        },
        metrics: () => '',
        close: async () => {},
      },
    })
    await expect(loading).rejects.toThrow('the server is stopping')
    expect((await ask(server.http, 'GET', '/v2/health/ready')).status).toBe(503)
    await server.close()
  },
  PATIENCE,
)

test(
  'whoever takes longer than the drain is not waited for',
  async () => {
    const server = await serve(modelFolder({ 'm.onnx': NEGATE }), { drainMs: 100 })
    const { answer } = await unfinished(server.http!)
    await server.close()
    expect(await answer).toBe('')
  },
  PATIENCE,
)
