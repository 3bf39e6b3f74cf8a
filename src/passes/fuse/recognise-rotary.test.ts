import { expect, test } from 'vitest'
import { decibels, randomValue, runOnce } from '../../../tests/quantize-kit.ts'
import { opsOf, randomList, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { parseModel } from '../../ir/index.ts'
import { recogniseRotary } from './recognise-rotary.ts'

const CONSTANTS = `int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] three = {3}, int64[1] four = {4},
  int64[1] last = {-1}, int64[1] behind = {-2}, int64[1] end = {9223372036854775807}, int64 first = {0}, int64 second = {1},
  float[1,2,1] rates = {1, 0.1}, float[8,2] table = ${randomList(16, 1)}, float[8,4] wide = ${randomList(32, 2)},
  float scale = {0.7}, float[8,4] doubled = {1,2,1,2, 3,4,3,4, 5,6,5,6, 7,8,7,8, 9,1,9,1, 2,3,2,3, 4,5,4,5, 6,7,6,7}`

interface Spelling {
  readonly x?: string
  readonly positions?: string
  readonly body: string
  readonly opset?: number
}

const model = ({ x = 'float[N,3,S,4]', positions = 'int64[N,S]', body, opset = 21 }: Spelling) =>
  parseModel(`<ir_version: 8, opset_import: ["" : ${opset}]> g (${x} x, ${positions} p) => (float y)
    <${CONSTANTS}> { ${body} }`)

/** Angles that are computed of positions, as an exporter of a decoder writes them: [row, 1, place, size]. */
const computed = (twice = 'turned, turned') => `u = Unsqueeze(p, one) f = Cast<to = 1>(u) m = MatMul(rates, f)
  turned = Transpose<perm = [0, 2, 1]>(m) e = Concat<axis = -1>(${twice}) co = Cos(e) si = Sin(e)
  cs = Mul(co, scale) cos = Unsqueeze(cs, one) sin = Unsqueeze(si, one)`
const halves = (low = 'Slice(x, zero, two, three)', high = 'Slice(x, two, end, three, one)') =>
  `a = ${low} b = ${high} n = Neg(b) r = Concat<axis = 3>(n, a)`
const sum = 'xc = Mul(x, cos) rs = Mul(sin, r) y = Add(xc, rs)'
/** Rows of a table that are looked up by position. */
const rows = (axis: string, table = 'table') => `c = Gather(${table}, q) s = Gather(${table}, q)
  cos = Unsqueeze(c, ${axis}) sin = Unsqueeze(s, ${axis})`
const looked = 'g = Abs(p) q = Clip(g, first, second)'
const pairs = `ac = Mul(a, cos) bs = Mul(b, sin) re = Sub(ac, bs) as = Mul(a, sin) bc = Mul(b, cos)`

const SPELLINGS: readonly (readonly [string, Spelling])[] = [
  ['halves, angles computed', { body: `${computed()} ${halves()} ${sum}` }],
  ['one row of places for all', { positions: 'int64[1,S]', body: `${computed()} ${halves()} ${sum}` }],
  [
    'halves of a Split',
    { body: `${computed()} a, b = Split<axis = -1, num_outputs = 2>(x) n = Neg(b) r = Concat<axis = -1>(n, a) ${sum}` },
  ],
  ['a table whose halves are the same', { body: `${looked} ${rows('one', 'doubled')} ${halves()} ${sum}` }],
  ['places before heads', { x: 'float[N,S,3,4]', body: `${looked} ${rows('two', 'doubled')} ${halves()} ${sum}` }],
  [
    'a bound from behind',
    { body: `${computed()} ${halves('Slice(x, zero, two, last)', 'Slice(x, behind, end, last)')} ${sum}` },
  ],
  [
    'pairs of neighbours',
    {
      x: 'float[N,S,3,2,2]',
      body: `${looked} ${rows('two')} a2, b2 = Split<axis = 4, num_outputs = 2>(x) a = Squeeze(a2, four) b = Squeeze(b2, last)
        ${pairs} im = Add(as, bc) u = Unsqueeze(re, four) v = Unsqueeze(im, last) y = Concat<axis = 4>(u, v)`,
    },
  ],
  [
    'pairs of neighbours, heads before places',
    {
      x: 'float[N,3,S,2,2]',
      body: `${looked} ${rows('one')} a = Gather<axis = 4>(x, first) b = Gather<axis = -1>(x, second)
        ${pairs} im = Add(bc, as) u = Unsqueeze(re, four) v = Unsqueeze(im, four) y = Concat<axis = -1>(u, v)`,
    },
  ],
  [
    'halves that are turned one by one',
    {
      body: `${looked} ${rows('one')} a = Slice(x, zero, two, three) b = Slice(x, two, four, three)
        ${pairs} im = Add(as, bc) y = Concat<axis = 3>(re, im)`,
    },
  ],
]

test.each(SPELLINGS)('%s', async (_, spelling) => {
  const { after, report } = await rewriteEqually(recogniseRotary, model(spelling), { sizes: { N: 2, S: 5 } })
  expect(report.applied).toBe(1)
  expect(opsOf(after)).toContain('com.microsoft.RotaryEmbedding')
  for (const gone of ['Neg', 'Sub', 'Add', 'Split', 'Squeeze']) expect(opsOf(after)).not.toContain(gone)
})

test('one row of positions serves many rows of x, whatever names the sizes have', async () => {
  for (const [x, body] of [
    ['float[N,3,S,4]', `${computed()} ${halves()} ${sum}`],
    ['float[N,S,3,4]', `${looked} ${rows('two', 'doubled')} ${halves()} ${sum}`],
  ] as const) {
    const before = model({ x, body })
    const { model: after, report } = await recogniseRotary.run(before, {}, [])
    expect(report.applied).toBe(1)
    const dims = x.includes('N,3') ? [3, 3, 5, 4] : [3, 5, 3, 4]
    const p = { dtype: 'int64', dims: [1, 5], data: BigInt64Array.from([3n, 0n, 1n, 1n, 2n]) } as const
    const feeds = { x: randomValue(dims, 5), p }
    const [one, other] = [await runOnce(before, feeds), await runOnce(after, feeds)]
    expect(decibels(one.y!, other.y!)).toBeGreaterThan(100)
  }
})

test('queries and keys of all layers read the same rows and places', async () => {
  const turn = (x: string, y: string) =>
    `${halves().replaceAll('(x,', `(${x},`)} ${sum.replace('Mul(x', `Mul(${x}`).replace('y =', `${y} =`)}`.replaceAll(
      /\b(a|b|n|r|xc|rs)\b/g,
      `${y}$1`,
    )
  const two = model({ body: `${computed()} k = Neg(x) ${turn('x', 'q')} ${turn('k', 'l')} y = Mul(q, l)` })
  const { after, report } = await rewriteEqually(recogniseRotary, two, { sizes: { N: 2, S: 5 } })
  expect(report.applied).toBe(2)
  const count = (operator: string) => opsOf(after).filter((name) => name === operator).length
  expect(count('com.microsoft.RotaryEmbedding')).toBe(2)
  expect([count('Range'), count('Expand'), count('Slice'), count('Reshape')]).toEqual([1, 1, 2, 3])
})

const FACTORS = /not known to be one row a place/
const HALVES = /not known to be the same/
test.each<readonly [string, Spelling, RegExp | null]>([
  [
    'halves that differ',
    { body: `${computed('turned, m2').replace('e =', 'm2 = Neg(turned) e =')} ${halves()} ${sum}` },
    HALVES,
  ],
  ['a table whose halves differ', { body: `${looked} ${rows('one', 'wide')} ${halves()} ${sum}` }, HALVES],
  ['places that may not be as many', { positions: 'int64[N,T]', body: `${computed()} ${halves()} ${sum}` }, FACTORS],
  ['rows that may not be as many', { positions: 'int64[M,S]', body: `${computed()} ${halves()} ${sum}` }, FACTORS],
  [
    'an inner value that is read elsewhere',
    { body: `${computed()} ${halves()} ${sum.replace('y =', 'z =')} y = Add(z, r)` },
    /also read by/,
  ],
  [
    'halves the other way round',
    { body: `${computed()} ${halves('Slice(x, two, four, three)', 'Slice(x, zero, two, three)')} ${sum}` },
    null,
  ],
  [
    'every other number',
    { body: `${computed()} ${halves('Slice(x, zero, end, three, two)', 'Slice(x, one, end, three, two)')} ${sum}` },
    null,
  ],
  [
    'parts of another length',
    {
      x: 'float[N,3,S,6]',
      body: `${looked} ${rows('one', 'wide')} ${halves('Slice(x, zero, two, three)', 'Slice(x, two, four, three)')} xs = Slice(x, zero, four, three) ${sum.replace('Mul(x', 'Mul(xs')}`,
    },
    null,
  ],
  [
    'another axis',
    {
      x: 'float[N,3,4,4]',
      positions: 'int64[N,4]',
      body: `${computed()} ${halves('Slice(x, zero, two, two)', 'Slice(x, two, end, two)').replace('axis = 3', 'axis = 2')} ${sum}`,
    },
    null,
  ],
  [
    'a turn the other way',
    {
      body: `${computed()} a = Slice(x, zero, two, three) b = Slice(x, two, end, three) n = Neg(a) r = Concat<axis = 3>(b, n) ${sum}`,
    },
    null,
  ],
  [
    'float64',
    {
      x: 'double[N,3,S,4]',
      body: `${computed().replace('cos = Unsqueeze(cs, one) sin = Unsqueeze(si, one)', 'cd = Cast<to = 11>(cs) sd = Cast<to = 11>(si) cos = Unsqueeze(cd, one) sin = Unsqueeze(sd, one)')} ${halves()} ${sum}`,
    },
    /only float32/,
  ],
  [
    'a first half of every other number',
    { body: `${computed()} ${halves('Slice(x, zero, end, three, two)')} ${sum}` },
    null,
  ],
  [
    'a Split the other way round',
    { body: `${computed()} b, a = Split<axis = 3, num_outputs = 2>(x) n = Neg(b) r = Concat<axis = 3>(n, a) ${sum}` },
    null,
  ],
  [
    'neighbours the other way round',
    {
      x: 'float[N,3,S,2,2]',
      body: `${looked} ${rows('one')} a = Gather<axis = 4>(x, second) b = Gather<axis = 4>(x, first) ${pairs} im = Add(bc, as) u = Unsqueeze(re, four) v = Unsqueeze(im, four) y = Concat<axis = 4>(u, v)`,
    },
    null,
  ],
  [
    'quarters',
    {
      x: 'float[N,3,S,8]',
      body: `${looked} ${rows('one')} a = Slice(x, zero, two, three) b = Slice(x, two, four, three) ${pairs} im = Add(as, bc) y = Concat<axis = 3>(re, im)`,
    },
    null,
  ],
])('%s: left alone', async (_, spelling, reason) => {
  const { report, reasons } = await rewriteWith(recogniseRotary, model(spelling))
  expect(report.applied).toBe(0)
  if (reason) expect(reasons.join()).toMatch(reason)
  else expect(reasons).toEqual([])
})
