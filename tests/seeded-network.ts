import { randomNumbers } from '../src/data/index.ts'
import { elementCount, type Model, parseModel, tensorOf } from '../src/ir/index.ts'

const zeros = (dims: readonly number[]) => `{${Array(elementCount(dims)).fill(0).join(', ')}}`

/** A network in the text notation, its weights (by name, with their sizes) from a seed: random features. */
export function seeded(text: string, weights: Readonly<Record<string, readonly number[]>>): Model {
  const declared = Object.entries(weights).map(([name, dims]) => `float[${dims.join(',')}] ${name} = ${zeros(dims)}`)
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 17]> ${text.replace('WEIGHTS', declared.join(', '))}`)
  const random = randomNumbers(5)
  const initializers = new Map(model.graph.initializers)
  for (const [name, dims] of Object.entries(weights)) {
    const fan = elementCount(dims.slice(1)) || 1
    const values = Float32Array.from({ length: elementCount(dims) }, () => ((random() - 0.5) * 3) / Math.sqrt(fan))
    initializers.set(name, tensorOf('float32', dims, values, name))
  }
  return { ...model, graph: { ...model.graph, initializers } }
}

/** One attention over four tokens of six numbers; `heads` of `size` numbers each. */
export const attending = (heads: number, size: number) => {
  const width = heads * size
  return seeded(
    `g (float[N,4,6] x) => (float[N,2] logits)
     <WEIGHTS, int64[4] split = {0, 4, ${heads}, ${size}}, int64[3] joined = {0, 4, ${width}}>
     { q0 = MatMul(x, wq)  q1 = Reshape(q0, split)  q = Transpose<perm: ints = [0,2,1,3]>(q1)
       k0 = MatMul(x, wk)  k1 = Reshape(k0, split)  k = Transpose<perm: ints = [0,2,3,1]>(k1)
       v0 = MatMul(x, wv)  v1 = Reshape(v0, split)  v = Transpose<perm: ints = [0,2,1,3]>(v1)
       s = MatMul(q, k)  p = Softmax<axis: int = -1>(s)  o0 = MatMul(p, v)
       o1 = Transpose<perm: ints = [0,2,1,3]>(o0)  o2 = Reshape(o1, joined)  o = MatMul(o2, wo)
       h = Add(o, x)  m = ReduceMean<axes: ints = [1], keepdims: int = 0>(h)  logits = MatMul(m, wc) }`,
    { wq: [6, width], wk: [6, width], wv: [6, width], wo: [width, 6], wc: [6, 2] },
  )
}
