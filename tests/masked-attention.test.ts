import { expect, test } from 'vitest'
import { memoryDataset } from '../src/data/index.ts'
import type { Model } from '../src/ir/index.ts'
import { quantize } from '../src/recipe/index.ts'
import { decibels, modelWith, randomValue, runOnce } from './quantize-kit.ts'

const [ROWS, PLACES, WIDTH] = [32, 12, 32]

/** One head of attention over rows of 12 places, of which `keep` leaves the first ones; h is what `hide` makes of scores s. */
function attention(hide: string): Model {
  const matrices = Object.fromEntries(['wq', 'wk', 'wv', 'wo'].map((name) => [name, [WIDTH, WIDTH]]))
  return modelWith(
    `g (float[N,${PLACES},${WIDTH}] x, float[N,1,${PLACES}] keep) => (float y)
     <float one = {1}, float far = {-10000}, float lowest = {-3.4e38}, float gain = {2}, float tenth = {0.1}, int64[1] axes = {2}> {
      q = MatMul(x, wq)  k = MatMul(x, wk)  v = MatMul(x, wv)
      t = Transpose <perm: ints = [0, 2, 1]> (k)
      r = MatMul(q, t)  s = Mul(r, gain)
      ${hide}
      p = Softmax <axis: int = -1> (h)  c = MatMul(p, v)  y = MatMul(c, wo)
    }`,
    matrices,
  )
}

const x = randomValue([ROWS, PLACES, WIDTH], 3, 2)
const keep = {
  dtype: 'float32' as const,
  dims: [ROWS, 1, PLACES],
  data: Float32Array.from({ length: ROWS * PLACES }, (_, i) =>
    i % PLACES < 3 + (Math.floor(i / PLACES) % (PLACES - 2)) ? 1 : 0,
  ),
}

async function decibelsOf(hide: string, calibration: 'minmax' | 'mse' = 'minmax'): Promise<number> {
  const model = attention(hide)
  const { model: small } = await quantize(model, {
    scheme: 'static-int8',
    data: await memoryDataset({
      x: { dtype: 'float32', dims: x.dims, data: x.data as Float32Array },
      keep: { dtype: 'float32', dims: keep.dims, data: keep.data },
    }),
    calibration,
    pass: { placement: 'everywhere' },
    // Sums that are exact on every processor: ranges alone shall tell.
    target: 'portable',
    simplify: false,
  })
  const [float, integer] = [await runOnce(model, { x, keep }), await runOnce(small, { x, keep })]
  return decibels(float.y!, integer.y!)
}

// Where −10 000 takes the range, one step is 39 and 2 dB are left.
test.each([
  ['a sum with a mask', 'i = Sub(one, keep)  m = Mul(i, far)  h = Add(s, m)'],
  [
    'a sum with a mask that is moved before',
    'i = Sub(one, keep)  n = Mul(i, far)  o = Transpose(n)  m = Transpose(o)  h = Add(m, s)',
  ],
  ['a sum with two masks', 'i = Sub(one, keep)  m = Mul(i, far)  j = Add(s, m)  h = Add(j, m)'],
  [
    'a sum with a mask that was added to what is known of places',
    'i = Sub(one, keep)  m = Mul(i, lowest)  a = ReduceSum(keep, axes)  b = Mul(a, tenth)  n = Add(b, m)  h = Add(s, n)',
  ],
  [
    'a mask behind a choice of what has no integer kernel',
    'b = Cast <to: int = 9> (keep)  d = Div(s, one)  e = Where(b, d, lowest)  i = Sub(one, keep)  m = Mul(i, far)  h = Add(e, m)',
  ],
  ['a choice', 'b = Cast <to: int = 9> (keep)  h = Where(b, s, far)'],
])('what %s hides takes nothing of the range of what it leaves', async (_, hide) => {
  const hidden = [await decibelsOf(hide), await decibelsOf(hide, 'mse')]
  expect(Math.min(...hidden)).toBeGreaterThan(25)
})
