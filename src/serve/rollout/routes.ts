import type { RolloutSettings } from '../../report/index.ts'
import type { State } from '../../state/index.ts'
import type { Exchange, Route } from '../http/http-face.ts'
import { actor, bodyOf, refusedAct } from '../http/repository-routes.ts'
import { MOST_ID } from '../protocol/infer-request.ts'
import { type JsonObject, objectOf } from '../protocol/json-text.ts'
import type { RepositoryActs } from '../repository/acts.ts'
import { checkModel } from '../security/keys.ts'
import { invalid, ServeError } from '../serve-error.ts'
import type { RolloutController, StartRequest } from './controller.ts'
import { drill } from './drill.ts'
import type { DriftMonitor } from './monitor.ts'
import type { Label } from './pairing.ts'

/** Labels of earlier requests, for the face that takes the requests. */
export function feedbackRoutes(controller: RolloutController): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/feedback',
      scope: 'infer',
      takes: { ...LABELLED, properties: { ...LABELLED.properties, feedback: { type: 'array', items: LABELLED } } },
      async handle(exchange) {
        const body = await bodyOf(exchange)
        const items = body.feedback === undefined ? [body] : body.feedback
        if (!Array.isArray(items) || items.length > 100_000)
          throw invalid("'feedback' must be an array of at most 100000 objects")
        const count = { joined: 0, waiting: 0, unusable: 0 }
        // A list with a mistake in it must change nothing.
        const labels = items.map((item) => labelOf(objectOf(item, 'the feedback'), body))
        for (const { model } of labels) checkModel(exchange.caller.models, model)
        for (const { model, id, label } of labels)
          count[controller.feedback(model, exchange.caller.tenant, id, label)]++
        return JSON.stringify(count)
      },
    },
  ]
}

type Handle = (exchange: Exchange, body: JsonObject) => Promise<unknown>

/** Answers in JSON; a GET has no body. */
const route = (method: Route['method'], path: string, handle: Handle, takes?: object): Route => ({
  method,
  path,
  scope: method === 'GET' ? 'read' : 'admin',
  ...(takes ? { takes } : {}),
  async handle(exchange) {
    exchange.reply.header('content-type', 'application/json')
    return JSON.stringify(await handle(exchange, method === 'GET' ? {} : await bodyOf(exchange)))
  },
})

interface Act {
  readonly path: string
  /** The act's name in the audit log. */
  readonly name: string
  readonly handle: Handle
  readonly takes?: object
  /** The model that it concerns; the one in the path by default. */
  readonly about?: (exchange: Exchange) => Promise<string> | string
}

/** Changes something, and writes a line of the audit log, even where it is refused. */
const act = (acts: RepositoryActs, { path, name, handle, takes, about = modelOf }: Act): Route => ({
  ...route(
    'POST',
    path,
    async (exchange, body) => {
      const version = typeof body.candidate === 'string' ? body.candidate : undefined
      return acts.recorded(name, await about(exchange), actor(exchange), version, () => handle(exchange, body))
    },
    takes,
  ),
  refused: refusedAct(acts, name),
})

const modelOf = ({ params }: Exchange) => params.model!
const idOf = ({ params }: Exchange) => params.id!

/** Rollouts, incidents and drills, for the admin face. */
export function rolloutRoutes(
  controller: RolloutController,
  state: State,
  monitor: DriftMonitor | null,
  acts: RepositoryActs,
): readonly Route[] {
  return [
    route('GET', '/v2/rollouts', () => controller.all()),
    route('GET', '/v2/rollouts/:model', (exchange) => controller.status(modelOf(exchange))),
    act(acts, {
      path: '/v2/rollouts/:model/start',
      name: 'rollout-start',
      handle: async (exchange, body) => controller.start(modelOf(exchange), startOf(body), exchange.caller.name),
      takes: STARTS,
    }),
    act(acts, {
      path: '/v2/rollouts/:model/stop',
      name: 'rollout-stop',
      handle: (exchange) => controller.stop(modelOf(exchange), exchange.caller.name),
    }),
    route('GET', '/v2/incidents', async () => ({
      kind: 'incidents',
      version: 1,
      incidents: await controller.incidents(),
    })),
    route('GET', '/v2/incidents/:id', (exchange) => controller.incident(idOf(exchange))),
    act(acts, {
      path: '/v2/incidents/:id/ack',
      name: 'incident-ack',
      async handle(exchange, { note = '' }) {
        if (typeof note !== 'string' || note.length > MOST_NOTE)
          throw invalid(`'note' must be a text of at most ${MOST_NOTE} units`)
        return controller.acknowledge(idOf(exchange), exchange.caller.name, note)
      },
      takes: { type: 'object', properties: { note: { type: 'string', maxLength: MOST_NOTE } } },
      about: (exchange) =>
        controller.incident(idOf(exchange)).then(
          ({ name }) => name,
          () => idOf(exchange),
        ),
    }),
    route('GET', '/v2/drift/:model', async (exchange) => {
      const model = modelOf(exchange)
      if (!monitor) throw new ServeError('not-found', 'this server watches no drift: start it with --watch')
      return (await monitor.report(model)) ?? controller.nothingYet(model, `no request of '${model}' was watched yet`)
    }),
    route(
      'POST',
      '/v2/drill',
      (_exchange, { seed = 1, runs = 100 }) =>
        drill(state, { seed: whole('seed', seed, ...SEEDS), runs: whole('runs', runs, ...RUNS) }),
      { type: 'object', properties: { seed: between('integer', SEEDS), runs: between('integer', RUNS) } },
    ),
  ]
}

/** Characters of the note of an acknowledgement, at most. */
const MOST_NOTE = 10_000
type Range = readonly [least: number, most: number]
const SEEDS: Range = [0, 2 ** 31]
const RUNS: Range = [1, 1000]

const between = (type: 'integer' | 'number', [minimum, maximum]: Range) => ({ type, minimum, maximum })

const CLASS = { type: ['number', 'string'] }
/** One label; fields that all labels of a list share may stand around the list instead. */
const LABELLED = {
  type: 'object',
  properties: {
    model: { type: 'string' },
    id: { type: 'string', minLength: 1, maxLength: MOST_ID },
    label: { anyOf: [CLASS, { type: 'array', items: CLASS, minItems: 1 }] },
  },
}

function labelOf(item: JsonObject, around: JsonObject): { model: string; id: string; label: Label } {
  const { model = around.model, id, label } = item
  if (typeof model !== 'string' || typeof id !== 'string' || id === '')
    throw invalid("feedback needs 'model', the 'id' of the request and its 'label'")
  // No request has a longer id, and a label that waits for its request takes memory.
  if (id.length > MOST_ID) throw invalid(`the 'id' of a request has at most ${MOST_ID} characters`)
  const one = (value: unknown): value is number | string => typeof value === 'number' || typeof value === 'string'
  if (!one(label) && !(Array.isArray(label) && label.length > 0 && label.every(one)))
    throw invalid("'label' must be a class, a number or a text, or an array with one for each row of the request")
  return { model, id, label }
}

/** Least and greatest value of each number. */
const RANGES: Readonly<Record<string, Range>> = {
  share: [0.0001, 1],
  margin: [0.0001, 0.5],
  alpha: [1e-9, 0.5],
  maxDisagreement: [0.0001, 0.99],
  maxErrors: [0.0001, 0.99],
}
const SLOWDOWNS: Range = [1, 1000]

/** JSON Schema of what {@link startOf} takes. */
const STARTS = {
  type: 'object',
  required: ['candidate'],
  properties: {
    candidate: { type: 'string', minLength: 1 },
    mode: { enum: ['shadow', 'canary'] },
    ...Object.fromEntries(Object.entries(RANGES).map(([key, range]) => [key, between('number', range)])),
    maxSlowdown: { ...between('number', SLOWDOWNS), type: ['number', 'null'] },
    labels: { type: 'boolean' },
    promote: { type: 'boolean' },
  },
  additionalProperties: false,
}

function startOf(body: JsonObject): StartRequest {
  const { candidate, mode = 'shadow', maxSlowdown, ...rest } = body
  if (typeof candidate !== 'string' || candidate === '') throw invalid("'candidate' must name a version")
  if (mode !== 'shadow' && mode !== 'canary') throw invalid("'mode' must be 'shadow' or 'canary'")
  const settings: Record<string, unknown> = { mode }
  if (maxSlowdown !== undefined)
    settings.maxSlowdown = maxSlowdown === null ? null : within('maxSlowdown', maxSlowdown, ...SLOWDOWNS)
  for (const [key, value] of Object.entries(rest)) {
    const range = Object.hasOwn(RANGES, key) ? RANGES[key] : undefined
    if (range) settings[key] = within(key, value, ...range)
    else if (key === 'labels' || key === 'promote') {
      if (typeof value !== 'boolean') throw invalid(`'${key}' must be a boolean`)
      settings[key] = value
    } else throw invalid(`the setting '${key.slice(0, 60)}' is not known`)
  }
  return { candidate, ...(settings as Partial<RolloutSettings>) }
}

function within(name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !(value >= least && value <= most))
    throw invalid(`'${name}' must be a number from ${least} to ${most}`)
  return value
}

function whole(name: string, value: unknown, least: number, most: number): number {
  if (!Number.isInteger(value)) throw invalid(`'${name}' must be a whole number`)
  return within(name, value, least, most)
}
