import type { IncidentReport } from '../../report/index.ts'
import { evidenceLines, evidenceNumber, sideText, stepsLeft } from '../incident-text.ts'
import { count, plural } from '../words.ts'

/** An incident as a Markdown document of its own, for a ticket or a review. */
export function renderIncident(report: IncidentReport): string {
  const { acknowledged } = report
  const list = (lines: readonly string[]) => lines.map((line) => `- ${plain(line)}`).join('\n')
  return `${[
    `# Incident ${plain(report.id)}: ${plain(report.name)} ${plain(report.candidate.version)}${report.drill ? ' (a drill)' : ''}`,
    plain(report.what),
    list([
      `when: ${report.at}`,
      `rollout: ${report.rollout}, ${report.settings.mode}`,
      `baseline: ${sideText(report.base)}`,
      `candidate: ${sideText(report.candidate)}`,
      acknowledged
        ? `acknowledged by ${acknowledged.by} at ${acknowledged.at}${acknowledged.note ? `: ${acknowledged.note}` : ''}`
        : 'not acknowledged',
    ]),
    '## Evidence',
    list(evidenceLines(report)),
    [
      '| pairs | labels | evidence of harm | of no harm |',
      '|-:|-:|-:|-:|',
      ...report.path.map(
        (mark) =>
          `| ${count(mark.pairs)} | ${count(mark.labelled)} | ${evidenceNumber(mark.alarm)} | ${evidenceNumber(mark.proof)} |`,
      ),
    ].join('\n'),
    '## Who was answered by which version',
    list(Object.entries(report.served).map(([version, requests]) => `${version}: ${plural(requests, 'request')}`)),
    '## Inputs whose answers differ',
    report.inputs.length === 0
      ? 'None were kept.'
      : list(report.inputs.map(({ requestId, digest }) => `request \`${requestId}\`: \`${digest}\``)),
    '## What to do',
    stepsLeft(report)
      .map((step, i) => `${i + 1}. ${plain(step)}`)
      .join('\n'),
  ].join('\n\n')}\n`
}

/** Names and notes come from people: nothing of them is markup. */
const plain = (text: string) => text.replace(/[\r\n]+/g, ' ').replace(/[<>[\]*_|#\\]/g, (mark) => `\\${mark}`)
