import { describe, expect, test } from 'vitest'
import { expectReport } from '../../tests/schema.ts'
import { type Column, memoryDataset, openDataset, subset } from '../data/index.ts'
import { ortNode, type Session, type TensorValue } from '../engine/index.ts'
import { readModel } from '../onnx/index.ts'
import { UserError } from '../platform/index.ts'
import { randomSource } from '../statistics/index.ts'
import { type CompareOptions, compare } from './compare.ts'
import type { Metric } from './metric/metric.ts'
import { metrics } from './metric/metrics.ts'
import { metricInWords } from './metric/words.ts'

/** A session of one input `x` [n, width] whose outputs are a function of each row. */
function session(
  answer: (x: Float32Array, batch: number) => readonly number[],
  { fixed = false, output = 'logits', width = 3 } = {},
): Session & { readonly runs: number[] } {
  const runs: number[] = []
  return {
    runs,
    engine: 'test',
    inputs: [{ name: 'x', dtype: 'float32', shape: [fixed ? 1 : 'n', width] }],
    outputs: [{ name: output, dtype: 'float32', shape: ['n', null] }],
    async run(feeds): Promise<Record<string, TensorValue>> {
      const [rows, size] = feeds.x!.dims as [number, number]
      runs.push(rows)
      const data = feeds.x!.data as Float32Array
      const answers = Array.from({ length: rows }, (_, i) => answer(data.subarray(i * size, (i + 1) * size), rows))
      return {
        [output]: { dtype: 'float32', dims: [rows, answers[0]!.length], data: Float32Array.from(answers.flat()) },
      }
    },
    fetchGroups: async (_feeds, names) => [names],
    close: async () => {},
  }
}

const identity = session((x) => [...x])
/** Rows whose greatest element is the label; the last column of each row tells whether it is special. */
function rowsOf(n: number, special: (i: number) => boolean = () => false) {
  const x = new Float32Array(n * 3)
  const labels = new BigInt64Array(n)
  for (let i = 0; i < n; i++) {
    labels[i] = BigInt(i % 2)
    x[i * 3 + (i % 2)] = 1
    // Most rows are no copies of others.
    x[i * 3 + 2] = special(i) ? 0.5 : -i / 2 ** 20
  }
  return {
    x: { dtype: 'float32', dims: [n, 3], data: x },
    labels: { dtype: 'int64', dims: [n], data: labels },
  } as const
}
const inputs = identity.inputs
/** Answers class 2 on special rows: wrong there, right elsewhere. */
const damaged = session((x) => (x[2]! > 0 ? [0, 0, 9] : [...x]))
const strings = (values: readonly string[]): Column => ({ dtype: 'string', dims: [values.length], data: values })
const of = async (columns: Record<string, Column>, slices?: readonly string[]) =>
  memoryDataset(columns, { inputs, ...(slices ? { slices } : {}) })

test('outputs are given back once their row is judged, and what a metric said of them stays', async () => {
  let given = 0
  const lending = (own: Session): Session => ({
    ...own,
    giveBack(fetched) {
      given++
      for (const { data } of Object.values(fetched))
        structuredClone(null, { transfer: [(data as Float32Array).buffer as ArrayBuffer] })
    },
  })
  const { x, labels } = rowsOf(300)
  const data = await of({ x, y: labels })
  const metric: Metric = {
    name: 'mine',
    higherIsBetter: true,
    score: ({ outputs, label }) => (outputs.logits!.data[label as number] as number) * 0.5,
    // A view of the outputs themselves.
    summary: ({ outputs }) => outputs.logits!.data as unknown as readonly number[],
    aggregate: (all) => all.reduce((sum, one) => sum + one[0]! + 2 * one[1]!, 0),
  }
  const options = { label: 'y', metric, batch: 4 }
  const report = await compare(lending(identity), lending(session((row) => [...row])), data, options)
  expect(report).toEqual(
    await compare(
      identity,
      session((row) => [...row]),
      data,
      options,
    ),
  )
  expect(report.base.value).toBe(450)
  expect(given).toBe(2 * 75)
})

test('a margin above the whole error of the baseline is said, and every metric is told in words', async () => {
  const values = Float32Array.from({ length: 900 }, (_, i) => 0.001 + 1e-5 * (i % 7))
  const small = { dtype: 'float32', dims: [300, 3], data: values } as const
  const labels = { dtype: 'float32', dims: [300, 3], data: new Float32Array(900) } as const
  const nothing = session(() => [0, 0, 0])
  const data = await of({ x: small, y: labels })
  const loose = await compare(identity, nothing, data, { label: 'y' })
  expect(loose).toMatchObject({ verdict: 'pass', metric: 'mae' })
  expect(loose.warnings.join()).toMatch(/margin of 0\.01 is larger than the mae of the baseline \(0\.00103\).*--margin/)
  expect(loose.story![0]).toMatch(/It tells how far its answers are from the right ones on average\.$/)
  const tight = await compare(identity, nothing, data, { label: 'y', margin: 0.0005 })
  expect(tight.warnings.join()).not.toMatch(/larger than/)
  const counted = new Set(['top1', 'top5', 'exact-match', 'recall@1', 'recall@5'])
  for (const name of Object.keys(metrics)) expect(metricInWords(name) === null, name).toBe(counted.has(name))
})

test('a margin of hardly anything, in the units of the labels, is said where it is not kept', async () => {
  const { x } = rowsOf(300)
  const labels = { dtype: 'float32', dims: [300, 3], data: x.data.map((v) => v + 50) } as const
  const data = await of({ x, y: labels })
  const worse = session((row) => [...row].map((v) => v - 1))
  const warned = async (margin: number) =>
    (await compare(identity, worse, data, { label: 'y', metric: 'mae', margin })).warnings.join()
  expect(await warned(0.01)).toMatch(
    /margin of 0\.01 is in the units of mae, of which the baseline has 50 on the 300 rows judged: 0\.02 % more .* --margin 0\.5 for 1 %/,
  )
  expect(await warned(0.01)).toMatch(/The baseline has 50 of mae; always answering 5\d.*, the mean of the labels, /)
  expect(await warned(0.6)).not.toMatch(/in the units/)
  expect(await warned(2)).not.toMatch(/in the units/)
})

test('places that are far off beside one of large numbers are said, where all together are close', async () => {
  const [n, places, width] = [40, 4, 16]
  const size = (i: number) => (Math.floor(i / width) % places === 0 ? 1000 : 1)
  const data = Float32Array.from({ length: n * places * width }, (_, i) => size(i) * Math.sin(i))
  const rows = memoryDataset({ x: { dtype: 'float32', dims: [n, places * width], data } })
  const off = (error: number): Session => {
    const flat = session((row) => [...row].map((v) => v + error), { width: places * width })
    const run: Session['run'] = async (feeds) => {
      const { logits } = await flat.run(feeds)
      return { logits: { ...logits!, dims: [logits!.dims[0]!, places, width] } as TensorValue }
    }
    return { ...flat, run }
  }
  const said = async (error: number) => {
    const { grade, warnings } = await compare(off(0), off(error), await rows)
    const told = /keeps 71 dB over all of its places, but half of them keep no more than 17:/
    return [grade, told.test(warnings.join())]
  }
  expect(await said(0.1)).toEqual(['close', true])
  expect(await said(0.001)).toEqual(['close', false])
})

test('numbers that are far off on rows of large ones are said, where answers stay the same', async () => {
  const n = 400
  const { x, labels } = rowsOf(n)
  const data = await of({
    x: { ...x, data: x.data.map((v, i) => (Math.floor(i / 3) % 50 === 0 ? 100 * v : v)) },
    y: labels,
  })
  const cut = session((row) => [...row].map((v) => Math.min(v, 2) * 0.999))
  const report = await compare(identity, cut, data, { label: 'y' })
  expect(report).toMatchObject({ verdict: 'pass', agreement: { changed: 0 } })
  expect(report.warnings.join()).toMatch(/rows of unusually large numbers .*: 0 dB over all rows, 60 without these/)
  const even = session((row) => [...row].map((v) => v * 0.9))
  expect((await compare(identity, even, data, { label: 'y' })).warnings.join()).not.toMatch(/large numbers/)
})

test('answers that are no numbers are said, also where so few of them pass', async () => {
  const { x, labels } = rowsOf(2000)
  const data = await of({ x, y: labels })
  let row = 0
  const rarely = session((values) => (row++ % 500 === 499 ? [...values].map(() => Number.NaN) : [...values]))
  const report = await compare(identity, rarely, data, { label: 'y' })
  expect(report).toMatchObject({ verdict: 'pass', discordant: { baseOnly: 4 } })
  expect(report.warnings.join()).toMatch(/On 4 of 2,000 rows the candidate gives NaN or infinity where/)
  expect((await compare(identity, identity, data, { label: 'y' })).warnings.join()).not.toMatch(/NaN/)
})

test('without labels, rows that the base gives no answer to are told of, and prove nothing by themselves', async () => {
  const data = await of({ x: rowsOf(600).x })
  const none = [Number.NaN, Number.NaN, Number.NaN]
  const partly = session((x) => (x[0]! > 0 ? none : [...x]))
  const report = await compare(partly, partly, data)
  expect(report).toMatchObject({ verdict: 'pass', n: 600, agreement: { changed: 0 } })
  expect(report.warnings.join()).toMatch(/^On 300 of 600 rows the base model gives no answer \(NaN among its scores\)/)
  expect((await compare(identity, identity, data)).warnings.join()).not.toMatch(/no answer/)
  // No data is never a pass.
  const silent = session(() => none)
  await expect(compare(silent, silent, data)).rejects.toThrow('the base model gives no answer on any row')
})

describe('with labels', () => {
  test('pass: counts, sentence, data, nothing skipped', async () => {
    const data = await of(rowsOf(1000, (i) => i === 7 || i === 500))
    const report = await compare(identity, damaged, data, { margin: 0.01 })
    expect(report).toMatchObject({
      kind: 'comparison',
      version: 1,
      verdict: 'pass',
      grade: 'proven',
      metric: 'top1',
      n: 1000,
      labelled: true,
      base: { value: 1 },
      candidate: { value: 0.998 },
      discordant: { baseOnly: 2, candidateOnly: 0 },
      requiredN: null,
      measurablyWorse: false,
      agreement: { rate: 0.998, changed: 2 },
      slices: [],
      warnings: ['One class has no row here, so nothing is known of it: 2.'],
      batch: 1,
      data: { rows: 1000 },
    })
    expect(report.data!.digest).toMatch(/^sha256:/)
    expect(report.flips).toMatchObject([
      { row: 7, base: '1', candidate: '2', label: '1', direction: 'lost' },
      { row: 500, base: '0', candidate: '2', label: '0', direction: 'lost' },
    ])
    expect(report.sentence).toMatch(
      /^No measurable loss: 2 of 1,000 answers changed; the candidate is at most 0\.\d+ points worse \(95 %\)\.$/,
    )
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  })
  test('regressed and inconclusive, each in words', async () => {
    const bad = await compare(identity, damaged, await of(rowsOf(500, (i) => i % 5 === 0)))
    expect(bad).toMatchObject({ verdict: 'regressed', grade: null, requiredN: null })
    expect(bad.sentence).toMatch(/^Regressed: top1 100\.00 % → 80\.00 % on 500 rows, a loss of 20 points/)
    const few = await compare(identity, identity, await of(rowsOf(30)))
    expect(few).toMatchObject({ verdict: 'inconclusive', grade: 'close', requiredN: 268 })
    expect(few.sentence).toMatch(/about 268 rows would settle it/)
  })
  test('one row is never a pass, none is an error', async () => {
    expect((await compare(identity, identity, await of(rowsOf(1)))).verdict).toBe('inconclusive')
    const data = await of(rowsOf(4))
    await expect(compare(identity, identity, data, { indices: [] })).rejects.toThrow(/no rows to compare on/)
  })
  test('rows of a part go by their places in the whole set: to metrics, in errors and in reports', async () => {
    const columns = rowsOf(60, (i) => i === 57)
    const part = subset(await of(columns), [8, 44, 57])
    const seen: number[] = []
    const noting: Metric = { ...metrics.top1!({}), name: 'noting', score: (row) => seen.push(row.row) * 0 }
    await compare(identity, identity, part, { metric: noting })
    expect([...new Set(seen)]).toEqual([8, 44, 57])
    expect((await compare(identity, damaged, part)).flips).toMatchObject([{ row: 57, base: '1', candidate: '2' }])
    // Answers that are known only together are named when all rows were seen.
    const together = await compare(identity, damaged, part, { metric: 'recall@1' })
    expect((together.flips ?? []).every(({ row }) => [8, 44, 57].includes(row))).toBe(true)
    columns.labels.data[44] = 3n
    await expect(compare(identity, identity, part)).rejects.toThrow('the label 3 of row 44 is not a class')
  })
  test('a label out of range names the row; NaN outputs are wrong answers', async () => {
    const columns = rowsOf(10)
    columns.labels.data[4] = 3n
    await expect(compare(identity, identity, await of(columns))).rejects.toThrow('the label 3 of row 4 is not a class')
    const broken = session((x) => (x[2]! > 0 ? [Number.NaN, 0, 0] : [...x]))
    const report = await compare(identity, broken, await of(rowsOf(400, (i) => i % 4 === 0)))
    expect(report).toMatchObject({ verdict: 'regressed', candidate: { value: 0.75 } })
    expect(report.flips![0]!.candidate).toBe('none (NaN)')
  })
  test('where the base gives no answer, what the candidate answers by luck is no gain', async () => {
    // Every second row is NaN to the base; the candidate is wrong on the others and right by luck on these.
    const silent = session((x) => (x[0]! > 0 ? [Number.NaN, Number.NaN, Number.NaN] : [...x]))
    const lucky = session((x) => (x[1]! > 0 ? [1, 0, 0] : [...x]))
    const report = await compare(silent, lucky, await of(rowsOf(600)))
    expect(report).toMatchObject({ verdict: 'regressed', n: 300, base: { value: 1 }, candidate: { value: 0 } })
    expect(report.discordant).toEqual({ baseOnly: 300, candidateOnly: 0 })
    expect(report.warnings.join()).toMatch(/gives no number on 300 of 600 rows; they are left out/)
    expect(report.flips!.every(({ direction, row }) => direction === 'lost' && row % 2 === 1)).toBe(true)
    // Nor does it count as changed: agreement is about the rows that are judged.
    const same = await compare(silent, identity, await of(rowsOf(600)))
    expect(same).toMatchObject({ verdict: 'pass', n: 300, agreement: { rate: 1, changed: 0 } })
    expect(same.sentence).toMatch(/0 of 300 answers changed/)
    expect(same.flips).toBeUndefined()
  })
  test('rows run one by one unless asked; a fixed first dimension always does', async () => {
    const dynamic = session((x) => [...x])
    await compare(dynamic, identity, await of(rowsOf(10)))
    expect(dynamic.runs).toEqual(new Array(10).fill(1))
    const batched = session((x) => [...x])
    const report = await compare(batched, identity, await of(rowsOf(10)), { batch: 4 })
    expect(batched.runs).toEqual([4, 4, 2])
    expect(report.batch).toBe(4)
    const fixed = session((x) => [...x], { fixed: true })
    await compare(fixed, identity, await of(rowsOf(3)), { batch: 4 })
    expect(fixed.runs).toEqual([1, 1, 1])
  })
  test('the same report twice, and only the rows asked for', async () => {
    const data = await of(rowsOf(300, (i) => i === 3))
    const options: CompareOptions = { indices: [3, 4, 5], seed: 5, metric: 'balanced-accuracy' }
    const one = await compare(identity, damaged, data, options)
    expect(one.n).toBe(3)
    expect(one.flips!.map(({ row }) => row)).toEqual([3])
    expect(await compare(identity, damaged, data, options)).toEqual(one)
  })
})

describe('slices', () => {
  const special = (i: number) => i % 20 === 0
  const group = strings(Array.from({ length: 2000 }, (_, i) => (special(i) ? 'rare' : 'common')))
  test('a declared slice that regressed is the verdict, though the mean would be settled otherwise', async () => {
    // 16 of 100 rare rows are lost: 0.8 points over all.
    const columns = rowsOf(2000, (i) => special(i) && i < 320)
    const data = await of({ ...columns, group }, ['group'])
    const report = await compare(identity, damaged, data, { slices: ['group'], margin: 0.02 })
    expect(report.slices.map(({ name, n, verdict, declared }) => [name, n, verdict, declared])).toEqual([
      ['group=common', 1900, 'pass', true],
      ['group=rare', 100, 'regressed', true],
    ])
    expect(report.verdict).toBe('regressed')
    expect(report.sentence).toMatch(
      /^Regressed for group=rare \(1 → 0\.84 on 100 rows\)\. Over all rows alone: Measurably worse/,
    )
    expect(report.overall).toBe('pass')
    const one = async (name: string) => {
      const { verdict, overall, slices } = await compare(identity, damaged, data, { slices: [name], margin: 0.02 })
      return [verdict, overall, slices.map((slice) => [slice.verdict, slice.declared])]
    }
    // One value of a field declares that slice, and no other of the field.
    const [common, rare] = report.slices.map(({ name }) => name)
    expect(await one(rare!)).toEqual([
      'regressed',
      'pass',
      [
        ['pass', false],
        ['regressed', true],
      ],
    ])
    for (const [name, declared] of [
      [common!, true],
      ['group=none', false],
    ] as const)
      expect(await one(name)).toEqual([
        'pass',
        undefined,
        [
          ['pass', declared],
          ['regressed', false],
        ],
      ])
    const undeclared = await compare(identity, damaged, data, { margin: 0.02 })
    expect(undeclared).toMatchObject({ verdict: 'pass', measurablyWorse: true })
    expect(undeclared.slices.map(({ verdict, declared }) => [verdict, declared])).toEqual([
      ['pass', false],
      ['regressed', false],
    ])
    const own = await compare(identity, damaged, data, {
      slices: ['group'],
      margin: 0.02,
      sliceMargins: { 'group=rare': 0.5 },
    })
    expect(own.verdict).toBe('pass')
  })
  test('a slice of three rows is inconclusive, and an unknown field is an error', async () => {
    const tiny = strings(Array.from({ length: 600 }, (_, i) => (i < 3 ? 'three' : 'rest')))
    const data = await of({ ...rowsOf(600), tiny }, ['tiny'])
    const report = await compare(identity, identity, data, { slices: ['tiny'] })
    expect(report.verdict).toBe('pass')
    expect(report.slices.map(({ name, verdict, requiredN }) => [name, verdict, requiredN])).toEqual([
      ['tiny=rest', 'pass', null],
      ['tiny=three', 'inconclusive', 268],
    ])
    await expect(compare(identity, identity, data, { slices: ['tyny'] })).rejects.toMatchObject({
      code: 'bad-argument',
      hint: expect.stringContaining('did you mean "tiny"'),
    })
  })
})

describe('without labels', () => {
  const unlabelled = async (n: number, special?: (i: number) => boolean) => of({ x: rowsOf(n, special).x })
  test('few changed answers pass, more are close, a changed answer has no direction', async () => {
    const pass = await compare(identity, damaged, await unlabelled(1000, (i) => i < 2))
    expect(pass).toMatchObject({
      verdict: 'pass',
      grade: 'proven',
      metric: 'agreement',
      labelled: false,
      base: { value: null },
      agreement: { changed: 2 },
      discordant: null,
    })
    expect(pass.warnings).toEqual([expect.stringMatching(/greatest element of logits was taken as the answer/)])
    expect(pass.sentence).toMatch(/2 of 1,000 answers changed, at most 0\.628 % \(95 %\)/)
    const close = await compare(identity, damaged, await unlabelled(1000, (i) => i < 8))
    expect(close).toMatchObject({ verdict: 'inconclusive', grade: 'close' })
    expect(close.requiredN).toBeGreaterThan(268)
    const far = await compare(identity, damaged, await unlabelled(1000, (i) => i % 2 === 0))
    expect(far).toMatchObject({ verdict: 'inconclusive', grade: null })
    expect(far.warnings.join()).toMatch(/no direction/)
    // Whoever reads of changed answers is told what an answer is: of an embedding there is none.
    expect(far.warnings.join()).toMatch(/greatest element of logits was taken as the answer/)
  })
  test('without labels the columns that no input takes are named, where the right answers may be', async () => {
    const { labels, ...x } = rowsOf(40)
    const numbers = BigInt64Array.from({ length: 40 }, (_, i) => BigInt(500 + i))
    const named = { customer_id: { dtype: 'int64', dims: [40], data: numbers }, churned: { ...labels } } as const
    const flipped = session((row) => [row[1]!, row[0]!, row[2]!])
    const told = async (data: Record<string, Column>, slices?: readonly string[]) => {
      const { warnings, slices: judged } = await compare(identity, flipped, await of(data), slices ? { slices } : {})
      return { all: warnings.join('\n'), groups: judged.map(({ name }) => name) }
    }
    const table = await told({ ...x, ...named })
    expect(table.all).toMatch(/no input takes holds the right answers, name it with --label: "churned"\./)
    expect(table.all).toMatch(/"customer_id" names the rows: no groups are made of it/)
    expect(table.groups).toEqual(['churned=0', 'churned=1'])
    expect((await told({ ...x, ...named }, ['customer_id'])).groups).toContain('customer_id≤509')
    expect((await told(x)).all).toMatch(/docs\/datasets\.md says how rows are given their right answers/)
  })

  test('bare answers that are alike say nothing of the numbers behind them; those that differ least of all', async () => {
    const names = (answer: (row: number) => string): Session => ({
      ...identity,
      outputs: [{ name: 'label', dtype: 'string', shape: ['n'] }],
      run: async (feeds) => ({
        label: { dtype: 'string', dims: [1], data: [answer((feeds.x!.data as Float32Array)[1]!)] },
      }),
    })
    const { labels, ...x } = rowsOf(30)
    const truth = strings(Array.from(labels.data, (label) => (label === 1n ? 'yes' : 'no')))
    const data = await of({ ...x, labels: truth })
    const right = names((one) => (one === 1 ? 'yes' : 'no'))
    const story = async (other: Session) => (await compare(right, other, data)).story!.join(' ')
    expect(await story(names(() => 'no'))).not.toMatch(/compute the same/)
    expect(await story(right)).not.toMatch(/compute the same/)
    const numbers = await of(rowsOf(30))
    expect((await compare(identity, identity, numbers)).story!.join(' ')).toMatch(/compute the same/)
  })

  test('a class number is the answer as it stands: nothing is taken for it', async () => {
    const label = (own: Session): Session => ({
      ...own,
      async run(feeds) {
        const { logits } = await own.run(feeds)
        const [rows, classes] = logits!.dims as [number, number]
        const best = Array.from({ length: rows }, (_, i) => {
          const scores = [...(logits!.data as Float32Array).subarray(i * classes, (i + 1) * classes)]
          return BigInt(scores.indexOf(Math.max(...scores)))
        })
        return { logits: { dtype: 'int64', dims: [rows], data: BigInt64Array.from(best) } }
      },
    })
    const few = await compare(label(identity), label(damaged), await unlabelled(1000, (i) => i < 8))
    expect(few.agreement).toMatchObject({ changed: 8 })
    expect(few.outputs).toEqual([expect.objectContaining({ answer: true })])
    expect(few.warnings.join()).not.toMatch(/greatest element/)
    expect(`${few.sentence} ${few.story?.join()}`).not.toMatch(/dB/)
  })
  test('dense outputs: same bits on enough rows pass, small noise is close with its decibels', async () => {
    const dense = session((x) => [x[0]! + 2 * x[1]! + 3 * x[2]!])
    const near = session((x) => [(x[0]! + 2 * x[1]! + 3 * x[2]!) * 1.01])
    expect(await compare(dense, dense, await unlabelled(299))).toMatchObject({ verdict: 'pass', grade: 'proven' })
    const report = await compare(dense, near, await unlabelled(299))
    expect(report).toMatchObject({ verdict: 'inconclusive', grade: 'close', agreement: null, requiredN: null })
    // Noise is 1 % of the signal: 40 dB.
    expect(report.outputs[0]!.sqnrDb).toBeCloseTo(40, 3)
    // No distance proves anything of numbers: what is missing is told, and that is no row more.
    expect(report.sentence).toMatch(/^Close, not proven: the outputs keep 40 dB.*; .* only labels or a metric can tell/)
    expect(report.sentence).not.toMatch(/needs more/)
  })
  test('a metric by name needs labels', async () => {
    await expect(compare(identity, identity, await unlabelled(5), { metric: 'top1' })).rejects.toThrow(/needs labels/)
    // … and a name that is none is told first: whoever added labels would only then hear of it.
    for (const [metric, told] of [
      ['topp1', 'there is no metric "topp1"'],
      ['detection:yolx', 'there is no detection decoder "yolx"'],
    ] as const)
      await expect(compare(identity, identity, await unlabelled(5), { metric })).rejects.toThrow(told)
  })
})

describe('a user’s metric', () => {
  const mine = (over: Partial<Metric> = {}): Metric => ({
    name: 'distance',
    higherIsBetter: false,
    score: ({ outputs }) => Math.abs((outputs.logits!.data as Float32Array)[2]!),
    ...over,
  })
  const random = randomSource(1)
  const noise = {
    dtype: 'float32',
    dims: [300, 3],
    data: Float32Array.from({ length: 900 }, () => random.uniform()),
  } as const
  test('lower is better, per-row scores, no labels needed', async () => {
    const worse = session((x) => [x[0]!, x[1]!, x[2]! + 0.05])
    const data = await of({ x: noise })
    const report = await compare(identity, worse, data, { metric: mine() })
    expect(report).toMatchObject({
      verdict: 'regressed',
      metric: 'distance',
      higherIsBetter: false,
      labelled: false,
      discordant: null,
    })
    expect(report.candidate.value! - report.base.value!).toBeCloseTo(0.05, 5)
    const wide = await compare(identity, worse, data, { metric: mine(), margin: 0.1 })
    expect(wide).toMatchObject({ verdict: 'pass', measurablyWorse: true })
    // Of 300 rows one in a hundred shows with 95 %; of 200 one in 67.
    const rare = /What breaks on fewer than 1\.5 % of the rows need not show on 200, .* 299 rows/
    expect(wide.warnings.join()).not.toMatch(/need not show/)
    const fewer = (metric: Metric) =>
      compare(identity, worse, data, { metric, margin: 0.1, indices: Array.from({ length: 200 }, (_, i) => i) })
    expect((await fewer(mine())).warnings.join()).toMatch(rare)
    expect((await fewer(mine({ bounds: [0, 3] }))).warnings.join()).not.toMatch(/need not show/)
    expect(wide.sentence).toMatch(/^Measurably worse, within the margin of 0\.1: distance/)
  })
  test('zeros and ones are counted', async () => {
    const data = await of(rowsOf(400))
    const report = await compare(identity, identity, data, {
      metric: mine({ name: 'hit', higherIsBetter: true, score: () => 1 }),
    })
    expect(report.discordant).toEqual({ baseOnly: 0, candidateOnly: 0 })
  })
  test('one that throws, or gives no number, is the user’s to fix; NaN rows are listed', async () => {
    const data = await of({ x: noise })
    const fails = mine({
      score: () => {
        throw new TypeError('no such output')
      },
    })
    await expect(compare(identity, identity, data, { metric: fails })).rejects.toThrow(
      /"distance" failed on row 0: no such output/,
    )
    await expect(compare(identity, identity, data, { metric: fails })).rejects.toBeInstanceOf(UserError)
    const list = mine({ score: (() => [1, 2]) as unknown as Metric['score'] })
    await expect(compare(identity, identity, data, { metric: list })).rejects.toThrow(/a list of 2 for row 0/)
    const some = mine({ score: ({ row }) => (row === 9 ? Number.NaN : row / 300) })
    const report = await compare(identity, identity, data, { metric: some })
    expect(report.n).toBe(299)
    expect(report.skipped).toEqual([
      { row: '9', reason: 'no score (NaN or infinite) from the baseline and the candidate' },
    ])
    const broken = session((x) => [x[0]!, x[1]!, Number.NaN])
    const lost = await compare(identity, broken, data, { metric: mine({ answer: () => 'some' }) })
    expect(lost).toMatchObject({ verdict: 'regressed', n: 0, candidate: { value: null } })
    expect(lost.flips!.map(({ direction, row }) => `${direction} ${row}`).slice(0, 2)).toEqual(['lost 0', 'lost 1'])
    const breaks = async (own: Partial<Metric>, message: RegExp) => {
      const comparing = compare(identity, identity, data, { metric: mine(own) })
      await expect(comparing).rejects.toThrow(message)
      await expect(comparing).rejects.toBeInstanceOf(UserError)
    }
    // What it says of itself is held against what it gives: scores of other rows, ragged summaries, broken promises.
    await breaks({ scoreAll: () => [1, 2, 3] }, /gave a list of 3 as the scores of 300 rows/)
    await breaks(
      { summary: ({ row }) => (row < 7 ? [1, 2] : [1]) },
      /a list of 1 as the summary of row 7, not a list of 2/,
    )
    await breaks({ summary: (() => 4) as never }, /gave number as the summary of row 0, not a list of numbers/)
    await breaks({ score: () => 0.5, rightOrWrong: true }, /every score is 0 or 1 \(rightOrWrong\), and gave 0\.5/)
    await breaks({ score: () => 3, bounds: [0, 1] }, /scores lie between 0 and 1 \(bounds\), and gave 3 for row 0/)
    await breaks({ aggregate: (() => 'high') as never }, /gave string for aggregate, not one number/)
    const throws = () => {
      throw new Error('not today')
    }
    await breaks({ aggregate: throws }, /failed in its aggregate: not today/)
    await breaks({ summary: throws, aggregate: () => 1 }, /failed on row 0: not today/)
    await breaks(
      { score: ({ row, outputs }) => row + (outputs.logits!.data[0] as number), stratum: throws },
      /in its stratum/,
    )
    const differs = compare(
      identity,
      session((x) => [x[0]!, x[1]!, x[2]! + 1]),
      data,
      { metric: mine({ answer: throws }) },
    )
    await expect(differs).rejects.toThrow(/failed on row 0: not today/)
    const never = mine({ score: () => Number.NaN })
    await expect(compare(identity, identity, data, { metric: never })).rejects.toThrow(/gives no number on any row/)
  })
})

test('rows of one cluster count as one observation without labels, too', async () => {
  const { x } = rowsOf(600)
  const inClusters = async (count: number) =>
    compare(
      identity,
      identity,
      await of({ x, person: strings(Array.from({ length: 600 }, (_, i) => `p${i % count}`)) }, ['person']),
      {
        cluster: 'person',
      },
    )
  const few = await inClusters(5)
  expect(few).toMatchObject({ verdict: 'inconclusive', grade: 'close', labelled: false, agreement: { changed: 0 } })
  // Clopper–Pearson of 0 in 5, and 299 persons of 120 rows each.
  expect(few.agreement!.changedUpperBound).toBeCloseTo(1 - 0.05 ** (1 / 5), 9)
  expect(few.requiredN).toBe(299 * 120)
  expect(few.warnings.join()).toMatch(/same person count as one: bounds are those of 5,/)
  expect(await inClusters(300)).toMatchObject({ verdict: 'pass', grade: 'proven' })
})

test('rows of one cluster count as one observation, and an undefined metric settles nothing', async () => {
  const person = strings(Array.from({ length: 600 }, (_, i) => `p${i % 5}`))
  const data = await of({ ...rowsOf(600), person }, ['person'])
  expect((await compare(identity, identity, data)).verdict).toBe('pass')
  const clustered = await compare(identity, identity, data, { cluster: 'person' })
  expect(clustered).toMatchObject({ verdict: 'inconclusive', discordant: { baseOnly: 0, candidateOnly: 0 } })
  expect(clustered.requiredN).toBeGreaterThan(600)
  expect(clustered.warnings.join()).toMatch(/same person count as one, and there are 5 of these: fewer than 20 settle/)
  const constant = { x: rowsOf(40).x, y: { dtype: 'float32', dims: [40], data: new Float32Array(40).fill(2) } } as const
  const one = session((x) => [x[0]!])
  const flat = await compare(one, one, await of(constant), { metric: 'r2', label: 'y' })
  expect(flat).toMatchObject({ verdict: 'inconclusive', base: { value: null }, nonInferiority: null, requiredN: null })
  expect(flat.sentence).toBe('Not settled: r2 is undefined on these 40 rows.')
  expect(flat.story![0]).toMatch(/^Both models answered the same 40 rows, on which r2 has no value\./)
  expect(flat.warnings.join()).toMatch(/all of their labels, or all answers, are the same: add others/)
})

test('every kind of answer is a report of the published schema', async () => {
  const labelled = await of({ ...rowsOf(60, (i) => i % 7 === 0), tiny: strings(new Array(60).fill('all')) }, ['tiny'])
  const bare = await of({ x: rowsOf(20).x })
  const broken = session((x) => [x[0]!, x[1]!, Number.NaN])
  const reports = [
    await compare(identity, damaged, labelled, { slices: ['tiny'] }),
    await compare(identity, damaged, labelled, { metric: 'macro-f1' }),
    await compare(identity, damaged, bare),
    await compare(identity, broken, bare),
    await compare(
      session((x) => [x[0]!]),
      session((x) => [x[1]!]),
      bare,
    ),
    await compare(identity, broken, labelled, {
      metric: { name: 'last', higherIsBetter: true, score: (r) => r.outputs.logits!.data[2] as number },
    }),
  ]
  for (const report of reports) expectReport(report, 'comparison')
  expect(() => expectReport({ ...reports[0], n: Number.NaN }, 'comparison')).toThrow('/n')
})

const zoo = process.env.WHETSTONE_ZOO
test.skipIf(!zoo)('a trained model against itself, on its test rows (needs WHETSTONE_ZOO)', async () => {
  const model = await readModel(`${zoo}/models/resnet-fashion.onnx`)
  const live = await ortNode.open(model)
  const data = await openDataset(`${zoo}/data/fashion-test.npz`, { inputs: live.inputs })
  const indices = Array.from({ length: 300 }, (_, i) => i)
  const report = await compare(live, live, data, { indices, slices: ['labels'] })
  await live.close()
  expect(report).toMatchObject({ verdict: 'pass', metric: 'top1', n: 300, agreement: { changed: 0 } })
  expect(report.base.value).toBeGreaterThan(0.85)
  expect(report.slices).toHaveLength(10)
  expect(report.slices.every(({ verdict }) => verdict === 'inconclusive')).toBe(true)
  expect(report.outputs).toEqual([{ name: 'logits', sqnrDb: null, maxAbs: 0 }])
})

test('options out of range, models with other outputs, missing inputs', async () => {
  const data = await of(rowsOf(10))
  await expect(compare(identity, identity, data, { margin: 0 })).rejects.toThrow(/margin must be above 0/)
  await expect(compare(identity, identity, data, { margin: Number.NaN })).rejects.toThrow(UserError)
  await expect(compare(identity, identity, data, { alpha: 0.7 })).rejects.toThrow(/alpha/)
  await expect(compare(identity, identity, data, { metric: 'topp1' })).rejects.toThrow(/no metric "topp1"/)
  const renamed = session((x) => [...x], { output: 'scores' })
  expect((await compare(identity, renamed, data)).agreement!.changed).toBe(0)
  const stop = AbortSignal.abort(new Error('stopped'))
  await expect(compare(identity, identity, data, { signal: stop })).rejects.toThrow('stopped')
})

test('where answers are enough and another output is far off, it is named, and no more rows are asked for', async () => {
  const detector = (shift: number): Session => ({
    engine: 'test',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 2] }],
    outputs: [
      { name: 'boxes', dtype: 'float32', shape: ['n', 3, 4] },
      { name: 'scores', dtype: 'float32', shape: ['n', 2] },
    ],
    async run({ x }) {
      const boxes = Array.from({ length: 12 * x!.dims[0]! }, (_, i) => Math.sin(i) + shift)
      return {
        boxes: { dtype: 'float32', dims: [x!.dims[0]!, 3, 4], data: Float32Array.from(boxes) },
        scores: { dtype: 'float32', dims: x!.dims, data: x!.data },
      }
    },
    fetchGroups: async (_feeds, names) => [names],
    close: async () => {},
  })
  const base = detector(0)
  const x = Float32Array.from({ length: 800 }, (_, i) => Math.sin(i * i))
  const data = await memoryDataset({ x: { dtype: 'float32', dims: [400, 2], data: x } }, { inputs: base.inputs })
  const report = await compare(base, detector(0.3), data)
  expect(report).toMatchObject({ verdict: 'inconclusive', requiredN: null })
  expect(report.sentence).toMatch(/0 of 400 answers changed.*, but boxes keeps 7\.\d+ dB .*where 25 are asked for/)
})

test('an output that no label judges and that is far off is named', async () => {
  const both = (share: number): Session => ({
    engine: 'test',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 1] }],
    outputs: ['price', 'age'].map((name) => ({ name, dtype: 'float32', shape: ['n', 1] })),
    async run({ x }) {
      const age = { ...x!, data: (x!.data as Float32Array).map((value) => share * value) }
      return { price: x!, age }
    },
    fetchGroups: async (_feeds, names) => [names],
    close: async () => {},
  })
  const x = Float32Array.from({ length: 400 }, (_, i) => Math.sin(i * i))
  const column = { dtype: 'float32', dims: [400, 1], data: x } as const
  const data = await memoryDataset({ x: column, labels: column }, { inputs: both(1).inputs })
  const unseen = expect.stringMatching(/Of 2 outputs, age keeps 6 dB .* mae reads the output that fits the labels/)
  const report = await compare(both(1), both(0.5), data)
  expect(report.verdict).toBe('pass')
  expect(report.warnings).toContainEqual(unseen)
  expect((await compare(both(1), both(0.999), data)).warnings).not.toContainEqual(unseen)
})

describe('what labels and numbers do not tell', () => {
  const session = (outputs: Readonly<Record<string, (value: number) => number>>): Session => ({
    engine: 'test',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 1] }],
    outputs: Object.keys(outputs).map((name) => ({ name, dtype: 'float32', shape: ['n', 1] })),
    async run({ x }) {
      const of = (change: (value: number) => number) => ({ ...x!, data: (x!.data as Float32Array).map(change) })
      return Object.fromEntries(Object.entries(outputs).map(([name, change]) => [name, of(change)]))
    },
    fetchGroups: async (_feeds, names) => [names],
    close: async () => {},
  })
  const x = Float32Array.from({ length: 50 }, (_, i) => 4 * Math.sin(i * i))
  const column = { dtype: 'float32', dims: [50, 1], data: x } as const
  const dataOf = (from: Session) => memoryDataset({ x: column, labels: column }, { inputs: from.inputs })
  const same = (value: number) => value
  const sigmoid = (value: number) => 1 / (1 + Math.exp(-value))

  test('labels that fit several outputs are no label of the first', async () => {
    const two = session({ price: same, age: same })
    const fits = expect.stringMatching(/labels fit 2 outputs: price, age\. mae reads price/)
    expect((await compare(two, two, await dataOf(two))).warnings).toContainEqual(fits)
    const named = await compare(two, two, await dataOf(two), { metric: 'mae', metricOptions: { output: 'age' } })
    expect(named.warnings).not.toContainEqual(fits)
    const one = session({ price: same })
    expect((await compare(one, one, await dataOf(one))).warnings.join()).not.toMatch(/labels fit/)
  })

  test('logits against probabilities are named, one way and the other, with labels and without', async () => {
    const [logits, probabilities] = [session({ y: same }), session({ y: sigmoid })]
    const unlike = expect.stringMatching(/output y are from -\d.* by the base model and from 0\.\d+ to 0\.\d+ by the/)
    const data = await dataOf(logits)
    expect((await compare(logits, probabilities, data)).warnings).toContainEqual(unlike)
    const bare = await memoryDataset({ x: column }, { inputs: logits.inputs })
    expect((await compare(logits, probabilities, bare)).warnings).toContainEqual(unlike)
    expect((await compare(probabilities, logits, bare)).warnings.join()).toMatch(/Softmax or Sigmoid/)
    // A regression that is a little beyond 1, and a candidate that is a little beyond 0.
    const near = session({ y: (value) => 1.2 * sigmoid(value) })
    for (const other of [session({ y: sigmoid }), near])
      expect((await compare(near, other, bare)).warnings.join()).not.toMatch(/Softmax or Sigmoid/)
  })
})
