import { expect, test } from 'vitest'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { recogniseLrn } from './recognise-lrn.ts'

interface Spelling {
  readonly pool?: string
  readonly volume?: string
  readonly square?: string
  readonly back?: string
  readonly rest?: string
  readonly channels?: number
}

const POOL = 'kernel_shape = [5, 1, 1], pads = [2, 0, 0, 2, 0, 0], count_include_pad = 1'

const spelled = ({
  pool = POOL,
  volume = 'Reshape(s, t)',
  square = 'Mul(x, x)',
  back = 'Squeeze(p, one)',
  rest = '',
  channels = 7,
}: Spelling) => `<ir_version: 8, opset_import: ["" : 20]> g (float[2,${channels},3,4] x) => (float[2,${channels},3,4] y)
  <int64[5] t = {2, 1, ${channels}, 3, -1}, int64[5] wrong = {2, 1, 3, 7, 4}, int64[1] one = {1}, int64[4] flat = {2, 7, 3, 4},
   float two = {2}, float a = {0.5}, float k = {2}, float b = {0.75}>
  { s = ${square} v = ${volume} p = AveragePool<${pool}>(v) m = ${back} n = Mul(m, a) o = Add(n, k) r = Pow(o, b)
    y = Div(x, r) ${rest} }`

test.each<[string, Spelling]>([
  ['as it is exported', {}],
  ['by other movements', { volume: 'Unsqueeze(s, one)', back: 'Reshape(p, flat)', square: 'Pow(x, two)' }],
  ['over three channels', { pool: POOL.replace('5', '3').replaceAll('2', '1') }],
])('a local response normalization is recognised: %s', async (_, spelling) => {
  const { before, after, ops } = await rewriteWith(recogniseLrn, spelled(spelling))
  expect(ops).toEqual(['LRN'])
  await expectEqualModels(before, after, { scale: 3 })
})

test.each<[string, Spelling]>([
  ['an even window', { pool: 'kernel_shape = [4, 1, 1], pads = [2, 0, 0, 1, 0, 0], count_include_pad = 1' }],
  ['what is around does not count', { pool: POOL.replace('count_include_pad = 1', 'count_include_pad = 0') }],
  ['a window beside the middle', { pool: POOL.replace('[2, 0, 0, 2', '[4, 0, 0, 0') }],
  ['another value squared', { square: 'Mul(x, a)' }],
  // One mean for all rows, or for all channels, would be held against each of them.
  ['a window over rows as well', { pool: POOL.replace('5, 1, 1', '5, 3, 1') }],
  ['strides over rows', { pool: `${POOL}, strides = [1, 3, 1]` }],
  [
    'a window with gaps',
    { pool: 'kernel_shape = [3, 1, 1], pads = [1, 0, 0, 1, 0, 0], count_include_pad = 1, dilations = [4, 1, 1]' },
  ],
  ['a sum that is read elsewhere', { rest: 'z = Neg(o)' }],
])('left alone: %s', async (_, spelling) => {
  expect((await rewriteWith(recogniseLrn, spelled(spelling))).report.applied).toBe(0)
})

test('float64 stays', async () => {
  const source = spelled({}).replaceAll('float', 'double')
  expect((await rewriteWith(recogniseLrn, source)).reasons).toEqual(['only float32 is recognised'])
})

test('averages over rows are no such normalization', async () => {
  const { reasons } = await rewriteWith(
    recogniseLrn,
    spelled({ volume: 'Reshape(s, wrong)', back: 'Reshape(p, flat)' }),
  )
  expect(reasons).toEqual(['it is not known to average over channels'])
})
