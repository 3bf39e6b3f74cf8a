import { expect, test } from 'vitest'
import type { RobustnessReport } from '../../report/index.ts'
import { robustness } from './robustness.ts'

test('warnings beyond a screenful are counted', () => {
  const report: RobustnessReport = {
    ...{ kind: 'robustness', version: 1, sentence: 'One model.', metric: 'top1', higherIsBetter: true, labelled: true },
    ...{ n: 10, alpha: 0.05, margin: 0.01, seed: 0, modality: 'images', severities: [1], models: [], corruptions: [] },
    ...{ calibration: null, outOfDistribution: null, brittleness: null, missing: {} },
    warnings: Array.from({ length: 14 }, (_, i) => `warning ${i}`),
    data: { path: 'rows.npz', digest: 'sha256:0', rows: 10 },
  }
  const text = robustness(report, { color: false, width: 80 })
  expect(text).toContain('warning 11')
  expect(text).toContain('… and 2 more')
  expect(text).toContain('10 rows of images, seed 0')
  expect(robustness({ ...report, modality: 'table' }, { color: false, width: 80 })).toContain(
    '10 rows of a table, seed 0',
  )
})

test('what a star means is told where there is one', () => {
  const textOf = (...ci: readonly [number, number]) =>
    robustness(
      {
        ...{ kind: 'robustness', version: 1, sentence: 'Two models.', metric: 'top1', higherIsBetter: true },
        ...{ n: 10, alpha: 0.05, margin: 0.01, seed: 0, modality: 'images', severities: [1], labelled: true },
        models: ['a.onnx', 'b.onnx'].map((path) => ({ path, clean: 1, corrupted: 0.5, mce: null, relativeMce: null })),
        corruptions: [{ name: 'fog', cells: [{ values: [0.5, 0.6], changes: [null, { delta: 0.1, ci }] }] }],
        ...{ calibration: null, outOfDistribution: null, brittleness: null, missing: {}, warnings: [] },
        data: { path: 'rows.npz', digest: 'sha256:0', rows: 10 },
      } as unknown as RobustnessReport,
      { color: false, width: 80 },
    )
  expect(textOf(0.05, 0.15)).toMatch(/\+0\.100\*[\s\S]*\* the interval of the change/)
  expect(textOf(-0.05, 0.15)).not.toContain('*')
})

test('the columns of errors are explained where they have figures', () => {
  const textOf = (missing: Readonly<Record<string, string>>) =>
    robustness(
      {
        ...{ kind: 'robustness', version: 1, sentence: 'One model.', metric: 'top1', higherIsBetter: true },
        ...{ n: 10, alpha: 0.05, margin: 0.01, seed: 0, modality: 'images', severities: [1], labelled: true, missing },
        models: [{ path: 'a.onnx', clean: 1, corrupted: 0.5, mce: { value: 1, ci: null }, relativeMce: 1 }],
        corruptions: [{ name: 'fog', cells: [{ values: [0.5], changes: [null] }] }],
        ...{ calibration: null, outOfDistribution: null, brittleness: null, warnings: [] },
        data: { path: 'rows.npz', digest: 'sha256:0', rows: 10 },
      } as unknown as RobustnessReport,
      { color: false, width: 80 },
    ).replace(/\s+/g, ' ')
  expect(textOf({})).toContain('the relative one takes the errors on clean rows off first')
  expect(textOf({ mce: 'no errors' })).not.toContain('the relative one')
})
