import { expect, test } from 'vitest'
import { parseModel } from '../ir/index.ts'
import { ortNode } from './ort-node.ts'
import { openPair } from './ort-node-pair.ts'
import { pairModels } from './paired-model.ts'

const model = (body: string, opset = 20) => parseModel(`<ir_version: 8, opset_import: ["" : ${opset}]> ${body}`)
const first = model(`g (float[N,2] x) => (float[N,2] y)
  <float[2] b = {10, 20}> { s = Add(x, b)  i = Cast<to: int = 7>(s)  l = Log(s)  y = Neg(s) }`)
const second = model(`g (float[N,2] x) => (float[N,2] y)
  <float[2] b = {10, 21}> { s = Add(x, b)  i = Cast<to: int = 7>(s)  l = Log(s)  y = Neg(s) }`)
const x = { dtype: 'float32', dims: [2, 2], data: Float32Array.of(-11, 1, 2, 3) } as const

test('differences are those of the values that each model computes; what is no finite float is left out', async () => {
  const pair = (await openPair(first, second, ['s', 'i', 'l', 'y', 'nowhere']))!
  const found = await pair.differences({ x })
  await pair.close()
  const [a, b] = [await ortNode.open(first), await ortNode.open(second)]
  const [left, right] = [await a.run({ x }, ['s', 'y']), await b.run({ x }, ['s', 'y'])]
  for (const name of ['s', 'y']) {
    const [p, q] = [left[name]!.data as Float32Array, right[name]!.data as Float32Array]
    const sum = (values: number[]) => values.reduce((total, value) => total + value * value, 0)
    expect(found.get(name)).toEqual({ signal: sum([...p]), noise: sum([...p].map((value, i) => value - q[i]!)) })
  }
  // The logarithm of −1, and whole numbers.
  expect([...found.keys()].sort()).toEqual(['s', 'y'])
  await a.close()
  await b.close()
})

test('values of several ranks, and more than share an output, are each compared with their own counterpart', async () => {
  const names = Array.from({ length: 11 }, (_, i) => `v${i}`)
  // Every third value has no axes, the others one or two by turns.
  const chain = (step: number) =>
    model(
      `g (float[N,2] x) => (float[N,2] y) <float s = {${step}}> { ${names
        .map((name, i) => {
          const before = i === 0 ? 's' : `w${i - 1}`
          const sum = `w${i} = Add(x, ${before})`
          if (i % 3 === 0) return `${sum} ${name} = ReduceSum<keepdims = 0>(w${i})`
          return i % 3 === 1 ? `${sum} ${name} = Neg(w${i})` : `${sum} ${name} = Flatten<axis = 0>(w${i})`
        })
        .join(' ')} y = Neg(w10) }`,
    )
  const [a, b] = [chain(1), chain(3)]
  const pair = (await openPair(a, b, [...names].reverse()))!
  const found = await pair.differences({ x })
  await pair.close()
  await pair.close()
  const [left, right] = [await ortNode.open(a), await ortNode.open(b)]
  const [p, q] = [await left.run({ x }, names), await right.run({ x }, names)]
  for (const name of names) {
    const [ours, theirs] = [p[name]!.data as Float32Array, q[name]!.data as Float32Array]
    const { signal, noise } = found.get(name)!
    expect(signal).toBeCloseTo(
      ours.reduce((sum, value) => sum + value * value, 0),
      1,
    )
    expect(noise).toBeCloseTo(
      ours.reduce((sum, value, i) => sum + (value - theirs[i]!) ** 2, 0),
      1,
    )
  }
  await left.close()
  await right.close()
  // Four values an output; those without axes have two of their own.
  expect(pairModels(a, b, names)!.model.graph.outputs.length).toBe(2 + 2 * 4)
})

test('weights that both share stand once, others twice', () => {
  const shared = { ...second, graph: { ...second.graph, initializers: first.graph.initializers } }
  expect(pairModels(first, shared, ['s'])!.model.graph.initializers.size).toBe(1)
  expect(pairModels(first, second, ['s'])!.model.graph.initializers.size).toBe(2)
})

test('models of other operator versions, or with nested graphs, make no pair', () => {
  const branch = model(`g (float[N,2] x, bool c) => (float[N,2] y) {
    y = If(c) <then_branch: graph = t () => (float[N,2] o) { o = Neg(x) },
               else_branch: graph = e () => (float[N,2] p) { p = Abs(x) }> }`)
  expect(pairModels(branch, branch, ['y'])).toBeNull()
  expect(pairModels(first, model('g (float[N,2] x) => (float[N,2] y) { y = Neg(x) }', 19), ['y'])).toBeNull()
})

test('values of which the two hold different numbers of elements are left to the caller', async () => {
  const over = (limit: number) =>
    model(`g (float[N,2] x) => (float[M] y) <float limit = {${limit}}> {
      s = Sub(x, limit)  r = Relu(s)  n = NonZero(r)  t = Transpose(n)  y = GatherND(r, t) }`)
  const pair = (await openPair(over(1.5), over(2.5), ['s', 'r', 'y']))!
  const found = await pair.differences({ x })
  await pair.close()
  expect([...found.keys()]).toEqual(['s', 'r'])
})
