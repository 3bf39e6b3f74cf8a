import { expect, test } from 'vitest'
import type { VersionReport } from '../../report/index.ts'
import { renderTerminal } from './render.ts'

test('whet tag tells which tags a version has now, also where it took one away', () => {
  const left = (...tags: string[]) => {
    const report: VersionReport = {
      ...{ kind: 'version', version: 1, action: 'tag', store: 's', name: 'digits', digest: 'sha256:a', tags },
      ...{ pushed: null, model: { digest: 'sha256:b', bytes: 10 }, verdict: null, grade: null, files: [] },
      ...{ evidence: [], data: [], lineage: null, signatures: [], findings: null, card: null },
    }
    return renderTerminal(report, { color: false, width: 80 }).split('\n')[0]
  }
  expect(left('live', 'v2')).toBe('now tagged digits:live, digits:v2  10 B')
  expect(left()).toBe('without a tag now: digits  10 B')
})
