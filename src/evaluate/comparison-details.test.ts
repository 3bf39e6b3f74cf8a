import { describe, expect, test } from 'vitest'
import { type Column, memoryDataset } from '../data/index.ts'
import type { Session } from '../engine/index.ts'
import { randomSource } from '../statistics/index.ts'
import { compare } from './compare.ts'
import { errorRatio, flipRates } from './flip-rates.ts'
import { gapOf } from './slices/gaps.ts'
import { tailLoss } from './tail-loss.ts'

/** A model that answers with the column `name` of the row: class scores as they stand there. */
function answering(name: string, classes: number): Session {
  return {
    engine: 'test',
    inputs: [{ name, dtype: 'float32', shape: ['n', classes] }],
    outputs: [{ name: 'logits', dtype: 'float32', shape: ['n', classes] }],
    run: async (feeds) => ({ logits: feeds[name]! }),
    fetchGroups: async (_feeds, names) => [names],
    close: async () => {},
  }
}

interface Row {
  readonly label: number
  readonly base: readonly number[]
  readonly candidate: readonly number[]
}

const floats = (rows: readonly (readonly number[])[]): Column => ({
  dtype: 'float32',
  dims: [rows.length, rows[0]!.length],
  data: Float32Array.from(rows.flat()),
})
const strings = (data: readonly string[]): Column => ({ dtype: 'string', dims: [data.length], data })

/** Rows with what each model says of them, and further fields. */
async function judged(rows: readonly Row[], more: Readonly<Record<string, Column>> = {}, options = {}) {
  const classes = rows[0]!.base.length
  const columns = {
    a: floats(rows.map(({ base }) => base)),
    b: floats(rows.map(({ candidate }) => candidate)),
    labels: {
      dtype: 'int64',
      dims: [rows.length],
      data: BigInt64Array.from(rows, ({ label }) => BigInt(label)),
    } as Column,
    ...more,
  }
  const shape = ['n', classes]
  const data = memoryDataset(columns, {
    inputs: [
      { name: 'a', dtype: 'float32', shape },
      { name: 'b', dtype: 'float32', shape },
    ],
    slices: Object.keys(more).filter((name) => name !== 'id'),
  })
  return compare(answering('a', classes), answering('b', classes), await data, { deep: true, ...options })
}

/** Scores that answer with `answer`. */
const says = (answer: number, classes = 3) => Array.from({ length: classes }, (_, i) => (i === answer ? 2 : 0))
const row = (label: number, base: number, candidate: number, classes = 3): Row => ({
  label,
  base: says(base, classes),
  candidate: says(candidate, classes),
})

test('classes whose names the model answers with, and nobody numbered, are those of the rows', async () => {
  const names = ['fox', 'cat', 'dog']
  const naming = (name: string): Session => ({
    ...answering(name, 3),
    outputs: [
      { name: 'kind', dtype: 'string', shape: ['n'] },
      { name: 'logits', dtype: 'float32', shape: ['n', 3] },
    ],
    run: async (feeds) => {
      const scores = feeds[name]!
      const rows = scores.dims[0]!
      const row = (at: number) => [...(scores.data as Float32Array).subarray(at * 3, at * 3 + 3)]
      const data = Array.from({ length: rows }, (_, at) => names[row(at).indexOf(Math.max(...row(at)))]!)
      return { kind: { dtype: 'string', dims: [rows], data }, logits: scores }
    },
  })
  const answers = Array.from({ length: 40 }, (_, at) => says(at % 2))
  const data = await memoryDataset(
    { a: floats(answers), labels: strings(answers.map((_, at) => names[at % 2]!)) },
    { inputs: [{ name: 'a', dtype: 'float32', shape: ['n', 3] }] },
  )
  const report = await compare(naming('a'), naming('a'), data, { deep: true })
  expect(report.base.value).toBe(1)
  expect(report.classes?.map(({ name, n }) => [name, n])).toEqual([
    ['cat', 20],
    ['fox', 20],
  ])
})

describe('direction', () => {
  test('a net of zero hides nothing: lost and gained apart, with bounds', async () => {
    const rows = Array.from({ length: 400 }, (_, i) =>
      i < 10 ? row(0, 0, 1) : i < 20 ? row(0, 1, 0) : row(i % 3, i % 3, i % 3),
    )
    const report = await judged(rows)
    expect(report.flipRates).toMatchObject({ negative: { count: 10, rate: 0.025 }, positive: { count: 10 } })
    expect(report.flipRates!.negative.upperBound).toBeGreaterThan(0.025)
    expect(report.story![0]).not.toMatch(/one mistake to another/)
    const astray = await judged([...rows, row(0, 1, 2)])
    expect(astray.story![0]).toMatch(/One answer went from one mistake to another\./)
    expect(report.base.value).toBe(report.candidate.value)
    expect(report.errorRatio).toMatchObject({ base: 0.025, candidate: 0.025, ratio: 1 })
    expect(report.story![0]).toMatch(/10 answers that were right became wrong, and 10 that were wrong became right/)
    expect(report.flips!.slice(0, 10).every(({ direction }) => direction === 'lost')).toBe(true)
  })
  test('the story names the worst loss and what is accepted in answers of the same number, the loss rounded up', async () => {
    const rows = Array.from({ length: 4000 }, (_, i) => row(0, i < 13 ? 0 : i < 24 ? 1 : 0, i < 13 ? 1 : 0))
    const report = await judged(rows)
    expect(report.verdict).toBe('pass')
    const [, worst] = report.story!
    const lost = Math.ceil(-report.nonInferiority!.lowerBound * 10_000)
    expect(worst).toContain(`loses at most ${lost} answers in 10,000; the margin accepts up to 100.`)
    expect(report.story!.join(' ')).toMatch(/says that it is 90 % sure, it should be right nine times in ten/)
    const better = await judged(rows.map(({ label }, i) => row(label as number, i < 100 ? 1 : 0, 0)))
    expect(better.story![1]).toMatch(/only a sample of what will come\. Allowing for that, the new model is not behind/)
  })
  test('a loss that chance does not make is not laid to it, however wide the margin is', async () => {
    const rows = Array.from({ length: 600 }, (_, i) => row(i % 3, i % 3, i % 30 === 0 ? 1 : i % 3))
    const story = async (margin: number) => (await judged(rows, {}, { margin })).story!.join(' ')
    expect(await story(0.2)).toMatch(/The class that lost most is “0” \(100\.0 % → 90\.0 % on 200 rows\)\./)
    expect(await story(1.5)).toMatch(/accepted, and the old model has no more to lose.*One point is a margin of 0\.01/)
    const few = await judged(rows.slice(0, 61), {}, { margin: 0.2 })
    expect(few.story!.join(' ')).toMatch(/but chance alone could do that/)
  })
  test('99.5 to 98.5 % right is three times the errors', () => {
    const result = errorRatio({ n: 1000, baseRight: 995, baseOnly: 10, candidateOnly: 0 }, 0.05)
    expect(result.ratio).toBe(3)
    // log 3 ± 1.96 · √(11 / 75)
    expect(Math.log(result.ci![1] / 3)).toBeCloseTo(1.959964 * Math.sqrt(11 / 75), 6)
    expect(errorRatio({ n: 10, baseRight: 10, baseOnly: 1, candidateOnly: 0 }, 0.05)).toMatchObject({
      ratio: null,
      ci: null,
    })
    // Five rows on which nothing happened rule little out.
    expect(errorRatio({ n: 5, baseRight: 4, baseOnly: 0, candidateOnly: 0 }, 0.05).ci![1]).toBeGreaterThan(3)
    expect(flipRates({ n: 299, baseRight: 299, baseOnly: 0, candidateOnly: 0 }, 0.05).negative.upperBound).toBeLessThan(
      0.01,
    )
  })
})

describe('probabilities', () => {
  test('KL divergence of distributions as they are, of logits through softmax', async () => {
    const pair: Row = { label: 0, base: [0.5, 0.5], candidate: [0.25, 0.75] }
    const report = await judged(Array.from({ length: 40 }, (_, i) => ({ ...pair, label: i % 2 })))
    // ½ ln 2 + ½ ln ⅔
    expect(report.divergence).toMatchObject({ from: 'probabilities', output: 'logits' })
    expect(report.divergence!.mean).toBeCloseTo(0.5 * Math.log(2) + 0.5 * Math.log(2 / 3), 6)
    const logits = await judged(
      Array.from({ length: 40 }, (_, i) => ({ label: i % 2, base: [0, 0], candidate: [0, Math.log(3)] })),
    )
    expect(logits.divergence).toMatchObject({ from: 'logits' })
    expect(logits.divergence!.mean).toBeCloseTo(report.divergence!.mean, 6)
  })
  test('reliability: a model that is always half sure and right half the time has no calibration error', async () => {
    const rows = Array.from({ length: 200 }, (_, i) => ({ label: i % 2, base: [0.5, 0.5], candidate: [0.9, 0.1] }))
    const { confidence } = await judged(rows)
    expect(confidence!.base.ece).toBeCloseTo(0, 6)
    expect(confidence!.candidate.ece).toBeCloseTo(0.4, 6)
    const bin = confidence!.bins.find(({ candidate }) => candidate.n > 0)!
    expect(bin).toMatchObject({ candidate: { n: 200, accuracy: 0.5 } })
    expect([bin.from, bin.to]).toEqual([13 / 15, 14 / 15])
  })
  test('NaN scores and constant scores', async () => {
    const nan = Array.from({ length: 60 }, (_, i) => ({
      label: 0,
      base: [0.8, 0.2],
      candidate: i < 30 ? [Number.NaN, Number.NaN] : [0.8, 0.2],
    }))
    const broken = await judged(nan)
    expect(broken).toMatchObject({ verdict: 'regressed', divergence: { from: 'probabilities', mean: 0 } })
    const constant = await judged(
      Array.from({ length: 300 }, (_, i) => ({ label: i % 2, base: [0.5, 0.5], candidate: [0.5, 0.5] })),
    )
    // Inputs that are all the same prove nothing, whatever their labels.
    expect(constant).toMatchObject({ verdict: 'inconclusive', divergence: { max: 0 }, tail: { rise: 0 } })
  })
  test('the tail: the mean of the worst twentieth', () => {
    const base = new Array(100).fill(1)
    const candidate = base.map((value, i) => value + (i < 5 ? i : 0))
    const tail = tailLoss('loss', base, candidate, 0.05)!
    expect(tail).toMatchObject({ rows: 5, rise: 2, base: 1, candidate: 3 })
    expect(tail.ci[0]).toBeLessThan(2)
    expect(tailLoss('loss', [1, 2], [1, 2], 0.05)).toBeNull()
  })
})

test('a baseline that is never right is no yardstick, and that is said', async () => {
  const rows = (right: number) => Array.from({ length: 300 }, (_, i) => row(0, i < right ? 0 : 1, 2))
  const stranger = await judged(rows(0))
  expect(stranger.warnings.join(' ')).toMatch(/answers none of 300 rows right.*"classNames"/)
  expect(stranger).toMatchObject({ verdict: 'inconclusive', nothingToLose: true, requiredN: null })
  expect(stranger.sentence).toMatch(/^Not settled: .*less to lose than the margin of 1 point/)
  expect(stranger.story!.join(' ')).toMatch(/even the worst possible answers.*not a pass/)
  expect((await judged(rows(1))).warnings.join(' ')).not.toMatch(/none of/)
  expect((await judged(rows(0).slice(0, 9))).warnings.join(' ')).not.toMatch(/none of/)
})

test('one row many times over is said', async () => {
  const alike = await judged(Array.from({ length: 300 }, () => row(1, 1, 1)))
  expect(alike.warnings.join(' ')).toMatch(/exactly the same numbers on all 300 rows/)
  const other = await judged(Array.from({ length: 300 }, (_, i) => row(1, i === 299 ? 2 : 1, 1)))
  expect(other.warnings.join(' ')).not.toMatch(/exactly the same/)
  expect((await judged([row(1, 1, 1)])).warnings.join(' ')).not.toMatch(/exactly the same/)
})

test('copies of rows are counted and said, where they are more than a few', async () => {
  const fresh = Array.from({ length: 200 }, (_, i) => [i % 3, 1 + i, i % 3])
  const compared = async (rows: readonly (readonly number[])[], labels: readonly number[]) => {
    const data = await memoryDataset(
      { a: floats(rows), labels: { dtype: 'int64', dims: [rows.length], data: BigInt64Array.from(labels, BigInt) } },
      { inputs: [{ name: 'a', dtype: 'float32', shape: ['n', 3] }] },
    )
    return (await compare(answering('a', 3), answering('a', 3), data)).warnings.join(' ')
  }
  const classes = (count: number) => Array.from({ length: count }, (_, i) => i % 2)
  expect(await compared(fresh, classes(200))).not.toMatch(/an earlier row/)
  expect(await compared([...fresh, ...fresh, ...fresh], classes(600))).toMatch(
    /400 of 600 rows hold exactly what an earlier row holds; 200 are different\./,
  )
  // Another label makes it another row; one copy of two hundred is none to speak of.
  expect(await compared([...fresh, fresh[0]!], [...classes(200), 0])).not.toMatch(/an earlier row/)
  expect(
    await compared([...fresh, ...fresh], [...classes(200), ...classes(200).map((label) => 1 - label)]),
  ).not.toMatch(/an earlier row/)
})

test('rows that the base answers all alike prove nothing where nobody says what is right', async () => {
  const rows = (alike: boolean) => Array.from({ length: 300 }, (_, i) => [0, alike ? 1 : 1 + i, 0])
  const compared = async (alike: boolean) => {
    const inputs = ['a', 'b'].map((name) => ({ name, dtype: 'float32', shape: ['n', 3] }) as const)
    const data = await memoryDataset({ a: floats(rows(alike)), b: floats(rows(false)) }, { inputs })
    return compare(answering('a', 3), answering('b', 3), data)
  }
  const settled = await compared(true)
  expect(settled).toMatchObject({ verdict: 'inconclusive', grade: 'close', requiredN: 299 })
  expect(settled.sentence).toBe(
    'Not settled: the base model answers all 300 rows with the same numbers, which proves no more than one does; about 299 different rows would settle it.',
  )
  expect((await compared(false)).verdict).toBe('pass')
})

test('one row many times over is no proof, and a row that differs makes it one; a single row is said in the singular', async () => {
  const same = Array.from({ length: 300 }, () => row(1, 1, 1))
  const repeated = await judged(same)
  expect(repeated).toMatchObject({ verdict: 'inconclusive', grade: 'close', requiredN: 268 })
  expect(repeated.sentence).toBe(
    'Not settled: all 300 rows hold the same inputs, and prove no more than one does; about 268 different rows would settle it.',
  )
  expect(repeated.story!.join(' ')).toMatch(/About 268 different rows would settle it\. That is not a pass\./)
  expect((await judged(same.map((one, i) => (i === 299 ? row(2, 2, 2) : one)))).verdict).toBe('pass')
  // Labels that contradict each other make no second input of it.
  const contradicted = await judged(same.map((one, i) => (i % 2 ? row(2, 1, 1) : one)))
  expect(contradicted).toMatchObject({ verdict: 'inconclusive', grade: 'close', requiredN: 268 })
  expect(contradicted.sentence).toBe(repeated.sentence)
  // Where the candidate fails on that one row, no number of good ones makes up for it.
  expect((await judged(same.map(() => row(1, 1, 0)))).verdict).toBe('regressed')
  const single = await judged([row(1, 1, 1)])
  expect([single.verdict, single.sentence]).toEqual(['inconclusive', expect.stringContaining('on 1 row;')])
  expect(single.story![0]).toMatch(/^Both models answered the same 1 row\./)
})

test('rows that the metric gives no number for in both models are left out aloud', async () => {
  const odd = { name: 'odd', higherIsBetter: true, score: ({ row: at }: { row: number }) => (at % 2 ? Number.NaN : 1) }
  const report = await judged(
    Array.from({ length: 10 }, (_, i) => row(i % 3, i % 3, i % 3)),
    {},
    { metric: odd },
  )
  expect(report.n).toBe(5)
  expect(report.warnings.join(' ')).toContain('The metric "odd" gives no number on 5 of 10 rows; they are left out.')
})

test('an embedding is no list of class scores: nothing is said of its confidence', async () => {
  const rows = Array.from({ length: 60 }, (_, i) => row(i % 3, i % 3, i % 3))
  const report = await judged(rows, {}, { metric: 'recall@1' })
  expect(report.n).toBe(60)
  expect([report.confidence, report.divergence]).toEqual([undefined, undefined])
  expect(report.tail!.loss).toBe('negated recall@1 of a row')
  expect(report.story!.join(' ')).not.toMatch(/90 % sure/)
})

describe('classes and groups', () => {
  const classes = 5
  test('one damaged class is named, with its rows, though the mean is within the margin; a missing class is said', async () => {
    // Class 3 loses a fifth of its 100 rows: 2 points of 1,000 rows, under the margin of 5.
    const rows = Array.from({ length: 1000 }, (_, i) => {
      const label = i % 10 === 3 ? 3 : i % 3
      return row(label, label, label === 3 && i % 50 === 3 ? 0 : label, classes)
    })
    const report = await judged(rows, {}, { margin: 0.05 })
    expect(report.verdict).toBe('pass')
    expect(report.classes!.map(({ name, verdict, n }) => [name, verdict, n > 0])).toEqual([
      ['0', 'pass', true],
      ['1', 'pass', true],
      ['2', 'pass', true],
      ['3', 'regressed', true],
      ['4', 'inconclusive', false],
    ])
    expect(report.flips!.map(({ row: place, label }) => [place % 50, label])).toEqual(new Array(20).fill([3, '3']))
    expect(report.story!.join(' ')).toMatch(/class=3 \(100\.0 % → \d+\.\d % on \d+ rows\)/)
    expect(report.warnings.join(' ')).toMatch(/One class has no row here.*: 4\./)
    expect(report.mined!.slices[0]).toMatchObject({ name: 'class=3', verdict: 'regressed' })
    expect(report.warnings.join()).toMatch(/Worse than the margin for class 3, which does not decide/)
    const declared = await judged(rows, {}, { margin: 0.05, slices: ['labels'] })
    expect(declared.verdict).toBe('regressed')
    // The class is told once: not again as a hidden weak spot, nor as the class that lost most.
    expect(declared.story!.join(' ').match(/100\.0 % → /g)).toHaveLength(1)
    expect(declared.story!.join(' ')).toMatch(/Worse for labels=3 \(100\.0 % → 80\.0 % on 100 rows\)\./)
    expect(declared.story!.join(' ')).not.toMatch(/no weak spot|class that lost most/)
    expect(declared.sentence).toMatch(/^Regressed for labels=3/)
    expect(declared.everySlice).toEqual({ holds: false, passing: 3, of: 4 })
    expect(declared.worstSlice).toMatchObject({ name: 'labels=3', of: 4 })
    expect(declared.worstSlice!.adjustedP).toBeLessThan(0.01)
    // The bound for all slices lies below the slice's own.
    expect(declared.worstSlice!.lowerBound).toBeLessThan(
      declared.slices.find(({ name }) => name === 'labels=3')!.lowerBound!,
    )
  })
  test('the gap between groups: its change, with an interval; small groups stand aside', async () => {
    const group = Array.from({ length: 600 }, (_, i) => (i < 5 ? 'tiny' : i % 2 === 0 ? 'x' : 'y'))
    const rows = group.map((name, i) => row(0, 0, name === 'y' && i % 4 === 1 ? 1 : 0))
    const report = await judged(rows, { group: strings(group) }, { slices: ['group'] })
    const [gap] = report.gaps!
    expect(gap).toMatchObject({ field: 'group', groups: ['group=x', 'group=y'], leftOut: ['group=tiny'], base: 0 })
    expect(gap!.change).toBeCloseTo(0.5, 1)
    expect(gap!.lowerBound).toBeGreaterThan(0.4)
    expect(report.story!.join(' ')).toMatch(/The difference between groups of group grew by/)
    expect(gapOf({ field: 'g', values: ['a', 'a'], base: [1, 1], candidate: [1, 1], alpha: 0.05, seed: 0 })).toBeNull()
  })
  test('a weak spot in a pair of fields is found on one half and confirmed on the other', async () => {
    const random = randomSource(3)
    const draws = Array.from({ length: 3000 }, () => ({
      u: random.below(4),
      v: random.below(4),
      age: random.uniform() * 80,
    }))
    const rows = draws.map(({ u, v }) => row(0, 0, u === 1 && v === 2 && random.uniform() < 0.3 ? 1 : 0))
    const fields = {
      u: strings(draws.map(({ u }) => `u${u}`)),
      v: strings(draws.map(({ v }) => `v${v}`)),
      age: { dtype: 'float32', dims: [3000], data: Float32Array.from(draws, ({ age }) => age) } as Column,
    }
    const { mined } = await judged(rows, fields, { margin: 0.05 })
    expect(mined!.slices[0]).toMatchObject({ name: 'u=u1 and v=v2', verdict: 'regressed' })
    expect(mined!.slices[0]!.adjustedP).toBeLessThan(1e-6)
    expect(mined!.discoveryRows + mined!.testRows).toBe(3000)
    expect((await judged(rows, fields, { margin: 0.05 })).mined).toEqual(mined)
  })
  test('where nothing is wrong, hidden weak spots are claimed at most at the stated rate', async () => {
    let alarms = 0
    const runs = 120
    const untested: string[] = []
    for (let run = 0; run < runs; run++) {
      const random = randomSource(9_000 + run)
      const rows = Array.from({ length: 400 }, () => {
        const u = random.uniform()
        return row(0, u < 0.05 ? 1 : 0, u >= 0.05 && u < 0.1 ? 1 : 0)
      })
      const fields = {
        u: strings(rows.map(() => `u${random.below(6)}`)),
        v: strings(rows.map(() => `v${random.below(6)}`)),
      }
      const { mined, slices, story } = await judged(rows, fields, { seed: run })
      if (mined?.slices.length === 0) untested.push(story!.join(' '))
      if (mined?.slices.some(({ adjustedP }) => adjustedP < 0.05)) alarms++
      expect(slices.every(({ adjustedP }) => adjustedP !== undefined)).toBe(true)
    }
    // What was never tested on fresh rows is not said to have failed there.
    expect(untested.length).toBeGreaterThan(0)
    for (const story of untested) expect(story).toContain('found none that stood out as a weak spot.')
    // Three standard errors above 5 % of 120 runs.
    expect(alarms / runs).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt((0.05 * 0.95) / runs))
  })
  test('one row, all rows equal, a slice of three rows', async () => {
    expect(await judged([row(0, 0, 0)])).toMatchObject({
      verdict: 'inconclusive',
      classes: [{ n: 1 }, { n: 0 }, { n: 0 }],
    })
    const equal = await judged(new Array(300).fill(row(1, 1, 1)))
    expect(equal).toMatchObject({ verdict: 'inconclusive', mined: { slices: [] } })
    const tiny = strings(Array.from({ length: 300 }, (_, i) => (i < 3 ? 'three' : 'rest')))
    const report = await judged(new Array(300).fill(row(1, 1, 1)), { tiny }, { slices: ['tiny'] })
    expect(report.slices.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['tiny=rest', 'pass'],
      ['tiny=three', 'inconclusive'],
    ])
    expect(report.story!.join(' ')).toMatch(/For one group there are too few rows to tell: tiny=three/)
  })
})

describe('rows that belong together', () => {
  test('clusters: the verdict rests on them, and the report says how much they weigh', async () => {
    const person = Array.from({ length: 600 }, (_, i) => `p${i % 30}`)
    // Two persons lose all of their rows; as single rows that would be sixty independent losses.
    const rows = person.map((name) => row(0, 0, name === 'p1' || name === 'p2' ? 1 : 0))
    const report = await judged(rows, { person: strings(person) }, { cluster: 'person', margin: 0.1 })
    expect(report.cluster).toMatchObject({ field: 'person', clusters: 30 })
    expect(report.cluster!.designEffect).toBeCloseTo(20, 0)
    const single = await judged(rows, { person: strings(person) }, { margin: 0.1 })
    expect(single.verdict).toBe('pass')
    expect(report.verdict).toBe('inconclusive')
  })
  test('an id that stands twice is said, with what to do', async () => {
    const id = strings(Array.from({ length: 300 }, (_, i) => `r${Math.min(i, 297)}`))
    const report = await judged(new Array(300).fill(row(0, 0, 0)), { id })
    expect(report.warnings.join()).toMatch(/3 rows share their id with another \("r297" for one\).*--cluster id/)
    expect((await judged([row(0, 0, 1), row(0, 0, 0)], { id: strings(['x', 'y']) })).flips![0]!.id).toBe('x')
  })
})

test('an area of a few positives is told with its bound, why that is no pass, and how many rows would settle it', async () => {
  const ranked = (positives: number) => {
    const { uniform } = randomSource(3)
    const rows = Array.from({ length: 400 }, (_, i) => {
      const [score, noise] = [(i < positives ? 0.6 : 0.4) + 0.1 * uniform(), 0.002 * uniform()]
      return { label: i < positives ? 1 : 0, base: [1 - score, score], candidate: [1 - score - noise, score + noise] }
    })
    return judged(rows, {}, { metric: 'auroc', margin: 0.7 })
  }
  const few = await ranked(4)
  expect(few.verdict).toBe('inconclusive')
  expect(few.nonInferiority!.lowerBound).toBeGreaterThan(-0.7)
  expect(few.warnings).toContainEqual(expect.stringMatching(/bound of auroc is within the margin, but .* too few/))
  expect(few.requiredN).toBeGreaterThan(800)
  const many = await ranked(100)
  expect(many.verdict).toBe('pass')
  expect(many.warnings.join()).not.toMatch(/too few/)
})

test('equal classes of which nothing changed need as many rows in all as one, where each is judged by its own', async () => {
  const rows = Array.from({ length: 300 }, (_, i) => {
    const scores = Array.from({ length: 5 }, (_, c) => (c === i % 5 ? 0.6 : 0.1))
    return { label: i % 5, base: scores, candidate: scores }
  })
  expect(await judged(rows, {}, { metric: 'balanced-accuracy' })).toMatchObject({ verdict: 'pass' })
  const f1 = await judged(rows, {}, { metric: 'macro-f1' })
  expect(f1).toMatchObject({ verdict: 'inconclusive', requiredN: 1495 })
})
