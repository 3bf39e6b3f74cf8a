import { expect, test } from 'vitest'
import { opsOf, rewriteEqually, rewriteWith } from '../../../tests/rewrite-kit.ts'
import { parseModel } from '../../ir/index.ts'
import { joinScattered } from './join-scattered.ts'

/** Indices of a block: all of the first axes, `from` to `to` of the last one that is named; as the text notation has them. */
function block(sizes: readonly number[], from: number, to: number): string {
  const counts = [...sizes.slice(0, -1), to - from]
  const tuples = counts.reduce<number[][]>(
    (all, count) => all.flatMap((tuple) => Array.from({ length: count }, (_, i) => [...tuple, i])),
    [[]],
  )
  const places = tuples.map((tuple) => tuple.with(-1, tuple.at(-1)! + from))
  return `int64[${[...counts, counts.length]}] i${from} = {${places.flat()}}`
}

const model = (inputs: string, constants: string, body: string, outputs = 'float y', opset = 18) =>
  parseModel(`<ir_version: 8, opset_import: ["" : ${opset}]> g (${inputs}) => (${outputs}) <${constants}> { ${body} }`)

const cache = 'float[1,16,8,33] x'
const written = (body: string, more = '', outputs = 'float y') =>
  model(
    `${cache}, float[1,16,2,33] u, float[1,16,6,33] v`,
    `${block([1, 16, 8], 0, 2)}, ${block([1, 16, 8], 2, 8)}${more}`,
    body,
    outputs,
  )

test('blocks that are written until all is are joined, and nothing is copied but they', async () => {
  const { after } = await rewriteEqually(
    joinScattered,
    written('a = ScatterND(x, i0, u) b = ScatterND(a, i2, v) y = Neg(b)'),
  )
  expect(opsOf(after)).toEqual(['Concat', 'Neg'])
  expect(after.graph.nodes[0]!.inputs).toEqual(['u', 'v'])
})

test('what is written over all of a value is it', async () => {
  const whole = model(`${cache}, float[1,16,8,33] u`, block([1, 16, 8], 0, 8), 'a = ScatterND(x, i0, u) y = Neg(a)')
  expect(opsOf((await rewriteEqually(joinScattered, whole)).after)).toEqual(['Identity', 'Neg'])
})

test('along the first axis one place after the other is joined, and read from where it comes', async () => {
  const source = model(
    'float[3,4] x, float[1,4] u, float[1,4] v, float[1,4] w',
    'int64[1,1] i = {0}, int64[1,1] j = {1}, int64[1,1] k = {-1}, int64 zero = {0}, int64 one = {1}, int64[1] last = {-1}',
    `a = ScatterND(x, i, u) b = ScatterND(a, j, v) c = ScatterND(b, k, w)
     d = Gather(a, one) e = Gather(c, last) f = Gather(b, one) g = Gather<axis = -2>(c, zero) y = Sum(c, d, e, f, g)`,
  )
  const { after } = await rewriteEqually(joinScattered, source)
  expect(opsOf(after)).toEqual(['Concat', 'Gather', 'Gather', 'Gather', 'Gather', 'Sum'])
  expect(after.graph.nodes.slice(0, 5).map(({ inputs }) => inputs[0])).toEqual(['u', 'x', 'w', 'v', 'u'])
})

test('where all of a value is written, nobody need know how long its rows are', async () => {
  const source = model('float[1,L] x, float[1,L] u', 'int64[1,1] i = {0}', 'a = ScatterND(x, i, u) y = Neg(a)')
  expect(opsOf((await rewriteEqually(joinScattered, source)).after)).toEqual(['Identity', 'Neg'])
})

const BOUNDS =
  'int64[1] zero = {0}, int64[1] two = {2}, int64[1] four = {4}, int64[1] five = {-3}, int64[1] axis = {-2}'

test.each([
  ['the part that was written', 'zero, two', 'u', 0],
  ['some of a part', 'four, five', 'v', 1],
])('a Slice of %s reads it alone', async (_, bounds, from, slices) => {
  const body = `a = ScatterND(x, i0, u) b = ScatterND(a, i2, v) z = Slice(b, ${bounds}, axis) y = Neg(z)`
  const { after } = await rewriteEqually(joinScattered, written(body, `, ${BOUNDS}`))
  expect(opsOf(after)).toEqual([...(slices ? ['Slice'] : []), 'Neg'])
  expect(after.graph.nodes[0]!.inputs[0]).toBe(from)
})

test('the same of what was joined from the first, along an axis that is counted from the end', async () => {
  const body = 'a = Concat<axis = -2>(u, v) z = Slice(a, zero, two, axis) y = Neg(z)'
  const { after } = await rewriteEqually(joinScattered, written(body, `, ${BOUNDS}`))
  expect(opsOf(after)).toEqual(['Neg'])
})

test('a Slice of what stood behind what is written reads that', async () => {
  const source = model(
    `${cache}, float[1,16,2,33] u`,
    `${block([1, 16, 8], 2, 4)}, ${BOUNDS}`,
    'a = ScatterND(x, i2, u) z = Slice(a, four, five, axis) y = Neg(z)',
  )
  const { after } = await rewriteEqually(joinScattered, source)
  expect(opsOf(after)).toEqual(['Slice', 'Neg'])
  expect(after.graph.nodes[0]!.inputs[0]).toBe('x')
})

test('a Slice of a Slice of what is joined is one', async () => {
  const body =
    'a = Concat<axis = 2>(u, v) s = Slice(a, four, eight, axis) t = Concat<axis = 2>(s, u) y = Slice(t, two, four, axis)'
  const { after } = await rewriteEqually(joinScattered, written(body, `, ${BOUNDS}, int64[1] eight = {8}`))
  expect(opsOf(after)).toEqual(['Slice'])
  expect(after.graph.nodes[0]!.inputs[0]).toBe('v')
})

test('what is joined along one axis of what was written along another is that, whole', async () => {
  const body = 'a = ScatterND(x, i0, u) c = Concat<axis = 1>(a, x) z = Slice(c, zero, two, other) y = Neg(z)'
  const { after } = await rewriteEqually(joinScattered, written(body, `, ${BOUNDS}, int64[1] other = {1}`))
  expect(opsOf(after)).toEqual(['ScatterND', 'Slice', 'Neg'])
})

const square = (places: string, more = '', opset = 18) =>
  model(
    'float[2,40] x, float[2,20] u',
    `int64[2,20,2] i = {${places}}`,
    `y = ScatterND${more}(x, i, u)`,
    'float y',
    opset,
  )
const places = (at: (row: number, column: number) => readonly [number, number]) =>
  Array.from({ length: 40 }, (_, k) => at(Math.floor(k / 20), k % 20)).join(', ')
const many = (at: (row: number, column: number) => readonly [number, number], width = 202) => {
  const tuples = Array.from({ length: 400 }, (_, k) => at(Math.floor(k / 200), k % 200))
  return (more = '', opset = 18) =>
    model(
      `float[2,${width}] x, float[2,200] u`,
      `int64[2,200,2] i = {${tuples}}`,
      `y = ScatterND${more}(x, i, u)`,
      'float y',
      opset,
    )
}
const plain = many((row, column) => [row, column + 1])

test.each([
  ['is written into', plain()],
  ['is written into, by the oldest operators', plain('', 13)],
  ['and not many more is written into', many((row, column) => [row, column + 1], 600)()],
])('of what a block of many places %s, the rest is cut out', async (_, source) => {
  expect(opsOf((await rewriteEqually(joinScattered, source)).after)).toEqual(['Slice', 'Slice', 'Concat'])
})

test('two such blocks, one after the other, are joined with the rest at once', async () => {
  const two = [100, 300].map((from) => block([2, 600], from, from + 200))
  const source = model(
    'float[2,600] x, float[2,200] u, float[2,200] v',
    two.join(', '),
    'a = ScatterND(x, i100, u) b = ScatterND(a, i300, v) y = Neg(b)',
  )
  const { after } = await rewriteEqually(joinScattered, source)
  expect(opsOf(after)).toEqual(['Slice', 'Slice', 'Concat', 'Neg'])
})

test.each([
  [
    'a block of two axes',
    model(
      'float[3,202] x, float[2,200] u',
      `int64[2,200,2] i = {${Array.from({ length: 400 }, (_, k) => [Math.floor(k / 200), k % 200])}}`,
      'y = ScatterND(x, i, u)',
    ),
  ],
  ['rows in another order', many((row, column) => [1 - row, column + 1])()],
  ['a place of another row among those of one', many((row, column) => [column === 5 ? 1 - row : row, column + 1])()],
  ['a last place that is none of the block', many((row, column) => [row, row + column === 200 ? 1 : column + 1])()],
  ['places in another order', many((row, column) => [row, column === 7 ? 9 : column === 8 ? 8 : column + 1])()],
  ['what is added', plain('<reduction = "add">')],
  ['few places in many, which are written in place', square(places((row, column) => [row, column + 1]))],
  ['many places in far more', many((row, column) => [row, column + 1], 2000)()],
  ['an older operator set', plain('', 12)],
  ['no place at all', model('float[4,4] x, float[0,4] u', 'int64[0,1] i = {}', 'y = ScatterND(x, i, u)')],
  [
    'indices that are computed',
    model('float[4,4] x, int64[1,1] i, float[1,4] u', 'int64 n = {0}', 'y = ScatterND(x, i, u)'),
  ],
  [
    'a shape of unknown length',
    model('float[8] a, int64[R] s, float[1,4] u', 'int64[1,1] i = {0}', 'x = Reshape(a, s) y = ScatterND(x, i, u)'),
  ],
  [
    'a list of places along more axes than it writes',
    model('float[1,4] x, float[1,1,4] u', 'int64[1,1,1] i = {0}', 'y = ScatterND(x, i, u)'),
  ],
  ['sizes that are not known', model('float[N,4] x, float[1,4] u', 'int64[1,1] i = {0}', 'y = ScatterND(x, i, u)')],
  [
    'a Slice of two parts',
    written('a = Concat<axis = 2>(u, v) y = Slice(a, one, four, axis)', `, ${BOUNDS}, int64[1] one = {1}`),
  ],
  ['an output that is an input', written('a = Concat<axis = 2>(u, v) y = Slice(a, zero, two, axis)', `, ${BOUNDS}`)],
  [
    'a Slice in steps',
    written(
      'a = Concat<axis = 2>(u, v) z = Slice(a, two, eight, axis, two) y = Neg(z)',
      `, ${BOUNDS}, int64[1] eight = {8}`,
    ),
  ],
  [
    'a Slice along another axis',
    written(
      'a = Concat<axis = 2>(u, v) z = Slice(a, zero, two, other) y = Neg(z)',
      `, ${BOUNDS}, int64[1] other = {1}`,
    ),
  ],
  ['a Gather along another axis', written('a = Concat<axis = 2>(u, v) y = Gather<axis = 1>(a, two)', `, ${BOUNDS}`)],
  [
    'a Gather of two places',
    written('a = Concat<axis = 2>(u, v) y = Gather<axis = 2>(a, both)', `, ${BOUNDS}, int64[2] both = {0, 1}`),
  ],
])('%s stay as they are', async (_, source) => {
  expect((await rewriteWith(joinScattered, source)).report.applied).toBe(0)
})
