import type { ComparisonReport, GateCheck } from '../../report/index.ts'
import { WHETSTONE_VERSION } from '../../report/index.ts'
import { checksOf } from './checks.ts'

/**
 * A comparison as SARIF 2.1.0: one rule a kind of check and one result a check that did not pass, at its line of the
 * gate file (without a gate, at the candidate). `error` where a limit is broken, `warning` where it is undecided and
 * blocks, `note` where it does not.
 */
export function renderSarif(report: ComparisonReport): string {
  const checks = checksOf(report)
  const rules = [...new Set(checks.map(ruleOf))]
  const file = report.gate?.file ?? report.models?.candidate ?? 'model.onnx'
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'Whetstone',
            semanticVersion: WHETSTONE_VERSION,
            rules: rules.map((id) => ({ id, shortDescription: { text: RULES[id] ?? `A limit on ${id}.` } })),
          },
        },
        results: checks
          .filter(({ verdict }) => verdict !== 'pass')
          .map((check) => ({
            ruleId: ruleOf(check),
            ruleIndex: rules.indexOf(ruleOf(check)),
            level: check.verdict === 'regressed' ? 'error' : check.blocks ? 'warning' : 'note',
            message: {
              text: `${check.verdict === 'regressed' ? 'Broken' : 'Undecided'}: ${check.what}: ${check.measured}. Limit: ${check.limit}.`,
            },
            locations: [
              {
                physicalLocation: {
                  artifactLocation: { uri: uriOf(file) },
                  region: { startLine: check.line ?? 1 },
                },
              },
            ],
            partialFingerprints: { 'check/v1': check.id },
          })),
      },
    ],
  }
  return `${JSON.stringify(log, null, 1)}\n`
}

const RULES: Readonly<Record<string, string>> = {
  margin: 'The candidate must not lose more than the margin over all rows.',
  metrics: 'The candidate must not lose more than the margin in any of the metrics named.',
  slices: 'The candidate must not lose more than its margin on any of the slices named.',
  errors: 'The candidate must not make many more errors than the base.',
  latency: 'The candidate must answer within the time.',
  size: 'The candidate must be no larger than this.',
  memory: 'The candidate must use no more memory than this.',
  robustness: 'The candidate must stand corrupted inputs about as well as the base.',
  fairness: 'The gap between groups must not grow by more than this.',
}

const ruleOf = ({ id }: GateCheck) => id.split('.')[0]!

/** A relative reference with forward slashes; a drive letter would be read as a scheme. */
function uriOf(path: string): string {
  const slashed = path.replace(/\\/g, '/')
  const encoded = slashed.split('/').map(encodeURIComponent).join('/')
  return /^[A-Za-z]:\//.test(slashed) ? `file:///${slashed.slice(0, 2)}${encoded.slice(4)}` : encoded
}
