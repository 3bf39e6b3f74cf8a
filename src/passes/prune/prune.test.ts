import { describe, expect, test } from 'vitest'
import { ortNode } from '../../engine/index.ts'
import { checkModel, elementCount, inferTypes, type Model, parseModel, tensorOf, tensorValues } from '../../ir/index.ts'
import { blockOf } from './channel-blocks.ts'
import {
  channelGroups,
  chooseChannels,
  dropBlocks,
  leastMacs,
  macsAfter,
  narrowChannels,
  pruneChannels,
  residualBlocks,
  setWeights,
  weightImportance,
} from './index.ts'

/** The network with seeded numbers for every float weight whose elements the text leaves out. */
function seeded(text: string): Model {
  const model = parseModel(`<ir_version: 10, opset_import: ["" : 21]> ${text}`)
  let state = 1
  const next = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return state / 0x7fffffff - 0.5
  }
  const initializers = new Map(
    [...model.graph.initializers].map(([name, tensor]) =>
      tensor.dtype !== 'float32' || tensorValues(tensor).some((value) => Number(value) !== 0)
        ? [name, tensor]
        : [
            name,
            tensorOf('float32', tensor.dims, Float32Array.from({ length: elementCount(tensor.dims) }, next), name),
          ],
    ),
  )
  return { ...model, graph: { ...model.graph, initializers } }
}

const zeros = (dims: string) =>
  `{${Array(elementCount(dims.split(',').map(Number)))
    .fill('0')
    .join(', ')}}`
const weight = (name: string, dims: string) => `float[${dims}] ${name} = ${zeros(dims)}`

const nets: Readonly<Record<string, { text: string; groups: readonly (readonly string[])[] }>> = {
  'a residual addition ties what it adds': {
    text: `g (float[N,2,6,6] x) => (float[N,3] y)
      <${weight('w0', '4,2,3,3')}, ${weight('w1', '6,4,3,3')}, ${weight('w2', '4,6,3,3')}, ${weight('w3', '3,4')}>
      { a = Conv<pads: ints = [1,1,1,1]>(x, w0)  r = Relu(a)
        b = Conv<pads: ints = [1,1,1,1]>(r, w1)  s = Relu(b)  c = Conv<pads: ints = [1,1,1,1]>(s, w2)
        d = Add(c, r)  p = GlobalAveragePool(d)  f = Flatten(p)  y = Gemm<transB: int = 1>(f, w3) }`,
    groups: [
      ['w0:0', 'w1:1', 'w2:0', 'w3:1'],
      ['w1:0', 'w2:1'],
    ],
  },
  'a concatenation keeps its parts apart': {
    text: `g (float[N,2,6,6] x) => (float[N,2,6,6] y)
      <${weight('w0', '4,2,1,1')}, ${weight('w1', '3,2,1,1')}, ${weight('w2', '2,7,1,1')}>
      { a = Conv(x, w0)  b = Conv(x, w1)  c = Concat<axis: int = 1>(a, b)  y = Conv(c, w2) }`,
    groups: [
      ['w0:0', 'w2:1'],
      ['w1:0', 'w2:1'],
    ],
  },
  'depthwise convolutions and their normalisation follow, and so does the gate of squeeze and excite': {
    text: `g (float[N,2,6,6] x) => (float[N,2,6,6] y)
      <${weight('w0', '6,2,1,1')}, ${weight('dw', '6,1,3,3')}, ${weight('db', '6')}, ${weight('sc', '6')}, ${weight('sh', '6')}, ${weight('mu', '6')},
       float[6] va = {1, 1, 1, 1, 1, 1}, ${weight('s1', '2,6,1,1')}, ${weight('s2', '6,2,1,1')}, ${weight('w1', '2,6,1,1')}>
      { a = Conv(x, w0)  d = Conv<group: int = 6, pads: ints = [1,1,1,1]>(a, dw, db)
        n = BatchNormalization(d, sc, sh, mu, va)  h = HardSwish(n)
        p = GlobalAveragePool(h)  q = Conv(p, s1)  r = Relu(q)  t = Conv(r, s2)  u = HardSigmoid(t)  m = Mul(h, u)
        y = Conv(m, w1) }`,
    groups: [
      ['w0:0', 'dw:0', 'db:0', 'sc:0', 'sh:0', 'mu:0', 'va:0', 's1:1', 's2:0', 'w1:1'],
      ['s1:0', 's2:1'],
    ],
  },
  'a grouped convolution gives up whole groups, a flattened channel all of its places': {
    text: `g (float[N,2,2,2] x) => (float[N,3] y)
      <${weight('w0', '6,2,1,1')}, ${weight('gw', '9,2,1,1')}, ${weight('w1', '36,3')}, int64[2] shape = {-1, 36}>
      { a = Conv(x, w0)  b = Conv<group: int = 3>(a, gw)  f = Reshape(b, shape)  y = MatMul(f, w1) }`,
    groups: [['w0:0', 'gw:0', 'w1:0']],
  },
  'heads of attention go whole, from queries, keys, values and the projection behind': {
    text: `g (float[N,3,4] x) => (float[N,3,4] y)
      <${weight('wq', '4,6')}, ${weight('bq', '6')}, ${weight('wk', '4,6')}, ${weight('wv', '4,6')}, ${weight('wo', '6,4')},
       int64[4] split = {0, 3, 3, 2}, int64[3] joined = {0, 3, 6}, float scale = {0.7}>
      { q0 = MatMul(x, wq)  q1 = Add(q0, bq)  q2 = Reshape(q1, split)  q = Transpose<perm: ints = [0,2,1,3]>(q2)
        k0 = MatMul(x, wk)  k1 = Reshape(k0, split)  k = Transpose<perm: ints = [0,2,3,1]>(k1)
        v0 = MatMul(x, wv)  v1 = Reshape(v0, split)  v = Transpose<perm: ints = [0,2,1,3]>(v1)
        s0 = MatMul(q, k)  s = Mul(s0, scale)  p = Softmax<axis: int = -1>(s)  o0 = MatMul(p, v)
        o1 = Transpose<perm: ints = [0,2,1,3]>(o0)  o2 = Reshape(o1, joined)  o = MatMul(o2, wo)  y = Add(o, x) }`,
    groups: [['wq:1', 'bq:0', 'wk:1', 'wv:1', 'wo:0']],
  },
  'heads whose queries, keys and values come from one matrix': {
    text: `g (float[N,3,4] x) => (float[N,3,4] y)
      <${weight('w', '4,18')}, ${weight('wo', '6,4')}, int64[5] split = {0, 3, 3, -1, 2}, int64[3] joined = {0, -1, 6},
       int64 i0 = {0}, int64 i1 = {1}, int64 i2 = {2}>
      { a = MatMul(x, w)  b = Reshape(a, split)  c = Transpose<perm: ints = [2,0,3,1,4]>(b)
        q = Gather<axis: int = 0>(c, i0)  k0 = Gather<axis: int = 0>(c, i1)  v = Gather<axis: int = 0>(c, i2)
        k = Transpose<perm: ints = [0,1,3,2]>(k0)  s = MatMul(q, k)  p = Softmax(s)  o0 = MatMul(p, v)
        o1 = Transpose<perm: ints = [0,2,1,3]>(o0)  o2 = Reshape(o1, joined)  o = MatMul(o2, wo)  y = Add(o, x) }`,
    groups: [['w:1', 'wo:0']],
  },
  'heads behind projections of all tokens as one matrix': {
    text: `g (float[2,3,4] x) => (float[6,4] y)
      <${weight('wq', '4,6')}, ${weight('bq', '6')}, ${weight('wk', '4,6')}, ${weight('wv', '4,6')}, ${weight('wo', '6,4')},
       int64[2] flat = {-1, 4}, int64[4] split = {2, 3, 3, 2}, int64[2] joined = {-1, 6}>
      { f = Reshape(x, flat)  q0 = Gemm(f, wq, bq)  q1 = Reshape(q0, split)  q = Transpose<perm: ints = [0,2,1,3]>(q1)
        k0 = MatMul(f, wk)  k1 = Reshape(k0, split)  k = Transpose<perm: ints = [0,2,3,1]>(k1)
        v0 = MatMul(f, wv)  v1 = Reshape(v0, split)  v = Transpose<perm: ints = [0,2,1,3]>(v1)
        s = MatMul(q, k)  p = Softmax<axis: int = 3>(s)  o0 = MatMul(p, v)
        o1 = Transpose<perm: ints = [0,2,1,3]>(o0)  o2 = Reshape(o1, joined)  y = MatMul(o2, wo) }`,
    groups: [['wq:1', 'bq:0', 'wk:1', 'wv:1', 'wo:0']],
  },
  'a split sends its parts different ways': {
    text: `g (float[N,2,3,3] x) => (float[N,2,3,3] y)
      <${weight('w0', '5,2,1,1')}, ${weight('w1', '2,3,1,1')}, ${weight('w2', '2,2,1,1')}, int64[2] sizes = {3, 2}>
      { a = Conv(x, w0)  b, c = Split<axis: int = 1>(a, sizes)  d = Conv(b, w1)  e = Conv(c, w2)  y = Add(d, e) }`,
    groups: [
      ['w0:0', 'w1:1'],
      ['w0:0', 'w2:1'],
    ],
  },
}

const rowed = (model: Model) =>
  inferTypes(model, {
    inputShapes: Object.fromEntries(
      model.graph.inputs.map(({ name, type }) => [
        name,
        type.kind === 'tensor' ? type.shape!.map((dim) => (typeof dim === 'number' ? dim : 1)) : [],
      ]),
    ),
  })

const run = async (model: Model) => {
  const session = await ortNode.open(model)
  const [{ name, shape }] = session.inputs as [(typeof session.inputs)[number]]
  const dims = shape!.map((dim) => (typeof dim === 'number' ? dim : 2))
  const data = Float32Array.from({ length: elementCount(dims) }, (_, i) => Math.sin(i))
  const results = await session.run({ [name]: { dtype: 'float32', dims, data } })
  await session.close()
  return results.y!
}

describe('channels are found from the graph', () => {
  test.each(Object.entries(nets))('%s', (_, { text, groups }) => {
    const model = seeded(text)
    expect(checkModel(model)).toEqual([])
    const found = channelGroups(model)
    const named = found.groups.map(({ channels }) =>
      channels[0]!.weights.map(({ name, axis }) => `${name}:${axis}`).sort(),
    )
    expect(named.sort()).toEqual(groups.map((group) => [...group].sort()).sort())
  })

  test.each(Object.entries(nets))('%s: a channel without effect goes without a trace', async (_, { text }) => {
    const model = seeded(text)
    const { groups } = channelGroups(model)
    for (const { id, channels } of groups) {
      const last = channels.length - 1
      // All that a channel is made of and read with becomes zero; then the answers must not need it.
      const initializers = new Map(model.graph.initializers)
      for (const { name, axis, places } of channels[last]!.weights) {
        const tensor = initializers.get(name)!
        if (name === 'va') continue
        const values = (tensorValues(tensor) as Float32Array).slice()
        const inner = elementCount(tensor.dims.slice(axis + 1))
        for (let i = 0; i < values.length; i++)
          if (places.includes(Math.floor(i / inner) % tensor.dims[axis]!)) values[i] = 0
        initializers.set(name, tensorOf('float32', tensor.dims, values, name))
      }
      const silent = { ...model, graph: { ...model.graph, initializers } }
      const { model: cut, report } = await pruneChannels.run(silent, { remove: { [id]: [last] } }, [])
      expect(report).toMatchObject({ applied: 1, refused: [] })
      expect(checkModel(cut)).toEqual([])
      const [before, after] = [await run(silent), await run(cut)]
      expect(after.dims).toEqual(before.dims)
      for (const [i, value] of (before.data as Float32Array).entries())
        expect((after.data as Float32Array)[i]).toBeCloseTo(value, 5)
      expect([...cut.graph.initializers.values()].reduce((sum, { dims }) => sum + elementCount(dims), 0)).toBeLessThan(
        [...model.graph.initializers.values()].reduce((sum, { dims }) => sum + elementCount(dims), 0),
      )
    }
  })
})

test('what is not understood holds its channels, by name', () => {
  const model = seeded(`g (float[N,2,4,4] x) => (float[N,4,4,4] y)
    <${weight('w0', '4,2,1,1')}, ${weight('w1', '4,4,1,1')}>
    { a = Conv(x, w0)  s = Softmax<axis: int = 1>(a)  y = Conv(s, w1) }`)
  const { groups, held } = channelGroups(model)
  expect(groups).toEqual([])
  expect(held).toEqual([{ node: 's', reason: 'it is not over the last axis' }])
})

test('what is left of a model without a head is its share', () => {
  const model = seeded(nets['heads of attention go whole, from queries, keys, values and the projection behind']!.text)
  const channels = channelGroups(model, rowed(model))
  expect(channels.held).toEqual([])
  expect(channels.groups.map(({ channels: own }) => own.length)).toEqual([3])
  const whole = macsAfter(channels, new Map())
  expect(whole).toBe(3 * 4 * 6 * 4 + 3 * 3 * 6 * 2)
  expect(macsAfter(channels, new Map([[channels.groups[0]!.id, new Set([1])]]))).toBeCloseTo((whole * 2) / 3, 9)
})

test('a removal that cannot be is refused by name', async () => {
  const model = seeded(nets['a concatenation keeps its parts apart']!.text)
  const remove = { nothing: [0], 'w0:0': [0, 1, 2, 3], 'w1:0': [3] }
  const { model: after, report } = await pruneChannels.run(model, { remove }, [])
  expect(after).toBe(model)
  expect(report.refused.map(({ node }) => node)).toEqual(['nothing', 'w0:0', 'w1:0'])
})

describe('which channels go', () => {
  const model = seeded(nets['a residual addition ties what it adds']!.text)
  const channels = channelGroups(model, rowed(model))
  const importance = weightImportance(model, channels.groups)

  test('the cost that was asked for is kept, and is the cost of the model that comes out', async () => {
    const whole = macsAfter(channels, new Map())
    expect(whole).toBe(36 * (9 * (2 * 4 + 4 * 6 + 6 * 4)) + 3 * 4)
    const removal = chooseChannels(channels, { macs: 0.5, importance, scale: 'within' })!
    expect(macsAfter(channels, removal)).toBeLessThanOrEqual(whole / 2)
    const remove = Object.fromEntries([...removal].map(([id, places]) => [id, [...places]]))
    const { model: cut } = await pruneChannels.run(model, { remove }, [])
    expect(macsAfter(channelGroups(cut, rowed(cut)), new Map())).toBe(macsAfter(channels, removal))
  })

  test('more than there is cannot be removed', () => {
    expect(chooseChannels(channels, { macs: 0.001, importance, scale: 'within' })).toBeNull()
    const least = leastMacs(channels, { importance, scale: 'within' })
    expect(least).toBeGreaterThan(0.001)
    const removal = chooseChannels(channels, { macs: least, importance, scale: 'within' })!
    expect(macsAfter(channels, removal) / macsAfter(channels, new Map())).toBeCloseTo(least, 12)
  })

  test('a narrower student keeps the same share of every group, the most important', () => {
    const removal = narrowChannels(channels, 0.5, importance)
    for (const { id, channels: own } of channels.groups) {
      const gone = removal.get(id)!
      expect(gone.size).toBe(own.length / 2)
      const scores = importance.get(id)!
      const stay = own.map((_, i) => i).filter((i) => !gone.has(i))
      expect(Math.min(...stay.map((i) => scores[i]!))).toBeGreaterThanOrEqual(
        Math.max(...[...gone].map((i) => scores[i]!)),
      )
    }
  })
})

describe('what stays fills blocks of channels', () => {
  const deep = seeded(`g (float[N,4,8,8] x) => (float[N,4,8,8] y)
    <${weight('w0', '12,4,3,3')}, ${weight('w1', '16,12,3,3')}, ${weight('w2', '48,16,3,3')}, ${weight('w3', '4,48,1,1')}>
    { a = Conv<pads: ints = [1,1,1,1]>(x, w0)  r = Relu(a)  b = Conv<pads: ints = [1,1,1,1]>(r, w1)  s = Relu(b)
      c = Conv<pads: ints = [1,1,1,1]>(s, w2)  t = Relu(c)  u = Conv(t, w3)  y = Relu(u) }`)
  const channels = channelGroups(deep, rowed(deep))
  const importance = weightImportance(deep, channels.groups)
  const kept = (removal: ReadonlyMap<string, ReadonlySet<number>>) =>
    channels.groups.map(({ id, channels: own }) => own.length - (removal.get(id)?.size ?? 0))
  const without = async (removal: ReadonlyMap<string, ReadonlySet<number>>) => {
    const remove = Object.fromEntries([...removal].map(([id, places]) => [id, [...places]]))
    return (await pruneChannels.run(deep, { remove }, [])).model
  }

  test('by cost: the widest of which a group has two, as far as the share can be reached', () => {
    const choose = (macs: number) => kept(chooseChannels(channels, { macs, importance, scale: 'within' })!)
    for (const macs of [0.9, 0.7, 0.5]) {
      const [first, second, third] = choose(macs)
      expect(first! % 4, `${macs}`).toBe(0)
      expect(second! % 8, `${macs}`).toBe(0)
      expect(third! % 8, `${macs}`).toBe(0)
    }
    // With blocks of four, three quarters of this network would go where half was asked for.
    const small = seeded(`g (float[N,1,6,6] x) => (float[N,1,6,6] y)
      <${weight('w0', '8,1,3,3')}, ${weight('w1', '8,8,3,3')}, ${weight('w2', '1,8,1,1')}>
      { a = Conv<pads: ints = [1,1,1,1]>(x, w0)  r = Relu(a)  b = Conv<pads: ints = [1,1,1,1]>(r, w1)  s = Relu(b)
        y = Conv(s, w2) }`)
    const own = channelGroups(small, rowed(small))
    const half = chooseChannels(own, { macs: 0.5, importance: weightImportance(small, own.groups), scale: 'within' })!
    expect(macsAfter(own, half) / macsAfter(own, new Map())).toBeGreaterThan(0.45)
    // Less than one block of each costs: smaller ones.
    expect(choose(0.1).some((count, i) => count % [4, 8, 8][i]! !== 0)).toBe(true)
  })

  test('an eighth of each group stays, rounded up', () => {
    const macs = leastMacs(channels, { importance, scale: 'within' })
    expect(kept(chooseChannels(channels, { macs, importance, scale: 'within' })!)).toEqual([2, 2, 6])
  })

  test('within groups their own scale decides; across them, what a channel costs', () => {
    const louder = new Map([...importance].map(([id, scores], i) => [id, scores.map((score) => score * 10 ** i)]))
    const choose = (scores: typeof importance) =>
      chooseChannels(channels, { macs: 0.6, importance: scores, scale: 'within' })
    expect(choose(louder)).toEqual(choose(importance))
    // Those of the second group are multiplied most: with 9 · (12 + 48) weights.
    const alike = new Map(channels.groups.map(({ id, channels: own }) => [id, new Float64Array(own.length).fill(1)]))
    expect(kept(chooseChannels(channels, { macs: 0.7, importance: alike, scale: 'across' })!)).toEqual([12, 10, 48])
  })

  test('by width: near the share, and never nothing at all where a channel can go', () => {
    expect(kept(narrowChannels(channels, 0.5, importance))).toEqual([8, 8, 24])
    expect(kept(narrowChannels(channels, 0.7, importance))).toEqual([8, 8, 32])
    expect(kept(narrowChannels(channels, 0.96, importance))).toEqual([12, 15, 46])
  })

  test('a narrower student runs in the kernels of the whole model', async () => {
    const kernels = async (model: Model) => {
      const read = await ortNode.kernels(model)
      if ('reason' in read) throw new Error(read.reason)
      return read.counts
    }
    const whole = await kernels(deep)
    expect(await kernels(await without(narrowChannels(channels, 0.7, importance)))).toMatchObject({
      Conv: whole.Conv ?? 0,
    })
  })

  test('a head fills its blocks by itself', () => {
    const head = (places: number) => ({ weights: [{ name: 'w', axis: 1, places: Array(places).fill(0) }], values: [] })
    const group = (heads: number, places: number) => ({
      id: 'w:1',
      nodes: [],
      channels: Array(heads).fill(head(places)),
    })
    expect(blockOf(group(16, 64), 8)).toBe(1)
    expect(blockOf(group(16, 4), 8)).toBe(2)
    expect(blockOf(group(64, 1), 8)).toBe(8)
    expect(blockOf(group(64, 1), 4)).toBe(4)
    expect(blockOf(group(7, 1), 8)).toBe(1)
  })
})

test('a residual block that is left out leaves what goes around it', async () => {
  const model = seeded(nets['a residual addition ties what it adds']!.text)
  const blocks = residualBlocks(model)
  expect(blocks.map(({ around }) => around)).toEqual(['r'])
  const shallow = dropBlocks(model, blocks)
  expect(checkModel(shallow)).toEqual([])
  expect(shallow.graph.nodes.map(({ opType }) => opType)).toEqual([
    'Conv',
    'Relu',
    'GlobalAveragePool',
    'Flatten',
    'Gemm',
  ])
  expect([...shallow.graph.initializers.keys()]).toEqual(['w0', 'w3'])
})

test('weights are set by digest, and what does not fit is refused', async () => {
  const model = seeded(nets['a concatenation keeps its parts apart']!.text)
  const tensors = new Map([['sha256:a', Float32Array.from({ length: 8 }, (_, i) => i)]])
  const evidence = [
    { report: { kind: 'recipe', version: 1, whetstone: '0', steps: [], evidence: {} } as const, tensors },
  ]
  const weights = { w0: 'sha256:a', w1: 'sha256:a', w2: 'sha256:b', w9: 'sha256:a' }
  const { model: after, report } = await setWeights.run(model, { weights }, evidence)
  expect(report.applied).toBe(1)
  expect(report.refused.map(({ node }) => node)).toEqual(['w1', 'w2', 'w9'])
  expect([...tensorValues(after.graph.initializers.get('w0')!)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
})
