import { expect, test } from 'vitest'
import { checkModel, inferTypes, inlineFunctions, parseModel, printedType, printGraph } from './index.ts'

const head = '<ir_version: 10, opset_import: ["" : 20, "my" : 1]>'

test('a call becomes the body, with names of its own and the attributes of the call', () => {
  const model = parseModel(`${head} g (float[N] x, bool c) => (float[N] y, float[N] z) {
      [a] t, u = my.Scale <alpha = 0.5> (x, )
      [b] z = my.Scale (t, u)
      y = If (c) <then_branch = p () => (float[N] q) { q = my.Scale (u) }, else_branch = r () => (float[N] s) { s = Neg (u) }>
    }
    <domain: "my", opset_import: ["" : 20]> Scale <alpha: float = 0.25> (v, w) => (scaled, v) {
      h = my.Same (v)  [leak] scaled = LeakyRelu <alpha: float = @alpha> (h) }
    <domain: "my", opset_import: ["" : 20]> Same (i) => (o) { o = Neg (i) }`)
  const inlined = inlineFunctions(model)
  expect(inlined.functions).toEqual([])
  expect(checkModel(inlined)).toEqual([])
  expect(printGraph(inlined.graph)).toBe(`g (float[N] x, bool c) => (float[N] y, float[N] z) {
  "a/h" = Neg (x)
  ["a/leak"] t = LeakyRelu <alpha = 0.5> ("a/h")
  u = Identity (x)
  "b/h" = Neg (t)
  ["b/leak"] z = LeakyRelu <alpha = 0.25> ("b/h")
  y = If (c) <then_branch = p () => (float[N] q) {
    "q/h" = Neg (u)
    ["q/leak"] q = LeakyRelu <alpha = 0.25> ("q/h")
  }, else_branch = r () => (float[N] s) {
    s = Neg (u)
  }>
}`)
  expect(printedType(inferTypes(inlined).get('z')!)).toBe('float[N]')
})

test('a function of another operator set, or one that calls itself, stays', () => {
  const model = parseModel(`${head} g (float[N] x) => (float[N] y, float[N] z) { y = my.Old (x)  z = my.Self (x) }
    <domain: "my", opset_import: ["" : 7]> Old (v) => (r) { r = my.Callee (v) }
    <domain: "my", opset_import: ["" : 20]> Self (v) => (r) { r = my.Self (v) }
    <domain: "my", opset_import: ["" : 7]> Callee (v) => (r) { r = Neg (v) }
    <domain: "my", opset_import: ["" : 20]> Unused (v) => (r) { r = Neg (v) }`)
  const { graph, functions } = inlineFunctions(model)
  expect(graph.nodes.map((node) => node.opType)).toEqual(['Old', 'Self'])
  expect(functions.map((fn) => fn.name)).toEqual(['Old', 'Self', 'Callee'])
})
