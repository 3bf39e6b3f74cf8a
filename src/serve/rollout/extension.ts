import type { DriftReport } from '../../report/index.ts'
import type { DriftSettings } from '../../rollout/index.ts'
import type { State } from '../../state/index.ts'
import type { InferenceCore } from '../core.ts'
import type { Log } from '../log.ts'
import { family } from '../metrics.ts'
import type { ModelSource } from '../repository/source.ts'
import type { ServeExtension } from '../server.ts'
import type { Webhooks } from '../webhooks.ts'
import type { ActiveRollout } from './active.ts'
import { ABANDONED_MS, RolloutController } from './controller.ts'
import { type FindDossier, pinnedSource, registryFleet } from './fleet.ts'
import { DriftMonitor } from './monitor.ts'
import { keepInStep } from './replicas.ts'
import { feedbackRoutes, rolloutRoutes } from './routes.ts'
import { Unwritten, writeLate } from './unwritten.ts'

export interface RolloutExtension extends ServeExtension {
  /** Where the server must take its models from: it knows the versions that rollouts left live. */
  readonly source: ModelSource
}

/**
 * Rollouts for a server. Where the state is `remembered`, it holds something from earlier and is opened at once;
 * otherwise it opens with the first rollout.
 */
export async function rolloutExtension(options: {
  readonly source: ModelSource
  readonly state: State
  readonly remembered: boolean
  /**
   * Folder that keeps the ends of rollouts until the state has stored them; without it, they are lost if the server
   * ends first.
   */
  readonly unwritten?: string | null
  readonly dossier?: FindDossier
  /** How requests and answers are watched; null does not. */
  readonly watch?: DriftSettings | null
  /** Who is told of what happens; nobody by default. */
  readonly webhooks?: Webhooks | null
  readonly log: Log
}): Promise<RolloutExtension> {
  const { source, state, remembered, log } = options
  let core: InferenceCore | null = null
  let stopListening = async () => {}
  const fleet = registryFleet(() => core!.registry, source, options.dossier)
  const { webhooks = null } = options
  const unwritten = options.unwritten ? new Unwritten(options.unwritten) : null
  const notify = webhooks ? webhooks.notify : () => {}
  const controller = new RolloutController(state, fleet, log, {
    notify,
    unwritten,
    ...(source.comparison ? { comparison: source.comparison } : {}),
  })
  const digestOf = (name: string, version: string) => core!.registry.version(name, version).ports.digest
  const monitor = options.watch ? new DriftMonitor(state, digestOf, log, options.watch, notify) : null
  /** null where nothing of that name is live any more. */
  const liveVersion = (name: string): string | null => {
    try {
      return fleet.live(name)
    } catch {
      return null
    }
  }
  if (remembered && unwritten) await writeLate(unwritten, state, ABANDONED_MS, log)
  if (remembered) for (const live of await state.liveVersions()) controller.pins.set(live.name, live)
  return {
    source: pinnedSource(source, controller.pins),
    router: monitor
      ? {
          choose: (request) => controller.choose(request),
          observe(outcome) {
            controller.observe(outcome)
            monitor.observe(outcome, liveVersion(outcome.model) === outcome.version)
          },
        }
      : controller,
    open(opened, acts) {
      core = opened
      core.registry.moved = (name, live) => controller.moved(name, live?.version ?? null, live?.ports.digest)
      return { shared: feedbackRoutes(controller), admin: rolloutRoutes(controller, state, monitor, acts) }
    },
    loaded: async () => {
      const names = () => [...core!.registry.models].map(({ name }) => name)
      if (remembered) await controller.resume(state.shared ? names() : null)
      if (state.shared) stopListening = keepInStep(state, controller, names, log)
    },
    metrics: () => metricsOf(controller) + (monitor ? driftMetrics(monitor) : '') + (webhooks?.metrics() ?? ''),
    async close() {
      await stopListening()
      await controller.close()
      await monitor?.close()
      await state.close()
      await webhooks?.close(LAST_WORDS_MS)
    },
  }
}

/** How long a server that stops waits for its webhooks. */
const LAST_WORDS_MS = 3000

function metricsOf(controller: RolloutController): string {
  const rollouts = [...controller.rollouts]
  const each = (value: (active: ActiveRollout) => number) =>
    rollouts.map(
      (active) =>
        [
          { model: active.name, base: active.base.version, candidate: active.candidate.version },
          value(active),
        ] as const,
    )
  return [
    family(
      'whetstone_rollout_running',
      'gauge',
      '1 while a rollout goes on.',
      each(({ running }) => (running ? 1 : 0)),
    ),
    family(
      'whetstone_rollout_pairs',
      'gauge',
      'Requests that both versions of a rollout answered.',
      each(({ state }) => state.pairs),
    ),
    family(
      'whetstone_rollout_labelled_pairs',
      'gauge',
      'Pairs whose label has come.',
      each(({ state }) => state.labelled),
    ),
    family(
      'whetstone_rollout_changed_answers',
      'gauge',
      'Pairs whose answers differ.',
      each(({ state }) => state.disagreements),
    ),
    family(
      'whetstone_rollout_e_value',
      'gauge',
      'Evidence for an alarm.',
      each((active) => active.report().eValue),
    ),
    family(
      'whetstone_rollout_alarm_threshold',
      'gauge',
      'The evidence that takes a version back.',
      each(({ state }) => 1 / state.settings.alpha),
    ),
    family('whetstone_rollbacks_total', 'counter', 'Versions rolled back since the server started.', [
      [{}, controller.rolledBack],
    ]),
  ].join('')
}

function driftMetrics({ reports }: DriftMonitor): string {
  const of = ({ name, modelVersion }: DriftReport) => ({ model: name, version: modelVersion })
  const features = (value: (feature: DriftReport['features'][number]) => number | null) =>
    reports.flatMap((report) =>
      report.features.flatMap((feature) => {
        const number = value(feature)
        return number === null ? [] : [[{ ...of(report), feature: feature.name }, number] as const]
      }),
    )
  const each = (value: (report: DriftReport) => number | null) =>
    reports.flatMap((report) => {
      const number = value(report)
      return number === null ? [] : [[of(report), number] as const]
    })
  return [
    family(
      'whetstone_drifted',
      'gauge',
      '1 where a feature of requests or answers has changed.',
      features(({ drifted }) => (drifted ? 1 : 0)),
    ),
    family(
      'whetstone_drift_distance',
      'gauge',
      'How far a feature has moved: standard deviations, or share of the answers.',
      features(({ distance }) => distance),
    ),
    family(
      'whetstone_estimated_accuracy',
      'gauge',
      "Mean of the model's own probabilities for its answers.",
      each(({ estimate }) => estimate?.now ?? null),
    ),
    family(
      'whetstone_outside_ratio',
      'gauge',
      'Share of requests beyond everything in the reference.',
      each(({ outside }) => outside),
    ),
  ].join('')
}
