import { Ajv } from 'ajv'
import { expect } from 'vitest'
import { type Kind, kinds, type ReportOf, schemaOf } from '../src/report/index.ts'

const ajv = new Ajv({ allErrors: true, strict: false })

/** The report of this kind in `text`, which must hold one JSON document that keeps to the kind's schema. */
export function reportIn<K extends Kind>(text: string, kind: K): ReportOf<K> {
  const report = JSON.parse(text)
  expect(report.kind).toBe(kind)
  expect(Object.keys(kinds)).toContain(report.kind)
  ajv.validate(schemaOf(kind) as object, report)
  expect(ajv.errors ?? []).toEqual([])
  return report
}
