import { describe, expect, test } from 'vitest'
import { differences, distance, numbers, oracle, ortNode, runOnce } from '../../../tests/gradient-kit.ts'
import { generator } from '../../../tests/rewrite-kit.ts'
import type { Feeds, TensorValue } from '../../engine/index.ts'
import { checkModel, type Model, operatorName, parseModel } from '../../ir/index.ts'
import { type DifferentiateOptions, differentiate, type Loss } from './index.ts'

const model = (text: string, opset = 21): Model => parseModel(`<ir_version: 10, opset_import: ["" : ${opset}]> ${text}`)
const float = (dims: readonly number[], seed = 1): TensorValue => {
  const random = generator(seed)
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random() * 4 - 2)
  return { dtype: 'float32', dims, data }
}
const int64 = (dims: readonly number[], values: readonly number[]): TensorValue => ({
  dtype: 'int64',
  dims,
  data: BigInt64Array.from(values, BigInt),
})
const reasons = (before: Model, options: DifferentiateOptions) =>
  differentiate(before, options).report.refused.map(({ node, reason }) => `${node}: ${reason}`)

const seeded = (wrt: readonly string[], more: Partial<DifferentiateOptions> = {}): DifferentiateOptions => ({
  loss: { kind: 'seeded', output: 'y', seed: 'seed' },
  wrt,
  ...more,
})

describe('losses', () => {
  const rows = model('g (float[N,5] x) => (float[N,5] z) { z = Mul(x, x) }')
  const pixels = model('g (float[N,3,H,W] x) => (float[N,3,H,W] z) { z = Mul(x, x) }')
  const labels = int64([4], [0, 4, 2, 2])
  const softmax = (value: TensorValue): TensorValue => {
    const data = new Float32Array(value.data.length)
    for (let row = 0; row < 4; row++) {
      const part = Array.from((value.data as Float32Array).subarray(row * 5, row * 5 + 5), Math.exp)
      const sum = part.reduce((a, b) => a + b, 0)
      data.set(
        part.map((each) => each / sum),
        row * 5,
      )
    }
    return { ...value, data }
  }
  const cases: readonly (readonly [name: string, loss: Loss, targets: Feeds, shape?: Model])[] = [
    ['cross-entropy', { kind: 'cross-entropy', output: 'z', labels: 't' }, { t: labels }],
    ['with smoothing', { kind: 'cross-entropy', output: 'z', labels: 't', smoothing: 0.1 }, { t: labels }],
    [
      'with soft labels',
      { kind: 'cross-entropy', output: 'z', labels: 't', soft: true },
      { t: softmax(float([4, 5], 5)) },
    ],
    [
      'with an ignored label',
      { kind: 'cross-entropy', output: 'z', labels: 't', ignore: -100 },
      { t: int64([4], [0, -100, 2, 1]) },
    ],
    [
      'of pixels',
      { kind: 'cross-entropy', output: 'z', labels: 't' },
      { t: int64([2, 2, 2], [0, 1, 2, 0, 1, 2, 2, 1]), x: float([2, 3, 2, 2], 3) },
      pixels,
    ],
    ['kl', { kind: 'kl', output: 'z', teacher: 't', temperature: 3 }, { t: float([4, 5], 9) }],
    ['mse', { kind: 'mse', output: 'z', target: 't' }, { t: float([4, 5], 9) }],
    ['cosine', { kind: 'cosine', output: 'z', target: 't' }, { t: float([4, 5], 9) }],
    ['hinge', { kind: 'hinge', output: 'z', labels: 't' }, { t: labels }],
    ['dlr', { kind: 'dlr', output: 'z', labels: 't' }, { t: labels }],
    [
      'dlr-targeted',
      { kind: 'dlr-targeted', output: 'z', labels: 't', targets: 'u' },
      { t: labels, u: int64([4], [1, 0, 3, 4]) },
    ],
    ['margin', { kind: 'margin', output: 'z', labels: 't', targets: 'u' }, { t: labels, u: int64([4], [1, 0, 3, 4]) }],
    [
      'a sum',
      {
        kind: 'sum',
        terms: [
          { loss: { kind: 'cross-entropy', output: 'z', labels: 't' }, weight: 0.3 },
          { loss: { kind: 'kl', output: 'z', teacher: 'u', temperature: 2 }, weight: 0.7 },
        ],
      },
      { t: labels, u: float([4, 5], 9) },
    ],
  ]

  test.each(cases.map(([name, loss, targets, shape = rows]) => ({ name, loss, targets, shape })))(
    '$name: value on both engines, gradient by central differences',
    async ({ loss, targets, shape }) => {
      for (const reduction of ['mean', 'sum'] as const) {
        const made = differentiate(shape, { loss, wrt: ['x'], reduction })
        expect(made.report.refused).toEqual([])
        expect(checkModel(made.model)).toEqual([])
        const feeds: Feeds = { x: float([4, 5], 3), ...targets }
        const [own, native] = [await runOnce(oracle, made.model, feeds), await runOnce(ortNode, made.model, feeds)]
        expect(distance(numbers(native[made.loss]!), numbers(own[made.loss]!))).toBeLessThan(1e-5)
        // The loss alone as a model whose differences are the oracle.
        const alone: Model = {
          ...made.model,
          graph: {
            ...made.model.graph,
            nodes: [
              ...made.model.graph.nodes,
              { opType: 'Identity', domain: '', name: '', inputs: [made.loss], outputs: ['y'], attributes: new Map() },
            ],
            outputs: [{ name: 'y', type: { kind: 'unknown' } }],
          },
        }
        const gradient = made.gradients.get('x')!
        expect(distance(numbers(own[gradient]!), await differences(alone, feeds, [1], 'x'))).toBeLessThan(1e-6)
        expect(distance(numbers(native[gradient]!), numbers(own[gradient]!))).toBeLessThan(2e-5)
        if (made.places) {
          const places = numbers(own[made.places]!)
          const counted = loss.kind === 'cross-entropy' && loss.ignore !== undefined ? 3 : places.length
          const total = places.reduce((a, b) => a + b, 0)
          expect(numbers(own[made.loss]!)[0]).toBeCloseTo(reduction === 'sum' ? total : total / counted, 9)
        }
      }
    },
  )

  test('known values: uniform logits cost ln n, a perfect match costs nothing', async () => {
    const made = differentiate(rows, { loss: { kind: 'cross-entropy', output: 'z', labels: 't' }, wrt: ['x'] })
    const x: TensorValue = { dtype: 'float32', dims: [4, 5], data: new Float32Array(20).fill(1) }
    expect(numbers((await runOnce(oracle, made.model, { x, t: labels }))[made.loss]!)[0]).toBeCloseTo(Math.log(5), 12)
    const same = differentiate(rows, { loss: { kind: 'kl', output: 'z', teacher: 'z' }, wrt: ['x'] })
    expect(same.inputs).toEqual([])
    expect(Math.abs(numbers((await runOnce(oracle, same.model, { x }))[same.loss]!)[0]!)).toBeLessThan(1e-12)
  })

  test('an output of one element is a loss; one of more is not; too few classes are said', () => {
    const sum = model('g (float[3] x) => (float y) { s = Mul(x, x) y = ReduceSum<keepdims = 0>(s) }')
    expect(differentiate(sum, { loss: { kind: 'output', output: 'y' }, wrt: ['x'] }).report.refused).toEqual([])
    expect(reasons(rows, { loss: { kind: 'output', output: 'z' }, wrt: ['x'] })[0]).toContain('is not one number')
    const two = model('g (float[N,2] x) => (float[N,2] z) { z = Neg(x) }')
    expect(reasons(two, { loss: { kind: 'dlr', output: 'z', labels: 't' }, wrt: ['x'] })[0]).toContain(
      'needs 3 classes',
    )
  })
})

describe('what cannot be reached is refused, with the reason; the rest is there', () => {
  test('a branch has no rule: what lies before it is refused, what lies behind it is not', () => {
    const branching = model(`g (float[2] x, float[2] w, bool c) => (float[2] y) {
      b = If(c) <then_branch = t () => (float[2] p) { p = Neg(x) }, else_branch = e () => (float[2] q) { q = Abs(x) }>
      y = Mul(b, w) }`)
    const made = differentiate(branching, seeded(['x', 'w', 'b']))
    expect([...made.gradients.keys()]).toEqual(['w', 'b'])
    expect(made.report.refused).toEqual([
      { node: 'x', reason: 'If "b" has no gradient rule; values behind it (b) can still be reached' },
    ])
  })

  test('outputs that a node leaves out have no name to be reached by', () => {
    const rows = model('g (float[2] x) => (float[2] y) { , y = some.Layer(x) }')
    expect(reasons(rows, seeded(['x']))[0]).toContain('values behind it (y) can still be reached')
  })

  test('forms of recurrent layers and bodies of Scan, each with its reason', () => {
    const layer = (attributes: string, hidden = '2') =>
      model(`g (float[3,1,2] x, float[1,6,2] w, float[1,6,${hidden}] r) => (float y) {
        y = GRU<hidden_size = 2${attributes}>(x, w, r) }`)
    expect(reasons(layer(', layout = 1'), seeded(['x']))).toEqual([
      'x: the gradient of GRU "y" is not known: its batch comes first',
    ])
    expect(reasons(layer('', 'n'), seeded(['x']))[0]).toContain('how many units it has is not known')
    expect(reasons(layer(', activations = ["Affine", "Tanh"]'), seeded(['x']))[0]).toContain(
      'its activation is "affine"',
    )
    const steps = model(`g (float[2] s, float[3,2] x) => (float[3,2] y) {
      t, y = Scan<num_scan_inputs = 1, body = b (a, e) => (n, o) { h = Hardmax(a)  n = Add(h, e)  o = Neg(n) }>(s, x) }`)
    expect(reasons(steps, seeded(['x']))[0]).toContain('is not known: in its body, Hardmax "h" has no gradient rule')
  })

  test('no gradient with a part missing is handed out', () => {
    const partly = model('g (float[1,2] x) => (float[1,2] y) { a = Hardmax(x) b = Mul(x, x) y = Add(a, b) }')
    expect(reasons(partly, seeded(['x']))).toEqual([
      'x: Hardmax "a" has no gradient rule; values behind it (a) can still be reached',
    ])
  })

  test('no way, integers alone, an unknown value, an old operator set', () => {
    const two = model('g (float[2] x, float[2] z) => (float[2] y, float[2] u) { y = Neg(x) u = Neg(z) }')
    expect(reasons(two, seeded(['z']))).toEqual(['z: the loss does not depend on it'])
    const whole = model('g (float[2] x) => (float[2] y) { i = Cast<to = 7>(x) y = Cast<to = 1>(i) }')
    expect(reasons(whole, seeded(['x']))[0]).toMatch(
      /^x: on every way from it to the loss .*: Cast "i"; values behind \(i\) can still be reached$/,
    )
    const coin = model('g (float[2] x) => (float[2] y) { h = Neg(x) c = Bernoulli(h) y = Mul(c, c) }')
    expect(reasons(coin, seeded(['x']))[0]).toContain('Bernoulli "c"; values behind (c) can still be reached')
    expect(reasons(whole, seeded(['nothing']))).toEqual(['nothing: the model has no such value'])
    const old = model('g (float[2] x) => (float[2] y) { y = Neg(x) }', 13)
    const made = differentiate(old, seeded(['x']))
    expect(made.report.refused[0]!.reason).toContain('operator set 13 is too old')
    expect(made.model).toBe(old)
  })

  test('true rounding has no gradient, the estimate has one', () => {
    const rounded = model('g (float[2] x) => (float[2] y) { r = Round(x) y = Mul(r, r) }')
    expect(reasons(rounded, seeded(['x'], { rounding: 'exact' }))[0]).toContain('a small change does not move')
    expect(reasons(rounded, seeded(['x']))).toEqual([])
  })
})

describe('the model that is made', () => {
  test('gradients by inputs, weights and inner values at once; constants stay constants; outputs may go', async () => {
    const net = model(`g (float[N,3] x) => (float[N,2] y)
      <float[3,2] w = {1, 2, 3, 4, 5, 6}> { h = MatMul(x, w) y = Tanh(h) }`)
    const made = differentiate(net, seeded(['x', 'w', 'h'], { keepOutputs: false }))
    expect(made.model.graph.initializers.has('w')).toBe(true)
    expect(made.model.graph.outputs.map(({ name }) => name)).toEqual([made.loss, ...made.gradients.values()])
    const feeds = { x: float([4, 3]), seed: float([4, 2], 2) }
    const [own, native] = [await runOnce(oracle, made.model, feeds), await runOnce(ortNode, made.model, feeds)]
    for (const [value, dims] of [
      ['x', [4, 3]],
      ['w', [3, 2]],
      ['h', [4, 2]],
    ] as const) {
      const name = made.gradients.get(value)!
      expect(own[name]!.dims).toEqual(dims)
      expect(distance(numbers(native[name]!), numbers(own[name]!))).toBeLessThan(2e-5)
    }
  })

  test('a gradient can be differentiated again: the second derivative of x⁴', async () => {
    const quartic = model('g (float[3] x) => (float[3] y) { s = Mul(x, x) y = Mul(s, s) }')
    const first = differentiate(quartic, { loss: { kind: 'seeded', output: 'y', seed: 'ones' }, wrt: ['x'] })
    const slope = first.gradients.get('x')!
    const second = differentiate(first.model, { loss: { kind: 'seeded', output: slope, seed: 'more' }, wrt: ['x'] })
    const ones: TensorValue = { dtype: 'float32', dims: [3], data: new Float32Array(3).fill(1) }
    const x: TensorValue = { dtype: 'float32', dims: [3], data: Float32Array.of(1, -2, 0.5) }
    const results = await runOnce(oracle, second.model, { x, ones, more: ones })
    expect(numbers(results[second.gradients.get('x')!]!)).toEqual([12, 48, 3])
  })

  test('in training, batch normalization uses the batch and hands out the running statistics', async () => {
    const net = model(`g (float[N,2,3] x) => (float[N,2,3] y)
      <float[2] s = {1, 2}, float[2] b = {0, 1}, float[2] m = {0.5, 0}, float[2] v = {1, 2}>
      { y = BatchNormalization<momentum: float = 0.75>(x, s, b, m, v) }`)
    const made = differentiate(net, seeded(['x', 's', 'b'], { training: true }))
    expect(made.report.refused).toEqual([])
    expect(made.model.graph.nodes.map(operatorName)).not.toContain('BatchNormalization')
    const feeds = { x: float([4, 2, 3]), seed: float([4, 2, 3], 2) }
    const native = await runOnce(ortNode, made.model, feeds)
    const x = numbers(feeds.x)
    const channel = x.filter((_, i) => Math.floor(i / 3) % 2 === 0)
    const mean = channel.reduce((a, c) => a + c, 0) / 12
    const variance = channel.reduce((a, c) => a + (c - mean) ** 2, 0) / 12
    expect(numbers(native[made.updates.get('m')!]!)[0]).toBeCloseTo(0.75 * 0.5 + 0.25 * mean, 5)
    expect(numbers(native[made.updates.get('v')!]!)[0]).toBeCloseTo(0.75 * 1 + 0.25 * variance, 5)
  })

  test('computed again instead of held: the same gradients, and the runtime does not merge the two computations', async () => {
    const steps = Array.from(
      { length: 16 },
      (_, i) => `a${i} = Mul(${i === 0 ? 'x' : `s${i - 1}`}, w) s${i} = Sin(a${i})`,
    )
    const chain = model(`g (float[N] x) => (float[N] y) <float w = {1.5}> { ${steps.join(' ')} y = Neg(s15) }`)
    const feeds = { x: float([6]), seed: float([6], 2) }
    const held = differentiate(chain, seeded(['x', 'w']))
    const wanted = await runOnce(ortNode, held.model, feeds)
    for (const recompute of ['auto', ['s7']] as const) {
      const made = differentiate(chain, seeded(['x', 'w'], { recompute }))
      expect(checkModel(made.model)).toEqual([])
      const got = await runOnce(ortNode, made.model, feeds)
      for (const value of ['x', 'w'])
        expect(
          distance(numbers(got[made.gradients.get(value)!]!), numbers(wanted[held.gradients.get(value)!]!)),
        ).toBeLessThan(1e-6)
      const kernels = await ortNode.kernels(made.model)
      expect('counts' in kernels && kernels.counts.Sin).toBeGreaterThan(16)
      // What is held between the passes: kept values, not every step.
      const forward = new Set(chain.graph.nodes.flatMap((node) => node.outputs))
      const readers = made.model.graph.nodes.slice(chain.graph.nodes.length).flatMap((node) => node.inputs)
      const read = new Set(readers.filter((name) => forward.has(name)))
      expect(read.size).toBeLessThan(10)
    }
  })

  test('learned scales: the gradient of LSQ, code minus x/s inside the range and the range’s end outside', async () => {
    const net = model(`g (float[4] x, float s) => (float[4] y) <int8 z = {0}> {
      q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }`)
    const made = differentiate(net, seeded(['s']))
    const s = 0.1
    const x = [0.234, -0.51, 50, -50]
    const feeds: Feeds = {
      x: { dtype: 'float32', dims: [4], data: Float32Array.from(x) },
      s: { dtype: 'float32', dims: [], data: Float32Array.of(s) },
      seed: { dtype: 'float32', dims: [4], data: Float32Array.of(1, 10, 100, 1000) },
    }
    const wanted = 2 - 2.34 + 10 * (-5 + 5.1) + 100 * 127 + 1000 * -128
    expect(numbers((await runOnce(oracle, made.model, feeds))[made.gradients.get('s')!]!)[0]).toBeCloseTo(wanted, 2)
  })
})
