import { mkdtempSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, binaryBody, modelFolder, SIMPLE, serve } from '../../tests/serve-kit.ts'
import { DEFAULT_LIMITS, type Server } from './index.ts'

const LIMIT = 1 << 20
let server: Server
let folder: string
beforeAll(async () => {
  folder = modelFolder({
    'simple.onnx': SIMPLE,
    'vector.onnx':
      'g (float[N,4] x) => (float[N,2] y) <int64[2] shape = {-1,2}, float[2,2] w = {1,0,0,1}> { r = Reshape(x, shape) y = MatMul(r, w) }',
  })
  server = await serve(folder, { limits: { ...DEFAULT_LIMITS, maxBodyBytes: LIMIT, maxConnections: 100 } })
}, 120_000)
afterAll(() => server?.close())

const sixteen = Array.from({ length: 16 }, (_, i) => i)
const port = (name: string, more: object = {}) => ({ name, datatype: 'INT32', shape: [1, 16], data: sixteen, ...more })
const infer = (body: Parameters<typeof ask>[3], headers?: Record<string, string>, model = 'simple') =>
  ask(server.http, 'POST', `/v2/models/${model}/infer`, body, headers)
const works = async () => expect((await infer({ inputs: [port('INPUT0'), port('INPUT1')] })).status).toBe(200)

/** Bytes as they are over one connection; everything that comes back until the other side ends or `ms` pass. */
function exchange(pieces: readonly (string | Uint8Array)[], end = false): Promise<string> {
  const [host, number] = server.http!.split(':')
  return new Promise((resolve) => {
    const socket = connect(Number(number), host)
    let seen = ''
    socket.on('data', (chunk) => {
      seen += chunk.toString('latin1')
      if (/\r\n\r\n/.test(seen)) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(seen))
    for (const piece of pieces) socket.write(piece)
    if (end) socket.destroySoon()
  })
}

describe('what a client can get wrong in a request', () => {
  const both = (more: object) => ({ inputs: [port('INPUT0', more), port('INPUT1')] })
  test.each<[string, object | string, RegExp]>([
    ['no JSON', 'not json', /^failed to parse the request JSON buffer: Invalid value\./],
    ['an empty body', '', /^failed to parse the request JSON buffer/],
    ['an array', '[]', /non-object as object/],
    ['no inputs', {}, /'inputs'/],
    [
      'too few inputs',
      { inputs: [port('INPUT0')] },
      /^expected 2 inputs but got 1 inputs for model 'simple'\. Got input\(s\) \['INPUT0'\], but missing required input\(s\) \['INPUT1'\]\./,
    ],
    [
      'an unknown input',
      { inputs: [port('INPUT0'), port('INPUT1'), port('X')] },
      /^unexpected inference input 'X' for model 'simple'/,
    ],
    ['an input twice', { inputs: [port('INPUT0'), port('INPUT0')] }, /already exists/],
    [
      'an unknown output',
      { ...both({}), outputs: [{ name: 'Y' }] },
      /^unexpected inference output 'Y' for model 'simple'/,
    ],
    ['an output twice', { ...both({}), outputs: [{ name: 'OUTPUT0' }, { name: 'OUTPUT0' }] }, /more than once/],
    [
      'a wrong datatype',
      both({ datatype: 'FP32' }),
      /^inference input 'INPUT0' data-type is 'FP32', but model 'simple' expects 'INT32'/,
    ],
    ['an unknown datatype', both({ datatype: 'FLOAT' }), /unknown datatype 'FLOAT'; it is one of BOOL, .*FP32.*BYTES$/],
    [
      'a wrong shape',
      both({ shape: [16], data: sixteen }),
      /^unexpected shape for input 'INPUT0' for model 'simple'\. Expected \[1,16\], got \[16\]/,
    ],
    ['negative dimensions', both({ shape: [-1, -16] }), /INPUT0/],
    ['dimensions that are no numbers', both({ shape: ['1', 16] }), /INPUT0/],
    ['dimensions whose product overflows', both({ shape: [2 ** 33, 2 ** 33] }), /exceeds/],
    ['a dimension beyond whole numbers', both({ shape: [1e300, 1] }), /INPUT0/],
    ['a shape without end', both({ shape: Array(10_000).fill(1) }), /at most 64/],
    ['too little data', both({ data: [1, 2] }), /does not match.*\[1,16\] takes 16 elements/],
    ['ragged data', both({ data: [[1, 2], [3]] }), /does not match/],
    ['data nested too deep', both({ data: [[[sixteen]]] }), /does not match|INPUT0/],
    ['text as numbers', both({ data: Array(16).fill('x') }), /INPUT0' holds a text, which is no INT32/],
    ['nothing as a number', both({ data: Array(16).fill(null) }), /INPUT0' holds null, which is no INT32/],
    ['no data', both({ data: undefined }), /no data/],
    ['data and binary size', both({ parameters: { binary_data_size: 64 } }), /both 'data' and 'binary_data_size'/],
    [
      'binary size without the header',
      both({ data: undefined, parameters: { binary_data_size: 64 } }),
      /Inference-Header-Content-Length/,
    ],
    ['parameters that are lists', { ...both({}), parameters: { a: [] } }, /'parameters'/],
    ['a negative priority', { ...both({}), parameters: { priority: -1 } }, /priority/],
    ['an id that is a number', { ...both({}), id: 5 }, /'id'/],
    ['an id without end', { ...both({}), id: 'x'.repeat(300) }, /'id'/],
  ])('%s', async (_, body, text) => {
    const { status, json } = await infer(body)
    expect([status, json.error]).toEqual([400, expect.stringMatching(text)])
  })

  test('a sequence is refused rather than answered as if it were none', async () => {
    const { status } = await infer({ ...both({}), parameters: { sequence_id: 3 } })
    expect(status).toBe(501)
  })

  test('shapes that only the runtime finds wrong: the text speaks of shapes, not of nodes and files', async () => {
    const data = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] }] }
    expect((await infer(data, {}, 'vector')).status).toBe(200)
    const { json } = await infer({ inputs: [{ ...data.inputs[0], shape: [0, 4], data: [] }] }, {}, 'vector')
    expect(JSON.stringify(json)).not.toMatch(/Reshape|MatMul|node|\.onnx|\.cc|\/tmp/)
  })

  const { body, headers } = binaryBody(
    { inputs: [port('INPUT0', { data: undefined, parameters: { binary_data_size: 64 } }), port('INPUT1')] },
    [Int32Array.from(sixteen)],
  )
  const length = Number(headers['Inference-Header-Content-Length'])
  test.each<[string, Uint8Array, Record<string, string>, RegExp]>([
    ['beyond the body', body, { 'Inference-Header-Content-Length': String(body.byteLength + 1) }, /but the body has/],
    ['too short', body, { 'Inference-Header-Content-Length': String(length - 5) }, /parse the request JSON/],
    ['too long', body, { 'Inference-Header-Content-Length': String(length + 5) }, /parse the request JSON/],
    ['negative', body, { 'Inference-Header-Content-Length': '-1' }, /Unable to parse Inference-Header/],
    ['no number', body, { 'Inference-Header-Content-Length': '1e3' }, /Unable to parse Inference-Header/],
    ['beyond 64 bits', body, { 'Inference-Header-Content-Length': '99999999999999999999' }, /Unable to parse/],
    ['right, tensors cut short', body.subarray(0, -1), headers, /unexpected end of binary data/],
    ['right, bytes left over', Buffer.concat([body, Buffer.from('x')]), headers, /unexpected additional input data/],
  ])('a header length %s', async (_, sent, more, text) => {
    const { status, json } = await infer(sent, more)
    expect([status, json.error]).toEqual([400, expect.stringMatching(text)])
  })

  test.each([-1, 1.5, 2 ** 60])('a binary size of %s', async (size) => {
    const wrong = binaryBody(
      { inputs: [port('INPUT0', { data: undefined, parameters: { binary_data_size: size } }), port('INPUT1')] },
      [Int32Array.from(sixteen)],
    )
    expect((await infer(wrong.body, wrong.headers)).status).toBe(400)
  })

  test('an unknown model, whatever it is called', async () => {
    for (const name of ['nobody', '..%2f..%2fetc%2fpasswd', '%00', 'a%0d%0ab', '__proto__', 'constructor']) {
      const { status, json } = await infer({}, {}, name)
      expect([status, json.error]).toEqual([404, expect.stringMatching(/^Request for unknown model/)])
    }
  })
})

describe('what HTTP allows one to send', () => {
  test('addresses of every kind are answered with an error of their own', async () => {
    const odd = [
      '/',
      '/v2/',
      '/v2/models',
      '/v2//models',
      '/v2/models/%',
      '/v2/models/%zz',
      '/v2/models/a/b/c',
      '/../v2',
      '/v2/health',
      '*',
      `/v2/models/${'x'.repeat(4000)}`,
    ]
    for (const path of odd) {
      const { status, json } = await ask(server.http, 'GET', path)
      if (path !== '/v2/') expect([path, status, typeof json?.error]).toEqual([path, expect.any(Number), 'string'])
      expect(status).toBeLessThan(500)
    }
    await fc.assert(
      fc.asyncProperty(fc.webPath(), fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'), async (path, method) => {
        const { status } = await ask(server.http, method, `/v2/models${path}`)
        return status >= 200 && status < 500
      }),
      { numRuns: 60 },
    )
    await works()
  })

  test('a wrong method is told which one is right', async () => {
    const { status, headers } = await ask(server.http, 'GET', '/v2/models/simple/infer')
    expect([status, headers.allow]).toEqual([405, 'POST'])
    expect((await ask(server.http, 'DELETE', '/v2/models/simple')).status).toBe(405)
  })

  test('random bodies never hurt', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.nat(300), async (bytes, length) => {
        const { status } = await infer(bytes, { 'Inference-Header-Content-Length': String(length) })
        return status === 400
      }),
      { numRuns: 60 },
    )
    await works()
  })

  test('JSON nested without end is refused before it is built', async () => {
    const { status, json } = await infer(Buffer.from(`{"a":${'['.repeat(200_000)}`))
    expect([status, json.error]).toEqual([400, expect.stringContaining('nested')])
  })

  test('a body above the limit is 413, whether its length is said or not', async () => {
    const large = Buffer.alloc(LIMIT + 1)
    expect((await infer(large)).status).toBe(413)
    const head = 'POST /v2/models/simple/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000), Buffer.from('\r\n')])
    expect(await exchange([head, ...Array(20).fill(chunk)])).toContain(' 413 ')
    await works()
  })

  test('a small body that grows without end is 413, broken ones are 400', async () => {
    const bomb = Buffer.alloc(LIMIT * 64)
    expect((await infer(gzipSync(bomb), { 'content-encoding': 'gzip' })).status).toBe(413)
    expect((await infer(deflateSync(bomb), { 'content-encoding': 'deflate' })).status).toBe(413)
    for (const encoding of ['gzip', 'deflate', 'br', 'gzip, gzip', 'x'.repeat(100)])
      expect((await infer(Buffer.from('junk'), { 'content-encoding': encoding })).status).toBe(400)
    await works()
  })

  test('65,536 chunks of one byte take no more memory than their bytes', async () => {
    const padding = 65_536
    const json = Buffer.from(JSON.stringify({ inputs: [port('INPUT0'), port('INPUT1')] }))
    const whole = Buffer.concat([json, Buffer.alloc(padding - json.byteLength, ' ')])
    const head = 'POST /v2/models/simple/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
    const chunks = Buffer.from([...whole].map((byte) => `1\r\n${String.fromCharCode(byte)}\r\n`).join(''), 'latin1')
    const before = process.memoryUsage()
    const answer = await exchange([head, chunks, '0\r\n\r\n'])
    const after = process.memoryUsage()
    expect(answer).toContain(' 200 ')
    // Kept one by one in buffers of the network, they would be 4 GiB.
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(64 << 20)
  })

  test('half a body, then gone; half a head; two lengths; a length and chunks', async () => {
    const path = 'POST /v2/models/simple/infer HTTP/1.1\r\nHost: x\r\n'
    await exchange([`${path}Content-Length: 1000\r\n\r\n{"inputs":`], true)
    await exchange(['POST /v2/mod'], true)
    expect(await exchange([`${path}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`])).toContain(' 400 ')
    expect(await exchange([`${path}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`])).toContain(
      ' 400 ',
    )
    expect(await exchange([`${path}X: ${'y'.repeat(20_000)}\r\n\r\n`])).toMatch(/ 431 /)
    await works()
  })

  test('no answer names a path, a source file or this program’s inside', async () => {
    for (const [path, body] of [
      ['/v2/models/simple/infer', '{'],
      ['/v2/repository/models/nobody/load', ''],
      ['/v2/repository/models/simple/load', '{"parameters":{"config":"{}"}}'],
      ['/v2/repository/models/simple/load', '{"parameters":{"file:1/model.onnx":"AAAA"}}'],
    ] as const) {
      const { body: text, status } = await ask(server.http, 'POST', path, body)
      expect(status).toBeGreaterThanOrEqual(400)
      expect(text.toString()).not.toMatch(/\/tmp|serve-|\.ts|\.js|at .*:\d+|node_modules/)
    }
  })
})

test('the folder of models is not left by any name', async () => {
  mkdtempSync(join(tmpdir(), 'outside-'))
  for (const name of ['../simple', '..%2Fsimple', '%2e%2e%2fsimple', 'simple.onnx', '.']) {
    const { status } = await ask(server.http, 'POST', `/v2/repository/models/${name}/load`)
    expect([name, status >= 400 && status < 500]).toEqual([name, true])
  }
})
