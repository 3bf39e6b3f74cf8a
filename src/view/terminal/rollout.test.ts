import { expect, test } from 'vitest'
import type { DriftReport, IncidentReport, RolloutReport } from '../../report/index.ts'
import { renderIncident } from '../pipeline/incident.ts'
import { drift, incident, rollout } from './rollout.ts'

const style = { color: false, width: 80 }

test('what is still missing before drift can be told is said', () => {
  const learning = (reference: number, waiting: number) =>
    drift(
      {
        ...{ kind: 'drift', version: 1, name: 'digits', modelVersion: 'v1', state: 'learning', reference, waiting },
        ...{ windowSize: 500, referenceSize: 1000, looks: 0, alpha: 0.01, features: [], estimate: null, outside: null },
      } satisfies DriftReport,
      { ...style, width: 120 },
    ).split('\n')[0]
  expect(learning(400, 0)).toBe('digits v1: still learning what is usual, 400 requests of 1,000 so far')
  expect(learning(1000, 240)).toBe(
    'digits v1: 1,000 requests show what is usual; 240 of the next 500, which are held against them, have come',
  )
})

test('lines of drift are broken between words, and the table is explained', () => {
  const found = drift(
    {
      ...{
        kind: 'drift',
        version: 1,
        name: 'digits',
        modelVersion: 'v1',
        state: 'drifted',
        reference: 1000,
        waiting: 0,
      },
      ...{ windowSize: 500, referenceSize: 1000, looks: 1, alpha: 0.01, estimate: { before: 0.711, now: 0.519 } },
      features: [{ name: 'x mean', kind: 'number', distance: 1.28, p: 1e-9, level: 0.01, drifted: true }],
      outside: 0.618,
    } satisfies DriftReport,
    { color: false, width: 50 },
  )
  expect(Math.max(...found.split('\n').map((line) => line.length))).toBeLessThanOrEqual(50)
  expect(found.replace(/\s+/g, ' ')).toContain('in the reference 71.1 %')
  expect(found).toMatch(/1\.28 sd/)
  expect(found).toMatch(/sd: standard deviations/)
})

const side = { version: 'v1', digest: null, signatures: [] }
const seen = {
  ...{ name: 'digits', base: side, candidate: { ...side, version: 'v2' }, eValue: 161, alarms: {}, labelled: 0 },
  ...{
    pairs: 10,
    disagreements: 10,
    discordant: { baseOnly: 0, candidateOnly: 0 },
    failures: { base: 0, candidate: 0 },
  },
  proofs: { loss: 1, agreement: 1 },
  path: [{ pairs: 1, labelled: 1, alarm: 1.5, proof: 1 }],
  settings: {
    ...{ mode: 'canary', share: 0.1, margin: 0.01, alpha: 0.01, maxDisagreement: 0.02, maxErrors: 0.005 },
    ...{ maxSlowdown: 1.5, labels: false, promote: true },
  },
}

test('shares that were asked for have no digits that nobody gave', () => {
  const report = {
    ...seen,
    kind: 'rollout',
    state: 'running',
    verdict: 'inconclusive',
    reason: '',
    started: '2026-05-01T12:30',
  }
  const text = rollout(report as unknown as RolloutReport, style)
  expect(text).toContain('v2 is tried answering 10 % of the requests')
  expect(text).toContain('at most 2 % changed answers')
  expect(text).toContain('at most 0.5 % failed requests')
})

test('who holds a proven candidate back is told what lets it answer', () => {
  const rules = (promote: boolean) => {
    const report = {
      ...seen,
      kind: 'rollout',
      state: 'running',
      verdict: 'pass',
      reason: '',
      started: '2026-05-01T12:30',
    }
    return rollout({ ...report, settings: { ...seen.settings, promote } } as unknown as RolloutReport, style)
  }
  expect(rules(false)).toContain('a proof changes nothing by itself: load v2 by its version to let it answer')
  expect(rules(true)).toContain('a proof lets the candidate answer')
})

test('who has acknowledged an incident is not told to, on the terminal and in the document', () => {
  const runbook = ['look at it', 'whet incident ack i-1 --note "what was found"']
  const report = (acknowledged: IncidentReport['acknowledged']) =>
    ({
      ...{ ...seen, kind: 'incident', id: 'i-1', at: '2026-05-01T12:30', rollout: 'r-1', drill: false, what: 'worse' },
      ...{ alarm: 'disagreement', inputs: [], served: { v1: 1 }, runbook, acknowledged },
    }) as unknown as IncidentReport
  const faces = [(one: IncidentReport) => incident(one, style), renderIncident]
  for (const face of faces) {
    expect(face(report(null))).toContain('whet incident ack i-1')
    const after = face(report({ by: 'ann', at: '2026-05-01T12:40', note: 'seen' }))
    expect(after).toContain('look at it')
    expect(after).not.toContain('whet incident ack')
  }
  expect(incident(report(null), style)).toContain('1 pair, 1 label: evidence of harm 1.5')
})
