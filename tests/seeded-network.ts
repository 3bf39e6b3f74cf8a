import { randomNumbers } from '../src/data/index.ts'
import { elementCount, type Model, parseModel, tensorOf } from '../src/ir/index.ts'

const zeros = (dims: readonly number[]) => `{${Array(elementCount(dims)).fill(0).join(', ')}}`

/** A network in the text notation, its weights (by name, with their sizes) from a seed: random features. */
export function seeded(
  text: string,
  weights: Readonly<Record<string, readonly number[]>>,
  { opset = 17, spread = 3 } = {},
): Model {
  const declared = Object.entries(weights).map(([name, dims]) => `float[${dims.join(',')}] ${name} = ${zeros(dims)}`)
  const head = `<ir_version: 10, opset_import: ["" : ${opset}]>`
  const model = parseModel(`${head} ${text.replace('WEIGHTS', declared.join(', '))}`)
  const random = randomNumbers(5)
  const initializers = new Map(model.graph.initializers)
  for (const [name, dims] of Object.entries(weights)) {
    const fan = elementCount(dims.slice(1))
    const values = Float32Array.from({ length: elementCount(dims) }, () => ((random() - 0.5) * spread) / Math.sqrt(fan))
    initializers.set(name, tensorOf('float32', dims, values, name))
  }
  return { ...model, graph: { ...model.graph, initializers } }
}

const SIDE = 6

/** Pictures [rows, 1, 6, 6] with one bright band or two, across or down: four classes by turns. */
export function bandedPictures(rows: number) {
  const random = randomNumbers(11)
  const data = Float32Array.from({ length: rows * SIDE * SIDE }, (_, i) => {
    const [row, place] = [Math.floor(i / (SIDE * SIDE)), i % (SIDE * SIDE)]
    const [kind, at] = [row % 4, Math.floor(row / 4) % 3]
    const line = kind < 2 ? Math.floor(place / SIDE) : place % SIDE
    return (line === at || (kind % 2 === 1 && line === at + 3) ? 1 : 0) + (random() - 0.5) * 0.6
  })
  return {
    x: { dtype: 'float32', dims: [rows, 1, SIDE, SIDE], data },
    labels: { dtype: 'int64', dims: [rows], data: BigInt64Array.from({ length: rows }, (_, row) => BigInt(row % 4)) },
  } as const
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
