import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { killRun } from '../bench/store-kills.ts'
import { tensorOf } from '../src/ir/index.ts'
import { readModel, writeModel } from '../src/onnx/index.ts'
import { UserError } from '../src/platform/index.ts'
import { simplify } from '../src/recipe/index.ts'
import {
  copyVersion,
  findModel,
  openStore,
  readPrivateKey,
  readPublicKey,
  type Store,
  type Version,
} from '../src/store/index.ts'
import { bytesBlob, openLayout } from '../src/store/layout.ts'
import { whileOthersWait } from '../src/store/layout-index.ts'
import { assemble, publish } from '../src/store/put.ts'
import type { Blob, Repository } from '../src/store/repository.ts'
import { type Statement, signStatement } from '../src/store/sign.ts'
import { modelStatement } from '../src/store/statements.ts'
import { startRegistry, type TestRegistry } from './registry-kit.ts'
import { comparisonOf, keyFiles, modelFile, newFolder, putImage } from './store-kit.ts'

/** Processes take seconds to start on a busy machine. */
const PATIENCE = { timeout: 240_000 }
const folder = newFolder()
const model = modelFile(folder, 'model.onnx')
const keys = keyFiles(folder, 'key')

async function signedStore(): Promise<{ store: Store; version: Version; place: string }> {
  const place = newFolder()
  const store = openStore(place)
  const { version: bare } = await store.put('digits', { model })
  const reports = [comparisonOf(bare.modelDigest)]
  const { version } = await store.put(
    'digits',
    { model, reports },
    { tag: 'v1', sign: await readPrivateKey(keys.secret) },
  )
  return { store, version, place }
}
const blobPath = (place: string, digest: string) => join(place, 'digits/blobs/sha256', digest.slice(7))

describe('what was changed in a folder', () => {
  test.each(['model', 'report', 'card', 'bom', 'lineage'] as const)('a changed %s is found and named', async (role) => {
    const { store, version, place } = await signedStore()
    const file = version.files.find((item) => item.role === role)!
    const path = blobPath(place, file.descriptor.digest)
    const bytes = readFileSync(path)
    bytes[bytes.length >> 1]! ^= 1
    writeFileSync(path, bytes)
    const { sound, versions } = await store.verify('digits:v1', { keys: [await readPublicKey(keys.open)] })
    expect(sound).toBe(false)
    expect(versions[0]!.problems).toEqual([`${file.path}: the blob ${file.descriptor.digest} is changed`])
    // Pushing it again mends it.
    await store.put('digits', { model, reports: version.reports }, { tag: 'v1' })
    expect((await store.verify('digits:v1')).sound).toBe(true)
  })

  test('a changed model is neither served nor pulled', async () => {
    const { version, place } = await signedStore()
    appendFileSync(blobPath(place, version.files[0]!.descriptor.digest), 'x')
    await expect(version.modelPath()).rejects.toThrow(/the blob sha256:\w+ was changed/)
    const out = join(newFolder(), 'out')
    await expect(version.checkout(out)).rejects.toThrow('was changed')
    expect(existsSync(out)).toBe(false)
  })

  test('what belongs to a version that was pulled into the folder before goes with it, and nothing else', async () => {
    const { store, version } = await signedStore()
    const { version: plain } = await store.put(
      'digits',
      { model: modelFile(folder, 'plain.onnx', 7) },
      { tag: 'plain' },
    )
    const out = join(newFolder(), 'out')
    await version.checkout(out)
    const listed = () => (readdirSync(out, { recursive: true }) as string[]).sort()
    expect(listed()).toEqual(
      expect.arrayContaining(['evaluation.sig', 'model.sig', expect.stringMatching(/^evidence./)]),
    )
    writeFileSync(join(out, 'notes.sig.txt'), 'mine')
    await plain.checkout(out)
    const own = plain.files.map(({ path }) => path)
    expect(listed()).toEqual([...own, 'evidence', 'notes.sig.txt'].sort())
    // A folder that holds something else keeps a file that only has the name.
    const foreign = newFolder()
    writeFileSync(join(foreign, 'recipe.json'), '{}')
    await plain.checkout(foreign)
    expect(readFileSync(join(foreign, 'recipe.json'), 'utf8')).toBe('{}')
  })

  test('a missing blob, a changed manifest, a changed signature', async () => {
    const missing = await signedStore()
    rmSync(blobPath(missing.place, missing.version.files[0]!.descriptor.digest))
    const [found] = (await missing.store.verify('digits:v1')).versions
    expect(found!.problems).toEqual([expect.stringMatching(/^model\.onnx: the blob sha256:\w+ is missing$/)])
    expect(found!.blobs.filter(({ state }) => state !== 'intact')).toMatchObject([
      { path: 'model.onnx', state: 'missing' },
    ])
    rmSync(blobPath(missing.place, missing.version.digest))
    const { digest } = missing.version
    expect((await missing.store.verify(`digits@${digest}`)).versions[0]!.blobs).toEqual([
      { path: 'manifest', digest, bytes: 0, state: 'missing' },
    ])
    const changed = await signedStore()
    appendFileSync(blobPath(changed.place, changed.version.digest), ' ')
    expect((await changed.store.verify(`digits@${changed.version.digest}`)).sound).toBe(false)
    await expect(changed.store.resolve('digits:v1')).rejects.toThrow('was changed')
    const forged = await signedStore()
    appendFileSync(blobPath(forged.place, forged.version.signatures[0]!.digest), ' ')
    const { sound, versions } = await forged.store.verify('digits:v1')
    expect(sound).toBe(false)
    expect(versions[0]!.blobs.filter(({ path }) => path === 'manifest')).toMatchObject([{ state: 'intact' }])
  })

  test.each([
    [
      'index.json',
      '{"schemaVersion":2,"manifests":[{"digest":"sha256:../../x","size":1,"mediaType":"a"}]}',
      /is not a sha256 digest/,
    ],
    ['index.json', '{"schemaVersion":2,"manifests":[', /not JSON/],
    ['index.json', '[]', /no OCI index/],
    ['index.json', '{"schemaVersion":2,"manifests":[null]}', /a descriptor is missing/],
    [
      'index.json',
      `{"schemaVersion":2,"manifests":[{"digest":"sha256:${'a'.repeat(64)}","size":-1,"mediaType":"a"}]}`,
      /the size of/,
    ],
    ['oci-layout', '{"imageLayoutVersion":"9"}', /the layout has version "9"/],
  ])('a damaged %s (%s) is said, and a push does not overwrite it', async (file, text, message) => {
    const { store, place } = await signedStore()
    writeFileSync(join(place, 'digits', file), text)
    await expect(store.resolve('digits:v1')).rejects.toThrow(message)
    await expect(store.put('digits', { model })).rejects.toThrow(message)
    expect(readFileSync(join(place, 'digits', file), 'utf8')).toBe(text)
  })

  test('a name that cannot be read at all does not keep the others from being checked', async () => {
    const { store, place } = await signedStore()
    await store.put('letters', { model }, { tag: 'v1' })
    const index = join(place, 'digits', 'index.json')
    writeFileSync(index, '[]')
    const { sound, versions, problems } = await store.verify(null)
    expect([sound, versions.map(({ name }) => name)]).toEqual([false, ['letters']])
    expect(problems).toEqual([`digits: ${index}: this is no OCI index`])
  })

  test('where no version has evidence, a key asks for no signature on it', async () => {
    const store = openStore(newFolder())
    await store.put('digits', { model }, { tag: 'v1', sign: await readPrivateKey(keys.secret) })
    expect((await store.verify('digits', { keys: [await readPublicKey(keys.open)] })).sound).toBe(true)
    await expect(store.verify('nobody')).rejects.toThrow('there is no version nobody')
    const digest = `sha256:${'0'.repeat(64)}`
    expect((await store.verify(`digits@${digest}`)).versions).toMatchObject([
      { digest, sound: false, blobs: [{ path: 'manifest', state: 'missing' }] },
    ])
  })

  test('bytes that could not be looked at are not said to be changed', async () => {
    const { store } = await signedStore()
    const repository = store.repository('digits')
    const busy = new UserError('busy', 'nobody answers', { hint: 'try again' })
    vi.spyOn(store, 'repository').mockReturnValue(repository)
    vi.spyOn(repository, 'read').mockImplementation(() => {
      throw busy
    })
    await expect(store.verify('digits:v1')).rejects.toBe(busy)
  })

  test('a name that has lost its oci-layout keeps its versions, and the next push writes the file again', async () => {
    const { store, place, version } = await signedStore()
    rmSync(join(place, 'digits', 'oci-layout'))
    expect(await store.names()).toEqual(['digits'])
    expect((await store.verify(null)).versions.map(({ digest }) => digest)).toContain(version.digest)
    await store.put('digits', { model: modelFile(newFolder(), 'other.onnx', 5) }, { tag: 'v2' })
    expect((await store.list('digits')).flatMap(({ tags }) => tags)).toEqual(['v1', 'v2'])
    expect(existsSync(join(place, 'digits', 'oci-layout'))).toBe(true)
  })

  test('files that want to be written outside, or are no model, are refused', async () => {
    const { store, version, place } = await signedStore()
    const repository = openLayout(join(place, 'digits'), 'digits')
    const publish = async (change: (manifest: Record<string, unknown>) => void) => {
      const manifest = structuredClone(version.manifest) as unknown as Record<string, unknown>
      change(manifest)
      const blob = bytesBlob(JSON.stringify(manifest), 'application/vnd.oci.image.manifest.v1+json')
      await repository.publish(blob, { needs: [] })
      return store.resolve(`digits@${blob.descriptor.digest}`)
    }
    const titled = (title: string) =>
      publish((manifest) => {
        manifest.layers = version.manifest.layers.map((layer, i) =>
          i === 1 ? { ...layer, annotations: { 'org.cncf.model.filepath': title } } : layer,
        )
      })
    for (const title of ['../evil', '/etc/passwd', 'a/../../b', 'C:\\x', 'a\\..\\b', 'x\u0000y', 'a/./b', ''])
      await expect(titled(title)).rejects.toThrow(/wants to be written to/)
    // Every blob of theirs is whole, and still none of them is sound.
    const { versions } = await store.verify('digits')
    const outside = versions.filter(({ problems }) => problems.join().includes('wants to be written to'))
    expect([outside.length, versions.filter(({ sound }) => !sound).length]).toEqual([8, 8])
    await expect(titled('model.onnx')).rejects.toThrow('have the same name')
    await expect(publish((manifest) => (manifest.layers = []))).rejects.toThrow('holds 0 ONNX files')
    await expect(
      publish((manifest) => (manifest.mediaType = 'application/vnd.oci.image.index.v1+json')),
    ).rejects.toThrow('is not a model')
    await expect(
      publish((manifest) => {
        manifest.config = { ...version.manifest.config, mediaType: 'application/vnd.oci.image.config.v1+json' }
        manifest.artifactType = undefined
        manifest.layers = []
      }),
    ).rejects.toThrow('image.config.v1+json is not a model')
    const unknown = await publish((manifest) => {
      const extra = { ...version.manifest.layers[1]!, mediaType: 'application/x-new', annotations: {} }
      manifest.layers = [...version.manifest.layers, extra]
    })
    expect(unknown.files.at(-1)!.role).toBe('other')
  })

  test('external data that a version could not tell from a model is refused before anything is kept', async () => {
    const path = join(folder, 'apart.onnx')
    const source = await readModel(model)
    const wide = tensorOf('float32', [8, 64], new Float32Array(512), 'w')
    const graph = { ...source.graph, initializers: new Map([['w', wide]]) }
    await writeModel({ ...source, graph }, path, { externalData: true, dataPath: join(folder, 'weights.onnx') })
    const store = openStore(newFolder())
    await expect(store.put('apart', { model: path }, { tag: 'v1' })).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringContaining('"weights.onnx"'),
    })
  })

  test('links in the place of a name are not followed', async () => {
    const { place } = await signedStore()
    const other = newFolder()
    symlinkSync(join(place, 'digits'), join(other, 'linked'))
    expect(await openStore(other).names()).toEqual([])
  })
})

describe('what was made up', () => {
  type Artefact = Awaited<ReturnType<typeof assemble>>
  type Manifest = Record<string, unknown> & { readonly layers: readonly { annotations?: Record<string, string> }[] }
  const read = async ({ manifest }: Pick<Artefact, 'manifest'>): Promise<Manifest> =>
    JSON.parse(Buffer.concat([...(manifest.chunks() as Iterable<Uint8Array>)]).toString())
  /** The same with fields of its own. */
  const altered = async ({ blobs, manifest }: Pick<Artefact, 'blobs' | 'manifest'>, more: object) => {
    const { mediaType, artifactType = '' } = manifest.descriptor
    return {
      blobs,
      manifest: bytesBlob(JSON.stringify({ ...(await read({ manifest })), ...more }), mediaType, { artifactType }),
    }
  }
  async function verified(artefact: Artefact, store: Store, place: string) {
    await publish(openLayout(join(place, 'digits'), 'digits'), artefact, { tag: 'made' })
    const { sound, versions } = await store.verify('digits:made', { keys: [await readPublicKey(keys.open)] })
    expect(sound).toBe(false)
    return versions[0]!
  }

  const other = '1'.repeat(64)
  const model1 = (digest: string) => modelStatement('digits', [{ path: 'model.onnx', digest }])
  const elsewhere = { subject: [{ name: 'digits', digest: { sha256: other } }] }
  test.each<[string, (digest: string) => Statement, object]>([
    [
      'of another model',
      () => model1(`sha256:${other}`),
      { what: 'model', state: 'invalid', detail: 'it does not cover model.onnx as it is here' },
    ],
    [
      'of more than is here',
      (digest) =>
        modelStatement('digits', [
          { path: 'model.onnx', digest },
          { path: 'weights.bin', digest: `sha256:${other}` },
        ]),
      { what: 'model', state: 'invalid', detail: 'it covers weights.bin, which is not here' },
    ],
    [
      'of these files, in which another model is meant',
      (digest) => ({ ...model1(digest), ...elsewhere }),
      { what: 'model', state: 'invalid', detail: 'it is about another model' },
    ],
    [
      'that says nothing of files, such as who built it,',
      (digest) => ({ ...model1(digest), ...elsewhere, predicateType: 'https://slsa.dev/provenance/v1', predicate: {} }),
      { what: 'other', state: 'valid', covers: [] },
    ],
  ])('a true signature %s beside a model', async (_, statementOf, expected) => {
    const place = newFolder()
    const secret = await readPrivateKey(keys.secret)
    const signed = await assemble('digits', { model }, secret)
    const [signature] = signed.signatures
    const [config, own] = signature!.blobs as readonly [Blob, Blob]
    const statement = statementOf(signed.blobs[1]!.descriptor.digest)
    const bundle = bytesBlob(JSON.stringify(signStatement(statement, secret)), own.descriptor.mediaType)
    const onto = { ...(await altered(signature!, { layers: [bundle.descriptor] })), blobs: [config, bundle] }
    const { signatures, problems } = await verified({ ...signed, signatures: [onto] }, openStore(place), place)
    expect(signatures).toMatchObject([expected])
    expect(problems.at(-1)).toBe(`the model is not signed by ${keys.open}`)
  })

  test('a signature in the name of a key that did not make it', async () => {
    const place = newFolder()
    const [known, stranger] = [
      await readPrivateKey(keys.secret),
      await readPrivateKey(keyFiles(folder, 'forger').secret),
    ]
    const forged = await assemble('digits', { model }, { ...known, secret: stranger.secret })
    const { signatures } = await verified(forged, openStore(place), place)
    expect(signatures).toMatchObject([{ state: 'invalid', detail: 'the signature does not fit what it covers' }])
  })

  test('a recipe that is told to explain the model, and does not; where the parent is not there it is not known', async () => {
    const place = newFolder()
    const store = openStore(place)
    const { version: parent } = await store.put('digits', { model }, { tag: 'v1' })
    const { model: child, recipe } = await simplify(await readModel(model), { verify: false })
    const path = join(folder, 'child.onnx')
    await writeModel(child, path)
    const honest = await assemble('digits', { model: path, recipe, parent })
    const poisoned = await assemble('digits', { model: modelFile(folder, 'poisoned.onnx', 7) })
    const { layers, annotations } = await read(poisoned)
    const isModel = (layer: Manifest['layers'][number]) => Object.values(layer.annotations ?? {}).includes('model.onnx')
    const swapped = (await read(honest)).layers.map((layer) => (isModel(layer) ? layers.find(isModel) : layer))
    const lie = await altered(
      { ...honest, blobs: [...honest.blobs, ...poisoned.blobs] },
      { layers: swapped, annotations },
    )
    const { problems } = await verified({ ...honest, ...lie }, store, place)
    expect(problems).toContainEqual(expect.stringMatching(/^an edit is explained by no pass: .*w/))
    const junk = bytesBlob('no model', 'application/octet-stream')
    const renamed = (await read(honest)).layers.map((layer) =>
      isModel(layer) ? { ...layer, digest: junk.descriptor.digest, size: junk.descriptor.size } : layer,
    )
    const none = await altered({ ...honest, blobs: [...honest.blobs, junk] }, { layers: renamed })
    expect((await verified({ ...honest, ...none }, store, place)).problems).toContainEqual(
      expect.stringMatching(/: this is text.*, not ONNX$/),
    )

    const alone = openStore(newFolder())
    await publish(openLayout(join(place, 'digits'), 'digits'), honest, { tag: 'v2' })
    await copyVersion(await store.resolve('digits:v2'), store, alone, ['v2'])
    expect(await alone.verify(null)).toMatchObject({ sound: true, versions: [{ lineage: { explained: 'unchecked' } }] })
    // A parent that was changed is another thing than one that is not there.
    appendFileSync(blobPath(place, parent.digest), ' ')
    const [child2] = (await store.verify('digits:v2')).versions
    expect(child2!.problems).toEqual([expect.stringContaining(`the blob ${parent.digest} was changed`)])
  })
})

describe('collection', () => {
  const age = (path: string) => utimesSync(path, 0, 0)

  test('takes what nothing refers to and what was left unfinished, and nothing young', async () => {
    const { store, place } = await signedStore()
    const blobs = join(place, 'digits/blobs/sha256')
    const before = readdirSync(blobs).length
    const [orphan, unfinished, young] = ['f'.repeat(64), `.x.${2 ** 22 + 1}.0a.tmp`, 'e'.repeat(64)]
    // Somebody who is alive still writes it, however long ago it began.
    const writing = `.x.${process.pid}.0b.tmp`
    for (const name of [orphan, unfinished, young, writing]) writeFileSync(join(blobs, name), 'left')
    for (const name of [orphan, unfinished, writing]) age(join(blobs, name))
    const dry = await store.collect({ dryRun: true })
    expect(dry.removed.map(({ what }) => what).sort()).toEqual(['blob', 'unfinished'])
    expect(readdirSync(blobs)).toHaveLength(before + 4)
    const { removed, freedBytes, kept } = await store.collect()
    expect([removed.length, freedBytes]).toEqual([2, 8])
    expect(readdirSync(blobs)).toContain(writing)
    const left = readdirSync(blobs).filter((name) => name !== writing)
    expect(left).toHaveLength(before + 1)
    const bytes = left.reduce((sum, name) => sum + statSync(join(blobs, name)).size, 0)
    expect(kept).toMatchObject({ blobs: before + 1, bytes })
    expect((await store.verify(null)).sound).toBe(true)
  })

  test('untagged versions go on demand, ancestors of tagged ones stay', async () => {
    const { store, version } = await signedStore()
    const other = modelFile(folder, 'other.onnx', 5)
    const child = await store.put('digits', { model: other, parent: version, allow: ['unexplained'] }, { tag: 'v2' })
    await store.tag('digits', 'v1', null)
    expect(await store.list('digits')).toHaveLength(3)
    const { removed, kept } = await store.collect({ untagged: true, graceMs: 0 })
    expect(removed.filter(({ what }) => what === 'version')).toHaveLength(1)
    expect(kept.versions).toBe(2)
    expect((await store.resolve(`digits@${child.version.lineage!.parent!.version}`)).digest).toBe(version.digest)
    expect((await store.verify(null)).sound).toBe(true)
  })

  test('an image of another tool beside the versions loses nothing, and stops nothing', async () => {
    const { store, version, place } = await signedStore()
    const image = putImage(place, 'digits', 'app')
    const orphan = join(place, 'digits/blobs/sha256', 'f'.repeat(64))
    writeFileSync(orphan, 'left')
    const { removed } = await store.collect({ untagged: true, graceMs: 0 })
    expect(removed.map(({ what, digest }) => [what, digest?.slice(7)])).toContainEqual(['blob', 'f'.repeat(64)])
    expect(image.filter((digest) => !existsSync(blobPath(place, digest)))).toEqual([])
    const { sound, versions, others } = await store.verify(null)
    expect([sound, versions.length, others]).toEqual([
      true,
      1,
      [{ name: 'digits', digest: expect.any(String), tags: ['app'] }],
    ])
    await expect(store.verify('digits:app')).rejects.toThrow('is not a model')
    // The parent of the next version is found past it.
    expect((await findModel(store, 'digits', version.modelDigest))?.digest).toBe(version.digest)
  })

  test('a name that holds nothing but what other tools put there has no version to verify', async () => {
    const { store, place } = await signedStore()
    await store.put('digits', { model: modelFile(folder, 'second.onnx', 3) }, { tag: 'v2' })
    expect((await store.verify('digits')).versions).toHaveLength(3)
    putImage(place, 'digits', 'app')
    const index = join(place, 'digits/index.json')
    const known = JSON.parse(readFileSync(index, 'utf8'))
    writeFileSync(index, JSON.stringify({ ...known, manifests: known.manifests.slice(-1) }))
    await expect(store.verify(null)).rejects.toThrow(/no version to verify, only what other tools keep there$/)
    await expect(openStore(newFolder()).verify(null)).rejects.toThrow(/no version to verify$/)
  })

  test('stops where it cannot know what is needed', async () => {
    const { store, version, place } = await signedStore()
    appendFileSync(blobPath(place, version.digest), ' ')
    const before = readdirSync(join(place, 'digits/blobs/sha256'))
    await expect(store.collect({ graceMs: 0 })).rejects.toThrow('was changed')
    expect(readdirSync(join(place, 'digits/blobs/sha256'))).toEqual(before)
  })
})

describe('several at once', () => {
  test('pushes to one name, and collections without grace, do not lose anything', async () => {
    const store = openStore(newFolder())
    const models = Array.from({ length: 6 }, (_, i) => modelFile(folder, `many-${i}.onnx`, i + 10))
    const pushes = models.map((path, i) => store.put('digits', { model: path }, { tag: `v${i}` }))
    const sweeps = Array.from({ length: 4 }, () => store.collect({ graceMs: 0 }))
    await Promise.all([...pushes, ...sweeps])
    expect((await store.list('digits')).flatMap(({ tags }) => tags).sort()).toEqual(models.map((_, i) => `v${i}`))
    expect((await store.verify(null)).sound).toBe(true)
  })

  test('a version that a collection takes before it has its tag is written again', async () => {
    const place = newFolder()
    const store = openStore(place)
    const artefact = await assemble('digits', { model }, await readPrivateKey(keys.secret))
    const layout = openLayout(join(place, 'digits'), 'digits')
    let sweeps = 0
    const unlucky = new Proxy(layout, {
      get(_, key: keyof Repository) {
        const value = layout[key] as unknown
        if (key !== 'setTag') return typeof value === 'function' ? value.bind(layout) : value
        return async (...tag: Parameters<Repository['setTag']>) => {
          await sleep(2)
          if (sweeps++ === 0) await store.collect({ untagged: true, graceMs: 0 })
          await layout.setTag(...tag)
        }
      },
    })
    await publish(unlucky, artefact, { tag: 'v1' })
    expect(sweeps).toBe(2)
    const { digest, signatures } = await store.resolve('digits:v1')
    expect([digest, signatures.length]).toEqual([artefact.manifest.descriptor.digest, 1])
    expect((await store.verify(null)).sound).toBe(true)
    // A tag that names something else is still refused.
    await expect(publish(unlucky, artefact, { tag: 'v1', expect: null })).rejects.toMatchObject({ code: 'busy' })
  })

  test('a collection of untagged versions waits for what another one has half taken', async () => {
    const { store, version, place } = await signedStore()
    const blob = blobPath(place, version.digest)
    const collecting = await whileOthersWait(join(place, 'digits'), async () => {
      renameSync(blob, `${blob}.away`)
      const begun = store.collect({ untagged: true, graceMs: 0 })
      begun.catch(() => {})
      await sleep(50)
      renameSync(`${blob}.away`, blob)
      return [begun] as const
    })
    expect((await collecting[0]).kept.versions).toBe(1)
  })

  test('two processes push to one name', PATIENCE, async () => {
    const place = newFolder()
    const script = join(folder, 'push.ts')
    const from = pathToFileURL(join(import.meta.dirname, '../src/store/index.ts')).href
    writeFileSync(
      script,
      `import { openStore } from '${from}'\nconst [place, ...models] = process.argv.slice(2)\nconst store = openStore(place)\nfor (const [i, model] of models.entries()) await store.put('digits', { model }, { tag: 't' + i + process.pid })\nprocess.exit()\n`,
    )
    const hooks = pathToFileURL(join(import.meta.dirname, '../scripts/typescript-hooks.mjs')).href
    const sets = [20, 30].map((base) => [0, 1, 2].map((i) => modelFile(folder, `p${base + i}.onnx`, base + i)))
    const ended = sets.map((models) => {
      const child = spawn(process.execPath, ['--import', hooks, script, place, ...models], { stdio: 'inherit' })
      return new Promise((done) => child.once('exit', done))
    })
    expect(await Promise.all(ended)).toEqual([0, 0])
    const entries = await openStore(place).list('digits')
    expect([entries.length, entries.flatMap(({ tags }) => tags).length]).toEqual([6, 6])
  })

  test('killed at random moments, the store verifies', PATIENCE, async () => {
    expect(await killRun({ kills: 2, seed: 5 })).toEqual([])
  })
})

test(
  'a disk that is full: nothing half-written, the version is not there, and a collection takes what is',
  PATIENCE,
  async () => {
    const place = newFolder()
    const big = modelFile(
      folder,
      'wide.onnx',
      1,
      `h = MatMul(x, w)  z = Constant <value = float[40000] {${'0.5,'.repeat(39999)}0.5}> ()  y = Identity(h)`,
    )
    const main = join(import.meta.dirname, '../src/cli/main.ts')
    const hooks = pathToFileURL(join(import.meta.dirname, '../scripts/typescript-hooks.mjs')).href
    // A file may not grow beyond 64 KB or so: the system says so as it does where a disk ends.
    const limited = `trap '' XFSZ; ulimit -f 100; exec "$0" "$@"`
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', limited, process.execPath, '--import', hooks, main, 'push', big, 'digits:v1', '--store', place],
      { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } },
    )
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(/cannot write .*: it is larger than a file may be here/),
    ])
    expect(
      readdirSync(place, { recursive: true, encoding: 'utf8' }).filter((name) => /tmp$|index\.json$/.test(name)),
    ).toEqual([])
    await openStore(place).collect({ graceMs: 0 })
    expect(readdirSync(join(place, 'digits', 'blobs', 'sha256'))).toEqual([])
  },
)

describe('registries that misbehave', () => {
  let registry: TestRegistry
  let store: Store
  beforeAll(async () => {
    registry = await startRegistry()
    store = openStore(registry.url)
    for (let i = 1; i <= 5; i++) await store.put('digits', { model }, { tag: `v${i}` })
  })
  afterEach(() => {
    for (const key of Object.keys(registry.faults)) delete registry.faults[key as keyof typeof registry.faults]
    delete process.env.WHETSTONE_REGISTRY_USER
    delete process.env.WHETSTONE_REGISTRY_PASSWORD
    delete process.env.DOCKER_CONFIG
  })
  afterAll(() => registry.close())

  test('lists of tags go over pages', async () =>
    expect((await store.list('digits'))[0]!.tags).toEqual(['v1', 'v2', 'v3', 'v4', 'v5']))

  test('a moment of trouble is waited out when reading, and lasting trouble is told', async () => {
    registry.faults.fail = { status: 503, times: 2 }
    expect((await store.resolve('digits:v1')).tags).toContain('v1')
    registry.faults.fail = {
      status: 500,
      times: Number.POSITIVE_INFINITY,
      body: '{"errors":[{"code":"UNKNOWN","message":"disk"}]}',
    }
    await expect(store.resolve('digits:v1')).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringContaining('500 to GET: UNKNOWN disk'),
    })
    await expect(store.put('digits', { model })).rejects.toMatchObject({ code: 'busy' })
    // Not "unsound": nobody could look.
    await expect(store.verify('digits:v1')).rejects.toMatchObject({ code: 'busy' })
  })

  test('it wants a token: with the right password, a wrong one, and none', async () => {
    registry.faults.token = true
    await expect(store.resolve('digits:v1')).rejects.toMatchObject({
      code: 'unwritable',
      message: 'the registry refuses access (401)',
    })
    process.env.WHETSTONE_REGISTRY_USER = 'ann'
    process.env.WHETSTONE_REGISTRY_PASSWORD = 'wrong'
    await expect(store.resolve('digits:v1')).rejects.toThrow('refuses access')
    process.env.WHETSTONE_REGISTRY_PASSWORD = 'secret'
    expect((await store.put('digits', { model }, { tag: 'token' })).version.tags).toContain('token')
  })

  test("it wants a password: docker's own file holds it", async () => {
    registry.faults.basic = true
    const docker = newFolder()
    process.env.DOCKER_CONFIG = docker
    const auth = Buffer.from('ann:secret').toString('base64')
    writeFileSync(join(docker, 'config.json'), JSON.stringify({ auths: { [new URL(registry.url).host]: { auth } } }))
    expect((await store.resolve('digits:v1')).tags).toContain('v1')
  })

  test('bytes with another digest are refused, by name', async () => {
    registry.faults.changesBlobs = true
    await expect(store.resolve('digits:v1')).rejects.toThrow(/the blob sha256:\w+ was changed/)
    const { versions } = await store.verify('digits:v1')
    expect(versions[0]!.problems[0]).toMatch(/^config: the blob sha256:\w+ is changed$/)
    registry.faults.changesBlobs = false
    registry.faults.changesManifests = true
    await expect(store.resolve('digits:v1')).rejects.toThrow('was changed')
  })

  test('a line that breaks in the middle of a model leaves nothing behind', async () => {
    const version = await store.resolve('digits:v1')
    registry.faults.cutsBlobs = 100
    const out = join(newFolder(), 'out')
    await expect(version.checkout(out)).rejects.toMatchObject({ code: 'busy' })
    expect(existsSync(out)).toBe(false)
  })

  test('a line that breaks again and again: each answer goes on where the last one ended', async () => {
    const version = await store.resolve('digits:v1')
    Object.assign(registry.faults, { cutsBlobs: 100, ranges: true })
    const before = registry.seen.length
    const out = join(newFolder(), 'out')
    await version.checkout(out)
    expect(readFileSync(join(out, 'model.onnx')).equals(readFileSync(model))).toBe(true)
    const path = `GET /v2/digits/blobs/sha256:${createHash('sha256').update(readFileSync(model)).digest('hex')}`
    const asked = registry.seen.slice(before).filter((one) => one === path)
    expect(asked.length).toBe(Math.ceil(statSync(model).size / 100))
  })

  test('it sends an upload to an address that is none', async () => {
    registry.faults.uploadTo = 'ftp://elsewhere/upload'
    await expect(store.put('digits', { model: modelFile(folder, 'new.onnx', 77) })).rejects.toThrow(
      /leads from .* to ftp:/,
    )
  })

  test('nobody answers, or it is no registry', async () => {
    const gone = await startRegistry()
    await gone.close()
    await expect(openStore(gone.url).resolve('digits:v1')).rejects.toMatchObject({ code: 'busy' })
  })
})

describe('places', () => {
  test.each([
    ['http://registry.example/models', /readable to everyone on the way/],
    ['https://ann:secret@registry.example', /must not hold a password/],
    ['ftp://registry.example', /cannot be at ftp/],
    ['http://', /not a URL/],
  ])('%s is refused', (url, message) => expect(() => openStore(url)).toThrow(message))

  test('plain http beyond this machine only where it is meant', () => {
    expect(openStore('http://registry.example/models', { plainHttp: true }).location).toBe(
      'http://registry.example/models',
    )
    expect(openStore('oci://registry.example/models/').location).toBe('https://registry.example/models')
  })

  test('a file in the place of the store', async () => {
    const place = join(newFolder(), 'file')
    writeFileSync(place, '')
    await expect(openStore(place).put('digits', { model })).rejects.toMatchObject({ name: 'UserError' })
    mkdirSync(`${place}-empty`)
    expect(await openStore(`${place}-empty`).names()).toEqual([])
  })
})
