import { expect, test } from 'vitest'
import { modelWith } from '../../../tests/quantize-kit.ts'
import { expectEqualModels, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { fuseSpaceToDepth } from './fuse-space-to-depth.ts'

const CONSTANTS = `int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] three = {3},
  int64[1] all = {9223372036854775807}, int64[2] both = {2, 3}, int64[2] twos = {2, 2}, int64[2] corner = {1, 1},
  int64[2] ends = {100, 100}, int64[2] start = {0, 0}`

const focus = (conv: string, input = 'float[N,3,8,6] x', more = '') =>
  modelWith(
    `g (${input}) => (float y) <${CONSTANTS}> {
      a0 = Slice(x, zero, all, two, two)   a = Slice(a0, zero, all, three, two)
      b0 = Slice(x, one, all, two, two)    b = Slice(b0, zero, all, three, two)
      c0 = Slice(x, zero, all, two, two)   c = Slice(c0, one, all, three, two)
      d = Slice(x, corner, ends, both, twos)
      p = Concat<axis = 1>(a, b, c, d)
      ${conv} ${more} }`,
    { w: [5, 12, 3, 3], bias: [5] },
  )

test('slices of every second pixel become a strided convolution', async () => {
  const { before, after, report, ops } = await rewriteWith(
    fuseSpaceToDepth,
    focus('y = Conv<pads = [1, 1, 1, 0]>(p, w, bias)'),
  )
  expect(report.applied).toBe(1)
  expect(ops.filter((op) => op === 'Conv' || op === 'Concat')).toEqual(['Conv'])
  await expectEqualModels(before, after)
})

interface Slices {
  readonly input?: string
  readonly rows?: string
  readonly columns?: string
  readonly last?: string
  readonly more?: string
  readonly parts?: string
}

/** Four parts, the last one by a Slice of both axes; each Slice is written with the axes and steps given. */
const sliced = ({
  input = 'float[1,3,8,6] x',
  rows = 'all, two, two',
  columns = 'all, three, two',
  last = 'Slice(x, corner, ends, both, twos)',
  more = '',
  parts = 'a, b, c, d',
}: Slices) =>
  modelWith(
    `g (${input}) => (float y) <${CONSTANTS}, int64[1] six = {6}, int64[1] eight = {8}, int64[1] threes = {3},
      int64[1] rows = {-2}, int64[1] columns = {-1}, int64[2] short = {6, 6}, int64[2] stride = {3, 3},
      int64[2] exact = {8, 6}> { ${more}
      a0 = Slice(x, zero, ${rows})  a = Slice(a0, zero, ${columns})
      b0 = Slice(x, one, ${rows})   b = Slice(b0, zero, ${columns})
      c0 = Slice(x, zero, ${rows})  c = Slice(c0, one, ${columns})
      d = ${last}
      p = Concat<axis = 1>(${parts})
      y = Conv(p, w, bias) }`,
    { w: [5, 12, 1, 1], bias: [5] },
  )

test.each<[string, Slices]>([
  ['axes from behind', { rows: 'all, rows, two', columns: 'all, columns, two' }],
  ['ends that are the sizes', { rows: 'eight, two, two', last: 'Slice(x, corner, exact, both, twos)' }],
])('%s: the same', async (_, slices) => {
  const { before, after, ops } = await rewriteWith(fuseSpaceToDepth, sliced(slices))
  expect(ops.filter((op) => op !== 'Slice')).toEqual(['Conv'])
  await expectEqualModels(before, after)
})

// Each is a valid model, and a convolution of x with spread weights would be another one.
test.each<[string, Slices, RegExp?]>([
  ['a part of another value', { more: 'z = Neg(x)', last: 'Slice(z, corner, ends, both, twos)' }],
  ['an end before the last rows', { rows: 'six, two, two', last: 'Slice(x, corner, short, both, twos)' }],
  [
    'every third pixel',
    {
      input: 'float[1,3,6,6] x',
      rows: 'all, two, threes',
      columns: 'all, three, threes',
      last: 'Slice(x, corner, ends, both, stride)',
    },
  ],
  [
    'starts behind the second row',
    { more: 'r = Slice(x, two, all, two, two) s = Slice(r, zero, all, three, two)', parts: 's, s, s, s' },
  ],
  ['rows alone', { parts: 'a0, b0, a0, b0' }],
  [
    'rows taken twice',
    {
      more: 'q = Slice(x, zero, all, three, two) r = Slice(q, zero, all, two, two) s = Slice(r, zero, all, two, two)',
      parts: 's, s, s, s',
    },
  ],
  ['channels that are not known', { input: 'float[1,C,8,6] x' }, /channels/],
  [
    'starts that are computed',
    { more: 's = Cast<to = 7>(t)', last: 'Slice(x, s, ends, both, twos)', input: 'float[1,3,8,6] x, float[2] t' },
  ],
])('%s: left alone', async (_, slices, reason) => {
  const { report, reasons } = await rewriteWith(fuseSpaceToDepth, sliced(slices))
  expect(report.applied).toBe(0)
  if (reason) expect(reasons.join()).toMatch(reason)
})

test.each([
  ['strides', 'y = Conv<strides = [2, 2]>(p, w, bias)', undefined, '', /strides/],
  ['sizes that are not known', 'y = Conv(p, w, bias)', 'float[N,3,H,W] x', '', null],
  ['an odd height', 'y = Conv(p, w, bias)', 'float[N,3,7,6] x', '', null],
  [
    'another reader',
    's = Conv(p, w, bias) t = ReduceSum<keepdims = 1>(p) y = Add(s, t)',
    undefined,
    '',
    /read elsewhere/,
  ],
] as const)('%s: left alone', async (_, conv, input, more, reason) => {
  const { report, reasons } = await rewriteWith(fuseSpaceToDepth, focus(conv, input, more))
  expect(report.applied).toBe(0)
  if (reason) expect(reasons.join()).toMatch(reason)
})
