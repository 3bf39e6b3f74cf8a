import { randomUUID } from 'node:crypto'
import { bytesOfValue } from '../../engine/index.ts'
import { openWorkerPool, siblingModule } from '../../platform/index.ts'
import type { DrillReport } from '../../report/index.ts'
import { DEFAULT_ROLLOUT, type Versions } from '../../rollout/index.ts'
import type { State } from '../../state/index.ts'
import { silentLog } from '../log.ts'
import type { Outcome } from '../router.ts'
import { RolloutController } from './controller.ts'
import type { DrillRun } from './drill-thread.ts'
import type { Fleet } from './fleet.ts'

interface Case {
  readonly name: string
  readonly must: 'roll back' | 'stay'
  readonly versions: Versions
  readonly pairs: number
  readonly labelled: boolean
  /** Share of the runs that may end the other way. */
  readonly tolerance: number
}

/** 5 % wrong answers within 1,000 pairs in 95 of 100 runs; equal versions in at most 2 of 100 runs of 20,000 pairs. */
const CASES: readonly Case[] = [
  {
    name: '5 % wrong answers, judged by labels',
    must: 'roll back',
    versions: { baseOnly: 0.05, candidateOnly: 0 },
    pairs: 1000,
    labelled: true,
    tolerance: 0.05,
  },
  {
    name: '5 % changed answers, nobody knows which are right',
    must: 'roll back',
    versions: { baseOnly: 0.05, candidateOnly: 0 },
    pairs: 1000,
    labelled: false,
    tolerance: 0.05,
  },
  {
    name: 'different versions, equally good: each alone right in 2 %',
    must: 'stay',
    versions: { baseOnly: 0.02, candidateOnly: 0.02 },
    pairs: 20_000,
    labelled: true,
    tolerance: 0.02,
  },
  {
    name: 'the same version twice',
    must: 'stay',
    versions: { baseOnly: 0, candidateOnly: 0 },
    pairs: 20_000,
    labelled: false,
    tolerance: 0,
  },
]

/** A name that no model can have. */
const DRILL = '(drill)'

/**
 * Rehearses a rollback: the decisions on made-up answers, `runs` times each case, and once the whole way through the
 * router, the database and the incident record, on versions that do not exist.
 */
export async function drill(
  state: State,
  options: { readonly seed: number; readonly runs: number },
): Promise<DrillReport> {
  const { seed, runs } = options
  const settings = { ...DEFAULT_ROLLOUT, promote: false }
  const cases: DrillReport['cases'][number][] = []
  const pool = openWorkerPool(siblingModule(import.meta.url, 'drill-thread'), 1)
  const simulated = async (one: Case) => {
    const jobs = Array.from({ length: runs }, (_, run) => ({ ...one, settings, seed: seed + run }))
    return (await pool.map<DrillRun, number | null>('drillRun', jobs)).filter((pairs) => pairs !== null)
  }
  const results: (readonly number[])[] = []
  try {
    for (const one of CASES) results.push(await simulated(one))
  } finally {
    await pool.close()
  }
  for (const [i, { name, must, pairs, tolerance }] of CASES.entries()) {
    const ended = [...results[i]!].sort((a, b) => a - b)
    const allowed = Math.floor(tolerance * runs)
    const wrong = must === 'stay' ? ended.length : runs - ended.length
    cases.push({
      name,
      must,
      runs,
      pairs,
      rolledBack: ended.length,
      medianPairs: ended.length > 0 ? ended[Math.floor(ended.length / 2)]! : null,
      allowed,
      passed: wrong <= allowed,
    })
  }
  const machinery = await rehearse(state)
  return {
    kind: 'drill',
    version: 1,
    passed: machinery.passed && cases.every(({ passed }) => passed),
    seed,
    alpha: settings.alpha,
    cases,
    machinery,
  }
}

async function rehearse(state: State): Promise<DrillReport['machinery']> {
  const steps: { step: string; passed: boolean }[] = []
  const retired: string[] = []
  const fleet: Fleet = {
    stopping: false,
    live: () => 'good',
    find: async (_name, version) => ({ version, known: ['good', 'bad'] }),
    warm: async () => {},
    load: async () => {},
    promote: async () => {},
    retire: async (_name, version) => retired.push(version),
    side: async (_name, version) => ({ version, digest: null, signatures: [] }),
    changed: async () => null,
  }
  const controller = new RolloutController(state, fleet, silentLog, { drill: true })
  const check = (step: string, passed: boolean) => steps.push({ step, passed })
  try {
    await controller.start(DRILL, { candidate: 'bad', mode: 'canary', share: 0.5, promote: false }, 'drill')
    check('a canary starts', (await controller.status(DRILL)).state === 'running')
    let sent = 0
    const stillRunning = () => [...controller.rollouts][0]!.running
    for (; sent < 4000 && stillRunning(); sent++) send(controller, `user-${sent % 997}`, sent % 20 === 0)
    check(`the bad version is rolled back (after ${sent} requests, half of them paired)`, !stillRunning())
    const after = Array.from({ length: 1000 }, (_, i) => send(controller, `user-${i}`, true))
    check(
      'from then on nobody is given its answers',
      after.every((version) => version === 'good'),
    )
    await controller.settled()
    check('its process is ended, the baseline lives', retired.join() === 'bad')
    const { incident } = await controller.status(DRILL)
    const record = incident === null ? null : await controller.incident(incident)
    check('the incident is in the database', record?.candidate.version === 'bad' && record.drill)
    check(
      'it names inputs and who was served by which version',
      (record?.inputs.length ?? 0) > 0 && (record?.served.bad ?? 0) > 0,
    )
    check('the chain of acts holds', (await state.audit()).brokenAt === null)
  } catch (error) {
    check(`the drill ran to its end (${(error as Error).message})`, false)
  } finally {
    await controller.close()
  }
  return { passed: steps.every(({ passed }) => passed), steps }
}

/** One request through the router, as a server would send it; the version whose answer went out. */
function send(controller: RolloutController, key: string, wrong: boolean): string {
  const requestId = randomUUID()
  const route = controller.choose({ requestId, model: DRILL, tenant: '', key, live: 'good', warm: ['good', 'bad'] })
  const inputs = [tensor('x', [1])]
  const told = (version: string, shadow: boolean): Outcome => ({
    requestId,
    model: DRILL,
    version,
    tenant: '',
    shadow,
    inputs,
    inputsDigest: () => `sha256:${requestId.replaceAll('-', '').repeat(2)}`,
    hold: () => () => {},
    outputs: [tensor('y', version === 'bad' && wrong ? [0, 1] : [1, 0])],
    run: null,
    error: null,
  })
  controller.observe(told(route.version, false))
  for (const shadow of route.shadows ?? []) controller.observe(told(shadow, true))
  return route.version
}

const tensor = (name: string, values: readonly number[]) =>
  bytesOfValue(name, { dtype: 'float32', dims: [1, values.length], data: Float32Array.from(values) })
