import { randomNumbers } from '../src/data/random-numbers.ts'
import { bytesOfValue } from '../src/engine/index.ts'
import { silentLog } from '../src/serve/index.ts'
import { RolloutController } from '../src/serve/rollout/controller.ts'
import type { Outcome } from '../src/serve/router.ts'
import { openEmbedded, openPostgres, State } from '../src/state/index.ts'

/**
 * Starts rollouts and ends them without end, until it is killed: `rollout-kill-worker DATABASE SEED`, a folder or the
 * address of a server. It first says what it has found and goes on with that, as a server does. Every line is JSON:
 * `{"found": …}`, then `{"started": ID}` and `{"ended": ID, "state": …}` when they are confirmed.
 */
const [place, seed] = process.argv.slice(2) as [string, string]
const NAME = 'digits'
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
const random = randomNumbers(Number(seed))
/** The order of acts is the seed's. */
const draw = (below: number) => Math.floor(random() * below)

const state = new State(place.includes('://') ? openPostgres(place) : openEmbedded(place))
let live = '1'
const controller = new RolloutController(
  state,
  {
    stopping: false,
    live: () => live,
    find: async (_name, version) => ({ version, known: [live, version] }),
    warm: async () => {},
    load: async () => {},
    promote: async (_name, version) => {
      live = version
    },
    retire: async () => {},
    side: async (_name, version) => ({ version, digest: null, signatures: [] }),
    changed: async () => null,
  },
  silentLog,
)
for (const pin of await state.liveVersions()) {
  controller.pins.set(pin.name, pin)
  live = pin.version
}
const found = {
  rollouts: await state.rollouts(null),
  incidents: await state.incidents(),
  live: await state.liveVersions(),
  audit: await state.audit(),
}
await controller.resume(null)
const warm = (candidate: number) => [live, String(candidate)]
const newest = Math.max(1, ...found.rollouts.map(({ body }) => Number((body as Sides).candidate.version)))
say({ found, routed: choose(newest) })

interface Sides {
  readonly candidate: { readonly version: string }
}

let candidate = newest
for (const kept of found.rollouts.filter((one) => one.state === 'running')) await finish(kept.id, candidate)
for (;;) {
  candidate++
  // With half of the answers allowed to change, equal ones prove within a hundred pairs.
  const { id } = await controller.start(NAME, { candidate: String(candidate), margin: 0.2 }, 'bench')
  say({ started: id })
  await finish(id, candidate)
}

/** Brings a rollout to one of its three ends. */
async function finish(id: string, version: number): Promise<void> {
  const way = draw(3)
  for (let i = 0; way > 0 && i < 1000 && (await controller.status(NAME)).state === 'running'; i++)
    ask(version, way === 1)
  if (way === 0) await controller.stop(NAME, 'bench')
  await controller.settled()
  say({ ended: id, state: (await controller.status(NAME)).state })
}

function choose(version: number) {
  return controller.choose({ requestId: 'r', model: NAME, tenant: '', key: 'k', live, warm: warm(version) })
}

/** One request to both versions, whose answers are equal or not. */
function ask(version: number, changed: boolean): void {
  // One array for both: it is what joins them to a pair.
  const inputs = [bytesOfValue('x', { dtype: 'float32', dims: [1], data: Float32Array.of(1) })]
  const tell = (answering: string, shadow: boolean, values: readonly number[]): Outcome => ({
    requestId: 'r',
    model: NAME,
    version: answering,
    tenant: '',
    shadow,
    inputs,
    inputsDigest: () => 'sha256:0',
    hold: () => () => {},
    outputs: [bytesOfValue('y', { dtype: 'float32', dims: [1, 2], data: Float32Array.from(values) })],
    run: { ms: 1, rows: 1 },
    error: null,
  })
  const route = choose(version)
  controller.observe(tell(route.version, false, [1, 0]))
  for (const shadow of route.shadows ?? []) controller.observe(tell(shadow, true, changed ? [0, 1] : [1, 0]))
}
