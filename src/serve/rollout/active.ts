import type { IncidentReport, RolloutReport, RolloutSettings, RolloutSide } from '../../report/index.ts'
import {
  evidenceOf,
  inShare,
  observe,
  observeLabel,
  type RolloutState,
  reasonOf,
  startState,
  stop,
} from '../../rollout/index.ts'
import type { Outcome, Route, RouteRequest } from '../router.ts'
import { type Label, LabelJoin, Pairing } from './pairing.ts'

/** What is kept of a rollout between two runs of a server. */
export interface KeptBody {
  readonly base: RolloutSide
  readonly candidate: RolloutSide
  readonly state: RolloutState
  readonly ended: string | null
  readonly note: string | null
  readonly incident: string | null
  readonly inputs: IncidentReport['inputs']
  readonly served: IncidentReport['served']
}

/** Digests of inputs that are kept for an incident. */
const MOST_INPUTS = 20

/** One rollout while it goes on: what it has seen, and whom it routes where. Nothing here waits for anything. */
export class ActiveRollout {
  readonly id: string
  readonly name: string
  readonly started: string
  readonly base: RolloutSide
  readonly candidate: RolloutSide
  ended: string | null = null
  incident: string | null = null
  /** Where a person or the server ended it: why. */
  note: string | null = null
  /** Whether there is something that was not kept yet. */
  changed = true
  readonly served: Record<string, number> = {}
  readonly #inputs: { requestId: string; digest: string }[] = []
  readonly #pairing = new Pairing()
  readonly #labels = new LabelJoin()
  #state: RolloutState

  constructor(
    head: { readonly id: string; readonly name: string; readonly started: string },
    sides: { readonly base: RolloutSide; readonly candidate: RolloutSide },
    from: RolloutSettings | KeptBody,
  ) {
    this.id = head.id
    this.name = head.name
    this.started = head.started
    this.base = sides.base
    this.candidate = sides.candidate
    if ('state' in from) {
      this.#state = from.state
      this.ended = from.ended
      this.note = from.note
      this.incident = from.incident
      this.#inputs.push(...from.inputs)
      Object.assign(this.served, from.served)
    } else this.#state = startState(from)
  }

  get state(): RolloutState {
    return this.#state
  }
  get running(): boolean {
    return this.#state.state === 'running'
  }

  /** One comparison of strings decides: from the moment of an alarm on, no request reaches the candidate. */
  route({ key, live, warm }: RouteRequest): Route {
    const { base, candidate } = this
    const { state, settings } = this.#state
    if (!warm.includes(candidate.version)) return { version: live }
    if (state === 'promoted') return { version: candidate.version }
    if (state !== 'running') return { version: live }
    if (settings.mode === 'shadow') return { version: live, shadows: [candidate.version] }
    return inShare(key, this.id, settings.share)
      ? { version: candidate.version, shadows: [base.version] }
      : { version: live }
  }

  /** True where this outcome has ended the rollout. */
  observe(outcome: Outcome): boolean {
    const { version, shadow, error } = outcome
    const role = version === this.base.version ? 'base' : version === this.candidate.version ? 'candidate' : null
    if (!this.running || role === null) return false
    if (!shadow && !error) this.served[version] = (this.served[version] ?? 0) + 1
    const joined = this.#pairing.join(role, outcome)
    if (!joined) return false
    this.changed = true
    const { pair } = joined
    if (pair.disagreement > 0 || (pair.candidateFailed && !pair.baseFailed)) this.#remember(outcome)
    this.#state = observe(this.#state, pair)
    const difference = this.#labels.answered(labelKey(outcome.tenant, outcome.requestId), joined)
    if (difference !== null) this.#state = observeLabel(this.#state, difference)
    return !this.running
  }

  /** What became of a label; `ended` where it has ended the rollout. */
  label(tenant: string, requestId: string, label: Label): 'joined' | 'waiting' | 'unusable' | 'ended' {
    if (!this.running) return 'unusable'
    const difference = this.#labels.labelled(labelKey(tenant, requestId), label)
    if (typeof difference !== 'number') return difference
    this.changed = true
    this.#state = observeLabel(this.#state, difference)
    return this.running ? 'joined' : 'ended'
  }

  /** Digests alone: the inputs themselves are not kept. */
  #remember(outcome: Outcome): void {
    if (this.#inputs.length >= MOST_INPUTS) return
    const digest = outcome.inputsDigest()
    if (this.#inputs.every((known) => known.digest !== digest))
      this.#inputs.push({ requestId: outcome.requestId, digest })
  }

  stop(note: string): void {
    this.#state = stop(this.#state)
    this.note = note
  }

  get seen(): Pick<IncidentReport, 'inputs' | 'served'> {
    return { inputs: [...this.#inputs], served: { ...this.served } }
  }

  /** Versions that there are, with those of this rollout; these by their digests too, because tags come and go. */
  withSides(known: readonly string[]): readonly string[] {
    const own = [this.base, this.candidate].flatMap(({ version, digest }) => [version, digest ?? version])
    return [...new Set([...known, ...own])]
  }

  body(): KeptBody {
    const { base, candidate, ended, note, incident, seen } = this
    return { base, candidate, state: this.#state, ended, note, incident, ...seen }
  }

  report(): RolloutReport {
    return reportOf({ id: this.id, name: this.name, started: this.started }, this.body())
  }
}

/** The report of a rollout from what is kept of it. */
export function reportOf(
  head: { readonly id: string; readonly name: string; readonly started: string },
  { base, candidate, state, ended, note, incident }: KeptBody,
): RolloutReport {
  return {
    kind: 'rollout',
    version: 1,
    id: head.id,
    name: head.name,
    state: state.state,
    verdict: state.verdict,
    ...evidenceOf(state),
    settings: state.settings,
    base,
    candidate,
    started: head.started,
    ended,
    alarm: state.alarm,
    reason: note ?? reasonOf(state),
    incident,
  }
}

const labelKey = (tenant: string, requestId: string) => `${tenant}\0${requestId}`
