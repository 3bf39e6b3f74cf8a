import type { IncidentReport, RolloutReport } from '../report/index.ts'

/** What is written down when a rollout has ended in an alarm. */
export function incidentOf(
  rollout: RolloutReport,
  seen: {
    readonly id: string
    readonly at: string
    readonly drill: boolean
    /** The command that compares the two versions on rows of one's own. */
    readonly comparison: string
    readonly inputs: IncidentReport['inputs']
    readonly served: IncidentReport['served']
  },
): IncidentReport {
  const { comparison, ...rest } = seen
  const { alarm, base, candidate, settings, pairs, labelled, disagreements, discordant, failures } = rollout
  if (alarm === null) throw new Error('internal: an incident without an alarm')
  return {
    kind: 'incident',
    version: 1,
    ...rest,
    name: rollout.name,
    rollout: rollout.id,
    alarm,
    what: `${rollout.name}: ${candidate.version} was rolled back, ${base.version} answers: ${rollout.reason}`,
    base,
    candidate,
    settings,
    pairs,
    labelled,
    disagreements,
    discordant,
    failures,
    eValue: rollout.eValue,
    alarms: rollout.alarms,
    proofs: rollout.proofs,
    path: rollout.path,
    runbook: runbookOf(rollout, seen),
    acknowledged: null,
  }
}

const FIRST: Readonly<Record<IncidentReport['alarm'], string>> = {
  loss: 'Compare the two versions on the labelled rows of these days, by slice: the loss may sit in one group.',
  disagreement:
    'Nobody knows which of the changed answers are right: label some of the inputs listed here, then compare the two versions on them.',
  errors: 'Read the log of the server for the runs of the candidate that failed, and run it on such inputs by itself.',
  latency:
    'Time the two versions side by side on this machine; look at what the candidate runs that the baseline does not.',
}

function runbookOf(
  { alarm, base, candidate }: RolloutReport,
  {
    id,
    served,
    comparison,
  }: { readonly id: string; readonly served: IncidentReport['served']; readonly comparison: string },
): readonly string[] {
  const answered = served[candidate.version] ?? 0
  return [
    `Nothing has to be done for the traffic: ${base.version} was warm and answers everything. It stays live over a restart until a version is pushed that is newer than ${candidate.version}.`,
    answered === 0
      ? 'Nobody was given an answer of the candidate.'
      : `${answered} answers of the candidate went out: decide whether those who got them must be told.`,
    FIRST[alarm!],
    comparison,
    `whet incident ack ${id} --note "what was found"`,
  ]
}
