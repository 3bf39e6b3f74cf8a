import { expect, test } from 'vitest'
import { memoryDataset } from '../data/index.ts'
import { ortNode } from '../engine/index.ts'
import { parseModel } from '../ir/index.ts'
import { neighboursChange } from './neighbours.ts'

const model = (nodes: string) =>
  parseModel(`<ir_version: 10, opset_import: ["" : 21]> g (float[N,2] x) => (float[N,2] y) { ${nodes} }`)

const float = model('y = Neg(x)')
/** Rounds by one scale for the whole run, as dynamic integers do. */
const dynamic = model('q, s, z = DynamicQuantizeLinear(x) d = DequantizeLinear(q, s, z) y = Neg(d)')

test('a candidate whose answers hang on their neighbours is told, unless the original is alike', async () => {
  const data = await memoryDataset({
    x: { dtype: 'float32', dims: [6, 2], data: Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)) },
  })
  const look = (original: typeof float, candidate: typeof float, indices = [0, 1, 2, 3]) =>
    neighboursChange(async (one, ask) => ask(await ortNode.open(one)), original, candidate, data, indices)
  expect(await look(float, dynamic)).toMatch(
    /depends on the rows beside it in a batch \(y: a row’s answer moved by .* %/,
  )
  expect(await look(dynamic, dynamic)).toBeNull()
  expect(await look(float, float)).toBeNull()
  expect(await look(float, dynamic, [0])).toBeNull()
})
