import {
  type AlarmName,
  grouped,
  type RolloutEvidence,
  type RolloutReport,
  type RolloutSettings,
} from '../report/index.ts'
import { bestOf, bet, START, type Wealth, wealthOf } from '../statistics/index.ts'
import { ABOVE, type LatencyGuard, learnLatency, noLatencies } from './latency-guard.ts'

/** What both versions made of one request. */
export interface Pair {
  /** Share of the rows whose answer differs, 0 … 1. Not looked at where a version failed. */
  readonly disagreement: number
  readonly baseFailed: boolean
  readonly candidateFailed: boolean
  /** Milliseconds without waiting in a queue; null where they cannot be compared. */
  readonly baseMs: number | null
  readonly candidateMs: number | null
}

type Process = AlarmName | 'notWorse' | 'agreement'

/** A rollout as a value: everything that a decision needs, and nothing of any request. */
export interface RolloutState {
  readonly settings: RolloutSettings
  readonly state: RolloutReport['state']
  readonly verdict: RolloutReport['verdict']
  readonly alarm: AlarmName | null
  readonly pairs: number
  readonly labelled: number
  readonly disagreements: number
  readonly discordant: RolloutEvidence['discordant']
  readonly failures: RolloutEvidence['failures']
  readonly wealth: Readonly<Record<Process, Wealth>>
  readonly latency: LatencyGuard
  readonly path: RolloutEvidence['path']
}

/** The first that is reached names the reason: a failure is a changed answer too, and says more. */
const ALARMS: readonly AlarmName[] = ['loss', 'errors', 'disagreement', 'latency']

/** A rollout that has seen nothing yet. */
export function startState(settings: RolloutSettings): RolloutState {
  return {
    settings,
    state: 'running',
    verdict: 'inconclusive',
    alarm: null,
    pairs: 0,
    labelled: 0,
    disagreements: 0,
    discordant: { baseOnly: 0, candidateOnly: 0 },
    failures: { base: 0, candidate: 0 },
    wealth: {
      loss: START,
      disagreement: START,
      errors: START,
      latency: START,
      notWorse: START,
      agreement: START,
    },
    latency: noLatencies,
    path: [],
  }
}

/**
 * The state after one more pair. Every process is a bet against "all is well", so it may be looked at after every pair:
 * under that hypothesis its e-value ever reaches 1/α with probability at most α. An alarm ends the rollout
 * (`rolled-back`); a proof ends it (`promoted`) where the settings say so. A state that has ended stays as it is.
 */
export function observe(state: RolloutState, pair: Pair): RolloutState {
  if (state.state !== 'running') return state
  const { margin, maxDisagreement, maxErrors, maxSlowdown } = state.settings
  const { baseFailed, candidateFailed, baseMs, candidateMs } = pair
  const wealth = { ...state.wealth }
  wealth.errors = bet(wealth.errors, (candidateFailed && !baseFailed ? 1 : 0) - maxErrors)
  let disagreement = 0
  if (!baseFailed) {
    disagreement = candidateFailed ? 1 : pair.disagreement
    wealth.disagreement = bet(wealth.disagreement, disagreement - maxDisagreement)
    wealth.agreement = bet(wealth.agreement, margin - disagreement)
  }
  let { latency } = state
  if (maxSlowdown !== null) {
    if (baseMs !== null && candidateMs !== null && latency.limitMs !== null) {
      // Both ran in the same moment: a machine that is busy slows both, and says nothing.
      const slower = (candidateMs > latency.limitMs ? 1 : 0) - (baseMs > latency.limitMs ? 1 : 0)
      wealth.latency = bet(wealth.latency, (slower - ABOVE) / (1 + ABOVE))
    }
    if (baseMs !== null) latency = learnLatency(latency, baseMs, maxSlowdown)
  }
  const { failures } = state
  return decide(
    {
      ...state,
      pairs: state.pairs + 1,
      disagreements: state.disagreements + disagreement,
      failures:
        baseFailed || candidateFailed
          ? {
              base: failures.base + (baseFailed ? 1 : 0),
              candidate: failures.candidate + (candidateFailed ? 1 : 0),
            }
          : failures,
      wealth,
      latency,
    },
    isMilestone(state.pairs + 1),
  )
}

/**
 * The state after a label has come for a pair: `difference` is the loss of the candidate minus that of the baseline,
 * within [−1, 1].
 */
export function observeLabel(state: RolloutState, difference: number): RolloutState {
  if (state.state !== 'running') return state
  const { margin } = state.settings
  const { discordant, wealth } = state
  return decide(
    {
      ...state,
      labelled: state.labelled + 1,
      discordant:
        difference === 0
          ? discordant
          : {
              baseOnly: discordant.baseOnly + (difference > 0 ? 1 : 0),
              candidateOnly: discordant.candidateOnly + (difference < 0 ? 1 : 0),
            },
      wealth: {
        ...wealth,
        loss: bet(wealth.loss, difference),
        notWorse: bet(wealth.notWorse, (margin - difference) / (1 + margin)),
      },
    },
    false,
  )
}

/** Ends a rollout by hand; one that has ended stays as it is. */
export const stop = (state: RolloutState): RolloutState =>
  state.state === 'running' ? marked({ ...state, state: 'stopped' }) : state

/** Alarm always wins over proof. */
function decide(state: RolloutState, milestone: boolean): RolloutState {
  const bar = 1 / state.settings.alpha
  const alarm = armed(state).find((name) => reaches(state.wealth[name], bar))
  if (alarm) return marked({ ...state, state: 'rolled-back', verdict: 'regressed', alarm })
  const proven = reaches(state.wealth.notWorse, bar) || reaches(state.wealth.agreement, bar)
  if (proven && state.settings.promote) return marked({ ...state, state: 'promoted', verdict: 'pass' })
  const next = proven === (state.verdict === 'pass') ? state : { ...state, verdict: proven ? 'pass' : 'inconclusive' }
  return milestone || next !== state ? marked(next as RolloutState) : (next as RolloutState)
}

/**
 * Which alarms may end a rollout now. Answers that merely changed are no loss where labels say who was right: they
 * decide only where nobody promised labels, and while most pairs have none.
 */
function armed({ settings, pairs, labelled }: RolloutState): readonly AlarmName[] {
  return settings.labels || labelled * 2 >= pairs ? ALARMS.filter((name) => name !== 'disagreement') : ALARMS
}

/** The mean over bets is at most the largest: most looks end here, without an exponential. */
const reaches = (wealth: Wealth, bar: number) => bestOf(wealth) >= Math.log(bar) && wealthOf(wealth) >= bar

/** 1, 2, 5, 10, 20, 50, … */
function isMilestone(pairs: number): boolean {
  const first = pairs / 10 ** Math.floor(Math.log10(pairs))
  return first === 1 || first === 2 || first === 5
}

function marked(state: RolloutState): RolloutState {
  const { eValue, proofs } = evidenceOf(state)
  const { pairs, labelled } = state
  const mark = { pairs, labelled, alarm: eValue, proof: Math.max(proofs.loss, proofs.agreement) }
  return { ...state, path: [...state.path, mark] }
}

/** The evidence in the words of the report. */
export function evidenceOf(state: RolloutState): RolloutEvidence {
  const { pairs, labelled, disagreements, discordant, failures, wealth, path } = state
  const alarms = Object.fromEntries(ALARMS.map((name) => [name, finite(wealthOf(wealth[name]))]))
  return {
    pairs,
    labelled,
    disagreements,
    discordant,
    failures,
    eValue: state.alarm ? alarms[state.alarm]! : Math.max(...armed(state).map((name) => alarms[name]!)),
    alarms,
    proofs: { loss: finite(wealthOf(wealth.notWorse)), agreement: finite(wealthOf(wealth.agreement)) },
    path,
  }
}

/** JSON has no infinity. */
const finite = (value: number) => Math.min(value, Number.MAX_VALUE)

/** A number of things, as `1 pair` and `1,105 pairs`. */
export const counted = (n: number, word: string): string => `${grouped(n)} ${word}${n === 1 ? '' : 's'}`

/** Why a rollout stands where it stands, in a sentence. */
export function reasonOf(state: RolloutState): string {
  const { pairs, labelled, disagreements, discordant, failures, settings, latency } = state
  const percent = (value: number) => `${Number((100 * value).toPrecision(2))} %`
  switch (state.alarm) {
    case 'loss':
      return `of ${counted(labelled, 'labelled answer')} the baseline alone was right in ${grouped(discordant.baseOnly)}, the candidate alone in ${grouped(discordant.candidateOnly)}`
    case 'disagreement':
      return `${percent(disagreements / pairs)} of the answers changed, more than the ${percent(settings.maxDisagreement)} allowed without labels`
    case 'errors':
      return `the candidate failed ${grouped(failures.candidate)} of ${counted(pairs, 'request')}, the baseline ${grouped(failures.base)}`
    case 'latency':
      return `the candidate took longer than ${latency.limitMs?.toFixed(1)} ms (${settings.maxSlowdown} times the baseline's 95th percentile) more often than the baseline, in over ${percent(ABOVE)} of the pairs`
    case null:
  }
  if (state.state === 'stopped') return `stopped by hand after ${counted(pairs, 'pair')}`
  if (state.verdict === 'pass')
    return `not worse by more than ${settings.margin}: proven by ${reachesProof(state) ? counted(labelled, 'label') : `${counted(pairs, 'pair')} of nearly equal answers`}`
  return pairs === 0
    ? 'no request was answered by both yet'
    : `${counted(pairs, 'pair')}, ${grouped(labelled)} of them with a label: nothing is decided yet`
}

const reachesProof = ({ wealth, settings }: RolloutState) => reaches(wealth.notWorse, 1 / settings.alpha)
