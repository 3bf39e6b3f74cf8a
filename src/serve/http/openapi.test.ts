import { expect, test } from 'vitest'
import type { InferenceCore } from '../core.ts'
import type { LargeJson } from '../protocol/large-json.ts'
import type { RepositoryActs } from '../repository/acts.ts'
import type { RolloutController } from '../rollout/controller.ts'
import { feedbackRoutes, rolloutRoutes } from '../rollout/routes.ts'
import type { Exchange } from './http-face.ts'
import { inferenceRoutes } from './inference-routes.ts'
import { openApi } from './openapi.ts'
import { repositoryRoutes } from './repository-routes.ts'

const acts = { recorded: (...[, , , , work]: Parameters<RepositoryActs['recorded']>) => work() } as RepositoryActs
const controller = { start: async (_: string, request: object) => request } as unknown as RolloutController
const known = [
  ...repositoryRoutes(acts),
  ...feedbackRoutes(controller),
  ...rolloutRoutes(controller, null as never, null, acts),
]
const routes = [...inferenceRoutes({} as InferenceCore, { ready: true }, null as unknown as LargeJson), ...known]
// biome-ignore lint/suspicious/noExplicitAny: a document of JSON
const { paths, components } = openApi(routes) as any
const url = (path: string) => path.replace(/:(\w+)/g, '{$1}')

test('every address is described by a name of its own, but for what other servers have and this one refuses', () => {
  const silent = routes.filter(({ path, method }) => !paths[url(path)]?.[method.toLowerCase()])
  expect(silent.map(({ path }) => path).filter((path) => !/trace|logging|sharedmemory|generate/.test(path))).toEqual([])
  const names = Object.values<object>(paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  )
  expect(names).toHaveLength(new Set(names).size)
  for (const [, name] of JSON.stringify(paths).matchAll(/"#\/components\/schemas\/(\w+)"/g))
    expect(Object.keys(components.schemas)).toContain(name)
})

test('what an act takes is described as it is taken', async () => {
  const takers = known.filter(({ takes }) => takes).map(({ path }) => path)
  expect(takers).toEqual([
    '/v2/repository/index',
    '/v2/repository/models/:model/load',
    '/feedback',
    '/v2/rollouts/:model/start',
    '/v2/incidents/:id/ack',
    '/v2/drill',
  ])
  for (const path of takers) expect(paths[url(path)].post.requestBody.content['application/json'].schema).toBeTruthy()

  const { properties } = paths['/v2/rollouts/{model}/start'].post.requestBody.content['application/json'].schema
  const start = known.find(({ path }) => path.endsWith('/start'))!
  const answerTo = async (body: object) =>
    JSON.parse(
      (await start.handle({
        params: { model: 'm' },
        caller: { name: 'me' },
        request: { socket: {} },
        reply: { header: () => {} },
        body: async () => Buffer.from(JSON.stringify(body)),
      } as unknown as Exchange)) as string,
    )
  const least = Object.fromEntries(
    Object.entries<{ enum?: string[]; minimum?: number; type?: string }>(properties).map(([name, schema]) => [
      name,
      schema.enum?.at(-1) ?? schema.minimum ?? (schema.type === 'boolean' ? true : 'v2'),
    ]),
  )
  expect(Object.keys(least)).toHaveLength(10)
  expect(await answerTo(least)).toEqual(least)
  await expect(answerTo({ ...least, alpha: 0.6 })).rejects.toThrow(`'alpha' must be a number from 1e-9 to 0.5`)
})
