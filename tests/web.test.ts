import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { dtypeOf, writeTransformersLayout } from '../src/cli/transformers-layout.ts'
import { memoryDataset } from '../src/data/index.ts'
import { findChromium } from '../src/engine/ort-node-chromium.ts'
import { encodeModel, writeModel } from '../src/onnx/index.ts'
import { passes } from '../src/passes/index.ts'
import { bench as measure, noCache, quantize, Workbench } from '../src/recipe/index.ts'
import { Bench } from './command.ts'
import { modelWith, numbers } from './quantize-kit.ts'

const bench = new Bench()
afterAll(() => bench.remove())
const model = modelWith('g (float[N,64] x) => (float[N,10] y) { a = MatMul(x, w1)  b = Relu(a)  y = MatMul(b, w2) }', {
  w1: [64, 256],
  w2: [256, 10],
})
const path = bench.path('model.onnx')
writeFileSync(path, encodeModel(model))
/** Each session starts WebAssembly in a process of its own, which takes a while on a busy machine. */
const LONG = 240_000
const WEB = /^onnxruntime-web \d/

test(
  'target web: what is quantized is timed against float in the runtime of browsers',
  async () => {
    const { report } = await quantize(model, { scheme: 'dynamic-int8', target: 'web' })
    expect(report.kernels).toBeNull()
    expect(report.kernelsReason).toContain('onnxruntime-web')
    const { runtime, threads, ratio, p50Ms, floatP50Ms } = report.timing!
    expect(runtime).toMatch(WEB)
    expect(threads).toBe(1)
    expect(Math.min(p50Ms, floatP50Ms, ratio.median)).toBeGreaterThan(0)
    expect(report.warnings.some((text) => text.startsWith('slower than float'))).toBe(ratio.ci[0] > 1)
  },
  LONG,
)

test(
  'target web: a search times and judges there, and measures no kernels elsewhere',
  async () => {
    const next = numbers(3)
    const data = await memoryDataset({
      x: { dtype: 'float32', dims: [40, 64], data: Float32Array.from({ length: 2560 }, next) },
    })
    const work = await Workbench.open(model, data, {
      ...{ target: 'web', margin: 0.01, alpha: 0.05, seed: 0, threads: 1, cache: noCache },
    })
    try {
      expect(work.runtime).toMatch(WEB)
      const built = await work.build({ id: 'dynamic-int8', words: '', scheme: 'dynamic-int8' })
      expect((await work.time([built], 0.01, 'choose')).runtime).toMatch(WEB)
      expect((await work.judge(built, 'select', 4)).n).toBe(4)
      expect(await work.profile(built)).toBeNull()
    } finally {
      await work.close()
    }
  },
  LONG,
)

test('a browser is refused for another target', async () => {
  await expect(measure([{ label: 'm', model: path }], { browser: 'auto' })).rejects.toMatchObject({
    code: 'bad-argument',
    where: '--browser',
  })
})

test.skipIf(findChromium('auto') === null)(
  'in a browser no core is named, since it puts its tabs where it likes',
  async () => {
    const asked = { target: 'web', browser: 'auto', maxSeconds: 0.3 } as const
    const report = await measure([{ label: 'm', model: path }], asked)
    expect(report.cores).toBeNull()
    expect(report.warnings).toContainEqual(expect.stringMatching(/not bound to cores: a browser/))
  },
  LONG,
)

test('the names of transformers.js follow the recipe, on top of what the model came as', () => {
  const stepsOf = (passes: readonly (readonly [string, object?])[]) => ({
    steps: passes.map(([pass, options = {}]) => ({ pass, options, evidence: [], input: '', output: '' })),
  })
  const made = (...passes: readonly (readonly [string, object?])[]) => dtypeOf(stepsOf(passes), model)
  expect(made(['foldConstants'])).toBe('fp32')
  expect(made(['quantizeStaticInt8'])).toBe('q8')
  expect(made(['quantizeDynamicInt8'])).toBe('q8')
  expect(made(['quantizeWeights', { bits: 4 }])).toBe('q4')
  expect(made(['quantizeWeights', { bits: 8 }])).toBe('int8')
  expect(made(['convertFloat16'])).toBe('fp16')
  expect(made(['quantizeWeights', { bits: 4 }], ['convertFloat16'])).toBe('q4f16')
  expect(made(['quantizeStaticInt8'], ['convertFloat16'])).toBe('q8')
})

test('the layout of transformers.js: half precision made of 4 bits is q4f16', async () => {
  const half = (await passes.convertFloat16!.run(model, {} as never, [])).model
  expect(dtypeOf({ steps: [] }, half)).toBe('fp16')
  const fewBits = await quantize(model, { scheme: 'weight-int4' })
  expect(dtypeOf({ steps: [] }, fewBits.model)).toBe('q4')
  writeFileSync(bench.path('once.onnx'), encodeModel(fewBits.model))
  const words = ['quantize', 'once.onnx', '--scheme', 'float16', '-o', 'half', '--layout', 'transformers.js']
  expect(await bench.whet(...words)).toMatchObject({ code: 0 })
  expect(readdirSync(bench.path('half', 'onnx')).sort()).toEqual(['model_q4.onnx', 'model_q4f16.onnx'])
  const eight = (await quantize(model, { scheme: 'dynamic-int8' })).model
  expect(dtypeOf({ steps: [] }, eight)).toBe('q8')
})

test('the layout of transformers.js: parts of a model keep their names', async () => {
  for (const name of ['encoder_model', 'decoder_model_merged_fp16']) {
    writeFileSync(bench.path(`${name}.onnx`), encodeModel(model))
    const words = ['quantize', `${name}.onnx`, '--scheme', 'weight-int8', '-o', 'parts', '--layout', 'transformers.js']
    expect(await bench.whet(...words)).toMatchObject({ code: 0 })
  }
  expect(readdirSync(bench.path('parts', 'onnx')).sort()).toEqual([
    'decoder_model_merged.onnx',
    'decoder_model_merged_int8.onnx',
    'encoder_model.onnx',
    'encoder_model_int8.onnx',
  ])
})

test('the layout of transformers.js: config.json tells which files have their weights in others', async () => {
  mkdirSync(bench.path('source', 'onnx'), { recursive: true })
  const source = bench.path('source', 'onnx', 'model.onnx')
  await writeModel(model, source, { externalData: true, dataPath: `${source}_data` })
  const said = (folder: string) => JSON.parse(readFileSync(bench.path(folder, 'config.json'), 'utf8'))
  const config = { model_type: 'test', 'transformers.js_config': { use_external_data_format: true, dtype: 'q4' } }
  writeFileSync(bench.path('source', 'config.json'), JSON.stringify(config))
  const words = ['quantize', source, '--scheme', 'weight-int4', '--layout', 'transformers.js', '-o']
  expect(await bench.whet(...words, 'copied')).toMatchObject({ code: 0 })
  expect(said('copied')).toEqual({ model_type: 'test', 'transformers.js_config': { dtype: 'q4' } })
  expect(await bench.whet(...words, 'source')).toMatchObject({ code: 0 })
  expect(said('source')['transformers.js_config']).toEqual({
    use_external_data_format: { 'model.onnx': 1 },
    dtype: 'q4',
  })
  await writeTransformersLayout(bench.path('large'), path, new Map([['fp32', model]]), { externalData: true })
  expect(readdirSync(bench.path('large', 'onnx')).sort()).toEqual(['model.onnx', 'model.onnx_data'])
  expect(said('large')['transformers.js_config']).toEqual({ use_external_data_format: { 'model.onnx': 1 } })
})

test.each(['{ "model_type": ', '["model_type"]'])(
  'the layout of transformers.js: a config.json of %s is not replaced, and refused before any work',
  async (written) => {
    const source = bench.path('unread', 'onnx', 'model.onnx')
    mkdirSync(bench.path('unread', 'onnx'), { recursive: true })
    await writeModel(model, source, { externalData: true, dataPath: `${source}_data` })
    const config = bench.path('unread', 'config.json')
    writeFileSync(config, written)
    const words = [source, '--layout', 'transformers.js', '-o']
    const quantized = await bench.whet('quantize', ...words, 'unread', '--scheme', 'weight-int4')
    const optimized = await bench.whet('optimize', ...words, 'elsewhere', '--data', 'none.npz')
    for (const { code, stderr } of [quantized, optimized]) {
      expect(code).toBe(2)
      expect(stderr).toContain(config)
    }
    expect(readFileSync(config, 'utf8')).toBe(written)
    expect(readdirSync(bench.path('unread', 'onnx')).sort()).toEqual(['model.onnx', 'model.onnx_data'])
    expect(existsSync(bench.path('elsewhere'))).toBe(false)
  },
)

test('the layout of transformers.js: file names by dtype, the configuration beside them', async () => {
  writeFileSync(bench.path('config.json'), '{"model_type":"test"}')
  const words = ['quantize', path, '--scheme', 'weight-int4', '-o', 'hub', '--layout']
  expect(await bench.whet(...words, 'transformers.js')).toMatchObject({ code: 0 })
  for (const name of ['config.json', 'onnx/model.onnx', 'onnx/model_q4.onnx'])
    expect([name, existsSync(bench.path('hub', name))]).toEqual([name, true])
  expect(existsSync(bench.path('hub', 'onnx/model_quantized.onnx'))).toBe(false)
  expect(readFileSync(bench.path('hub', 'onnx/model.onnx'))).toEqual(readFileSync(path))
  const other = await bench.whet(...words, 'diffusers')
  expect(other.code).not.toBe(0)
  expect(other.stderr).toContain('transformers.js')
})
