import type { IncidentReport, RolloutEvidence, RolloutSettings, RolloutSide } from '../report/index.ts'
import { count, percent, plural, shortDigest } from './words.ts'

/** What an alarm is called in a sentence. */
export const ALARM_WORDS: Readonly<Record<IncidentReport['alarm'], string>> = {
  loss: 'wrong answers',
  disagreement: 'changed answers',
  errors: 'failed requests',
  latency: 'slow answers',
}

/** 100 and more without digits after the point, small ones with two that count. */
export const evidenceNumber = (value: number) =>
  value >= 1e6 ? value.toExponential(1) : value >= 100 ? count(Math.round(value)) : String(Number(value.toPrecision(2)))

/** What a rollout has seen: pairs, labels, and how strongly they speak for harm and for none. */
export function evidenceLines(report: RolloutEvidence & { readonly settings: RolloutSettings }): readonly string[] {
  const { pairs, labelled, disagreements, discordant, failures, settings } = report
  const bar = `alarm at ${evidenceNumber(1 / settings.alpha)}`
  return [
    `${plural(pairs, 'pair')}, ${count(Math.round(disagreements))} of them with another answer${pairs === 0 ? '' : ` (${percent(disagreements / pairs, 1)})`}; ${failures.base + failures.candidate === 0 ? 'no request failed' : `${count(failures.candidate)} failed by the candidate, ${count(failures.base)} by the baseline`}`,
    labelled === 0
      ? 'no labels'
      : `${plural(labelled, 'label')}: the baseline alone was right in ${count(discordant.baseOnly)}, the candidate alone in ${count(discordant.candidateOnly)}`,
    `evidence of harm ${evidenceNumber(report.eValue)} (1 says nothing, ${bar}); of no harm ${evidenceNumber(Math.max(report.proofs.loss, report.proofs.agreement))} (proof at ${evidenceNumber(1 / settings.alpha)})`,
  ]
}

/** What is left to do: who has acknowledged an incident need not be told how. */
export const stepsLeft = ({ runbook, acknowledged }: IncidentReport): readonly string[] =>
  acknowledged ? runbook.filter((line) => !line.startsWith('whet incident ack ')) : runbook

export const sideText = ({ version, digest, signatures }: RolloutSide) =>
  `${version}  ${digest ? shortDigest(digest) : 'digest unknown'}  ${signatures.length === 0 ? 'not signed' : `signed: ${signatures.join(', ')}`}`
