import { expect, test } from 'vitest'
import { type Model, type Tensor, tensorBytes } from '../src/ir/index.ts'
import { LAYOUT_REPAIRS, NATIVE_FORMS, passes, simplifyPasses } from '../src/passes/index.ts'
import { modelWith } from './quantize-kit.ts'

/** How often somebody read the bytes of a constant: where they are not aligned in the file, each time is a copy. */
function counted(model: Model, reads: Map<string, number>): Model {
  const initializers = [...model.graph.initializers].map(([name, tensor]): [string, Tensor] => {
    const all = tensorBytes(tensor)
    const read = () => {
      reads.set(name, (reads.get(name) ?? 0) + 1)
      return all
    }
    return [name, { ...tensor, data: { form: 'raw', bytes: { byteLength: all.byteLength, read } } }]
  })
  return { ...model, graph: { ...model.graph, initializers: new Map(initializers) } }
}

const network = (width: number) =>
  modelWith(
    `g (float[N,${width},4,4] x) => (float y)
     { a = Conv(x, c, d) r = Relu(a) m = GlobalAveragePool(r) f = Flatten(m) p = MatMul(f, u) q = Add(p, v) t = Relu(q)
       y = Gemm<transB = 1>(t, w, v) }`,
    { c: [width, width, 3, 3], d: [width], u: [width, width], v: [width], w: [width, width] },
  )

test.each([
  ['lossless passes', simplifyPasses.map(({ id }) => id), {}],
  ['native forms', [...NATIVE_FORMS, ...LAYOUT_REPAIRS], {}],
  ['dynamic int8', ['quantizeDynamicInt8'], {}],
  ['8-bit weights', ['quantizeWeights'], { bits: 8 }],
])('%s read large weights as often as small ones', async (_, ids, options) => {
  const counts: ReadonlyMap<string, number>[] = []
  for (const width of [16, 160]) {
    const reads = new Map<string, number>()
    let model = counted(network(width), reads)
    for (const id of ids) model = (await passes[id]!.run(model, options as never, [])).model
    counts.push(reads)
  }
  const [small, large] = counts as [ReadonlyMap<string, number>, ReadonlyMap<string, number>]
  for (const [name, times] of large) expect([name, times]).toEqual([name, Math.min(times, (small.get(name) ?? 0) + 4)])
})
