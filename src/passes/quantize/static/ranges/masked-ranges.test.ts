import { expect, test } from 'vitest'
import { type Graph, indexGraph, parseModel, type Tensor } from '../../../../ir/index.ts'
import { maskedRanges } from './masked-ranges.ts'

const SCORES = { min: -4, max: 6 }
const SUM = { min: -10004, max: 6 }
/** What masked places weigh beside others. */
const DEPTH = Math.log(2 * 256 * 128)

function narrower(body: string, constants = '') {
  const { graph } = parseModel(
    `<ir_version: 10, opset_import: ["" : 21]> g (float[2,4,8] x, float[2,8,4] z, float[2,1,4] m) => (float[2,4,4] y) ${constants} { ${body} }`,
  )
  const ranges = new Map([
    ['s', SCORES],
    ['m', { min: -10000, max: 0 }],
    ['n', { min: -10000, max: 0 }],
    ['t', SCORES],
    ['h', SUM],
  ])
  const facts = { opset: 21, constant: constantsOf(graph) }
  return Object.fromEntries(maskedRanges(graph, indexGraph(graph), facts, ranges))
}

const constantsOf =
  (graph: Graph) =>
  (name: string): Tensor | undefined =>
    graph.initializers.get(name)

test('the sum ends where what is masked counts for nothing, the mask where it takes every score there', () => {
  const found = narrower('s = MatMul(x, z) h = Add(s, m) y = Softmax <axis: int = -1> (h)')
  expect(found).toEqual({
    h: { min: SCORES.min - DEPTH, max: 6 },
    m: { min: SCORES.min - DEPTH - SCORES.max, max: 0 },
  })
})

test('masks that are computed first, and constants', () => {
  expect(Object.keys(narrower('s = MatMul(x, z) n = Identity(m) h = Add(n, s) y = Softmax(h)'))).toEqual(
    expect.arrayContaining(['h', 'n']),
  )
  const constant = '<float[1,1,4] k = {0, 0, -10000, -10000}>'
  const found = narrower('s = MatMul(x, z) h = Add(s, k) y = Softmax(h)', constant)
  expect(found.k).toEqual({ min: SCORES.min - DEPTH - SCORES.max, max: 0 })
})

test('of two masks that are summed first, each ends where the highest of the other lifts it to the end of the sum', () => {
  const constant = '<float[1,4,4] k = {0, -1, -2, -3, -1, 0, -1, -2, -2, -1, 0, -1, -3, -2, -1, 2}>'
  const found = narrower('s = MatMul(x, z) n = Add(k, m) h = Add(s, n) y = Softmax(h)', constant)
  const end = SCORES.min - DEPTH - SCORES.max
  expect(found.n).toEqual({ min: end, max: 0 })
  expect(found.m).toEqual({ min: end - 2, max: 0 })
})

test('of a choice between scores and a number that hides them, the sum ends as it does with a mask', () => {
  const constants = '<bool[2,4,4] c = {COND}, float k = {-10000}>'.replace('COND', Array(32).fill(1).join(','))
  const end = { h: { min: SCORES.min - DEPTH, max: 6 } }
  expect(narrower('s = MatMul(x, z) h = Where(c, s, k) y = Softmax(h)', constants)).toEqual(end)
  expect(narrower('s = MatMul(x, z) h = Where(c, k, s) y = Softmax(h)', constants)).toEqual(end)
  // Of two scores, or two masks, nobody knows which counts.
  expect(narrower('s = MatMul(x, z) t = MatMul(x, z) h = Where(c, s, t) y = Softmax(h)', constants)).toEqual({})
  expect(narrower('h = Where(c, m, k) y = Softmax(h)', constants)).toEqual({})
})

test('a constant mask with a row that hides everything, without end, says nothing', () => {
  const rows = '<float[1,2,4] k = {0, 0, 0, 0, -inf, -inf, -inf, -inf}>'
  expect(narrower('s = MatMul(x, z) h = Add(s, k) y = Softmax(h)', rows)).toEqual({})
})

test.each([
  ['somebody else reads the sum', 's = MatMul(x, z) h = Add(s, m) p = Softmax(h) y = Mul(p, h)'],
  ['it is an output', 's = MatMul(x, z) y = Add(s, m) p = Softmax(y)'],
  ['both sides are scores', 's = MatMul(x, z) t = MatMul(x, z) h = Add(s, t) y = Softmax(h)'],
  ['no Softmax reads it', 's = MatMul(x, z) h = Add(s, m) y = Relu(h)'],
])('ranges stay where %s', (_, body) => {
  expect(narrower(body)).toEqual({})
})

test('ranges stay where a constant mask hides a whole row, whose scores still compare', () => {
  const rows = '<float[1,2,4] k = {0, 0, 0, -10000, -10000, -10000, -10000, -10000}>'
  expect(narrower('s = MatMul(x, z) h = Add(s, k) y = Softmax(h)', rows)).toEqual({})
})
