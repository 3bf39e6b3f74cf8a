import { expect, test } from 'vitest'
import { externalLocations, type Model, parseModel, tensorOf } from './index.ts'

test('weights are found wherever a model holds some', () => {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 20, "my" : 1]>
    g (float[2] x, bool c) => (float[2] z) <float[2] w = ["location": "graph.bin"]> {
      y = If (c) <then_branch = t () => (p) <float[2] v = ["location": "branch.bin"]> { p = Add (x, v) },
        else_branch = e () => (q) { k = Constant <value = float[2] = ["location": "node.bin"]> ()  q = Add (x, k) }>
      z = my.F (y) }
    <domain: "my", opset_import: ["" : 20]> F (x) => (y) {
      k = Constant <value = float[2] = ["location": "function.bin"]> ()  y = Add (x, k) }`)
  expect([...externalLocations(model)]).toEqual(['graph.bin', 'branch.bin', 'node.bin', 'function.bin'])
})

test('the values and places of sparse weights too', () => {
  const model = parseModel('g (float[2] x) => (float[2] y) { y = Add (x, s) }')
  const elsewhere = (location: string) => {
    const tensor = tensorOf('int64', [1], [1])
    return { ...tensor, data: { ...tensor.data, form: 'external', entries: [['location', location]] } } as never
  }
  const sparse = { values: elsewhere('values.bin'), indices: elsewhere('places.bin'), dims: [2] }
  const held: Model = { ...model, graph: { ...model.graph, sparseInitializers: [sparse] } }
  expect([...externalLocations(held)]).toEqual(['values.bin', 'places.bin'])
})
