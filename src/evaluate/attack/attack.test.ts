import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Dataset, memoryDataset, openDataset } from '../../data/index.ts'
import { ortNode, reference } from '../../engine/index.ts'
import { type Model, parseModel, type Tensor, tensorOf, toNumbers } from '../../ir/index.ts'
import { decodeModel } from '../../onnx/index.ts'
import { type AttackOptions, attack as attackModel } from '../../recipe/index.ts'
import { toHyperplane } from './fab.ts'
import type { FooledRow } from './fooled.ts'
import { planeOf } from './plane.ts'
import { shareAt } from './square.ts'

/**
 * A network 64-32-10 on 360 of the UCI handwritten digits (via scikit-learn, CC BY 4.0). What AutoAttack leaves of it:
 * 255 rows at L∞ 0.05, 77 at L∞ 0.1, 84 at L2 0.5, the same for two seeds of the authors' implementation.
 */
const FIXTURES = join(import.meta.dirname, 'fixtures')
let network: Model
let digits: Dataset
beforeAll(async () => {
  network = decodeModel(readFileSync(join(FIXTURES, 'digits-mlp.onnx')))
  digits = await openDataset(join(FIXTURES, 'digits.npz'), {
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 64] }],
  })
})

/** In this process: starting others takes longer than these small models run. */
const attack = (model: Model, data: Dataset, options: AttackOptions = {}) =>
  attackModel(model, data, { open: ortNode.open, ...options })

/** AutoAttack's own counts differ between seeds by about as much. */
const near = (count: number, wanted: number, by = 2) =>
  expect(Math.abs(count - wanted), `${count} for ${wanted}`).toBeLessThanOrEqual(by)

describe('counts of the authors’ implementation', { timeout: 300_000 }, () => {
  test('L∞ 0.1: 77 of 360 stand the ensemble, each attack alone as published', async () => {
    const report = await attack(network, digits, { eps: 0.1 })
    expect([report.clean, report.gradient, report.alarms]).toEqual([{ correct: 348, n: 360 }, 'exact', []])
    near(report.robust.correct, 77)
    near(report.byAttack['apgd-ce']!.correct, 93)
    near(report.byAttack['apgd-t']!.correct, 77)
    near(report.byAttack['fab-t']!.correct, 80)
    near(report.byAttack.square!.correct, 139, 6)
  })

  test('L∞ 0.05: 255; L2 0.5: 84', async () => {
    near((await attack(network, digits, { attack: 'apgd-t', eps: 0.05 })).robust.correct, 255)
    near((await attack(network, digits, { attack: 'apgd-t', norm: 'l2', eps: 0.5 })).robust.correct, 84)
  })

  test('its integer form: 79, straight through the rounding (the true gradient “finds” 329 robust); 84 by transfer', async () => {
    const report = await attack(integerForm(network), digits, { attack: 'apgd-t', against: network })
    expect(report.gradient).toBe('straight-through')
    near(report.byAttack['apgd-t']!.correct, 79)
    near(report.byAttack.transfer!.correct, 84)
    near(report.against!.byAttack['apgd-t']!.correct, 77)
    expect(report.robust.correct).toBeLessThanOrEqual(report.byAttack['apgd-t']!.correct)
    expect(report.paired!.candidateOnly - report.paired!.baseOnly).toBe(
      report.robust.correct - report.against!.robust.correct,
    )
  })
})

/** Published scales; W_q = round(W/s)·s, activations in steps of 1/255 and of sh. */
function integerForm(model: Model): Model {
  const scales = { s1: 0.019810594618320465, s2: 0.00842647347599268, sh: 0.027333922684192657, sx: 1 / 255 }
  const { initializers } = model.graph
  const codes = (name: string, s: number): Tensor => {
    const weight = initializers.get(name)!
    const rounded = Int8Array.from(toNumbers(weight), (value) => halfEven(Math.fround(value / Math.fround(s))))
    return tensorOf('int8', weight.dims, rounded, name)
  }
  const shell = parseModel(`<ir_version: 10, opset_import: ["" : 21]> g (float[N,64] x) => (float[N,10] z) {
    xq = QuantizeLinear(x, sx, zero)  xd = DequantizeLinear(xq, sx, zero)
    w1 = DequantizeLinear(W1, s1)  h = Gemm<transB = 1>(xd, w1, b1)  r = Relu(h)
    rq = QuantizeLinear(r, sh, zero)  rd = DequantizeLinear(rq, sh, zero)
    w2 = DequantizeLinear(W2, s2)  z = Gemm<transB = 1>(rd, w2, b2) }`)
  const all = new Map<string, Tensor>([
    ['W1', codes('W1', scales.s1)],
    ['W2', codes('W2', scales.s2)],
    ['b1', initializers.get('b1')!],
    ['b2', initializers.get('b2')!],
    ['zero', tensorOf('uint8', [], [0], 'zero')],
    ...Object.entries(scales).map(([name, value]) => [name, tensorOf('float32', [], [value], name)] as const),
  ])
  return { ...shell, graph: { ...shell.graph, initializers: all } }
}

function halfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor
}

const draws = (seed: number) => {
  let state = seed
  return () => {
    state = (state * 16807) % 2147483647
    return (state - 1) / 2147483646
  }
}

/** z = x·W with `classes` columns over `width` inputs, and rows whose labels are its own answers. */
async function linear(classes: number, width: number, rows: number, seed = 7) {
  const random = draws(seed)
  const w = Float32Array.from({ length: width * classes }, () => random() * 2 - 1)
  const x = Float32Array.from({ length: rows * width }, () => random())
  const score = (row: number, c: number) =>
    x.subarray(row * width, (row + 1) * width).reduce((sum, v, i) => sum + v * w[i * classes + c]!, 0)
  const labels = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: classes }, (_, c) => c).reduce((best, c) => (score(row, c) > score(row, best) ? c : best)),
  )
  const model = linearModel(w, width, classes)
  /** Rows whose distance to every other class, in the dual norm, is above ε. */
  const robust = (eps: number, q: 1 | 2) =>
    labels.filter((label, row) =>
      Array.from({ length: classes }, (_, c) => c).every((c) => {
        if (c === label) return true
        const d = Array.from({ length: width }, (_, i) => w[i * classes + label]! - w[i * classes + c]!)
        const dual = q === 1 ? d.reduce((s, v) => s + Math.abs(v), 0) : Math.sqrt(d.reduce((s, v) => s + v * v, 0))
        return score(row, label) - score(row, c) > eps * dual
      }),
    ).length
  return { model, robust, data: await rowsFor(x, labels, width) }
}

const linearModel = (w: Float32Array, width: number, classes: number, body = 'z = MatMul(x, w)'): Model => {
  const shell = parseModel(
    `<ir_version: 10, opset_import: ["" : 21]> g (float[N,${width}] x) => (float[N,${classes}] z) { ${body} }`,
  )
  return {
    ...shell,
    graph: { ...shell.graph, initializers: new Map([['w', tensorOf('float32', [width, classes], w, 'w')]]) },
  }
}

const rowsFor = (x: Float32Array, labels: readonly number[], width: number): Promise<Dataset> =>
  memoryDataset(
    {
      x: { dtype: 'float32', dims: [labels.length, width], data: x },
      labels: { dtype: 'int64', dims: [labels.length], data: BigInt64Array.from(labels, BigInt) },
    },
    { inputs: [{ name: 'x', dtype: 'float32', shape: ['N', width] }] },
  )

describe('a linear model, whose robust rows are known exactly: those further from every boundary than ε', {
  timeout: 120_000,
}, () => {
  const wide = { range: [-50, 50] as const }

  test.each([
    ['fgsm', 'linf', 0.05],
    ['pgd', 'linf', 0.05],
    ['apgd-ce', 'linf', 0.05],
    ['fab-t', 'linf', 0.05],
    ['pgd', 'l2', 0.15],
    ['apgd-ce', 'l2', 0.15],
    ['fab-t', 'l2', 0.15],
  ] as const)('two classes, %s in %s', async (name, norm, eps) => {
    const { model, robust, data } = await linear(2, 12, 60)
    const report = await attack(model, data, { attack: name, norm, eps, ...wide })
    expect(report.robust.correct).toBe(robust(eps, norm === 'linf' ? 1 : 2))
    expect(report.robust.correct).toBeLessThan(60)
    expect(report.robust.correct).toBeGreaterThan(0)
  })

  test.each([
    ['apgd-t', 'linf', 0.04],
    ['fab-t', 'linf', 0.04],
    ['apgd-t', 'l2', 0.12],
    ['fab-t', 'l2', 0.12],
  ] as const)('five classes, %s in %s', async (name, norm, eps) => {
    const { model, robust, data } = await linear(5, 12, 60, 11)
    const report = await attack(model, data, { attack: name, norm, eps, ...wide })
    expect(report.robust.correct).toBe(robust(eps, norm === 'linf' ? 1 : 2))
  })

  test('the same seed gives the same report; with few classes the attack that needs four is left out and said', async () => {
    const { model, data } = await linear(2, 12, 30)
    const options: AttackOptions = { eps: 0.05, ...wide, seed: 3, indices: Array.from({ length: 20 }, (_, i) => i) }
    const first = await attack(model, data, options)
    expect(await attack(model, data, options)).toEqual(first)
    expect(first.clean.n).toBe(20)
    expect(Object.keys(first.byAttack)).toEqual(['apgd-ce', 'fab-t', 'square'])
    expect(first.warnings.join()).toContain('apgd-t needs four classes')
  })

  test('where no attack that was asked for can be made, no row is said to stand it', async () => {
    const { model, data } = await linear(3, 12, 10)
    const asked = attack(model, data, { attack: 'apgd-t', eps: 0.05, ...wide })
    await expect(asked).rejects.toMatchObject({
      code: 'unsupported',
      message: 'apgd-t needs four classes, and the model has 3',
      hint: expect.stringContaining('--attack fab-t'),
    })
  })
})

describe('rows that were turned', () => {
  test('stand in the report, with their values, the smallest change and what the loss hangs on', async () => {
    let shown: readonly FooledRow[] = []
    const report = await attack(network, digits, {
      ...{ attack: 'fgsm', eps: 0.1, examples: 3, indices: Array.from({ length: 40 }, (_, row) => row) },
      onFooled: (rows) => (shown = rows),
    })
    expect(report.fooled).toHaveLength(3)
    const bare = shown.map(({ row, label, answer, attack: by, largest, length }) => {
      return { row, label, answer, attack: by, largest, length }
    })
    expect(report.fooled).toEqual(bare)
    const session = await ortNode.open(network)
    const output = session.outputs[0]!.name
    for (const { before, after, label, answer, largest, slope } of shown) {
      const answers = await Promise.all(
        [before, after].map(async (data) => {
          const results = await session.run({ x: { dtype: 'float32', dims: [1, 64], data } })
          const scores = [...(results[output]!.data as Float32Array)]
          return scores.indexOf(Math.max(...scores))
        }),
      )
      expect(answers).toEqual([label, answer])
      expect(answer).not.toBe(label)
      expect(largest).toBeGreaterThan(0)
      expect(largest).toBeLessThanOrEqual(0.1 + 1e-6)
      // One step along the sign of that very gradient is what turned the row.
      for (const [i, value] of after.entries())
        if (value !== before[i]) expect(Math.sign(value - before[i]!)).toBe(Math.sign(slope![i]!))
    }
    await session.close()
  })
})

describe('gradients that hide', { timeout: 120_000 }, () => {
  test('a loss without slope, and a search that beats the gradient, are alarms', async () => {
    const { data } = await linear(2, 12, 40)
    const w = Float32Array.from({ length: 24 }, draws(7)).map((v) => v * 2 - 1)
    const steep = `k = Constant<value = float {10000}>() l = Constant<value = float {-1}>() h = Constant<value = float {1}>()
      s = MatMul(x, w) d = Mul(s, k) z = Clip(d, l, h)`
    const labels = await labelsOf(linearModel(w, 12, 2, steep), data)
    const report = await attack(linearModel(w, 12, 2, steep), labels, { eps: 0.4, range: [-50, 50] })
    expect(report.alarms.join()).toMatch(/no slope at \d+ of \d+ rows/)
    expect(report.alarms.join()).toMatch(/square, which sees no gradient, .* the gradient is hidden/)
    expect(report.sentence).toContain('The true number may be lower')
  })

  test('a limit that float32 does not hold exactly lets through what is cut to it', async () => {
    const w = Float32Array.from({ length: 24 }, draws(7)).map((v) => v * 2 - 1)
    const model = linearModel(w, 12, 2)
    const x = Float32Array.from({ length: 240 }, draws(3)).map((v) => v / 2 - 0.25)
    const data = await labelsOf(model, await rowsFor(x, new Array(20).fill(0), 12))
    // 0.3 is stored as 0.30000001; every move of this size is cut to the limits.
    const report = await attack(model, data, { attack: 'fgsm', eps: 5, range: [-0.3, 0.3] })
    expect([report.clean.correct, report.robust.correct]).toEqual([20, 0])
    expect(report.range).toEqual([-0.3, 0.3])
    const ends = await rowsFor(Float32Array.of(0.1, 0.3, 0.7, 0.3), [0], 4)
    const ordinary = (await linear(3, 4, 5)).model
    await expect(attack(ordinary, ends, { range: [0.1, 0.7], attack: 'fgsm' })).resolves.toBeDefined()
    await expect(attack(ordinary, ends, { range: [0.1, 0.6] })).rejects.toThrow('rows go from 0.1 to 0.7, beyond')
  })

  test('probabilities are attacked through their logits', async () => {
    const { robust, data, model } = await linear(2, 12, 60)
    const w = model.graph.initializers.get('w')!
    const sharp = linearModel(
      Float32Array.from(toNumbers(w)),
      12,
      2,
      'k = Constant<value = float {300}>() s = MatMul(x, w) d = Mul(s, k) z = Softmax(d)',
    )
    const report = await attack(sharp, data, { attack: 'fab-t', eps: 0.05, range: [-50, 50] })
    expect(report.robust.correct).toBe(robust(0.05, 1))
  })
})

async function labelsOf(model: Model, data: Dataset): Promise<Dataset> {
  const session = await reference.open(model)
  const x: number[] = []
  const labels: number[] = []
  for await (const part of data.read({ batch: 1, fields: ['x'] })) {
    const row = part.columns.x!.data as Float32Array
    const { z } = await session.run({ x: { dtype: 'float32', dims: [1, 12], data: row.slice() } })
    const [a, b] = z!.data as Float32Array
    if (a === b) continue
    x.push(...row)
    labels.push(a! > b! ? 0 : 1)
  }
  return rowsFor(Float32Array.from(x), labels, 12)
}

describe('what the user can mend', { timeout: 120_000 }, () => {
  const said = async (model: Model, data: Dataset, options: AttackOptions, what: RegExp) =>
    await expect(attack(model, data, options)).rejects.toThrow(what)

  test('labels out of range, rows that are not finite, rows outside the range, a range that nobody gave', async () => {
    const { model } = await linear(3, 4, 5)
    const x = Float32Array.from({ length: 8 }, (_, i) => i / 8)
    await said(model, await rowsFor(x, [0, 3], 4), {}, /label 3 of row 1 is out of range: the model has 3 classes/)
    await said(model, await rowsFor(x, [0, -1], 4), {}, /label "-1" in "labels" is no class number/)
    await said(
      model,
      await rowsFor(
        x.map((v, i) => (i === 5 ? Number.NaN : v)),
        [0, 1],
        4,
      ),
      {},
      /row 1 holds NaN/,
    )
    await said(
      model,
      await rowsFor(
        x.map((v) => v * 4),
        [0, 1],
        4,
      ),
      {},
      /what values are valid\?/,
    )
    await said(model, await rowsFor(x, [0, 1], 4), { range: [0, 0.5] }, /beyond the valid range \[0, 0.5\]/)
    await said(model, await rowsFor(x, [0, 1], 4), { eps: 0 }, /eps must be above 0/)
  })

  test('a model without a gradient: the operator is named, and square still runs', async () => {
    const model = parseModel(`<ir_version: 10, opset_import: ["" : 21]> g (float[N,4] x) => (float[N,4] z) {
      t = Constant<value = float {0.5}>() l = Greater(x, t) z = Cast<to = 1>(l) }`)
    const x = Float32Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 0.6 : 0.3))
    const data = await rowsFor(x, [0, 1, 2, 3], 4)
    await said(model, data, { attack: 'pgd' }, /no gradient for this attack: on every way from it to the loss/)
    const report = await attack(model, data, { eps: 0.3 })
    expect([report.gradient, Object.keys(report.byAttack)]).toEqual(['none', ['square']])
    expect(report.warnings.join()).toContain('has no gradient')
    expect(report.sentence).toMatch(/nothing could follow its gradient\.$/)
    expect(report.robust.correct).toBe(0)
    const branching = parseModel(`<ir_version: 10, opset_import: ["" : 21]> g (float[N,4] x) => (float[N,4] z) {
      c = Constant<value = bool {1}>()
      z = If(c) <then_branch = a () => (float[N,4] p) { p = Neg(x) }, else_branch = b () => (float[N,4] q) { q = Abs(x) }> }`)
    await said(branching, data, { attack: 'fgsm' }, /If "z" has no gradient rule/)
  })
})

describe('pieces', () => {
  test('the nearest point of a hyperplane within the range', () => {
    const size = 6
    const numbers = (low: number, high: number) =>
      fc.array(fc.float({ min: Math.fround(low), max: Math.fround(high), noNaN: true }), {
        minLength: size,
        maxLength: size,
      })
    fc.assert(
      fc.property(
        numbers(0, 1),
        numbers(-2, 2),
        fc.float({ min: -3, max: 3, noNaN: true }),
        fc.constantFrom('linf' as const, 'l2' as const),
        (p, v, offset, norm) => {
          const [point, w] = [Float32Array.from(p), Float32Array.from(v)]
          const move = toHyperplane(point, w, offset, norm, [0, 1])
          const length = (d: ArrayLike<number>) =>
            norm === 'linf' ? Math.max(...Array.from(d, Math.abs)) : Math.hypot(...Array.from(d))
          let left = offset
          for (let i = 0; i < size; i++) {
            expect(point[i]! + move[i]!).toBeGreaterThanOrEqual(-1e-9)
            expect(point[i]! + move[i]!).toBeLessThanOrEqual(1 + 1e-9)
            left += w[i]! * move[i]!
          }
          const reach = p.reduce(
            (sum, _, i) => sum + Math.abs(w[i]!) * (w[i]! * offset < 0 ? 1 - point[i]! : point[i]!),
            0,
          )
          if (reach <= Math.abs(offset)) return
          expect(Math.abs(left)).toBeLessThan(1e-6)
          // Hölder: nothing shorter gets there, whatever the range.
          const dual = norm === 'linf' ? w.reduce((s, each) => s + Math.abs(each), 0) : Math.hypot(...w)
          expect(length(move)).toBeGreaterThanOrEqual(Math.abs(offset) / dual - 1e-9)
          // Where the range binds nowhere, it is exactly that long.
          const free = p.every(
            (_, i) => w[i] === 0 || Math.abs(move[i]!) < (w[i]! * offset < 0 ? 1 - point[i]! : point[i]!) - 1e-12,
          )
          if (free) expect(length(move)).toBeCloseTo(Math.abs(offset) / dual, 6)
        },
      ),
      { numRuns: 100, seed: 5 },
    )
  })

  test('squares shrink by the published schedule', () => {
    expect([0, 5, 6, 26, 101, 251, 501, 1001, 2001, 3001, 4001].map(shareAt)).toEqual(
      [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((halvings) => 0.8 / 2 ** halvings),
    )
  })

  test('rows as pictures', () => {
    const size = ({ channels, rows, columns }: ReturnType<typeof planeOf>) => [channels, rows, columns]
    expect(size(planeOf([3, 8, 6]))).toEqual([3, 8, 6])
    expect(size(planeOf([8, 6, 3]))).toEqual([3, 8, 6])
    expect(size(planeOf([1, 8, 6]))).toEqual([1, 8, 6])
    expect(size(planeOf([64]))).toEqual([1, 8, 8])
    expect(size(planeOf([7]))).toEqual([1, 1, 7])
    expect(planeOf([8, 6, 3]).at(2, 1, 4)).toBe((1 * 6 + 4) * 3 + 2)
  })
})

test.each([
  ['probability', 'z = MatMul(x, w) l = Add(z, b) y = Sigmoid(l)'],
  ['logit', 'z = MatMul(x, w) y = Add(z, b)'],
  [
    'rounded probability',
    'z = MatMul(x, w) l = Add(z, b) p = Sigmoid(l) q = QuantizeLinear(p, s, o) y = DequantizeLinear(q, s, o)',
  ],
])('one score a row, a %s: as many stand as lie further than the budget reaches', async (_, nodes) => {
  const model = parseModel(`<ir_version: 8, opset_import: ["" : 17]>
    g (float[N,2] x) => (float[N,1] y)
    <float[2,1] w = {10, -20}, float[1] b = {5}, float s = {0.00390625}, uint8 o = {0}> { ${nodes} }`)
  // l = 5 + 10·a − 20·b moves by at most 30 · 0.05 = 1.5.
  const data = await memoryDataset({
    x: { dtype: 'float32', dims: [5, 2], data: Float32Array.of(0.5, 0.45, 0.5, 0.4, 0.5, 0.55, 0.5, 0.6, 0.5, 0.3) },
    labels: { dtype: 'int64', dims: [5], data: BigInt64Array.of(1n, 1n, 0n, 0n, 0n) },
  })
  const report = await attack(model, data, { eps: 0.05, attack: 'apgd-ce', examples: 4 })
  expect(report).toMatchObject({ clean: { correct: 4, n: 5 }, robust: { correct: 2, n: 5 }, alarms: [] })
  expect(report.fooled!.map(({ row, answer }) => [row, answer])).toEqual([
    [0, 0],
    [2, 1],
  ])
})
