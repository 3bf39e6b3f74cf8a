import type { ComparisonReport, GateCheck } from '../../report/index.ts'
import { checksOf } from './checks.ts'

/**
 * A comparison as JUnit XML, one test case a check: a broken limit is a failure, so is an undecided one that blocks; one
 * that does not block is skipped, with what is missing.
 */
export function renderJUnit(report: ComparisonReport): string {
  const checks = checksOf(report)
  const failures = checks.filter(fails).length
  const skipped = checks.filter((check) => check.verdict === 'inconclusive' && !check.blocks).length
  const suite = report.models ? `whet compare ${report.models.base} ${report.models.candidate}` : 'whet compare'
  const counts = `tests="${checks.length}" failures="${failures}" errors="0" skipped="${skipped}" time="0"`
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="whetstone" tests="${checks.length}" failures="${failures}" errors="0" time="0">
  <testsuite name="${escapeXml(suite)}" ${counts}>
${checks.map(testCase).join('\n')}
  </testsuite>
</testsuites>
`
}

const fails = ({ verdict, blocks }: GateCheck) => verdict === 'regressed' || (verdict === 'inconclusive' && blocks)

function testCase(check: GateCheck): string {
  const open = `    <testcase classname="whetstone.gate" name="${escapeXml(check.id)}" time="0"`
  const told = `${check.what}: ${check.measured} (limit: ${check.limit})`
  if (check.verdict === 'pass') return `${open}/>`
  const message = escapeXml(`${check.verdict}: ${told}`)
  const body = fails(check)
    ? `<failure type="${check.verdict}" message="${message}">${escapeXml(told)}</failure>`
    : `<skipped message="${message}"/>`
  return `${open}>\n      ${body}\n    </testcase>`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** XML 1.0 has no place for most control characters, escaped or not. */
function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must go
  const clean = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '�')
  return clean.replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}
