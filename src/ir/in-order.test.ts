import { expect, test } from 'vitest'
import { inOrder } from './in-order.ts'
import { parseModel } from './text/index.ts'

const nodesOf = (body: string) =>
  parseModel(`<ir_version: 10, opset_import: ["" : 20]> g (float[N] x, bool c) => (float[N] y) { ${body} }`).graph.nodes
const names = (body: string) => inOrder(nodesOf(body)).map(({ outputs }) => outputs[0])

test('nodes that are in order are the same list', () => {
  const nodes = nodesOf('a = Neg(x) b = Abs(a) y = Add(a, b)')
  expect(inOrder(nodes)).toBe(nodes)
})

test('what is made later comes before its readers, the rest stays as it stood', () => {
  expect(names('y = Add(a, b) d = Neg(x) a = Neg(e) b = Abs(a) e = Abs(x)')).toEqual(['e', 'a', 'b', 'y', 'd'])
})

test('what a nested graph reads counts as read by its node', () => {
  const body =
    'y = If(c) <then_branch = t () => (float[N] p) { p = Neg(a) }, else_branch = f () => (float[N] q) { q = Abs(x) }> a = Neg(x)'
  expect(names(body)).toEqual(['a', 'y'])
})

test('values in a circle stay for the checker; so does one that two nodes make', () => {
  for (const body of ['a = Neg(b) b = Neg(a) y = Add(a, x)', 'y = Neg(y)', 'a = Add(x, c2) c2 = Neg(y) y = Abs(a)']) {
    const nodes = nodesOf(body)
    expect(inOrder(nodes)).toBe(nodes)
  }
  expect(names('a = Neg(x) a = Abs(x) y = Neg(a)')).toHaveLength(3)
})
