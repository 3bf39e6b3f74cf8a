import { expect, test } from 'vitest'
import { expectReport } from '../../../tests/schema.ts'
import { memoryDataset } from '../../data/index.ts'
import type { Session } from '../../engine/index.ts'
import { compare } from '../compare.ts'

const ROWS = 12
const BOXES = 10

/** A detector of ten boxes a row, best first; `scoreOf` and `labelOf` say what stands beside box i of a row. */
function detector(
  scoreOf: (box: number, row: number) => number,
  labelOf: (box: number, row: number) => number,
): Session {
  return {
    engine: 'test',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['n', 1] }],
    outputs: [{ name: 'found', dtype: 'float32', shape: ['n', BOXES, 6] }],
    async run(feeds) {
      const rows = [...(feeds.x!.data as Float32Array)]
      const data = rows.flatMap((row) =>
        Array.from({ length: BOXES }, (_, i) => {
          const left = ((37 * (i + row)) % 100) * 4
          return [left, 10, left + 40, 60, scoreOf(i, row), labelOf(i, row)]
        })
          .toSorted((a, b) => b[4]! - a[4]!)
          .flat(),
      )
      return { found: { dtype: 'float32', dims: [rows.length, BOXES, 6], data: Float32Array.from(data) } }
    },
    fetchGroups: async (_feeds, names) => [names],
    close: async () => {},
  }
}

const score = (box: number) => 0.95 - 0.06 * box
const label = (box: number) => box % 2

const judged = async (candidate: Session) => {
  const base = detector(score, label)
  const x = { dtype: 'float32', dims: [ROWS, 1], data: Float32Array.from({ length: ROWS }, (_, row) => row) } as const
  const report = await compare(base, candidate, await memoryDataset({ x }, { inputs: base.inputs }))
  expectReport(report, 'comparison')
  return report
}

test('a detector that finds the same boxes in another order is close, and its boxes are told', async () => {
  // Neighbours change places; scores differ by no more than 0.08.
  const report = await judged(detector((box) => score(box) + (box % 2 === 0 ? -0.04 : 0.04), label))
  expect(report).toMatchObject({ verdict: 'inconclusive', grade: 'close', agreement: null })
  expect(report.outputs).toMatchObject([{ name: 'found', boxes: { compared: 120, changed: 0 } }])
  expect(report.sentence).toBe(
    'Close, not proven: found keeps all 120 of its boxes on 12 rows; only labels or a metric can tell what that does to the task.',
  )
  expect(report.warnings.join()).not.toContain('falls by its column')
})

test('one that calls a box by another class on one row of twelve is not', async () => {
  const report = await judged(detector(score, (box, row) => (box === 3 && row === 5 ? 0 : label(box))))
  expect(report).toMatchObject({ verdict: 'inconclusive', grade: null })
  // The class that is lost and the one that is new.
  expect(report.outputs).toMatchObject([{ boxes: { compared: 121, changed: 2 } }])
  expect(report.sentence).toBe(
    'Not settled: found keeps 98.34 % of its 121 boxes on 12 rows, where 99 % are asked for; only labels or a metric can tell what that does to the task.',
  )
})
