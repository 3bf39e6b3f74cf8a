import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tensorOf } from '../src/ir/index.ts'
import { modelDigest, readModel, writeModel } from '../src/onnx/index.ts'
import { UserError } from '../src/platform/index.ts'
import { copyVersion, openStore, readPrivateKey, readPublicKey, type Store } from '../src/store/index.ts'
import { startRegistry, type TestRegistry } from './registry-kit.ts'
import { comparisonOf, keyFiles, modelFile, newFolder } from './store-kit.ts'

const folder = newFolder()
const keys = keyFiles(folder, 'own')
const registries: TestRegistry[] = []
const children: { kill(): void }[] = []
afterAll(async () => {
  for (const registry of registries) await registry.close()
  for (const child of children) child.kill()
})

/** Every kind of store; one contract. */
const stores: readonly [string, () => Promise<Store | null>][] = [
  ['a folder', async () => openStore(join(folder, 'store'))],
  ['a registry of OCI 1.0', () => testRegistry(false)],
  ['a registry of OCI 1.1, with referrers', () => testRegistry(true)],
  ['the registry of the distribution project', distribution],
]

async function testRegistry(referrers: boolean): Promise<Store> {
  const registry = await startRegistry({ referrers })
  registries.push(registry)
  return openStore(`${registry.url}/models`)
}

/** Debian's docker-registry on a free port; null where it is not installed. */
async function distribution(): Promise<Store | null> {
  if (spawnSync('docker-registry', ['--version']).status !== 0) return null
  const config = join(folder, 'registry.yml')
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: ${join(folder, 'registry')}}}\nhttp: {addr: '127.0.0.1:0'}\n`,
  )
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  children.push(child)
  const address = await new Promise<string>((done, fail) => {
    let text = ''
    child.stderr.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
      const found = /listening on (127\.0\.0\.1:\d+)/.exec(text)
      if (found) done(found[1]!)
    })
    child.on('exit', () => fail(new Error(`docker-registry ended: ${text}`)))
  })
  return openStore(`http://${address}/team`)
}

describe.each(stores)('%s', (_, open) => {
  let store: Store
  let skip = false
  const model = modelFile(folder, 'one.onnx', 1)
  const other = modelFile(folder, 'two.onnx', 2)
  beforeAll(async () => {
    const opened = await open()
    if (opened) store = opened
    else skip = true
  })

  test('a version comes back as it was put, and the same content is the same version', async ({ skip: leave }) => {
    if (skip) leave()
    const sign = await readPrivateKey(keys.secret)
    const digest = modelDigest(await readModel(model))
    const input = { model, reports: [comparisonOf(digest)], intendedUse: 'Tests.' }
    const { version } = await store.put('digits', input, { tag: 'v1', sign })
    expect(version).toMatchObject({ name: 'digits', tags: ['v1'], modelDigest: digest, recipe: null })
    expect(version.reports).toEqual([comparisonOf(digest)])
    expect(version.card).toContain('Tests.')
    expect(version.signatures.map(({ what }) => what).sort()).toEqual(['evaluation', 'model'])
    expect(readFileSync(await version.modelPath())).toEqual(readFileSync(model))

    const again = await store.put('digits', input, { tag: 'also', sign })
    expect(again.version.digest).toBe(version.digest)
    expect([...again.version.tags].sort()).toEqual(['also', 'v1'])
    expect(again.version.signatures).toHaveLength(2)
    for (const reference of ['digits:v1', 'digits:also', `digits@${version.digest}`, `digits:v1@${version.digest}`])
      expect((await store.resolve(reference)).digest).toBe(version.digest)
    expect(await store.names()).toEqual(['digits'])
  })

  test('a report that is given twice is kept once, and every signed verdict is that of its own report', async ({
    skip: leave,
  }) => {
    if (skip) leave()
    const model = modelFile(folder, 'twice.onnx', 21)
    const digest = modelDigest(await readModel(model))
    const [good, bad] = [comparisonOf(digest), comparisonOf(digest, { verdict: 'regressed', grade: null })]
    const sign = await readPrivateKey(keys.secret)
    const { version } = await store.put('twice', { model, reports: [good, good, bad] }, { sign })
    expect(version.reports.map((report) => 'verdict' in report && report.verdict)).toEqual(['pass', 'regressed'])
    const { statement } = version.signatures.find(({ what }) => what === 'evaluation')!
    const [passed, failed] = version.files.filter(({ role }) => role === 'report').map(({ path }) => path)
    expect(statement.predicate).toMatchObject({ result: 'FAILED', passedTests: [passed], failedTests: [failed] })
  })

  test('of several who sign one version at once, no signature is lost', async ({ skip: leave }) => {
    if (skip) leave()
    const signers = await Promise.all(
      ['ann', 'ben', 'cem'].map(async (name) => readPrivateKey(keyFiles(folder, name).secret)),
    )
    const put = (sign: (typeof signers)[number]) => store.put('signed', { model }, { tag: 'v1', sign })
    await Promise.all(signers.map(put))
    const { signatures } = await store.resolve('signed:v1')
    const hints = signatures.map(({ bundle }) => bundle.verificationMaterial.publicKey?.hint)
    expect(hints.toSorted()).toEqual(signers.map(({ hint }) => hint).toSorted())
  })

  test('tags move in one step, and only from where they are expected to be', async ({ skip: leave }) => {
    if (skip) leave()
    const first = await store.put('moving', { model }, { tag: 'live' })
    const second = await store.put('moving', { model: other }, { tag: 'v2' })
    const [one, two] = [first.version.digest, second.version.digest]
    await store.tag('moving', 'live', two, one)
    expect((await store.resolve('moving:live')).digest).toBe(two)
    await expect(store.tag('moving', 'live', one, one)).rejects.toThrow(`the tag live names ${two} by now`)
    await expect(store.tag('moving', 'new', one, one)).rejects.toThrow('names nothing by now')
    await expect(store.put('moving', { model }, { tag: 'live', expect: null })).rejects.toMatchObject({ code: 'busy' })
    await store.tag('moving', 'new', one, null)
    expect((await store.put('bare', { model })).version.tags).toEqual([])
    // The version that lost its tag is still there.
    expect((await store.resolve(`moving@${one}`)).tags).toEqual(['new'])
    await expect(store.tag('moving', 'live', `sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({
      code: 'missing-file',
    })
  })

  test('external data comes along, beside the model', async ({ skip: leave }) => {
    if (skip) leave()
    const path = join(folder, 'apart.onnx')
    const big = modelFile(folder, 'big.onnx', 3, 'h = MatMul(x, w)  y = Identity(h)')
    const source = await readModel(big)
    const w = source.graph.initializers.get('w')!
    const wide = {
      ...source.graph,
      initializers: new Map([['w', { ...tensorOf('float32', [8, 64], new Float32Array(512), 'w') }]]),
    }
    expect(w.dims).toEqual([8, 4])
    await writeModel({ ...source, graph: wide }, path, { externalData: true })
    expect(existsSync(`${path}.data`)).toBe(true)
    const { version } = await store.put('apart', { model: path }, { tag: 'v1' })
    expect(version.files.slice(0, 2).map(({ path, role }) => [path, role])).toEqual([
      ['model.onnx', 'model'],
      ['apart.onnx.data', 'data'],
    ])
    const back = await readModel(await version.checkout(join(folder, `apart-${store.kind}-${Math.random()}`)))
    expect(back.graph.initializers.get('w')!.dims).toEqual([8, 64])
    process.env.WHETSTONE_CACHE = join(folder, 'cache')
    expect((await readModel(await version.modelPath())).graph.nodes).toHaveLength(2)
  })

  test('verify says who signed what', async ({ skip: leave }) => {
    if (skip) leave()
    const trusted = await store.verify('digits:v1', { keys: [await readPublicKey(keys.open)] })
    expect(trusted).toMatchObject({ sound: true, versions: [{ problems: [] }] })
    expect(trusted.versions[0]!.signatures).toEqual([
      expect.objectContaining({ what: 'model', state: 'valid', by: keys.open, covers: ['model.onnx'] }),
      expect.objectContaining({ what: 'evaluation', state: 'valid', by: keys.open }),
    ])
    const stranger = await store.verify('digits:v1', { keys: [await readPublicKey(keyFiles(folder, 'stranger').open)] })
    expect(stranger.sound).toBe(false)
    expect(stranger.versions[0]!.signatures.map(({ state }) => state)).toEqual(['unknown-key', 'unknown-key'])
    expect(stranger.versions[0]!.problems.join()).toMatch(
      /the model is not signed by .*the evaluation is not signed by/,
    )
  })

  test('a copy in another store has the same digest, signatures and all', async ({ skip: leave }) => {
    if (skip) leave()
    const version = await store.resolve('digits:v1')
    const target = openStore(newFolder())
    await copyVersion(version, store, target, ['v1'])
    const copied = await target.resolve('digits:v1')
    expect(copied.digest).toBe(version.digest)
    expect(copied.signatures).toHaveLength(2)
    expect((await target.verify(null, { keys: [await readPublicKey(keys.open)] })).sound).toBe(true)
  })

  test('what is not there is said', async ({ skip: leave }) => {
    if (skip) leave()
    await expect(store.resolve('digits:v9')).rejects.toThrow('there is no version digits:v9')
    await expect(store.resolve('nobody')).rejects.toBeInstanceOf(UserError)
    expect(await store.list('nobody')).toEqual([])
  })
})
