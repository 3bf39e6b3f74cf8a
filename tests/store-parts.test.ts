import { readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { type Attribute, type Model, type Tensor, tensorOf } from '../src/ir/index.ts'
import { modelDigest, readModel, writeModel } from '../src/onnx/index.ts'
import { simplify } from '../src/recipe/index.ts'
import type { Recipe } from '../src/report/index.ts'
import {
  diffModels,
  explain,
  openStore,
  parseReference,
  readPrivateKey,
  readPublicKey,
  scanModel,
} from '../src/store/index.ts'
import { comparisonOf, keyFiles, modelFile, newFolder, textModel } from './store-kit.ts'

const folder = newFolder()

describe('references', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  test.each([
    ['digits', { name: 'digits' }],
    ['team/digits:v1', { name: 'team/digits', tag: 'v1' }],
    [`digits@${digest}`, { name: 'digits', digest }],
    [`digits:v1@${digest}`, { name: 'digits', digest }],
  ])('%s', (text, parts) => expect(parseReference(text)).toEqual(parts))

  test.each([
    '../x',
    'a/../b',
    '/etc/passwd',
    'a//b',
    'A',
    'a b',
    'a:..',
    'a:b/c:d',
    'blobs',
    'a/blobs/b',
    'index.json',
    'a\\b',
    'a:',
    ':v1',
    '',
    `a:sha256-${'0'.repeat(64)}`,
    'a@sha256:12',
    'a@md5:12',
    `${'a'.repeat(256)}`,
    'a\0',
    'C:\\x',
  ])('%j is refused', (text) => expect(() => parseReference(text)).toThrow(/cannot be|is not a digest/))
})

describe('scan', () => {
  const found = (model: Model) => scanModel(model).map(({ level, kind, where }) => `${level} ${kind} ${where}`)

  test('an ordinary model is found to be nothing special', () =>
    expect(found(textModel('g (float[N,8] x) => (float[N,8] y) { y = com.microsoft.QuickGelu(x) }'))).toEqual([]))

  test('a few bytes that become gigabytes', () => {
    const model = textModel(`g (float[1] x) => (float[K] y) <int64[2] shape = {200000, 200000}>
      { big = ConstantOfShape(shape)  small = ReduceMax <keepdims: int = 0> (big)  y = Add(x, small) }`)
    expect(found(model)).toEqual(['danger size-bomb big'])
  })

  test('weights that are the same bytes again and again', () => {
    const bytes = { byteLength: 1 << 28, read: () => new Uint8Array(0) }
    const entries = [['location', 'w.bin']] as const
    const tensors = Array.from({ length: 9 }, (_, i) => ({
      name: `w${i}`,
      dtype: 'float32' as const,
      dims: [1 << 26],
      data: { form: 'external' as const, bytes, entries },
    }))
    const model = textModel('g (float[2] x) => (float[2] y) { y = Neg(x) }')
    const with9 = {
      ...model,
      graph: { ...model.graph, initializers: new Map(tensors.map((tensor) => [tensor.name, tensor])) },
    }
    expect(found(with9)).toEqual(['danger size-bomb the weights'])
    const with1 = { ...model, graph: { ...model.graph, initializers: new Map([['w0', tensors[0]!]]) } }
    expect(found(with1)).toEqual([])
  })

  const plain = textModel('g (float[2] x) => (float[2] y) { y = Neg(x) }')
  const nine = (offset: (i: number) => number) =>
    Array.from({ length: 9 }, (_, i) => ({
      name: `w${i}`,
      dtype: 'float32' as const,
      dims: [1 << 26],
      data: {
        form: 'external' as const,
        bytes: { byteLength: 1 << 28, read: () => new Uint8Array(0) },
        entries: [['location', 'w.bin'] as const, ['offset', String(offset(i))] as const],
      },
    }))
  const holding = (attributes: Readonly<Record<string, Attribute>>): Model => ({
    ...plain,
    graph: { ...plain.graph, nodes: [{ ...plain.graph.nodes[0]!, attributes: new Map(Object.entries(attributes)) }] },
  })
  const sparse = (values: readonly Tensor[], size = 1 << 26) =>
    values.map((item) => ({ values: item, indices: tensorOf('int64', [1], BigInt64Array.of(0n)), dims: [size] }))
  const places: readonly (readonly [string, (tensors: readonly Tensor[]) => Model])[] = [
    [
      'attributes',
      (tensors) => holding(Object.fromEntries(tensors.map((value) => [value.name, { type: 'tensor', value }]))),
    ],
    ['a list of tensors', (value) => holding({ a: { type: 'tensors', value } })],
    ['sparse attributes', (tensors) => holding({ a: { type: 'sparseTensors', value: sparse(tensors) } })],
    ['sparse weights', (tensors) => ({ ...plain, graph: { ...plain.graph, sparseInitializers: sparse(tensors) } })],
    ...(['graph', 'graphs'] as const).map((type) => {
      const nested = (tensors: readonly Tensor[]) => ({
        ...plain.graph,
        initializers: new Map(tensors.map((tensor) => [tensor.name, tensor])),
      })
      return [
        `a nested ${type}`,
        (tensors: readonly Tensor[]) =>
          holding({ a: type === 'graph' ? { type, value: nested(tensors) } : { type, value: [nested(tensors)] } }),
      ] as const
    }),
    [
      'a function',
      (value) => {
        const { nodes } = holding({ a: { type: 'tensors', value } }).graph
        const own = { domain: 'own', name: 'F', overload: '', nodes, defaults: new Map() }
        return { ...plain, functions: [own as unknown as Model['functions'][number]] }
      },
    ],
  ]
  test.each(places)('the same bytes again and again in %s, and other bytes of the same file', (_, make) => {
    expect(found(make(nine(() => 0)))).toEqual(['danger size-bomb the weights'])
    expect(found(make(nine((i) => i << 28)))).toEqual([])
  })

  test('a sparse tensor that unpacks to more than a machine holds', () => {
    const one = (name: string, size: number) =>
      holding({
        a: { type: 'sparseTensor', value: sparse([tensorOf('float32', [1], Float32Array.of(1), name)], size)[0]! },
      })
    expect(found(one('s', 1e11))).toEqual(['danger size-bomb s'])
    expect(found(one('', 1e11))).toEqual(['danger size-bomb a sparse tensor'])
    expect(found(one('s', 1e6))).toEqual([])
  })

  test('a link in the place of the model is told, and its content is kept', async () => {
    const target = modelFile(folder, 'target.onnx')
    const path = join(newFolder(), 'link.onnx')
    symlinkSync(target, path)
    const { findings, version } = await openStore(newFolder()).put('linked', { model: path })
    expect(findings).toMatchObject([{ level: 'note', kind: 'link', where: path }])
    expect(readFileSync(await version.modelPath())).toEqual(readFileSync(target))
  })

  test('operators that nobody brings are counted, and keep nothing out of a store', async () => {
    const model = textModel('g (float[2] x) => (float[2] y) { a = my.own.Evil(x)  y = my.own.Evil(a) }')
    const note = { level: 'note', kind: 'custom-operator', where: 'my.own.Evil', what: expect.stringContaining('2×') }
    expect(scanModel(model)).toEqual([note])
    const path = join(folder, 'own.onnx')
    await writeModel(model, path)
    expect((await openStore(newFolder()).put('own', { model: path })).findings).toEqual([note])
  })

  test('a loop that nothing ends is found, and kept only where that is meant', async () => {
    const body = '(int64 i, bool c, float[2] s) => (bool d, float[2] t) { d = Identity(c)  t = Neg(s) }'
    const endless = textModel(`g (float[2] x) => (float[2] y) { y = Loop <body: graph = b ${body}> ("", "", x) }`)
    expect(found(endless)).toEqual(['danger endless-loop y'])
    const counted = (count: string) =>
      textModel(
        `g (float[2] x) => (float[2] y) { n = Constant <value = int64 {${count}}> ()  y = Loop <body: graph = b ${body}> (n, "", x) }`,
      )
    expect(found(counted('2000000000'))).toEqual(['danger endless-loop y'])
    expect(found(counted('20'))).toEqual([])
    const path = join(folder, 'endless.onnx')
    await writeModel(endless, path)
    const store = openStore(newFolder())
    await expect(store.put('loops', { model: path })).rejects.toMatchObject({
      hint: expect.stringMatching(/--allow endless-loop$/),
    })
    await expect(store.put('loops', { model: path, allow: ['size-bomb'] })).rejects.toThrow('y')
    const { version } = await store.put('loops', { model: path, allow: ['endless-loop'] })
    expect((await store.verify('loops')).versions[0]).toMatchObject({ digest: version.digest, sound: true })
  })
})

describe('lineage', () => {
  const build = async () => {
    const parent = await readModel(modelFile(folder, 'parent.onnx'))
    const { model, recipe } = await simplify(parent, { verify: false })
    return { parent, model, recipe }
  }
  const changed = (model: Model, edit: (model: Model) => Partial<Model['graph']>): Model => ({
    ...model,
    graph: { ...model.graph, ...edit(model) },
  })

  test('the recipe, replayed on the parent, explains the model', async () => {
    const { parent, model, recipe } = await build()
    expect(recipe.steps.length).toBeGreaterThan(0)
    expect(await explain(parent, recipe, model)).toEqual({ explained: 'replayed', edits: [] })
    expect(await explain(parent, null, parent)).toEqual({ explained: 'replayed', edits: [] })
  })

  test('an edit that no pass made is named', async () => {
    const { parent, model, recipe } = await build()
    const [name, weight] = [...model.graph.initializers][0]!
    const poisoned = changed(model, () => ({
      initializers: new Map(model.graph.initializers).set(name, {
        ...tensorOf('float32', weight.dims, new Float32Array(32).fill(1)),
        name,
      }),
    }))
    expect(await explain(parent, recipe, poisoned)).toEqual({
      explained: 'unexplained',
      edits: [`initializer ${name} was changed`],
    })
  })

  test('a recipe that lies: another start, another result, lost or changed evidence, no such pass', async () => {
    const { parent, model, recipe } = await build()
    const first = recipe.steps[0]!
    const lying = async (step: Partial<Recipe['steps'][number]>, evidence: Recipe['evidence'] = {}) =>
      (await explain(parent, { ...recipe, evidence, steps: [{ ...first, ...step }, ...recipe.steps.slice(1)] }, model))
        .edits[0]
    const digest = `sha256:${'1'.repeat(64)}`
    expect(await lying({ input: digest })).toMatch(/the recipe starts from sha256:1111/)
    expect(await lying({ output: digest })).toMatch(/step \w+ gave sha256:.*, the recipe says sha256:1111/)
    expect(await lying({ evidence: [digest] })).toMatch(/the recipe has lost its evidence/)
    expect(await lying({ evidence: [digest] }, { [digest]: { kind: 'calibration' } })).toMatch(
      /the evidence sha256:1111\w+ of the recipe was changed/,
    )
    expect(await lying({ pass: 'stealWeights' })).toMatch(/the recipe does not run: there is no pass "stealWeights"/)
  })

  test('every kind of edit has its sentence', () => {
    const before = textModel(
      'g (float[2] x) => (float[2] y) <float[2] w = {1,2}> { a = Add(x, w)  b = Neg(a)  y = Elu <alpha: float = 1.0> (b) }',
    )
    const after = textModel(
      'g (float[2] x) => (double[2] y) <float[2] v = {1,2}> { a = Sub(x, v)  y = Elu <alpha: float = 2.0> (a) }',
      'ir_version: 10, opset_import: ["" : 21]',
    )
    expect(diffModels(before, after)).toEqual([
      'operator set ai.onnx: 20 became 21',
      'operator set my.own: 1 became none',
      'operator set com.microsoft: 1 became none',
      'output y was changed',
      'initializer v was added',
      'initializer w was removed',
      'node a (Sub) was Add',
      'node a (Sub): inputs [x, w] became [x, v]',
      'node y (Elu): inputs [b] became [a]',
      'node y (Elu): attribute alpha was changed',
      'node b (Neg) was removed',
    ])
    expect(diffModels(before, before)).toEqual([])
  })

  test('outputs in another order and sparse weights are edits that mean something', () => {
    const model = (outputs: string) => textModel(`g (float[2] x) => (${outputs}) { y = Neg(x)  z = Abs(x) }`)
    const before = model('float[2] y, float[2] z')
    expect(diffModels(before, model('float[2] z, float[2] y'))).toEqual(['the order of the outputs was changed'])
    const sparse = (value: number): Model => {
      const values = tensorOf('float32', [1], [value], 's')
      return {
        ...before,
        graph: { ...before.graph, sparseInitializers: [{ values, indices: tensorOf('int64', [1], [0]), dims: [2] }] },
      }
    }
    expect(diffModels(sparse(1), sparse(2))).toEqual(['sparse initializer s was changed'])
  })

  test('twenty edits are named, further ones counted', () => {
    const chain = (operator: string, count: number) =>
      textModel(
        `g (float[2] x) => (float[2] y) { ${Array.from({ length: count }, (_, i) => `v${i} = ${operator}(x)`).join('  ')}  y = Abs(x) }`,
      )
    expect(diffModels(chain('Neg', 20), chain('Exp', 20))).toHaveLength(20)
    const many = diffModels(chain('Neg', 21), chain('Exp', 21))
    expect([many.length, many.at(-1)]).toEqual([21, 'and 1 more edits'])
  })

  test('without its parent at hand, a recipe tells what the model was made from', async () => {
    const { parent, model, recipe } = await build()
    const path = join(folder, 'alone.onnx')
    await writeModel(model, path)
    const store = openStore(newFolder())
    const made = (await store.put('digits', { model: path, recipe })).version
    expect(made.lineage).toMatchObject({
      parent: { version: null, name: null, modelDigest: modelDigest(parent) },
      explained: 'unchecked',
    })
  })

  test('a store refuses what its recipe does not explain, and says so where it is allowed', async () => {
    const { model, recipe } = await build()
    const store = openStore(newFolder())
    const { version: parent } = await store.put('digits', { model: join(folder, 'parent.onnx') }, { tag: 'v1' })
    const path = join(folder, 'child.onnx')
    await writeModel(model, path)
    const { version } = await store.put('digits', { model: path, recipe, parent }, { tag: 'v2' })
    expect(version.lineage).toEqual({
      parent: { version: parent.digest, name: 'digits', modelDigest: parent.modelDigest },
      recipe: { steps: recipe.steps.length, whetstone: recipe.whetstone },
      explained: 'replayed',
      edits: [],
    })
    expect(version.card).toContain('Replaying the passes below on the parent gives these very bytes.')
    const said: string[] = []
    const { versions } = await store.verify('digits:v2', { onProgress: (text) => said.push(text) })
    expect(versions[0]).toMatchObject({ sound: true, lineage: { explained: 'replayed' } })
    const short = `digits@${version.digest.slice(0, 'sha256:'.length + 12)}`
    expect(said).toEqual([`checking ${short}`, `replaying the recipe of ${short}`])
    const other = modelFile(folder, 'stranger.onnx', 9)
    await expect(store.put('digits', { model: other, parent })).rejects.toThrow(
      /explained by no pass: initializer w was changed$/,
    )
    await expect(store.put('digits', { model: other, recipe, parent })).rejects.toThrow('the recipe makes')
    const allowed = await store.put('digits', { model: other, parent, allow: ['unexplained'] })
    expect(allowed.version.lineage).toMatchObject({ explained: 'unexplained', edits: ['initializer w was changed'] })
    expect(allowed.version.card).toContain('not explained: initializer w was changed')
    const lied = await store.put('digits', { model: other, recipe, parent, allow: ['unexplained'] })
    expect(lied.version.lineage).toMatchObject({ explained: 'unexplained' })
    const edited = modelFile(folder, 'edited.onnx', 9, 'h = MatMul(x, w)  y = Neg(h)')
    await expect(store.put('digits', { model: edited, parent })).rejects.toThrow(/w was changed \(and 1 more\)$/)
  })
})

describe('the bill of materials and the card', () => {
  const put = async (more: object = {}) => {
    const model = modelFile(folder, 'bom.onnx', 4)
    const digest = modelDigest(await readModel(model))
    const input = { model, reports: [comparisonOf(digest)], intendedUse: 'Reads digits.', ...more }
    return (await openStore(newFolder()).put('team/digits', input, { tag: 'v1' })).version
  }

  test('keeps to the schema of CycloneDX 1.7', async () => {
    const schemas = join(
      dirname(createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json')),
      'res/schema',
    )
    const schema = (name: string) => JSON.parse(readFileSync(join(schemas, `${name}.SNAPSHOT.schema.json`), 'utf8'))
    const ajv = new Ajv({ strict: false, validateFormats: false })
    for (const name of ['spdx', 'jsf-0.82', 'cryptography-defs'])
      ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`)
    const validate = ajv.compile(schema('bom-1.7'))
    const { bom, modelDigest: digest } = await put()
    validate(bom)
    expect(validate.errors ?? []).toEqual([])
    expect(validate({ ...(bom as object), specVersion: 7 })).toBe(false)
    expect(bom).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion: '1.7',
      metadata: {
        component: {
          type: 'machine-learning-model',
          hashes: [{ alg: 'SHA-256', content: digest.slice(7) }],
          modelCard: {
            quantitativeAnalysis: {
              performanceMetrics: [
                { type: 'top1', value: '0.928' },
                { type: 'change of top1', confidenceInterval: { lowerBound: '-0.0141', upperBound: '0.0069' } },
                { type: 'top1', slice: 'light=dark|night', value: '0.85' },
                { slice: 'light=dark|night', confidenceInterval: { lowerBound: '-0.14', upperBound: '0.03' } },
              ],
            },
          },
        },
      },
    })
    expect(JSON.stringify(bom)).not.toContain('/home/me')
  })

  test('the card tells a recipe without steps from none at all', async () => {
    const recipe = { kind: 'recipe', version: 1, whetstone: '0.1.0', steps: [], evidence: {} }
    expect((await put({ recipe })).card).toContain('Its recipe has no steps: the model is as it came.')
    expect((await put()).card).toContain('No recipe is kept with it.')
  })

  test('the card has the metrics with intervals by slice, and says what is not known', async () => {
    const { card } = await put()
    expect(card).toContain('| all rows | 400 | 0.93 | 0.928 | [-0.0141, 0.0069] | pass |')
    expect(card).toContain('| light=dark\\|night | 40 | 0.9 | 0.85 | [-0.1400, 0.0300] | inconclusive |')
    expect(card).toContain('Slice `light=dark night`: inconclusive on 40 rows.')
    expect(card).toContain('- `eval.npz`: 400 rows')
    expect(card).toContain('No report measures its speed.')
    const bare = (await put({ reports: [], intendedUse: undefined })).card!
    expect(bare).toContain('Not stated: whoever pushed this model did not say what it is for.')
    expect(bare).toContain('Nobody has shown that it is right: no report judges it.')
  })

  test('what a comparison leaves open is among the limits', async () => {
    const digest = modelDigest(await readModel(modelFile(folder, 'bom.onnx', 4)))
    const { card } = await put({
      reports: [
        comparisonOf(digest, {
          ...{ verdict: 'inconclusive', requiredN: 12_000, measurablyWorse: true, slices: [] },
          warnings: ['Seven rows were left out.'],
        }),
      ],
    })
    expect(card).toContain('- The rows do not settle whether it is as good as its original: about 12,000 would.')
    expect(card).toContain('- It is measurably worse than its original, within the margin.')
    expect(card).toContain('- Seven rows were left out.')
    const passed = (await put({ reports: [comparisonOf(digest, { slices: [] })] })).card
    expect(passed).not.toMatch(/do not settle|measurably worse|left out|Slice/)
    const open = (await put({ reports: [comparisonOf(digest, { verdict: 'inconclusive', requiredN: null })] })).card
    expect(open).toContain('- The rows do not settle whether it is as good as its original.')
  })

  test('evidence that is given twice is kept once', async () => {
    const report = comparisonOf(modelDigest(await readModel(modelFile(folder, 'bom.onnx', 4))))
    expect((await put({ reports: [report, report] })).reports).toEqual([report])
  })

  test.each([
    [40, '0.0K'],
    [1234, '1.2K'],
    [2_600_000, '2.6M'],
  ])('%i parameters are %s in the config of the model pack', async (parameters, paramSize) => {
    const path = join(folder, 'counted.onnx')
    const model = textModel('g (float[N] x) => (float[N] y) { y = Identity(x) }')
    const w = tensorOf('uint8', [parameters], new Uint8Array(parameters), 'w')
    await writeModel({ ...model, graph: { ...model.graph, initializers: new Map([['w', w]]) } }, path)
    const store = openStore(newFolder())
    const { version } = await store.put('counted', { model: path })
    const pieces: Uint8Array[] = []
    for await (const piece of store.repository('counted').read(version.manifest.config)) pieces.push(piece)
    expect(JSON.parse(Buffer.concat(pieces).toString()).config).toEqual({ format: 'onnx', paramSize })
  })

  test('text of reports cannot become markup', async () => {
    const { card } = await put({
      reports: [
        comparisonOf(modelDigest(await readModel(modelFile(folder, 'bom.onnx', 4))), {
          sentence: '<img src=x onerror=alert(1)>\n# [a](b)',
        }),
      ],
    })
    expect(card).not.toContain('<img')
    expect(card).not.toContain('\n# [a](b)')
  })

  test('a model that a report says was made of another is no original', async () => {
    const before = { nodes: 1, bytes: 9, digest: `sha256:${'a'.repeat(64)}` }
    const made = (digest: string) => ({
      ...{ kind: 'rewrite', version: 1, passes: [], equivalence: null },
      ...{ before, after: { ...before, digest } },
    })
    const own = modelDigest(await readModel(modelFile(folder, 'bom.onnx', 4)))
    const { card, lineage } = await put({ reports: [made(own)] })
    expect(lineage).toMatchObject({ explained: 'unchecked', parent: { version: null, modelDigest: before.digest } })
    expect(card).toContain('So the reports on its making say; nothing was replayed.')
    expect((await put()).lineage).toMatchObject({ explained: 'original', parent: null })
  })

  test('evidence of another model is refused', async () =>
    await expect(put({ reports: [comparisonOf(`sha256:${'e'.repeat(64)}`)] })).rejects.toThrow(
      /this comparison report is about the model sha256:eee/,
    ))

  test('of a model that has learned, what it lost stands before what it gained, and only with that model', async () => {
    const side = { path: 'a.onnx', parameters: 10, macs: 10, bytes: 100, p50Ms: 0.5, metric: 0.9 }
    const pruned = (digest: string) => ({
      ...{ kind: 'pruning', version: 1, sentence: 'Half of the work is left.', verdict: 'regressed' },
      proof: 'Regressed: 20 points lost.',
      ...{ speedup: 2, before: side, after: { ...side, digest, p50Ms: 0.25 }, warnings: [] },
    })
    const { card } = await put({ reports: [pruned(modelDigest(await readModel(modelFile(folder, 'bom.onnx', 4))))] })
    expect(card).toContain('- pruning: Regressed: 20 points lost. Half of the work is left.')
    expect(card).toContain('Median 0.25 ms, of its original 0.5 ms, by turns on one machine: 2.00 times as fast')
    expect(card).not.toMatch(/No comparison with its original|No report measures/)
    await expect(put({ reports: [pruned(`sha256:${'e'.repeat(64)}`)] })).rejects.toThrow(
      /this pruning report is about the model sha256:eee/,
    )
  })
})

describe('keys', () => {
  test('what is no key, or the wrong one of the two, is said', async () => {
    const { secret, open } = keyFiles(folder, 'pair')
    const model = modelFile(folder, 'no-key.onnx')
    await expect(readPrivateKey(open)).rejects.toThrow('not a key in PEM')
    await expect(readPublicKey(secret)).rejects.toThrow('this is a private key')
    await expect(readPublicKey(model)).rejects.toThrow('not a key in PEM')
    await expect(readPrivateKey(join(folder, 'none'))).rejects.toMatchObject({ code: 'missing-file' })
  })
})
