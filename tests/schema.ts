import { Ajv } from 'ajv'
import { expect } from 'vitest'
import { type Kind, type ReportOf, schemaOf } from '../src/report/index.ts'

const ajv = new Ajv({ allErrors: true, strict: false })

/** The report of this kind in `text`, which must hold one JSON document that keeps to the kind's schema. */
export function reportIn<K extends Kind>(text: string, kind: K): ReportOf<K> {
  const report = JSON.parse(text)
  expect(report.kind).toBe(kind)
  expectReport(report, kind)
  return report
}

/** A report keeps to its kind's schema, with numbers that are numbers. */
export function expectReport(report: unknown, kind: Kind): void {
  ajv.validate(schemaOf(kind) as object, report)
  expect(ajv.errors ?? []).toEqual([])
}
