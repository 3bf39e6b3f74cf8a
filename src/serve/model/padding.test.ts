import { afterEach, expect, test } from 'vitest'
import { ask, modelFolder, serve, withPlan } from '../../../tests/serve-kit.ts'
import { rehearseOn } from '../../cli/rehearse.ts'
import type { Server } from '../index.ts'
import { type PaddingRule, padInputs } from './padding.ts'
import { readPaddingRules } from './padding-rules.ts'

let server: Server | null = null
afterEach(async () => {
  await server?.close()
  server = null
})

const RULE: PaddingRule = {
  inputs: { x: { axis: 1, value: 7 } },
  to: 4,
  outputs: { y: { axis: 1, per: 2 } },
}
const tensor = (name: string, dims: readonly number[], values: readonly number[]) => ({
  name,
  dtype: 'float32' as const,
  dims,
  pieces: [new Uint8Array(Float32Array.from(values).buffer)],
})
const numbers = (piece: Uint8Array | undefined) => [...new Float32Array(new Uint8Array(piece!).buffer)]

test('inputs are lengthened block by block with the value, outputs cut back in proportion', () => {
  const padded = padInputs(RULE, [tensor('x', [2, 3, 1], [1, 2, 3, 4, 5, 6]), tensor('k', [1], [9])])!
  expect(padded.inputs[0]!.dims).toEqual([2, 4, 1])
  expect(numbers(padded.inputs[0]!.pieces[0])).toEqual([1, 2, 3, 7, 4, 5, 6, 7])
  expect(padded.inputs[1]!.dims).toEqual([1])
  const [y, z] = padded.cut([tensor('y', [2, 4], [1, 2, 3, 4, 5, 6, 7, 8]), tensor('z', [2, 4], Array(8).fill(0))])
  expect([y!.dims, numbers(y!.pieces[0])]).toEqual([
    [2, 2],
    [1, 2, 5, 6],
  ])
  expect(z!.dims).toEqual([2, 4])
})

test('what has a length of the rule, is too long for its list, or disagrees with itself stays as it is', () => {
  const of = (length: number) => tensor('x', [1, length], Array(length).fill(1))
  expect(padInputs(RULE, [of(4)])).toBeNull()
  const listed = { ...RULE, to: [6, 3] }
  expect([2, 3, 5, 6, 7].map((length) => padInputs(listed, [of(length)])?.inputs[0]?.dims[1] ?? null)).toEqual([
    3,
    null,
    6,
    null,
    null,
  ])
  const two = { ...RULE, inputs: { ...RULE.inputs, m: { axis: 1, value: 0 } } }
  expect(padInputs(two, [of(3), tensor('m', [1, 2], [1, 1])])).toBeNull()
  expect(padInputs(two, [of(3), tensor('m', [1, 3], [1, 1, 1])])!.inputs.map(({ dims }) => dims[1])).toEqual([4, 4])
})

test.each([
  ['[', 'is not JSON'],
  ['[]', 'the file must be an object'],
  ['{"m":{"inputs":{},"to":4}}', 'm.inputs names no input'],
  ['{"m":{"inputs":{"x":{"axis":0}},"to":4}}', 'm.inputs.x.axis must be a whole number from 1'],
  ['{"m":{"inputs":{"x":{"axis":1}},"to":[4,0]}}', 'm.to must be a whole number from 1'],
  ['{"m":{"inputs":{"x":{"axis":1,"with":0}},"to":4}}', "m.inputs.x has 'with', which means nothing"],
  ['{"m":{"inputs":{"x":{"axis":1,"value":"0"}},"to":4}}', 'm.inputs.x.value must be a number'],
])('a file of rules that is none is refused: %s', (text, words) => {
  expect(() => readPaddingRules(text, 'rules.json')).toThrow(words)
})

/** Each number for itself: what stands behind it changes nothing. */
const SEPARATE = 'g (float[N,L] x) => (float[N,L] y) { y = Mul(x, x) }'
/** The mean of a row: padding moves it. */
const MEAN = `g (float[N,L] x) => (float[N,1] y) <int64[1] a = {1}> { y = ReduceMean(x, a) }`
const RULES = readPaddingRules(
  JSON.stringify({
    separate: { inputs: { x: { axis: 1 } }, to: 8, outputs: { y: { axis: 1 } } },
    mean: { inputs: { x: { axis: 1 } }, to: 8 },
    absent: { inputs: { ids: { axis: 1 } }, to: 8 },
  }),
  'rules.json',
)
const body = (length: number, from: number) => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, length], data: Array.from({ length }, (_, i) => from + i) }],
})
const infer = (model: string, sent: object) => ask(server!.http, 'POST', `/v2/models/${model}/infer`, sent)
const start = (length: number) =>
  serve(modelFolder({ 'separate.onnx': SEPARATE, 'mean.onnx': MEAN, 'absent.onnx': SEPARATE }), {
    settings: { ...withPlan({ maxBatch: 8 }, { maxDelayMs: 200 }), padding: RULES },
    rehearse: rehearseOn(undefined, { x: [1, length] }),
  })

test('requests of different lengths share a run where padding was shown to change nothing, and only there', async () => {
  server = await start(5)
  const said = async (model: string) =>
    (await ask(server!.http, 'GET', `/v2/models/${model}/config`)).json.parameters.padding.string_value
  expect(await said('separate')).toMatch(/^x padded to a multiple of 8; the answers were compared/)
  expect(await said('mean')).toMatch(/^requests are not padded: y: a row’s answer moved by/)
  expect(await said('absent')).toBe("requests are not padded: the model has no input 'ids'")
  const { statistics } = server.core.registry.version('separate', '')
  const before = statistics.executions
  const lengths = [3, 5, 8, 7, 1, 6]
  const answers = await Promise.all(lengths.map((length, i) => infer('separate', body(length, i))))
  for (const [i, { json }] of answers.entries()) {
    expect(json.outputs[0].shape).toEqual([1, lengths[i]])
    expect(json.outputs[0].data).toEqual(body(lengths[i]!, i).inputs[0]!.data.map((x) => x * x))
  }
  expect(statistics.executions - before).toBeLessThan(lengths.length)
  expect((await infer('mean', body(3, 1))).json.outputs[0].data).toEqual([2])
}, 120_000)

test('rows that have a length of the rule already show nothing', async () => {
  server = await start(8)
  expect(server.core.registry.version('separate', '').batching.padding).toMatch(
    /^requests are not padded: no sample row was shorter/,
  )
}, 120_000)
