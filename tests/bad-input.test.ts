import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { create, toBinary } from '@bufbuild/protobuf'
import { ModelProtoSchema } from 'onnx-buf'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseModel } from '../src/ir/index.ts'
import { encodeModel, writeModel } from '../src/onnx/index.ts'
import { Bench, CLASSIFIER, type Ended, floats, integers, weights } from './command.ts'
import { reportIn } from './schema.ts'

const bench = new Bench()
afterAll(() => bench.remove())

let model = ''
beforeAll(() => {
  model = bench.model('model.onnx', CLASSIFIER)
})

/** Exit 2, nothing on stdout, and one message: what and where, and on its second line what to do. No stack. */
function expectMessage({ code, stdout, stderr }: Ended, ...patterns: readonly RegExp[]): void {
  expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(/^whet: .+\n {2}.+\n$/)])
  for (const pattern of patterns) expect(stderr).toMatch(pattern)
  expect(stderr).not.toMatch(/\n\s+at |internal|undefined|\[object/)
}

/** Runs a command that must fail, and sees that it left no file that was not there before. */
async function refused(words: readonly string[], ...patterns: readonly RegExp[]): Promise<void> {
  const before = bench.files()
  expectMessage(await bench.whet(...words), ...patterns)
  expect(bench.files()).toEqual(before)
}

const simplify = (name: string) => ['simplify', name, '-o', 'out.onnx']
const quantize = (data: string, ...more: readonly string[]) => [
  'quantize',
  'model.onnx',
  '-o',
  'out.onnx',
  '--scheme',
  'static-int8',
  '--data',
  data,
  ...more,
]

describe('files that are no ONNX model', () => {
  const latin1 = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0))
  test.each([
    ['empty.onnx', '', /empty/, /export/],
    ['photo.onnx', '\xff\xd8\xff\xe0\x00\x10JFIF', /JPEG/, /name a model/],
    ['model.pt', `PK\x03\x04${'\0'.repeat(26)}model/data.pkl`, /PyTorch/, /torch\.onnx\.export/],
    ['model.tflite', '\x1c\0\0\0TFL3\x14\0', /TensorFlow Lite/, /tf2onnx\.convert --tflite/],
    ['model.safetensors', '\x40\0\0\0\0\0\0\0{"weight":{"dtype":"F32"', /safetensors/, /optimum-cli/],
    ['model.gguf', 'GGUF\x03\0\0\0', /GGUF/, /optimum-cli/],
  ])('%s', async (name, content, what, todo) => {
    writeFileSync(bench.path(name), latin1(content))
    await refused(simplify(name), what, todo, new RegExp(name))
  })

  test('a truncated model', async () => {
    writeFileSync(bench.path('cut.onnx'), readFileSync(model))
    truncateSync(bench.path('cut.onnx'), 900)
    await refused(simplify('cut.onnx'), /cut\.onnx/)
  })

  test('a missing one, and a folder', async () => {
    await refused(simplify('none.onnx'), /none\.onnx.*does not exist/)
    mkdirSync(bench.path('folder.onnx'))
    await refused(simplify('folder.onnx'), /folder\.onnx.*is a folder/)
  })
})

test('stdout is no file, and options in front of the verb are none of its', async () => {
  await refused(['simplify', 'model.onnx', '-o', '-'], /cannot write to stdout/, /\.\/-/)
  await refused(['--threads', 'inspect', 'model.onnx'], /no verb "--threads"/, /behind the verb: whet VERB … --threads/)
})

test('external data that is missing, outside, behind a link that leads out, or shorter than told', async () => {
  const write = (name: string, location: string, offset = '0') =>
    writeFileSync(
      bench.path(name),
      toBinary(
        ModelProtoSchema,
        create(ModelProtoSchema, {
          irVersion: 8n,
          opsetImport: [{ domain: '', version: 17n }],
          graph: {
            name: 'g',
            node: [{ opType: 'Add', input: ['x', 'w'], output: ['y'] }],
            input: [
              {
                name: 'x',
                type: {
                  value: {
                    case: 'tensorType',
                    value: { elemType: 1, shape: { dim: [{ value: { case: 'dimValue', value: 2n } }] } },
                  },
                },
              },
            ],
            output: [{ name: 'y', type: { value: { case: 'tensorType', value: { elemType: 1 } } } }],
            initializer: [
              {
                name: 'w',
                dims: [2n],
                dataType: 1,
                dataLocation: 1,
                externalData: [
                  { key: 'location', value: location },
                  { key: 'offset', value: offset },
                ],
              },
            ],
          },
        }),
      ),
    )
  mkdirSync(bench.path('sub'))
  writeFileSync(bench.path('weights'), new Uint8Array(8))
  symlinkSync(bench.path('weights'), bench.path('sub', 'link'))
  writeFileSync(bench.path('sub', 'short'), new Uint8Array(8))
  for (const [location, offset, message] of [
    ['gone', '0', /gone.*is missing/],
    ['../weights', '0', /leads out of the folder/],
    ['link', '0', /is a link that leads out/],
    ['short', '4', /ends at byte 12, but short has only 8 bytes/],
  ] as const) {
    write('sub/external.onnx', location, offset)
    await refused(simplify('sub/external.onnx'), message, /external\.onnx/)
  }
})

describe('what a command reads is not replaced by what it writes', () => {
  const again = /names the same file/
  test('by its name, another way to it, or a link to it', async () => {
    symlinkSync(bench.path('model.onnx'), bench.path('link.onnx'))
    mkdirSync(bench.path('beside'))
    for (const name of ['model.onnx', './beside/../model.onnx', bench.path('model.onnx'), 'link.onnx'])
      await refused(['simplify', 'model.onnx', '-o', name], again, /write to a file of another name/)
    await refused(['simplify', 'link.onnx', '-o', 'model.onnx'], again)
  })

  test('whatever verb, and whatever file of its', async () => {
    const rows = bench.rows('read.npz', 5, 16)
    writeFileSync(bench.path('recipe.json'), '{}')
    const onto = (...words: readonly string[]) => refused(words, again)
    await onto('quantize', 'model.onnx', '-o', 'model.onnx', '--scheme', 'weight-int4')
    await onto('quantize', 'model.onnx', '-o', 'new.json', '--scheme', 'weight-int4', '--recipe', 'new.json')
    await onto('prune', 'model.onnx', '-o', 'model.onnx', '--data', rows)
    await onto('tune', 'model.onnx', '-o', 'read.npz', '--data', rows)
    await onto('apply', 'recipe.json', 'model.onnx', '-o', 'recipe.json')
    await onto('predict', 'model.onnx', '-o', 'read.npz', '--data', rows)
    await onto('compare', 'model.onnx', 'model.onnx', '--data', rows, '--junit', 'read.npz')
  })

  test('weights that lie beside a model are read as well', async () => {
    const folder = bench.path('outside')
    mkdirSync(folder)
    const network = parseModel(`g (float[N,64] x) => (float[N,64] y) <float[64,64] w = {${Array(4096).fill(0.5)}}>
      { y = MatMul(x, w) }`)
    await writeModel(network, bench.path('outside', 'other.onnx'), { externalData: true })
    const weightsFile = bench.path('outside', 'other.onnx.data')
    const bytes = readFileSync(weightsFile)
    for (const words of [
      ['simplify', 'outside/other.onnx', '-o', 'outside/other.onnx.data'],
      ['quantize', 'outside/other.onnx', '-o', weightsFile, '--scheme', 'weight-int8'],
      ['simplify', 'outside/other.onnx', '-o', 'outside/new.onnx', '--recipe', 'outside/other.onnx.data'],
    ])
      await refused(words, /weights of outside.other\.onnx live there/)
    expect(readFileSync(weightsFile)).toEqual(bytes)
  })

  test('in a folder, and only where it would be', async () => {
    const rows = bench.rows('read.npz', 5, 16)
    for (const verb of ['optimize', 'distil'])
      await refused([verb, 'model.onnx', '--data', rows, '-o', '.'], again, /write to another folder/)
    mkdirSync(bench.path('hub', 'onnx'), { recursive: true })
    writeFileSync(bench.path('hub', 'onnx', 'model.onnx'), readFileSync(model))
    writeFileSync(bench.path('hub', 'onnx', 'model_q4.onnx'), readFileSync(model))
    const layout = (name: string) =>
      ['quantize', `hub/onnx/${name}`, '-o', 'hub', '--layout', 'transformers.js', '--scheme', 'weight-int4'] as const
    await refused(layout('model_q4.onnx'), again)
    expect(await bench.whet(...layout('model.onnx'))).toMatchObject({ code: 0 })
    expect(readFileSync(bench.path('hub', 'onnx', 'model.onnx'))).toEqual(readFileSync(model))
  })
})

describe('models that are odd but valid', () => {
  test('what the runtime refuses as wrong in itself is named, with the way to rewrite it all the same', async () => {
    bench.model(
      'misfit.onnx',
      `g (float[N,3] x) => (float[N,64] y) <float[64,64] w = ${weights(4096)}> { y = MatMul(x, w) }`,
    )
    await refused(simplify('misfit.onnx'), /misfit\.onnx.*MatMul/, /made, and export it again\. .*--no-verify/)
  })

  test('an operator from an unknown domain is listed, kept and left in float; what needs to run it is refused by name', async () => {
    const odd = bench.model(
      'odd.onnx',
      `g (float[N,64] x) => (float[N,64] y) <float[64,64] w = ${weights(4096)}>
       { a = Identity(x)
         b = my.own.Polish <strength = 3> (a)
         y = MatMul(b, w) }`,
    )
    const inspected = await bench.whet('inspect', odd, '--json')
    expect(reportIn(inspected.stdout, 'inspection').operators).toMatchObject({ 'my.own.Polish': 1 })
    await refused(simplify('odd.onnx'), /odd\.onnx.*Polish/, /--no-verify/)
    const rewritten = await bench.whet('simplify', odd, '-o', 'odd-lossless.onnx', '--no-verify', '--json')
    expect(rewritten.code).toBe(0)
    const again = await bench.whet('inspect', 'odd-lossless.onnx', '--json')
    expect(reportIn(again.stdout, 'inspection').operators).toEqual({ 'my.own.Polish': 1, MatMul: 1 })
    const quantized = await bench.whet('quantize', odd, '-o', 'odd-int8.onnx', '--scheme', 'dynamic-int8', '--json')
    expect(quantized.code).toBe(0)
    expect(reportIn(quantized.stdout, 'quantization')).toMatchObject({
      planned: { DynamicQuantizeMatMul: 1 },
      kernels: null,
      kernelsReason: expect.stringMatching(/Polish/),
      sqnrDb: null,
      batchInvariant: null,
      warnings: [expect.stringMatching(/nothing was run or measured.*Polish/)],
    })
    bench.npz('odd.npz', { x: floats(new Float32Array(1024), [16, 64]) })
    await refused(['quantize', 'odd.onnx', '-o', 'out.onnx', '--scheme', 'static-int8', '--data', 'odd.npz'], /Polish/)
  })

  test('a first dimension that was opened by hand, with the old sizes inside', async () => {
    bench.model(
      'opened.onnx',
      `g (float[N,16] x) => (float[1,8] y) <float[1,64] a, float[1,64] r, float[16,64] w = ${weights(1024)}, float[64,8] v = ${weights(512)}>
       { a = MatMul(x, w)  r = Relu(a)  y = MatMul(r, v) }`,
    )
    bench.rows('opened.npz', 32, 16)
    const words = ['quantize', 'opened.onnx', '-o', 'opened-int8.onnx', '--scheme', 'static-int8', '--data']
    const { code, stdout } = await bench.whet(...words, 'opened.npz', '--json')
    expect(code).toBe(0)
    expect(reportIn(stdout, 'quantization').sqnrDb).toBeGreaterThan(25)
  })

  test('a shape that lies in another file', async () => {
    const { graph, ...rest } = parseModel(
      `<ir_version: 10, opset_import: ["" : 21]> g (float[N,64] x) => (float[N,64] y) <float[64,64] w = ${weights(4096)}, int64[2] s = {-1, 64}>
       { a = MatMul(x, w)  y = Reshape(a, s) }`,
    )
    writeFileSync(bench.path('shape.bin'), new Uint8Array(BigInt64Array.of(-1n, 64n).buffer))
    const entries = [['location', 'shape.bin']] as const
    const bytes = { byteLength: 16, read: () => new Uint8Array(16) }
    const initializers = new Map(graph.initializers)
    initializers.set('s', { ...initializers.get('s')!, data: { form: 'external', bytes, entries } })
    writeFileSync(bench.path('shape.onnx'), encodeModel({ ...rest, graph: { ...graph, initializers } }))
    const words = ['quantize', 'shape.onnx', '-o', 'shape4.onnx', '--scheme', 'weight-int4', '--json']
    const { code, stdout } = await bench.whet(...words)
    expect(code).toBe(0)
    expect(reportIn(stdout, 'quantization').kernels).toMatchObject({ MatMulNBits: 1 })
    bench.npz('shape.npz', { x: floats(new Float32Array(256), [4, 64]) })
    await refused(['predict', 'shape.onnx', '--data', 'shape.npz', '-o', 'p.jsonl'], /whet simplify writes it/)
  })

  test('numbers beyond a table, in every verb that runs the rows', async () => {
    bench.model(
      'table.onnx',
      `g (int64[N] x) => (float[N,3] y) <float[5,3] table = ${weights(15)}> { y = Gather(table, x) }`,
    )
    bench.npz('codes.npz', { x: integers(64, (row) => (row === 0 ? -40 : 1)) })
    const named = [/^whet: table\.onnx on codes\.npz, .*\b0\b.*idx=-40 /, /a number beyond its table.*leave them out/]
    await refused(['bench', 'table.onnx', '--duration', '1', '--data', 'codes.npz'], ...named)
    await refused(['compare', 'table.onnx', 'table.onnx', '--data', 'codes.npz'], ...named)
  })

  test('a model that draws random numbers is not taken for a broken rewrite', async () => {
    bench.model(
      'random.onnx',
      'g (float[N,4] x) => (float[N,4] y) { r = RandomNormalLike(x)\n i = Identity(x)\n y = Add(i, r) }',
    )
    await refused(simplify('random.onnx'), /random\.onnx.*from run to run/, /--no-verify/)
  })

  test('a model that the runtime refuses is named by its file', async () => {
    bench.model(
      'unfit.onnx',
      `main (float[N,16] x) => (float[N,3] y) <float[5,3] w = ${weights(15)}> { y = MatMul(x, w) }`,
    )
    bench.rows('unfit.npz', 8, 16)
    const named = [/^whet: unfit\.onnx: .*refused the model/, /export it again/]
    await refused(simplify('unfit.onnx'), ...named)
    await refused(['quantize', 'unfit.onnx', '-o', 'out.onnx', '--scheme', 'dynamic-int8'], ...named)
    await refused(['optimize', 'unfit.onnx', '--data', 'unfit.npz', '-o', 'unfit', '--time', '5s'], ...named)
    await refused(['attack', 'unfit.onnx', '--data', 'unfit.npz', '--range=-9,9'], ...named)
  })

  test.each(['nan', 'inf'])('a weight of %s', async (value) => {
    const numbers = (from: readonly string[]) =>
      `{${[...from, ...Array(64 * 64 - from.length).fill('0.25')].join(',')}}`
    const strange = bench.model(
      `${value}.onnx`,
      `g (float[N,64] x) => (float[N,64] y)
       <float[64,64] w = ${numbers([value, '0.5'])}, float[64,64] v = ${numbers(['-0.5'])}>
       { a = MatMul(x, w)
         b = MatMul(x, v)
         y = Add(a, b) }`,
    )
    const lossless = await bench.whet('simplify', strange, '-o', `${value}-lossless.onnx`, '--json')
    expect(lossless).toMatchObject({ code: 0 })
    const quantized = await bench.whet(
      'quantize',
      strange,
      '-o',
      `${value}-int8.onnx`,
      '--scheme',
      'weight-int8',
      '--json',
    )
    expect(quantized).toMatchObject({ code: 0 })
    const report = reportIn(quantized.stdout, 'quantization')
    expect(report.float.map(({ reason }) => reason).join()).toMatch(/NaN|infinit|finite/i)
  })
})

describe('data that does not fit the model', () => {
  test.each([
    ['wrong-name', { X1: floats(new Float32Array(64), [4, 16]) }, /"?x"?/],
    ['wrong-shape', { x: floats(new Float32Array(32), [4, 8]) }, /8.*16|16.*8/],
    ['no-labels', { x: floats(new Float32Array(64), [4, 16]), labels: integers(3, () => 0) }, /3.*4|4.*3/],
  ])('%s', async (name, arrays, message) => {
    bench.npz(`${name}.npz`, arrays)
    await refused(quantize(`${name}.npz`), message)
  })

  test('a wrong type: floating point never becomes an integer by itself', async () => {
    bench.model('integers.onnx', 'g (int64[N,4] i) => (int64[N,4] y) { y = Add(i, i) }')
    bench.npz('halves.npz', { i: floats(Float32Array.of(0.5, 1, 2, 3), [1, 4]) })
    await refused(['compare', 'integers.onnx', 'integers.onnx', '--data', 'halves.npz'], /int64/, /float32/)
  })

  test('fewer rows than --samples', async () => {
    bench.rows('five.npz', 5, 16)
    await refused(quantize('five.npz', '--samples', '50'), /--samples 50/, /5 rows/, /five\.npz/)
  })

  test('no rows at all, and a dataset.json with an open bracket', async () => {
    bench.npz('none.npz', { x: floats(new Float32Array(0), [0, 16]) })
    await refused(quantize('none.npz'), /none\.npz/, /no rows/)
    mkdirSync(bench.path('open'))
    writeFileSync(bench.path('open', 'dataset.json'), '{"files": ["a.png"')
    await refused(quantize('open'), /dataset\.json/, /JSON/)
  })

  test('an empty folder, and a file of an unknown kind', async () => {
    mkdirSync(bench.path('nothing'))
    await refused(quantize('nothing'), /nothing/)
    writeFileSync(bench.path('rows.xyz'), 'x')
    await refused(quantize('rows.xyz'), /rows\.xyz/, /npz/)
  })

  test('labels out of range', async () => {
    bench.rows('labels.npz', 10, 16, { labels: integers(10, () => 9) })
    await refused(['compare', 'model.onnx', 'model.onnx', '--data', 'labels.npz'], /9/, /label|class/)
    mkdirSync(bench.path('out'))
    const optimize = (...more: readonly string[]) => [
      'optimize',
      'model.onnx',
      '--data',
      'labels.npz',
      '-o',
      'out',
      ...more,
    ]
    await refused(optimize(), /9/, /label|class/)
    for (const row of [0, 4]) {
      const nan = {
        dtype: 'float32',
        dims: [10],
        bytes: new Uint8Array(Float32Array.from({ length: 10 }, (_, i) => (i === row ? Number.NaN : 1)).buffer),
      }
      bench.rows('labels.npz', 10, 16, { labels: nan })
      await refused(
        ['compare', 'model.onnx', 'model.onnx', '--data', 'labels.npz'],
        new RegExp(`row ${row} \\(counted from 0\\) has no label`),
      )
    }
    await refused(optimize('--slice', 'town'), /town/)
  })

  test('an image that cannot be decoded', async () => {
    bench.model(
      'image.onnx',
      'g (float[N,3,8,8] x) => (float[N,3] y) { a = GlobalAveragePool(x)\n s = Constant<value = int64[2] {0, 3}>()\n y = Reshape(a, s) }',
    )
    mkdirSync(bench.path('images', '0'), { recursive: true })
    const good = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#864' } })
      .png()
      .toBuffer()
    for (let i = 0; i < 9; i++) writeFileSync(bench.path('images', '0', `${i}.png`), good)
    writeFileSync(bench.path('images', '0', 'torn.png'), good.subarray(0, 40))
    await refused(['compare', 'image.onnx', 'image.onnx', '--data', 'images'], /torn\.png/)
  })

  test('a name of a metric that nobody knows, and a metric module that is none', async () => {
    const compare = (metric: string) => [
      'compare',
      'model.onnx',
      'model.onnx',
      '--data',
      'five.npz',
      '--metric',
      metric,
    ]
    await refused(compare('topp1'), /topp1/, /top1/)
    await refused(compare('./missing.mjs'), /missing\.mjs/, /not exist|no such|is not there/i)
    writeFileSync(bench.path('metric.mjs'), 'export default { name: 1 }')
    await refused(compare('./metric.mjs'), /metric\.mjs|score/)
  })
})
