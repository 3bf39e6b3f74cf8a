import { createServer, globalAgent } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { UserError } from '../src/platform/index.ts'
import { openStore, readPrivateKey, type Store } from '../src/store/index.ts'
import { bytesBlob } from '../src/store/layout.ts'
import { startRegistry, type TestRegistry } from './registry-kit.ts'
import { first, type RegistryProxy, startProxy, type Trouble } from './registry-proxy.ts'
import { keyFiles, modelFile, newFolder } from './store-kit.ts'

const folder = newFolder()
const keys = keyFiles(folder, 'own')
let registry: TestRegistry
let proxy: RegistryProxy
let store: Store
let count = 0
/** A model that the registry has not seen yet. */
const fresh = () => modelFile(folder, `fresh-${++count}.onnx`, count)
const asked = (pattern: RegExp) => proxy.seen.filter(({ what }) => pattern.test(what))

beforeAll(async () => {
  registry = await startRegistry()
  proxy = await startProxy(registry.url)
  store = openStore(proxy.url)
})
beforeEach(() => {
  proxy.trouble = () => undefined
  proxy.seen.length = 0
})
afterEach(() => {
  for (const fault of ['token', 'cutsUploads', 'resumes', 'mixesPieces'] as const) delete registry.faults[fault]
  delete process.env.WHETSTONE_REGISTRY_USER
  delete process.env.WHETSTONE_REGISTRY_PASSWORD
})
afterAll(async () => {
  await proxy.close()
  await registry.close()
})

test('a registry without TLS, named by oci:// or https://, is told so at once', async () => {
  for (const scheme of ['oci', 'https']) {
    const { host } = new URL(proxy.url)
    const error = await openStore(`${scheme}://${host}/team`)
      .list('digits')
      .catch((error: UserError) => error)
    expect(error).toMatchObject({
      code: 'bad-argument',
      message: `${host} speaks http, not https`,
      hint: expect.stringContaining(`name it http://${host};`),
    })
  }
})

const troubles: readonly [string, RegExp, Trouble][] = [
  ['503 to everything', /./, { status: 503, headers: { 'retry-after': '0' } }],
  ['429 to everything', /./, { status: 429 }],
  ['a break in every upload', /^PUT/, 'cut-request'],
  ['a break before every answer', /./, 'cut-before-answer'],
  ['a break within every manifest and list', /^GET .*(manifests|tags|referrers)/, 'cut-answer'],
]
test.each(troubles)('%s, once each: the push comes through, and so does the pull', async (_, pattern, trouble) => {
  proxy.trouble = first(pattern, trouble)
  const { version } = await store.put(
    'digits',
    { model: fresh() },
    { tag: 'v1', sign: await readPrivateKey(keys.secret) },
  )
  expect(asked(/^PUT/).length).toBeGreaterThan(0)
  proxy.trouble = first(pattern, trouble)
  const pulled = await store.resolve('digits:v1')
  expect([pulled.digest, pulled.signatures.length]).toEqual([version.digest, 1])
  await pulled.checkout(join(newFolder(), 'out'))
})

test('an upload whose answer alone was lost is not sent again', async () => {
  proxy.trouble = first(/^PUT .*blobs/, 'cut-before-answer')
  await store.put('digits', { model: fresh() })
  const puts = asked(/^PUT .*blobs/).map(({ what }) => what)
  expect(puts.length).toBeGreaterThan(3)
  expect(new Set(puts).size).toBe(puts.length)
})

const large = bytesBlob(
  new Uint8Array(10 << 20).map((_, i) => i >> 16),
  'application/octet-stream',
)

test('an upload goes on where it ended, as often as it comes further', { timeout: 20_000 }, async () => {
  Object.assign(registry.faults, { cutsUploads: 1 << 20, resumes: true })
  await store.repository('large').write(large)
  // Every try brought a tenth: more of them than are made for nothing.
  expect(asked(/^POST/).length).toBe(1)
  expect(asked(/^PUT/).length).toBe(10)
  expect(registry.blobs.has(`large ${large.descriptor.digest}`)).toBe(true)
})

test('a registry that puts the pieces together wrongly gets the upload anew', async () => {
  Object.assign(registry.faults, { cutsUploads: 6 << 20, resumes: true, mixesPieces: true })
  proxy.trouble = () => {
    if (asked(/^POST/).length > 1) delete registry.faults.cutsUploads
    return undefined
  }
  await store.repository('mixed').write(large)
  expect(asked(/^POST/).length).toBe(2)
  expect(registry.blobs.has(`mixed ${large.descriptor.digest}`)).toBe(true)
})

test('it asks to come later: so late, and not where that is more than a minute', async () => {
  proxy.trouble = first(/^POST/, { status: 503, headers: { 'retry-after': '1' } })
  await store.put('digits', { model: fresh() })
  const [refused, again] = asked(/^POST/)
  expect(again!.at - refused!.at).toBeGreaterThan(990)
  const date = new Date(Date.now() + 2 * 3_600_000).toUTCString()
  proxy.seen.length = 0
  proxy.trouble = () => ({ status: 429, headers: { 'retry-after': date } })
  await expect(store.resolve('digits:v1')).rejects.toMatchObject({
    code: 'busy',
    hint: expect.stringMatching(/repeat in 7\d\d\d s, as it asks/),
  })
  expect(proxy.seen.length).toBe(1)
})

test('it forgets in the middle what it has allowed: it is asked again', async () => {
  registry.faults.token = true
  process.env.WHETSTONE_REGISTRY_USER = 'ann'
  process.env.WHETSTONE_REGISTRY_PASSWORD = 'secret'
  proxy.trouble = first(/^(PUT|HEAD)/, 'no-authorization')
  expect((await store.put('digits', { model: fresh() }, { tag: 'token' })).version.tags).toContain('token')
})

test('another place that blobs are at gets no password, whatever it asks for', async () => {
  const told: (string | undefined)[] = []
  const elsewhere = createServer(({ headers }, response) => {
    told.push(headers.authorization)
    const realm = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/token`
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="me"` }).end()
  })
  await new Promise<void>((done) => elsewhere.listen(0, '127.0.0.1', done))
  process.env.WHETSTONE_REGISTRY_USER = 'ann'
  process.env.WHETSTONE_REGISTRY_PASSWORD = 'secret'
  await store.put('digits', { model: fresh() }, { tag: 'moved' })
  const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/blob`
  proxy.trouble = (what) => (/^GET .*blobs/.test(what) ? { status: 307, headers: { location } } : undefined)
  await expect(store.resolve('digits:moved')).rejects.toMatchObject({ code: 'unwritable' })
  elsewhere.close()
  expect(told.length).toBeGreaterThan(0)
  expect(told.filter((header) => header !== undefined)).toEqual([])
})

test('a refusal in the middle of an upload leaves no line open', async () => {
  const [piece, pieces] = [new Uint8Array(1 << 20), 32]
  const { descriptor } = bytesBlob(new Uint8Array(pieces * piece.length), 'application/octet-stream')
  proxy.trouble = (what) => (what.startsWith('PUT') ? { status: 403 } : undefined)
  const write = store.repository('wide').write({ descriptor, chunks: () => Array(pieces).fill(piece) })
  await expect(write).rejects.toMatchObject({ code: 'unwritable' })
  const busy = () => Object.keys(globalAgent.sockets).filter((line) => line.includes(new URL(proxy.url).host))
  await expect.poll(busy, { timeout: 3000 }).toEqual([])
})

test('a write that is led elsewhere was not done, and is not said to be', async () => {
  const { version } = await store.put('digits', { model: fresh() })
  const location = 'https://elsewhere.example/v2/'
  const works: readonly [RegExp, () => Promise<unknown>][] = [
    [/^PUT .*manifests/, () => store.tag('digits', 'there', version.digest)],
    [/^PUT .*blobs/, () => store.put('digits', { model: fresh() })],
  ]
  for (const [writes, work] of works) {
    proxy.trouble = (what) => (writes.test(what) ? { status: 308, headers: { location } } : undefined)
    await expect(work()).rejects.toMatchObject({
      code: 'bad-data',
      message: 'the registry answers 308 to PUT',
      hint: `it leads to ${location}: if that is the registry, name its address`,
    })
  }
})
